/**
 * A failure inside the agent stays there: whatever traps, and whenever, the page's requests go on, the natives are
 * back, and the console has one message.
 */
import { readFileSync } from 'node:fs'
import path from 'node:path'

import { browser } from '../support/browsers.js'
import { root } from '../support/demo.js'
import { source } from '../support/source.js'
import { expect, test, type Visit } from '../support/test.js'

/** The module's exports, by what the bundled file calls them. */
const NAMES = JSON.parse(
  readFileSync(path.join(root, 'js-wrapper/src/generated/full/names.json'), 'utf8'),
) as Record<string, string>

const OPTIONS = {
  serviceName: '{service}',
  flushInterval: 10,
  propagateTracestate: true,
  samplingMode: 'session',
  sampleOnError: true,
  softNavigations: true,
}

/** Makes one of the exports trap at a call of its, before or after it has done its work. */
function trapAt(name: string, at: number, after: boolean): void {
  const Native = WebAssembly.Instance
  WebAssembly.Instance = function (module: WebAssembly.Module, imports: WebAssembly.Imports) {
    const exports: Record<string, unknown> = { ...new Native(module, imports).exports }
    const original = exports[name] as (...all: unknown[]) => unknown
    let calls = 0
    exports[name] = (...all: unknown[]) => {
      calls += 1
      if (calls !== at) return original(...all)
      if (after) original(...all)
      Object.assign(globalThis, { trapped: true })
      throw new WebAssembly.RuntimeError('injected')
    }
    return { exports }
  } as unknown as typeof Native
}

/** Leaves the module no memory but what it starts with. */
function freezeMemory(): void {
  const Native = WebAssembly.Module
  WebAssembly.Module = function (bytes: Uint8Array<ArrayBuffer>) {
    // Sections are an id, a length and the content; that of the memory is 5, [count, flags, minimum].
    for (let at = 8; at < bytes.length;) {
      const id = bytes[at]
      let length = 0
      let start = at + 1
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[start++] ?? 0
        length |= (byte & 127) << shift
        if (byte < 128) break
      }
      if (id === 5) {
        const minimum = bytes.slice(start + 2, start + length)
        const limits = [1, 1, ...minimum, ...minimum]
        const changed = [...bytes.slice(0, at), 5, limits.length, ...limits, ...bytes.slice(start + length)]
        return new Native(new Uint8Array(changed))
      }
      at = start + length
    }
    throw new Error('no memory section')
  } as unknown as typeof Native
}

/** All that calls the module, and what the page gets. */
async function useEverything(options: object | undefined): Promise<unknown[]> {
  const seen: unknown[] = []
  const agent = (globalThis as unknown as { headwater?: { apm: FullAgent } }).headwater?.apm
  const native = fetch
  const loaded = new Promise((resolve) => addEventListener('load', resolve))
  if (options) seen.push(typeof initApm({ ...options }))
  else seen.push('object')
  agent?.getCurrentTransaction()?.keep()
  const inFlight = fetch('/echo?slow')
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  for (const headers of [{}, { tracestate: 'a=1' }, { traceparent }]) {
    const response = await fetch('/echo', { headers })
    seen.push(response.status, ((await response.json()) as { method: string }).method)
    seen.push(
      await new Promise((resolve) => {
        const xhr = new XMLHttpRequest()
        xhr.open('POST', '/echo')
        for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value)
        xhr.onloadend = () => resolve([xhr.status, xhr.responseText.length > 0])
        xhr.send('body')
      }),
    )
  }
  const given = await fetch('/never', { signal: AbortSignal.timeout(20) }).catch((error: unknown) => error)
  seen.push((given as Error).name)
  dispatchEvent(new ErrorEvent('error', { message: 'of the page' }))
  seen.push(navigator.sendBeacon('/echo', 'x'))
  new EventSource('/never').close()
  agent?.diagnostics()
  agent?.addLabels({ team: 'river' })
  agent?.addLabels({ team: 'sea' })
  for (const name of ['first', 'second', 'third']) {
    const span = agent?.startTransaction(name, 'custom', { managed: true, canReuse: true })
    agent?.getTraceparent()
    agent?.getSessionId()
    span?.addEvent('seen')
    agent?.withSpan(span, () => agent.startSpan('below')?.end())
    span?.removeTask(span.addTask())
    const place = location.href
    history.pushState(null, '', `/page/${name}`)
    history.replaceState(null, '', place)
  }
  await loaded
  await new Promise((resolve) => setTimeout(resolve, 30))
  seen.push((await fetch('/status/404')).status)
  await agent?.flush()
  agent?.pause()
  seen.push((await fetch('/echo')).status)
  agent?.resume()
  agent?.setConsent('granted')
  seen.push((await fetch('/echo')).status)
  dispatchEvent(new Event('online'))
  dispatchEvent(new Event('pagehide'))
  seen.push((await inFlight).status)
  if (agent && !agent.isActive()) seen.push(fetch === native)
  return seen
}

