//! What `POST /v1/traces` and `/v1/logs` answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use headwater_collector::{Config, Store};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use rusqlite::Connection;
use serde_json::json;

use crate::harness::{Answer, JSON, PROTOBUF, Running, SPAN, TestSpan, agent, gzip, request, trace_id};

const EXAMPLE_TRACE: &[u8] = include_bytes!("../data/otlp-example-trace.json");
const EXAMPLE_LOGS: &[u8] = include_bytes!("../data/otlp-example-logs.json");
const EXAMPLE_ID: &str = "5b8efff798038103d269b633813fc60c";

#[test]
fn protobuf_is_stored_and_answered_in_protobuf() {
    let collector = Running::start();
    let answer = collector.post_spans(&request("shop", [SPAN]));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), PROTOBUF);
    let response = ExportTraceServiceResponse::decode(answer.body.as_slice()).unwrap();
    assert_eq!(response.partial_success, None);
    assert_eq!(span_count(&collector, &trace_id(1)), 1);
}

#[test]
fn json_is_stored_and_answered_in_json() {
    let collector = Running::start();
    for content_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        let answer = collector.post("/v1/traces", content_type, EXAMPLE_TRACE);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), JSON);
        assert_eq!(answer.body, b"{}");
    }
    assert_eq!(span_count(&collector, EXAMPLE_ID), 1);
}

#[test]
fn gzip_is_inflated_in_either_encoding() {
    let collector = Running::start();
    let protobuf = request("shop", [SPAN]).encode_to_vec();
    for (content_type, body) in [(PROTOBUF, protobuf.as_slice()), (JSON, EXAMPLE_TRACE)] {
        let headers = [("content-type", content_type), ("content-encoding", "gzip")];
        let answer = collector.request("POST", "/v1/traces", &headers, &gzip(body));
        assert_eq!(answer.status, 200);
    }
    assert_eq!(span_count(&collector, &trace_id(1)), 1);
    assert_eq!(span_count(&collector, EXAMPLE_ID), 1);
}

#[test]
fn logs_are_stored_in_either_encoding() {
    let collector = Running::start();
    let answer = collector.post("/v1/logs", JSON, EXAMPLE_LOGS);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}"[..]));
    let logs = collector.get(&format!("/api/logs?traceId={EXAMPLE_ID}")).json();
    let body = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"];
    assert_eq!(body, &json!({ "stringValue": "Example log record" }));

    let answer = collector.post("/v1/logs", PROTOBUF, &[]);
    assert_eq!(answer.status, 200);
    ExportLogsServiceResponse::decode(answer.body.as_slice()).unwrap();
}

#[test]
fn an_empty_request_is_a_success() {
    let collector = Running::start();
    assert_eq!(collector.post("/v1/traces", JSON, b"{}").status, 200);
    assert_eq!(collector.post("/v1/traces", PROTOBUF, b"").status, 200);
}

#[test]
fn garbage_is_400_with_a_status_in_the_request_s_encoding() {
    let collector = Running::start();
    for path in ["/v1/traces", "/v1/logs"] {
        let answer = collector.post(path, PROTOBUF, b"\xff\xff\xffgarbage");
        assert_eq!((answer.status, answer.header("content-type")), (400, PROTOBUF));
        let status = answer.status_message();
        assert_eq!(status.code, 3);
        assert!(status.message.contains("protobuf"), "{}", status.message);

        let answer = collector.post(path, JSON, b"{\"resource");
        assert_eq!((answer.status, answer.header("content-type")), (400, JSON));
        assert_eq!(answer.json()["code"], 3);
        assert!(answer.json()["message"].as_str().unwrap().contains("JSON"));
    }
}

#[test]
fn broken_gzip_is_400_with_a_status() {
    let collector = Running::start();
    let whole = gzip(EXAMPLE_TRACE);
    let truncated = &whole[..whole.len() / 2];
    for body in [&b"not gzip"[..], truncated] {
        let headers = [("content-type", JSON), ("content-encoding", "gzip")];
        let answer = collector.request("POST", "/v1/traces", &headers, body);
        assert_eq!(answer.status, 400);
        assert!(answer.json()["message"].as_str().unwrap().contains("gzip"));
    }
}

