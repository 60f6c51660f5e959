//! What the agent's own work costs, without a browser: `cargo bench -p headwater`.
//!
//! Times are those of this machine's native code, to compare one commit with another (criterion says by how much it
//! differs from the last run). What the agent costs a page is measured in a browser: `npm run bench`.

mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use headwater::context::{Baggage, IdGenerator, Origin, TraceParent, TraceState};
use headwater::encode::Protocol;
use headwater::trace::redact_url;
use headwater::wire::gzip;
use support::{TRACEPARENT, URL, Visit, batch, body_of, fill, write_one};

fn requests(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request");
    for open in [0, 100, 900] {
        let mut visit = Visit::new(open);
        group.bench_function(format!("start, end and timing, {open} others in flight"), |bencher| {
            bencher.iter(|| visit.request());
        });
    }
    group.finish();
}

fn ids_and_parsers(criterion: &mut Criterion) {
    let mut ids = IdGenerator::new(fill);
    criterion.bench_function("ids/a trace id and a span id", |bencher| {
        bencher.iter(|| (ids.trace_id(), ids.span_id()));
    });
    criterion.bench_function("parse/traceparent", |bencher| {
        bencher.iter(|| TraceParent::parse(black_box(TRACEPARENT)).is_ok());
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
            bencher.iter(|| body_of(protocol, &resource, &spans));
        });
    }
    let body = body_of(Protocol::Elastic, &resource, &spans);
    group.bench_function("gzip of Elastic's", |bencher| bencher.iter(|| gzip::compress(black_box(&body))));
    group.finish();
}

criterion_group!(benches, requests, ids_and_parsers, encoders);
criterion_main!(benches);
