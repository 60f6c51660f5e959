/**
 * WebKit, in the shape of what these tests use of Playwright, which has no driver for a WebKit that is not its own.
 * This one is WebKitGTK's, over classic WebDriver: without the console, init scripts and CDP.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import { Session, sleep } from './webdriver.js'

export class WebKit {
  readonly #screen: ChildProcess | undefined
  readonly #env: NodeJS.ProcessEnv
  #version = ''

  private constructor(screen: ChildProcess | undefined, env: NodeJS.ProcessEnv) {
    this.#screen = screen
    this.#env = env
  }

  /** With a screen of its own, if there is none. */
  static async launch(): Promise<WebKit> {
    if (process.env['DISPLAY']) return new WebKit(undefined, process.env)
    const screen = spawn('Xvfb', ['-displayfd', '3', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    const pipe = screen.stdio[3]
    if (!pipe) throw new Error('no pipe to Xvfb')
    const failed = once(screen, 'error').then(([error]) => Promise.reject(error as Error))
    const [number] = (await Promise.race([once(pipe, 'data'), failed])) as [Buffer]
    return new WebKit(screen, { ...process.env, DISPLAY: `:${number.toString().trim()}` })
  }

  version(): string {
    return this.#version
  }

  /** A browser of its own: its storage and its service workers go with it. */
  async newContext(): Promise<WebKitContext> {
    const session = await Session.start(process.env['WEBKIT_DRIVER'] ?? 'WebKitWebDriver', this.#env, {
      acceptInsecureCerts: true,
      // Pages whose load event never comes are opened too.
      pageLoadStrategy: 'none',
    })
    this.#version = String(session.capabilities['browserVersion'])
    return new WebKitContext(session)
  }

  close(): void {
    this.#screen?.kill()
  }
}

export class WebKitContext {
  readonly #session: Session
  readonly #pages = new Set<WebKitPage>()

  constructor(session: Session) {
    this.#session = session
  }

  async newPage(): Promise<WebKitPage> {
    const page = new WebKitPage(this.#session, await this.#session.open(), this)
    this.#pages.add(page)
    return page
  }

  async close(): Promise<void> {
    await this.#session.end()
  }
}

type Listener = (told: never) => void

export class WebKitPage {
  readonly #session: Session
  readonly #window: string
  readonly #context: WebKitContext
  readonly #listeners: Record<string, Listener[]> = {}
  #url = 'about:blank'
  #count = 0
  #closed = false

  constructor(session: Session, window: string, context: WebKitContext) {
    this.#session = session
    this.#window = window
    this.#context = context
  }

  context(): WebKitContext {
    return this.#context
  }

  url(): string {
    return this.#url
  }

  on(event: string, listener: Listener): void {
    ;(this.#listeners[event] ??= []).push(listener)
  }

  /**
   * In short commands, so that the page may take its time, and others may be asked meanwhile. Values pass
   * as JSON.
   */
  async evaluate(task: unknown, given?: unknown): Promise<unknown> {
    const key = (this.#count += 1)
    const call = typeof task === 'function' ? `(${String(task)})(arguments[0])` : `(${String(task)})`
    // No `then` of the page's is called, nor its `eval`, which its policy may forbid.
    const begin = `
      const slots = globalThis[${SLOTS}] ?? Object.defineProperty(globalThis, ${SLOTS}, { value: {} })[${SLOTS}];
      (async () => {
        try {
          slots[${key}] = JSON.stringify({ value: await ${call} })
        } catch (error) {
          slots[${key}] = JSON.stringify({ error: String(error) })
        }
      })()`
    await this.#execute(begin, [given])
    for (;;) {
      const answer = await this.#answer(key)
      if (answer) {
        if (answer.error !== undefined) throw new Error(`page.evaluate: ${answer.error}`)
        return answer.value
      }
      await sleep(5)
    }
  }

  async #answer(key: number): Promise<{ value?: unknown; error?: string } | undefined> {
    const [text, told, url] = (await this.#execute(
      `const slots = globalThis[${SLOTS}]
       if (!slots) return ['{"error":"the page went away"}', [], location.href]
       const text = slots[${key}]
       delete slots[${key}]
       return [text ?? '', globalThis[${TOLD}]?.splice(0) ?? [], location.href]`,
    )) as [string, Told[], string]
    this.#url = url
    for (const { type, text } of told) {
      const message = type === 'pageerror' ? errorOf(text) : { type: () => type, text: () => text }
      const event = type === 'pageerror' ? 'pageerror' : 'console'
      this.#listeners[event]?.forEach((listener) => listener(message as never))
    }
    return text ? (JSON.parse(text) as { value?: unknown; error?: string }) : undefined
  }

