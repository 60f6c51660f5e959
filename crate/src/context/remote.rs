//! What another system's headers say of a trace: the ids to continue with, and what was decided.

use super::{SpanId, TraceId};
use crate::sampling::Priority;

/// A context in somebody else's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteContext {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    /// None if the sender leaves the decision to us.
    pub priority: Option<Priority>,
}
