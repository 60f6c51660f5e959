//! One SERVER span for each request, continuing the caller's `traceparent`.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{HeaderName, HeaderValue, USER_AGENT};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::field::{self, display};
use tracing::instrument::WithSubscriber;
use tracing::{Dispatch, Instrument, Span, dispatcher};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::page_load::{Ids, PageLoad};

/// What the spans of one server have in common.
#[derive(Clone)]
pub struct ServerSpans {
    /// The service's own tracing.
    pub dispatch: Dispatch,
    /// The host it listens on.
    pub address: String,
    /// The port it listens on.
    pub port: u16,
}

impl ServerSpans {
    fn start(&self, request: &Request) -> (Span, PageLoad) {
        let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str());
        let name = match route {
            Some(route) => format!("{} {route}", request.method()),
            None => request.method().to_string(),
        };
        let span = dispatcher::with_default(&self.dispatch, || {
            tracing::info_span!(
                parent: None,
                "request",
                otel.name = name,
                otel.kind = "server",
                otel.status_code = field::Empty,
                http.request.method = %request.method(),
                http.route = route,
                http.response.status_code = field::Empty,
                url.scheme = "http",
                url.path = request.uri().path(),
                url.query = request.uri().query(),
                server.address = self.address,
                server.port = self.port,
                user_agent.original = field::Empty,
                error.type = field::Empty,
            )
        });
        if let Some(agent) = request.headers().get(USER_AGENT) {
            span.record("user_agent.original", agent.to_str().unwrap_or("(not text)"));
        }

        let parent = self.parent(request.method(), route, request.headers());
        let parent_span = parent.span().span_context().clone();
        // Fails only when nobody listens to the span, and then its ids are nobody's business.
        let _ = span.set_parent(parent);
        let page_load = PageLoad::new(span.context().span().span_context(), &parent_span);
        (span, page_load)
    }

    /// The caller's context, else for pages of Elastic's way an invented one, else none.
    fn parent(&self, method: &Method, route: Option<&str>, headers: &HeaderMap) -> Context {
        let incoming =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        if incoming.has_active_span() {
            return incoming;
        }
        match route.map(Ids::of) {
            Some(Ids::Options) if method == Method::GET => PageLoad::invented_parent(),
            _ => incoming,
        }
    }
}

/// Middleware: runs the request inside its span, and hands [`PageLoad`] to the handler as an extension.
pub async fn trace(State(spans): State<ServerSpans>, mut request: Request, next: Next) -> Response {
    let (span, page_load) = spans.start(&request);
    // Server-Timing is the one answer header that a page's own scripts can read for a navigation.
    let timing = format!("traceparent;desc=\"{}\"", page_load.traceparent());
    request.extensions_mut().insert(page_load);

    let mut response = next.run(request).instrument(span.clone()).with_subscriber(spans.dispatch).await;

    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
        span.record("error.type", display(status.as_u16()));
    }
    if let Ok(timing) = HeaderValue::try_from(timing) {
        response.headers_mut().append(SERVER_TIMING, timing);
    }
    response
}

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
