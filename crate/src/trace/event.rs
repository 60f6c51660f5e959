use super::Attributes;
use crate::context::SpanContext;

/// Something that happened at an instant: a log record with a name.
pub struct Event<'a> {
    /// As the semantic conventions call its kind.
    pub name: &'a str,
    /// Milliseconds of the page's clock.
    pub time: f64,
    pub severity: Severity,
    /// The span that was open, if there was one.
    pub context: Option<SpanContext>,
    /// Those of [`Attributes::of_event`].
    pub attributes: Attributes,
}

/// OTLP's `SeverityNumber`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Info = 9,
    Error = 17,
}

/// An exception's attribute: whether the page has handed it over itself.
pub const HANDLED: &str = "headwater.exception.handled";
