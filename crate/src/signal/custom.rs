//! Spans that the page's own code starts and ends.

use crate::context::{SpanContext, SpanId};
use crate::trace::{Attributes, Kind, Parent, Root, Sink, Span, Status};

/// An open one.
#[derive(Clone)]
pub struct Custom {
    /// The wrapper's name for it; never 0.
    pub number: u32,
    pub context: SpanContext,
    pub parent: Option<Parent>,
    /// The decision on its trace; none if that is the page load's.
    pub root: Option<Root>,
    /// The span that its trace entered the page with: itself, or the page load, or another of these.
    pub entry: SpanId,
    /// Milliseconds of the page's clock.
    pub start: f64,
}

impl Custom {
    /// Hands the finished span to `sink`.
    pub fn end(&self, name: &str, end: f64, failed: bool, attributes: &Attributes, sink: &mut dyn Sink) {
        sink.record(&Span {
            context: self.context,
            parent: self.parent,
            name,
            kind: Kind::Internal,
            start: self.start,
            end: if end > self.start { end } else { self.start },
            attributes,
            link: None,
            status: if failed { Status::Error } else { Status::Unset },
        });
    }
}
