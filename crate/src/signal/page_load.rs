//! The page load: a root span from the start of the navigation to its load event, with the document's
//! request and the page's resources as children. The names are those of OpenTelemetry's document-load
//! instrumentation.

use std::mem;

use super::request::STATUS_CODE;
use crate::context::{
    Baggage, Flags, IdGenerator, OtState, ResponseContext, ServerContext, SpanId, TraceId, TraceParent,
    TraceState, datadog, opentelemetry, page_trace,
};
#[cfg(feature = "elastic")]
use crate::encode::elastic;
use crate::options::{Instrumentation, OptionId, Options};
use crate::sampling::Decision;
#[cfg(feature = "events")]
use crate::trace::TYPE;
use crate::trace::{Attributes, Kind, Link, Parent, Root, Sink, Span, SpanContext, Status, redact_url};

/// The page load, open until [`PageLoad::close`].
pub struct PageLoad {
    pub context: SpanContext,
    /// What was decided on its trace.
    pub root: Root,
    /// What the server and those before it have to say.
    pub tracestate: String,
    /// The server's, and that of the options.
    pub baggage: Baggage,
    parent: Option<Parent>,
    document: SpanId,
    open: bool,
}

/// A `PerformanceResourceTiming` entry. Times are milliseconds of the page's clock, sizes bytes.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    pub url: &'a str,
    /// `script`, `img`, `fetch` …; `navigation` for the document.
    pub initiator: &'a str,
    /// ALPN id as in `nextHopProtocol`; empty if unknown.
    pub protocol: &'a str,
    /// `blocking`, `non-blocking`, or empty if the browser doesn't tell.
    pub render_blocking: &'a str,
    pub start: f64,
    pub end: f64,
    /// 0 if unknown.
    pub status: u16,
    /// With headers; 0 from the cache or if the server doesn't let us know.
    pub transfer_size: f64,
    pub body_size: f64,
    /// Decoded, for Elastic's server; 0 for any other.
    #[cfg(feature = "elastic")]
    pub decoded_size: u64,
    /// `Server-Timing`, as the header has it.
    pub server_timing: &'a str,
    /// Of a request: see [`Moments::parse`](super::timing::Moments::parse). Else empty.
    #[cfg(feature = "timing")]
    pub timing: &'a str,
}

impl Resource<'_> {
    /// Adds how it came, as far as the server lets us know.
    pub fn tell_transfer(&self, attributes: &mut Attributes) {
        attributes.known_text("network.protocol.version", protocol_version(self.protocol));
        attributes.known_integer("http.response.size", self.transfer_size as i64);
        attributes.known_integer("http.response.body.size", self.body_size as i64);
    }
}

/// Moments of the navigation, in milliseconds of the page's clock; 0 is one that didn't come.
#[derive(Clone, Copy, Debug)]
pub struct Milestones {
    pub dom_interactive: f64,
    pub dom_content_loaded: f64,
    pub dom_complete: f64,
    pub load: f64,
}

/// A page load that has ended, until all is known that it is to say.
#[cfg(feature = "elastic")]
pub struct Ended {
    pub url: String,
    /// The navigation's type.
    pub kind: String,
    /// What the page's code says of it.
    pub given: String,
    pub milestones: Milestones,
    pub end: f64,
}

