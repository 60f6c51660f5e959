/** The options. Generated from `crate/src/options/table.rs` by `npm run options`. */

import type { BeforeSend, Consent, Propagator, RemoteEnvironment, Target, TracesSampler } from './types.js'

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
   * URL of the collector. The path that `protocol` has (`/v1/traces`) is appended, unless the URL ends
   * with it. With `'elastic'` the default is `http://localhost:8200`.
   *
   * @defaultValue `'http://localhost:4318'`
   */
  serverUrl?: string | undefined
  /**
   * The same as `serverUrl`, under OpenTelemetry's name; it wins.
   */
  endpoint?: string | undefined
  /**
   * Appended to the URL instead of the protocol's own path; `''` leaves it as it is, but with `'elastic'`, where
   * that is the default of Elastic's agent, and means the protocol's path.
   */
  serverUrlPrefix?: string | undefined
  /**
   * Where OTLP's log records go: errors and other events. Without it the endpoint of spans says so, if it ends with
   * `/v1/traces`; with any other there are no events.
   */
  logsEndpoint?: string | undefined
  /**
   * What is sent: OTLP as protobuf or as JSON, or events for Elastic's APM server (intake v2).
   *
   * @defaultValue `'http/protobuf'`
   */
  protocol?: 'http/protobuf' | 'http/json' | 'elastic' | undefined
  /**
   * Elastic's. Both mean version 2 of its intake, which loses less than 3.
   *
   * @defaultValue `2`
   */
  apiVersion?: 2 | 3 | undefined
  /**
   * `false` keeps the agent from starting: nothing is patched, recorded or sent.
   *
   * @defaultValue `true`
   */
  active?: boolean | undefined
  /**
   * `'pending'` or `'denied'` keeps the agent from recording, storing or sending anything, and from
   * adding headers, until `setConsent('granted')`; what happened before is not made up for.
   *
   * @defaultValue `'granted'`
   */
  consent?: Consent | undefined
  /**
   * `false` turns all automatic instrumentation off.
   *
   * @defaultValue `true`
   */
  instrument?: boolean | undefined
  /**
   * Instrumentations to leave off: `'page-load'`, `'fetch'`, `'xmlhttprequest'`, `'history'`, `'click'` (or
   * Elastic's `'eventtarget'`), `'error'`, and `'web-vitals'` (not in `headwater`).
   *
   * @defaultValue `[]`
   */
  disableInstrumentations?: string | readonly string[] | undefined
  /**
   * Errors that are not recorded: a string that their type and message (`TypeError: …`) contain, or a RegExp
   * that matches them.
   *
   * @defaultValue `[]`
   */
  ignoreErrors?: readonly (string | RegExp)[] | undefined
  /**
   * Templates of the page's routes, which its URLs get their names from: `'/products/:id'`, `'/blog/*'`. The first
   * that fits counts. Without one the name has the first two segments, with `:id` for what looks like one.
   *
   * @defaultValue `[]`
   */
  routes?: readonly string[] | undefined
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
   * is tested against the origin, an object gives either with `propagators` of its own or with
   * `dryRun: true`, which sends nothing and shows in `diagnostics()` what it would. The first
   * that matches counts.
   *
   * @defaultValue `[]`
   */
  distributedTracingOrigins?: string | RegExp | Target | readonly (string | RegExp | Target)[] | undefined
  /**
   * `false` takes the page's own origin off the targets, unless `distributedTracingOrigins` has it.
   *
   * @defaultValue `true`
   */
  distributedTracingSameOrigin?: boolean | undefined
  /**
   * Name of the header that carries the `traceparent`, for servers that know it by another one
   * (Elastic: `elastic-apm-traceparent`).
   *
   * @defaultValue `'traceparent'`
   */
  distributedTracingHeaderName?: string | undefined
  /**
   * The formats of trace headers, for targets without their own.
   *
   * @defaultValue `['tracecontext']`
   */
  propagators?: readonly Propagator[] | undefined
  /**
   * Also sends `tracestate` wherever `traceparent` goes: Elastic's member `es=s:<rate>` unless
   * `tracestateMembers` says otherwise, and what the page's server has set.
   *
   * @defaultValue `false`
   */
  propagateTracestate?: boolean | undefined
  /**
   * Our members of `tracestate`, which is then sent: `'es'` (Elastic: the sample rate), `'ot'`
   * (OpenTelemetry: threshold and randomness), `'dd'` (Datadog: priority, origin, span id).
   *
   * @defaultValue `[]`
   */
  tracestateMembers?: readonly ('es' | 'ot' | 'dd')[] | undefined
  /**
   * Names and values for the `baggage` header, beside those of the page's server. Sent only where
   * `propagators` has `'baggage'`. Everybody on the way can read it.
   *
   * @defaultValue `{}`
   */
  baggage?: Readonly<Record<string, string>> | undefined
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
   * When the page was rendered, in Unix milliseconds. The ids and the decision in it are ignored if
   * that was two minutes before the navigation or earlier: HTML from a cache bears those of others.
   */
  pageLoadTraceTime?: number | undefined
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
   * `'trace'` decides for each trace, `'session'` for all traces of a visitor's session alike (kept
   * in `localStorage`; its hash goes out as `rv` of the `ot` member).
   *
   * @defaultValue `'trace'`
   */
  samplingMode?: 'trace' | 'session' | undefined
  /**
   * Gives the rate, or the decision, for one trace that starts here; `undefined` leaves it to
   * `transactionSampleRate`. Not asked where a server has decided.
   */
  tracesSampler?: TracesSampler | undefined
  /**
   * Whether requests of traces that are not sampled carry headers which say so, or none.
   *
   * @defaultValue `'headers'`
   */
  unsampledPropagation?: 'headers' | 'none' | undefined
  /**
   * Keeps the spans of a trace that is not sampled until its page load or request ends, and sends
   * them if there was an error, with `headwater.sampled_on_error`.
   *
   * @defaultValue `false`
   */
  sampleOnError?: boolean | undefined
  /**
   * Other environments whose traces are linked: their responses name the trace they have
   * continued with. Nobody else is believed.
   *
   * @defaultValue `[]`
   */
  trustedRemoteEnvironments?: readonly RemoteEnvironment[] | undefined
  /**
   * Milliseconds that an ended span waits for others before it is sent. The default is OpenTelemetry's
   * (`OTEL_BSP_SCHEDULE_DELAY`), but the first sending of a page comes after 500.
   *
   * @defaultValue `5000`
   */
  flushInterval?: number | undefined
  /**
   * Spans that are recorded within a minute, at most (Elastic's default is 80). The rest is dropped, and
   * counted in `diagnostics()`. Not in `headwater`.
   *
   * @defaultValue `20000`
   */
  eventsLimit?: number | undefined
  /**
   * Entries of `resourceAttributes`, at most. The rest is dropped, and counted in `diagnostics()`. Not in
   * `headwater`.
   *
   * @defaultValue `128`
   */
  attributeCountLimit?: number | undefined
  /**
   * Bytes of an attribute's text, at most, such as those of a URL; what is longer is cut. Not in `headwater`.
   *
   * @defaultValue `4096`
   */
  attributeValueLengthLimit?: number | undefined
  /**
   * Attributes of the resource, for every span; these win over those that the agent finds.
   *
   * @defaultValue `{}`
   */
  resourceAttributes?: Readonly<Record<string, string | number | boolean>> | undefined
  /**
   * Headers of the requests to the collector, or a function that gives them. The page's visitors can read
   * them: no secrets.
   *
   * @defaultValue `{}`
   */
  headers?: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>) | undefined
  /**
   * Whether requests to the collector carry cookies and the like, as `fetch` knows it.
   *
   * @defaultValue `'omit'`
   */
  credentials?: 'omit' | 'same-origin' | 'include' | undefined
  /**
   * `'gzip'` compresses what is sent. The collector must take it, and allow the header `Content-Encoding`.
   *
   * @defaultValue `'none'`
   */
  compression?: 'none' | 'gzip' | undefined
  /**
   * What of a request is kept out of its span. Bodies and headers never are in; `true` replaces user
   * names, passwords and the values of secret query parameters in all URLs by `REDACTED`; `'query'` drops
   * queries and fragments; `false` leaves URLs as they are.
   *
   * @defaultValue `true`
   */
  excludeRequestData?: boolean | 'query' | undefined
  /**
   * Gets every span and event before it is sent, and may change its `name` and `attributes`, or drop it by
   * returning `false` or `null`.
   */
  beforeSend?: BeforeSend | undefined
  /**
   * Templates of requests' URLs: `'/api/products/:id'`, `'https://api.example.com/orders/*'` (one without an origin
   * is of the page's own). The first that fits is `url.template`, and part of the span's name. Not in `headwater`.
   *
   * @defaultValue `[]`
   */
  urlTemplates?: readonly string[] | undefined
  /**
   * Where names and types of GraphQL operations are looked for: in `'url'`s, or in bodies that are strings, too
   * (`'body'`). `headwater/full` only.
   */
  graphql?: 'url' | 'body' | undefined
  /**
   * Records as errors what the browser reports beside exceptions: resources that have not loaded, violations of the
   * Content Security Policy, deprecations and interventions. Not in `headwater`.
   *
   * @defaultValue `false`
   */
  reports?: boolean | undefined
  /**
   * Whether all spans and events bear the visitor's session (`session.id`; Elastic's `session`), which is kept in
   * `localStorage`: see docs/sessions.md. Not in `headwater`.
   *
   * @defaultValue `true`
   */
  session?: boolean | undefined
  /**
   * Whether what the browser takes for a navigation within the document has web vitals of its own, and ends those of
   * the page before: see docs/vitals.md. `headwater/full` only.
   *
   * @defaultValue `false`
   */
  softNavigations?: boolean | undefined
}

