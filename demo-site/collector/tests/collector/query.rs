//! What the read side answers.

use std::time::{SystemTime, UNIX_EPOCH};

use headwater_collector::Config;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    ArrayValue, EntityRef, InstrumentationScope, KeyValueList, any_value::Value as Member,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ScopeSpans, Span, Status};
use prost::Message;
use serde_json::{Value, json};

use crate::harness::{PROTOBUF, Running, SPAN, TestSpan, attribute, request, trace_id};

#[test]
fn a_trace_reads_back_exactly_as_it_was_sent() {
    let collector = Running::start();
    let sent = everything();
    assert_eq!(collector.post_spans(&sent).status, 200);
    let answer = collector.get(&format!("/api/traces/{}", trace_id(1)));
    assert_eq!(answer.header("content-type"), "application/json");
    let read = serde_json::from_slice::<ExportTraceServiceRequest>(&answer.body).unwrap();
    assert_eq!(read, sent);
}

#[test]
fn a_trace_sent_in_pieces_is_grouped_by_resource_and_scope() {
    let collector = Running::start();
    for (service, id) in [("browser", 1), ("server", 2), ("browser", 3)] {
        collector.post_spans(&request(service, [TestSpan { id, ..SPAN }]));
    }
    let trace = collector.get(&format!("/api/traces/{}", trace_id(1))).json();
    let groups = trace["resourceSpans"].as_array().unwrap();
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0]["scopeSpans"].as_array().unwrap().len(), 1);
    let spans = groups[0]["scopeSpans"][0]["spans"].as_array().unwrap();
    assert_eq!(spans[0]["spanId"], "01".repeat(8));
    assert_eq!(spans[1]["spanId"], "03".repeat(8));
}

#[test]
fn an_unknown_trace_is_404_and_no_trace_id_is_400() {
    let collector = Running::start();
    let answer = collector.get(&format!("/api/traces/{}", trace_id(7)));
    assert_eq!(answer.status, 404);
    assert!(answer.json()["error"].as_str().unwrap().contains(&trace_id(7)));
    assert_eq!(collector.get("/api/traces/xyz").status, 400);
    assert_eq!(collector.get("/api/logs?traceId=xyz").status, 400);
    assert_eq!(collector.get("/api/nothing").status, 404);
}

#[test]
fn a_summary_says_what_happened_in_the_trace() {
    let collector = Running::start();
    let mut browser = request(
        "browser",
        [
            // The server's parent never arrived, but the page view began first.
            TestSpan { id: 2, parent: 1, name: "click", start: 200, end: 900, ..SPAN },
            TestSpan { id: 1, parent: 8, name: "page", start: 100, end: 500, ..SPAN },
        ],
    );
    browser.resource_spans[0].scope_spans[0].spans[0].status =
        Some(Status { code: 2, message: String::new() });
    collector.post_spans(&browser);
    let server = TestSpan { id: 3, parent: 9, name: "GET", start: 150, end: 400, ..SPAN };
    collector.post_spans(&request("api", [server]));

    let list = collector.get("/api/traces").json();
    assert_eq!(
        list,
        json!({ "traces": [{
            "traceId": trace_id(1),
            "rootName": "page",
            "rootService": "browser",
            "services": ["api", "browser"],
            "startTimeUnixNano": "100",
            "endTimeUnixNano": "900",
            "durationNanos": "800",
            "spanCount": 3,
            "errorCount": 1,
        }] })
    );
}

#[test]
fn a_circle_of_parents_still_has_a_summary() {
    let collector = Running::start();
    let spans = [
        TestSpan { id: 1, parent: 2, name: "late", start: 200, ..SPAN },
        TestSpan { id: 2, parent: 1, name: "early", start: 100, ..SPAN },
    ];
    collector.post_spans(&request("shop", spans));
    let list = collector.get("/api/traces").json();
    assert_eq!(list["traces"][0]["rootName"], "early");
}

#[test]
fn the_list_is_newest_first_filtered_and_limited() {
    let collector = Running::start();
    for (trace, service, start) in [(1, "a", 300), (2, "b", 100), (3, "a", 200)] {
        let span = TestSpan { trace, start, ..SPAN };
        collector.post_spans(&request(service, [span]));
    }
    assert_eq!(ids(&collector, ""), [1, 3, 2]);
    assert_eq!(ids(&collector, "?service=a"), [1, 3]);
    assert!(ids(&collector, "?service=none").is_empty());
    assert_eq!(ids(&collector, "?limit=2"), [1, 3]);
    assert_eq!(ids(&collector, "?service=a&limit=1"), [1]);
    assert_eq!(ids(&collector, "?limit=1000000"), [1, 3, 2]);
    for bad in ["?limit=x", "?since=yesterday", "?limit=-1"] {
        let answer = collector.get(&format!("/api/traces{bad}"));
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["error"].is_string());
    }
}

