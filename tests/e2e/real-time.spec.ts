/**
 * Nothing is lost, and nothing comes twice, in minutes of real time. With `HEADWATER_REAL_TIME=1` this takes twelve
 * minutes, nearly all of them spent waiting, and writes `docs/delivery.md`.
 */
import path from 'node:path'

import { play } from '../delivery/play.js'
import { REAL_TIME } from '../delivery/real-time.js'
import { expect, test } from '../delivery/test.js'
import { root } from '../support/demo.js'
import { inLanes } from '../support/lanes.js'
import { markdownTable, replaceBetween } from '../support/table.js'

test('nothing is lost in minutes of real time', async ({ worlds, browser }) => {
  test.skip(!process.env['HEADWATER_REAL_TIME'], 'HEADWATER_REAL_TIME=1 takes the minutes for it')
  test.setTimeout(1_200_000)
  const rows = new Map<string, string[]>()
  await inLanes(REAL_TIME, await worlds(REAL_TIME.length), async (scenario, world) => {
    const { created, lost, twice, unsure } = await play(world, 'headwater', scenario)
    rows.set(
      scenario.title,
      [created, created - lost, lost, twice + unsure].map((n) => n.toLocaleString('en')),
    )
    expect.soft({ lost, twice }, scenario.title).toEqual({ lost: 0, twice: 0 })
  })
  const head = ['what happens', 'requests', 'spans that came', 'lost', 'came twice']
  const body = REAL_TIME.map(({ title }) => [title, ...(rows.get(title) ?? [])])
  await replaceBetween(
    path.join(root, 'docs/delivery.md'),
    'real-time',
    `Chromium ${browser.version()}.\n\n${markdownTable([head, ...body])}`,
  )
})
