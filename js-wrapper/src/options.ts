/** The options. Generated from `crate/src/options/table.rs` by `npm run options`. */

/** What `init` takes. */
export interface Config {
  /**
   * Name of the service that the page belongs to (`service.name`). Required. Letters, digits,
   * space, `_` and `-` only, as Elastic's server wants it.
   */
  serviceName: string
  /**
   * Version of the page's code (`service.version`).
   */
  serviceVersion?: string | undefined
  /**
   * Where the page is deployed (`deployment.environment.name`), for example `production`.
   */
  environment?: string | undefined
  /**
   * Base URL of the collector (OTLP over HTTP); `/v1/traces` is appended.
   *
   * @defaultValue `'http://localhost:4318'`
   */
  serverUrl?: string | undefined
  /**
   * `false` keeps the agent from starting: nothing is patched, recorded or sent.
   *
   * @defaultValue `true`
   */
  active?: boolean | undefined
  /**
   * `false` turns all automatic instrumentation off.
   *
   * @defaultValue `true`
   */
  instrument?: boolean | undefined
  /**
   * Instrumentations to leave off: `'page-load'`, `'fetch'`, `'xmlhttprequest'`. Elastic's
   * `'history'`, `'eventtarget'`, `'click'` and `'error'` are accepted.
   *
   * @defaultValue `[]`
   */
  disableInstrumentations?: string | readonly string[] | undefined
  /**
   * What goes to the console: `'trace'`, `'debug'`, `'info'`, `'warn'` or `'error'`, and what
   * is more severe.
   *
   * @defaultValue `'warn'`
   */
  logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | undefined
  /**
   * `false` keeps trace headers off all requests.
   *
   * @defaultValue `true`
   */
  distributedTracing?: boolean | undefined
  /**
   * Further origins whose requests carry trace headers: a string is one exact origin, a RegExp
   * is tested against the origin. The page's own origin always does.
   *
   * @defaultValue `[]`
   */
  distributedTracingOrigins?: string | RegExp | readonly (string | RegExp)[] | undefined
  /**
   * Also sends `tracestate: es=s:<rate>` wherever `traceparent` goes.
   *
   * @defaultValue `false`
   */
  propagateTracestate?: boolean | undefined
  /**
   * Trace id of the page load, 32 lower-case hex digits, from the server that rendered the page.
   */
  pageLoadTraceId?: string | undefined
  /**
   * Id of the browser's document-fetch span, 16 lower-case hex digits. The server made it the
   * parent of its own span, which therefore hangs under the page load.
   */
  pageLoadSpanId?: string | undefined
  /**
   * Id of the span that the page load hangs under, 16 lower-case hex digits.
   */
  pageLoadParentId?: string | undefined
  /**
   * The server's sampling decision for the page load; `false` counts. Without it
   * `transactionSampleRate` decides.
   */
  pageLoadSampled?: boolean | undefined
  /**
   * Name of the page-load span.
   *
   * @defaultValue `'documentLoad'`
   */
  pageLoadTransactionName?: string | undefined
  /**
   * Share of the traces started here that are recorded: 0 to 1, rounded to four decimals.
   * Decided by the trace id, as OpenTelemetry's consistent probability sampling does.
   *
   * @defaultValue `1`
   */
  transactionSampleRate?: number | undefined
  /**
   * Milliseconds that an ended span waits for others before it is sent.
   *
   * @defaultValue `500`
   */
  flushInterval?: number | undefined
  /**
   * Attributes of the resource, for every span; these win over those that the agent finds.
   *
   * @defaultValue `{}`
   */
  resourceAttributes?: Readonly<Record<string, string | number | boolean>> | undefined
  /**
   * Headers of the requests to the collector. The page's visitors can read them: no secrets.
   *
   * @defaultValue `{}`
   */
  headers?: Readonly<Record<string, string>> | undefined
}

/** Their names, in the order of their numbers in the module. @internal */
export const OPTIONS: readonly string[] = [
  'serviceName',
  'serviceVersion',
  'environment',
  'serverUrl',
  'active',
  'instrument',
  'disableInstrumentations',
  'logLevel',
  'distributedTracing',
  'distributedTracingOrigins',
  'propagateTracestate',
  'pageLoadTraceId',
  'pageLoadSpanId',
  'pageLoadParentId',
  'pageLoadSampled',
  'pageLoadTransactionName',
  'transactionSampleRate',
  'flushInterval',
  'resourceAttributes',
  'headers',
]

/** How each is written as an attribute, in the same order. @internal */
export const OPTION_TYPES = [
  'text',
  'text',
  'text',
  'text',
  'boolean',
  'boolean',
  'list',
  'text',
  'boolean',
  'list',
  'boolean',
  'text',
  'text',
  'text',
  'boolean',
  'text',
  'number',
  'number',
  'object',
  'object',
] as const

/** What the browser is asked for; numbered behind the options. @internal */
export const FACTS = ['PageOrigin', 'PageTraceParent', 'UserAgent', 'Language', 'Platform', 'Mobile', 'Brands'] as const
