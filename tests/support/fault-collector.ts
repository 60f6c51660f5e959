/** `tests/collector` as a process of its own: a collector that fails as told, and counts what it was sent. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'

import { root } from './demo.js'

/** A way to fail, as `tests/collector/src/plan.rs` has it; without `times` and `forMs` for ever. */
export interface Step {
  fault: string
  times?: number
  forMs?: number
  retryAfter?: number | { date: number } | string
}

export interface Cors {
  maxAge?: number
  expose?: string[]
  credentials?: boolean
}

/** How often each number came. */
export type Counts = Partial<Record<string, number>>

/** A request, as `tests/collector/src/received.rs` has it. */
export interface LoggedPost {
  time: number
  method: string
  path: string
  contentType: string
  contentEncoding: string
  bytes: number
  inflated: number
  spans: number
  runs: string[]
  status: number | null
  fault: string
  ambiguous: boolean
  error: string | null
}

export interface Received {
  numbers: { accepted: Counts; ambiguous: Counts; seen: Counts }
  requests: LoggedPost[]
}

export class FaultCollector {
  readonly origin: string
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, port: number) {
    this.#process = process
    this.origin = `http://127.0.0.1:${port}`
  }

  static async start(): Promise<FaultCollector> {
    const binary = path.join(
      process.env['CARGO_TARGET_DIR'] ?? path.join(root, 'target'),
      'debug/fault-collector',
    )
    if (!existsSync(binary)) throw new Error(`${binary} is missing: run \`npm run build\``)
    const child = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] })
    for await (const line of createInterface(child.stdout)) {
      return new FaultCollector(child, (JSON.parse(line) as { port: number }).port)
    }
    throw new Error('the collector ended before it listened')
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.stdin?.end()
    await ended
  }

  /** Fails in these ways from now on, one after the other; in none without steps. */
  async plan(steps: Step[] = [], cors: Cors = {}): Promise<void> {
    await this.#control('PUT', 'plan', { steps, cors })
  }

  /** What has come of a run; of all without one. */
  async received(run?: string): Promise<Received> {
    const response = await this.#control('GET', `received${run === undefined ? '' : `?r=${run}`}`)
    return (await response.json()) as Received
  }

  async reset(): Promise<void> {
    await this.#control('DELETE', '')
  }

  async #control(method: string, what: string, body?: unknown): Promise<Response> {
    const url = `${this.origin}/control${what && '/'}${what}`
    const response = await fetch(url, { method, body: body === undefined ? null : JSON.stringify(body) })
    if (!response.ok)
      throw new Error(`${method} ${url} answered ${response.status}: ${await response.text()}`)
    return response
  }
}
