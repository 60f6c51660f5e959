/** A browser, a server for pages and agents' data, and pages in which time and memory are read. */
import { execFileSync } from 'node:child_process'
import os from 'node:os'
import { gunzipSync } from 'node:zlib'

import { chromium, type Browser, type CDPSession, type Page } from '@playwright/test'

import { launch } from '../support/browsers.js'
import { Demo, root } from '../support/demo.js'
import { source } from '../support/source.js'
import { Stage, type ReceivedRequest } from '../support/stage.js'
import type { Agent } from './agents.js'
import { flush, install, work, type Work } from './page.js'

export interface Setting {
  /** How many times slower the processor is. */
  throttle?: number
  /** Whether requests of the page are answered within it. */
  stub?: boolean
  /** The rest of the page. */
  body?: string
}

export class Lab {
  readonly #browser: Browser
  readonly #stage: Stage
  #demo: Promise<Demo> | undefined
  readonly #files = new Map<string, Promise<string>>()

  private constructor(browser: Browser, stage: Stage) {
    this.#browser = browser
    this.#stage = stage
  }

  static async open(): Promise<Lab> {
    const { args = [], ...options } = launch as { args?: string[] }
    const browser = await chromium.launch({ ...options, args: [...args, '--js-flags=--expose-gc'] })
    const stage = await Stage.start()
    for (const [path, answer] of INTAKES) {
      stage.route(path, (_, response) => {
        response.writeHead(answer ? 200 : 202, { 'content-type': 'application/json' }).end(answer)
      })
    }
    // Images of their own size, each in the browser's cache under an address of its own.
    stage.route('/pixel.svg', (_, response) => {
      response.writeHead(200, { 'content-type': 'image/svg+xml' })
      response.end('<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>')
    })
    return new Lab(browser, stage)
  }

  async close(): Promise<void> {
    await this.#browser.close()
    await this.#stage.stop()
    await (await this.#demo)?.stop()
  }

  /** Whether the browser is still there. */
  get isOpen(): boolean {
    return this.#browser.isConnected()
  }

  get chromium(): string {
    return this.#browser.version()
  }

  /** What the page's own origin is to the agent's collector, and the other way round: another one. */
  get collector(): string {
    return this.#stage.origin.replace('127.0.0.1', 'localhost')
  }

  /** The demo's shop, which starts when it is needed first. */
  async shop(): Promise<string> {
    this.#demo ??= Demo.start()
    return (await this.#demo).shop
  }

  /** What takes the place of our script in it. */
  async shopScript(agent: Agent): Promise<string> {
    const files = await agent.files()
    const start = `globalThis.collector = ${source(this.collector)}`
    if (!agent.modules)
      return `${start};${files[0]?.[1] ?? ''}\n${(await agent.start?.()) ?? ''};window.initApm = undefined`
    await this.address(agent)
    const [entry = ''] = files[0] ?? []
    return `${start};import(${source(`${this.#stage.origin}/agents/${agent.name}/${entry}`)})`
  }

  /** Everything that came since the last call, but pages, scripts and preflights. */
  taken(): ReceivedRequest[] {
    return this.#stage.received
      .splice(0)
      .filter(({ method, url }) => method !== 'OPTIONS' && !url.startsWith('/agents/'))
  }

  get received(): number {
    return this.#stage.received.length
  }

  /** The page's address, which has the agent in its head. */
  async address(agent: Agent, { stub = false, body = '' }: Setting = {}): Promise<string> {
    const folder = `/agents/${agent.name}`
    let entry = this.#files.get(agent.name)
    if (!entry) {
      entry = Promise.all([agent.files(), agent.start?.()]).then(([files, start = '']) => {
        for (const [name, text] of files) {
          this.#stage.route(`${folder}/${name}`, (_, response) => {
            // The browser keeps it, and after some visits what it has compiled of it.
            response.writeHead(200, {
              'content-type': 'text/javascript; charset=utf-8',
              'cache-control': 'max-age=3600',
            })
            response.end(`${text}\n${start}`)
          })
        }
        return files[0]?.[0] ?? ''
      })
      this.#files.set(agent.name, entry)
    }
    const type = agent.modules ? ' type="module"' : ''
    const head = `<script>(${String(install)})(${stub})</script>
<script>collector = ${source(this.collector)}</script>
<script${type} src="${folder}/${await entry}"></script>`
    return this.#stage.page({ head, body: `<p>A page.</p>${body}` })
  }

  /** A page of a browser profile of its own, before it goes anywhere. */
  async visit({ throttle = 1 }: Setting = {}): Promise<Visit> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 } })
    const page = await context.newPage()
    const visit = new Visit(this, page, await context.newCDPSession(page))
    // On a machine that others use, too, the time of the thread says more than that of the clock.
    await visit.cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
    if (throttle > 1) await visit.cdp.send('Emulation.setCPUThrottlingRate', { rate: throttle })
    return visit
  }

  /** A page with an agent that is up and has sent what it sends first. */
  async settled(agent: Agent, setting: Setting): Promise<Visit> {
    const visit = await this.visit(setting)
    await visit.page.goto(await this.address(agent, setting))
    await visit.page.waitForFunction('globalThis.bench')
    await visit.page.waitForTimeout(300)
    await visit.quiet(300)
    this.taken()
    return visit
  }

  trace(page: Page, categories: string[]): Promise<void> {
    return this.#browser.startTracing(page, { categories })
  }

  async stopTrace(): Promise<TraceEvent[]> {
    const text = (await this.#browser.stopTracing()).toString()
    return (JSON.parse(text) as { traceEvents: TraceEvent[] }).traceEvents
  }
}