#[test]
fn other_content_types_and_encodings_are_415_with_a_status() {
    let collector = Running::start();
    for content_type in ["text/plain", "application/x-ndjson", "application/jsonp"] {
        let answer = collector.post("/v1/traces", content_type, EXAMPLE_TRACE);
        assert_eq!(answer.status, 415, "{content_type}");
        assert!(answer.json()["message"].as_str().unwrap().contains(content_type));
    }
    let answer = collector.request("POST", "/v1/traces", &[], EXAMPLE_TRACE);
    assert_eq!(answer.status, 415);

    let headers = [("content-type", PROTOBUF), ("content-encoding", "br")];
    let answer = collector.request("POST", "/v1/traces", &headers, b"");
    assert_eq!(answer.status, 415);
    assert!(answer.status_message().message.contains("br"));
}

#[test]
fn a_body_that_inflates_beyond_64_mib_is_413() {
    let collector = Running::start();
    let headers = [("content-type", PROTOBUF), ("content-encoding", "gzip")];
    let bomb = gzip(&vec![0; (64 << 20) + 1]);
    let answer = collector.request("POST", "/v1/traces", &headers, &bomb);
    assert_eq!(answer.status, 413);
    assert!(answer.status_message().message.contains("64 MiB"));
}

#[test]
fn a_body_that_announces_more_than_64_mib_is_413_unread() {
    let collector = Running::start();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\norigin: http://app.example\r\n\
        content-type: {JSON}\r\ncontent-length: {}\r\n\r\n",
        (64 << 20) + 1
    );
    let answer = raw(&collector, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: http://app.example"));
    assert!(answer.contains("64 MiB"), "{answer}");
}

#[test]
fn a_chunked_body_beyond_64_mib_is_413() {
    let collector = Running::start();
    let mut socket = TcpStream::connect(collector.address).unwrap();
    write!(
        socket,
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .unwrap();
    let chunk = vec![b' '; 1 << 20];
    for _ in 0..=64 {
        write!(socket, "{:x}\r\n", chunk.len()).unwrap();
        socket.write_all(&chunk).unwrap();
        socket.write_all(b"\r\n").unwrap();
    }
    let mut head = [0; 12];
    socket.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 413");
}

#[test]
fn any_origin_may_send_with_credentials_and_headers_of_its_own() {
    let collector = Running::start();
    let preflight = collector.request(
        "OPTIONS",
        "/v1/traces",
        &[
            ("origin", "http://app.example:8080"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-encoding,content-type,x-mine"),
            ("access-control-request-private-network", "true"),
        ],
        b"",
    );
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), "http://app.example:8080");
    assert_eq!(preflight.header("access-control-allow-credentials"), "true");
    assert_eq!(preflight.header("access-control-allow-headers"), "content-encoding,content-type,x-mine");
    assert_eq!(preflight.header("access-control-allow-private-network"), "true");
    let methods = preflight.header("access-control-allow-methods");
    assert!(methods.contains("POST") && !methods.contains("DELETE"), "{methods}");
    assert!(preflight.header("access-control-max-age").parse::<u32>().unwrap() > 0);
}

#[test]
fn errors_carry_the_cors_headers_too() {
    let collector = Running::start();
    for (content_type, status) in [(JSON, 400), ("text/plain", 415)] {
        let headers = [("content-type", content_type), ("origin", "http://app.example")];
        let answer = collector.request("POST", "/v1/traces", &headers, b"garbage");
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), "http://app.example");
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        let exposed = answer.header("access-control-expose-headers").to_lowercase();
        assert!(exposed.contains("retry-after") && exposed.contains("date"), "{exposed}");
    }
}

#[test]
fn spans_with_invalid_ids_are_rejected_and_the_others_kept() {
    let collector = Running::start();
    let mut mixed = request("shop", (0..6).map(|id| TestSpan { id: id + 1, ..SPAN }));
    let spans = &mut mixed.resource_spans[0].scope_spans[0].spans;
    spans[1].trace_id = vec![0; 16];
    spans[2].trace_id = vec![1; 8];
    spans[3].span_id = vec![0; 8];
    spans[4].span_id = Vec::new();
    spans[5].parent_span_id = vec![1; 3];

    let answer = collector.post_spans(&mixed);
    assert_eq!(answer.status, 200);
    let partial =
        ExportTraceServiceResponse::decode(answer.body.as_slice()).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 5);
    assert!(partial.error_message.contains("16 bytes"));
    assert_eq!(span_count(&collector, &trace_id(1)), 1);
}

