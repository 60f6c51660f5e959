//! What travels between systems: ids, `traceparent`, `tracestate`, and where they may go.

mod id;
mod target;
mod traceparent;
pub mod tracestate;

pub use id::{IdGenerator, SpanId, TraceId};
pub use target::{Origin, Targets};
pub use traceparent::{Flags, TraceParent, TraceParentError};
