/** One agent: starts, stops, and holds what belongs to it. */
import { createBacklog } from './backlog.js'
import type { ElasticAgent, ElasticConfig } from './elastic-types.js'
import { askBeforeSend } from './before-send.js'
import { packAttributes } from './attributes.js'
import {
  configure,
  leaveUncompressed,
  readFacts,
  reconfigure,
  reportFact,
  reportSession,
} from './configure.js'
import { toContext, toCustom, toLabels, toUser } from './context.js'
import { centralConfig, ignoring, withoutElastic } from './elastic-config.js'
import { answerReader } from './hooks/answer.js'
import { hookClicks } from './hooks/clicks.js'
import { hookBeacons, hookEventSource, hookWebSocket } from './hooks/connections.js'
import { errorReporter, hookErrors } from './hooks/errors.js'
import { hookExperience } from './hooks/experience.js'
import { hookFetch } from './hooks/fetch.js'
import { graphqlReader } from './hooks/graphql.js'
import { hookHistory } from './hooks/history.js'
import { hookLifecycle } from './hooks/lifecycle.js'
import { hookMeasures } from './hooks/measures.js'
import { hookPageLoad, hookTiming } from './hooks/performance.js'
import { isRegExp, matcher, nativeTimer, quietly } from './hooks/patch.js'
import { hookReports } from './hooks/reports.js'
import { hookVitals } from './hooks/vitals.js'
import { hookXhr } from './hooks/xhr.js'
import { idleRunner } from './idle.js'
import { loadModule, type Host, type Module } from './load-wasm.js'
import type { Config } from './options.js'
import { createSender, type Filters } from './send.js'
import { hookSession, keepSession, storedSession } from './session.js'
import { createSpans, TYPES, type Spans } from './span.js'
import type { Agent, Diagnostics, Target, TransactionObserver } from './types.js'

// The bits that `start` of the module returns (`crate/src/lib.rs`).
const PAGE_LOAD = 1
const FETCH = 2
const XML_HTTP_REQUEST = 4
const HISTORY = 1 << 3
const EVENT_TARGET = 1 << 4
const CLICK = 1 << 5
const ERRORS = 1 << 6
const WEB_VITALS = 1 << 7
const WEB_SOCKET = 1 << 8
const EVENT_SOURCE = 1 << 9
const FAILURES = 1 << 28
const ANSWERS = 1 << 29

/** Without one of {@link DECIDING}. */
const USUAL =
  PAGE_LOAD |
  FETCH |
  XML_HTTP_REQUEST |
  (PROTOCOLS ? HISTORY | EVENT_TARGET | CLICK | ERRORS | WEB_VITALS : 0) |
  (FULL ? WEB_SOCKET | EVENT_SOURCE : 0)

/** Makes an agent that is not started yet. */
export function createAgent(): Agent {
  let running: ReturnType<typeof start>
  const filters: Filters = []
  const observers = (PROTOCOLS ? new Map() : undefined) as Map<TransactionObserver, string>
  /** Of every start. */
  const labels: Record<string, unknown> = {}
  const add = (more: Record<string, unknown>) => {
    Object.assign(labels, more)
    if (Object.keys(more).length) running?.module.later('addLabels', packAttributes(more))
  }
  let name: string | undefined
  /** What `headwater/elastic` was configured with. */
  const elastic: ElasticConfig = {}
  if (PROTOCOLS && !FULL) filters.config = elastic
  let ignores = false
  let central: ReturnType<typeof centralConfig> | undefined
  const asksServer = () => elastic.centralConfig && isGranted(elastic)
  const learn = (given: ElasticConfig | null | undefined) => {
    const more = given ?? {}
    Object.assign(elastic, more)
    if (more.ignoreTransactions && !ignores) {
      ignores = true
      agent.addFilter?.(ignoring(elastic))
    }
    if (more.context) add(toContext(more.context))
  }
  const agent: Agent = {
    init(config) {
      if (running) {
        console.warn('[headwater] init was called before; this call is ignored')
      } else if (agent.isEnabled()) {
        try {
          if (PROTOCOLS && !FULL) {
            learn(config)
            // Ahead of our patch.
            central = centralConfig(elastic, fetch)
            const stored = asksServer() ? central.stored() : {}
            config = withoutElastic({ ...elastic, ...stored })
          }
          running = start(
            PROTOCOLS && name ? { pageLoadTransactionName: name, ...config } : config,
            () => (running = undefined),
            filters,
            observers,
          )
          if (PROTOCOLS) add(labels)
          if (PROTOCOLS && !FULL && running && asksServer()) void (agent as ElasticAgent).fetchCentralConfig()
        } catch (error) {
          // Such as a member of the configuration that throws when it is read.
          console.error(COULD_NOT_START, error)
        }
      }
      return agent
    },
    isActive() {
      running?.module.wake()
      return !!running
    },
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
    agent.getSessionId = () => running?.module.ask('session') || undefined
    agent.getTraceparent = () => running?.module.ask('traceparent', '', 0) || undefined
    agent.getActiveSpan = () => running?.spans?.active()
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
    const more: Partial<ElasticAgent> = {
      config: (given) =>
        quietly(() => {
          learn(given)
          if (running) configure(running.module, withoutElastic(given), console, true)
        }),
      async fetchCentralConfig() {
        const [options, received] = (await central?.ask()) ?? [{}]
        more.config?.(options)
        return received
      },
      // Elastic's integrations of frameworks warn by it.
      serviceFactory: {
        instances: {},
        getService: (service) => (service === 'LoggingService' ? console : undefined),
      },
    }
    Object.assign(agent, more)
    agent.addFilter = (filter) => {
      if (typeof filter !== 'function') return console.error('[headwater] addFilter: not a function')
      filters.push(filter)
      if (running) leaveUncompressed(running.module)
    }
  }
  return agent
}

