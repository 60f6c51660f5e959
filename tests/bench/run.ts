/** `npm run bench`: see `--help`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'

import { root } from '../support/demo.js'
import { CACHE } from '../support/packages.js'
import { AGENTS } from './agents.js'
import { BENCHMARKS } from './benchmarks.js'
import { conditions, Lab } from './lab.js'
import { report } from './report.js'
import { together, type Results } from './results.js'
import { sizeOf } from './sizes.js'
import { Samples } from './statistics.js'

const HELP = `npm run bench -- [--quick] [--agents REGEXP] [--only REGEXP] [--rounds N] [--from FILE]

Measures what agents cost in Chromium, ours and others, in turn, and writes docs/performance.md with its plots.

  --quick          one round, fewer requests, no throttling; no docs
  --agents REGEXP  some agents only (and the page without one, and the floor); no docs
  --only REGEXP    some benchmarks only; no docs
  --rounds N       visits of each agent in each benchmark, instead of its own number
  --from FILE      measures nothing: writes the docs from what a run has kept, so far: tests/.cache/bench.json, or
                   bench-part.json of one that writes no docs; given more than once, with the rounds of all, but a
                   benchmark only as of the commit that is last

Agents: ${AGENTS.map(({ name }) => name).join(', ')}
Benchmarks: ${BENCHMARKS.map(({ name }) => name).join(', ')}`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    agents: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string' },
    from: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
})

const partial = options.quick || !!options.agents || !!options.only

if (options.help) console.log(HELP)
else if (options.from)
  write(together(options.from.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Results)))
else {
  const results = await measure()
  if (partial) console.log(report(results).page)
  else write(results)
}

async function measure(): Promise<Results> {
  const { quick, agents: names = '', only = '', rounds } = options
  const agents = AGENTS.filter(
    ({ name, kind }) => ['none', 'floor'].includes(kind) || RegExp(names).test(name),
  )
  const benchmarks = BENCHMARKS.filter(
    ({ name, throttle }) => RegExp(only).test(name) && !(quick && throttle > 1),
  )
  const begun = Date.now()
  mkdirSync(CACHE, { recursive: true })
  const lab = await Lab.open()
  const samples = new Samples()
  const failures: string[] = []
  try {
    const sizes = Object.fromEntries(
      await Promise.all(
        agents
          .filter(({ kind }) => kind !== 'none')
          .map(async (agent) => [agent.name, await sizeOf(agent)] as const),
      ),
    )
    const results = () => ({
      ...{ conditions: conditions(lab.chromium), sizes, samples: samples.all, failures },
      seconds: (Date.now() - begun) / 1000,
    })
    for (const benchmark of benchmarks) {
      const those = agents.filter((agent) => benchmark.agents?.(agent) ?? true)
      const times = rounds ? Number(rounds) : quick ? 1 : benchmark.rounds
      for (let round = 0; round < times; round += 1) {
        // Each agent after another one each time.
        const turned = [...those.slice(round % those.length), ...those.slice(0, round % those.length)]
        for (const agent of turned) {
          for (const last of [false, true]) {
            try {
              const values = await benchmark.run(lab, agent, quick ? 0.4 : 1)
              samples.all.push({ benchmark: benchmark.name, agent: agent.name, round, values })
              break
            } catch (error) {
              if (!lab.isOpen) throw error
              lab.taken()
              console.log(`${benchmark.name}, ${agent.name}: ${String(error).slice(0, 300)}`)
              if (last) failures.push(`${benchmark.name}: ${agent.name}`)
            }
          }
        }
        // What there is so far, should the rest take too long.
        writeFileSync(path.join(CACHE, partial ? 'bench-part.json' : 'bench.json'), JSON.stringify(results()))
        console.log(
          `${Math.round((Date.now() - begun) / 1000)} s: ${benchmark.name}, round ${round + 1} of ${times}`,
        )
      }
    }
    return results()
  } finally {
    await lab.close()
  }
}

function write(results: Results): void {
  const { page, plots } = report(results)
  const docs = path.join(root, 'docs')
  mkdirSync(path.join(docs, 'performance'), { recursive: true })
  for (const [name, text] of plots) writeFileSync(path.join(docs, 'performance', `${name}.svg`), text)
  writeFileSync(path.join(docs, 'performance.md'), page)
  console.log(`docs/performance.md and ${plots.length} plots are written`)
}
