//! What the agent's own work costs, without a browser: `cargo bench -p headwater`.
//!
//! Times are those of this machine's native code, to compare one commit with another (criterion says by how much it
//! differs from the last run). What the agent costs a page is measured in a browser: `npm run bench`.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use headwater::agent::Agent;
use headwater::context::{Baggage, IdGenerator, Origin, SpanContext, TraceParent, TraceState};
use headwater::deliver::Stay;
use headwater::encode::{Protocol, otlp_protobuf, write_body};
use headwater::host::Host;
use headwater::options::{Input, LogLevel, OptionId};
use headwater::signal::page_load::Resource;
use headwater::signal::request::Outcome;
use headwater::trace::{Attributes, Clock, Kind, Parent, Span, Status, redact_url};
use headwater::wire::gzip;

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

fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("random numbers");
}

const URL: &str = "https://shop.example/api/products/42?page=2&token=secret";
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

/// One request, from the hook's call to the encoded span; each batch is sent.
fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    let line = format!("GET {URL}");
    for open in [0, 100, 900] {
        let page = Page::default();
        let mut agent = agent(&page);
        for number in 0..open {
            agent.start_request(1 << 30 | number, 5.0, "GET https://shop.example/poll", false);
        }
        let (mut number, mut now) = (1, 10.0);
        group.bench_function(format!("start, end and timing, {open} others in flight"), |bencher| {
            bencher.iter(|| {
                number += 1;
                now += 1.0;
                black_box(agent.start_request(number, now, black_box(&line), false));
                agent.end_request(number, now + 85.0, Outcome::Response(200), false, "");
                agent.time_request(now + 86.0, &Resource { start: now, end: now + 85.0, ..RESOURCE });
                if number % 100 == 0 {
                    agent.flush(now, Stay::Here);
                }
                for sent in page.0.take() {
                    agent.settle(now, sent, 200, f64::NAN, &[]);
                }
            });
        });
    }
    group.finish();
}

fn ids_and_parsers(criterion: &mut Criterion) {
    let mut ids = IdGenerator::new(fill);
    criterion.bench_function("ids/a trace id and a span id", |bencher| {
        bencher.iter(|| (ids.trace_id(), ids.span_id()));
    });
    let header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    criterion.bench_function("parse/traceparent", |bencher| {
        bencher.iter(|| TraceParent::parse(black_box(header)).is_ok());
    });
    let state = "ot=th:8;rv:d05a2ea7b0b6f4,es=s:0.5,dd=s:1;o:rum,congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
    criterion.bench_function("parse/tracestate of five", |bencher| {
        bencher.iter(|| TraceState::parse(black_box(state)).is_ok());
    });
    let baggage = "user.tier=gold,experiment=blue%20button;until=monday,region=eu-central-1";
    criterion.bench_function("parse/baggage of three", |bencher| {
        bencher.iter(|| Baggage::parse(black_box(baggage)).is_empty());
    });
    criterion.bench_function("parse/origin of a URL", |bencher| {
        bencher.iter(|| Origin::of(black_box(URL)).is_some());
    });
    criterion.bench_function("redact/a URL with a secret", |bencher| {
        bencher.iter(|| redact_url(black_box(URL)));
    });
}

/// A hundred spans of requests, as they wait to be sent, and what they hang under.
fn batch() -> (Vec<u8>, Vec<u8>) {
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

fn write_one(ids: &mut IdGenerator, out: &mut Vec<u8>) {
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

fn encoders(criterion: &mut Criterion) {
    let mut ids = IdGenerator::new(fill);
    criterion.bench_function("encode/a span of seven attributes", |bencher| {
        bencher.iter_batched_ref(
            || Vec::with_capacity(1_024),
            |out| write_one(&mut ids, out),
            BatchSize::SmallInput,
        );
    });
    let (resource, spans) = batch();
    let mut group = criterion.benchmark_group("a body of 100 spans");
    group.throughput(Throughput::Elements(100));
    for (name, protocol) in
        [("OTLP protobuf", Protocol::Protobuf), ("OTLP JSON", Protocol::Json), ("Elastic", Protocol::Elastic)]
    {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut out = Vec::new();
                write_body(protocol, &resource, black_box(&spans), &write_number, &mut out);
                out
            });
        });
    }
    let mut body = Vec::new();
    write_body(Protocol::Elastic, &resource, &spans, &write_number, &mut body);
    group.bench_function("gzip of Elastic's", |bencher| bencher.iter(|| gzip::compress(black_box(&body))));
    group.finish();
}

criterion_group!(benches, requests, ids_and_parsers, encoders);
criterion_main!(benches);
