//! The span model: OpenTelemetry's, with borrowed fields, since a span is written to wire bytes the
//! moment it ends.

mod attribute;
mod clock;
mod event;
mod rate;
mod redact;
mod root;
mod span;

#[cfg(test)]
pub use attribute::decoded_event;
pub use attribute::{Attributes, limit_value_length};
pub use clock::Clock;
pub use event::{Event, HANDLED, Severity};
pub use rate::PerMinute;
pub use redact::{Redaction, redact_url, set_redaction};
pub use root::Root;
#[cfg(feature = "events")]
pub use span::TYPE;
pub use span::{Kind, Link, Parent, Sink, Span, Status};

pub use crate::context::SpanContext;
