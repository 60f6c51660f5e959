/** The types of `headwater/elastic`: what is written against those of `@elastic/apm-rum` compiles. */
import type { Agent, Config, Span, SpanOptions, Transaction } from './types.js'

/**
 * What `init` of `headwater/elastic` takes: the options of `headwater`, and those that only Elastic's agent has.
 *
 * Source: https://www.elastic.co/docs/reference/apm/agents/rum-js/configuration
 */
export interface ElasticConfig extends Omit<Partial<Config>, 'session'> {
  /** Asked before each request to the server: a falsy value, or a failure, drops what it would send. */
  apmRequest?: ((request: ElasticRequest) => boolean) | null | undefined
  /** The same as `credentials: 'include'`. */
  sendCredentials?: boolean | undefined
  /** Names of transactions that are not sent: a string is the whole name. Nothing is compressed then. */
  ignoreTransactions?: readonly (string | RegExp)[] | undefined
  /** What `setUserContext()`, `setCustomContext()` and `addLabels()` (`tags`) say. */
  context?: object | undefined
  /**
   * Asks the server for `transaction_sample_rate`, without waiting for it: it counts for traces that start later, and for the
   * next page from its start.
   *
   * @defaultValue `false`
   */
  centralConfig?: boolean | undefined
  /** Has no effect: there are no breakdown metrics; spans are sent one by one. */
  breakdownMetrics?: boolean | undefined
  /** Has no effect: how much is sent at once depends on its bytes. */
  queueLimit?: number | undefined
  /**
   * Long tasks, as spans and of the page load as `experience`. To be set before the start.
   *
   * @defaultValue `true`
   */
  monitorLongtasks?: boolean | undefined
  /**
   * Managed transactions that nothing belongs to: `true` also records clicks without consequences, `false` leaves out
   * route changes and the page's own, too, as Elastic's agent does by default.
   *
   * @defaultValue clicks are left out
   */
  reportTransactionsWithoutSpans?: boolean | undefined
  /**
   * As in `Config`; an object, with which Elastic's agent begins, is as `true`.
   *
   * @defaultValue `true`
   */
  session?: boolean | object | undefined
  /** Has no effect, as in Elastic's agent. */
  errorThrottleLimit?: number | undefined
  /** Has no effect, as in Elastic's agent. */
  errorThrottleInterval?: number | undefined
  /** Has no effect, as in Elastic's agent. */
  transactionThrottleLimit?: number | undefined
  /** Has no effect, as in Elastic's agent. */
  transactionThrottleInterval?: number | undefined
}

/** What {@link ElasticConfig.apmRequest} gets. */
export interface ElasticRequest {
  url: string
  method: string
  /** To be changed, or added to. */
  headers?: Record<string, string>
  /** The body, compressed or not: bytes. Elastic's types call it a string, which it never was with compression. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- see above
  payload?: any
  /** Stands for the request: only `setRequestHeader` of it works. */
  xhr: XMLHttpRequest
}

/** How a span starts, with what Elastic's agent takes. */
export interface ElasticSpanOptions extends SpanOptions {
  /** The id of the span above it, while that is open. */
  parentId?: string | number | undefined
  /** Has no effect. */
  sync?: boolean | undefined
}

/** A span as Elastic's agent has it. */
export interface ElasticSpan extends Span {
  /** The page's to set; it has no effect. */
  sync?: boolean
  /** What {@link Span.addLabels} and {@link Span.addContext} have added. What is in it when it ends is sent. */
  context: Record<string, object> | undefined
  /** The id of the span above it. */
  parentId: string | undefined
}

/** A transaction as Elastic's agent has it. */
export interface ElasticTransaction extends Transaction {
  startSpan(
    name?: string | null,
    type?: SpanOptions | string | null,
    options?: ElasticSpanOptions,
  ): ElasticSpan
  /** Does nothing: there are no breakdown metrics. */
  captureBreakdown(): void
  /** What {@link Span.addLabels} and {@link Span.addContext} have added. What is in it when it ends is sent. */
  context: Record<string, object> | undefined
  /** By group and name, in milliseconds since its start. What is in it when it ends is sent. */
  marks: Record<string, object> | undefined
  /** Those of the page's own that have ended within it. */
  spans: ElasticSpan[]
  /** Of the page load the option `pageLoadParentId`. */
  parentId: string | undefined
  /** Gives it a name and a type, as far as they are not empty. The options have no effect. */
  redefine(name?: string | null, type?: string | null, options?: SpanOptions | null): void
}

/** What filters get, in Elastic's types. */
export interface ElasticPayload {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Elastic has it
  transactions: Record<string, any>[]
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Elastic has it
  errors: Record<string, any>[]
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Elastic has it
  [key: string]: any
}

/** The agent as Elastic has it. No method ever throws. */
export interface ElasticAgent extends Required<
  Omit<Agent, 'init' | 'addFilter' | 'observe' | 'startTransaction' | 'startSpan' | 'getCurrentTransaction'>
> {
  init: (config?: ElasticConfig) => ElasticAgent
  /**
   * Changes options before `init`, or while the agent runs. Then there is an effect of `apmRequest`, `context`,
   * `ignoreTransactions`, `reportTransactionsWithoutSpans`, and of those that are about what happens later: `transactionSampleRate`, `distributedTracing`,
   * `distributedTracingHeaderName`, `propagateTracestate`, `unsampledPropagation`, `pageLoadTransactionName`, `flushInterval` and
   * `logLevel`; `distributedTracingOrigins` are added.
   */
  config(config: ElasticConfig): void
  /** See {@link ElasticConfig.centralConfig}. The promise is never rejected. */
  fetchCentralConfig(): Promise<Record<string, unknown> | undefined>
  /** For Elastic's integrations of frameworks, which take the service `LoggingService` from it: the console. */
  serviceFactory: {
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Elastic has it
    instances: Record<string, any>
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Elastic has it
    getService: (name: string) => any
  }
  /** See {@link Agent.addFilter}. */
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- as Elastic has it
  addFilter(filter: (payload: ElasticPayload) => ElasticPayload | boolean | void | null): void
  /** See {@link Agent.observe}. */
  observe(
    event: 'transaction:start' | 'transaction:end',
    observer: (transaction: ElasticTransaction) => void,
  ): () => void
  /** See {@link Agent.startTransaction}. */
  startTransaction(
    name?: string | null,
    type?: SpanOptions | string | null,
    options?: SpanOptions,
  ): ElasticTransaction | undefined
  /** See {@link Agent.startSpan}. */
  startSpan(
    name?: string | null,
    type?: SpanOptions | string | null,
    options?: ElasticSpanOptions,
  ): ElasticSpan | undefined
  /** See {@link Agent.getCurrentTransaction}. */
  getCurrentTransaction(): ElasticTransaction | undefined
}
