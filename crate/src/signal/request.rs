//! Requests by `fetch` and `XMLHttpRequest`: OpenTelemetry HTTP client spans
//! (semantic conventions, HTTP spans, *HTTP client*).

#[cfg(feature = "graphql")]
use super::graphql::{self, Operation};
#[cfg(feature = "timing")]
use super::timing::key_of;
use crate::context::{Origin, ServerContext, SpanId};
#[cfg(feature = "elastic")]
use crate::encode::elastic;
use crate::trace::{Attributes, Kind, Link, Parent, Root, Sink, Span, SpanContext, Status, redact_url};
use crate::wire::{hex, text};

/// A request that has started and not yet ended.
pub struct Request {
    /// The wrapper's.
    pub number: u32,
    pub context: SpanContext,
    pub parent: Option<Parent>,
    /// The span that its trace entered the page with, if that is another one.
    pub entry: Option<SpanId>,
    /// Whether its span has to name that one.
    pub names_entry: bool,
    /// What was decided on its trace; none within the page load's.
    pub root: Option<Root>,
    /// Where [`Diagnostics`](crate::diagnostics::Diagnostics) counts it.
    pub place: usize,
    /// Whether it has got headers of ours, or would have but for a dry run.
    pub has_headers: bool,
    pub is_dry_run: bool,
    /// What stands for its URL among the browser's entries.
    #[cfg(feature = "timing")]
    pub key: u32,
    /// What the browser's entry says of it, once it has told.
    #[cfg(feature = "timing")]
    pub timing: Option<Timed>,
    /// The template of its path, if there is one.
    #[cfg(feature = "events")]
    pub template: Option<String>,
    #[cfg(feature = "graphql")]
    pub operation: Option<Operation>,
    /// Milliseconds of the page's clock.
    pub start: f64,
    method: String,
    url: String,
}

/// What the browser's entry says of a request.
#[cfg(feature = "timing")]
pub struct Timed {
    pub attributes: Attributes,
    /// `Server-Timing`, as the header has it.
    pub server_timing: String,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The status line arrived; 0 for an opaque response, whose status the page may not know.
    Response(u16),
    /// The page called it off: a normal end, not an error.
    Cancelled,
    /// No response; with the name of the exception, or `timeout`.
    Failed(&'a str),
}

/// What a response says of the server's trace.
pub enum Server {
    /// It is ours.
    Joined(ServerContext),
    /// It is another one, of an environment that is trusted.
    Linked(Link),
}

/// An [`Outcome`] that is kept.
#[cfg(feature = "timing")]
pub enum Ended {
    Response(u16),
    Cancelled,
    Failed(String),
}

#[cfg(feature = "timing")]
impl Ended {
    /// To be kept.
    pub fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Response(status) => Self::Response(status),
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Failed(name) => Self::Failed(name.into()),
        }
    }

    /// As it was.
    pub fn outcome(&self) -> Outcome<'_> {
        match self {
            Self::Response(status) => Outcome::Response(*status),
            Self::Cancelled => Outcome::Cancelled,
            Self::Failed(name) => Outcome::Failed(name),
        }
    }
}

impl<'a> Outcome<'a> {
    /// Whether something failed: what [`OptionId::SampleOnError`](crate::options::OptionId) waits for.
    pub fn is_error(self) -> bool {
        match self {
            Self::Response(status) => status >= 400,
            Self::Cancelled => false,
            Self::Failed(_) => true,
        }
    }

    /// No response, but an exception or event of this name. `cancelled`: by the page's own signal or
    /// call, which is no error unless it stands for a timeout (HTTP spans, *Status*).
    pub fn of_failure(name: &'a str, cancelled: bool) -> Self {
        if name == "AbortError" || cancelled && name != "TimeoutError" {
            Self::Cancelled
        } else {
            Self::Failed(name)
        }
    }
}

