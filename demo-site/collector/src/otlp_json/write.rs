//! Messages to JSON. Fields at their default are left out, as protobuf's JSON does, except for those
//! that every reader looks for (ids, names, times, kind).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, EntityRef, InstrumentationScope, KeyValue, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status,
    span::{Event, Link},
};
use serde_json::{Map, Value, json};

use crate::ids::encode_hex;

/// Writes `TracesData`: `{"resourceSpans":[…]}`.
pub(crate) fn traces_data(groups: &[ResourceSpans]) -> Value {
    json!({ "resourceSpans": list(groups, resource_spans) })
}

/// Writes `LogsData`: `{"resourceLogs":[…]}`.
pub(crate) fn logs_data(groups: &[ResourceLogs]) -> Value {
    json!({ "resourceLogs": list(groups, resource_logs) })
}

fn resource_spans(message: &ResourceSpans) -> Value {
    Object::default()
        .message("resource", message.resource.as_ref(), resource)
        .with("scopeSpans", list(&message.scope_spans, scope_spans))
        .string("schemaUrl", &message.schema_url)
        .finish()
}

fn scope_spans(message: &ScopeSpans) -> Value {
    Object::default()
        .message("scope", message.scope.as_ref(), scope)
        .with("spans", list(&message.spans, span))
        .string("schemaUrl", &message.schema_url)
        .finish()
}

fn span(message: &Span) -> Value {
    Object::default()
        .with("traceId", encode_hex(&message.trace_id))
        .with("spanId", encode_hex(&message.span_id))
        .string("traceState", &message.trace_state)
        .string("parentSpanId", &encode_hex(&message.parent_span_id))
        .number("flags", message.flags)
        .with("name", message.name.as_str())
        .with("kind", message.kind)
        .with("startTimeUnixNano", message.start_time_unix_nano.to_string())
        .with("endTimeUnixNano", message.end_time_unix_nano.to_string())
        .list("attributes", &message.attributes, key_value)
        .number("droppedAttributesCount", message.dropped_attributes_count)
        .list("events", &message.events, event)
        .number("droppedEventsCount", message.dropped_events_count)
        .list("links", &message.links, link)
        .number("droppedLinksCount", message.dropped_links_count)
        .message("status", message.status.as_ref(), status)
        .finish()
}

fn event(message: &Event) -> Value {
    Object::default()
        .with("timeUnixNano", message.time_unix_nano.to_string())
        .with("name", message.name.as_str())
        .list("attributes", &message.attributes, key_value)
        .number("droppedAttributesCount", message.dropped_attributes_count)
        .finish()
}

fn link(message: &Link) -> Value {
    Object::default()
        .with("traceId", encode_hex(&message.trace_id))
        .with("spanId", encode_hex(&message.span_id))
        .string("traceState", &message.trace_state)
        .list("attributes", &message.attributes, key_value)
        .number("droppedAttributesCount", message.dropped_attributes_count)
        .number("flags", message.flags)
        .finish()
}

fn status(message: &Status) -> Value {
    Object::default().string("message", &message.message).signed("code", message.code).finish()
}

fn resource_logs(message: &ResourceLogs) -> Value {
    Object::default()
        .message("resource", message.resource.as_ref(), resource)
        .with("scopeLogs", list(&message.scope_logs, scope_logs))
        .string("schemaUrl", &message.schema_url)
        .finish()
}

fn scope_logs(message: &ScopeLogs) -> Value {
    Object::default()
        .message("scope", message.scope.as_ref(), scope)
        .with("logRecords", list(&message.log_records, log_record))
        .string("schemaUrl", &message.schema_url)
        .finish()
}

fn log_record(message: &LogRecord) -> Value {
    Object::default()
        .with("timeUnixNano", message.time_unix_nano.to_string())
        .with("observedTimeUnixNano", message.observed_time_unix_nano.to_string())
        .signed("severityNumber", message.severity_number)
        .string("severityText", &message.severity_text)
        .message("body", message.body.as_ref(), any_value)
        .list("attributes", &message.attributes, key_value)
        .number("droppedAttributesCount", message.dropped_attributes_count)
        .number("flags", message.flags)
        .string("traceId", &encode_hex(&message.trace_id))
        .string("spanId", &encode_hex(&message.span_id))
        .string("eventName", &message.event_name)
        .finish()
}

fn resource(message: &Resource) -> Value {
    Object::default()
        .list("attributes", &message.attributes, key_value)
        .number("droppedAttributesCount", message.dropped_attributes_count)
        .list("entityRefs", &message.entity_refs, entity_ref)
        .finish()
}

fn entity_ref(message: &EntityRef) -> Value {
    Object::default()
        .string("schemaUrl", &message.schema_url)
        .string("type", &message.r#type)
        .with("idKeys", message.id_keys.clone())
        .with("descriptionKeys", message.description_keys.clone())
        .finish()
}

fn scope(message: &InstrumentationScope) -> Value {
    Object::default()
        .string("name", &message.name)
        .string("version", &message.version)
        .list("attributes", &message.attributes, key_value)
        .number("droppedAttributesCount", message.dropped_attributes_count)
        .finish()
}

fn key_value(message: &KeyValue) -> Value {
    Object::default()
        .with("key", message.key.as_str())
        .message("value", message.value.as_ref(), any_value)
        .signed("keyStrindex", message.key_strindex)
        .finish()
}

/// A oneof writes its member even at the default: `""` and `0` are values, only `{}` is none.
fn any_value(message: &AnyValue) -> Value {
    use any_value::Value as Member;

    match &message.value {
        None => json!({}),
        Some(Member::StringValue(text)) => json!({ "stringValue": text }),
        Some(Member::BoolValue(value)) => json!({ "boolValue": value }),
        Some(Member::IntValue(number)) => json!({ "intValue": number.to_string() }),
        Some(Member::DoubleValue(number)) => json!({ "doubleValue": double(*number) }),
        Some(Member::ArrayValue(array)) => {
            json!({ "arrayValue": { "values": list(&array.values, any_value) } })
        }
        Some(Member::KvlistValue(map)) => {
            json!({ "kvlistValue": { "values": list(&map.values, key_value) } })
        }
        Some(Member::BytesValue(bytes)) => json!({ "bytesValue": STANDARD.encode(bytes) }),
        Some(Member::StringValueStrindex(index)) => json!({ "stringValueStrindex": index }),
    }
}

fn double(number: f64) -> Value {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.into()
    } else {
        number.into()
    }
}

fn list<T>(messages: &[T], write: fn(&T) -> Value) -> Value {
    messages.iter().map(write).collect()
}

#[derive(Default)]
struct Object(Map<String, Value>);

impl Object {
    /// Writes a field whatever its value.
    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.into(), value.into());
        self
    }

    fn string(self, field: &str, text: &str) -> Self {
        if text.is_empty() {
            return self;
        }
        self.with(field, text)
    }

    fn number(self, field: &str, number: u32) -> Self {
        if number == 0 {
            return self;
        }
        self.with(field, number)
    }

    fn signed(self, field: &str, number: i32) -> Self {
        if number == 0 {
            return self;
        }
        self.with(field, number)
    }

    fn list<T>(self, field: &str, messages: &[T], write: fn(&T) -> Value) -> Self {
        if messages.is_empty() {
            return self;
        }
        self.with(field, list(messages, write))
    }

    fn message<T>(self, field: &str, message: Option<&T>, write: fn(&T) -> Value) -> Self {
        match message {
            Some(message) => self.with(field, write(message)),
            None => self,
        }
    }

    fn finish(self) -> Value {
        Value::Object(self.0)
    }
}