interface FullAgent {
  isActive(): boolean
  flush(): Promise<void>
  pause(): void
  resume(): void
  setConsent(consent: string): void
  diagnostics(): object
  addLabels(labels: object): void
  getCurrentTransaction(): { keep(): boolean } | undefined
  getTraceparent(): string | undefined
  getSessionId(): string | undefined
  startTransaction(name: string, type: string, options: object): FullTransaction | undefined
  startSpan(name: string): { end(): void } | undefined
  withSpan(span: FullTransaction | undefined, work: () => void): void
}

interface FullTransaction {
  addTask(): string
  removeTask(task: string): void
  addEvent(name: string): void
}

/** A page that does all that, after what `prepare` does. */
function page(prepare: string, options: object | undefined): { head: string } {
  const agent = '<script src="/headwater.full.min.js"></script>'
  const run = `globalThis.seen = (${String(useEverything)})(${options ? source(options) : ''})`
  return { head: `<script>${prepare}</script>${options ? agent : ''}<script>${run}</script>` }
}

const sawOf = (visit: Visit) => visit.page.evaluate(() => seen)
const trapped = (visit: Visit) => visit.page.evaluate(() => 'trapped' in globalThis)
const ofOurs = (visit: Visit) => visit.console.filter((line) => line.includes('[headwater]'))

/** How often a trap was injected, and stayed where it was. */
let contained = 0

test.describe('a trap', () => {
  test.describe.configure({ mode: 'default' })
  test.afterAll(() => console.log(`\n${contained} injected traps contained\n`))

  for (const [name, short] of Object.entries(NAMES)) {
    // It is no function; and the others need a full disk, and a collector that shows its clock.
    if (['memory', 'lose', 'compareClocks'].includes(name)) continue
    test(`in ${name}`, async ({ open, demo }) => {
      const options = { ...OPTIONS, serverUrl: demo.collector }
      const plain = await sawOf(await open(page('', undefined)))
      let reached = 0
      // What a later call finds is up to the module, whatever the browser.
      for (const at of browser === 'chromium' ? [1, 2, 3] : [1])
        for (const after of [false, true]) {
          const inject = `(${String(trapAt)})('${short}', ${at}, ${after})`
          const visit = await open(page(inject, options))
          const saw = await sawOf(visit)
          expect(visit.errors, `${at} ${after}`).toEqual([])
          if (!(await trapped(visit))) {
            expect(saw, `${at} ${after}: not reached`).toEqual(plain)
            continue
          }
          reached += 1
          contained += 1
          expect(saw, `${at} ${after}`).toEqual([...plain, true])
          expect(ofOurs(visit), `${at} ${after}`).toEqual([
            expect.stringMatching(/switched itself off|could not start/),
          ])
        }
      expect(reached, 'a trap was injected').toBeGreaterThan(1)
    })
  }

  test('where the memory cannot grow', async ({ open, demo }) => {
    const options = {
      ...OPTIONS,
      serverUrl: demo.collector,
      distributedTracing: false,
      flushInterval: 60_000,
    }
    const agent = '<script src="/headwater.full.min.js"></script>'
    const visit = await open(
      {
        head: `<script>(${String(freezeMemory)})()</script>${agent}<script>
        initApm(${source(options)})
        globalThis.seen = (async () => {
          const statuses = new Set()
          // Held while the page load is open, as its decision may change.
          for (let index = 0; index < 400; index += 1)
            statuses.add((await fetch('/echo?' + 'x'.repeat(3_500) + index)).status)
          return [...statuses]
        })()</script><img alt="" src="/never">`,
      },
      'domcontentloaded',
    )
    expect(await sawOf(visit)).toEqual([200])
    expect(await visit.page.evaluate(() => headwater.apm.isActive())).toBe(false)
    expect(ofOurs(visit)).toEqual([expect.stringContaining('could not start')])
    expect(visit.errors).toEqual([])
  })
})

for (const [what, prepare] of [
  ['no random numbers', 'crypto.getRandomValues = () => { throw new Error("none") }'],
  ['a clock that throws', 'performance.now = () => { throw new Error("none") }'],
  ['a console that throws', 'console.error = console.warn = () => { throw new Error("none") }'],
  [
    'storage that is blocked',
    'Object.defineProperty(window, "localStorage", { get() { throw new Error("none") } })',
  ],
  ['no WebAssembly', 'delete window.WebAssembly'],
  ['no TextEncoder', 'delete window.TextEncoder'],
] as const) {
  test(`a page with ${what} works as without the agent`, async ({ open, demo }) => {
    const plain = await sawOf(await open(page(prepare, undefined)))
    const visit = await open(page(prepare, { ...OPTIONS, serverUrl: demo.collector }))
    const saw = await sawOf(visit)
    if (saw.at(-1) === true) saw.pop()
    expect(saw).toEqual(plain)
    expect(visit.errors).toEqual([])
  })
}

declare const seen: Promise<unknown[]>
