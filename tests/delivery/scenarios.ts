/** How pages end and collectors fail. What has ended must arrive, once. */
import type { Page } from '@playwright/test'

import { goBack } from '../support/test.js'
import { LONGEST_DELAY, sleep, type Play } from './play.js'
import { RawTab } from './raw-tab.js'
import { LOCAL_ANSWERS, type Work, type WorkWindow } from './work.js'

export interface Scenario {
  id: string
  title: string
  run: (play: Play) => Promise<void>
  /** Milliseconds for which spans may still arrive. */
  patience?: number
  /** Milliseconds, after all have arrived, for which they may arrive again. */
  settle?: number
  /** No client may send these spans again: that they are lost is right. */
  refused?: true
  /** Of the last half of the requests, nobody is left to send the spans, or to hear that this has failed. */
  unknowable?: true
}

const STAY: Scenario = {
  id: 'stay',
  title: 'the page stays, and nothing fails',
  patience: 8_000,
  run: async (play) => play.work(await play.open(), 20),
}

const EXITS: Scenario[] = [
  {
    id: 'close',
    title: 'the tab is closed',
    run: async (play) => {
      const page = await play.open()
      await play.work(page, 20)
      await page.close({ runBeforeUnload: true })
    },
  },
  {
    id: 'link',
    title: 'a link is followed',
    run: async (play) => {
      const page = await play.open()
      await workAndLeave(play, page, () => document.querySelector('a')?.click())
      await page.waitForURL('**/left')
    },
  },
  {
    id: 'location',
    title: '`location =`',
    run: async (play) => {
      const page = await play.open()
      await workAndLeave(play, page, () => {
        location.href = '/left'
      })
      await page.waitForURL('**/left')
    },
  },
  {
    id: 'reload',
    title: 'the page is reloaded',
    run: async (play) => {
      const page = await play.open()
      const reloaded = page.waitForEvent('domcontentloaded')
      await workAndLeave(play, page, () => location.reload())
      await reloaded
    },
  },
  {
    id: 'bfcache',
    title: 'left, back from the back/forward cache, and left again',
    run: async (play) => {
      const page = await play.open(play.world.keeper)
      await play.work(page, 10)
      await page.evaluate(() => Object.assign(globalThis, { kept: true }))
      const url = page.url()
      await page.goto(`${play.world.stage.origin}/left`)
      await goBack(page, url)
      if (!(await page.evaluate(() => 'kept' in globalThis))) throw new Error('the page was not kept')
      await play.work(page, 10)
      await page.goto(`${play.world.stage.origin}/left`)
    },
  },
  {
    id: 'hidden',
    title: 'another tab comes to the front',
    patience: 8_000,
    run: async (play) => {
      const tab = await inRawTab(play, play.next(20))
      await hide(play, tab)
    },
  },
  {
    id: 'discarded',
    title: 'the browser discards the hidden tab',
    run: async (play) => {
      const tab = await inRawTab(play, play.next(20))
      await hide(play, tab)
      await tab.discard()
    },
  },
  {
    id: 'crash',
    title: 'the page’s process dies, a second after half of the requests; the next visit',
    unknowable: true,
    run: async (play) => {
      const page = await play.open()
      await play.work(page, 20)
      await sleep(LONGEST_DELAY)
      await play.work(page, 20)
      await sleep(1_000)
      const session = await page.context().newCDPSession(page)
      const crashed = page.waitForEvent('crash')
      session.send('Page.crash').catch(() => undefined)
      await crashed
      await play.open()
    },
  },
  {
    id: 'offline',
    title: 'offline for 7 s',
    patience: 7_000,
    run: async (play) => {
      const page = await play.open()
      await setOffline(play, true)
      await play.work(page, 20)
      await sleep(LONGEST_DELAY)
      await setOffline(play, false)
    },
  },
  {
    id: 'offline-exit',
    title: 'offline, and closed; the next visit',
    run: async (play) => {
      const page = await play.open()
      // Storage is open half a second after the page load, on a busy machine later.
      await sleep(500)
      if (play.agent === 'headwater')
        await page.waitForFunction(async () => (await indexedDB.databases()).length > 0)
      await setOffline(play, true)
      await play.work(page, 20)
      await page.close({ runBeforeUnload: true })
      await sleep(500)
      await setOffline(play, false)
      await play.open()
    },
  },
]

const OUTAGES: Scenario[] = [
  {
    id: 'many',
    title: '1,000 requests each second, 10,000 in all',
    patience: 8_000,
    run: async (play) => {
      const page = await (await play.context()).newPage()
      await page.goto(await play.address(undefined, LOCAL_ANSWERS))
      // Elastic's and OpenTelemetry's agents take minutes for as many.
      await play.work(page, play.agent === 'headwater' ? 10_000 : 2_000, { batch: 100, pace: 100 })
    },
  },
  {
    id: 'down',
    title: 'the collector is away for 10 minutes (of the page’s clock)',
    run: async (play) => {
      const page = await (await play.context()).newPage()
      await page.clock.install()
      await page.goto(await play.address())
      // A request takes as long as it does: with the clock's own it would be given up after a few milliseconds.
      await page.evaluate(() => Reflect.deleteProperty(AbortSignal, 'timeout'))
      await play.world.collector.plan([{ fault: 'refuse' }])
      await play.work(page, 20)
      await letPass(page, 10)
      await play.world.collector.plan()
      await letPass(page, 5)
    },
  },
  {
    id: 'two-tabs',
    title: 'away for a while before a tab is closed; the next visit in two tabs at once',
    run: async (play) => {
      const page = await play.open()
      await play.world.collector.plan([{ fault: 'refuse' }])
      await play.work(page, 20)
      await sleep(LONGEST_DELAY)
      await play.work(page, 20)
      await page.close({ runBeforeUnload: true })
      await sleep(500)
      await play.world.collector.plan()
      await Promise.all([play.open(), play.open()])
    },
  },
]

