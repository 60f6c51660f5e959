/** One agent: starts, stops, and holds what belongs to it. */
import { createBacklog } from './backlog.js'
import { askBeforeSend } from './before-send.js'
import { packAttributes } from './attributes.js'
import { configure, leaveUncompressed, reconfigure, reportFacts, reportSession } from './configure.js'
import { toCustom, toLabels, toUser } from './context.js'
import { answerReader } from './hooks/answer.js'
import { hookClicks } from './hooks/clicks.js'
import { errorReporter, hookErrors } from './hooks/errors.js'
import { hookExperience } from './hooks/experience.js'
import { hookFetch } from './hooks/fetch.js'
import { hookHistory } from './hooks/history.js'
import { hookLifecycle } from './hooks/lifecycle.js'
import { hookPageLoad, hookServerTiming } from './hooks/performance.js'
import { isRegExp, matcher, nativeTimer, quietly } from './hooks/patch.js'
import { hookVitals } from './hooks/vitals.js'
import { hookXhr } from './hooks/xhr.js'
import { idleRunner } from './idle.js'
import { loadModule, type Host, type Module } from './load-wasm.js'
import type { Config } from './options.js'
import { createSender } from './send.js'
import { keepSession, storedSession } from './session.js'
import { createSpans, type Spans } from './span.js'
import type { Agent, Diagnostics, Filter, Target, TransactionObserver } from './types.js'

