/** What a run of the benchmarks has found, and what several have together. */
import type { Conditions } from './lab.js'
import type { Size } from './sizes.js'
import type { Sample } from './statistics.js'

export interface Results {
  conditions: Conditions
  /** By benchmark, if not all are of the same. */
  commits?: Record<string, string>
  sizes: Record<string, Size>
  samples: Sample[]
  /** Benchmarks with agents that did not work. */
  failures: string[]
  seconds: number
}

/** More than a run has. */
const ROUNDS = 1_000

/**
 * Runs of one machine, which the last says, and of some agents or all. A benchmark is of one commit: that of the last run which
 * has it. So is an agent's size.
 */
export function together(all: Results[]): Results {
  const last = all.at(-1)
  if (!last) throw new Error('no results')
  const commits = Object.fromEntries(
    all.flatMap(({ samples, conditions }) =>
      samples.map(({ benchmark }) => [benchmark, conditions.commit] as const),
    ),
  )
  return {
    ...last,
    commits,
    sizes: Object.assign({}, ...all.map(({ sizes }) => sizes)) as Results['sizes'],
    samples: all.flatMap(({ samples, conditions }, index) =>
      samples
        .filter(({ benchmark }) => commits[benchmark] === conditions.commit)
        // Rounds are compared within themselves: each has a number of its own.
        .map((sample) => ({ ...sample, round: sample.round + index * ROUNDS })),
    ),
    failures: all.flatMap(({ failures }) => failures),
    seconds: all.reduce((sum, { seconds }) => sum + seconds, 0),
  }
}
