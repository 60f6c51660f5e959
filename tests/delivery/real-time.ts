/** Outages and bursts whose clock nobody turns: minutes of real time. */

import { sleep, type Play } from './play.js'
import type { Scenario } from './scenarios.js'

const MINUTE = 60_000

/** Each takes as long as it says. */
export const REAL_TIME: readonly Scenario[] = [
  {
    id: 'ten-thousand',
    title: '10,000 requests in a minute',
    patience: MINUTE,
    settle: 15_000,
    run: async (play) => {
      const page = await play.open()
      const start = Date.now()
      await play.work(page, 10_000, { batch: 100, pace: 600 })
      const took = Date.now() - start
      if (took > 1.2 * MINUTE) throw new Error(`the requests took ${took} ms: the machine is too busy`)
    },
  },
  {
    id: 'away',
    title: 'the collector is away for 10 minutes, and the page makes ten requests each second',
    // The agent asks again after 60 s at the latest.
    patience: 2 * MINUTE,
    settle: 15_000,
    run: async (play) => {
      const page = await play.open()
      await away(play, 10 * MINUTE, () => play.work(page, 6_000, { batch: 10, pace: 1_000 }))
    },
  },
  {
    id: 'away-and-left',
    title: 'the same, but the tab is closed after 5 minutes; the next visit after 10',
    patience: 2 * MINUTE,
    settle: 15_000,
    run: async (play) => {
      const page = await play.open()
      await away(play, 10 * MINUTE, async () => {
        await play.work(page, 3_000, { batch: 10, pace: 1_000 })
        await page.close({ runBeforeUnload: true })
      })
      await play.open()
    },
  },
]

/** The collector refuses every connection for so long, whatever is done meanwhile. */
async function away(play: Play, duration: number, work: () => Promise<void>): Promise<void> {
  await play.world.collector.plan([{ fault: 'refuse' }])
  await Promise.all([sleep(duration), work()])
  await play.world.collector.plan()
}