impl PageLoad {
    /// Starts the page load. `navigation_start` is in Unix milliseconds; `root` decides on a trace that
    /// starts here.
    ///
    /// Whose trace it joins, in this order (each is documented with a picture in `docs/page-load.md`):
    ///
    /// 1. The options, with Elastic's semantics: the server made up the id of our document span and hung its
    ///    own span under it.
    /// 2. `<meta name="traceparent">`, with OpenTelemetry's: the page load hangs under the server's span.
    /// 3. Datadog's hand-off: the trace id alone.
    /// 4. The navigation's `Server-Timing`, metric `trace` or `traceparent`: as the second.
    ///
    /// A decision that the server took is never changed.
    pub fn start(
        options: &Options,
        ids: &mut IdGenerator,
        navigation_start: f64,
        root: &mut dyn FnMut(TraceId) -> Root,
    ) -> Self {
        let text = |option| options.text(option);
        // What stands in the HTML is as old as the HTML.
        let is_fresh = page_trace::is_fresh(options.page_load_trace_time, navigation_start);
        let span_id = |option| options.span_id(option).filter(|_| is_fresh);
        let decided = options.given_flag(OptionId::PageLoadSampled).filter(|_| is_fresh);
        let mut trace_id = options.trace_id(OptionId::PageLoadTraceId).filter(|_| is_fresh);
        let mut server = None;
        let mut page = Self {
            // Whether another's id is random in all the bits that the flag promises is its to say.
            context: SpanContext { trace_id: ids.trace_id(), span_id: ids.span_id(), flags: Flags(0) },
            root: Root::of_flag(false),
            tracestate: String::new(),
            baggage: Baggage::new(),
            parent: None,
            document: span_id(OptionId::PageLoadSpanId).unwrap_or_else(|| ids.span_id()),
            // Switched off, it has no span, and so nothing hangs under it.
            open: options.instruments(Instrumentation::PageLoad),
        };
        if trace_id.is_none() && is_fresh {
            server = TraceParent::parse(text(OptionId::PageTraceParent).as_bytes()).ok();
            if server.is_some() {
                if cfg!(feature = "opentelemetry") {
                    page.tracestate = text(OptionId::PageTraceState).into();
                }
                if cfg!(feature = "baggage") {
                    page.baggage = Baggage::parse(text(OptionId::PageBaggage));
                }
            }
        }
        if cfg!(feature = "datadog") && trace_id.is_none() && server.is_none() {
            let (id, time) = (text(OptionId::DatadogTraceId), text(OptionId::DatadogTraceTime));
            trace_id = page_trace::of_meta(id, time, navigation_start)
                .or_else(|| page_trace::of_comment(text(OptionId::DatadogComment), navigation_start));
        }
        if cfg!(feature = "linking") && trace_id.is_none() && server.is_none() {
            let mut response = ResponseContext::new();
            response.server_timing(text(OptionId::PageServerTiming));
            server = response.context().and_then(ServerContext::whole);
        }
        if let Some(server) = server {
            page.parent = Some(Parent { span_id: server.span_id, remote: true });
            page.context = server.child(page.context.span_id);
            page.root = inherited(server.flags, &page.tracestate);
        } else {
            match trace_id {
                Some(trace_id) => page.context.trace_id = trace_id,
                None => page.context.flags = Flags::new(false),
            }
            if !cfg!(feature = "sampler") || decided.is_none() && page.open {
                page.root = root(page.context.trace_id);
            } else {
                // The page's sampler is asked only if it counts.
                page.root.rate = Some(options.sample_rate);
            }
        }
        if cfg!(feature = "baggage") {
            page.baggage.merge(&options.baggage);
        }
        if let Some(span_id) = span_id(OptionId::PageLoadParentId) {
            page.parent = Some(Parent { span_id, remote: true });
        }
        if let Some(sampled) = decided {
            page.root.decision = Root::of_flag(sampled).decision;
        }
        page.context.flags = page.context.flags.with_sampled(page.root.decision.sampled());
        page
    }

    /// Hands the finished span of a resource, or of the document itself, to `sink`.
    pub fn resource(
        &self,
        resource: &Resource,
        link: Option<Link>,
        ids: &mut IdGenerator,
        sink: &mut dyn Sink,
    ) {
        let is_document = resource.initiator == "navigation";
        let url = redact_url(resource.url);
        let mut attributes = Attributes::of_span();
        attributes.text("url.full", &url);
        attributes.known_integer(STATUS_CODE, i64::from(resource.status));
        resource.tell_transfer(&mut attributes);
        #[cfg(feature = "elastic")]
        attributes.known_integer(elastic::DECODED_SIZE, resource.decoded_size.cast_signed());
        if !is_document {
            attributes.text("browser.resource_timing.initiator_type", resource.initiator);
        }
        attributes.known_text("browser.resource_timing.render_blocking_status", resource.render_blocking);
        sink.record(&Span {
            context: self.context.child(if is_document { self.document } else { ids.span_id() }),
            parent: Some(self.as_parent()),
            name: if is_document { "documentFetch" } else { "resourceFetch" },
            kind: if is_document { Kind::Client } else { Kind::Internal },
            start: resource.start,
            end: resource.end,
            attributes: &attributes,
            links: link.as_slice(),
            status: if resource.status >= 400 { Status::Error } else { Status::Unset },
        });
    }

