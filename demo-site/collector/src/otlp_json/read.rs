//! JSON to messages. Every field takes itself out of its object, so what remains is unknown and ignored.

use std::str::FromStr;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status,
    span::{Event, Link},
};
use serde_json::{Map, Value};

use crate::ids::decode_hex;

/// Reads an `ExportTraceServiceRequest` (or `TracesData`, the same on the wire).
pub(crate) fn trace_request(json: &[u8]) -> Result<Vec<ResourceSpans>, JsonError> {
    Fields::of_document(json)?.list("resourceSpans", resource_spans)
}

/// Reads an `ExportLogsServiceRequest` (or `LogsData`).
pub(crate) fn logs_request(json: &[u8]) -> Result<Vec<ResourceLogs>, JsonError> {
    Fields::of_document(json)?.list("resourceLogs", resource_logs)
}

/// Why a text is not the message it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("invalid JSON: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("invalid OTLP/JSON: {field} is not {expected}")]
    Type { field: &'static str, expected: &'static str },
}

fn resource_spans(mut o: Fields) -> Result<ResourceSpans, JsonError> {
    Ok(ResourceSpans {
        resource: o.message("resource", resource)?,
        scope_spans: o.list("scopeSpans", scope_spans)?,
        schema_url: o.string("schemaUrl")?,
    })
}

fn scope_spans(mut o: Fields) -> Result<ScopeSpans, JsonError> {
    Ok(ScopeSpans {
        scope: o.message("scope", scope)?,
        spans: o.list("spans", span)?,
        schema_url: o.string("schemaUrl")?,
    })
}

fn span(mut o: Fields) -> Result<Span, JsonError> {
    Ok(Span {
        trace_id: o.id("traceId")?,
        span_id: o.id("spanId")?,
        trace_state: o.string("traceState")?,
        parent_span_id: o.id("parentSpanId")?,
        flags: o.number("flags")?,
        name: o.string("name")?,
        kind: o.number("kind")?,
        start_time_unix_nano: o.number("startTimeUnixNano")?,
        end_time_unix_nano: o.number("endTimeUnixNano")?,
        attributes: o.list("attributes", key_value)?,
        dropped_attributes_count: o.number("droppedAttributesCount")?,
        events: o.list("events", event)?,
        dropped_events_count: o.number("droppedEventsCount")?,
        links: o.list("links", link)?,
        dropped_links_count: o.number("droppedLinksCount")?,
        status: o.message("status", status)?,
    })
}

fn event(mut o: Fields) -> Result<Event, JsonError> {
    Ok(Event {
        time_unix_nano: o.number("timeUnixNano")?,
        name: o.string("name")?,
        attributes: o.list("attributes", key_value)?,
        dropped_attributes_count: o.number("droppedAttributesCount")?,
    })
}

fn link(mut o: Fields) -> Result<Link, JsonError> {
    Ok(Link {
        trace_id: o.id("traceId")?,
        span_id: o.id("spanId")?,
        trace_state: o.string("traceState")?,
        attributes: o.list("attributes", key_value)?,
        dropped_attributes_count: o.number("droppedAttributesCount")?,
        flags: o.number("flags")?,
    })
}

fn status(mut o: Fields) -> Result<Status, JsonError> {
    Ok(Status { message: o.string("message")?, code: o.number("code")? })
}

fn resource_logs(mut o: Fields) -> Result<ResourceLogs, JsonError> {
    Ok(ResourceLogs {
        resource: o.message("resource", resource)?,
        scope_logs: o.list("scopeLogs", scope_logs)?,
        schema_url: o.string("schemaUrl")?,
    })
}

fn scope_logs(mut o: Fields) -> Result<ScopeLogs, JsonError> {
    Ok(ScopeLogs {
        scope: o.message("scope", scope)?,
        log_records: o.list("logRecords", log_record)?,
        schema_url: o.string("schemaUrl")?,
    })
}

fn log_record(mut o: Fields) -> Result<LogRecord, JsonError> {
    Ok(LogRecord {
        time_unix_nano: o.number("timeUnixNano")?,
        observed_time_unix_nano: o.number("observedTimeUnixNano")?,
        severity_number: o.number("severityNumber")?,
        severity_text: o.string("severityText")?,
        body: o.message("body", any_value)?,
        attributes: o.list("attributes", key_value)?,
        dropped_attributes_count: o.number("droppedAttributesCount")?,
        flags: o.number("flags")?,
        trace_id: o.id("traceId")?,
        span_id: o.id("spanId")?,
        event_name: o.string("eventName")?,
    })
}

fn resource(mut o: Fields) -> Result<Resource, JsonError> {
    Ok(Resource {
        attributes: o.list("attributes", key_value)?,
        dropped_attributes_count: o.number("droppedAttributesCount")?,
        entity_refs: o.list("entityRefs", entity_ref)?,
    })
}

fn entity_ref(mut o: Fields) -> Result<EntityRef, JsonError> {
    Ok(EntityRef {
        schema_url: o.string("schemaUrl")?,
        r#type: o.string("type")?,
        id_keys: o.strings("idKeys")?,
        description_keys: o.strings("descriptionKeys")?,
    })
}

fn scope(mut o: Fields) -> Result<InstrumentationScope, JsonError> {
    Ok(InstrumentationScope {
        name: o.string("name")?,
        version: o.string("version")?,
        attributes: o.list("attributes", key_value)?,
        dropped_attributes_count: o.number("droppedAttributesCount")?,
    })
}

