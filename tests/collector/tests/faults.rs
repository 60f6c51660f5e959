//! Each fault, as its client sees it and as the collector counts it.

mod client;

use std::io::{ErrorKind, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use client::{Client, Collector, PATIENCE, PROTOBUF, traces};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::{Value, json};

/// That a request was neither taken nor read.
const NOTHING: [Value; 3] = [Value::Null, Value::Null, Value::Null];

fn counts(collector: &Collector) -> [Value; 3] {
    collector.numbers().map(|counts| if counts == json!({}) { Value::Null } else { counts })
}

fn is_reset(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionReset
}

#[test]
fn a_status_takes_nothing_as_often_as_asked() {
    let collector = Collector::with(r#""fault":"status:503","times":2"#);
    let mut client = collector.connect();
    assert_eq!(client.export(&[1]).unwrap().status, 503);
    assert_eq!(client.export(&[1]).unwrap().status, 503);
    assert_eq!(counts(&collector), [Value::Null, Value::Null, json!({ "1": 2 })]);
    assert_eq!(client.export(&[1]).unwrap().status, 200);
    assert_eq!(counts(&collector), [json!({ "1": 1 }), Value::Null, json!({ "1": 3 })]);
}

#[test]
fn retry_after_is_sent_and_exposed_where_asked_only() {
    let collector = Collector::with(r#""fault":"status:429","retryAfter":7"#);
    let response = collector.connect().export(&[1]).unwrap();
    assert_eq!((response.status, response.header("retry-after")), (429, Some("7")));
    assert_eq!(response.header("access-control-expose-headers"), None);

    let plan = r#"{"steps":[{"fault":"status:503","retryAfter":{"date":5}}],
        "cors":{"expose":["Date","Retry-After"]}}"#;
    assert_eq!(collector.plan(plan).status, 204);
    let response = collector.connect().export(&[1]).unwrap();
    assert!(response.header("retry-after").unwrap().ends_with("GMT"));
    assert!(response.header("date").unwrap().ends_with("GMT"));
    assert_eq!(response.header("access-control-expose-headers"), Some("Date, Retry-After"));
}

#[test]
fn refuse_resets_every_connection_but_those_for_control() {
    let collector = Collector::start();
    let mut kept = collector.connect();
    assert_eq!(kept.export(&[1]).unwrap().status, 200);
    assert_eq!(collector.plan(r#"{"steps":[{"fault":"refuse"}]}"#).status, 204);
    assert!(is_reset(&kept.export(&[2]).unwrap_err()), "one that was open is closed too");
    assert!(is_reset(&collector.connect().export(&[2]).unwrap_err()));
    assert!(is_reset(&collector.connect().ask("OPTIONS", "/v1/traces", &[], b"").unwrap_err()));
    assert_eq!(counts(&collector), [json!({ "1": 1 }), Value::Null, json!({ "1": 1 })]);
    assert_eq!(collector.received("r")["requests"].as_array().unwrap().len(), 4);
}

#[test]
fn hang_answers_nothing_and_takes_nothing() {
    let collector = Collector::with(r#""fault":"hang""#);
    let began = Instant::now();
    let error = collector.connect().export(&[1]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert!(began.elapsed() >= PATIENCE);
    assert_eq!(counts(&collector), [Value::Null, Value::Null, json!({ "1": 1 })]);
    assert_eq!(collector.received("r")["requests"][0]["status"], Value::Null);
}

#[test]
fn hang_after_read_answers_nothing_and_takes_all() {
    let collector = Collector::with(r#""fault":"hangAfterRead""#);
    let error = collector.connect().export(&[1]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    assert_eq!(counts(&collector), [json!({ "1": 1 }), json!({ "1": 1 }), json!({ "1": 1 })]);
}

#[test]
fn cut_request_ends_in_the_middle_of_the_body() {
    let collector = Collector::with(r#""fault":"cutRequest""#);
    let body = traces("r", &[1]);
    let mut client = collector.connect();
    let head = format!("POST /v1/traces HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    client.0.get_mut().write_all(head.as_bytes()).unwrap();
    client.0.get_mut().write_all(&body[..body.len() / 2 - 1]).unwrap();
    let waiting = client.line().unwrap_err();
    assert!(matches!(waiting.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "not before: {waiting}");
    client.0.get_mut().write_all(&body[body.len() / 2 - 1..]).unwrap();
    assert!(is_reset(&client.line().unwrap_err()));
    assert_eq!(counts(&collector), NOTHING);
}

#[test]
fn cut_response_takes_all_and_ends_behind_the_status_line() {
    let collector = Collector::with(r#""fault":"cutResponse""#);
    let mut client = collector.connect();
    client.send("POST", "/v1/traces", &[PROTOBUF], &traces("r", &[1])).unwrap();
    assert!(client.line().unwrap().starts_with("HTTP/1.1 200"));
    assert!(is_reset(&client.line().unwrap_err()));
    assert_eq!(counts(&collector), [json!({ "1": 1 }), json!({ "1": 1 }), json!({ "1": 1 })]);
}

#[test]
fn slow_is_ambiguous_only_to_those_who_do_not_wait() {
    let collector = Collector::with(r#""fault":"slow:300""#);
    let began = Instant::now();
    assert_eq!(collector.connect().export(&[1]).unwrap().status, 200);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let mut hasty = collector.connect();
    hasty.send("POST", "/v1/traces", &[PROTOBUF], &traces("r", &[2])).unwrap();
    sleep(Duration::from_millis(50));
    drop(hasty);
    sleep(Duration::from_millis(100));
    assert_eq!(counts(&collector)[..2], [json!({ "1": 1, "2": 1 }), json!({ "2": 1 })]);
}

#[test]
fn wrong_cors_takes_all_and_does_not_let_the_page_know() {
    let collector = Collector::with(r#""fault":"wrongCors""#);
    let response = collector.connect().export(&[1]).unwrap();
    assert_eq!((response.status, response.header("access-control-allow-origin")), (200, None));
    assert_eq!(preflight(&mut collector.connect()).status, 204);
    assert_eq!(counts(&collector)[..2], [json!({ "1": 1 }), json!({ "1": 1 })]);

    let collector = Collector::with(r#""fault":"wrongCors:preflight","times":1"#);
    let refused = preflight(&mut collector.connect());
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
    assert_eq!(preflight(&mut collector.connect()).status, 204, "that was the one time");
}

#[test]
fn a_slow_preflight_delays_nothing_else() {
    let collector = Collector::with(r#""fault":"delayPreflight:300""#);
    let began = Instant::now();
    assert_eq!(preflight(&mut collector.connect()).status, 204);
    assert!(began.elapsed() >= Duration::from_millis(300));
    let began = Instant::now();
    assert_eq!(collector.connect().export(&[1]).unwrap().status, 200);
    assert!(began.elapsed() < Duration::from_millis(300));
}

#[test]
fn partial_success_takes_all_but_the_last() {
    let collector = Collector::with(r#""fault":"partialSuccess:1""#);
    let response = collector.connect().export(&[1, 2, 3]).unwrap();
    let told = ExportTraceServiceResponse::decode(response.body.as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((response.status, told.rejected_spans), (200, 1));
    assert!(!told.error_message.is_empty());
    let taken = json!({ "1": 1, "2": 1 });
    assert_eq!(counts(&collector), [taken, Value::Null, json!({ "1": 1, "2": 1, "3": 1 })]);

    let ndjson = b"{\"metadata\":{}}\n{\"span\":{\"context\":{\"http\":{\"url\":\"/ok?r=r&n=4\"}}}}\n\
        {\"span\":{\"context\":{\"http\":{\"url\":\"/ok?r=r&n=5\"}}}}\n";
    let response = collector.connect().ask("POST", "/intake/v2/rum/events", &[], ndjson).unwrap();
    let told: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!((response.status, &told["accepted"]), (400, &json!(1)));
    assert!(told["errors"][0]["message"].is_string());
    assert_eq!(counts(&collector)[0], json!({ "1": 1, "2": 1, "4": 1 }));
}

#[test]
fn flapping_takes_every_other_request() {
    let collector = Collector::with(r#""fault":"flapping""#);
    let mut client = collector.connect();
    let statuses: Vec<u16> = (0..4).map(|number| client.export(&[number]).unwrap().status).collect();
    assert_eq!(statuses, [200, 503, 200, 503]);
    assert_eq!(counts(&collector)[0], json!({ "0": 1, "2": 1 }));
}

#[test]
fn too_large_is_measured_on_the_wire() {
    let (small, large) = (traces("r", &[1]), traces("r", &[2, 3]));
    let collector = Collector::with(&format!(r#""fault":"tooLarge:{}""#, small.len()));
    let mut client = collector.connect();
    assert_eq!(client.ask("POST", "/v1/traces", &[PROTOBUF], &small).unwrap().status, 200);
    assert_eq!(client.ask("POST", "/v1/traces", &[PROTOBUF], &large).unwrap().status, 413);
    assert_eq!(counts(&collector)[0], json!({ "1": 1 }));
}

fn preflight(client: &mut Client) -> client::Response {
    let headers =
        [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "content-type,x-own")];
    client.ask("OPTIONS", "/v1/traces", &headers, b"").unwrap()
}

#[test]
fn preflights_allow_everything_and_credentials_where_asked_only() {
    let collector = Collector::start();
    let allowed = preflight(&mut collector.connect());
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("*"));
    assert_eq!(allowed.header("access-control-allow-headers"), Some("content-type,x-own"));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(allowed.header("access-control-max-age"), Some("600"));
    assert_eq!(allowed.header("access-control-allow-credentials"), None);

    assert_eq!(collector.plan(r#"{"cors":{"credentials":true,"maxAge":5}}"#).status, 204);
    let allowed = preflight(&mut collector.connect());
    assert_eq!(allowed.header("access-control-allow-origin"), Some("http://shop.example"));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(allowed.header("access-control-max-age"), Some("5"));
}
