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

/// An agent, before and after its start.
pub struct Agent<H> {
    /// What is configured until [`Agent::start`].
    pub options: Options,
    endpoint: String,
    recorder: Recorder<H>,
    ids: IdGenerator,
    /// The page load, once the agent has started.
    page: Option<PageLoad>,
    /// Requests under way, by the wrapper's number.
    requests: Vec<(u32, Request)>,
    /// When the agent started, in milliseconds of the page's clock: requests since then are spans of
    /// their own and not resources.
    started: f64,
    warned: bool,
}

impl<H: Host> Agent<H> {
    /// An agent with the default options. `fill` overwrites bytes with random ones.
    pub const fn new(host: H, fill: fn(&mut [u8])) -> Self {
        Self {
            options: Options::new(),
            endpoint: String::new(),
            recorder: Recorder { host, clock: Clock::new(0.0), queue: Queue::new() },
            ids: IdGenerator::new(fill),
            page: None,
            requests: Vec::new(),
            started: 0.0,
            warned: false,
        }
    }

    /// Starts with what was configured. `time_origin` is `performance.timeOrigin`, `now` the page's
    /// clock, both in milliseconds. Returns whether it runs: it does not if it is to be inactive.
    pub fn start(&mut self, time_origin: f64, now: f64) -> bool {
        let options = &mut self.options;
        if !options.flag(OptionId::Active) {
            return false;
        }
        // An opaque origin (`null`) is equal to none.
        let own = options.text(OptionId::PageOrigin).into();
        options.targets.add_origin(own);
        let mut server_url = options.text(OptionId::ServerUrl);
        if server_url.is_empty() {
            server_url = DEFAULT_SERVER_URL;
        }
        while let Some(shorter) = server_url.strip_suffix('/') {
            server_url = shorter;
        }
        self.endpoint.push_str(server_url);
        self.endpoint.push_str("/v1/traces");
        self.recorder.clock = Clock::new(time_origin);
        self.recorder.queue.set_resource(resource_of(options));
        self.started = now;
        self.page = Some(PageLoad::start(options, &mut self.ids));
        true
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
        let (context, parent) = match &self.page {
            None => return headers,
            Some(page) if page.is_open() => (page.context.child(span_id), Some(page.as_parent())),
            Some(_) => {
                let trace_id = self.ids.trace_id();
                let sampled = self.options.threshold().samples(trace_id.randomness());
                (SpanContext::root(trace_id, span_id, sampled), None)
            }
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
        if self.requests.len() == OPEN_REQUESTS {
            self.requests.remove(0);
        }
        self.requests.push((number, Request::new(context, parent, now, method, url)));
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
        if let Some(page) = &self.page
            && page.is_open()
            && !(traced && resource.start >= self.started)
            && !resource.url.starts_with(&self.endpoint)
        {
            page.resource(resource, &mut self.ids, &mut self.recorder);
        }
    }

    /// The page load has ended, or the page is left before it has.
    pub fn end_page_load(&mut self, url: &str, navigation_type: &str, milestones: &Milestones, end: f64) {
        if let Some(page) = &mut self.page {
            page.end(
                self.options.text(OptionId::PageLoadTransactionName),
                url,
                navigation_type,
                milestones,
                end,
                &mut self.recorder,
            );
        }
        self.deliver();
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
        let Recorder { host, queue, .. } = &mut self.recorder;
        queue.flush(&mut |body, keepalive| host.send(&self.endpoint, body, keepalive));
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
fn resource_of(options: &Options) -> Vec<u8> {
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
/// Of more requests under way the oldest are propagated but not recorded.
const OPEN_REQUESTS: usize = 1_000;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::Span as Decoded;
    use prost::Message;

    use super::*;
    use crate::options::Input;

    /// A page in which time is told and everything sent is kept.
    #[derive(Clone, Default)]
    struct Page(Rc<RefCell<World>>);

    #[derive(Default)]
    struct World {
        sent: Vec<(String, Vec<u8>, bool)>,
        timers: Vec<f64>,
        logged: Vec<String>,
    }

    impl Host for Page {
        fn wall_clock(&self) -> f64 {
            1_000.0
        }

        fn matches(&self, origin: &str) -> bool {
            origin == "https://pattern.example"
        }

        fn origin(&self, url: &str) -> Option<String> {
            Some(url.trim_end_matches('/').into())
        }

        fn start_timer(&self, delay: f64) {
            self.0.borrow_mut().timers.push(delay);
        }

        fn send(&self, url: &str, body: &[u8], keepalive: bool) {
            self.0.borrow_mut().sent.push((url.into(), body.into(), keepalive));
        }

        fn log(&self, _level: LogLevel, text: &str) {
            self.0.borrow_mut().logged.push(text.into());
        }
    }

    impl Page {
        fn requests(&self) -> Vec<ExportTraceServiceRequest> {
            let decode = |(_, body, _): &(String, Vec<u8>, bool)| {
                let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                assert_eq!(&request.encode_to_vec(), body, "the bytes are the canonical ones");
                request
            };
            self.0.borrow().sent.iter().map(decode).collect()
        }

        fn spans(&self) -> Vec<Decoded> {
            let requests = self.requests().into_iter();
            let resources = requests.flat_map(|request| request.resource_spans);
            resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
        }
    }

    fn agent(given: &[(OptionId, Input)]) -> (Agent<Page>, Page) {
        let page = Page::default();
        let mut agent = Agent::new(page.clone(), |bytes| getrandom::fill(bytes).unwrap());
        let always = [
            (OptionId::ServiceName, Input::Text("shop")),
            (OptionId::PageOrigin, Input::Text("https://shop.example")),
        ];
        for (option, value) in always.iter().chain(given) {
            assert!(agent.options.set(*option, "", *value, &|url| page.origin(url)));
        }
        assert!(agent.start(1_000.0, 5.0));
        (agent, page)
    }

    fn end_page_load(agent: &mut Agent<Page>) {
        let milestones =
            Milestones { dom_interactive: 1.0, dom_content_loaded: 2.0, dom_complete: 3.0, load: 4.0 };
        agent.end_page_load("https://shop.example/", "navigate", &milestones, 4.0);
    }

    fn text(headers: Vec<u8>) -> String {
        String::from_utf8(headers).unwrap()
    }

    #[test]
    fn requests_are_children_of_the_open_page_load_and_roots_after_it() {
        let (mut agent, page) = agent(&[]);
        let during = text(agent.start_request(1, 6.0, "GET https://shop.example/a", false));
        end_page_load(&mut agent);
        agent.start_request(2, 7.0, "GET https://shop.example/b", false);
        agent.end_request(1, 8.0, Outcome::Response(200));
        agent.end_request(2, 9.0, Outcome::Response(200));
        agent.end_request(3, 9.0, Outcome::Response(200));
        agent.flush();
        let [load, first, second] = page.spans().try_into().unwrap();
        assert_eq!(load.name, "documentLoad");
        assert_eq!((first.trace_id, first.parent_span_id), (load.trace_id.clone(), load.span_id));
        assert!(second.parent_span_id.is_empty() && second.trace_id != load.trace_id);
        let id: String = first.span_id.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(during.ends_with(&format!("-{id}-03")), "sampled and random: {during}");
        assert_eq!((first.start_time_unix_nano, first.end_time_unix_nano), (1_006_000_000, 1_008_000_000));
        assert_eq!((first.kind, first.flags), (3, 0x103));
    }

    #[test]
    fn an_inactive_agent_does_nothing() {
        let page = Page::default();
        let mut agent = Agent::new(page.clone(), |bytes| getrandom::fill(bytes).unwrap());
        assert!(agent.options.set(OptionId::Active, "", Input::Flag(false), &|_| None));
        assert!(!agent.start(1_000.0, 5.0));
        assert!(agent.start_request(1, 6.0, "GET https://shop.example/", false).is_empty());
        end_page_load(&mut agent);
        agent.leave(9.0);
        assert!(page.0.borrow().sent.is_empty());
    }

    #[test]
    fn headers_go_to_exact_origins_only() {
        let (mut agent, _) = agent(&[
            (OptionId::DistributedTracingOrigins, Input::Text("https://api.example")),
            (OptionId::DistributedTracingOrigins, Input::Pattern),
            (OptionId::PropagateTracestate, Input::Flag(true)),
        ]);
        let mut headers = |line: &str, no_cors| text(agent.start_request(1, 6.0, line, no_cors));
        for url in ["https://shop.example/", "https://api.example/x", "https://pattern.example/x"] {
            let headers = headers(&format!("GET {url}"), false);
            assert!(headers.starts_with("traceparent\n00-"), "{url}: {headers}");
            assert!(headers.ends_with("\ntracestate\nes=s:1"), "{url}: {headers}");
        }
        for url in ["https://other.example/", "http://api.example/", "data:text/plain,x", ""] {
            assert_eq!(headers(&format!("GET {url}"), false), "");
        }
        assert_eq!(headers("GET https://api.example/", true), "", "no-cors");
    }

    #[test]
    fn nothing_goes_anywhere_without_distributed_tracing() {
        let (mut agent, _) = agent(&[(OptionId::DistributedTracing, Input::Flag(false))]);
        assert!(agent.start_request(1, 6.0, "GET https://shop.example/", false).is_empty());
    }

    #[test]
    fn what_is_not_sampled_is_propagated_and_not_sent() {
        let (mut agent, page) = agent(&[
            (OptionId::TransactionSampleRate, Input::Number(0.0)),
            (OptionId::PropagateTracestate, Input::Flag(true)),
        ]);
        let headers = text(agent.start_request(1, 6.0, "GET https://shop.example/", false));
        assert!(headers.contains("-02\n") && headers.ends_with("es=s:0"), "{headers}");
        agent.end_request(1, 7.0, Outcome::Response(200));
        end_page_load(&mut agent);
        agent.leave(9.0);
        assert!(page.spans().is_empty());
        assert!(page.0.borrow().timers.is_empty());
    }

    #[test]
    fn a_caller_s_traceparent_is_adopted() {
        let (mut agent, page) = agent(&[]);
        agent.start_request(1, 6.0, "GET https://shop.example/", false);
        agent.adopt(1, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        agent.start_request(2, 6.0, "GET https://shop.example/", false);
        agent.adopt(2, "nonsense");
        agent.end_request(1, 7.0, Outcome::Response(200));
        agent.end_request(2, 7.0, Outcome::Response(200));
        agent.flush();
        let [adopted, own] = page.spans().try_into().unwrap();
        assert_eq!(adopted.span_id, [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert!(adopted.parent_span_id.is_empty(), "the page load is in another trace");
        assert!(!own.parent_span_id.is_empty());
    }

    #[test]
    fn the_caller_s_tracestate_stands_behind_ours() {
        let (mut agent, _) = agent(&[(OptionId::PropagateTracestate, Input::Flag(true))]);
        agent.start_request(1, 6.0, "GET https://shop.example/", false);
        assert_eq!(text(agent.merge_tracestate(1, "a=1")), "es=s:1,a=1");
    }

    #[test]
    fn resources_are_children_but_our_own_traffic_and_traced_requests_are_not() {
        let (mut agent, page) = agent(&[(OptionId::ServerUrl, Input::Text("https://collector.example/"))]);
        let mut resource = |url, initiator, start| {
            agent.resource(&Resource {
                url,
                initiator,
                protocol: "h2",
                render_blocking: "",
                start,
                end: start + 1.0,
                status: 200,
                transfer_size: 0.0,
                body_size: 0.0,
            });
        };
        resource("https://shop.example/", "navigation", 0.0);
        resource("https://shop.example/a.css", "link", 6.0);
        resource("https://shop.example/early", "fetch", 1.0);
        resource("https://shop.example/traced", "fetch", 6.0);
        resource("https://shop.example/traced", "xmlhttprequest", 6.0);
        resource("https://collector.example/v1/traces", "other", 6.0);
        end_page_load(&mut agent);
        agent.flush();
        let spans = page.spans();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["documentFetch", "resourceFetch", "resourceFetch", "documentLoad"]);
        assert!(spans[..3].iter().all(|span| span.parent_span_id == spans[3].span_id));
        assert_eq!(page.0.borrow().sent[0].0, "https://collector.example/v1/traces");
    }

    #[test]
    fn the_resource_says_who_we_are_and_the_caller_has_the_last_word() {
        let (mut agent, page) = agent(&[
            (OptionId::ServiceVersion, Input::Text("1.2")),
            (OptionId::Mobile, Input::Text("false")),
            (OptionId::Brands, Input::Text("A 1|B 2")),
        ]);
        end_page_load(&mut agent);
        agent.flush();
        let [request] = page.requests().try_into().unwrap();
        let resource = request.resource_spans[0].resource.clone().unwrap();
        let keys: Vec<_> = resource.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        let expected = [
            ("telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"),
            ("service.name", "service.version", "browser.mobile"),
        ];
        for (a, b, c) in expected {
            assert!(keys.contains(&a) && keys.contains(&b) && keys.contains(&c), "{keys:?}");
        }
        let scope = request.resource_spans[0].scope_spans[0].scope.clone().unwrap();
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("headwater", env!("CARGO_PKG_VERSION")));

        let mut options = Options::new();
        for (key, value) in [
            ("service.name", Input::Text("mine")),
            ("build", Input::Number(7.0)),
            ("share", Input::Number(0.5)),
            ("canary", Input::Flag(true)),
        ] {
            assert!(options.set(OptionId::ResourceAttributes, key, value, &|_| None));
        }
        assert!(options.set(OptionId::ServiceName, "", Input::Text("shop"), &|_| None));
        let decoded =
            opentelemetry_proto::tonic::resource::v1::Resource::decode(resource_of(&options).as_slice());
        let attributes = decoded.unwrap().attributes;
        let names: Vec<_> = attributes.iter().filter(|attribute| attribute.key == "service.name").collect();
        assert_eq!(names.len(), 1);
        let shown = format!("{attributes:?}");
        for part in ["StringValue(\"mine\")", "IntValue(7)", "DoubleValue(0.5)", "BoolValue(true)"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn spans_go_by_time_by_size_and_at_exit() {
        let (mut agent, page) = agent(&[(OptionId::FlushInterval, Input::Number(250.0))]);
        let request = |agent: &mut Agent<Page>, number| {
            agent.start_request(number, 6.0, "GET https://shop.example/a", false);
            agent.end_request(number, 7.0, Outcome::Response(200));
        };
        request(&mut agent, 1);
        request(&mut agent, 2);
        assert_eq!(page.0.borrow().timers, [250.0], "one timer for both");
        assert!(page.spans().is_empty());
        agent.timer();
        assert_eq!(page.spans().len(), 2);
        for number in 0..200 {
            request(&mut agent, number);
        }
        let by_size = page.spans().len();
        assert!(by_size > 100, "{by_size}");
        agent.start_request(500, 8.0, "GET https://shop.example/under-way", false);
        agent.leave(9.0);
        assert_eq!(page.spans().len(), 203, "those under way, too");
        assert!(page.0.borrow().sent.iter().any(|(_, _, keepalive)| *keepalive));
        agent.end_request(500, 10.0, Outcome::Response(200));
        agent.flush();
        assert_eq!(page.spans().len(), 203, "each once");
    }

    #[test]
    fn a_collector_that_refuses_is_mentioned_once() {
        let (mut agent, page) = agent(&[]);
        agent.settle(0, 200);
        assert!(page.0.borrow().logged.is_empty());
        agent.settle(0, 503);
        agent.settle(0, 0);
        assert_eq!(page.0.borrow().logged.len(), 1);
    }

    #[test]
    fn many_requests_under_way_are_bounded() {
        let (mut agent, page) = agent(&[]);
        for number in 0..OPEN_REQUESTS as u32 + 10 {
            assert!(!agent.start_request(number, 6.0, "GET https://shop.example/", false).is_empty());
        }
        agent.leave(7.0);
        assert_eq!(page.spans().len(), OPEN_REQUESTS);
    }
}