/** Makes an agent that is not started yet. */
export function createAgent(): Agent {
  let running: ReturnType<typeof start>
  const filters: Filter[] = []
  const observers = new Map<TransactionObserver, string>()
  /** Of every start. */
  const labels: Record<string, unknown> = {}
  const add = (more: Record<string, unknown>) => {
    Object.assign(labels, more)
    if (Object.keys(more).length) running?.module.call('addLabels', packAttributes(more))
  }
  let name: string | undefined
  const agent: Agent = {
    init(config) {
      if (running) {
        console.warn('[headwater] init was called before; this call is ignored')
      } else if (agent.isEnabled()) {
        try {
          running = start(
            PROTOCOLS && name ? { pageLoadTransactionName: name, ...config } : config,
            () => (running = undefined),
            filters,
            observers,
          )
          if (PROTOCOLS) add(labels)
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
    flush: () => running?.flush() ?? Promise.resolve({ sent: 0, waiting: 0, lost: 0 }),
    captureError: (error, options) => {
      if (PROTOCOLS) running?.errors?.report(error, true, '', options?.labels)
    },
    getCurrentTransaction: () => (PROTOCOLS ? running?.spans?.current() : undefined),
    diagnostics: () =>
      FULL && running
        ? (JSON.parse(running.module.ask('diagnostics') || '{}') as Diagnostics)
        : {
            origins: {},
            ignoredTraces: 0,
            droppedSpans: 0,
            droppedAttributes: 0,
            sentSpans: 0,
            waitingSpans: 0,
            refusedSpans: 0,
          },
    pause: () => running?.pause(0, 1),
    resume: () => running?.pause(0, 0),
    setConsent: (consent) => running?.pause(1, +(consent !== 'granted')),
    stop() {
      running?.stop()
    },
  }
  if (PROTOCOLS) {
    agent.startTransaction = (...given) => quietly(() => running?.spans?.startTransaction(...given))
    agent.startSpan = (...given) => quietly(() => running?.spans?.startSpan(...given))
    agent.getTraceparent = () => running?.module.ask('traceparent', '', 0) || undefined
    agent.observe = (event, observer) => {
      // One function may hear of both.
      const own: TransactionObserver = (transaction) => observer(transaction)
      observers.set(own, event)
      return () => observers.delete(own)
    }
    agent.setCustomContext = (custom) => quietly(() => add(toCustom(custom)))
    agent.withSpan = (span, work) => (span && running?.spans ? running.spans.run(span, work) : work())
    agent.addLabels = (more) => quietly(() => add(toLabels(more)))
    agent.setUserContext = (user) => quietly(() => add(toUser(user)))
    agent.setInitialPageLoadName = (text: unknown) => {
      if (typeof text !== 'string') return
      name = text
      if (running) reconfigure(running.module, 'pageLoadTransactionName', text)
    }
  }
  // There is no room for it in the other two.
  if (PROTOCOLS && !FULL) {
    agent.addFilter = (filter) => {
      if (typeof filter !== 'function') return console.error('[headwater] addFilter: not a function')
      filters.push(filter)
      if (running) leaveUncompressed(running.module)
    }
  }
  return agent
}

/** @returns nothing if the agent is to stay inactive. */
function start(
  given: Config,
  stopped: () => void,
  filters: readonly Filter[],
  observers: ReadonlyMap<TransactionObserver, string>,
) {
  const config = { ...given }
  const log = console
  const undo: (() => void)[] = []
  let ended = false
  const stop = () => {
    if (FULL) ended = true
    module.close()
    // Last in, first out, as hooks may stand on each other.
    for (const step of undo.splice(0).reverse()) step()
    stopped()
  }

  const patterns = [config.distributedTracingOrigins]
    .flat()
    .map((entry) => (FULL && (entry as Target | undefined)?.match) || entry)
    .filter(isRegExp)
    .map(matcher)
  let target: string[] = []
  const sender = createSender(
    config,
    () => target,
    (number, status, retryAfter, answer, date) => {
      if (FULL && date) module.call('compareClocks', '', Date.parse(date))
      module.call('settle', answer, number, status, retryAfter)
    },
    filters,
  )
  const backlog = createBacklog(
    () => target[0] ?? '',
    (key, record) => module.call('taken', record, key),
    (record) => FULL && module.call('lose', record),
  )
  undo.push(() => backlog.close())
  /** Has what the browser may tell late told now, before it is sent without. */
  let catchUp: (() => void) | undefined
  let timer: number | undefined
  undo.push(() => nativeTimer('clearTimeout')(timer))
  const whenIdle = PROTOCOLS ? idleRunner(undo) : undefined
  const host: Host = {
    firstMatch: (origin) => patterns.findIndex((matches) => matches(origin)),
    origin(url) {
      try {
        const { protocol, origin } = new URL(url)
        return /^https?:$/.test(protocol) ? origin : ''
      } catch {
        return ''
      }
    },
    startTimer(milliseconds) {
      const due = () => {
        if (FULL) catchUp?.()
        module.call('timer')
      }
      timer = nativeTimer('setTimeout')(PROTOCOLS ? () => whenIdle?.(due) : due, milliseconds)
    },
    send: sender.send,
    ...backlog,
    log: (level, text) => (log[LEVELS[level] ?? 'error'] as (text: string) => void)(`[headwater] ${text}`),
  }
  if (FULL) {
    host.store = keepSession
    host.sendLater = sender.sendLater
    host.beforeSend = (span) => (config.beforeSend ? askBeforeSend(config.beforeSend, span, log) : '')
    host.sample = (kind, name, url) => {
      try {
        const type = TRACE_TYPES[kind] ?? 'custom'
        const rate = config.tracesSampler?.({ type, name, url }) ?? undefined
        return rate === undefined ? NaN : Number(rate) >= 0 ? +rate : -1
      } catch {
        return -1
      }
    }
  }
  const module: Module = loadModule(host, (error) => {
    stop()
    log.error('[headwater] failed and has switched itself off; the page is not affected', error)
  })
  if (!configure(module, config, log)) return undefined
  reportFacts(module)
  const readSession = () => {
    if (FULL && config.samplingMode === 'session') reportSession(module, storedSession())
  }
  if (FULL && (config.consent ?? 'granted') === 'granted') readSession()
  const hooks = module.call('start', '', performance.timeOrigin)
  if (!hooks) return undefined
  const endpoint = module.ask('endpoint')
  if (!endpoint) return undefined
  target = endpoint.split('\n')
  if (PROTOCOLS && !FULL && filters.length) leaveUncompressed(module)

  let lastId = 0
  const nextId = () => (lastId = (lastId + 1) >>> 0)
  const readAnswer =
    FULL && hooks & ANSWERS ? answerReader(config.trustedRemoteEnvironments ?? []) : undefined
  const errors = PROTOCOLS ? errorReporter(module, config.ignoreErrors ?? []) : undefined
  let spans: Spans | undefined
  const endPageLoad =
    hooks & PAGE_LOAD
      ? hookPageLoad(module, !!readAnswer, PROTOCOLS ? () => spans?.closePage() ?? '' : undefined, undo)
      : () => undefined
  if (PROTOCOLS) {
    const report = (error: unknown) => errors?.report(error, true)
    spans = createSpans(module, report, observers, endPageLoad, undo)
    if (hooks & HISTORY) hookHistory(module, spans, undo)
    if (hooks & CLICK && hooks & EVENT_TARGET) hookClicks(spans, undo)
  }
  if (hooks & FETCH) hookFetch(module, nextId, readAnswer, errors, undo)
  if (hooks & XML_HTTP_REQUEST) hookXhr(module, nextId, readAnswer, undo)
  if (errors && hooks & (ERRORS | FAILURES)) hookErrors(errors, undo)
  if (FULL && readAnswer) catchUp = hookServerTiming(module, undo)
  const tellVitals =
    PROTOCOLS && hooks & WEB_VITALS ? (FULL ? hookVitals : hookExperience)(module, undo) : undefined
  const end = () => {
    sender.leaving = true
    // Once whoever calls this has sent what there is.
    void Promise.resolve().then(() => (sender.leaving = false))
    catchUp?.()
    endPageLoad()
  }
  const leave = hookLifecycle(
    module,
    FULL ? end : endPageLoad,
    (hidden, left) => spans?.tend(hidden, left),
    undo,
  )
  // A hook has called the module, which has failed: what was installed since goes, too.
  if (FULL && ended) {
    stop()
    return undefined
  }
  return {
    module,
    errors,
    spans,
    /** For want of consent, or else on the page's word. Both are 0 or 1. */
    pause(consent: number, on: number) {
      if (FULL && consent > on) readSession()
      if (consent < on) {
        tellVitals?.()
        leave()
      }
      module.call('pause', '', consent, on)
    },
    async flush() {
      if (FULL) catchUp?.()
      module.call('flush', '', 0)
      await sender.settled()
      const [sent = 0, waiting = 0, lost = 0] = [0, 1, 2].map((which) => module.call('count', '', which))
      return { sent, waiting, lost }
    },
    stop() {
      tellVitals?.()
      if (PROTOCOLS) spans?.tend(1, 1)
      module.call('leave')
      stop()
    },
  }
}

// The bits that `start` of the module returns (`crate/src/lib.rs`).
const PAGE_LOAD = 1
const FETCH = 2
const XML_HTTP_REQUEST = 4
const HISTORY = 1 << 3
const EVENT_TARGET = 1 << 4
const CLICK = 1 << 5
const ERRORS = 1 << 6
const WEB_VITALS = 1 << 7
const FAILURES = 1 << 28
const ANSWERS = 1 << 29

/** What a trace begins with: `Host::sample` in `crate/src/host.rs`. */
const TRACE_TYPES = [
  'http-request',
  'page-load',
  'custom',
  'custom',
  'user-interaction',
  'route-change',
] as const

/** `LogLevel` in `crate/src/options`. */
const LEVELS = ['debug', 'debug', 'info', 'warn', 'error'] as const
