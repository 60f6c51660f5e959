/**
 * Spans that the page's own code starts and ends, and transactions: what a visitor does, changes of the route, and
 * what the page's code calls so. When these are over, the module says (`crate/src/signal/activity.rs`).
 */
import { clean, packAttributes } from './attributes.js'
import { toContext, toLabels } from './context.js'
import { nativeTimer, quietly } from './hooks/patch.js'
import type { Module } from './load-wasm.js'
import type { ElasticConfig, ElasticSpanOptions, ElasticTransaction } from './elastic-types.js'
import type { Attributes, Link, Span, SpanOptions, Transaction, TransactionObserver } from './types.js'

/** `Cause` in `crate/src/signal/activity.rs`. */
export const INTERACTION = 2
export const ROUTE = 3
const MANAGED = 1
/** Further bits of what `startSpan` of the module takes. */
const IS_ROOT = 4
const CAN_REUSE = 8
const IS_BLOCKING = 16

/** Elastic's, by cause. */
export const TYPES = ['custom', 'custom', 'user-interaction', 'route-change'] as const
/** Of two the later one counts, and any other before them, for good: Elastic's precedence. */
const RANKS = ['', 'temporary', 'custom', 'http-request', 'user-interaction', 'route-change', 'page-load']

/** What the module calls the page load, as JavaScript reads it. */
const PAGE_LOAD = -1

/** The spans of one agent. */
export interface Spans {
  /** What the visitor has done, or a new route. */
  begin(cause: typeof INTERACTION | typeof ROUTE, name: string, start: number, attributes: Attributes): void
  startTransaction(name?: unknown, type?: SpanOptions | string | null, options?: SpanOptions): Transaction
  startSpan(name?: unknown, type?: SpanOptions | string | null, options?: SpanOptions): Span
  /** The transaction that is going on. */
  current(): Transaction | undefined
  /** What something that starts now is below. */
  active(): Span | undefined
  run<Result>(span: Span, work: () => Result): Result
  /** Ends what is over: of a page that is hidden, or left (0 or 1), whatever can. */
  tend(hidden?: number, left?: number): void
  /** The page load's name and attributes, these too, as `endPageLoad` of the module takes them. It is over. */
  closePage(attributes: Attributes): string
}

/**
 * @param report - records an exception.
 * @param observers - those of `observe`, by event.
 * @param endPageLoad - reports the page load now.
 * @param elastic - the options of `headwater/elastic`, which may change.
 */
