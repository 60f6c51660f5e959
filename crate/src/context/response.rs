//! What a response says of the server's trace, to prove that it joined ours or to link to its own.
//!
//! Several carriers say it, and the first in this order counts: the `Server-Timing` metric `trace` (W3C
//! Trace Context, *HTTP response headers*, since 2025-10), the metric `traceparent` (Splunk, OpenTelemetry
//! distributions), the header `traceresponse` (the W3C draft before), and Dynatrace's metric `dtTrId`, a
//! trace id alone. Beside it may stand the id of the server's environment (Dynatrace Semantic Dictionary,
//! `dt.tracing.response.headers`). Malformed values are ignored; if the best carrier says two different
//! things nothing is believed.

use super::bytes::{is_lower_case, take_part};
use super::{Flags, SpanId, TraceId, TraceParent};

/// The server's side of a request, as it says itself. Its flags are hints, not orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerContext {
    pub trace_id: TraceId,
    /// The server's span.
    pub span_id: Option<SpanId>,
    pub flags: Flags,
}

impl ServerContext {
    /// The server's span, if it has named it.
    pub fn whole(self) -> Option<TraceParent> {
        let Self { trace_id, span_id, flags } = self;
        Some(TraceParent { trace_id, span_id: span_id?, flags })
    }
}

/// Collects what the carriers of one response say.
#[derive(Clone, Copy, Debug)]
pub struct ResponseContext<'a> {
    /// The place of the best carrier so far.
    place: u8,
    /// What it says; nothing if it contradicts itself.
    context: Option<ServerContext>,
    environment: &'a [u8],
}

impl<'a> ResponseContext<'a> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { place: NONE_YET, context: None, environment: b"" }
    }

    /// Reads a `Server-Timing` header (W3C Server Timing §2): metrics separated by commas, each a name
    /// and parameters separated by semicolons. Several headers arrive as one.
    pub fn server_timing(&mut self, header: &'a str) {
        let mut metrics = header.as_bytes();
        while !metrics.is_empty() {
            let mut parameters = take_part(&mut metrics, b',', true);
            let name = take_part(&mut parameters, b';', true).trim_ascii();
            while !parameters.is_empty() {
                let mut value = take_part(&mut parameters, b';', true);
                if take_part(&mut value, b'=', true).trim_ascii().eq_ignore_ascii_case(b"desc") {
                    // The first of equal parameters counts. What we look for never needs an escape.
                    value = value.trim_ascii();
                    if let [b'"', quoted @ .., b'"'] = value {
                        value = quoted;
                    }
                    self.note(name, value);
                    break;
                }
            }
        }
    }

    /// Reads one metric: a `PerformanceServerTiming`'s name and description.
    pub fn metric(&mut self, name: &str, description: &'a str) {
        self.note(name.as_bytes(), description.as_bytes());
    }

    /// Reads the header `traceresponse`.
    pub fn traceresponse(&mut self, header: &str) {
        self.say(TRACE_RESPONSE, parse(header.as_bytes()));
    }

    /// Reads the id of the server's environment (`x-dt-tracestate`): at most 64 characters of
    /// `[0-9a-z@_.-]`. The first one counts.
    pub fn environment(&mut self, header: &'a str) {
        self.note(b"env", header.as_bytes());
    }

    /// What the server says of its trace.
    pub fn context(&self) -> Option<ServerContext> {
        self.context
    }

    /// The id of the server's environment, empty if it has not said so. It goes for nothing unless the
    /// origin is trusted.
    pub fn environment_id(&self) -> &'a [u8] {
        self.environment
    }

    fn note(&mut self, name: &[u8], description: &'a [u8]) {
        let description = description.trim_ascii();
        let Some(metric) = METRICS.iter().position(|metric| metric.eq_ignore_ascii_case(name)) else {
            return;
        };
        if let Some(place) = PLACES.get(metric) {
            let id_alone = |trace_id| ServerContext { trace_id, span_id: None, flags: Flags(0) };
            let context =
                if metric == 2 { TraceId::parse(description).map(id_alone) } else { parse(description) };
            self.say(*place, context);
        } else if self.environment.is_empty()
            && description.len() <= 64
            && is_lower_case(description, b"@_.-")
        {
            self.environment = description;
        }
    }

    /// The same twice is no contradiction: header and `PerformanceResourceTiming` tell of one metric.
    fn say(&mut self, place: u8, context: Option<ServerContext>) {
        if context.is_none() {
            return;
        }
        if place < self.place {
            self.place = place;
            self.context = context;
        } else if place == self.place && self.context != context {
            self.context = None;
        }
    }
}