    /// Hands the finished span of one of the [`PHASES`] to `sink`.
    #[cfg(feature = "events")]
    pub fn phase(
        &self,
        phase: usize,
        (start, end): (f64, f64),
        for_elastic: bool,
        ids: &mut IdGenerator,
        sink: &mut dyn Sink,
    ) {
        let Some((own_name, elastic_name, is_of_request)) = PHASES.get(phase) else {
            return;
        };
        let mut attributes = Attributes::of_span();
        let mut parent = self.as_parent();
        if for_elastic {
            attributes.text(TYPE, "hard-navigation.browser-timing");
        } else if *is_of_request {
            parent.span_id = self.document;
        }
        sink.record(&Span {
            context: self.context.child(ids.span_id()),
            parent: Some(parent),
            name: if for_elastic { elastic_name } else { own_name },
            kind: Kind::Internal,
            start,
            end,
            attributes: &attributes,
            links: &[],
            status: Status::Unset,
        });
    }

    /// The page load is over, at the load event or when the page is left before it. Returns whether it
    /// was open.
    pub fn close(&mut self) -> bool {
        mem::replace(&mut self.open, false)
    }

    /// It was closed, and kept: it ends now.
    #[cfg(feature = "elastic")]
    pub fn reopen(&mut self) {
        self.open = true;
    }

    /// Hands the page load's own span to `sink`. `attributes` are the page's own.
    pub fn end(
        &self,
        (name, mut attributes): (&str, Attributes),
        url: &str,
        navigation_type: &str,
        milestones: &Milestones,
        end: f64,
        sink: &mut dyn Sink,
    ) {
        let url = redact_url(url);
        attributes.text("url.full", &url);
        attributes.known_text("browser.navigation_timing.type", navigation_type);
        for (key, moment) in [
            ("browser.navigation_timing.dom_interactive", milestones.dom_interactive),
            ("browser.navigation_timing.dom_content_loaded_event_end", milestones.dom_content_loaded),
            ("browser.navigation_timing.dom_complete", milestones.dom_complete),
            ("browser.navigation_timing.load_event_end", milestones.load),
        ] {
            if moment > 0.0 {
                attributes.double(key, moment);
            }
        }
        sink.record(&Span {
            context: self.context,
            parent: self.parent,
            name,
            kind: Kind::Internal,
            start: 0.0,
            end,
            attributes: &attributes,
            links: &[],
            status: Status::Unset,
        });
    }

    /// Whether what happens now happens during the page load.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Its context, with the sampled flag as it is decided now.
    pub fn sampled_context(&self) -> SpanContext {
        SpanContext { flags: self.context.flags.with_sampled(self.root.decision.sampled()), ..self.context }
    }

    /// As the parent of its children.
    pub fn as_parent(&self) -> Parent {
        Parent { span_id: self.context.span_id, remote: false }
    }
}

/// The phases of a navigation, in the wrapper's order: what we call them, what Elastic's agent does, and whether they are
/// part of the document's request.
#[cfg(feature = "events")]
const PHASES: [(&str, &str, bool); 6] = [
    ("redirect", "Redirect", false),
    ("domainLookup", "Domain lookup", true),
    ("connect", "Making a connection to the server", true),
    ("domProcessing", "Parsing the document, executing sync. scripts", false),
    ("domContentLoaded", "Fire \"DOMContentLoaded\" event", false),
    ("loadEvent", "Fire \"load\" event", false),
];

