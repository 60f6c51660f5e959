//! `--forward`: the other collector is a bare socket that writes down what it gets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use headwater_collector::{Config, Forward};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use crate::harness::{JSON, Running, SPAN, TestSpan, request, trace_id};

#[test]
fn accepted_requests_arrive_as_protobuf_with_the_header() {
    let (url, arrived) = other_collector(&[200]);
    let collector = forwarding_to(&url);

    let mut sent = request("shop", [SPAN, TestSpan { id: 2, ..SPAN }]);
    sent.resource_spans[0].scope_spans[0].spans[1].span_id = vec![0; 8];
    assert_eq!(collector.post_spans(&sent).status, 200);
    let got = arrived.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(got.line, "POST /base/v1/traces HTTP/1.1");
    assert!(got.head.contains("x-api-key: secret"), "{}", got.head);
    assert!(got.head.contains("content-type: application/x-protobuf"), "{}", got.head);
    sent.resource_spans[0].scope_spans[0].spans.pop();
    let decoded = ExportTraceServiceRequest::decode(got.body.as_slice()).unwrap();
    assert_eq!(decoded, sent);

    let logs = include_str!("../data/otlp-example-logs.json");
    collector.post("/v1/logs", JSON, logs.as_bytes());
    let got = arrived.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(got.line, "POST /base/v1/logs HTTP/1.1");
    let decoded = ExportLogsServiceRequest::decode(got.body.as_slice()).unwrap();
    assert_eq!(decoded, serde_json::from_str(logs).unwrap());
}

#[test]
fn a_refused_request_is_not_forwarded() {
    let (url, arrived) = other_collector(&[200]);
    let collector = forwarding_to(&url);
    assert_eq!(collector.post("/v1/traces", JSON, b"garbage").status, 400);
    collector.post_spans(&request("shop", [SPAN]));
    let got = arrived.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(ExportTraceServiceRequest::decode(got.body.as_slice()).is_ok());
    assert!(arrived.try_recv().is_err());
}

#[test]
fn what_is_unavailable_is_tried_again_and_what_is_refused_is_not() {
    let (url, arrived) = other_collector(&[503, 429, 200, 400, 200]);
    let collector = forwarding_to(&url);
    for trace in 1..=3 {
        collector.post_spans(&request("shop", [TestSpan { trace, ..SPAN }]));
    }
    let order = (0..5)
        .map(|_| {
            let got = arrived.recv_timeout(Duration::from_secs(10)).unwrap();
            let decoded = ExportTraceServiceRequest::decode(got.body.as_slice()).unwrap();
            decoded.resource_spans[0].scope_spans[0].spans[0].trace_id[0]
        })
        .collect::<Vec<_>>();
    assert_eq!(order, [1, 1, 1, 2, 3]);
}

#[test]
fn an_absent_collector_delays_neither_the_answer_nor_the_stop() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let mut collector = forwarding_to(&url);
    let begin = Instant::now();
    for trace in 1..=5 {
        let sent = request("shop", [TestSpan { trace, ..SPAN }]);
        assert_eq!(collector.post_spans(&sent).status, 200);
    }
    assert_eq!(collector.get(&format!("/api/traces/{}", trace_id(5))).status, 200);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let stopping = collector.stop();
    assert!(stopping < Duration::from_secs(4), "{stopping:?}");
}

#[test]
fn what_is_queued_goes_out_before_the_stop() {
    let (url, arrived) = other_collector(&[200]);
    let mut collector = forwarding_to(&url);
    for trace in 1..=20 {
        collector.post_spans(&request("shop", [TestSpan { trace, ..SPAN }]));
    }
    collector.stop();
    assert_eq!(arrived.try_iter().count(), 20);
}

fn forwarding_to(url: &str) -> Running {
    Running::with(Config {
        forward: Some(Forward {
            url: format!("{url}/base/"),
            headers: vec![Forward::parse_header("x-api-key: secret").unwrap()],
        }),
        ..Config::default()
    })
}

struct Got {
    line: String,
    head: String,
    body: Vec<u8>,
}

/// Answers with these statuses in turn, and with the last for ever.
fn other_collector(statuses: &'static [u16]) -> (String, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for (count, socket) in listener.incoming().enumerate() {
            let mut socket = socket.unwrap();
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap() > 2 {}
            let head = head.to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let status = statuses[count.min(statuses.len() - 1)];
            write!(socket, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            let line = line.trim().into();
            if sender.send(Got { line, head, body }).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}