export function createSpans(
  module: Module,
  report: (error: unknown) => void,
  observers: ReadonlyMap<TransactionObserver, string>,
  endPageLoad: () => void,
  undo: (() => void)[],
  elastic: ElasticConfig | undefined,
): Spans {
  const open = new Map<number, OwnSpan>()
  let last = 0
  let timer: number | undefined
  undo.push(() => {
    nativeTimer('clearTimeout')(timer)
    open.clear()
  })
  const tell = (event: string, transaction: OwnSpan) => {
    for (const [observer, wanted] of observers) if (wanted === event) quietly(() => observer(transaction))
  }

  class OwnSpan implements Transaction {
    name: string
    type: string
    outcome: string | undefined
    readonly traceId: string
    readonly id: string
    readonly sampled: boolean
    #ended: boolean
    #end: number | undefined
    #blocked = false
    /** OpenTelemetry's API's number. */
    kind = 0
    readonly #tasks = new Set<string | number>()
    readonly #given: Record<string, unknown> = {}
    #links = ''
    #context: string
    // Of `headwater/elastic`: Elastic's members, which the page may read and change.
    declare context: Groups
    declare marks: Groups
    declare spans: Span[]
    declare parentId: string | undefined
    declare redefine: ElasticTransaction['redefine']
    /** The transaction that it is in. */
    declare transaction: OwnSpan | undefined

    constructor(
      readonly number: number,
      name: unknown,
      type: string | undefined,
      readonly cause: number,
      readonly start: number,
      context: string,
      readonly isRoot: boolean,
      /** Whether the page's code has named it: a route does not any more. */
      public isOwn = true,
    ) {
      this.name = textOf(name)
      this.type = type || (TYPES[cause] ?? '')
      const [, traceId = '', id = '', flags] = context.split('-')
      this.traceId = traceId
      this.id = id
      this.sampled = !!(Number(flags) & 1)
      // Nothing is recorded, and every call is good all the same.
      this.#context = context
      this.#ended = !context
      if (!FULL) this.spans = []
    }

    get traceparent() {
      // Of the page load, the decision may change while it is open.
      if (this === page) this.#context = module.ask('traceparent', '', 1) || this.#context
      return this.#context
    }
    get spanId() {
      return this.id
    }
    get ended() {
      return this.#ended
    }
    isRecording() {
      return !this.#ended
    }
    isManaged() {
      return this.cause !== 0
    }
    spanContext() {
      return { traceId: this.traceId, spanId: this.id, traceFlags: +this.sampled }
    }
    setAttribute(key: string, value: unknown) {
      quietly(() => (this.#given[key] = value))
      return this
    }
    setAttributes(attributes: Attributes) {
      quietly(() => Object.assign(this.#given, attributes))
      return this
    }
    addLabels(labels: Attributes) {
      quietly(() => {
        const tags = toLabels(labels)
        if (FULL) Object.assign(this.#given, tags)
        else this.addContext({ tags })
      })
      return this
    }
    addContext(...contexts: object[]) {
      for (const context of contexts)
        quietly(() => {
          if (FULL) Object.assign(this.#given, toContext(context))
          else this.context = merged(this.context, context)
        })
      return this
    }
    mark(key: string) {
      this.addMarks({ custom: { [textOf(key).replace(/[.*"]/g, '_')]: performance.now() - this.start } })
    }
    addMarks(groups: Readonly<Record<string, Readonly<Record<string, number>>>>) {
      quietly(() => {
        if (FULL) putMarks(this.#given, groups)
        else this.marks = merged(this.marks, groups)
      })
    }
    addLink(link: Link) {
      quietly(() => {
        const { context, attributes } = link
        this.#links += `\x03${context.traceId}-${context.spanId}-${packAttributes({ ...attributes })}`
      })
      return this
    }
    addEvent(name: string, attributes?: Attributes, time?: number) {
      if (FULL && !this.#ended)
        quietly(() => {
          const given = `${clean(name)}\x03${packAttributes({ ...attributes })}`
          module.call('addEvent', given, this.number, time ?? performance.now())
        })
      return this
    }
    setStatus(status: { code: number }) {
      this.outcome = quietly(() => status.code > 1) ? 'failure' : 'success'
      return this
    }
    updateName(name: string) {
      this.name = name
      return this
    }
    recordException(error: unknown) {
      this.outcome = 'failure'
      run(this, () => report(error))
      return this
    }
    startSpan(name?: unknown, type?: SpanOptions | string | null, options?: SpanOptions) {
      return start(name, type, options, 0, this.traceparent)
    }
    duration() {
      return this.#end === undefined ? null : this.#end - this.start
    }
    block(blocked: boolean) {
      this.#blocked = blocked
      this.#hold()
    }
    addTask<Id extends string | number = string>(id?: Id) {
      const task = id ?? (`task-${++last}` as Id)
      this.#tasks.add(task)
      this.#hold()
      return task
    }
    removeTask(id: string | number) {
      if (this.#tasks.delete(id)) this.#hold()
    }
    captureBreakdown() {
      // Elastic's; there is none.
    }
    detectFinish() {
      this.#hold()
    }
    isFinished() {
      return !this.#blocked && !this.#tasks.size
    }
    keep() {
      return this.#decide(1)
    }
    drop() {
      return this.#decide(0)
    }
    end(given?: number) {
      if (this.#ended) return
      if (this === page) return endPageLoad()
      const time = typeof given === 'number' ? given : performance.now()
      this.#end = time || performance.now()
      // An observer may end it, too.
      this.#ended = true
      if (!FULL) this.transaction?.spans.push(this)
      if (this.isRoot) tell('transaction:end', this)
      open.delete(this.number)
      let outcome = +(this.outcome === 'failure') | (this.kind << 1)
      if (!FULL) outcome |= { true: 48, false: 16 }[String(elastic?.reportTransactionsWithoutSpans)] ?? 0
      module.call('endSpan', this.pack(), this.number, time, outcome)
      if (this.cause < 1) tend()
    }
    /** As `endSpan` of the module takes it. */
    pack() {
      // Without one, OpenTelemetry's back ends have nothing to hide.
      const type =
        this.type === 'page-load' || (FULL && this.type === 'custom') ? {} : { 'headwater.type': this.type }
      const outcome = !FULL && this.outcome ? { 'headwater.outcome': this.outcome } : {}
      const given = { ...this.#given }
      if (!FULL) {
        // One that is of no use leaves the others.
        quietly(() => putMarks(given, this.marks))
        for (const group in this.context)
          quietly(() => Object.assign(given, toContext({ [group]: this.context?.[group] })))
      }
      const attributes = quietly(() => packAttributes({ ...given, ...type, ...outcome })) ?? ''
      return `${clean(textOf(this.name))}\x03${attributes}${this.#links}`
    }
    close() {
      const wasOpen = !this.#ended
      this.#ended = true
      if (wasOpen) tell('transaction:end', this)
      // The last that is known of it stays.
      this.#context = this.traceparent
    }
    #hold() {
      if (this === page) return
      module.call('hold', '', this.number, +!this.isFinished(), 0)
      tend()
    }
    #decide(keep: 0 | 1) {
      return FULL && this === page && !!module.call('decide', '', keep)
    }
  }

  if (!FULL)
    OwnSpan.prototype.redefine = function (name, type) {
      if (name) {
        this.name = name
        this.isOwn = true
      }
      if (type) this.type = type
    }

  let page: OwnSpan | undefined
  // Not before it is asked for, as the module is.
  const pageLoad = (): OwnSpan => {
    if (!page) {
      const context = module.ask('traceparent', '', 1) ?? ''
      page = new OwnSpan(PAGE_LOAD, '', 'page-load', MANAGED, 0, context, true, false)
      if (!FULL) page.parentId = elastic?.pageLoadParentId
    }
    return page
  }
  if (observers.size && pageLoad().isRecording()) tell('transaction:start', pageLoad())

  const start = (
    name: unknown,
    given: SpanOptions | string | null | undefined,
    options: SpanOptions | undefined,
    flags: number,
    above = '',
    isOwn = true,
  ): OwnSpan => {
    const {
      type,
      startTime,
      attributes,
      managed,
      canReuse,
      blocking,
      kind = 0,
      parentId,
      parent = (!FULL && parentId && findBy(textOf(parentId))?.traceparent) || above,
    }: ElasticSpanOptions = optionsOf(given, options)
    const cause = (flags & 3) | (managed && flags & IS_ROOT ? MANAGED : 0)
    const number = (last = (last + 1) >>> 0)
    const time = Number.isFinite(startTime) ? Number(startTime) : performance.now()
    const bits = (canReuse ? CAN_REUSE : 0) | (blocking ? IS_BLOCKING : 0)
    const text = `${textOf(parent)}\x03${textOf(name ?? 'Unknown')}`
    // Of a transaction there is none; else, if it is not said, what the code runs in.
    const context = !FULL && textOf(parent || (flags & IS_ROOT ? '' : module.ask('traceparent', '', 0) || ''))
    const traceparent = module.ask('startSpan', text, number, time, flags | cause | bits) ?? ''
    const span = new OwnSpan(
      number,
      name ?? 'Unknown',
      type,
      cause,
      time,
      traceparent,
      !!(flags & IS_ROOT),
      isOwn,
    )
    if (context) {
      const above = findBy(context)
      span.parentId = context.split('-')[2]
      span.transaction = above?.isRoot ? above : above?.transaction
    }
    if (attributes) span.setAttributes(attributes)
    span.kind = kind
    if (span.isRecording()) open.set(number, span)
    if (span.isRoot) tell('transaction:start', span)
    return span
  }

  const find = (number: number | undefined) => (number === PAGE_LOAD ? pageLoad() : open.get(number ?? 0))
  /** The open one that a text names: its id, or its `traceparent`. */
  const findBy = (text: string) => [pageLoad(), ...open.values()].find(({ id }) => id && text.includes(id))

  const run: Spans['run'] = (span, work) => {
    const number = span instanceof OwnSpan && span !== page ? span.number : 0
    const before = module.call('enterSpan', '', number)
    try {
      return work()
    } finally {
      module.call('enterSpan', '', before ?? 0)
    }
  }

  const tend: Spans['tend'] = (hidden = 0, left = 0) => {
    nativeTimer('clearTimeout')(timer)
    let delay
    while ((delay = module.call('tend', '', hidden, left) ?? 0) < 0) {
      const span = open.get(-delay)
      if (!span) {
        module.call('endSpan', '', -delay, NaN, 0)
        continue
      }
      // Elastic's word for it.
      if (!span.cause) span.type += '.truncated'
      span.end(span.cause ? NaN : undefined)
    }
    if (delay) timer = nativeTimer('setTimeout')(tend, delay)
  }

  /** The next picture is part of it. */
  const whenPainted = (span: OwnSpan) => {
    let done = false
    const paint = (painted: number) => {
      if (!done) module.call('hold', '', span.number, +!span.isFinished(), painted)
      done = true
      tend()
    }
    const later = nativeTimer('setTimeout')
    nativeTimer('requestAnimationFrame')(() => later(() => paint(1)))
    // A page in the background is not painted.
    later(() => paint(0), 1_000)
  }

  return {
    run,
    tend,
    startSpan: (name, type, options) => start(name, type, options, 0),
    startTransaction(name, type, options) {
      const { managed, canReuse, type: wanted = 'custom' } = optionsOf(type, options)
      const found = managed ? find(module.call('reuse', '', MANAGED, +!!canReuse)) : undefined
      if (!found) return start(name, type, options, IS_ROOT)
      if (typeof name === 'string') {
        found.name = name
        found.isOwn = true
      }
      const [before = 0, rank = 0] = [found.type, wanted].map((type) => RANKS.indexOf(type))
      if (before >= 0 && (rank < 0 || rank >= before)) found.type = wanted
      return found
    },
    begin(cause, name, startTime, attributes) {
      const found = find(module.call('reuse', '', cause, 0))
      if (found && found === page) return
      const isRoute = cause === ROUTE
      const span = found ?? start(name, { startTime }, undefined, IS_ROOT | cause, '', false)
      if (isRoute && !span.isOwn) {
        span.name = name
        span.type = TYPES[ROUTE] ?? ''
      }
      if (isRoute || !found) {
        span.setAttributes(attributes)
        whenPainted(span)
      }
      tend()
    },
    current: () => find(module.call('currentTransaction')),
    active() {
      return findBy(module.ask('traceparent', '', 0) ?? '')
    },
    closePage(attributes) {
      const load = pageLoad()
      load.setAttributes(attributes)
      load.close()
      return load.pack()
    },
  }
}

/** Elastic's, in groups. */
type Groups = Record<string, object> | undefined

/** With what the groups of `more` have; the other members of both stay. */
const merged = (groups: Groups, more: object): Groups => {
  const all: Record<string, unknown> = { ...groups }
  for (const [group, members] of Object.entries(more))
    all[group] = Object(members) === members ? { ...(all[group] as object), ...(members as object) } : members
  return all as Groups
}

/** Puts marks among attributes. */
const putMarks = (attributes: Record<string, unknown>, groups: object = {}) => {
  for (const [group, marks] of Object.entries(groups))
    for (const [key, time] of Object.entries(marks as object)) attributes[`headwater.${group}.${key}`] = time
}

/** Of anything that the page may give for a name. */
const textOf = (value: unknown): string => quietly(() => String(value)) ?? ''

function optionsOf(
  given: SpanOptions | string | null | undefined,
  options: SpanOptions | undefined,
): SpanOptions {
  return { ...(typeof given === 'object' ? given : { type: given }), ...options }
}