/// The page load's name.
pub fn name(options: &Options) -> &str {
    match options.text(OptionId::PageLoadTransactionName) {
        "" => "documentLoad",
        name => name,
    }
}

/// The server's decision: its flag, and what its `tracestate` says of how it came about.
fn inherited(flags: Flags, tracestate: &str) -> Root {
    if !cfg!(feature = "opentelemetry") {
        return Root::of_flag(flags.sampled());
    }
    let others = TraceState::parse(tracestate).unwrap_or_default();
    let ot = OtState::parse(others.value(opentelemetry::KEY));
    let priority =
        if cfg!(feature = "datadog") { datadog::priority(others.value(datadog::KEY)) } else { None };
    Root { decision: Decision::inherited(flags.sampled(), priority, ot.threshold, ot.randomness), rate: None }
}

/// `network.protocol.version` for an ALPN id: `h2` is `2`, `http/1.1` is `1.1`.
fn protocol_version(alpn: &str) -> &str {
    alpn.strip_prefix("http/").or_else(|| alpn.strip_prefix("h")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Propagators;
    use crate::options::Input;
    use crate::sampling::{Priority, Threshold};

    fn ids() -> IdGenerator {
        IdGenerator::new(|bytes| {
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = (index as u8).wrapping_add(1);
            }
        })
    }

    const META: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn server() -> TraceParent {
        TraceParent::parse(META.as_bytes()).unwrap()
    }

    fn options_with_meta() -> Options {
        let mut options = Options::new();
        assert!(options.set(OptionId::PageTraceParent, "", Input::Text(META), &|_| None));
        options
    }

    fn start(options: &Options) -> PageLoad {
        PageLoad::start(options, &mut ids(), NAVIGATION, &mut |trace_id| {
            let threshold = Threshold::from_probability(options.sample_rate);
            Root {
                decision: Decision::of_trace(threshold, trace_id.randomness()),
                rate: Some(options.sample_rate),
            }
        })
    }

    fn root_of(mut page: PageLoad, mut check: impl FnMut(&Span)) {
        let milestones =
            Milestones { dom_interactive: 5.0, dom_content_loaded: 6.0, dom_complete: 0.0, load: 0.0 };
        page.end(
            (name(&Options::new()), Attributes::of_span()),
            "https://shop.example/?token=x",
            "navigate",
            &milestones,
            10.0,
            &mut check,
        );
        assert!(page.close() && !page.is_open() && !page.close());
    }

    #[test]
    fn the_page_load_hangs_under_the_meta_tag_s_span() {
        let page = start(&options_with_meta());
        root_of(page, |span: &Span| {
            assert_eq!(span.context.trace_id, server().trace_id);
            assert_ne!(span.context.span_id, server().span_id);
            assert_eq!(span.parent, Some(Parent { span_id: server().span_id, remote: true }));
            assert_eq!(span.context.flags, server().flags);
            assert_eq!(span.name, "documentLoad");
            assert_eq!(span.attributes.decoded().len(), 4, "moments that did not come are left out");
        });
    }

    #[test]
    fn the_server_s_span_hangs_under_the_options_document_span() {
        let mut options = options_with_meta();
        for (option, value) in [
            (OptionId::PageLoadTraceId, Input::Text("0af7651916cd43dd8448eb211c80319c")),
            (OptionId::PageLoadSpanId, Input::Text("b7ad6b7169203331")),
            (OptionId::PageLoadSampled, Input::Flag(false)),
        ] {
            assert!(options.set(option, "", value, &|_| None));
        }
        let page = start(&options);
        assert_eq!(
            Some(page.context.trace_id),
            options.trace_id(OptionId::PageLoadTraceId),
            "the options win"
        );
        assert!(!page.context.flags.sampled(), "`false` counts");
        let document = Resource {
            url: "https://shop.example/",
            initiator: "navigation",
            protocol: "h2",
            render_blocking: "",
            start: 1.0,
            end: 2.0,
            status: 200,
            transfer_size: 300.0,
            body_size: 0.0,
            decoded_size: 0,
            server_timing: "",
            timing: "",
        };
        page.resource(&document, None, &mut ids(), &mut |span: &Span| {
            assert_eq!(Some(span.context.span_id), options.span_id(OptionId::PageLoadSpanId));
            assert_eq!(span.parent, Some(page.as_parent()));
            assert_eq!(span.name, "documentFetch");
            let attributes = span.attributes.decoded();
            assert_eq!(attributes["network.protocol.version"], "2");
            assert_eq!(attributes["http.response.size"], "300");
            assert!(!attributes.contains_key("http.response.body.size"));
        });
        root_of(page, |span: &Span| assert_eq!(span.parent, None));
    }

    #[test]
    fn switched_off_it_is_never_open() {
        let mut options = Options::new();
        assert!(options.set(OptionId::DisableInstrumentations, "", Input::Text("page-load"), &|_| None));
        let mut page = start(&options);
        assert!(!page.is_open() && !page.close());
    }

    #[test]
    fn without_a_server_the_sampler_decides() {
        for (rate, sampled) in [(0.0, false), (1.0, true)] {
            let mut options = Options::new();
            options.sample_rate = rate;
            let page = start(&options);
            assert_eq!(page.context.flags, Flags::new(sampled));
        }
    }

    #[test]
    fn a_server_s_decision_is_not_changed() {
        let mut options = options_with_meta();
        options.sample_rate = 0.0;
        assert!(start(&options).context.flags.sampled());
    }

    /// What the page says, and the trace id, parent, flags and `tracestate` that follow.
    fn joined(given: &[(OptionId, Input)]) -> (String, String, u8, String) {
        let mut options = Options::new();
        // Whatever is decided here shows.
        options.sample_rate = 0.0;
        for (option, value) in given {
            assert!(options.set(*option, "", *value, &|_| None), "{option:?}");
        }
        let page = start(&options);
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        (
            digits(page.context.trace_id.bytes()),
            page.parent.map_or(String::new(), |parent| digits(parent.span_id.bytes())),
            page.context.flags.0,
            page.tracestate,
        )
    }

    const T: &str = "0af7651916cd43dd8448eb211c80319c";
    const NAVIGATION: f64 = 1_700_000_000_000.0;
    const FRESH: &str = "1699999999000";
    const STALE: &str = "1699999880000";

    #[test]
    fn the_first_source_that_says_something_counts() {
        let own = joined(&[]).0;
        let timing = format!("db;dur=1, trace;desc=00-{T}-b7ad6b7169203331-01");
        let comment = format!(" DATADOG;trace-id=7;trace-time={FRESH} ");
        let all = [
            (OptionId::PageLoadTraceId, Input::Text("11111111111111111111111111111111")),
            (OptionId::PageTraceParent, Input::Text(META)),
            (OptionId::PageTraceState, Input::Text("vendor=1")),
            (OptionId::DatadogTraceId, Input::Text("255")),
            (OptionId::DatadogTraceTime, Input::Text(FRESH)),
            (OptionId::DatadogComment, Input::Text(&comment)),
            (OptionId::PageServerTiming, Input::Text(&timing)),
        ];
        let id = |number: u64| format!("{number:032x}");
        let none = String::new;
        assert_eq!(joined(&all), ("1".repeat(32), none(), 0, none()));
        assert_eq!(joined(&all[1..]), (META[3..35].into(), "00f067aa0ba902b7".into(), 1, "vendor=1".into()));
        assert_eq!(joined(&all[3..]), (id(255), none(), 0, none()));
        assert_eq!(joined(&all[5..]), (id(7), none(), 0, none()));
        assert_eq!(joined(&all[6..]), (T.into(), "b7ad6b7169203331".into(), 1, none()));
        assert_eq!(joined(&[]), (own, none(), 2, none()));
    }

    #[test]
    fn what_is_malformed_or_stale_is_not_there() {
        let own = joined(&[]).0;
        let comment = format!("DATADOG;trace-id=7;trace-time={STALE}");
        for given in [
            vec![(OptionId::PageLoadTraceId, Input::Text("00000000000000000000000000000000"))],
            vec![(OptionId::PageTraceParent, Input::Text("00-4bf92f3577b34da6a3ce929d0e0e4736-0-01"))],
            vec![(OptionId::DatadogTraceId, Input::Text("7"))],
            vec![
                (OptionId::DatadogTraceId, Input::Text("7")),
                (OptionId::DatadogTraceTime, Input::Text(STALE)),
            ],
            vec![(OptionId::DatadogComment, Input::Text(&comment))],
            vec![(OptionId::PageServerTiming, Input::Text("trace;desc=00-1-2-01"))],
            // A trace id alone names no span to hang under.
            vec![(OptionId::PageServerTiming, Input::Text("dtTrId;desc=0af7651916cd43dd8448eb211c80319c"))],
        ] {
            assert_eq!(joined(&given).0, own, "{given:?}");
        }
    }

    #[test]
    fn html_from_a_cache_bears_the_ids_of_others() {
        let own = joined(&[]).0;
        let ids =
            [(OptionId::PageLoadTraceId, Input::Text(T)), (OptionId::PageTraceParent, Input::Text(META))];
        for (index, expected) in [T, &META[3..35]].into_iter().enumerate() {
            let with_time = |age: f64| {
                let time = (OptionId::PageLoadTraceTime, Input::Number(NAVIGATION - age));
                joined(&[ids[index], time]).0
            };
            assert_eq!(with_time(119_999.0), expected);
            assert_eq!(with_time(120_000.0), own);
        }
        // What else the options say is of that trace.
        let stale = [
            ids[0],
            (OptionId::PageLoadSpanId, Input::Text("b7ad6b7169203331")),
            (OptionId::PageLoadParentId, Input::Text("b7ad6b7169203332")),
            (OptionId::PageLoadSampled, Input::Flag(true)),
            (OptionId::PageLoadTraceTime, Input::Number(NAVIGATION - 120_000.0)),
        ];
        assert_eq!(joined(&stale), (own, String::new(), 2, String::new()));
        assert_eq!(joined(&stale[..4]), (T.into(), "b7ad6b7169203332".into(), 1, String::new()));
    }

    #[test]
    fn the_server_s_word_on_sampling_is_kept() {
        let mut options = options_with_meta();
        let state = "ot=th:8;rv:fffffffffffff0,dd=s:2,vendor=1";
        assert!(options.set(OptionId::PageTraceState, "", Input::Text(state), &|_| None));
        let mut page = start(&options);
        assert_eq!(page.root.decision.priority(), Priority::Keep);
        assert!(page.root.decision.drop().is_err(), "it is the server's");
        assert!(page.root.rate.is_none());
        let mut out = Vec::new();
        let ours = Propagators::member("ot").unwrap().with(Propagators::member("dd").unwrap());
        page.root.write_tracestate(page.context, ours, &page.tracestate, &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with(",ot=rv:fffffffffffff0,vendor=1"), "no `th` beside a person's word: {out}");
        assert!(out.starts_with("dd=s:2;o:rum;p:"), "{out}");
    }

    #[test]
    fn baggage_is_the_server_s_and_the_options() {
        let mut options = options_with_meta();
        assert!(options.set(OptionId::PageBaggage, "", Input::Text("a=1,b=2"), &|_| None));
        assert!(options.set(OptionId::Baggage, "b", Input::Text("3 4"), &|_| None));
        let mut out = Vec::new();
        start(&options).baggage.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a=1,b=3%204");
    }

    #[test]
    fn protocols_become_versions() {
        for (alpn, version) in [("h2", "2"), ("h3", "3"), ("http/1.1", "1.1"), ("", ""), ("webrtc", "")] {
            assert_eq!(protocol_version(alpn), version);
        }
    }
}