const isGranted = ({ consent }: { consent?: string | undefined }) => (consent ?? 'granted') === 'granted'

/** @returns nothing if the agent is to stay inactive. */
function start(
  given: Config,
  stopped: () => void,
  filters: Filters,
  observers: ReadonlyMap<TransactionObserver, string>,
) {
  const config = { ...given }
  const log = console
  const undo: (() => void)[] = []
  let ended = false
  const stop = () => {
    ended = true
    module.close()
    // Last in, first out, as hooks may stand on each other.
    for (const step of undo.splice(0).reverse()) step()
    stopped()
  }

  const origins = [config.distributedTracingOrigins].flat()
  const patterns = (FULL ? origins.map((entry) => (entry as Target | undefined)?.match ?? entry) : origins)
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
  undo.push(backlog.close)
  /** Has what the browser may tell late told now, before it is sent without. */
  let catchUp: (() => void) | undefined
  let timer: number | undefined
  undo.push(() => nativeTimer('clearTimeout')(timer))
  const whenIdle = PROTOCOLS ? idleRunner(undo) : undefined
  const host: Partial<Host> = {
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
  if (PROTOCOLS) host.store = keepSession
  if (FULL) {
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
  let hooks = USUAL
  const facts = readFacts()
  const prepare = () => {
    if (configure(module, config, log)) {
      facts().forEach((fact, index) => reportFact(module, index, fact))
      if (PROTOCOLS) readSession()
      // Not before: to listen for `storage`, Chromium waits for what is stored.
      if (PROTOCOLS && hasSession) hookSession(readSession, undo)
      hooks = module.call('start', '', performance.timeOrigin) ?? 0
      target = hooks ? (module.ask('endpoint')?.split('\n') ?? []) : []
      if (PROTOCOLS && !FULL && filters.length) leaveUncompressed(module)
    }
    if (!target.length) stop()
  }
  const module: Module = loadModule(host as Host, prepare, (error) => {
    stop()
    // Content Security Policy without 'wasm-unsafe-eval', or a browser from before WebAssembly.
    log.error(target.length ? FAILED : COULD_NOT_START, error)
  })
  let consents = PROTOCOLS && isGranted(config)
  const hasSession = PROTOCOLS && (config.session !== false || (FULL && config.samplingMode === 'session'))
  const readSession = () => {
    if (hasSession && consents) reportSession(module, storedSession())
  }
  // Firefox stops the scripts of a tab that is closed, and right after a module was compiled they are too slow to have sent.
  if ('mozInnerScreenX' in globalThis || DECIDING.some((name) => name in config)) module.wake()
  if (ended) return undefined

  let lastId = 0
  const nextId = () => (lastId = (lastId + 1) >>> 0)
  const readAnswer =
    FULL && hooks & ANSWERS ? answerReader(config.trustedRemoteEnvironments ?? []) : undefined
  const errors = PROTOCOLS ? errorReporter(module, config.ignoreErrors ?? []) : undefined
  let spans: Spans | undefined
  let tellMeasures: (() => void) | undefined
  let tellVitals: ((goesOn?: boolean) => void) | undefined
  const endPageLoad =
    hooks & PAGE_LOAD
      ? hookPageLoad(
          module,
          !!readAnswer,
          PROTOCOLS
            ? (known) => {
                tellMeasures?.()
                if (!FULL) tellVitals?.(true)
                return spans?.closePage(known) ?? ''
              }
            : undefined,
          undo,
        )
      : () => undefined
  // There may be no other moment, or somebody waits for it.
  if (PROTOCOLS && !FULL)
    catchUp = () => {
      if (document.readyState === 'complete') endPageLoad()
    }
  const elastic = PROTOCOLS && !FULL ? filters.config : undefined
  const monitorsTasks = elastic?.monitorLongtasks !== false
  if (PROTOCOLS) {
    const report = (error: unknown) => errors?.report(error, true)
    spans = createSpans(module, report, observers, endPageLoad, undo, elastic)
    if (hooks & PAGE_LOAD) tellMeasures = hookMeasures(module, spans, undo, monitorsTasks)
    if (hooks & HISTORY) hookHistory(module, spans, undo)
    if (hooks & CLICK && hooks & EVENT_TARGET) hookClicks(spans, undo)
  }
  const readGraphql = FULL && config.graphql ? graphqlReader(config.graphql === 'body') : undefined
  if (hooks & FETCH) hookFetch(module, nextId, readAnswer, errors, undo, readGraphql)
  if (hooks & XML_HTTP_REQUEST) hookXhr(module, nextId, readAnswer, undo, readGraphql)
  if (errors && hooks & (ERRORS | FAILURES)) hookErrors(errors, undo)
  if (FULL && spans) {
    if (hooks & WEB_SOCKET) hookWebSocket(spans, undo)
    if (hooks & EVENT_SOURCE) hookEventSource(spans, undo)
    hookBeacons(module, undo)
  }
  if (PROTOCOLS && config.reports) hookReports(module, undo)
  if (FULL && hooks & (FETCH | XML_HTTP_REQUEST)) catchUp = hookTiming(module, !!readAnswer, undo)
  if (PROTOCOLS && hooks & WEB_VITALS)
    tellVitals = FULL
      ? hookVitals(module, undo, config.softNavigations)
      : hookExperience(module, undo, monitorsTasks)
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
    (hidden, left) => {
      if (PROTOCOLS && !FULL) tellVitals?.(!!left)
      if (PROTOCOLS) catchUp?.()
      spans?.tend(hidden, left)
    },
    undo,
  )
  // A task later, as frames begin ahead of what they paint.
  if (PROTOCOLS)
    quietly(() => nativeTimer('requestAnimationFrame')(() => nativeTimer('setTimeout')(module.late)))
  // A hook has called the module, which has failed: what was installed since goes, too.
  if (ended) {
    stop()
    return undefined
  }
  return {
    module,
    errors,
    spans,
    /** For want of consent, or else on the page's word. Both are 0 or 1. */
    pause(consent: number, on: number) {
      if (PROTOCOLS) {
        if (consent) consents = !on
        if (consent > on) readSession()
      }
      if (consent < on) {
        tellVitals?.()
        leave()
      }
      module.call('pause', '', consent, on)
    },
    async flush() {
      if (PROTOCOLS) catchUp?.()
      module.call('flush', '', 0)
      await sender.settled()
      const [sent = 0, waiting = 0, lost = 0] = [0, 1, 2].map((which) => module.call('count', '', which))
      return { sent, waiting, lost }
    },
    stop() {
      tellVitals?.()
      if (PROTOCOLS) {
        if (!FULL) catchUp?.()
        spans?.tend(1, 1)
      }
      module.call('leave')
      stop()
    },
  }
}

const COULD_NOT_START = '[headwater] could not start; the agent is inactive'
const FAILED = '[headwater] failed and has switched itself off; the page is not affected'

/** Options by which the module says which hooks there are. */
const DECIDING = [
  'active',
  'instrument',
  'disableInstrumentations',
  ...(PROTOCOLS ? ['protocol', 'sampleOnError', 'trustedRemoteEnvironments'] : []),
] as const

/** What a trace begins with: `Host::sample` in `crate/src/host.rs`. */
const TRACE_TYPES = ['http-request', 'page-load', ...TYPES] as const

/** `LogLevel` in `crate/src/options`. */
const LEVELS = ['debug', 'debug', 'info', 'warn', 'error'] as const
