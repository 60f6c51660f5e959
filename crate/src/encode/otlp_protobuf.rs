//! OTLP traces as protobuf: `opentelemetry/proto/trace/v1/trace.proto` and its relatives.
//!
//! Each function writes one message; the table above it is that message's definition, as far as we
//! fill it.

use crate::trace::{Clock, Parent, Span, Status};
use crate::wire::protobuf::{begin, end, write_bytes, write_fixed32, write_fixed64, write_integer};

/// Appends one span as the field `ScopeSpans.spans`, so that spans stand one behind the other.
///
/// | field | type | name |
/// |---|---|---|
/// | 1 | bytes | trace_id |
/// | 2 | bytes | span_id |
/// | 4 | bytes | parent_span_id |
/// | 5 | string | name |
/// | 6 | enum | kind |
/// | 7 | fixed64 | start_time_unix_nano |
/// | 8 | fixed64 | end_time_unix_nano |
/// | 9 | KeyValue, repeated | attributes |
/// | 15 | Status | status |
/// | 16 | fixed32 | flags |
pub fn write_span(span: &Span, clock: &Clock, out: &mut Vec<u8>) {
    let message = begin(SCOPE_SPANS_SPANS, out);
    write_bytes(1, span.context.trace_id.bytes(), out);
    write_bytes(2, span.context.span_id.bytes(), out);
    if let Some(parent) = &span.parent {
        write_bytes(4, parent.span_id.bytes(), out);
    }
    write_bytes(5, span.name.as_bytes(), out);
    write_integer(6, span.kind as u64, out);
    write_fixed64(7, clock.unix_nanos(span.start), out);
    write_fixed64(8, clock.unix_nanos(span.end), out);
    out.extend_from_slice(span.attributes.bytes());
    if span.status == Status::Error {
        write_status(out);
    }
    write_fixed32(16, flags(span), out);
    end(message, out);
}

/// Writes a whole `ExportTraceServiceRequest` round spans that [`write_span`] wrote.
///
/// | message | field | type | name |
/// |---|---|---|---|
/// | ExportTraceServiceRequest | 1 | ResourceSpans, repeated | resource_spans |
/// | ResourceSpans | 1 | Resource | resource |
/// | | 2 | ScopeSpans, repeated | scope_spans |
/// | ScopeSpans | 1 | InstrumentationScope | scope |
/// | | 2 | Span, repeated | spans |
/// | | 3 | string | schema_url |
/// | InstrumentationScope | 1 | string | name |
/// | | 2 | string | version |
pub fn write_request(resource: &[u8], spans: &[u8], out: &mut Vec<u8>) {
    let resource_spans = begin(1, out);
    write_bytes(1, resource, out);
    let scope_spans = begin(2, out);
    let scope = begin(1, out);
    write_bytes(1, SCOPE_NAME.as_bytes(), out);
    write_bytes(2, SCOPE_VERSION.as_bytes(), out);
    end(scope, out);
    out.extend_from_slice(spans);
    write_bytes(3, SCHEMA_URL.as_bytes(), out);
    end(scope_spans, out);
    end(resource_spans, out);
}

/// | field | type | name |
/// |---|---|---|
/// | 3 | enum | code (2: ERROR) |
fn write_status(out: &mut Vec<u8>) {
    let status = begin(15, out);
    write_integer(3, 2, out);
    end(status, out);
}

/// `SpanFlags`: the W3C flags, and whether the parent is in another process.
fn flags(span: &Span) -> u32 {
    let parent = match span.parent {
        Some(Parent { remote: true, .. }) => HAS_IS_REMOTE | IS_REMOTE,
        _ => HAS_IS_REMOTE,
    };
    parent | u32::from(span.context.flags.0)
}

/// The instrumentation scope that every span of ours carries.
pub const SCOPE_NAME: &str = "headwater";
/// The agent's version, also `telemetry.sdk.version`.
pub const SCOPE_VERSION: &str = env!("CARGO_PKG_VERSION");

const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";
const SCOPE_SPANS_SPANS: u32 = 2;
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
