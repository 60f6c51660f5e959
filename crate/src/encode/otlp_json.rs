//! OTLP as JSON, made of the protobuf: one table for the names, one function for all messages.
//!
//! Source: OTLP specification, *JSON Protobuf Encoding*: ids in hex, enums as integers, 64-bit integers as decimal
//! strings, names in lowerCamelCase.

use crate::wire::json::{separate, write_name, write_text};
use crate::wire::reader::{Fields, Value};
use crate::wire::{hex, text};

/// Writes a protobuf message as JSON. `format` writes a number as JavaScript does.
pub fn transcode(
    message: &[u8],
    table: &'static [Field],
    format: &dyn Fn(f64, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    out.push(b'{');
    let mut fields = Fields(message).peekable();
    while let Some((number, value)) = fields.next() {
        let Some(field) = table.iter().find(|field| field.number == number) else {
            continue;
        };
        write_name(field.name, out);
        if !field.repeated {
            write_value(&field.kind, value, format, out);
            continue;
        }
        // The items of a list stand one behind the other.
        out.push(b'[');
        write_value(&field.kind, value, format, out);
        while let Some((_, value)) = fields.next_if(|next| next.0 == number) {
            separate(out);
            write_value(&field.kind, value, format, out);
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn write_value(kind: &Kind, value: Value, format: &dyn Fn(f64, &mut Vec<u8>), out: &mut Vec<u8>) {
    let number = value.number();
    match kind {
        Kind::Text => write_text(value.text(), out),
        Kind::Id => {
            out.push(b'"');
            hex::write(value.bytes(), out);
            out.push(b'"');
        }
        Kind::Small => text::write_integer(number, out),
        Kind::Time => {
            out.push(b'"');
            text::write_integer(number, out);
            out.push(b'"');
        }
        Kind::Integer => {
            out.push(b'"');
            if number.cast_signed() < 0 {
                out.push(b'-');
            }
            text::write_integer(number.cast_signed().unsigned_abs(), out);
            out.push(b'"');
        }
        Kind::Double => {
            let number = f64::from_bits(number);
            if number.is_finite() {
                format(number, out);
            } else {
                out.push(b'"');
                format(number, out);
                out.push(b'"');
            }
        }
        Kind::Flag => out.extend_from_slice(if number == 0 { b"false" } else { b"true" }),
        Kind::Message(table) => transcode(value.bytes(), table, format, out),
    }
}

/// A field of a message.
pub struct Field {
    number: u32,
    name: &'static str,
    kind: Kind,
    repeated: bool,
}

/// How a field looks in JSON.
enum Kind {
    Text,
    /// Bytes that are an id: hex.
    Id,
    /// An integer that fits into a double: a number.
    Small,
    /// A `fixed64`, in decimal.
    Time,
    /// An `int64`, in decimal.
    Integer,
    Double,
    Flag,
    Message(&'static [Field]),
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

const fn many(number: u32, name: &'static str, table: &'static [Field]) -> Field {
    Field { number, name, kind: Kind::Message(table), repeated: true }
}

/// `ExportTraceServiceRequest`.
pub static TRACES: &[Field] = &[many(
    1,
    "resourceSpans",
    &[RESOURCE, many(2, "scopeSpans", &[SCOPE, many(2, "spans", SPAN), SCHEMA_URL])],
)];

/// `ExportLogsServiceRequest`.
pub static LOGS: &[Field] = &[many(
    1,
    "resourceLogs",
    &[RESOURCE, many(2, "scopeLogs", &[SCOPE, many(2, "logRecords", LOG_RECORD), SCHEMA_URL])],
)];

const RESOURCE: Field = one(1, "resource", Kind::Message(&RESOURCE_FIELDS));
const SCOPE: Field = one(1, "scope", Kind::Message(&SCOPE_FIELDS));
const SCHEMA_URL: Field = one(3, "schemaUrl", Kind::Text);

/// `LogRecord`.
pub static LOG_RECORD: &[Field] = &[
    one(1, "timeUnixNano", Kind::Time),
    one(2, "severityNumber", Kind::Small),
    many(6, "attributes", &KEY_VALUE),
    one(8, "flags", Kind::Small),
    one(9, "traceId", Kind::Id),
    one(10, "spanId", Kind::Id),
    one(11, "observedTimeUnixNano", Kind::Time),
    one(12, "eventName", Kind::Text),
];

/// `Span`.
pub static SPAN: &[Field] = &[
    one(1, "traceId", Kind::Id),
    one(2, "spanId", Kind::Id),
    one(3, "traceState", Kind::Text),
    one(4, "parentSpanId", Kind::Id),
    one(5, "name", Kind::Text),
    one(6, "kind", Kind::Small),
    one(7, "startTimeUnixNano", Kind::Time),
    one(8, "endTimeUnixNano", Kind::Time),
    many(9, "attributes", &KEY_VALUE),
    many(
        13,
        "links",
        &[
            one(1, "traceId", Kind::Id),
            one(2, "spanId", Kind::Id),
            many(4, "attributes", &KEY_VALUE),
            one(6, "flags", Kind::Small),
        ],
    ),
    one(15, "status", Kind::Message(&[one(2, "message", Kind::Text), one(3, "code", Kind::Small)])),
    one(16, "flags", Kind::Small),
];

static RESOURCE_FIELDS: [Field; 1] = [many(1, "attributes", &KEY_VALUE)];
static SCOPE_FIELDS: [Field; 2] = [one(1, "name", Kind::Text), one(2, "version", Kind::Text)];
static KEY_VALUE: [Field; 2] = [one(1, "key", Kind::Text), one(2, "value", Kind::Message(&ANY_VALUE))];

// Not a constant, as it holds itself.
static ANY_VALUE: [Field; 5] = [
    one(1, "stringValue", Kind::Text),
    one(2, "boolValue", Kind::Flag),
    one(3, "intValue", Kind::Integer),
    one(4, "doubleValue", Kind::Double),
    one(5, "arrayValue", Kind::Message(&[many(1, "values", &ANY_VALUE)])),
];
