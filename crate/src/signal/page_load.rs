//! The page load: a root span from the start of the navigation to its load event, with the document's
//! request and the page's resources as children. The names are those of OpenTelemetry's document-load
//! instrumentation.

use super::request::STATUS_CODE;
use crate::context::{Flags, IdGenerator, SpanId, TraceParent};
use crate::options::{Instrumentation, OptionId, Options};
use crate::trace::{Attributes, Kind, Parent, Sink, Span, SpanContext, Status, redact_url};

/// The page load, open until [`PageLoad::end`] was called.
pub struct PageLoad {
    pub context: SpanContext,
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
}

/// Moments of the navigation, in milliseconds of the page's clock; 0 is one that didn't come.
#[derive(Clone, Copy, Debug)]
pub struct Milestones {
    pub dom_interactive: f64,
    pub dom_content_loaded: f64,
    pub dom_complete: f64,
    pub load: f64,
}

impl PageLoad {
    /// Starts the page load.
    ///
    /// With the options, Elastic's semantics hold: the server made up the id of our document span and
    /// hung its own span under it. With the server's `<meta name="traceparent">`, OpenTelemetry's: the
    /// page load hangs under the server's span. The options win.
    /// A decision that the server took is never changed.
    pub fn start(options: &Options, ids: &mut IdGenerator) -> Self {
        let meta = TraceParent::parse(options.text(OptionId::PageTraceParent).as_bytes()).ok();
        let document = options.span_id(OptionId::PageLoadSpanId).unwrap_or_else(|| ids.span_id());
        let span_id = ids.span_id();
        let mut parent = None;
        let mut context = match (options.trace_id(OptionId::PageLoadTraceId), meta) {
            (Some(trace_id), _) => {
                let sampled = options.threshold().samples(trace_id.randomness());
                // Whether the server's id is random in all the bits that the flag promises is unknown.
                TraceParent { trace_id, span_id, flags: Flags(0).with_sampled(sampled) }
            }
            (None, Some(server)) => {
                parent = Some(Parent { span_id: server.span_id, remote: true });
                server.child(span_id)
            }
            (None, None) => {
                let trace_id = ids.trace_id();
                TraceParent::root(trace_id, span_id, options.threshold().samples(trace_id.randomness()))
            }
        };
        if let Some(span_id) = options.span_id(OptionId::PageLoadParentId) {
            parent = Some(Parent { span_id, remote: true });
        }
        if let Some(sampled) = options.given_flag(OptionId::PageLoadSampled) {
            context.flags = context.flags.with_sampled(sampled);
        }
        // Switched off, it has no span, and so nothing hangs under it.
        Self { context, parent, document, open: options.instruments(Instrumentation::PageLoad) }
    }

    /// Hands the finished span of a resource, or of the document itself, to `sink`.
    pub fn resource(&self, resource: &Resource, ids: &mut IdGenerator, sink: &mut dyn Sink) {
        let is_document = resource.initiator == "navigation";
        let url = redact_url(resource.url);
        let mut attributes = Attributes::of_span();
        attributes.text("url.full", &url);
        attributes.known_integer(STATUS_CODE, i64::from(resource.status));
        attributes.known_text("network.protocol.version", protocol_version(resource.protocol));
        if !is_document {
            attributes.text("browser.resource_timing.initiator_type", resource.initiator);
        }
        attributes.known_text("browser.resource_timing.render_blocking_status", resource.render_blocking);
        attributes.known_integer("http.response.size", resource.transfer_size as i64);
        attributes.known_integer("http.response.body.size", resource.body_size as i64);
        sink.record(&Span {
            context: self.context.child(if is_document { self.document } else { ids.span_id() }),
            parent: Some(self.as_parent()),
            name: if is_document { "documentFetch" } else { "resourceFetch" },
            kind: if is_document { Kind::Client } else { Kind::Internal },
            start: resource.start,
            end: resource.end,
            attributes: &attributes,
            status: if resource.status >= 400 { Status::Error } else { Status::Unset },
        });
    }

    /// Ends the page load, at the load event or when the page is left before it. Only once.
    pub fn end(
        &mut self,
        name: &str,
        url: &str,
        navigation_type: &str,
        milestones: &Milestones,
        end: f64,
        sink: &mut dyn Sink,
    ) {
        if !self.open {
            return;
        }
        self.open = false;
        let url = redact_url(url);
        let mut attributes = Attributes::of_span();
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
            name: if name.is_empty() { "documentLoad" } else { name },
            kind: Kind::Internal,
            start: 0.0,
            end,
            attributes: &attributes,
            status: Status::Unset,
        });
    }

    /// Whether what happens now happens during the page load.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// As the parent of its children.
    pub fn as_parent(&self) -> Parent {
        Parent { span_id: self.context.span_id, remote: false }
    }
}

/// `network.protocol.version` for an ALPN id: `h2` is `2`, `http/1.1` is `1.1`.
fn protocol_version(alpn: &str) -> &str {
    alpn.strip_prefix("http/").or_else(|| alpn.strip_prefix('h')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Input;

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

    fn root_of(mut page: PageLoad, mut check: impl FnMut(&Span)) {
        let milestones =
            Milestones { dom_interactive: 5.0, dom_content_loaded: 6.0, dom_complete: 0.0, load: 0.0 };
        page.end("", "https://shop.example/?token=x", "navigate", &milestones, 10.0, &mut check);
        assert!(!page.is_open());
    }

    #[test]
    fn the_page_load_hangs_under_the_meta_tag_s_span() {
        let page = PageLoad::start(&options_with_meta(), &mut ids());
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
        let page = PageLoad::start(&options, &mut ids());
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
        };
        page.resource(&document, &mut ids(), &mut |span: &Span| {
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
        let mut page = PageLoad::start(&options, &mut ids());
        assert!(!page.is_open());
        let milestones =
            Milestones { dom_interactive: 0.0, dom_content_loaded: 0.0, dom_complete: 0.0, load: 0.0 };
        page.end("", "", "", &milestones, 1.0, &mut |_: &Span| panic!("no span"));
    }

    #[test]
    fn without_a_server_the_sampler_decides() {
        for (rate, sampled) in [(0.0, false), (1.0, true)] {
            let mut options = Options::new();
            options.sample_rate = rate;
            let page = PageLoad::start(&options, &mut ids());
            assert_eq!(page.context.flags, Flags::new(sampled));
        }
    }

    #[test]
    fn a_server_s_decision_is_not_changed() {
        let mut options = options_with_meta();
        options.sample_rate = 0.0;
        assert!(PageLoad::start(&options, &mut ids()).context.flags.sampled());
    }

    #[test]
    fn protocols_become_versions() {
        for (alpn, version) in [("h2", "2"), ("h3", "3"), ("http/1.1", "1.1"), ("", ""), ("webrtc", "")] {
            assert_eq!(protocol_version(alpn), version);
        }
    }
}
