//! What was decided where a trace began, and goes with every request of it.

use crate::context::{Baggage, HeaderContext, Propagators, SpanContext, TraceState};
use crate::sampling::Decision;

/// The root of a trace, here or in another process.
#[derive(Clone, Copy)]
pub struct Root {
    pub decision: Decision,
    /// The rate at which it was sampled, for Elastic; none if somebody else has said so in `tracestate`.
    pub rate: Option<f64>,
}

impl Root {
    /// A trace that somebody else has decided on, of whom only the sampled flag is known.
    pub fn of_flag(sampled: bool) -> Self {
        Self { decision: Decision::inherited(sampled, None, None, None), rate: None }
    }

    /// What the headers of one request say. `tracestate` is what others on the trace have to say.
    pub fn headers<'a>(
        &self,
        context: SpanContext,
        tracestate: &'a str,
        baggage: &'a Baggage,
        traceparent_name: &'a str,
    ) -> HeaderContext<'a> {
        HeaderContext {
            context,
            decision: self.decision,
            rate: self.rate,
            tracestate: TraceState::parse(tracestate).unwrap_or_default(),
            baggage,
            traceparent_name,
        }
    }

    /// Appends `tracestate` alone.
    pub fn write_tracestate(
        &self,
        context: SpanContext,
        members: Propagators,
        tracestate: &str,
        out: &mut Vec<u8>,
    ) {
        // Without members of ours it is not asked for, and the server may not allow it.
        if members != Propagators::NONE {
            self.headers(context, tracestate, &Baggage::new(), "").write_tracestate(members, out);
        }
    }
}
