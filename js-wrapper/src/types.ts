/** The public types. */
import type { Config } from './options.js'

export type { Config }

/** Whether the page's visitor agrees to be observed. */
export type Consent = 'granted' | 'pending' | 'denied'

/** A format of trace headers. */
export type Propagator = 'tracecontext' | 'datadog' | 'b3' | 'b3multi' | 'baggage'

/** Origins that get trace headers of their own kind. */
export interface Target {
  /** A string is one exact origin; a RegExp is tested against the origin. */
  match: string | RegExp
  /** Instead of the option `propagators`. */
  propagators?: readonly Propagator[] | undefined
  /** Sends no headers; {@link Agent.diagnostics} counts what would have been sent. */
  dryRun?: boolean | undefined
}

/** Another environment, whose servers say in their responses which trace they have recorded. */
export interface RemoteEnvironment {
  /** For the link's attributes. */
  name: string
  /** Exact origins. The final URL of a request decides, after redirects. */
  origins: readonly string[]
  /** Ids that it may give itself; without them any will do. */
  environmentIds?: readonly string[] | undefined
  /**
   * Name of the response header that bears its id.
   *
   * @defaultValue `'x-dt-tracestate'`
   */
  header?: string | undefined
}

/** Decides on one trace that starts here: a rate from 0 to 1, `true`, `false`, or `undefined` for the default. */
export type TracesSampler = (context: SamplingContext) => number | boolean | undefined

/** Sees every span and every event before it is sent; `false` or `null` drops it. */
export type BeforeSend = (item: SpanData | EventData) => unknown

/** A finished span. `name` and `attributes` may be changed. */
export interface SpanData {
  name: string
  attributes: Record<string, string | number | boolean | string[]>
  /** 32 hex digits. */
  readonly traceId: string
  /** 16 hex digits. */
  readonly spanId: string
  readonly parentSpanId?: string
  /** OpenTelemetry's number: 1 internal, 3 client. */
  readonly kind: number
  /** In decimal. */
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
}

/** Something that happened at an instant. `name` and `attributes` may be changed. */
export interface EventData {
  /** As OpenTelemetry calls the kind of event: `exception`. */
  name: string
  attributes: Record<string, string | number | boolean | string[]>
  readonly eventName: string
  /** Those of the page load while it is open. */
  readonly traceId?: string
  readonly spanId?: string
  /** In decimal. */
  readonly timeUnixNano: string
  /** OpenTelemetry's number: 9 info, 17 error. */
  readonly severityNumber: number
}

/** The page's visitor, as far as the page wants it to be known. */
export interface UserContext {
  id?: string | number | undefined
  username?: string | undefined
  email?: string | undefined
}

/** OpenTelemetry's attributes, and Elastic's labels. */
export type Attributes = Readonly<Record<string, unknown>>

/** How a span of the page's own starts. */
export interface SpanOptions {
  /** Elastic's type, with subtype and action behind dots: `app.cart.add`. */
  type?: string | undefined
  /**
   * When it has started, in milliseconds of `performance.now()`.
   *
   * @defaultValue now
   */
  startTime?: number | undefined
  attributes?: Attributes | undefined
  /**
   * OpenTelemetry's API's `SpanKind`: 0 internal, 1 server, 2 client, 3 producer, 4 consumer. Elastic has none.
   *
   * @defaultValue 0
   */
  kind?: number | undefined
  /**
   * The `traceparent` of the span above it, which may be another process's.
   *
   * @defaultValue that of {@link Agent.getTraceparent}
   */
  parent?: string | undefined
  /** Of a span: the transaction that is going on does not end before it. */
  blocking?: boolean | undefined
  /** Of a transaction: what starts while it is going on belongs to it. */
  managed?: boolean | undefined
  /** Of a managed transaction: it may be one with another that has just started: see {@link Agent.startTransaction}. */
  canReuse?: boolean | undefined
}

/** A relation to a span of another trace. */
export interface Link {
  /** 32 and 16 hex digits. */
  context: { traceId: string; spanId: string }
  attributes?: Attributes | undefined
}