/** What the numbers hold for. */
export interface Conditions {
  machine: string
  chromium: string
  node: string
  /** The day, and the commit that was measured. */
  date: string
  commit: string
}

export function conditions(chromium: string): Conditions {
  const [cpu] = os.cpus()
  const memory = Math.round(os.totalmem() / 2 ** 30)
  const git = (...parameters: string[]) =>
    execFileSync('git', parameters, { cwd: root, encoding: 'utf8' }).trim()
  return {
    machine: `${os.cpus().length} cores of ${cpu?.model.trim() ?? 'an unknown kind'}, ${memory} GiB of memory, ${os.type()} ${os.release()}`,
    chromium,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    commit:
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', 'js-wrapper', 'crate') ? ', changed' : ''),
  }
}

export interface TraceEvent {
  name: string
  pid: number
  tid: number
  /** Microseconds; `tdur` those that the thread was running. */
  dur?: number
  tdur?: number
  args?: { data?: { url?: string; fileName?: string }; fileName?: string }
}

export class Visit {
  readonly #lab: Lab
  readonly page: Page
  readonly cdp: CDPSession

  constructor(lab: Lab, page: Page, cdp: CDPSession) {
    this.#lab = lab
    this.page = page
    this.cdp = cdp
  }

  /** Has the page work. */
  work(job: Work): Promise<void> {
    return this.page.evaluate(work, job)
  }

  /** Microseconds that the page's main thread has worked in tasks so far. */
  async busy(): Promise<number> {
    const { metrics } = await this.cdp.send('Performance.getMetrics')
    return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1_000_000
  }

  /** Microseconds of the main thread in the agent's functions and what they call, while this happens. */
  async agentsTime(happening: () => Promise<void>): Promise<number> {
    await this.cdp.send('Profiler.enable')
    await this.cdp.send('Profiler.setSamplingInterval', { interval: 100 })
    await this.cdp.send('Profiler.start')
    await happening()
    const { profile } = await this.cdp.send('Profiler.stop')
    const parents = new Map(
      profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])),
    )
    const addresses = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.url]))
    // The innermost script tells: the page's own functions may be called by an agent's.
    const isAgents = (id: number | undefined): boolean => {
      if (id === undefined) return false
      const address = addresses.get(id) ?? ''
      return address.startsWith('http') ? address.includes('/agents/') : isAgents(parents.get(id))
    }
    return (profile.samples ?? []).reduce(
      (sum, id, index) => sum + (isAgents(id) ? (profile.timeDeltas?.[index] ?? 0) : 0),
      0,
    )
  }

  /** Bytes of the JavaScript heap that are in use, without what is garbage. */
  async heap(): Promise<number> {
    // What a finalizer lets go is garbage only the next time.
    for (let turn = 0; turn < 3; turn += 1) await this.cdp.send('HeapProfiler.collectGarbage')
    return (await this.cdp.send('Runtime.getHeapUsage')).usedSize
  }

  /** Waits until nothing has been sent for so many milliseconds. */
  async quiet(milliseconds: number): Promise<void> {
    let before: number
    do {
      before = this.#lab.received
      await this.page.waitForTimeout(milliseconds)
    } while (before !== this.#lab.received)
  }

  /** Has the agent send what waits, and waits for what it sends by itself. */
  async flush({ patience }: Agent): Promise<void> {
    await this.page.evaluate(flush)
    await this.quiet(Math.max(patience, 250))
  }

  close(): Promise<void> {
    return this.page.context().close()
  }
}

/** How many requests bring something, bytes of their bodies, and how many of the page's requests or spans are in them. */
export function delivered(requests: readonly ReceivedRequest[]): {
  sent: number
  bytes: number
  items: number
} {
  const items = new Set<string>()
  let sent = 0
  let bytes = 0
  for (const { url, body } of requests) {
    if (!body.length || url.startsWith('/bench/')) continue
    sent += 1
    bytes += body.length
    const text = (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body).toString('latin1')
    for (const [, number = ''] of text.matchAll(/item\/(\d+)\.json/g)) items.add(number)
  }
  return { sent, bytes, items: items.size }
}

/** Where agents send to, and what they have to be answered. */
const INTAKES: readonly [path: string, answer: string][] = [
  ['/v1/floor', ''],
  ['/v1/rumotlp', '{}'],
  ['/intake/v2/rum/events', ''],
  ['/api/1/envelope/', '{}'],
  ['/collect', ''],
  ['/datadog', ''],
  // Without these flags it does not begin.
  [
    '/1/key',
    JSON.stringify({
      ...{ loaded: 1, st: 1, err: 1, spa: 1, ins: 1, log: 1, sr: 0, srs: 0, sts: 1, logapi: 1 },
      app: { agents: [{ entityGuid: 'MQ' }], nrServerTime: Date.now() },
    }),
  ],
  ...['events', 'jserrors', 'ins', 'resources', 'browser/blobs', 'browser/logs'].map(
    (name): [string, string] => [`/${name}/1/key`, '{}'],
  ),
]
