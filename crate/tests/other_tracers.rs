//! Trace headers as dd-trace and OpenTelemetry write them (`data/other-tracers.json`): our parsers read from
//! them what those tracers meant. That the file is what they write, `tests/e2e/other-tracers.spec.ts` proves.

use headwater::context::{
    B3, B3Headers, Baggage, DatadogHeaders, RemoteContext, SpanId, TraceId, TraceParent, TraceState, datadog,
};
use headwater::sampling::Priority;
use serde_json::Value;

#[test]
fn traceparent_and_tracestate_are_read() {
    let rows = rows("tracecontext");
    assert_eq!(rows.len(), 30);
    for row in rows {
        let traceparent = TraceParent::parse(row.header("traceparent").as_bytes()).expect(&row.name);
        let tracestate = TraceState::parse(row.header("tracestate")).expect(&row.name);
        let sampled = traceparent.flags.sampled();
        let decided = datadog::priority(tracestate.value(datadog::KEY));
        // OpenTelemetry has the flag alone.
        assert_eq!(decided.is_some(), row.name.starts_with("dd-trace"), "{}", row.name);
        let priority = decided.unwrap_or(Priority::automatic(sampled)).under_flag(sampled);
        assert!(decided.is_none_or(|decided| decided == priority), "{}: the two agree", row.name);
        let TraceParent { trace_id, span_id, .. } = traceparent;
        row.check(RemoteContext { trace_id, span_id, priority: Some(priority) });
        let members = row.expected["members"].as_object().unwrap();
        assert_eq!(members.len(), 2);
        for (key, value) in members {
            assert_eq!(tracestate.value(key), value, "{}", row.name);
        }
    }
}

#[test]
fn datadog_headers_are_read() {
    let rows = rows("datadog");
    assert_eq!(rows.len(), 24);
    for row in rows {
        let headers = DatadogHeaders {
            trace_id: row.header("x-datadog-trace-id"),
            parent_id: row.header("x-datadog-parent-id"),
            sampling_priority: row.header("x-datadog-sampling-priority"),
            tags: row.header("x-datadog-tags"),
        };
        row.check(headers.parse().expect(&row.name));
    }
}

#[test]
fn b3_is_read_in_either_form() {
    for format in ["b3", "b3multi"] {
        let rows = rows(format);
        assert_eq!(rows.len(), 30);
        for row in rows {
            let several = B3Headers {
                trace_id: row.header("x-b3-traceid"),
                span_id: row.header("x-b3-spanid"),
                sampled: row.header("x-b3-sampled"),
                flags: row.header("x-b3-flags"),
            };
            match B3::parse(row.header("b3"), &several) {
                Some(B3::Context(context)) => row.check(context),
                other => panic!("{}: {other:?}", row.name),
            }
        }
    }
}

#[test]
fn baggage_is_read() {
    let rows = rows("baggage");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let baggage = Baggage::parse(row.header("baggage"));
        let values = row.expected["values"].as_object().unwrap();
        assert_eq!(values.len(), 2);
        for (key, value) in values {
            assert_eq!(baggage.value(key).as_deref(), value.as_str(), "{}: {key}", row.name);
        }
        // Passed on as it came.
        let mut sent = Vec::new();
        baggage.write(&mut sent);
        assert_eq!(String::from_utf8(sent).unwrap(), row.header("baggage"), "{}", row.name);
    }
}

#[test]
fn no_row_is_left_out() {
    let formats = ["tracecontext", "datadog", "b3", "b3multi", "baggage"];
    let checked: usize = formats.iter().map(|format| rows(format).len()).sum();
    assert_eq!(checked, all().len());
}

/// What one of them has written, and what it meant by that.
struct Row {
    name: String,
    headers: Value,
    expected: Value,
}

impl Row {
    /// The value of a header, empty if it was not written.
    fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().unwrap_or_default()
    }

    fn check(&self, context: RemoteContext) {
        let id = |name: &str| self.expected[name].as_str().unwrap().as_bytes();
        let priority = self.expected["priority"].as_i64().unwrap();
        let expected = RemoteContext {
            trace_id: TraceId::parse(id("traceId")).unwrap(),
            span_id: SpanId::parse(id("spanId")).unwrap(),
            priority: Priority::parse(&priority.to_string()),
        };
        assert!(expected.priority.is_some());
        assert_eq!(context, expected, "{}", self.name);
    }
}

/// Those of one format.
fn rows(format: &str) -> Vec<Row> {
    all()
        .into_iter()
        .filter(|row| row["format"] == format)
        .map(|mut row| Row {
            name: row["name"].as_str().unwrap().into(),
            headers: row["headers"].take(),
            expected: row["expected"].take(),
        })
        .collect()
}

fn all() -> Vec<Value> {
    serde_json::from_str(include_str!("data/other-tracers.json")).unwrap()
}
