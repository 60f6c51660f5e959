//! The agent: owns one of each part and decides what an observation becomes.

use crate::context::{IdGenerator, Origin, TraceParent, tracestate};
use crate::deliver::Queue;
use crate::encode::otlp_protobuf;
use crate::host::Host;
use crate::options::{Instrumentation, LogLevel, OptionId, Options, OwnedValue};
use crate::signal::page_load::{Milestones, PageLoad, Resource};
use crate::signal::request::{Outcome, Request};
use crate::trace::{Attributes, Clock, Sink, Span, SpanContext};
use crate::wire::text::take_part;

/// A running agent.
pub struct Agent<H> {
    options: Options,
    endpoint: String,
    recorder: Recorder<H>,
    ids: IdGenerator,
    page: PageLoad,
    /// Requests under way, by the wrapper's number.
    requests: Vec<(u32, Request)>,
    /// When the agent started, in milliseconds of the page's clock: requests since then are spans of
    /// their own and not resources.
    started: f64,
    warned: bool,
}

impl<H: Host> Agent<H> {
    /// Starts with a checked configuration. `time_origin` is `performance.timeOrigin`, `now` the
    /// page's clock, both in milliseconds.
    pub fn new(host: H, mut options: Options, time_origin: f64, now: f64, fill: fn(&mut [u8])) -> Self {
        let mut ids = IdGenerator::new(fill);
        let meta = TraceParent::parse(options.text(OptionId::PageTraceParent).as_bytes()).ok();
        let page = PageLoad::start(&options, meta, &mut ids);
        // An opaque origin (`null`) is equal to none.
        let own = options.text(OptionId::PageOrigin).into();
        options.targets.add_origin(own);
        let mut server_url = options.text(OptionId::ServerUrl);
        if server_url.is_empty() {
            server_url = DEFAULT_SERVER_URL;
        }
        let mut endpoint = String::from(server_url);
        while endpoint.as_bytes().last() == Some(&b'/') {
            endpoint.pop();
        }
        endpoint.push_str("/v1/traces");
        Self {
            recorder: Recorder {
                host,
                clock: Clock::new(time_origin),
                queue: Queue::new(resource(&options)),
            },
            options,
            endpoint,
            ids,
            page,
            requests: Vec::new(),
            started: now,
            warned: false,
        }
    }

    /// Whether an instrumentation runs.
    pub fn instruments(&self, instrumentation: Instrumentation) -> bool {
        self.options.instruments(instrumentation)
    }

    /// A request starts. `line` is the method, a space and the absolute URL as the browser's URL
    /// parser serialises it.
    ///
    /// Returns the headers to add, `name\nvalue` joined by line feeds; empty if none may be added.
    pub fn start_request(&mut self, number: u32, now: f64, line: &str, no_cors: bool) -> Vec<u8> {
        let mut headers = Vec::new();
        let mut url = line;
        let method = take_part(&mut url, b' ');
        let Some(origin) = Origin::of(url) else {
            return headers;
        };
        let span_id = self.ids.span_id();
        let (context, parent) = if self.page.is_open() {
            (self.page.context.child(span_id), Some(self.page.as_parent()))
        } else {
            let trace_id = self.ids.trace_id();
            let sampled = self.options.threshold().samples(trace_id.randomness());
            (SpanContext::root(trace_id, span_id, sampled), None)
        };
        // A `no-cors` request may not carry them: the browser drops them.
        if self.options.flag(OptionId::DistributedTracing)
            && !no_cors
            && self.options.targets.allow(origin, &|origin| self.recorder.host.matches(origin))
        {
            headers.extend_from_slice(b"traceparent\n");
            context.write(&mut headers);
            if self.options.flag(OptionId::PropagateTracestate) {
                headers.extend_from_slice(b"\ntracestate\n");
                self.write_tracestate(context, "", &mut headers);
            }
        }
        if self.requests.len() < OPEN_REQUESTS {
            self.requests.push((number, Request::new(context, parent, now, method, url)));
        }
        headers
    }

    /// The caller has set `traceparent` itself: the request's span takes over its ids, so that the
    /// server's span hangs under ours.
    pub fn adopt(&mut self, number: u32, traceparent: &str) {
        let Ok(context) = TraceParent::parse(traceparent.as_bytes()) else {
            return;
        };
        if let Some((_, request)) = self.requests.iter_mut().find(|(open, _)| *open == number) {
            let same_trace = request.context.trace_id == context.trace_id;
            request.parent = request.parent.filter(|_| same_trace);
            request.context = context;
        }
    }

    /// Our `tracestate` for a request whose caller has set one.
    pub fn merge_tracestate(&self, number: u32, existing: &str) -> Vec<u8> {
        let mut merged = Vec::new();
        if let Some((_, request)) = self.requests.iter().find(|(open, _)| *open == number) {
            self.write_tracestate(request.context, existing, &mut merged);
        }
        merged
    }

    /// A request has ended.
    pub fn end_request(&mut self, number: u32, now: f64, outcome: Outcome) {
        let Some(index) = self.requests.iter().position(|(open, _)| *open == number) else {
            return;
        };
        let (_, request) = self.requests.swap_remove(index);
        request.end(now, outcome, &mut self.recorder);
        self.deliver();
    }

