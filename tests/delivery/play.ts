/** One agent in one scenario: its pages, its collector, and what came of it. */
import type { Browser, BrowserContext, Page } from '@playwright/test'

import type { FaultCollector, Step } from '../support/fault-collector.js'
import type { Stage } from '../support/stage.js'
import { startAgent, type AgentName } from './agents.js'
import type { Scenario } from './scenarios.js'
import { workScript, type Work, type WorkWindow } from './work.js'

export interface Outcome {
  /** Requests that the page has made. */
  created: number
  /** Those whose span was never taken. */
  lost: number
  /** How often a span was taken again, although its sender had been told. */
  twice: number
  /** How often one was taken again whose sender could not know. */
  unsure: number
  /** How often a span was sent again, taken or not. */
  again: number
}

/** What scenarios need of the world. */
export interface World {
  browser: Browser
  /** One that keeps pages that are left. */
  keeper: Browser
  stage: Stage
  collector: FaultCollector
}

export class Play {
  /** Requests so far. */
  created = 0
  readonly run = `run-${(runs += 1)}-${process.pid}`
  readonly agent: AgentName
  readonly world: World
  readonly #options: Record<string, unknown>
  #context: BrowserContext | undefined
  readonly #last: (() => Promise<unknown>)[] = []

  constructor(world: World, agent: AgentName, options: Record<string, unknown> = {}) {
    this.world = world
    this.agent = agent
    this.#options = options
  }

  /** The address of a page with the agent. @param own - what it does by itself. @param head - what comes first. */
  async address(own?: Work, head = ''): Promise<string> {
    const { stage, collector } = this.world
    const agent = await startAgent(this.agent, stage, collector.origin, this.#options)
    return stage.page({ head: head + agent + workScript(own), body: LINK })
  }

  /** All pages share it. */
  async context(browser = this.world.browser): Promise<BrowserContext> {
    if (!this.#context) {
      this.#context = await browser.newContext()
      this.#context.setDefaultTimeout(30_000)
      // Closing the last tab might end more than the tab.
      await this.#context.newPage()
    }
    return this.#context
  }

  async open(browser?: Browser): Promise<Page> {
    const page = await (await this.context(browser)).newPage()
    await page.goto(await this.address())
    return page
  }

  /** The next numbers. */
  next(count: number, pacing: Pick<Work, 'batch' | 'pace'> = {}): Work {
    const from = this.created
    this.created += count
    return { run: this.run, from, count, ...pacing }
  }

  /** Makes requests; resolves when they have ended. */
  async work(page: Page, count: number, pacing: Pick<Work, 'batch' | 'pace'> = {}): Promise<void> {
    await page.evaluate((work) => (globalThis as unknown as WorkWindow).work(work), this.next(count, pacing))
  }

  /** Has the collector fail while this happens, and until it has failed with spans of this run. */
  async fail(fault: string, work: () => Promise<void>, step: Omit<Step, 'fault'> = {}): Promise<void> {
    const { collector } = this.world
    await collector.plan([{ fault, ...step }], { expose: ['Retry-After'] })
    await work()
    const sure = Date.now() + 1_000
    const end = Date.now() + LONGEST_DELAY
    while (!(await this.#failed(Date.now() > sure))) {
      // Sentry's preflights cannot fail, as it has none.
      if (Date.now() > end && this.agent === 'headwater') throw new Error(`nothing has had ${fault}`)
      if (Date.now() > end) break
      await sleep(50)
    }
    await collector.plan()
  }

  async #failed(sure: boolean): Promise<boolean> {
    const { requests } = await this.world.collector.received(this.run)
    // Of those that nobody has read it is not known whose spans they had.
    return requests.some(
      ({ fault, runs }) => fault !== 'Ok' && (runs.length > 0 || (sure && UNREAD.has(fault))),
    )
  }

  async outcome(): Promise<Outcome> {
    const { accepted, ambiguous, seen } = (await this.world.collector.received(this.run)).numbers
    const outcome = { created: this.created, lost: 0, twice: 0, unsure: 0, again: 0 }
    for (let number = 0; number < this.created; number++) {
      const times = accepted[number] ?? 0
      const excused = Math.min(ambiguous[number] ?? 0, Math.max(times - 1, 0))
      if (!times) outcome.lost++
      outcome.unsure += excused
      outcome.again += Math.max((seen[number] ?? 0) - 1, 0)
      outcome.twice += Math.max(times - 1 - excused, 0)
    }
    return outcome
  }

  /** What is left to do when all has been counted. */
  atEnd(clear: () => Promise<unknown>): void {
    this.#last.push(clear)
  }

  async end(): Promise<void> {
    for (const clear of this.#last) await clear()
    await this.#context?.close()
  }
}

/** Plays a scenario, and waits for what arrives of it. */
export async function play(
  world: World,
  agent: AgentName,
  { run, patience = 3_000, settle = 500 }: Scenario,
): Promise<Outcome> {
  await world.collector.reset()
  const own = new Play(world, agent)
  try {
    await run(own)
    const end = Date.now() + DELAY + patience
    while ((await own.outcome()).lost && Date.now() < end) await sleep(100)
    // What comes again comes later.
    await sleep(settle)
    return await own.outcome()
  } finally {
    await own.end()
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

let runs = 0

const UNREAD = new Set(['Refuse', 'CutRequest', 'WrongPreflight'])
const LINK = '<a href="/left">Leave</a>'
/** Milliseconds for which agents wait themselves before they send: OpenTelemetry's, and ours. */
const DELAY = 5_000
/** That, and something for a slow machine. */
export const LONGEST_DELAY = DELAY + 2_000
