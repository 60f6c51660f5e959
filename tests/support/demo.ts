/** The demo site as a process of its own: shop, API, third origin and collector, on free ports. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { spansIn, type Span } from './spans.js'

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface LoggedRequest {
  method: string
  path: string
  query: string
  /** Those that concern tracing and CORS. */
  headers: Partial<Record<string, string>>
}

export class Demo {
  /** The pages, and the API under `/api`. */
  readonly shop: string
  /** The second origin, configured for tracing in the shop's pages. */
  readonly api: string
  /** The third origin, configured nowhere. */
  readonly other: string
  readonly collector: string
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, origins: Map<string, string>) {
    this.#process = process
    const origin = (name: string) => {
      const found = origins.get(name)
      if (!found) throw new Error(`the demo did not name its ${name}`)
      return found
    }
    this.shop = origin('shop')
    this.api = origin('api')
    this.other = origin('other')
    this.collector = origin('collector')
  }

  static async start(): Promise<Demo> {
    const binary = path.join(
      process.env['CARGO_TARGET_DIR'] ?? path.join(root, 'target'),
      'debug/headwater-demo',
    )
    if (!existsSync(binary)) throw new Error(`${binary} is missing: run \`npm run build\``)
    const ports = ['--port', '--api-port', '--other-port', '--collector-port']
    const child = spawn(binary, ['--memory', '--root', root, ...ports.flatMap((port) => [port, '0'])], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const origins = new Map<string, string>()
    for await (const line of createInterface(child.stdout)) {
      const [, name, origin] = /^(\w+) (http:\S+)$/.exec(line) ?? []
      if (name && origin) origins.set(name, origin)
      if (line.startsWith('Headwater demo is ready')) {
        // Read on, or it would stop at a full pipe.
        child.stdout.resume()
        return new Demo(child, origins)
      }
    }
    throw new Error('the demo ended before it was ready')
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill()
    await ended
  }

  /** What an origin was asked. */
  async log(origin: string): Promise<LoggedRequest[]> {
    const { requests } = (await get(`${origin}/__log`)) as { requests: LoggedRequest[] }
    return requests
  }

  /** The request with this in its query; fails unless there is exactly one. Preflights do not count. */
  async received(origin: string, query: string): Promise<LoggedRequest> {
    const found = (await this.log(origin)).filter(
      (request) => request.method !== 'OPTIONS' && request.query.includes(query),
    )
    const [only] = found
    if (!only || found.length !== 1)
      throw new Error(`${found.length} requests with ${query} reached ${origin}`)
    return only
  }

  /** The spans of a trace, as soon as `complete` says that all are there. */
  trace(traceId: string, complete: (spans: Span[]) => boolean): Promise<Span[]> {
    return poll(() => this.#trace(traceId), complete, `trace ${traceId}`)
  }

  /**
   * All spans of a service, of any trace, as soon as `complete` says that all are there.
   *
   * @param since - Unix milliseconds: only traces that have got a span since.
   */
  spansOf(service: string, complete: (spans: Span[]) => boolean, since = 0): Promise<Span[]> {
    const read = async () => {
      const query = new URLSearchParams({ limit: '1000', service, since: `${since}000000` })
      const url = `${this.collector}/api/traces?${query.toString()}`
      const { traces } = (await get(url)) as { traces: { traceId: string }[] }
      const spans = await Promise.all(traces.map(({ traceId }) => this.#trace(traceId)))
      return spans.flat().filter((span) => span.service === service)
    }
    return poll(read, complete, `service ${service}`)
  }

  async #trace(traceId: string): Promise<Span[]> {
    return spansIn(await get(`${this.collector}/api/traces/${traceId}`))
  }
}

/** JSON, or nothing where there is nothing yet. */
async function get(url: string): Promise<unknown> {
  const response = await fetch(url)
  if (response.status === 404) return undefined
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return response.json()
}

async function poll(read: () => Promise<Span[]>, complete: (spans: Span[]) => boolean, what: string) {
  const end = Date.now() + PATIENCE
  for (;;) {
    const spans = await read()
    if (complete(spans)) return spans
    if (Date.now() > end) {
      const there = spans.map(
        ({ service, name, attributes }) => `${service}: ${name} ${String(attributes['url.full'])}`,
      )
      throw new Error(`${what} is not complete; there are ${spans.length} spans\n${there.join('\n')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Milliseconds until a span that has not come is lost. */
const PATIENCE = 10_000
