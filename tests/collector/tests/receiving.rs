//! What the collector reads, and what it keeps of it.

mod client;

use std::io::{Write, pipe};
use std::process::{Command, Stdio};

use client::{Collector, Headers, PROTOBUF, traces};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_language_is_understood_and_counted_by_run() {
    let collector = Collector::start();
    let mut client = collector.connect();
    let url = |number: u64| format!("http://shop.example/ok?r=mine&n={number}");
    let attribute = |number| json!({ "key": "url.full", "value": { "stringValue": url(number) } });

    let body = gzip(&traces("mine", &[1, 2]));
    let answer = client.ask("POST", "/v1/traces", &[PROTOBUF, ("Content-Encoding", "gzip")], &body).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-protobuf")));

    let json_type = ("Content-Type", "application/json; charset=utf-8");
    let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [
        { "attributes": [attribute(3)] }, { "attributes": [] }] }] }] });
    let answer = client.ask("POST", "/v1/traces", &[json_type], body.to_string().as_bytes()).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));

    let body = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [
        { "attributes": [attribute(4)] }] }] }] });
    assert_eq!(
        client.ask("POST", "/v1/logs", &[json_type], body.to_string().as_bytes()).unwrap().status,
        200
    );

    let line = json!({ "span": { "context": { "http": { "url": url(5) } } } });
    let body = gzip(format!("{{\"metadata\":{{}}}}\n{line}\n").as_bytes());
    let headers = [("Content-Type", "application/x-ndjson"), ("Content-Encoding", "gzip")];
    assert_eq!(client.ask("POST", "/intake/v2/rum/events", &headers, &body).unwrap().status, 202);

    let transaction = json!({ "spans": [{ "description": "GET /ok", "data": { "url": url(6) } }] });
    let body = format!("{{}}\n{{\"type\":\"transaction\"}}\n{transaction}\n");
    assert_eq!(
        client.ask("POST", "/api/1/envelope/?sentry_key=x", &[], body.as_bytes()).unwrap().status,
        200
    );

    client.ask("POST", "/v1/traces", &[PROTOBUF], &traces("other", &[1])).unwrap();
    let report = collector.received("mine");
    assert_eq!(report["numbers"]["accepted"], json!({ "1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "6": 1 }));
    let requests = report["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 5, "the other run's is not among them");
    let spans: Vec<_> = requests.iter().map(|request| request["spans"].clone()).collect();
    assert_eq!(spans, [2, 2, 1, 1, 1]);
    assert_eq!(requests[0]["bytes"], gzip(&traces("mine", &[1, 2])).len());
    assert_eq!(requests[0]["inflated"], traces("mine", &[1, 2]).len());
    assert_eq!(requests[0]["contentEncoding"], "gzip");
    assert_eq!(requests[4]["path"], "/api/1/envelope/");
}

#[test]
fn what_comes_twice_is_counted_twice() {
    let collector = Collector::start();
    collector.connect().export(&[1, 2]).unwrap();
    collector.connect().export(&[2]).unwrap();
    assert_eq!(collector.numbers()[0], json!({ "1": 1, "2": 2 }));
}

#[test]
fn what_cannot_be_read_is_told_so() {
    let collector = Collector::start();
    let mut client = collector.connect();
    let wrong: [(Headers, &[u8]); 4] = [
        (&[PROTOBUF], b"\xff\xff\xff"),
        (&[("Content-Type", "application/json")], b"{"),
        (&[("Content-Type", "text/plain")], b"{}"),
        (&[PROTOBUF, ("Content-Encoding", "gzip")], b"no gzip"),
    ];
    for (headers, body) in wrong {
        assert_eq!(client.ask("POST", "/v1/traces", headers, body).unwrap().status, 400, "{headers:?}");
    }
    assert_eq!(client.ask("POST", "/v1/metrics", &[], b"").unwrap().status, 404);
    let requests = collector.received("r")["requests"].as_array().unwrap().clone();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request["error"].is_string()));
}

#[test]
fn a_wrong_plan_changes_nothing() {
    let collector = Collector::with(r#""fault":"status:503""#);
    assert_eq!(collector.plan(r#"{"steps":[{"fault":"explode"}]}"#).status, 400);
    assert_eq!(collector.connect().export(&[1]).unwrap().status, 503);
}

#[test]
fn forgetting_forgets_the_plan_too() {
    let collector = Collector::with(r#""fault":"status:503""#);
    collector.connect().export(&[1]).unwrap();
    assert_eq!(collector.connect().ask("DELETE", "/control", &[], b"").unwrap().status, 204);
    assert_eq!(collector.received("r")["requests"], json!([]));
    assert_eq!(collector.connect().export(&[1]).unwrap().status, 200);
}

#[test]
fn it_ends_with_its_input() {
    let (input, writer) = pipe().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_fault-collector"))
        .stdin(input)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(process.try_wait().unwrap().is_none());
    drop(writer);
    assert!(process.wait().unwrap().success());
}
