/** Runs traps in pages with and without agents. Traps share a page unless they change it. */
import { type Browser, type BrowserContext, type Page } from '@playwright/test'

import type { Demo } from '../support/demo.js'
import { startHttp2, type Http2Server } from '../support/http2.js'
import type { Span } from '../support/spans.js'
import { preface } from '../support/test.js'
import { agentScript, type AgentName } from './agents.js'
import { installHelpers } from './helpers.js'
import type { Origins } from './origins.js'
import type { Given, Recorded, Trap } from './trap.js'

/** What came of a trap. */
export interface Outcome {
  /** What the page observed, as JSON has it. */
  seen: unknown
  /** The spans, of a trap that is about them, from an agent that can be asked. */
  spans?: Recorded[]
}

export class Gallery {
  readonly #browser: Browser
  readonly #demo: Demo
  readonly #origins: Origins
  readonly #scripts = new Map<string, string>()
  readonly #pages = new Map<string, Promise<Open>>()
  readonly #contexts = new Map<string, Promise<BrowserContext>>()
  readonly #native = new Map<string, Promise<Outcome>>()

  constructor(browser: Browser, demo: Demo, origins: Origins) {
    this.#browser = browser
    this.#demo = demo
    this.#origins = origins
  }

  get origins(): Origins {
    return this.#origins
  }

  get collector(): string {
    return this.#demo.collector
  }

  /** What the page observes without an agent. Asked once. */
  native(trap: Trap): Promise<Outcome> {
    const known = this.#native.get(trap.id) ?? this.run(trap, 'native')
    this.#native.set(trap.id, known)
    return known
  }

  async run(trap: Trap, agent: AgentName): Promise<Outcome> {
    const service = `traps-${agent}-${process.pid}`
    const key = `${agent} of ${process.pid}`
    if (!this.#scripts.has(key)) {
      this.#scripts.set(key, await agentScript(agent, this.#origins, this.#demo.collector, service))
    }
    return this.runWith(trap, this.#scripts.get(key) ?? '', agent, service)
  }

  /** @param name - one for each script: its pages are used again. */
  async runWith(trap: Trap, script: string, name: string, service: string): Promise<Outcome> {
    const shared = !trap.alone && !trap.before && !trap.http2
    const open = shared ? this.#pages.get(name) : undefined
    const opening = open ?? this.#open(trap, script, name)
    if (shared) this.#pages.set(name, opening)
    const { page, origin, console, close } = await opening.catch((error: unknown) => {
      this.#pages.delete(name)
      throw error
    })
    const given: Given = {
      own: origin,
      api: this.#origins.api,
      other: this.#origins.other,
      mark: `m${process.pid}-${(count += 1)}-`,
    }
    const start = Date.now()
    console.length = 0
    let failed = false
    const limit = new Promise<string>((resolve) => setTimeout(resolve, PATIENCE, NO_ANSWER))
    let saw: unknown = await Promise.race([page.evaluate(trap.page, given), limit]).catch(
      (error: unknown) => {
        failed = true
        return FAILED + (String(error).replace('Error: page.evaluate: ', '').split('\n')[0] ?? '')
      },
    )
    // Traps of pages of their own may stop it.
    if (shared && !failed && saw !== NO_ANSWER && !(await page.evaluate(runs))) {
      failed = true
      saw = `${FAILED}the agent has switched itself off: ${/\w+Error: .*/.exec(console.join())?.[0] ?? ''}`
    }
    const outcome: Outcome = { seen: undefined }
    if (trap.spans && !failed) {
      const spans = await this.#recorded(page, trap, given.mark, service, start)
      if (spans) outcome.spans = spans
    }
    const seen = trap.console ? { saw, console: [...console] } : saw
    outcome.seen = JSON.parse(this.#plain(JSON.stringify(seen ?? null), page.url(), given)) as unknown
    // A page that hangs or has failed is none to share.
    if (!shared || failed || saw === NO_ANSWER) {
      if (shared) this.#pages.delete(name)
      await close()
    }
    return outcome
  }

  async close(): Promise<void> {
    for (const context of this.#contexts.values()) await (await context).close()
  }

  /** Closes the pages of one script. */
  async closeOf(name: string): Promise<void> {
    await (await this.#contexts.get(name))?.close()
    this.#contexts.delete(name)
    this.#pages.delete(name)
  }

  /** One for all pages with an agent: none holds up the connections of another agent's. */
  #context(agent: string): Promise<BrowserContext> {
    const context = this.#contexts.get(agent) ?? this.#browser.newContext({ ignoreHTTPSErrors: true })
    this.#contexts.set(agent, context)
    return context
  }

  /** Addresses are no difference that counts. */
  #plain(text: string, address: string, { own, api, other, mark }: Given): string {
    return (
      text
        .replaceAll(address, 'PAGE')
        .replaceAll(own, 'OWN')
        .replaceAll(this.#origins.own, 'OWN')
        .replaceAll(api, 'API')
        .replaceAll(other, 'OTHER')
        .replaceAll(mark, '')
        // Ids of an agent's making differ each time.
        .replace(/\b00-(?!0af76519)[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\b/g, 'TRACEPARENT')
    )
  }

  async #open(trap: Trap, script: string, name: string): Promise<Open> {
    const context = await this.#context(name)
    const { own, api, other } = this.#origins
    const id = `${process.pid}-${(count += 1)}`
    this.#origins.scripts.set(
      id,
      `${preface}
globalThis.origins = ${JSON.stringify({ own, api, other })};
(${installHelpers.toString()})(${JSON.stringify(own)});
globalThis.kept = {};
${trap.before ?? ''};
${script}`,
    )
    const html = `<!doctype html><html lang="en"><head><link rel="icon" href="data:,"><script src="${own}/script/${id}"></script><title>Trap</title></head><body></body></html>`
    let server: Http2Server | undefined
    if (trap.http2) {
      server = await startHttp2(html)
      if (!server) throw new Error('browsers stream bodies over HTTP/2 only, which needs openssl')
    } else {
      this.#origins.pages.set(id, html)
    }
    const page = await context.newPage()
    const console: string[] = []
    page.on('console', (message) => console.push(`${message.type()}: ${message.text()}`))
    page.on('pageerror', (error) => console.push(`uncaught: ${error.message}`))
    await page.goto(server ? server.origin : `${own}/page/${id}`)
    // The page load is reported one task after the load event.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)))
    // What a page without an agent does proves nothing.
    if (!(await page.evaluate(runs))) {
      throw new Error(`the agent did not start: ${console.join()}`)
    }
    const close = async () => {
      await page.close()
      server?.stop()
    }
    return { page, console, origin: server?.origin ?? own, close }
  }

  async #recorded(
    page: Page,
    trap: Trap,
    mark: string,
    service: string,
    start: number,
  ): Promise<Recorded[] | undefined> {
    const expected = trap.spans?.length ?? 0
    const inPage = () => page.evaluate((wanted) => agent.recorded?.(wanted), mark)
    const first = await inPage()
    if (first) {
      // It waits a while before it ends a span.
      const end = Date.now() + (trap.atOnce ? 0 : 1_000)
      let spans = first
      while (spans.length < expected && Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 50))
        spans = (await inPage()) ?? []
      }
      return sorted(spans)
    }
    const isOurs = await page.evaluate(() => 'headwater' in globalThis)
    if (!isOurs) return undefined
    // One too many would come a moment later.
    await page.evaluate(async () => {
      await agent.flush()
      await helpers.wait(60)
      await agent.flush()
    })
    const isOfTrap = ({ attributes }: Span) => String(attributes['url.full']).includes(mark)
    const found: Span[] = []
    const end = Date.now() + 3_000
    // All the other traps' would be hundreds.
    const isComplete = (spans: Span[]) => {
      found.splice(0, found.length, ...spans.filter(isOfTrap))
      return Date.now() > end || found.length >= expected
    }
    await this.#demo.spansOf(service, isComplete, start)
    return sorted(
      found.map(({ name, status, attributes }) => ({
        name,
        method: attributes['http.request.method'],
        original: attributes['http.request.method_original'],
        status: attributes['http.response.status_code'],
        error: attributes['error.type'],
        failed: status.code === 2,
      })),
    )
  }
}

