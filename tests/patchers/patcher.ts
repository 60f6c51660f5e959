/** What else on a page patches what the agent does; each file of this folder starts one. */
export interface Patcher {
  start(given: {
    /** Where it may report to. */
    intake: string
    /** Where it adds its headers. */
    origins: string[]
  }): void
  /** Takes its patches away, if it can. */
  stop?: () => void
}
