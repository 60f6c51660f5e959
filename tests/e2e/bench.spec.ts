/** That the benchmarks measure, and what: `npm run bench` runs them. */
import { AGENTS, NONE, type Agent } from '../bench/agents.js'
import { BENCHMARKS } from '../bench/benchmarks.js'
import { conditions, Lab } from '../bench/lab.js'
import { report } from '../bench/report.js'
import { together, type Results } from '../bench/results.js'
import { sizeOf } from '../bench/sizes.js'
import type { Sample } from '../bench/statistics.js'
import { expect, test } from '../support/test.js'

const run = (lab: Lab, name: string, agent: Agent) => {
  const benchmark = BENCHMARKS.find((one) => one.name === name)
  if (!benchmark) throw new Error(`there is no benchmark ${name}`)
  return benchmark.run(lab, agent, 0.1)
}

let lab: Lab
test.beforeAll(async () => {
  lab = await Lab.open()
})
test.afterAll(() => lab.close())

test('what our agent costs is measured, and reported beside a page without one', async () => {
  test.setTimeout(90_000)
  const agents = AGENTS.filter(({ name }) => ['none', 'floor', 'headwater'].includes(name))
  const samples: Sample[] = []
  for (const agent of agents) {
    const values = await run(lab, 'requests-1x', agent)
    if (agent !== NONE) expect(values, agent.name).toMatchObject({ fetchRecorded: 1, xhrRecorded: 1 })
    expect(values['fetch'], agent.name).toBeGreaterThan(0)
    // What so few requests take may be nothing that can be seen above a page without an agent: the report gets sure values.
    const sure = Object.keys(values).map((name) => [name, 1 + 10 * samples.length] as const)
    samples.push({ benchmark: 'requests-1x', agent: agent.name, round: 0, values: Object.fromEntries(sure) })
  }
  const sizes = Object.fromEntries(
    await Promise.all(agents.map(async (agent) => [agent.name, await sizeOf(agent)] as const)),
  )
  const { page, plots } = report({
    ...{ conditions: conditions(lab.chromium), sizes, samples, failures: [], seconds: 1 },
  })
  expect(page).toMatch(/\| \*\*Headwater\*\* \| -?[\d.,]+ \| -?[\d.,]+ × \|/)
  expect(page).toContain('| **Headwater** | 20 | 2 × |')
  expect(plots.map(([name]) => name)).toEqual(['size', 'fetch', 'xhr'])
})

test('runs of some agents add to one of all, and take nothing away', () => {
  const same = conditions(lab.chromium)
  const run = (commit: string, agents: string[], benchmark: string): Results => ({
    conditions: { ...same, commit },
    sizes: Object.fromEntries(
      agents.map((name) => [name, { minified: 4, gzip: 3, brotli: commit.length, all: 2 }]),
    ),
    samples: agents.map((agent) => ({ benchmark, agent, round: 0, values: { start: 1 } })),
    failures: [],
    seconds: 10,
  })
  const all = together([
    run('first', ['headwater', 'elastic'], 'start-1x'),
    run('first', ['headwater', 'elastic'], 'start-4x'),
    run('second', ['headwater'], 'start-1x'),
  ])
  expect(Object.keys(all.sizes)).toEqual(['headwater', 'elastic'])
  expect([all.sizes['headwater']?.brotli, all.sizes['elastic']?.brotli]).toEqual([6, 5])
  expect(all.commits).toEqual({ 'start-1x': 'second', 'start-4x': 'first' })
  // What an older commit has of a benchmark is not mixed in.
  expect(all.samples.map(({ benchmark, agent, round }) => [benchmark, agent, round])).toEqual([
    ['start-4x', 'headwater', 1_000],
    ['start-4x', 'elastic', 1_000],
    ['start-1x', 'headwater', 2_000],
  ])
  expect(all.seconds).toBe(30)
})

test('an agent that records nothing is no cheap agent', async () => {
  const idle: Agent = {
    ...NONE,
    ...{ name: 'idle', kind: 'peer' },
    files: () => Promise.resolve([['idle.js', 'bench = {}']]),
  }
  await expect(run(lab, 'requests-1x', idle)).rejects.toThrow('idle has recorded 0 of its requests by fetch')
})