/** Where the two differ first, in a few words; nothing if they do not. */
export function difference(expected: unknown, saw: unknown, at = ''): string | undefined {
  if (saw === NO_ANSWER || (typeof saw === 'string' && saw.startsWith(FAILED))) return shorten(saw, 100)
  if (isObject(expected) && isObject(saw) && Array.isArray(expected) === Array.isArray(saw)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(saw)])) {
      const found = difference(expected[key], saw[key], at ? `${at}.${key}` : key)
      if (found) return found
    }
    return undefined
  }
  const [left, right] = [text(expected), text(saw)]
  if (left === right) return undefined
  // What both begin with says nothing.
  let from = 0
  while (left[from] === right[from]) from += 1
  from = Math.max(0, from - 30)
  const part = (whole: string) => (from ? '…' : '') + shorten(whole.slice(from), 50)
  return `${at ? `${at}: ` : ''}${part(left)} → ${part(right)}`
}

/** The first letters. */
export function shorten(whole: string, length: number): string {
  return whole.length > length ? `${whole.slice(0, length - 1)}…` : whole
}

function text(value: unknown): string {
  return value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Without members that are not there, in an order of their own. */
export function sorted(spans: Recorded[]): Recorded[] {
  const plain = spans.map((span) => JSON.stringify(span)).sort()
  return plain.map((span) => JSON.parse(span) as Recorded)
}

/** In the page. */
const runs = () => 'agent' in globalThis && (!('headwater' in globalThis) || headwater.apm.isActive())

interface Open {
  page: Page
  console: string[]
  origin: string
  close: () => Promise<void>
}

let count = 0

/** Milliseconds that a trap may take. */
const PATIENCE = 12_000

const NO_ANSWER = 'no answer within twelve seconds'

/** What is seen where a trap cannot go on. */
const FAILED = 'failed: '