  async goto(url: string, options: { waitUntil?: string } = {}): Promise<void> {
    await this.#navigate(options.waitUntil, () => this.#command('POST', '/url', { url }))
  }

  async reload(options: { waitUntil?: string } = {}): Promise<void> {
    await this.#navigate(options.waitUntil, () => this.#command('POST', '/refresh'))
  }

  async goBack(options: { waitUntil?: string } = {}): Promise<void> {
    await this.#navigate(options.waitUntil, () => this.#command('POST', '/back'))
  }

  async waitForFunction(condition: () => unknown): Promise<void> {
    while (!(await this.evaluate(condition))) await sleep(20)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#command('DELETE', '/window')
  }

  /** Only ever clicked. */
  locator(selector: string): { click: () => Promise<void> } {
    return {
      click: async () => {
        const found = await this.#command('POST', '/element', { using: 'css selector', value: selector })
        const [element] = Object.values(found as Record<string, string>)
        await this.#command('POST', `/element/${element}/click`)
      },
    }
  }

  /** @param until - how far the new page has to be. */
  async #navigate(until = 'load', go: () => Promise<unknown>): Promise<void> {
    const mark = (this.#count += 1)
    await this.#execute(`globalThis[${LEFT}] = ${mark}`)
    await go()
    const states = { load: ['complete'], domcontentloaded: ['interactive', 'complete'] }[until] ?? ['']
    const end = Date.now() + 15_000
    for (;;) {
      // Between two documents there may be none to ask.
      const state = await this.#execute(
        `return [globalThis[${LEFT}] === ${mark} ? 'left' : document.readyState, location.href]`,
      ).catch(() => undefined)
      const [now, url] = (state ?? ['left', '']) as [string, string]
      if (now !== 'left' && (states.includes(now) || until === 'commit')) {
        this.#url = url
        return
      }
      if (Date.now() > end) throw new Error(`${until} of the page did not come: ${now}`)
      await sleep(10)
    }
  }

  #execute(script: string, given: unknown[] = []): Promise<unknown> {
    const plain = given.map((value) => value ?? null)
    return this.#command('POST', '/execute/sync', { script, args: plain })
  }

  #command(method: string, command: string, body?: object): Promise<unknown> {
    return this.#session.in(this.#window, method, command, body)
  }
}

function errorOf(text: string): Error {
  const [, name, message] = /^(\w*Error): ([^]*)$/.exec(text) ?? []
  return Object.assign(new Error(message ?? text), name && { name })
}

interface Told {
  type: string
  text: string
}

const SLOTS = "Symbol.for('evaluations')"
const LEFT = "Symbol.for('left')"
const TOLD = "Symbol.for('told')"

/** Has to run first in each page: the driver does not tell what a page says on its console, or throws. */
export function listen(): void {
  const told: Told[] = []
  Object.defineProperty(globalThis, Symbol.for('told'), { value: told })
  for (const [type, name] of [
    ['log', 'log'],
    ['info', 'info'],
    ['debug', 'debug'],
    ['warning', 'warn'],
    ['error', 'error'],
  ] as const) {
    const native = Reflect.get(console, name) as (...words: unknown[]) => void
    console[name] = (...words: unknown[]) => {
      told.push({ type, text: words.map(String).join(' ') })
      Reflect.apply(native, console, words)
    }
  }
  addEventListener('error', ({ error, message }) =>
    told.push({ type: 'pageerror', text: String(error ?? message) }),
  )
  addEventListener('unhandledrejection', ({ reason }) =>
    told.push({ type: 'pageerror', text: String(reason) }),
  )
}
