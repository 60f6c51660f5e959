//! The second origin: an API on another port, which the pages name in `distributedTracingOrigins`.
//!
//! What a server must do so that a browser may send it trace headers is all in [`allow_tracing`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, HeaderName, HeaderValue,
    ORIGIN, VARY,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::catalog::{Product, Review, euros};
use crate::database::Database;
use crate::request_log::{self, LOG_PATH, RequestLog};
use crate::server_span::{self, ServerSpans};
use crate::shop::Failure;

/// The API's routes, traced as `spans` says and logged to `log`.
pub(crate) fn router(database: Arc<Database>, spans: ServerSpans, log: &Arc<RequestLog>) -> Router {
    Router::new()
        .route("/", get(about))
        .route("/stock", get(stock))
        .route("/reviews/{product}", get(reviews))
        .route("/shipping", get(shipping))
        .with_state(database)
        .layer(middleware::from_fn_with_state(spans, server_span::trace))
        // Outside of the spans: a preflight is the browser's affair and makes no trace.
        .layer(middleware::from_fn(allow_tracing))
        .route(LOG_PATH, log.routes())
        .layer(middleware::from_fn_with_state(log.clone(), request_log::record))
}

/// Middleware: the CORS answers that let a page of another origin send `traceparent` and `tracestate`, and read the
/// trace that an answer belongs to.
pub async fn allow_tracing(request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = if request.method() == Method::OPTIONS {
        let headers = [
            (ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(request.headers())),
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned()),
        ];
        (StatusCode::NO_CONTENT, headers).into_response()
    } else {
        next.run(request).await
    };

    let headers = response.headers_mut();
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    // The answer depends on who asks, and caches should know.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Server-Timing, traceresponse"));
    headers.insert(TIMING_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The trace headers, and whatever else the browser asked for.
fn allowed_headers(headers: &HeaderMap) -> String {
    let requested = headers
        .get_all(ACCESS_CONTROL_REQUEST_HEADERS)
        .iter()
        .filter_map(|names| names.to_str().ok())
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty() && !TRACE_HEADERS.contains(&name.as_str()))
        .collect::<BTreeSet<_>>();
    let mut allowed = TRACE_HEADERS.join(", ");
    for name in requested {
        allowed.push_str(", ");
        allowed.push_str(&name);
    }
    allowed
}

async fn about() -> &'static str {
    "This is the second origin of the Headwater demo: /stock?ids=1,2, /reviews/1 and /shipping?total=1000\n"
}

async fn stock(
    State(database): State<Arc<Database>>,
    Query(query): Query<StockQuery>,
) -> Result<Response, Failure> {
    let wanted = query.ids.split(',').filter_map(|id| id.parse().ok()).collect::<BTreeSet<i64>>();
    let stock = Product::all(&database)?
        .into_iter()
        .filter(|product| wanted.contains(&product.id))
        .map(|product| json!({ "id": product.id, "stock": product.stock }))
        .collect::<Vec<_>>();
    Ok(Json(stock).into_response())
}

#[derive(Deserialize)]
struct StockQuery {
    #[serde(default)]
    ids: String,
}

async fn reviews(
    State(database): State<Arc<Database>>,
    Path(product): Path<i64>,
) -> Result<Response, Failure> {
    if Product::find(&database, product)?.is_none() {
        return Err(Failure::NotFound("There is no such product."));
    }
    Ok(Json(Review::of(&database, product)?).into_response())
}

async fn shipping(Query(query): Query<ShippingQuery>) -> Response {
    // As if a carrier had been asked.
    tokio::time::sleep(Duration::from_millis(180)).await;
    let cost = if query.total >= FREE_SHIPPING { 0 } else { 490 };
    Json(json!({ "cost": cost, "text": euros(cost), "days": 2 })).into_response()
}

#[derive(Deserialize)]
struct ShippingQuery {
    #[serde(default)]
    total: i64,
}

const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");

/// In cents.
const FREE_SHIPPING: i64 = 6_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_headers_are_allowed_even_when_nobody_asks() {
        assert_eq!(allowed_headers(&HeaderMap::new()), "traceparent, tracestate");
    }

    #[test]
    fn what_was_requested_is_allowed_once() {
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCESS_CONTROL_REQUEST_HEADERS,
            HeaderValue::from_static("Traceparent,content-type, x-own"),
        );
        assert_eq!(allowed_headers(&headers), "traceparent, tracestate, content-type, x-own");
    }
}