/** Their names, in the order of their numbers in the module. @internal */
export const OPTIONS = (
  'serviceName ' +
  'serviceVersion ' +
  'environment ' +
  'serverUrl ' +
  'endpoint ' +
  'serverUrlPrefix ' +
  'logsEndpoint ' +
  'protocol ' +
  'apiVersion ' +
  'active ' +
  'consent ' +
  'instrument ' +
  'disableInstrumentations ' +
  'ignoreErrors ' +
  'routes ' +
  'logLevel ' +
  'distributedTracing ' +
  'distributedTracingOrigins ' +
  'distributedTracingSameOrigin ' +
  'distributedTracingHeaderName ' +
  'propagators ' +
  'propagateTracestate ' +
  'tracestateMembers ' +
  'baggage ' +
  'pageLoadTraceId ' +
  'pageLoadSpanId ' +
  'pageLoadParentId ' +
  'pageLoadSampled ' +
  'pageLoadTraceTime ' +
  'pageLoadTransactionName ' +
  'transactionSampleRate ' +
  'samplingMode ' +
  'tracesSampler ' +
  'unsampledPropagation ' +
  'sampleOnError ' +
  'trustedRemoteEnvironments ' +
  'flushInterval ' +
  'eventsLimit ' +
  'attributeCountLimit ' +
  'attributeValueLengthLimit ' +
  'resourceAttributes ' +
  'headers ' +
  'credentials ' +
  'compression ' +
  'excludeRequestData ' +
  'beforeSend' +
  (PROTOCOLS ? ' urlTemplates graphql reports session softNavigations' : '')
).split(' ')

/** How each is written, a letter each: the first of `text`, `boolean`, `number`,
 * `list`, `object`, `json`. @internal */
export const OPTION_TYPES =
  'ttttttttnbtbllltblbtlblotttbntntttbjnnnnoottbt' + (PROTOCOLS ? 'ltbbb' : '')

/** What the browser is asked for, in the order of the numbers behind the options. @internal */
export type Facts = [
  PageOrigin: string | undefined,
  PageUrl: string | undefined,
  PageTraceParent: string | undefined,
  PageTraceState: string | undefined,
  PageBaggage: string | undefined,
  DatadogTraceId: string | undefined,
  DatadogTraceTime: string | undefined,
  DatadogComment: string | undefined,
  PageServerTiming: string | undefined,
  UserAgent: string | undefined,
  Language: string | undefined,
  Platform: string | undefined,
  Mobile: string | undefined,
  Brands: string | undefined,
]

/** The number of `StoredSession` behind them. @internal */
export const STORED_SESSION = 14