/** A span of the page's own. No method ever throws; after its end they do nothing. */
export interface Span {
  /** May be changed until it ends. */
  name: string
  /** Elastic's, with subtype and action behind dots. May be changed until it ends. */
  type: string
  /** Elastic's: `'failure'`, `'success'` or nothing. May be changed until it ends. */
  outcome: string | undefined
  /** 32 hex digits; empty if nothing is recorded. */
  readonly traceId: string
  /** 16 hex digits; empty if nothing is recorded. */
  readonly spanId: string
  /** The same, under Elastic's name. */
  readonly id: string
  /** Whether its trace is recorded. */
  readonly sampled: boolean
  readonly ended: boolean
  /** Its context as a `traceparent` header has it; empty if nothing is recorded. */
  readonly traceparent: string
  /** Whether it is open. */
  isRecording(): boolean
  /** OpenTelemetry's. */
  spanContext(): { traceId: string; spanId: string; traceFlags: number }
  setAttribute(key: string, value: unknown): this
  setAttributes(attributes: Attributes): this
  /** The same under Elastic's name: what is no number and no flag becomes a text. */
  addLabels(labels: Attributes): this
  /** Elastic's: of its groups `tags`, `user` and `custom` count. */
  addContext(...contexts: object[]): this
  addLink(link: Link): this
  /**
   * Records that something has happened within it: OpenTelemetry's event, as a log record of its own. In `headwater/full`;
   * Elastic's server has no place for it.
   *
   * @param time - in milliseconds of `performance.now()`; now by default.
   */
  addEvent(name: string, attributes?: Attributes, time?: number): this
  /** OpenTelemetry's codes: 2 is an error. */
  setStatus(status: { code: number }): this
  updateName(name: string): this
  /** Records an error within it, and sets its status. */
  recordException(error: unknown): this
  /** Starts one below it. */
  startSpan(name?: string | null, type?: SpanOptions | string | null, options?: SpanOptions): Span
  /** Milliseconds, once it has ended. */
  duration(): number | null
  /** @param endTime - in milliseconds of `performance.now()`; now by default. */
  end(endTime?: number): void
}

/** The page load, what a visitor does, a change of the route, or what the page's code calls so. */
export interface Transaction extends Span {
  /** Whether what happens while it is going on belongs to it. */
  isManaged(): boolean
  /** Takes the time since its start, in milliseconds, as `custom.<key>`. */
  mark(key: string): void
  /** By group and name, in milliseconds since its start. */
  addMarks(groups: Readonly<Record<string, Readonly<Record<string, number>>>>): void
  /** While it is blocked, it does not end by itself. */
  block(blocked: boolean): void
  /**
   * While it has tasks, it does not end by itself.
   *
   * @returns the task's id.
   */
  addTask<Id extends string | number = string>(id?: Id): Id
  /** Without any task it ends as soon as nothing of it is under way. */
  removeTask(id: string | number): void
  /** Ends it as soon as nothing of it is under way. */
  detectFinish(): void
  /** Whether it has neither tasks nor a block. */
  isFinished(): boolean
  /**
   * Records the page load's trace whatever the sampler has decided, and tells Datadog's tracers so (priority 2). In
   * `headwater/full`.
   *
   * @returns whether it will be so. Once a request has carried the decision, or if a server has taken it, it
   * stays, with a warning. For other transactions `false`.
   */
  keep(): boolean
  /** The opposite (priority -1). */
  drop(): boolean
}

/** See {@link Agent.observe}. */
export type TransactionObserver = (transaction: Transaction) => void

/** What {@link Agent.captureError} takes beside the error. */
export interface ErrorOptions {
  /** Attributes of the event; Elastic's labels. */
  labels?: Readonly<Record<string, string | number | boolean>> | undefined
}

/**
 * Sees what is sent to Elastic's server, as Elastic's agent shows it, and returns it, changed or not; a falsy value drops
 * it.
 */
export type Filter = (payload: FilterPayload) => FilterPayload | false | null | undefined

/** What one request carries. Members that are falsy, or are taken out, are not sent. */
export interface FilterPayload {
  transactions: FilterTransaction[]
  errors: Record<string, unknown>[]
}

/** A transaction of Elastic's intake, version 2. */
export interface FilterTransaction extends Record<string, unknown> {
  spans?: Record<string, unknown>[]
}

/** What is known of a trace when it starts. */
export interface SamplingContext {
  type: 'page-load' | 'http-request' | 'user-interaction' | 'route-change' | 'custom'
  /** The first span's name; a request's method. */
  name: string
  url: string
}

/** What the agent has seen and done since it started. */
export interface Diagnostics {
  /** By origin; the hundredth and later ones count as `others`. */
  origins: Record<string, OriginDiagnostics>
  /** Responses that named another trace, from somebody who is not trusted. */
  ignoredTraces: number
  /** Spans and events that were too many: within a minute (`eventsLimit`), under way, or waiting for a decision. */
  droppedSpans: number
  /** Entries of `resourceAttributes` that were too many (`attributeCountLimit`). */
  droppedAttributes: number
  /** Spans and events that the collector has accepted, with those that an earlier page had left. */
  sentSpans: number
  /** Spans and events that wait, or are under way. */
  waitingSpans: number
  /** Spans and events that the collector has refused: all of a request, or some of them (OTLP's `partial_success`). */
  refusedSpans: number
}

/** What became of the requests to one origin. */
export interface OriginDiagnostics {
  requests: number
  /** Those that carried trace headers of ours. */
  withHeaders: number
  /** Those that would have, but for `dryRun`. */
  dryRun: number
  /** Those of either kind that needed a CORS preflight for it, which they would not have needed without. */
  newPreflights: number
  /** Calls of `navigator.sendBeacon`. */
  beacons: number
  /** Those that the browser has not taken. */
  refusedBeacons: number
}

/** What has become of spans and events since the agent started. */
export interface FlushResult {
  /** Accepted by the collector, with those that an earlier page had left. */
  sent: number
  /** Not sent yet. Those in storage, which a later page will send, are not counted. */
  waiting: number
  /** Refused by the collector, or too many. */
  lost: number
}

