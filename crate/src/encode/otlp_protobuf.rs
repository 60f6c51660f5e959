//! OTLP traces and logs as protobuf: `opentelemetry/proto/trace/v1/trace.proto` and its relatives.
//!
//! Each function writes one message; the table above it is that message's definition, as far as we
//! fill it.

use crate::trace::{Attributes, Clock, Event, Link, Parent, Span, SpanContext, Status};
use crate::wire::protobuf::{begin, end, write_bytes, write_fixed32, write_fixed64, write_integer};

/// A span's fields behind its ids, as bytes: what does not depend on the decision on its trace.
pub struct Body {
    bytes: Vec<u8>,
    /// Where its attributes begin, and where they end.
    attributes: usize,
    end: usize,
    parent: Option<Parent>,
}

impl Body {
    /// Whether it has no parent, or one in another process.
    #[cfg(feature = "elastic")]
    pub fn is_entry(&self) -> bool {
        self.parent.is_none_or(|parent| parent.remote)
    }

    /// The other one, with what this one has behind its attributes.
    pub fn with_link_of(&self, mut other: Self) -> Self {
        other.bytes.truncate(other.end);
        other.bytes.extend_from_slice(&self.bytes[self.end..]);
        other
    }
}

/// Encodes a span but for what [`write_span`] adds.
///
/// | field | type | name |
/// |---|---|---|
/// | 1 | bytes | trace_id |
/// | 2 | bytes | span_id |
/// | 3 | string | trace_state |
/// | 4 | bytes | parent_span_id |
/// | 5 | string | name |
/// | 6 | enum | kind |
/// | 7 | fixed64 | start_time_unix_nano |
/// | 8 | fixed64 | end_time_unix_nano |
/// | 9 | KeyValue, repeated | attributes |
/// | 13 | Link, repeated | links |
/// | 15 | Status | status |
/// | 16 | fixed32 | flags |
pub fn body_of(span: &Span, clock: &Clock) -> Body {
    let mut bytes = Vec::new();
    let out = &mut bytes;
    if let Some(parent) = &span.parent {
        write_bytes(4, parent.span_id.bytes(), out);
    }
    write_bytes(5, span.name.as_bytes(), out);
    write_integer(6, span.kind as u64, out);
    write_fixed64(7, clock.unix_nanos(span.start), out);
    write_fixed64(8, clock.unix_nanos(span.end), out);
    let attributes = out.len();
    out.extend_from_slice(span.attributes.bytes());
    let end = out.len();
    let has_links = cfg!(any(feature = "linking", feature = "events"));
    for link in span.links.iter().filter(|_| has_links) {
        write_link(link, out);
    }
    if span.status == Status::Error {
        write_status(out);
    }
    Body { bytes, attributes, end, parent: span.parent }
}

/// Appends one span as the field `ScopeSpans.spans`, so that spans stand one behind the other.
/// `attributes` are further ones of a span.
pub fn write_span(
    context: &SpanContext,
    tracestate: &[u8],
    attributes: &Attributes,
    body: &Body,
    out: &mut Vec<u8>,
) {
    let message = begin(SCOPE_SPANS_SPANS, out);
    write_bytes(1, context.trace_id.bytes(), out);
    write_bytes(2, context.span_id.bytes(), out);
    if !tracestate.is_empty() {
        write_bytes(3, tracestate, out);
    }
    out.extend_from_slice(&body.bytes[..body.attributes]);
    out.extend_from_slice(attributes.bytes());
    out.extend_from_slice(&body.bytes[body.attributes..]);
    // `SpanFlags`: the W3C flags, and whether the parent is in another process.
    let is_remote = if body.parent.is_some_and(|parent| parent.remote) {
        HAS_IS_REMOTE | IS_REMOTE
    } else {
        HAS_IS_REMOTE
    };
    write_fixed32(16, is_remote | u32::from(context.flags.0), out);
    end(message, out);
}

/// | field | type | name |
/// |---|---|---|
/// | 1 | bytes | trace_id |
/// | 2 | bytes | span_id |
/// | 4 | KeyValue, repeated | attributes |
/// | 6 | fixed32 | flags |
fn write_link(link: &Link, out: &mut Vec<u8>) {
    let message = begin(13, out);
    write_bytes(1, link.to.trace_id.bytes(), out);
    if let Some(span_id) = link.to.span_id {
        write_bytes(2, span_id.bytes(), out);
    }
    out.extend_from_slice(link.attributes.bytes());
    write_fixed32(6, HAS_IS_REMOTE | IS_REMOTE | u32::from(link.to.flags.0), out);
    end(message, out);
}

/// Appends one event under [`EVENT_TAG`], so that it can stand among spans until it is sent.
///
/// | field | type | name |
/// |---|---|---|
/// | 1 | fixed64 | time_unix_nano |
/// | 2 | enum | severity_number |
/// | 6 | KeyValue, repeated | attributes |
/// | 8 | fixed32 | flags |
/// | 9 | bytes | trace_id |
/// | 10 | bytes | span_id |
/// | 11 | fixed64 | observed_time_unix_nano |
/// | 12 | string | event_name |
pub fn write_event(event: &Event, clock: &Clock, out: &mut Vec<u8>) {
    let message = begin(EVENTS, out);
    let time = clock.unix_nanos(event.time);
    write_fixed64(1, time, out);
    write_integer(2, event.severity as u64, out);
    out.extend_from_slice(event.attributes.bytes());
    if let Some(context) = &event.context {
        write_fixed32(8, u32::from(context.flags.0), out);
        write_bytes(9, context.trace_id.bytes(), out);
        write_bytes(10, context.span_id.bytes(), out);
    }
    write_fixed64(11, time, out);
    write_bytes(12, event.name.as_bytes(), out);
    end(message, out);
}

/// Writes a whole `ExportTraceServiceRequest` round the field `ResourceSpans.resource` and spans that [`write_span`]
/// wrote.
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
///
/// `ExportLogsServiceRequest` has the same numbers, with `LogRecord` for `Span`.
pub fn write_request(resource: &[u8], spans: &[u8], out: &mut Vec<u8>) {
    let resource_spans = begin(1, out);
    out.extend_from_slice(resource);
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

/// The instrumentation scope that every span of ours carries.
pub const SCOPE_NAME: &str = "headwater";
/// The agent's version, also `telemetry.sdk.version`.
pub const SCOPE_VERSION: &str = env!("CARGO_PKG_VERSION");

const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";
const SCOPE_SPANS_SPANS: u32 = 2;
/// What each span of [`write_span`] begins with.
pub const SPAN_TAG: u8 = (SCOPE_SPANS_SPANS << 3) as u8 | 2;
/// What each event of [`write_event`] begins with. A request has `ScopeLogs.log_records` in its place: [`SPAN_TAG`].
pub const EVENT_TAG: u8 = (EVENTS << 3) as u8 | 2;
/// A field of nobody's.
const EVENTS: u32 = 3;
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
