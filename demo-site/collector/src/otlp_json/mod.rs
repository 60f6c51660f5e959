//! OTLP's JSON mapping, read and written.
//!
//! opentelemetry-proto brings a serde mapping, but it refuses what the specification allows (unknown
//! fields inside an `AnyValue`, `"NaN"`, `null` for absent) and writes `null` for non-finite doubles.
//! Here a reader is lenient where protobuf's JSON is, and the writer emits the strict form only:
//! hexadecimal ids, 64-bit numbers as strings, enums as integers, lowerCamelCase, no `null`.

mod read;
mod write;

pub(crate) use read::{JsonError, logs_request, trace_request};
pub(crate) use write::{logs_data, traces_data};

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::any_value::Value::{
        ArrayValue, BoolValue, BytesValue, DoubleValue, IntValue, KvlistValue, StringValue,
    };
    use opentelemetry_proto::tonic::common::v1::{self as common, AnyValue, EntityRef, KeyValue};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    };
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_specification_s_examples_survive_and_agree_with_another_decoder() {
        let text = include_str!("../../tests/data/otlp-example-trace.json");
        let ours = trace_request(text.as_bytes()).unwrap();
        let theirs = serde_json::from_str::<ExportTraceServiceRequest>(text).unwrap();
        assert_eq!(ours, theirs.resource_spans);
        let written = traces_data(&ours);
        assert_eq!(lower_ids(written), lower_ids(serde_json::from_str(text).unwrap()));

        let text = include_str!("../../tests/data/otlp-example-logs.json");
        let ours = logs_request(text.as_bytes()).unwrap();
        let theirs = serde_json::from_str::<ExportLogsServiceRequest>(text).unwrap();
        assert_eq!(ours, theirs.resource_logs);
        let written = logs_data(&ours);
        assert_eq!(lower_ids(written), lower_ids(serde_json::from_str(text).unwrap()));
    }

    #[test]
    fn every_field_survives_the_round_trip() {
        let sent = vec![full()];
        let written = traces_data(&sent);
        let text = written.to_string();
        assert_eq!(trace_request(text.as_bytes()).unwrap(), sent);
        let theirs = serde_json::from_str::<ExportTraceServiceRequest>(&text).unwrap();
        assert_eq!(theirs.resource_spans, sent);
        assert!(!text.contains("null"), "{text}");
    }

    #[test]
    fn the_written_form_is_the_specification_s() {
        let written = traces_data(&[full()]);
        let span = &written["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        assert_eq!(span["traceId"], "01010101010101010101010101010101");
        assert_eq!(span["startTimeUnixNano"], "18446744073709551615");
        assert_eq!(span["kind"], 3);
        assert_eq!(span["flags"], 0x301);
        assert_eq!(span["status"], json!({ "code": 2, "message": "no" }));
        assert_eq!(span["attributes"][0]["value"], json!({ "intValue": "9007199254740993" }));
        assert_eq!(span["attributes"][1]["value"], json!({ "bytesValue": "/wA=" }));
        assert_eq!(span["attributes"][4]["value"], json!({}));
        assert_eq!(span["attributes"][5]["value"], json!({ "stringValue": "" }));
    }

    #[test]
    fn non_finite_doubles_are_strings() {
        for (number, text) in
            [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")]
        {
            let mut sent = full();
            sent.scope_spans[0].spans[0].attributes = vec![attribute("n", DoubleValue(number))];
            let written = traces_data(&[sent]);
            let value = &written["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0]["value"];
            assert_eq!(value, &json!({ "doubleValue": text }));

            let read = trace_request(written.to_string().as_bytes()).unwrap();
            match read[0].scope_spans[0].spans[0].attributes[0].value {
                Some(AnyValue { value: Some(DoubleValue(back)) }) => {
                    assert_eq!(back.to_bits(), number.to_bits())
                }
                ref other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_protobuf_s_json_allows_is_read() {
        let request = json!({ "unknown": [1], "resourceSpans": [{
            "resource": null,
            "scopeSpans": [{ "spans": [{
                "traceId": "0102030405060708090A0B0C0D0E0F10",
                "startTimeUnixNano": 1_544_712_660_000_000_000u64,
                "endTimeUnixNano": 1.5e18,
                "kind": "2",
                "events": null,
                "attributes": [
                    { "key": "a", "value": { "later": {}, "intValue": -7 } },
                    { "key": "b", "value": { "bytesValue": "_wA" } },
                    { "key": "c", "value": { "doubleValue": "1.5" } },
                ],
            }] }],
        }] });
        let read = trace_request(request.to_string().as_bytes()).unwrap();
        let span = &read[0].scope_spans[0].spans[0];
        assert_eq!(read[0].resource, None);
        assert_eq!(span.trace_id[15], 0x10);
        assert_eq!(span.start_time_unix_nano, 1_544_712_660_000_000_000);
        assert_eq!(span.end_time_unix_nano, 1_500_000_000_000_000_000);
        assert_eq!(span.kind, 2);
        assert_eq!(span.attributes[0], attribute("a", IntValue(-7)));
        assert_eq!(span.attributes[1], attribute("b", BytesValue(vec![255, 0])));
        assert_eq!(span.attributes[2], attribute("c", DoubleValue(1.5)));
    }

    #[test]
    fn the_wrong_type_names_its_field() {
        for (request, field) in [
            (json!([]), "request"),
            (json!({ "resourceSpans": 1 }), "resourceSpans"),
            (json!({ "resourceSpans": [{ "schemaUrl": 1 }] }), "schemaUrl"),
            (span_json(json!({ "kind": "SPAN_KIND_SERVER" })), "kind"),
            (span_json(json!({ "startTimeUnixNano": "-1" })), "startTimeUnixNano"),
            (span_json(json!({ "endTimeUnixNano": 1.5 })), "endTimeUnixNano"),
            (span_json(json!({ "flags": 4_294_967_296u64 })), "flags"),
        ] {
            let error = trace_request(request.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().contains(field), "{error}");
        }
        assert!(trace_request(b"{\"resourceSpans\":[").is_err());
    }

    fn span_json(span: Value) -> Value {
        json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] })
    }

    fn lower_ids(mut value: Value) -> Value {
        match &mut value {
            Value::Object(object) => {
                for (key, value) in object {
                    let moved = value.take();
                    *value = match moved {
                        Value::String(id) if key.ends_with("Id") => id.to_lowercase().into(),
                        other => lower_ids(other),
                    };
                }
            }
            Value::Array(values) => {
                for value in values {
                    *value = lower_ids(value.take());
                }
            }
            _ => {}
        }
        value
    }

    fn attribute(key: &str, value: common::any_value::Value) -> KeyValue {
        KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
    }

    fn full() -> ResourceSpans {
        let list = vec![AnyValue { value: Some(BoolValue(false)) }];
        let map = vec![attribute("inner", DoubleValue(-0.25))];
        ResourceSpans {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", StringValue("shop".into()))],
                dropped_attributes_count: 1,
                entity_refs: vec![EntityRef {
                    schema_url: "https://entity".into(),
                    r#type: "service".into(),
                    id_keys: vec!["service.name".into()],
                    description_keys: vec!["service.version".into()],
                }],
            }),
            schema_url: "https://resource".into(),
            scope_spans: vec![ScopeSpans {
                scope: Some(common::InstrumentationScope {
                    name: "lib".into(),
                    version: "1".into(),
                    attributes: vec![attribute("s", BoolValue(true))],
                    dropped_attributes_count: 2,
                }),
                schema_url: "https://scope".into(),
                spans: vec![Span {
                    trace_id: vec![1; 16],
                    span_id: vec![2; 8],
                    trace_state: "a=b".into(),
                    parent_span_id: vec![3; 8],
                    flags: 0x301,
                    name: "GET /".into(),
                    kind: 3,
                    start_time_unix_nano: u64::MAX,
                    end_time_unix_nano: 7,
                    attributes: vec![
                        attribute("big", IntValue(9_007_199_254_740_993)),
                        attribute("bytes", BytesValue(vec![255, 0])),
                        attribute("list", ArrayValue(common::ArrayValue { values: list })),
                        attribute("map", KvlistValue(common::KeyValueList { values: map })),
                        KeyValue {
                            key: "absent".into(),
                            value: Some(AnyValue { value: None }),
                            ..Default::default()
                        },
                        attribute("empty", StringValue(String::new())),
                    ],
                    dropped_attributes_count: 3,
                    events: vec![Event {
                        time_unix_nano: 5,
                        name: "e".into(),
                        attributes: vec![attribute("zero", IntValue(0))],
                        dropped_attributes_count: 4,
                    }],
                    dropped_events_count: 5,
                    links: vec![Link {
                        trace_id: vec![4; 16],
                        span_id: vec![5; 8],
                        trace_state: "c=d".into(),
                        attributes: vec![attribute("l", BoolValue(false))],
                        dropped_attributes_count: 6,
                        flags: 0x101,
                    }],
                    dropped_links_count: 7,
                    status: Some(Status { message: "no".into(), code: 2 }),
                }],
            }],
        }
    }
}
