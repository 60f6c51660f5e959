//! A finished span, as it is handed to an encoder.

use super::Attributes;
use crate::context::{Flags, ServerContext, SpanContext, SpanId, TraceId};

/// A finished span. Times are milliseconds of the page's clock.
pub struct Span<'a> {
    pub context: SpanContext,
    pub parent: Option<Parent>,
    pub name: &'a str,
    pub kind: Kind,
    pub start: f64,
    pub end: f64,
    pub attributes: &'a Attributes,
    pub links: &'a [Link],
    pub status: Status,
}

/// A relation to a span of another trace.
pub struct Link {
    /// The span, or only its trace.
    pub to: ServerContext,
    pub attributes: Attributes,
}

/// Where finished spans go.
pub trait Sink {
    /// Takes the span; it is not kept waiting for anything.
    fn record(&mut self, span: &Span);
}

impl<F: FnMut(&Span)> Sink for F {
    fn record(&mut self, span: &Span) {
        self(span);
    }
}

/// What a span hangs under, within the same trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    pub span_id: SpanId,
    /// Whether the parent was made by another process: a server that rendered the page.
    pub remote: bool,
}

/// OpenTelemetry's span kinds, with their numbers in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Internal = 1,
    /// This one, and the last two, only the page's code may have.
    Server,
    Client,
    Producer,
    Consumer,
}

impl Kind {
    /// Reads a number of OpenTelemetry's API, in which they begin with 0.
    pub fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Server,
            2 => Self::Client,
            3 => Self::Producer,
            4 => Self::Consumer,
            _ => Self::Internal,
        }
    }
}

/// OpenTelemetry's span status: unset unless something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Unset,
    Error,
}

/// A span that has started: what its children and its headers need to know.
impl SpanContext {
    /// The first span of a new trace.
    pub fn root(trace_id: TraceId, span_id: SpanId, sampled: bool) -> Self {
        Self { trace_id, span_id, flags: Flags::new(sampled) }
    }

    /// A span below this one: another id, the same trace and decision.
    pub fn child(&self, span_id: SpanId) -> Self {
        Self { span_id, ..*self }
    }
}

/// Elastic's type of a span, with subtype and action behind dots: an attribute that only Elastic's encoder needs.
#[cfg(feature = "events")]
pub const TYPE: &str = "headwater.type";
