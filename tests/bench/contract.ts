/** What a benchmark and an agent know of each other in a page. */
export interface BenchPage {
  /** Where the agent sends to: another origin than the page's. */
  collector: string
  /** What the agent's script leaves behind. */
  bench: Bench
}

export interface Bench {
  /** What the agent needs to happen around requests in order to record them. */
  around?(work: () => Promise<void>): Promise<void>
  /** Sends what waits. Without it a page is hidden for that. */
  flush?(): unknown
  /** One span of the page's own, started and ended, with so many attributes. */
  span?(name: string, attributes: number): void
}

/** Where an agent's script is told where to send to, and says what it can do. */
export const page = globalThis as unknown as BenchPage
