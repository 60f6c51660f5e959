/** One session of a browser's own WebDriver, in a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import { freePort } from './free-port.js'

export class Session {
  readonly capabilities: Record<string, unknown>
  readonly #driver: ChildProcess
  readonly #base: string
  /** Commands go to the current window: one after the other, or they would meet in the wrong one. */
  #last: Promise<unknown> = Promise.resolve()
  #current: string
  /** Stays: the browser would end with its last window, and windows are opened from an open one. */
  readonly #first: string

  private constructor(
    driver: ChildProcess,
    base: string,
    first: string,
    capabilities: Begun['capabilities'],
  ) {
    this.#driver = driver
    this.#base = base
    this.#current = this.#first = first
    this.capabilities = capabilities
  }

  static async start(program: string, env: NodeJS.ProcessEnv, capabilities: object): Promise<Session> {
    const port = await freePort()
    const driver = spawn(program, [`--port=${port}`], { stdio: 'ignore', env })
    const failed = once(driver, 'error').then(([error]) => Promise.reject(error as Error))
    const server = `http://127.0.0.1:${port}`
    const end = Date.now() + 10_000
    const begin = async () => {
      for (;;) {
        try {
          const body = { capabilities: { alwaysMatch: capabilities } }
          return (await ask(`${server}/session`, 'POST', body)) as Begun
        } catch (error) {
          // It does not listen yet.
          if (!(error instanceof TypeError) || Date.now() > end) throw error
          await sleep(20)
        }
      }
    }
    const { sessionId, capabilities: granted } = await Promise.race([begin(), failed])
    const base = `${server}/session/${sessionId}`
    return new Session(driver, base, String(await ask(`${base}/window`, 'GET')), granted)
  }

  /** A window of its own: a tab in the background is a hidden page. */
  async open(): Promise<string> {
    const made = await this.in(this.#first, 'POST', '/window/new', { type: 'window' })
    return (made as { handle: string }).handle
  }

  /** What the command answers, in this window. */
  in(window: string, method: string, command: string, body?: object): Promise<unknown> {
    const done = this.#last.then(async () => {
      if (this.#current !== window) await ask(`${this.#base}/window`, 'POST', { handle: window })
      this.#current = window
      return ask(this.#base + command, method, body)
    })
    this.#last = done.catch(() => {
      this.#current = ''
    })
    return done
  }

  async end(): Promise<void> {
    const ended = once(this.#driver, 'exit')
    await ask(this.#base, 'DELETE').catch(() => undefined)
    this.#driver.kill()
    await ended
  }
}

interface Begun {
  sessionId: string
  capabilities: Record<string, unknown>
}

async function ask(url: string, method: string, body?: object): Promise<unknown> {
  const sent = method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}
  const response = await fetch(url, { method, ...sent })
  const { value } = (await response.json()) as { value: unknown }
  if (response.ok) return value
  const { error, message } = value as { error: string; message: string }
  throw new Error(`${error}: ${message}`)
}

export const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))
