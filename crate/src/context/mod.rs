//! What travels between systems: ids, `traceparent`, `tracestate`, each vendor's format, and where they
//! may go.

pub mod b3;
mod baggage;
mod bytes;
pub mod datadog;
pub mod elastic;
mod environment;
mod id;
mod member;
pub mod opentelemetry;
pub mod page_trace;
mod propagator;
mod remote;
mod response;
mod target;
mod template;
mod traceparent;
pub mod tracestate;

pub use b3::{B3, B3Headers};
pub use baggage::{Baggage, BaggageError};
pub use datadog::DatadogHeaders;
pub use environment::{Answer, Environment};
pub use id::{IdGenerator, SpanId, TraceId};
pub use opentelemetry::OtState;
pub use propagator::{HeaderContext, Propagators};
pub use remote::RemoteContext;
pub use response::{ResponseContext, ServerContext};
pub use target::{Origin, Target, Targets};
pub use template::Values;
pub use traceparent::{Flags, SpanContext, TraceParent, TraceParentError};
pub use tracestate::{TraceState, TraceStateError};