#[test]
fn fifty_traces_are_listed_unless_told_otherwise() {
    let collector = Running::start();
    collector.post_spans(&request("shop", (1..=60).map(|trace| TestSpan { trace, ..SPAN })));
    assert_eq!(ids(&collector, "").len(), 50);
    assert_eq!(ids(&collector, "?limit=55").len(), 55);
}

#[test]
fn since_asks_for_what_arrived_later() {
    let collector = Running::start();
    collector.post_spans(&request("shop", [SPAN]));
    let between = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    collector.post_spans(&request("shop", [TestSpan { trace: 2, ..SPAN }]));
    assert_eq!(ids(&collector, &format!("?since={between}")), [2]);
    assert_eq!(ids(&collector, "?since=0").len(), 2);

    // A retry brings nothing new, another span does.
    collector.post_spans(&request("shop", [SPAN]));
    assert_eq!(ids(&collector, &format!("?since={between}")), [2]);
    collector.post_spans(&request("shop", [TestSpan { id: 2, ..SPAN }]));
    assert_eq!(ids(&collector, &format!("?since={between}")).len(), 2);
}

#[test]
fn services_are_sorted_and_unique() {
    let collector = Running::start();
    for (trace, service) in [(1, "shop"), (2, "api"), (3, "shop")] {
        collector.post_spans(&request(service, [TestSpan { trace, ..SPAN }]));
    }
    let mut nameless = request("", [TestSpan { trace: 4, ..SPAN }]);
    nameless.resource_spans[0].resource = None;
    collector.post_spans(&nameless);
    assert_eq!(
        collector.get("/api/services").json(),
        json!({ "services": ["api", "shop", "unknown_service"] })
    );
}

#[test]
fn the_oldest_traces_make_room() {
    let collector = Running::with(Config { max_traces: 3, ..Config::default() });
    for trace in 1..=5 {
        collector.post_spans(&request("shop", [TestSpan { trace, ..SPAN }]));
    }
    let mut kept = ids(&collector, "");
    kept.sort_unstable();
    assert_eq!(kept, [3, 4, 5]);
    assert_eq!(collector.get(&format!("/api/traces/{}", trace_id(1))).status, 404);

    // Also when they come in one request.
    collector.post_spans(&request("shop", (11..=16).map(|trace| TestSpan { trace, ..SPAN })));
    let mut kept = ids(&collector, "");
    kept.sort_unstable();
    assert_eq!(kept, [14, 15, 16]);
}

#[test]
fn clearing_forgets_everything() {
    let collector = Running::start();
    collector.post_spans(&request("shop", [SPAN]));
    collector.post("/v1/logs", PROTOBUF, &logs_of(1, 2).encode_to_vec());
    let answer = collector.request("DELETE", "/api/traces", &[], b"");
    assert_eq!(answer.status, 204);
    assert!(ids(&collector, "").is_empty());
    assert_eq!(collector.get("/api/services").json(), json!({ "services": [] }));
    assert_eq!(collector.get("/api/logs").json(), json!({ "resourceLogs": [] }));
    collector.post_spans(&request("shop", [SPAN]));
    assert_eq!(ids(&collector, ""), [1]);
}