impl Default for ResponseContext<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// `version-trace-id-child-id-flags`. In the draft of old the child id could be missing.
fn parse(text: &[u8]) -> Option<ServerContext> {
    let text = text.trim_ascii();
    let mut with_child = Vec::new();
    let is_childless = text.len() == 39;
    if is_childless {
        for part in [&text[..36], &[b'1'; 16], &text[36..]] {
            with_child.extend_from_slice(part);
        }
    }
    let context = TraceParent::parse(if is_childless { &with_child } else { text }).ok()?;
    Some(ServerContext {
        trace_id: context.trace_id,
        span_id: if is_childless { None } else { Some(context.span_id) },
        flags: context.flags,
    })
}

/// The metrics, and the places of carriers in the order in which they count.
const METRICS: [&[u8]; 4] = [b"trace", b"traceparent", b"dtTrId", b"env"];
const PLACES: [u8; 3] = [0, 1, 3];
const TRACE_RESPONSE: u8 = 2;
const NONE_YET: u8 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T: &str = "0af7651916cd43dd8448eb211c80319c";
    const U: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const S: &str = "b7ad6b7169203331";

    fn server(trace_id: &str, span_id: &str, flags: u8) -> Option<ServerContext> {
        let trace_id = TraceId::parse(trace_id.as_bytes()).unwrap();
        Some(ServerContext { trace_id, span_id: SpanId::parse(span_id.as_bytes()), flags: Flags(flags) })
    }

    fn of_server_timing(header: &str) -> Option<ServerContext> {
        let mut response = ResponseContext::new();
        response.server_timing(header);
        response.context()
    }

    fn of_traceresponse(header: &str) -> Option<ServerContext> {
        let mut response = ResponseContext::new();
        response.traceresponse(header);
        response.context()
    }

    #[test]
    fn every_form_of_traceresponse() {
        for (header, expected) in [
            (format!("00-{T}-{S}-01"), server(T, S, 1)),
            (format!("00-{T}-{S}-00"), server(T, S, 0)),
            (format!("00-{T}-{S}-03"), server(T, S, 3)),
            (format!(" 00-{T}-{S}-ff "), server(T, S, 3)),
            (format!("00-{T}--01"), server(T, "", 1)),
            (format!("cc-{T}-{S}-01-what"), server(T, S, 1)),
            (format!("00-{}-{S}-01", T.to_uppercase()), None),
            (format!("00-{}-{S}-01", "0".repeat(32)), None),
            (format!("00-{T}-{}-01", "0".repeat(16)), None),
            (format!("00-{}--01", "0".repeat(32)), None),
            (format!("ff-{T}-{S}-01"), None),
            (format!("ff-{T}--01"), None),
            (format!("00-{T}--01-"), None),
            (format!("00-{T}--1"), None),
            (format!("00-{T}-{S}-01, 00-{U}-{S}-01"), None),
            ("00---00".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(of_traceresponse(&header), expected, "{header}");
        }
    }

    #[test]
    fn every_form_of_server_timing() {
        let good = format!("00-{T}-{S}-01");
        for (header, expected) in [
            (format!("trace;desc={good}"), server(T, S, 1)),
            (format!("trace;desc=\"{good}\""), server(T, S, 1)),
            (format!("traceparent;desc=\"{good}\""), server(T, S, 1)),
            (format!("TRACE ; DESC = {good} "), server(T, S, 1)),
            (format!("trace;dur=1;desc={good};x"), server(T, S, 1)),
            (format!("trace;desc={good};desc=x"), server(T, S, 1)),
            (format!("trace;desc=x;desc={good}"), None),
            (
                format!(
                    "cdn-cache; desc=HIT, edge; dur=1, dtSInfo;desc=\"0\", \
                     dtRpid;desc=\"-1245436569\", trace;desc={good}"
                ),
                server(T, S, 1),
            ),
            (format!("a;desc=\"x, trace;desc={U}\", trace;desc={good}"), server(T, S, 1)),
            (format!("a;desc=\"x\\\", trace;desc=1\", trace;desc={good}"), server(T, S, 1)),
            (format!("traceparent;desc=00-{U}-{S}-01, trace;desc={good}"), server(T, S, 1)),
            (format!("traceparent;desc={good}, trace;desc=00-{U}"), server(T, S, 1)),
            (format!("dtTrId;desc=\"{T}\""), server(T, "", 0)),
            (format!("dtTrId;desc=\"{U}\", traceparent;desc={good}"), server(T, S, 1)),
            (format!("trace;desc={good}, trace;desc={good}"), server(T, S, 1)),
            (format!("trace;desc={good}, trace;desc=00-{U}-{S}-01"), None),
            (format!("trace;desc={good}, trace;desc=00-{U}-{S}-01, traceparent;desc={good}"), None),
            (format!("traces;desc={good}"), None),
            (format!("traceresponse;desc={good}"), None),
            (format!(";desc={good}"), None),
            (format!("trace;description={good}"), None),
            (format!("trace;desc=\"{good}"), None),
            ("trace".into(), None),
            ("trace;desc".into(), None),
            ("trace;desc=\"".into(), None),
            (format!("dtTrId;desc={S}"), None),
            (",;,=,\"".into(), None),
        ] {
            assert_eq!(of_server_timing(&header), expected, "{header}");
        }
    }

    #[test]
    fn carriers_count_in_their_order() {
        let [a, b, c] = ["1", "2", "3"].map(|digit| format!("00-{}-{S}-01", digit.repeat(32)));
        let mut response = ResponseContext::new();
        let mut seen = Vec::new();
        response.metric("dtTrId", T);
        seen.push(response.context().unwrap().trace_id);
        response.traceresponse(&c);
        seen.push(response.context().unwrap().trace_id);
        response.metric("traceparent", &b);
        seen.push(response.context().unwrap().trace_id);
        response.metric("trace", &a);
        response.metric("trace", &a);
        response.traceresponse(&c);
        seen.push(response.context().unwrap().trace_id);
        response.metric("trace", &b);
        assert_eq!(response.context(), None, "the best one contradicts itself");
        let expected = [T.into(), "3".repeat(32), "2".repeat(32), "1".repeat(32)];
        assert_eq!(seen, expected.map(|id: String| TraceId::parse(id.as_bytes()).unwrap()));
    }

    #[test]
    fn environments_are_named_by_header_or_metric() {
        let environment = |header: &'static str| {
            let mut response = ResponseContext::new();
            response.environment(header);
            response.environment_id()
        };
        assert_eq!(environment("747dc706-46dc6e7f@dt"), b"747dc706-46dc6e7f@dt");
        assert_eq!(environment(" shop.prod_1 "), b"shop.prod_1");
        for header in ["", " ", "A", "a b", "a,b", "a\nb", "é", "<script>"] {
            assert_eq!(environment(header), b"", "{header}");
        }
        let long = "a".repeat(65);
        let mut response = ResponseContext::new();
        response.environment(&long);
        assert_eq!(response.environment_id(), b"");
        response.server_timing("ENV;desc=\"one\", env;desc=two");
        assert_eq!((response.environment_id(), response.context()), (&b"one"[..], None));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(a: String, b: String) {
            let mut response = ResponseContext::new();
            response.server_timing(&a);
            response.metric(&a, &b);
            response.traceresponse(&b);
            response.environment(&a);
            response.context();
        }

        #[test]
        fn near_misses_never_panic(
            header in "((trace|dtTrId|env|é) ?;? ?(desc|dur)?=?\"?(00-[0-9a-f]{32}-([0-9a-f]{16})?-0[0-9é])?\\\\?\"?[,;]?){0,5}"
        ) {
            of_server_timing(&header);
            of_traceresponse(&header);
        }

        #[test]
        fn what_we_write_is_read_back(high: u64, low in 1u64.., span in 1u64.., flags in 0u8..4) {
            let context = TraceParent {
                trace_id: TraceId::of_halves(high, low).unwrap(),
                span_id: SpanId::of_number(span).unwrap(),
                flags: Flags(flags),
            };
            let mut header = b"a;desc=\"b\", trace;desc=".to_vec();
            context.write(&mut header);
            let read = of_server_timing(std::str::from_utf8(&header).unwrap()).unwrap();
            prop_assert_eq!((read.trace_id, read.span_id), (context.trace_id, Some(context.span_id)));
            prop_assert_eq!(read.flags, context.flags);
        }
    }
}