impl Request {
    /// A request that starts at `start`. `method` is as the caller wrote it, `url` is absolute.
    #[expect(clippy::too_many_arguments)]
    pub fn new(
        number: u32,
        context: SpanContext,
        parent: Option<Parent>,
        root: Option<Root>,
        place: usize,
        start: f64,
        method: &str,
        url: &str,
    ) -> Self {
        let mut method = String::from(method);
        // Fetch §2.2.1 "normalize a method": these six only; `patch` stays in lower case.
        if text::position(&method, KNOWN, b' ', str::eq_ignore_ascii_case).is_some_and(|index| index < 6) {
            method.make_ascii_uppercase();
        }
        Self {
            number,
            context,
            parent,
            entry: parent.map(|parent| parent.span_id),
            names_entry: false,
            root,
            place,
            has_headers: false,
            is_dry_run: false,
            #[cfg(feature = "timing")]
            key: key_of(url),
            #[cfg(feature = "timing")]
            timing: None,
            #[cfg(feature = "events")]
            template: None,
            #[cfg(feature = "graphql")]
            operation: None,
            start,
            method,
            url: redact_url(url),
        }
    }

    /// Hands the finished span to `sink`, with what the server has said of its own trace: the same, which
    /// proves that it joined, or one to link to.
    pub fn end(&self, end: f64, outcome: Outcome, server: Option<Server>, sink: &mut dyn Sink) {
        let known = text::position(&self.method, KNOWN, b' ', |a, b| a == b).is_some();
        let mut attributes = Attributes::of_span();
        attributes.text("http.request.method", if known { &self.method } else { "_OTHER" });
        if !known {
            attributes.text("http.request.method_original", &self.method);
        }
        #[cfg(feature = "graphql")]
        if self.operation.is_some() {
            attributes.text("url.full", &graphql::redact(&self.url));
        } else {
            attributes.text("url.full", &self.url);
        }
        #[cfg(not(feature = "graphql"))]
        attributes.text("url.full", &self.url);
        if let Some(origin) = Origin::of(&self.url) {
            attributes.text("server.address", origin.host());
            attributes.integer("server.port", i64::from(origin.port()));
        }
        let mut link = None;
        match server.filter(|_| cfg!(feature = "linking")) {
            Some(Server::Joined(server)) => {
                if let Some(span_id) = server.span_id {
                    let mut digits = Vec::new();
                    hex::write(span_id.bytes(), &mut digits);
                    attributes.utf8("peer.span_id", &digits);
                }
                if server.flags.sampled() && !self.context.flags.sampled() {
                    attributes.flag("sampled_downstream", true);
                }
            }
            Some(Server::Linked(found)) => link = Some(found),
            None => {}
        }
        let mut digits = Vec::new();
        let error = match outcome {
            Outcome::Response(status) => {
                attributes.known_integer(STATUS_CODE, i64::from(status));
                text::write_integer(u64::from(status), &mut digits);
                if status >= 400 { digits.as_slice() } else { b"" }
            }
            Outcome::Cancelled => b"",
            Outcome::Failed(name) => name.as_bytes(),
        };
        if !error.is_empty() {
            attributes.utf8("error.type", error);
        }
        #[cfg(feature = "timing")]
        if let Some(timed) = &self.timing {
            attributes.append(&timed.attributes);
        }
        #[cfg(feature = "elastic")]
        if self.names_entry
            && let Some(entry) = self.entry
        {
            elastic::name_transaction(Some(entry), &mut attributes);
        }
        let method = if known { self.method.as_str() } else { "HTTP" };
        #[cfg(feature = "events")]
        let mut name = String::from(method);
        #[cfg(feature = "events")]
        if let Some(template) = &self.template {
            attributes.text("url.template", template);
            name.push_str(" ");
            name.push_str(template);
        }
        #[cfg(feature = "graphql")]
        if let Some(operation) = &self.operation {
            name = operation.tell(&mut attributes);
        }
        sink.record(&Span {
            context: self.context,
            parent: self.parent,
            // A `{target}` is of low cardinality only as a template (HTTP spans, *Name*).
            #[cfg(feature = "events")]
            name: &name,
            #[cfg(not(feature = "events"))]
            name: method,
            kind: Kind::Client,
            start: self.start,
            end,
            attributes: &attributes,
            links: link.as_slice(),
            status: if error.is_empty() { Status::Unset } else { Status::Error },
        });
    }
}