fn key_value(mut o: Fields) -> Result<KeyValue, JsonError> {
    Ok(KeyValue {
        key: o.string("key")?,
        value: o.message("value", any_value)?,
        key_strindex: o.number("keyStrindex")?,
    })
}

/// A oneof: the first member that is present wins, and `{}` is the empty value.
fn any_value(mut o: Fields) -> Result<AnyValue, JsonError> {
    use any_value::Value as Member;

    let value = if o.has("stringValue") {
        Some(Member::StringValue(o.string("stringValue")?))
    } else if o.has("boolValue") {
        Some(Member::BoolValue(o.boolean("boolValue")?))
    } else if o.has("intValue") {
        Some(Member::IntValue(o.number("intValue")?))
    } else if o.has("doubleValue") {
        Some(Member::DoubleValue(o.double("doubleValue")?))
    } else if o.has("arrayValue") {
        o.message("arrayValue", |mut o| {
            Ok(Member::ArrayValue(ArrayValue { values: o.list("values", any_value)? }))
        })?
    } else if o.has("kvlistValue") {
        o.message("kvlistValue", |mut o| {
            Ok(Member::KvlistValue(KeyValueList { values: o.list("values", key_value)? }))
        })?
    } else if o.has("bytesValue") {
        Some(Member::BytesValue(o.base64("bytesValue")?))
    } else if o.has("stringValueStrindex") {
        Some(Member::StringValueStrindex(o.number("stringValueStrindex")?))
    } else {
        None
    };
    Ok(AnyValue { value })
}

/// An object whose fields have not been read yet. Absent and `null` are the default, as in protobuf.
struct Fields(Map<String, Value>);

impl Fields {
    fn of_document(json: &[u8]) -> Result<Self, JsonError> {
        Self::of("request", serde_json::from_slice(json)?)
    }

    fn of(field: &'static str, value: Value) -> Result<Self, JsonError> {
        match value {
            Value::Object(object) => Ok(Self(object)),
            _ => Err(mismatch(field, "an object")),
        }
    }

    fn message<T>(
        &mut self,
        field: &'static str,
        read: fn(Fields) -> Result<T, JsonError>,
    ) -> Result<Option<T>, JsonError> {
        self.take(field).map(|value| read(Self::of(field, value)?)).transpose()
    }

    fn list<T>(
        &mut self,
        field: &'static str,
        read: fn(Fields) -> Result<T, JsonError>,
    ) -> Result<Vec<T>, JsonError> {
        self.values(field)?.into_iter().map(|value| read(Self::of(field, value)?)).collect()
    }

    fn strings(&mut self, field: &'static str) -> Result<Vec<String>, JsonError> {
        self.values(field)?
            .into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text),
                _ => Err(mismatch(field, "a list of strings")),
            })
            .collect()
    }

    fn values(&mut self, field: &'static str) -> Result<Vec<Value>, JsonError> {
        match self.take(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(mismatch(field, "a list")),
        }
    }

    fn string(&mut self, field: &'static str) -> Result<String, JsonError> {
        match self.take(field) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(mismatch(field, "a string")),
        }
    }

    /// An id that is not hexadecimal becomes one byte, a length that no id has: so its span alone is
    /// rejected, as with any other invalid id, and not the whole request.
    fn id(&mut self, field: &'static str) -> Result<Vec<u8>, JsonError> {
        let text = self.string(field)?;
        Ok(decode_hex(&text).unwrap_or_else(|| vec![0]))
    }

    fn base64(&mut self, field: &'static str) -> Result<Vec<u8>, JsonError> {
        let text = self.string(field)?.replace('-', "+").replace('_', "/");
        BASE64.decode(text).map_err(|_| mismatch(field, "base64"))
    }

    fn boolean(&mut self, field: &'static str) -> Result<bool, JsonError> {
        match self.take(field) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(value),
            Some(_) => Err(mismatch(field, "a boolean")),
        }
    }

    /// Integers come as numbers, as decimal strings, or (from JavaScript) in exponent form.
    fn number<T>(&mut self, field: &'static str) -> Result<T, JsonError>
    where
        T: Default + FromStr + TryFrom<i128>,
    {
        let parsed = match self.take(field) {
            None => return Ok(T::default()),
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => {
                let whole = number.as_i128().or_else(|| {
                    let float = number.as_f64()?;
                    (float.fract() == 0.0).then_some(float as i128)
                });
                whole.and_then(|whole| T::try_from(whole).ok())
            }
            Some(_) => None,
        };
        parsed.ok_or_else(|| mismatch(field, "an integer in range"))
    }

    fn double(&mut self, field: &'static str) -> Result<f64, JsonError> {
        let parsed = match self.take(field) {
            None => Some(0.0),
            // Rust's own parser knows "NaN", "Infinity" and "-Infinity".
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_f64(),
            Some(_) => None,
        };
        parsed.ok_or_else(|| mismatch(field, "a number"))
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.0.remove(field).filter(|value| !value.is_null())
    }

    fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|value| !value.is_null())
    }
}

fn mismatch(field: &'static str, expected: &'static str) -> JsonError {
    JsonError::Type { field, expected }
}

/// Protobuf's JSON takes either alphabet, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
