//! `GET /api/stream`, read as an EventSource reads it.

use std::io::{BufRead, BufReader};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Running, SPAN, TestSpan, agent, request, trace_id};

#[test]
fn a_stored_trace_arrives_as_the_list_would_show_it() {
    let collector = Running::start();
    let events = listen(&collector);
    collector.post_spans(&request("shop", [SPAN]));
    let event = events.recv_timeout(Duration::from_secs(5)).unwrap();
    let list = collector.get("/api/traces").json();
    assert_eq!(event, list["traces"][0]);

    collector.post_spans(&request("shop", [TestSpan { id: 2, ..SPAN }]));
    let event = events.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(event["spanCount"], 2);
}

#[test]
fn a_trace_that_grows_fast_is_few_events() {
    let collector = Running::start();
    let events = listen(&collector);
    for id in 1..=40 {
        collector.post_spans(&request("shop", [TestSpan { id, ..SPAN }]));
    }
    let mut count = 0;
    loop {
        let event = events.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(event["traceId"], trace_id(1));
        count += 1;
        if event["spanCount"] == 40 {
            break;
        }
    }
    assert!(count < 20, "{count} events for 40 requests");
}

#[test]
fn a_retry_is_no_event() {
    let collector = Running::start();
    collector.post_spans(&request("shop", [SPAN]));
    let events = listen(&collector);
    collector.post_spans(&request("shop", [SPAN]));
    collector.post_spans(&request("shop", [TestSpan { trace: 2, ..SPAN }]));
    let event = events.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(event["traceId"], trace_id(2));
}

/// Connects and waits until the stream is open; the events' data follow.
fn listen(collector: &Running) -> Receiver<Value> {
    let response = agent().get(collector.url("/api/stream")).call().unwrap();
    let (sender, receiver) = mpsc::channel();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut lines = BufReader::new(response.into_body().into_reader()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), ": connected");
    thread::spawn(move || {
        let mut kind = String::new();
        for line in lines.map_while(Result::ok) {
            if let Some(name) = line.strip_prefix("event: ") {
                kind = name.into();
            } else if let Some(data) = line.strip_prefix("data: ") {
                assert_eq!(kind, "trace");
                if sender.send(serde_json::from_str(data).unwrap()).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}
