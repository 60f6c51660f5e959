//! A page, an agent in it, and what it sends.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use headwater::agent::Agent;
use headwater::context::{IdGenerator, SpanContext};
use headwater::deliver::Stay;
use headwater::encode::{Protocol, otlp_protobuf, write_body};
use headwater::host::Host;
use headwater::options::{Input, LogLevel, OptionId};
use headwater::signal::page_load::Resource;
use headwater::signal::request::Outcome;
use headwater::trace::{Attributes, Clock, Kind, Parent, Span, Status};

/// A page that takes everything and keeps nothing but the numbers of what has been sent.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u32>>>);

impl Host for Page {
    fn wall_clock(&self) -> f64 {
        1_763_000_000_000.0
    }
    fn first_match(&self, _origin: &str) -> Option<usize> {
        None
    }
    fn origin(&self, _url: &str) -> Option<String> {
        None
    }
    fn start_timer(&self, _delay: f64) {}
    fn format(&self, number: f64, out: &mut Vec<u8>) {
        write_number(number, out);
    }
    fn send(&self, number: u32, body: &[u8], _keepalive: bool, _are_events: bool) {
        black_box(body);
        self.0.borrow_mut().push(number);
    }
    fn keep(&self, _record: &[u8]) -> bool {
        true
    }
    fn take(&self, _maximal_age: f64) {}
    fn settle_record(&self, _record: u32, _done: bool) {}
    fn log(&self, _level: LogLevel, _text: &str) {}
}

fn write_number(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

pub fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("random numbers");
}

pub const TRACEPARENT: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
pub const URL: &str = "https://shop.example/api/products/42?page=2&token=secret";
const RESOURCE: Resource = Resource {
    url: URL,
    initiator: "fetch",
    protocol: "h2",
    render_blocking: "non-blocking",
    start: 10.0,
    end: 95.0,
    status: 200,
    transfer_size: 2_300.0,
    body_size: 2_000.0,
    decoded_size: 6_000,
    server_timing: "",
    timing: "0,0,0,10000,10000,10000,10000,0,10000,11000,90000,95000,6000,",
};

/// An agent and its requests, one behind the other.
pub struct Visit {
    page: Page,
    agent: Agent<Page>,
    line: String,
    number: u32,
    now: f64,
}

impl Visit {
    /// With so many requests that never end.
    pub fn new(open: u32) -> Self {
        let page = Page::default();
        let mut agent = agent(&page);
        for number in 0..open {
            agent.start_request(1 << 30 | number, 5.0, "GET https://shop.example/poll", false);
        }
        Self { page, agent, line: format!("GET {URL}"), number: 1, now: 10.0 }
    }

    /// From the hook's call to the encoded span; each hundred is sent, and accepted.
    pub fn request(&mut self) {
        self.number += 1;
        self.now += 1.0;
        let (number, now) = (self.number, self.now);
        black_box(self.agent.start_request(number, now, black_box(&self.line), false));
        self.agent.end_request(number, now + 85.0, Outcome::Response(200), false, "");
        self.agent.time_request(now + 86.0, &Resource { start: now, end: now + 85.0, ..RESOURCE });
        if number % 100 == 0 {
            self.agent.flush(now, Stay::Here);
        }
        for sent in self.page.0.take() {
            self.agent.settle(now, sent, 200, f64::NAN, &[]);
        }
    }
}

fn agent(page: &Page) -> Agent<Page> {
    let mut agent = Agent::new(page.clone(), fill);
    for (option, value) in [
        (OptionId::ServiceName, Input::Text("shop")),
        (OptionId::PageOrigin, Input::Text("https://shop.example")),
        (OptionId::PageUrl, Input::Text("https://shop.example/")),
        (OptionId::EventsLimit, Input::Number(1e9)),
    ] {
        assert!(agent.configure(option, "", value));
    }
    assert!(agent.start(1_763_000_000_000.0, 1.0));
    agent
}

/// A hundred spans of requests, as they wait to be sent, and what they hang under.
pub fn batch() -> (Vec<u8>, Vec<u8>) {
    let mut ids = IdGenerator::new(fill);
    let mut spans = Vec::new();
    for _ in 0..100 {
        write_one(&mut ids, &mut spans);
    }
    let mut about = Attributes::of_resource();
    for (key, value) in
        [("service.name", "shop"), ("telemetry.sdk.name", "headwater"), ("telemetry.sdk.language", "webjs")]
    {
        about.text(key, value);
    }
    let mut resource = Vec::new();
    let start = headwater::wire::protobuf::begin(1, &mut resource);
    resource.extend_from_slice(about.bytes());
    headwater::wire::protobuf::end(start, &mut resource);
    (resource, spans)
}

/// What is posted of them.
pub fn body_of(protocol: Protocol, resource: &[u8], spans: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    write_body(protocol, resource, black_box(spans), &write_number, &mut body);
    body
}

pub fn write_one(ids: &mut IdGenerator, out: &mut Vec<u8>) {
    let mut attributes = Attributes::of_span();
    attributes.text("http.request.method", "GET");
    attributes.text("url.full", "https://shop.example/api/products/42?page=2&token=REDACTED");
    attributes.text("server.address", "shop.example");
    attributes.integer("server.port", 443);
    attributes.integer("http.response.status_code", 200);
    attributes.text("network.protocol.version", "2");
    attributes.integer("http.response.body.size", 2_000);
    let context = SpanContext::root(ids.trace_id(), ids.span_id(), true);
    let parent = Some(Parent { span_id: ids.span_id(), remote: false });
    let span = Span {
        context,
        parent,
        name: "GET",
        kind: Kind::Client,
        start: 10.0,
        end: 95.0,
        attributes: &attributes,
        links: &[],
        status: Status::Unset,
    };
    let body = otlp_protobuf::body_of(&span, &Clock::new(1_763_000_000_000.0));
    otlp_protobuf::write_span(&context, &[], &Attributes::of_span(), &body, out);
}