/** An agent, as `init` returns it. No method ever throws. */
export interface Agent {
  /**
   * Starts the agent, synchronously: what the next line requests is observed. The module is compiled, and the configuration
   * read, when that is needed: with the first request or call, else behind the load event; in Firefox at once. A configuration that is not
   * allowed is then explained on the console and leaves the agent inactive, which {@link isActive} says at once. A second
   * call is ignored with a warning, unless {@link stop} was called.
   *
   * @returns the agent itself.
   */
  init(config: Config): Agent
  /** Whether it runs: started, configured well, not stopped and not failed. */
  isActive(): boolean
  /** Whether this environment can run it: a document, WebAssembly and `fetch`. */
  isEnabled(): boolean
  /**
   * Sends everything that waits, now, unless the collector has asked to be left alone.
   *
   * @returns a promise, never rejected, for the end of all requests under way.
   */
  flush(): Promise<FlushResult>
  /**
   * The newest managed transaction that is going on, or the page load while it is open. In `headwater/full` and
   * `headwater/elastic`.
   */
  getCurrentTransaction(): Transaction | undefined
  /**
   * Records an error that the page has caught, or a message, with its causes. The same one within five seconds counts
   * once. In `headwater/full` and `headwater/elastic`; elsewhere it does nothing.
   */
  captureError(error: unknown, options?: ErrorOptions): void
  /**
   * Adds attributes to all that is sent from now on: to OpenTelemetry's resource, or to Elastic's labels. Those of
   * the same name are replaced. Before `init`, too. In `headwater/full` and `headwater/elastic`.
   */
  addLabels?(labels: Readonly<Record<string, unknown>>): void
  /** Says who the visitor is: `user.id`, `user.name`, `user.email`. In `headwater/full` and `headwater/elastic`. */
  setUserContext?(user: UserContext): void
  /** Adds what has no place elsewhere (`headwater.context.*`; Elastic's `context.custom`), as {@link addLabels} does. */
  setCustomContext?(custom: object): void
  /**
   * Starts a trace of its own. In `headwater/full` and `headwater/elastic`.
   *
   * What happens while a `managed` one is going on belongs to it. One that may be reused (`canReuse`) is not another one
   * while the page load is open, or right after a click, a change of the route or a transaction that may be reused
   * itself: that gets the name and, if it comes later in Elastic's order, the type.
   *
   * @param type - Elastic's, or all options.
   */
  startTransaction?(
    name?: string | null,
    type?: SpanOptions | string | null,
    options?: SpanOptions,
  ): Transaction | undefined
  /**
   * Starts a span below the one that the code runs in ({@link withSpan}), the transaction that is going on, or the page
   * load while it is open; else a trace of its own. In `headwater/full` and `headwater/elastic`.
   *
   * @param type - Elastic's, or all options.
   */
  startSpan?(
    name?: string | null,
    type?: SpanOptions | string | null,
    options?: SpanOptions,
  ): Span | undefined
  /**
   * Has a function hear of transactions, when they start or right before they end and can be changed for the last time.
   * Requests that are no part of another one are not told of. Before `init`, too.
   *
   * @returns a function that ends it.
   */
  observe?(event: 'transaction:start' | 'transaction:end', observer: TransactionObserver): () => void
  /**
   * The context of what happens now, as a `traceparent` header has it: of the span that the code runs in, of the
   * transaction that is going on, or of the page load.
   */
  getTraceparent?(): string | undefined
  /** The visitor's session, as `session.id` has it. In `headwater/full` and `headwater/elastic`. */
  getSessionId?(): string | undefined
  /** The span of that context, unless somebody else has started it: OpenTelemetry's active span. */
  getActiveSpan?(): Span | undefined
  /**
   * Calls `work`; what it starts before it returns is below the span: requests, spans, errors. What it starts after an
   * `await` is not, unless it calls this again.
   *
   * @returns what `work` returns, or throws what it throws.
   */
  withSpan?<Result>(span: Span | undefined, work: () => Result): Result
  /** Names the page load, before it ends, or before `init`. In `headwater/full` and `headwater/elastic`. */
  setInitialPageLoadName?(name: string): void
  /** What was seen and done, as a plain object of its own. Zero while the agent does not run. */
  diagnostics(): Diagnostics
  /**
   * Sends what waits, and then records nothing and adds no headers until {@link resume}. Requests under way
   * end for us now, and so does the page load.
   */
  pause(): void
  /** Goes on after {@link pause}. Without consent there is still nothing recorded. */
  resume(): void
  /**
   * Says what the page's visitor has decided; for the time before there is the option `consent`. Anything but
   * `'granted'` forgets what has not been sent yet. To be called after {@link init}.
   */
  setConsent(consent: Consent): void
  /**
   * Has a function see what is sent, as Elastic's agent does: see {@link Filter}. Only `headwater/elastic` has it. What
   * filters have seen is not compressed.
   */
  addFilter?(filter: Filter): void
  /** Sends what waits, removes every patch and listener and frees the module. `init` starts it again. */
  stop(): void
}
