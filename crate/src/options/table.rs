//! Every option, once: its name, rule, TypeScript type, default and documentation.
//!
//! The TypeScript interface, the list of names that the wrapper sends by number and the table in the
//! README are generated from here (`npm run options`); a test fails when they are not current.

use std::mem;

use super::Rule;

macro_rules! options {
    (
        options { $($(#[doc = $doc:literal])+ $id:ident $name:literal $rule:ident: $type:literal = $default:literal,)+ }
        further { $($(#[doc = $further_doc:literal])+ $further:ident $further_name:literal $further_rule:ident: $further_type:literal = $further_default:literal,)+ }
        facts { $($(#[doc = $fact_doc:literal])+ $fact:ident,)+ }
    ) => {
        /// An option's number, or that of a fact that the wrapper reads from the browser. The
        /// wrapper's lists have the same order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum OptionId {
            $($(#[doc = $doc])+ $id,)+
            $($(#[doc = $further_doc])+ #[cfg(feature = "events")] $further,)+
            $($(#[doc = $fact_doc])+ $fact,)+
        }

        impl OptionId {
            /// The option with this number.
            pub fn from_number(number: u32) -> Option<Self> {
                // SAFETY: the numbers are those from 0 on without a gap; a table of them would be 46 bytes that
                // no compression can do anything about.
                ((number as usize) < Self::COUNT).then(|| unsafe { mem::transmute(number as u8) })
            }

            /// What it takes.
            pub fn rule(self) -> Rule {
                RULES[self as usize]
            }

            /// How many there are.
            pub const COUNT: usize = ALL.len();
        }

        // Sets of options are 64 bits, the last one of which is that of all facts.
        const _: () = assert!(ALL.len() - FACTS.len() < 64);

        const ALL: &[OptionId] = &[$(OptionId::$id,)+ $(#[cfg(feature = "events")] OptionId::$further,)+ $(OptionId::$fact,)+];
        const RULES: [Rule; ALL.len()] = [$(Rule::$rule,)+ $(#[cfg(feature = "events")] Rule::$further_rule,)+ $({ let _ = OptionId::$fact; Rule::Text },)+];

        /// What is generated from the table, in the order of the numbers. Not part of the module.
        pub const DOCUMENTATION: &[OptionDocumentation] = &[
            $(OptionDocumentation {
                name: $name,
                typescript: $type,
                default: $default,
                text: concat!($($doc, "\n"),+),
            },)+
            $(OptionDocumentation {
                name: $further_name,
                typescript: $further_type,
                default: $further_default,
                text: concat!($($further_doc, "\n"),+),
            },)+
        ];

        /// How many of them, the last ones, `headwater` does not know.
        pub const FURTHER: usize = [$($further_name),+].len();

        /// The names of the facts, numbered behind the options.
        pub const FACTS: &[&str] = &[$(stringify!($fact)),+];
    };
}

options! {
    options {
        /// Name of the service that the page belongs to (`service.name`). Required. Letters, digits,
        /// space, `_` and `-` only, as Elastic's server wants it.
        ServiceName "serviceName" Name: "string" = "required",
        /// Version of the page's code (`service.version`).
        ServiceVersion "serviceVersion" Text: "string" = "",
        /// Where the page is deployed (`deployment.environment.name`), for example `production`.
        Environment "environment" Text: "string" = "",
        /// URL of the collector. The path that `protocol` has (`/v1/traces`) is appended, unless the URL ends
        /// with it. With `'elastic'` the default is `http://localhost:8200`.
        ServerUrl "serverUrl" Url: "string" = "'http://localhost:4318'",
        /// The same as `serverUrl`, under OpenTelemetry's name; it wins.
        Endpoint "endpoint" Url: "string" = "",
        /// Appended to the URL instead of the protocol's own path; `''` leaves it as it is, but with `'elastic'`, where
        /// that is the default of Elastic's agent, and means the protocol's path.
        ServerUrlPrefix "serverUrlPrefix" Text: "string" = "",
        /// Where OTLP's log records go: errors and other events. Without it the endpoint of spans says so, if it ends with
        /// `/v1/traces`; with any other there are no events.
        LogsEndpoint "logsEndpoint" Url: "string" = "",
        /// What is sent: OTLP as protobuf or as JSON, or events for Elastic's APM server (intake v2).
        Protocol "protocol" Protocol: "'http/protobuf' | 'http/json' | 'elastic'" = "'http/protobuf'",
        /// Elastic's. Both mean version 2 of its intake, which loses less than 3.
        ApiVersion "apiVersion" ApiVersion: "2 | 3" = "2",
        /// `false` keeps the agent from starting: nothing is patched, recorded or sent.
        Active "active" Flag: "boolean" = "true",
        /// `'pending'` or `'denied'` keeps the agent from recording, storing or sending anything, and from
        /// adding headers, until `setConsent('granted')`; what happened before is not made up for.
        Consent "consent" Consent: "Consent" = "'granted'",
        /// `false` turns all automatic instrumentation off.
        Instrument "instrument" Flag: "boolean" = "true",
        /// Instrumentations to leave off: `'page-load'`, `'fetch'`, `'xmlhttprequest'`, `'history'`, `'click'` (or
        /// Elastic's `'eventtarget'`), `'error'`, and `'web-vitals'` (not in `headwater`).
        DisableInstrumentations "disableInstrumentations" Instrumentations: "string | readonly string[]" = "[]",
        /// Errors that are not recorded: a string that their type and message (`TypeError: …`) contain, or a RegExp
        /// that matches them.
        IgnoreErrors "ignoreErrors" Patterns: "readonly (string | RegExp)[]" = "[]",
        /// Templates of the page's routes, which its URLs get their names from: `'/products/:id'`, `'/blog/*'`. The first
        /// that fits counts. Without one the name has the first two segments, with `:id` for what looks like one.
        Routes "routes" Routes: "readonly string[]" = "[]",
        /// What goes to the console: `'trace'`, `'debug'`, `'info'`, `'warn'` or `'error'`, and what
        /// is more severe.
        LogLevel "logLevel" Level: "'trace' | 'debug' | 'info' | 'warn' | 'error'" = "'warn'",
        /// `false` keeps trace headers off all requests.
        DistributedTracing "distributedTracing" Flag: "boolean" = "true",
        /// Further origins whose requests carry trace headers: a string is one exact origin, a RegExp
        /// is tested against the origin, an object gives either with `propagators` of its own or with
        /// `dryRun: true`, which sends nothing and shows in `diagnostics()` what it would. The first
        /// that matches counts.
        DistributedTracingOrigins "distributedTracingOrigins" Origins: "string | RegExp | Target | readonly (string | RegExp | Target)[]" = "[]",
        /// `false` takes the page's own origin off the targets, unless `distributedTracingOrigins` has it.
        DistributedTracingSameOrigin "distributedTracingSameOrigin" Flag: "boolean" = "true",
        /// Name of the header that carries the `traceparent`, for servers that know it by another one
        /// (Elastic: `elastic-apm-traceparent`).
        DistributedTracingHeaderName "distributedTracingHeaderName" HeaderName: "string" = "'traceparent'",
        /// The formats of trace headers, for targets without their own.
        Propagators "propagators" Propagators: "readonly Propagator[]" = "['tracecontext']",
        /// Also sends `tracestate` wherever `traceparent` goes: Elastic's member `es=s:<rate>` unless
        /// `tracestateMembers` says otherwise, and what the page's server has set.
        PropagateTracestate "propagateTracestate" Flag: "boolean" = "false",
        /// Our members of `tracestate`, which is then sent: `'es'` (Elastic: the sample rate), `'ot'`
        /// (OpenTelemetry: threshold and randomness), `'dd'` (Datadog: priority, origin, span id).
        TracestateMembers "tracestateMembers" Members: "readonly ('es' | 'ot' | 'dd')[]" = "[]",
        /// Names and values for the `baggage` header, beside those of the page's server. Sent only where
        /// `propagators` has `'baggage'`. Everybody on the way can read it.
        Baggage "baggage" Baggage: "Readonly<Record<string, string>>" = "{}",
        /// Trace id of the page load, 32 lower-case hex digits, from the server that rendered the page.
        PageLoadTraceId "pageLoadTraceId" TraceId: "string" = "",
        /// Id of the browser's document-fetch span, 16 lower-case hex digits. The server made it the
        /// parent of its own span, which therefore hangs under the page load.
        PageLoadSpanId "pageLoadSpanId" SpanId: "string" = "",
        /// Id of the span that the page load hangs under, 16 lower-case hex digits.
        PageLoadParentId "pageLoadParentId" SpanId: "string" = "",
        /// The server's sampling decision for the page load; `false` counts. Without it
        /// `transactionSampleRate` decides.
        PageLoadSampled "pageLoadSampled" Flag: "boolean" = "",
        /// When the page was rendered, in Unix milliseconds. The ids and the decision in it are ignored if
        /// that was two minutes before the navigation or earlier: HTML from a cache bears those of others.
        PageLoadTraceTime "pageLoadTraceTime" Time: "number" = "",
        /// Name of the page-load span.
        PageLoadTransactionName "pageLoadTransactionName" Text: "string" = "'documentLoad'",
        /// Share of the traces started here that are recorded: 0 to 1, rounded to four decimals.
        /// Decided by the trace id, as OpenTelemetry's consistent probability sampling does.
        TransactionSampleRate "transactionSampleRate" Rate: "number" = "1",
        /// `'trace'` decides for each trace, `'session'` for all traces of a visitor's session alike (kept
        /// in `localStorage`; its hash goes out as `rv` of the `ot` member).
        SamplingMode "samplingMode" SamplingMode: "'trace' | 'session'" = "'trace'",
        /// Gives the rate, or the decision, for one trace that starts here; `undefined` leaves it to
        /// `transactionSampleRate`. Not asked where a server has decided.
        TracesSampler "tracesSampler" Sampler: "TracesSampler" = "",
        /// Whether requests of traces that are not sampled carry headers which say so, or none.
        UnsampledPropagation "unsampledPropagation" Unsampled: "'headers' | 'none'" = "'headers'",
        /// Keeps the spans of a trace that is not sampled until its page load or request ends, and sends
        /// them if there was an error, with `headwater.sampled_on_error`.
        SampleOnError "sampleOnError" DeferredFlag: "boolean" = "false",
        /// Other environments whose traces are linked: their responses name the trace they have
        /// continued with. Nobody else is believed.
        TrustedRemoteEnvironments "trustedRemoteEnvironments" Environments: "readonly RemoteEnvironment[]" = "[]",
        /// Milliseconds that an ended span waits for others before it is sent. The default is OpenTelemetry's
        /// (`OTEL_BSP_SCHEDULE_DELAY`), but the first sending of a page comes after 500.
        FlushInterval "flushInterval" Duration: "number" = "5000",
        /// Spans that are recorded within a minute, at most (Elastic's default is 80). The rest is dropped, and
        /// counted in `diagnostics()`. Not in `headwater`.
        EventsLimit "eventsLimit" Limit: "number" = "20000",
        /// Entries of `resourceAttributes`, at most. The rest is dropped, and counted in `diagnostics()`. Not in
        /// `headwater`.
        AttributeCountLimit "attributeCountLimit" Limit: "number" = "128",
        /// Bytes of an attribute's text, at most, such as those of a URL; what is longer is cut. Not in `headwater`.
        AttributeValueLengthLimit "attributeValueLengthLimit" Limit: "number" = "4096",
        /// Attributes of the resource, for every span; these win over those that the agent finds.
        ResourceAttributes "resourceAttributes" Attributes: "Readonly<Record<string, string | number | boolean>>" = "{}",
        /// Headers of the requests to the collector, or a function that gives them. The page's visitors can read
        /// them: no secrets.
        Headers "headers" Headers: "Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>)" = "{}",
        /// Whether requests to the collector carry cookies and the like, as `fetch` knows it.
        Credentials "credentials" Credentials: "'omit' | 'same-origin' | 'include'" = "'omit'",
        /// `'gzip'` compresses what is sent. The collector must take it, and allow the header `Content-Encoding`.
        Compression "compression" Compression: "'none' | 'gzip'" = "'none'",
        /// What of a request is kept out of its span. Bodies and headers never are in; `true` replaces user
        /// names, passwords and the values of secret query parameters in all URLs by `REDACTED`; `'query'` drops
        /// queries and fragments; `false` leaves URLs as they are.
        ExcludeRequestData "excludeRequestData" Exclude: "boolean | 'query'" = "true",
        /// Gets every span and event before it is sent, and may change its `name` and `attributes`, or drop it by
        /// returning `false` or `null`.
        BeforeSend "beforeSend" BeforeSend: "BeforeSend" = "",
    }
    further {
        /// Templates of requests' URLs: `'/api/products/:id'`, `'https://api.example.com/orders/*'` (one without an origin
        /// is of the page's own). The first that fits is `url.template`, and part of the span's name. Not in `headwater`.
        UrlTemplates "urlTemplates" Routes: "readonly string[]" = "[]",
        /// Where names and types of GraphQL operations are looked for: in `'url'`s, or in bodies that are strings, too
        /// (`'body'`). `headwater/full` only.
        Graphql "graphql" Graphql: "'url' | 'body'" = "",
        /// Records as errors what the browser reports beside exceptions: resources that have not loaded, violations of the
        /// Content Security Policy, deprecations and interventions. Not in `headwater`.
        Reports "reports" Flag: "boolean" = "false",
        /// Whether all spans and events bear the visitor's session (`session.id`; Elastic's `session`), which is kept in
        /// `localStorage`: see docs/sessions.md. Not in `headwater`.
        Session "session" Flag: "boolean" = "true",
        /// Whether what the browser takes for a navigation within the document has web vitals of its own, and ends those of
        /// the page before: see docs/vitals.md. `headwater/full` only.
        SoftNavigations "softNavigations" VitalsFlag: "boolean" = "false",
    }
    facts {
        /// The page's own origin; `null` for an opaque one.
        PageOrigin,
        /// The document's URL.
        PageUrl,
        /// Content of `<meta name="traceparent">`.
        PageTraceParent,
        /// Content of `<meta name="tracestate">`.
        PageTraceState,
        /// Content of `<meta name="baggage">`.
        PageBaggage,
        /// Content of `<meta name="dd-trace-id">`.
        DatadogTraceId,
        /// Content of `<meta name="dd-trace-time">`.
        DatadogTraceTime,
        /// Text of the HTML comment that begins with `DATADOG;`.
        DatadogComment,
        /// The navigation's `Server-Timing`, as the header has it.
        PageServerTiming,
        /// `navigator.userAgent`.
        UserAgent,
        /// `navigator.language`.
        Language,
        /// `navigator.userAgentData.platform`.
        Platform,
        /// `navigator.userAgentData.mobile`: `true` or `false`.
        Mobile,
        /// `navigator.userAgentData.brands`: each as `brand version`, with `|` between them.
        Brands,
        /// What `Host::store` was given last: told on its own, as it may wait for consent.
        StoredSession,
    }
}

impl OptionId {
    /// Its bit in a set of options. Nobody asks for those of facts.
    pub const fn bit(self) -> u64 {
        let number = self as u64;
        1 << if number < 63 { number } else { 63 }
    }
}

/// One row of the option table.
pub struct OptionDocumentation {
    pub name: &'static str,
    pub typescript: &'static str,
    /// As written in TypeScript, `required`, or empty if there is none.
    pub default: &'static str,
    pub text: &'static str,
}