#[test]
fn partial_success_in_json_has_its_number_as_a_string() {
    let collector = Running::start();
    let span = |trace_id: &str| json!({ "traceId": trace_id, "spanId": "0102030405060708" });
    let mixed = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [
        span(&trace_id(9)), span("abc"), span("not hexadecimal"), span(""),
    ] }] }] });
    let answer = collector.post("/v1/traces", JSON, mixed.to_string().as_bytes());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["partialSuccess"]["rejectedSpans"], "3");
    assert_eq!(span_count(&collector, &trace_id(9)), 1);

    let mixed = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [
        { "traceId": "01" }, { "eventName": "kept" },
    ] }] }] });
    let answer = collector.post("/v1/logs", JSON, mixed.to_string().as_bytes());
    assert_eq!(answer.json()["partialSuccess"]["rejectedLogRecords"], "1");
}

#[test]
fn a_retried_request_adds_nothing() {
    let collector = Running::start();
    let sent = request("shop", [SPAN, TestSpan { id: 2, ..SPAN }]);
    for _ in 0..3 {
        assert_eq!(collector.post_spans(&sent).status, 200);
        collector.post("/v1/logs", JSON, EXAMPLE_LOGS);
    }
    assert_eq!(span_count(&collector, &trace_id(1)), 2);
    let list = collector.get("/api/traces").json();
    assert_eq!(list["traces"][0]["spanCount"], 2);
    let logs = collector.get("/api/logs").json();
    let records = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    assert_eq!(records.as_array().unwrap().len(), 1);
}

#[test]
fn a_full_queue_is_503_with_retry_after_and_loses_nothing_that_it_took() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.db");
    let config = Config { store: Store::File(path.clone()), ..Config::default() };
    let collector = Running::with_queue(config, 1);

    // Another process's lock stalls the writer: it holds one request, the queue another.
    let mut other = Connection::open(&path).unwrap();
    let lock = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    let waiting = (1..=2)
        .map(|trace| {
            let url = collector.url("/v1/traces");
            let body = request("shop", [TestSpan { trace, ..SPAN }]).encode_to_vec();
            let waiting = thread::spawn(move || {
                let sent = agent().post(url).header("content-type", PROTOBUF).send(&body);
                sent.unwrap().status().as_u16()
            });
            thread::sleep(Duration::from_millis(300));
            waiting
        })
        .collect::<Vec<_>>();
    let refused = collector.post_spans(&request("shop", [TestSpan { trace: 3, ..SPAN }]));
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(refused.status_message().code, 14);

    drop(lock);
    for waiting in waiting {
        assert_eq!(waiting.join().unwrap(), 200);
    }
    assert_eq!(span_count(&collector, &trace_id(1)), 1);
    assert_eq!(span_count(&collector, &trace_id(2)), 1);
    assert_eq!(collector.get(&format!("/api/traces/{}", trace_id(3))).status, 404);
}

#[test]
fn what_waits_together_is_committed_together_and_all_arrives() {
    let collector = Running::start();
    let begin = Instant::now();
    thread::scope(|scope| {
        for client in 1..=8u8 {
            let collector = &collector;
            scope.spawn(move || {
                for id in 1..=20 {
                    let span = TestSpan { trace: client, id, ..SPAN };
                    assert_eq!(collector.post_spans(&request("shop", [span])).status, 200);
                }
            });
        }
    });
    for client in 1..=8 {
        assert_eq!(span_count(&collector, &trace_id(client)), 20);
    }
    assert!(begin.elapsed() < Duration::from_secs(30));
}

fn span_count(collector: &Running, trace: &str) -> usize {
    let answer: Answer = collector.get(&format!("/api/traces/{trace}"));
    assert_eq!(answer.status, 200);
    let read = serde_json::from_slice::<ExportTraceServiceRequest>(&answer.body).unwrap();
    read.resource_spans.iter().flat_map(|group| &group.scope_spans).map(|scope| scope.spans.len()).sum()
}

fn raw(collector: &Running, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(collector.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.write_all(request).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(b"}") {
        let read = socket.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "the answer is cut short");
        answer.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(answer).unwrap()
}