#[test]
fn logs_read_back_exactly_as_they_were_sent() {
    let collector = Running::start();
    let sent = logs_of(1, 3);
    collector.post("/v1/logs", PROTOBUF, &sent.encode_to_vec());
    collector.post("/v1/logs", PROTOBUF, &logs_of(2, 1).encode_to_vec());
    let answer = collector.get(&format!("/api/logs?traceId={}", trace_id(1)));
    let read = serde_json::from_slice::<ExportLogsServiceRequest>(&answer.body).unwrap();
    assert_eq!(read, sent);
    assert_eq!(
        collector.get(&format!("/api/logs?traceId={}", trace_id(9))).json(),
        json!({ "resourceLogs": [] })
    );

    // The newest of all, in the order of their arrival.
    let newest = collector.get("/api/logs?limit=2").json();
    let records = newest["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().unwrap();
    let times = records.iter().map(|record| record["timeUnixNano"].as_str().unwrap());
    assert_eq!(times.collect::<Vec<_>>(), ["3", "1"]);
    assert_eq!(records[1]["traceId"], trace_id(2));
}

#[test]
fn the_viewer_is_at_the_root() {
    let collector = Running::start();
    let answer = collector.get("/");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert!(String::from_utf8(answer.body).unwrap().contains("<html"));
    assert_eq!(collector.get("/index.html").status, 200);
    assert_eq!(collector.get("/package.json").status, 404);
    assert_eq!(collector.get("/../Cargo.toml").status, 404);
    assert_eq!(collector.get("/%2e%2e/Cargo.toml").status, 404);
}

#[test]
fn it_says_that_it_is_well() {
    assert_eq!(Running::start().get("/healthz").status, 200);
}

/// The traces in the list, by the number that the test gave them.
fn ids(collector: &Running, parameters: &str) -> Vec<u8> {
    let list = collector.get(&format!("/api/traces{parameters}")).json();
    let number = |trace: &Value| u8::from_str_radix(&trace["traceId"].as_str().unwrap()[..2], 16).unwrap();
    list["traces"].as_array().unwrap().iter().map(number).collect()
}

fn logs_of(trace: u8, count: u64) -> ExportLogsServiceRequest {
    let log_records = (1..=count).map(|time_unix_nano| LogRecord {
        time_unix_nano,
        observed_time_unix_nano: 9,
        severity_number: 9,
        severity_text: "INFO".into(),
        body: attribute("", Member::IntValue(i64::MIN)).value,
        attributes: vec![attribute("a", Member::BoolValue(true))],
        dropped_attributes_count: 1,
        flags: 1,
        trace_id: vec![trace; 16],
        span_id: vec![2; 8],
        event_name: "browser.web_vital".into(),
    });
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource::default()),
            scope_logs: vec![ScopeLogs {
                scope: None,
                log_records: log_records.collect(),
                schema_url: "https://scope".into(),
            }],
            schema_url: "https://resource".into(),
        }],
    }
}

/// Two resources, two scopes, and a span in which no field is at its default.
fn everything() -> ExportTraceServiceRequest {
    let mut sent = request("browser", [TestSpan { id: 5, ..SPAN }]);
    let resource = sent.resource_spans[0].resource.as_mut().unwrap();
    resource.dropped_attributes_count = 1;
    resource.entity_refs = vec![EntityRef {
        schema_url: "https://entity".into(),
        r#type: "service".into(),
        id_keys: vec!["service.name".into()],
        description_keys: vec!["service.version".into()],
    }];
    sent.resource_spans[0].schema_url = "https://resource".into();
    sent.resource_spans[0].scope_spans[0].schema_url = "https://scope".into();
    let list = ArrayValue {
        values: vec![
            attribute("", Member::DoubleValue(0.1)).value.unwrap(),
            attribute("", Member::StringValue(String::new())).value.unwrap(),
        ],
    };
    let map = KeyValueList { values: vec![attribute("inner", Member::BytesValue(vec![0, 255]))] };
    sent.resource_spans[0].scope_spans.push(ScopeSpans {
        scope: Some(InstrumentationScope {
            name: "other".into(),
            version: "1.2.3".into(),
            attributes: vec![attribute("s", Member::BoolValue(false))],
            dropped_attributes_count: 2,
        }),
        spans: vec![Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            trace_state: "vendor=1".into(),
            parent_span_id: vec![5; 8],
            flags: 0x101,
            name: "fetch \"Ω\"".into(),
            kind: 3,
            start_time_unix_nano: u64::MAX - 1,
            end_time_unix_nano: u64::MAX,
            attributes: vec![
                attribute("big", Member::IntValue(9_007_199_254_740_993)),
                attribute("list", Member::ArrayValue(list)),
                attribute("map", Member::KvlistValue(map)),
            ],
            dropped_attributes_count: 3,
            events: vec![Event {
                time_unix_nano: 7,
                name: "exception".into(),
                attributes: vec![attribute("zero", Member::IntValue(0))],
                dropped_attributes_count: 4,
            }],
            dropped_events_count: 5,
            links: vec![Link {
                trace_id: vec![3; 16],
                span_id: vec![4; 8],
                trace_state: "other=2".into(),
                attributes: vec![attribute("l", Member::StringValue("x".into()))],
                dropped_attributes_count: 6,
                flags: 0x300,
            }],
            dropped_links_count: 7,
            status: Some(Status { code: 2, message: "failed".into() }),
        }],
        schema_url: String::new(),
    });
    let mut bare = request("", [TestSpan { id: 6, ..SPAN }]);
    bare.resource_spans[0].resource = None;
    bare.resource_spans[0].scope_spans[0].scope = None;
    sent.resource_spans.append(&mut bare.resource_spans);
    sent
}
