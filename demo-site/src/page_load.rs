//! The ids that tie a page load in the browser to the request that fetched the page.
//!
//! A browser sends no `traceparent` with a navigation, so the server has to tell the page which trace it belongs to.
//! There are two ways, and the shop shows both:
//!
//! * **Elastic's way**, [`Ids::Options`]: the server invents a trace *and the id of the browser's own span* for
//!   fetching the document, takes that span as the parent of its own, and writes both into the agent's options. The
//!   server then hangs under the browser.
//! * **OpenTelemetry's way**, [`Ids::Meta`]: the server starts the trace and writes its own span's id into
//!   `<meta name="traceparent">`. The browser then hangs under the server.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use serde_json::{Value, json};

/// Which way a page learns the ids of its load.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ids {
    /// As options of the agent: `pageLoadTraceId`, `pageLoadSpanId`, `pageLoadSampled`.
    Options,
    /// As `<meta name="traceparent">`.
    Meta,
}

impl Ids {
    /// The way of the page at `route`.
    pub fn of(route: &str) -> Self {
        match route {
            "/" | "/cart" | "/trouble" => Self::Options,
            _ => Self::Meta,
        }
    }
}

/// The ids of the request being answered.
#[derive(Clone, Debug)]
pub struct PageLoad {
    trace_id: TraceId,
    server_span_id: SpanId,
    parent_span_id: SpanId,
    sampled: bool,
}

impl PageLoad {
    /// The remote parent for a server span whose page will be told to use this very span id.
    pub(crate) fn invented_parent() -> Context {
        let ids = RandomIdGenerator::default();
        Context::new().with_remote_span_context(SpanContext::new(
            ids.new_trace_id(),
            ids.new_span_id(),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        ))
    }

    /// The ids of a server span, and of the parent it was given.
    pub(crate) fn new(server_span: &SpanContext, parent: &SpanContext) -> Self {
        Self {
            trace_id: server_span.trace_id(),
            server_span_id: server_span.span_id(),
            parent_span_id: parent.span_id(),
            sampled: server_span.is_sampled(),
        }
    }

    /// The trace that the page load belongs to, as 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        self.trace_id.to_string()
    }

    /// The server span as a `traceparent`.
    pub fn traceparent(&self) -> String {
        let flags = u8::from(self.sampled);
        format!("00-{}-{}-{flags:02x}", self.trace_id, self.server_span_id)
    }

    /// The agent's page-load options; the span is the server span's parent, and it is the browser's.
    pub fn options(&self) -> [(&'static str, Value); 3] {
        [
            ("pageLoadTraceId", json!(self.trace_id())),
            ("pageLoadSpanId", json!(self.parent_span_id.to_string())),
            ("pageLoadSampled", json!(self.sampled)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invented_parent_is_valid_and_sampled() {
        let parent = PageLoad::invented_parent();
        let span = parent.span();
        assert!(span.span_context().is_valid());
        assert!(span.span_context().is_sampled());
        assert!(span.span_context().is_remote());
    }

    #[test]
    fn the_meta_tag_names_the_server_and_the_options_name_its_parent() {
        let page_load = page_load(true);
        assert_eq!(page_load.traceparent(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(
            page_load.options(),
            [
                ("pageLoadTraceId", json!("0af7651916cd43dd8448eb211c80319c")),
                ("pageLoadSpanId", json!("00f067aa0ba902b7")),
                ("pageLoadSampled", json!(true)),
            ]
        );
    }

    #[test]
    fn an_unsampled_request_says_so_both_ways() {
        let page_load = page_load(false);
        assert!(page_load.traceparent().ends_with("-00"));
        assert_eq!(page_load.options()[2], ("pageLoadSampled", json!(false)));
    }

    fn page_load(sampled: bool) -> PageLoad {
        PageLoad {
            trace_id: TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
            server_span_id: SpanId::from(0xb7ad_6b71_6920_3331),
            parent_span_id: SpanId::from(0x00f0_67aa_0ba9_02b7),
            sampled,
        }
    }
}