    /// The browser tells of a resource of the page load, or of the document (initiator `navigation`).
    pub fn resource(&mut self, resource: &Resource) {
        // Requests since the start are spans already, and our own are none.
        let traced = match resource.initiator {
            "fetch" => self.instruments(Instrumentation::Fetch),
            "xmlhttprequest" => self.instruments(Instrumentation::XmlHttpRequest),
            _ => false,
        };
        if !self.page.is_open()
            || traced && resource.start >= self.started
            || resource.url.starts_with(&self.endpoint)
        {
            return;
        }
        self.page.resource(resource, &mut self.ids, &mut self.recorder);
    }

    /// The page load has ended, or the page is left before it has.
    pub fn end_page_load(&mut self, url: &str, navigation_type: &str, milestones: &Milestones, end: f64) {
        self.page.end(
            self.options.text(OptionId::PageLoadTransactionName),
            url,
            navigation_type,
            milestones,
            end,
            &mut self.recorder,
        );
        self.deliver();
    }

    /// Whether the page load is still open.
    pub fn is_loading(&self) -> bool {
        self.page.is_open()
    }

    /// The page is left: requests under way end now, their outcome unknown.
    pub fn leave(&mut self, now: f64) {
        for (_, request) in std::mem::take(&mut self.requests) {
            request.end(now, Outcome::Cancelled, &mut self.recorder);
        }
        self.flush();
    }

    /// Sends all that waits, before it returns.
    pub fn flush(&mut self) {
        while let Some(portion) = self.recorder.queue.next() {
            self.recorder.host.send(&self.endpoint, &portion.body, portion.keepalive);
        }
    }

    /// The timer asked for has run out.
    pub fn timer(&mut self) {
        self.recorder.queue.timer_fired();
        self.flush();
    }

    /// A send has ended with this HTTP status, or 0 without an answer; `keepalive_bytes` is the
    /// body's length if it had `keepalive`.
    pub fn settle(&mut self, keepalive_bytes: usize, status: u16) {
        self.recorder.queue.settle(keepalive_bytes);
        if !(200..300).contains(&status) && !self.warned {
            self.warned = true;
            self.log(LogLevel::Warn, "the collector did not accept spans; see the network log");
        }
    }

    fn deliver(&mut self) {
        if self.recorder.queue.is_full() {
            self.flush();
        } else if self.recorder.queue.wants_timer() {
            self.recorder.host.start_timer(self.options.flush_interval);
        }
    }

    fn write_tracestate(&self, context: SpanContext, existing: &str, out: &mut Vec<u8>) {
        // Elastic: the rate of what is not sampled is zero.
        let rate = if context.flags.sampled() { self.options.sample_rate } else { 0.0 };
        tracestate::write_with_elastic_rate(rate, existing, out);
    }

    fn log(&self, level: LogLevel, text: &str) {
        if level as u32 >= self.options.log_level {
            self.recorder.host.log(level, text);
        }
    }
}

/// Encodes the spans that are sampled, into the queue.
struct Recorder<H> {
    host: H,
    clock: Clock,
    queue: Queue,
}

impl<H: Host> Sink for Recorder<H> {
    fn record(&mut self, span: &Span) {
        if !span.context.flags.sampled() {
            return;
        }
        // Once for each batch: see `Clock`.
        if self.queue.is_empty() {
            self.clock.follow(self.host.wall_clock());
        }
        self.queue.push(|out| otlp_protobuf::write_span(span, &self.clock, out));
    }
}

/// The encoded resource. OpenTelemetry semantic conventions: `service`, `telemetry`, `browser`,
/// `user_agent`, `deployment`.
fn resource(options: &Options) -> Vec<u8> {
    let mut attributes = Attributes::of_resource();
    let given = |key: &str| options.resource.iter().any(|(given, _)| given == key);
    attributes.text("telemetry.sdk.name", otlp_protobuf::SCOPE_NAME);
    attributes.text("telemetry.sdk.language", "webjs");
    attributes.text("telemetry.sdk.version", otlp_protobuf::SCOPE_VERSION);
    for (key, option) in RESOURCE {
        let text = options.text(*option);
        if text.is_empty() || given(key) {
            continue;
        }
        match option {
            OptionId::Mobile => attributes.flag(key, text == "true"),
            OptionId::Brands => attributes.list(key, text),
            _ => attributes.text(key, text),
        }
    }
    for (key, value) in &options.resource {
        match value {
            OwnedValue::Text(text) => attributes.text(key, text),
            OwnedValue::Flag(flag) => attributes.flag(key, *flag),
            // JavaScript has one kind of number: whole ones are integers to the back ends.
            OwnedValue::Number(number) if (*number as i64) as f64 == *number => {
                attributes.integer(key, *number as i64);
            }
            OwnedValue::Number(number) => attributes.double(key, *number),
        }
    }
    attributes.bytes().into()
}

const RESOURCE: &[(&str, OptionId)] = &[
    ("service.name", OptionId::ServiceName),
    ("service.version", OptionId::ServiceVersion),
    ("deployment.environment.name", OptionId::Environment),
    ("browser.language", OptionId::Language),
    ("browser.platform", OptionId::Platform),
    ("browser.mobile", OptionId::Mobile),
    ("browser.brands", OptionId::Brands),
    ("user_agent.original", OptionId::UserAgent),
];
/// OTLP over HTTP's default port on this machine.
const DEFAULT_SERVER_URL: &str = "http://localhost:4318";
/// More requests under way than this are propagated but not recorded.
const OPEN_REQUESTS: usize = 1_000;
