/** A few numbers about many. */
export interface Summary {
  median: number
  /** Quartiles. */
  low: number
  high: number
  count: number
}

export function summarise(values: readonly number[]): Summary | undefined {
  if (!values.length) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number) => {
    const position = (sorted.length - 1) * share
    const below = sorted[Math.floor(position)] ?? 0
    const above = sorted[Math.ceil(position)] ?? 0
    return below + (above - below) * (position % 1)
  }
  return { median: at(0.5), low: at(0.25), high: at(0.75), count: sorted.length }
}

/** One run of a benchmark: the same `round` is the same time, as far as there is one. */
export interface Sample {
  benchmark: string
  agent: string
  round: number
  values: Record<string, number>
}

export class Samples {
  readonly all: Sample[]

  constructor(all: Sample[] = []) {
    this.all = all
  }

  values(benchmark: string, agent: string, name: string): number[] {
    return this.#of(benchmark, agent).flatMap(({ values }) => values[name] ?? [])
  }

  summary(benchmark: string, agent: string, name: string): Summary | undefined {
    return summarise(this.values(benchmark, agent, name))
  }

  /** What an agent adds to what a page without one has, which is the median of all rounds. */
  above(benchmark: string, agent: string, name: string): number[] {
    const base = this.summary(benchmark, 'none', name)?.median
    return base === undefined ? [] : this.values(benchmark, agent, name).map((value) => value - base)
  }

  /** That, as a multiple of what another agent adds at the median. */
  ratios(benchmark: string, agent: string, to: string, name: string): number[] {
    const others = summarise(this.above(benchmark, to, name))
    if (!others || others.median <= 0) return []
    return this.above(benchmark, agent, name).map((value) => value / others.median)
  }

  #of(benchmark: string, agent: string): Sample[] {
    return this.all.filter((sample) => sample.benchmark === benchmark && sample.agent === agent)
  }
}