const UNKNOWABLE: Scenario[] = [
  {
    id: 'down-at-exit',
    title: 'the collector goes away, and the tab is closed before anybody can know',
    unknowable: true,
    run: async (play) => {
      const page = await play.open()
      await play.work(page, 20)
      await sleep(LONGEST_DELAY)
      await play.world.collector.plan([{ fault: 'refuse' }])
      await play.work(page, 20)
      await page.close({ runBeforeUnload: true })
      await sleep(500)
      await play.world.collector.plan()
      await play.open()
    },
  },
]

const ANSWERS: Scenario[] = [
  ...[400, 408, 413, 429, 500, 502, 503, 504].map((status): Scenario => ({
    id: `status-${status}`,
    title: `the first answer is ${status}${status === 429 ? ', `Retry-After: 2`' : ''}`,
    patience: 4_000,
    // OTLP names those that may be sent again, and 500 is none of them.
    ...(status === 400 || status === 500 ? { refused: true } : {}),
    run: async (play) => {
      const page = await play.open()
      // Halves are taken: a single span that is too large cannot be. So the page load's have to be gone.
      if (status === 413) await sleep(1_000)
      const step = status === 413 ? { times: 1 } : status === 429 ? { retryAfter: 2 } : {}
      await play.fail(`status:${status}`, () => play.work(page, 20), step)
    },
  })),
  ...(
    [
      ['hang', 'the first answer never comes; nothing was taken', 13_000, 500],
      ['hangAfterRead', 'the first answer never comes; all was taken', 3_000, 12_000],
      ['refuse', 'connections are refused for a second', 4_000, 500],
      ['cutRequest', 'the connection is cut in the request', 4_000, 500],
      ['cutResponse', 'the connection is cut in the answer; all was taken', 3_000, 3_000],
      ['wrongCors', 'the answer lacks its CORS headers; all was taken', 3_000, 3_000],
      ['wrongCors:preflight', 'the preflight is refused', 4_000, 500],
    ] as const
  ).map(([fault, title, patience, settle]): Scenario => ({
    id: fault.replace(':', '-'),
    title,
    patience,
    settle,
    run: async (play) => {
      const page = await play.open()
      await play.fail(fault, () => play.work(page, 20))
    },
  })),
  {
    id: 'flapping',
    title: 'every other answer is 503',
    patience: 6_000,
    run: async (play) => {
      const page = await play.open()
      await play.world.collector.plan([{ fault: 'flapping' }])
      for (let round = 0; round < 4; round++) {
        await play.work(page, 5)
        await sleep(LONGEST_DELAY)
      }
    },
  },
  {
    id: 'too-large',
    title: 'bodies of more than 4,000 bytes get 413',
    patience: 6_000,
    run: async (play) => {
      const page = await play.open()
      await play.world.collector.plan([{ fault: 'tooLarge:4000' }])
      await play.work(page, 40)
    },
  },
  {
    id: 'partial',
    title: 'the collector takes all but 3 spans, and says so',
    patience: 2_000,
    refused: true,
    run: async (play) => {
      const page = await play.open()
      await play.fail('partialSuccess:3', () => play.work(page, 20))
    },
  },
  {
    id: 'slow-preflight',
    title: 'preflights take a second, and the tab is closed',
    run: async (play) => {
      await play.world.collector.plan([{ fault: 'delayPreflight:1000' }], { maxAge: 0 })
      const page = await play.open()
      await play.work(page, 20)
      await page.close({ runBeforeUnload: true })
    },
  },
]

/** The first one is none: the page stays, and nothing fails. */
export const SCENARIOS: readonly [Scenario, ...Scenario[]] = [
  STAY,
  ...EXITS,
  ...OUTAGES,
  ...UNKNOWABLE,
  ...ANSWERS,
]

/** The browser's own switch spares requests that outlive their page: for those, nobody is at the other end. */
async function setOffline(play: Play, offline: boolean): Promise<void> {
  await play.world.collector.plan(offline ? [{ fault: 'refuse' }] : [])
  await (await play.context()).setOffline(offline)
}

/** Lets minutes of the page's clock pass: in steps, as answers take real time. */
async function letPass(page: Page, minutes: number): Promise<void> {
  for (let step = 0; step < minutes * 6; step++) {
    await page.clock.runFor(10_000)
    await sleep(20)
  }
}

/** Leaves in the task in which the page learns of the last request: a slow machine gives agents no time. */
async function workAndLeave(play: Play, page: Page, leave: () => void): Promise<void> {
  await page.evaluate(
    ([work, then]) =>
      void (globalThis as unknown as WorkWindow).work(work).then(() => {
        ;(0, eval)(`(${then})()`)
      }),
    [play.next(20), leave.toString()] as const,
  )
}

/** Does its work in a tab that can be hidden. */
async function inRawTab(play: Play, work: Work): Promise<RawTab> {
  const tab = await RawTab.open(play.world.browser, await play.address(work))
  play.atEnd(() => tab.close())
  await told(play, 'done')
  return tab
}

async function hide(play: Play, tab: RawTab): Promise<void> {
  await tab.hide()
  await told(play, 'hidden')
}

/** Waits for what the page says by itself. */
async function told({ run, world }: Play, what: string): Promise<void> {
  const end = Date.now() + 10_000
  while (!world.stage.received.some(({ url }) => url === `/${what}?r=${run}.`)) {
    if (Date.now() > end) throw new Error(`the tab is not ${what}`)
    await sleep(50)
  }
}
