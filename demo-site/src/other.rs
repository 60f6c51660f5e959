//! The third origin: somebody else's server. It is not in `distributedTracingOrigins`, does not trace, and allows no
//! header but `content-type`: a stray `traceparent` would fail the call in sight of everyone.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::request_log::{self, LOG_PATH, RequestLog};

/// The other origin's routes.
pub(crate) fn router(log: &Arc<RequestLog>) -> Router {
    Router::new()
        .route("/", get(about))
        .route("/ad.json", get(ad).post(ad))
        .layer(middleware::from_fn(allow_content_type))
        .route(LOG_PATH, log.routes())
        .layer(middleware::from_fn_with_state(log.clone(), request_log::record))
}

async fn about() -> &'static str {
    "This is the third origin of the Headwater demo: it is not configured, so no trace header should reach it.\n"
}

async fn ad() -> Response {
    Json(json!({ "ad": "Socks. Dry ones.", "sponsor": "The other origin" })).into_response()
}

async fn allow_content_type(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    response
}
