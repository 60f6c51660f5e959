//! The shop's calls to the API, with a CLIENT span each and the trace passed on.

use axum::body::Bytes;
use axum::http::uri::InvalidUri;
use axum::http::{HeaderMap, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use serde::Deserialize;
use tracing::Instrument;
use tracing::field::{self, display};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// An HTTP client for the API's origin.
pub(crate) struct ApiClient {
    origin: String,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl ApiClient {
    pub(crate) fn new(origin: String) -> Self {
        Self { origin, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// How many there are of each product.
    pub(crate) async fn stock(&self, products: &[i64]) -> Result<Vec<Stock>, ApiError> {
        let ids = products.iter().map(i64::to_string).collect::<Vec<_>>();
        let body = self.get(&format!("/stock?ids={}", ids.join(","))).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    async fn get(&self, path: &str) -> Result<Bytes, ApiError> {
        let uri = format!("{}{path}", self.origin).parse::<Uri>()?;
        let span = tracing::info_span!(
            "call",
            otel.name = "GET",
            otel.kind = "client",
            otel.status_code = field::Empty,
            http.request.method = "GET",
            http.response.status_code = field::Empty,
            url.full = %uri,
            server.address = uri.host(),
            server.port = uri.port_u16(),
            error.type = field::Empty,
        );
        let result = self.exchange(uri, &span).instrument(span.clone()).await;
        if let Err(error) = &result {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", display(error));
        }
        result
    }

    async fn exchange(&self, uri: Uri, span: &tracing::Span) -> Result<Bytes, ApiError> {
        let mut headers = HeaderMap::new();
        TraceContextPropagator::new().inject_context(&span.context(), &mut HeaderInjector(&mut headers));
        // The propagator writes it even when there is nothing to say.
        if headers.get("tracestate").is_some_and(|state| state.is_empty()) {
            headers.remove("tracestate");
        }
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;

        let response = self.client.request(request).await?;
        let status = response.status();
        span.record("http.response.status_code", status.as_u16());
        if !status.is_success() {
            return Err(format!("{}", status.as_u16()).into());
        }
        Ok(response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes())
    }
}

/// The stock of one product.
#[derive(Debug, Deserialize)]
pub(crate) struct Stock {
    pub(crate) id: i64,
    pub(crate) stock: i64,
}

/// Why the API did not answer. The shop only passes it on, so its kind does not matter.
#[derive(Debug)]
pub(crate) struct ApiError(String);

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<InvalidUri> for ApiError {
    fn from(error: InvalidUri) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<hyper_util::client::legacy::Error> for ApiError {
    fn from(error: hyper_util::client::legacy::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<String> for ApiError {
    fn from(message: String) -> Self {
        Self(message)
    }
}
