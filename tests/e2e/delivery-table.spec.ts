/**
 * What our agent and others lose and send twice, and how much they send. With `HEADWATER_TABLES=1` this writes
 * `docs/delivery.md`: in minutes, and numbers that differ a little each time.
 */
import path from 'node:path'

import { AGENTS, TITLES, type AgentName } from '../delivery/agents.js'
import { SIZES, VARIANTS, measure, type Size } from '../delivery/bytes.js'
import { play, type Outcome } from '../delivery/play.js'
import { SCENARIOS, type Scenario } from '../delivery/scenarios.js'
import { expect, test } from '../delivery/test.js'
import { root } from '../support/demo.js'
import { inLanes } from '../support/lanes.js'
import { markdownTable, replaceBetween } from '../support/table.js'

const [STAY] = SCENARIOS

const FILE = path.join(root, 'docs/delivery.md')

const WRITE = !!process.env['HEADWATER_TABLES']

/** Most of the time is spent waiting. */
const LANES = 8

test('every agent delivers while nothing fails, and docs/delivery.md says what is lost else', async ({
  worlds,
  browser,
}) => {
  test.setTimeout(900_000)
  const scenarios = WRITE ? SCENARIOS : [STAY]
  const jobs = scenarios.flatMap((scenario) => AGENTS.map((agent) => ({ scenario, agent })))
  // The longest ones first.
  jobs.sort((a, b) => duration(b.scenario) - duration(a.scenario))
  const outcomes = new Map<Scenario, Partial<Record<AgentName, Outcome>>>(
    scenarios.map((scenario) => [scenario, {}]),
  )
  const lanes = await worlds(LANES)
  await inLanes(jobs, lanes, async ({ scenario, agent }, world) => {
    const row = outcomes.get(scenario) ?? {}
    try {
      row[agent] = await play(world, agent, scenario)
    } catch (error) {
      // The other cells are worth having.
      expect.soft(error, `${scenario.id} with ${agent}`).toBeUndefined()
    }
  })
  for (const [agent, outcome] of Object.entries(outcomes.get(STAY) ?? {})) {
    expect(outcome, agent).toMatchObject({ created: 20, twice: 0 })
    // Others drop some when they like; but that they record at all is what makes the table worth anything.
    expect(outcome.lost, agent).toBeLessThan(agent === 'headwater' ? 1 : 20)
  }
  if (!WRITE) return

  const head = ['what happens', 'requests', ...AGENTS.map((agent) => TITLES[agent])]
  const rows = [...outcomes].map(([{ title, refused, unknowable }, row]) => [
    title + (refused ? ' †' : '') + (unknowable ? ' ‡' : ''),
    String(row.headwater?.created),
    ...AGENTS.map((agent) => cell(row[agent], row.headwater?.created)),
  ])
  await replaceBetween(FILE, 'losses', `Chromium ${browser.version()}.\n\n${markdownTable([head, ...rows])}`)
})

test('docs/delivery.md says how many bytes go over the wire', async ({ worlds }) => {
  test.skip(!WRITE, 'HEADWATER_TABLES=1 measures them')
  test.setTimeout(300_000)
  const measured = new Map<string, Size[]>()
  await inLanes(VARIANTS, await worlds(VARIANTS.length), async (variant, world) => {
    measured.set(variant.title, await measure(world, variant))
  })
  const head = ['what is sent', ...SIZES.map((size) => `${size} requests`), `one of ${SIZES.at(-1)}`]
  const rows = VARIANTS.map(({ title }) => {
    const sizes = measured.get(title) ?? []
    for (const { bytes } of sizes) expect(bytes, title).toBeGreaterThan(0)
    const cells = sizes.map(({ bytes, lost }) => bytes.toLocaleString('en') + (lost ? ` (${lost} lost)` : ''))
    return [
      title,
      ...cells,
      ...sizes.slice(-1).map(({ bytes, spans }) => Math.round(bytes / spans).toString()),
    ]
  })
  await replaceBetween(FILE, 'bytes', markdownTable([head, ...rows]))
})

function cell(outcome: Outcome | undefined, usual: number | undefined): string {
  if (!outcome) return 'not measured'
  const { created, lost, twice, unsure } = outcome
  const text = `${lost} / ${twice}${unsure ? ` (${unsure})` : ''}`
  return (lost || twice ? `**${text}**` : text) + (created === usual ? '' : `, of ${created}`)
}

function duration({ patience = 0, settle = 0 }: Scenario): number {
  return patience + settle
}