/// `http.response.status_code`.
pub const STATUS_CODE: &str = "http.response.status_code";

/// RFC 9110's methods, `PATCH` (RFC 5789) and `QUERY`; in front the six that Fetch normalises.
const KNOWN: &str = "GET POST PUT DELETE HEAD OPTIONS PATCH CONNECT TRACE QUERY";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceId;

    fn ended(method: &str, url: &str, outcome: Outcome, mut check: impl FnMut(&Span)) {
        let context = SpanContext::root(
            TraceId::parse(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap(),
            SpanId::parse(b"00f067aa0ba902b7").unwrap(),
            true,
        );
        Request::new(1, context, None, None, 0, 1.0, method, url).end(2.0, outcome, None, &mut check);
    }

    fn attribute(span: &Span, key: &str) -> Option<String> {
        span.attributes.decoded().remove(key)
    }

    #[test]
    fn a_response_has_its_status_and_no_error() {
        ended("get", "https://api.example/a?token=x", Outcome::Response(204), |span: &Span| {
            assert_eq!(span.name, "GET");
            assert_eq!(span.status, Status::Unset);
            assert_eq!(attribute(span, "http.response.status_code"), Some("204".into()));
            assert_eq!(attribute(span, "url.full"), Some("https://api.example/a?token=REDACTED".into()));
            assert_eq!(attribute(span, "server.address"), Some("api.example".into()));
            assert_eq!(attribute(span, "server.port"), Some("443".into()));
            assert_eq!(attribute(span, "error.type"), None);
        });
    }

    #[test]
    fn client_and_server_errors_are_errors() {
        for (status, text) in [(404, "404"), (500, "500")] {
            ended("POST", "http://a.example/", Outcome::Response(status), |span: &Span| {
                assert_eq!(span.status, Status::Error);
                assert_eq!(attribute(span, "error.type"), Some(text.into()));
            });
        }
    }

    #[test]
    fn failures_have_no_status_code() {
        ended("GET", "http://a.example/", Outcome::Failed("TypeError"), |span: &Span| {
            assert_eq!(span.status, Status::Error);
            assert_eq!(attribute(span, "error.type"), Some("TypeError".into()));
            assert_eq!(attribute(span, "http.response.status_code"), None);
        });
    }

    #[test]
    fn cancelled_and_opaque_are_neither() {
        for outcome in [Outcome::Cancelled, Outcome::Response(0)] {
            ended("GET", "http://a.example/", outcome, |span: &Span| {
                assert_eq!(span.status, Status::Unset);
                assert_eq!(attribute(span, "http.response.status_code"), None);
                assert_eq!(attribute(span, "error.type"), None);
            });
        }
    }

    #[test]
    fn a_timeout_is_an_error_and_an_abort_is_none() {
        assert_eq!(Outcome::of_failure("AbortError", true), Outcome::Cancelled);
        assert_eq!(Outcome::of_failure("unknown", true), Outcome::Cancelled, "an abort's own reason");
        assert_eq!(Outcome::of_failure("TimeoutError", true), Outcome::Failed("TimeoutError"));
        assert_eq!(Outcome::of_failure("timeout", false), Outcome::Failed("timeout"));
        assert_eq!(Outcome::of_failure("TypeError", false), Outcome::Failed("TypeError"));
    }

    #[test]
    fn unknown_methods_are_other() {
        for method in ["PURGE", "patch"] {
            ended(method, "http://a.example/", Outcome::Failed("TypeError"), |span: &Span| {
                assert_eq!(span.name, "HTTP");
                assert_eq!(attribute(span, "http.request.method"), Some("_OTHER".into()));
                assert_eq!(attribute(span, "http.request.method_original"), Some(method.into()));
            });
        }
        ended("PATCH", "http://a.example/", Outcome::Response(200), |span: &Span| {
            assert_eq!(span.name, "PATCH");
            assert_eq!(attribute(span, "http.request.method_original"), None);
        });
    }
}
