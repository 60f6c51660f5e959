/** One agent: starts, stops, and holds what belongs to it. */
import { configure, reportFacts } from './configure.js'
import { hookFetch } from './hooks/fetch.js'
import { hookLifecycle } from './hooks/lifecycle.js'
import { hookPageLoad } from './hooks/performance.js'
import { hookXhr } from './hooks/xhr.js'
import { loadModule, type Module } from './load-wasm.js'
import type { Config } from './options.js'
import { createSender } from './send.js'
import type { Agent } from './types.js'

/** Makes an agent that is not started yet. */
export function createAgent(): Agent {
  let running: { flush(): Promise<void>; stop(): void } | undefined
  const agent: Agent = {
    init(config) {
      if (running) {
        console.warn('[headwater] init was called before; this call is ignored')
      } else if (agent.isEnabled()) {
        try {
          running = start(config, () => (running = undefined))
        } catch (error) {
          // Content Security Policy without 'wasm-unsafe-eval', or a browser from before WebAssembly.
          console.error('[headwater] could not start; the agent is inactive', error)
        }
      }
      return agent
    },
    isActive: () => !!running,
    isEnabled: () =>
      typeof document === 'object' && typeof WebAssembly === 'object' && typeof fetch === 'function',
    flush: () => running?.flush() ?? Promise.resolve(),
    stop() {
      running?.stop()
    },
  }
  return agent
}

/** @returns nothing if the agent is to stay inactive. */
function start(config: Config, stopped: () => void) {
  const log = console
  const undo: (() => void)[] = []
  const stop = () => {
    module.close()
    // Last in, first out, as hooks may stand on each other.
    for (const step of undo.splice(0).reverse()) step()
    stopped()
  }

  // Copies: a global or sticky RegExp has state, which is the caller's.
  const patterns = [config?.distributedTracingOrigins]
    .flat()
    .filter((entry) => entry instanceof RegExp)
    .map((pattern) => new RegExp(pattern))
  const sender = createSender({ ...config?.headers }, (bytes, status) => module.settle(bytes, status))
  let timer: ReturnType<typeof setTimeout> | undefined
  undo.push(() => clearTimeout(timer))
  const module: Module = loadModule(
    {
      matches: (origin) =>
        patterns.some((pattern) => {
          // It would start where it ended last time.
          pattern.lastIndex = 0
          return pattern.test(origin)
        }),
      origin(url) {
        try {
          const { protocol, origin } = new URL(url)
          return /^https?:$/.test(protocol) ? origin : ''
        } catch {
          return ''
        }
      },
      startTimer(milliseconds) {
        timer = setTimeout(() => module.timer(), milliseconds)
      },
      send: (url, body, keepalive) => sender.send(url, body, keepalive),
      log: (level, text) => (log[LEVELS[level] ?? 'error'] as (text: string) => void)(`[headwater] ${text}`),
    },
    (error) => {
      stop()
      log.error('[headwater] failed and has switched itself off; the page is not affected', error)
    },
  )
  if (!configure(module, config ?? {}, log)) return undefined
  reportFacts(module)
  const hooks = module.start()
  if (!hooks) return undefined

  let lastId = 0
  const nextId = () => (lastId = (lastId + 1) >>> 0)
  const endPageLoad = hooks & Hook.PageLoad ? hookPageLoad(module, undo) : () => undefined
  if (hooks & Hook.Fetch) hookFetch(module, nextId, undo)
  if (hooks & Hook.XmlHttpRequest) hookXhr(module, nextId, undo)
  hookLifecycle(module, endPageLoad, undo)
  return {
    flush() {
      module.flush()
      return sender.settled()
    },
    stop() {
      module.leave()
      stop()
    },
  }
}

/** The bits that `start` of the module returns: `Instrumentation` in `crate/src/options`. */
const Hook = { PageLoad: 1, Fetch: 2, XmlHttpRequest: 4 } as const

/** `LogLevel` in `crate/src/options`. */
const LEVELS = ['debug', 'debug', 'info', 'warn', 'error'] as const
