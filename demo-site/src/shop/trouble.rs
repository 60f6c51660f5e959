//! Everything that goes wrong on the web, one button each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::channel::Channel;
use maud::html;
use serde_json::json;

use super::layout::{Page, Visit};
use super::{Failure, Shop};

/// `GET /trouble`
pub(super) async fn page(State(shop): State<Arc<Shop>>, visit: Visit) -> Result<Response, Failure> {
    let content = html! {
        h1 { "Trouble" }
        p.lead { "Each button makes one request that goes wrong, or nearly. The outcome appears beside it, and the trace in the viewer." }
        @for (title, buttons) in GROUPS {
            section.panel.troubles {
                h2 { (title) }
                ul {
                    @for (name, label, request, remark) in *buttons {
                        li {
                            button type="button" data-trouble=(name) { (label) }
                            p { code { (with_origins(request, &shop)) } span.quiet { (remark) } }
                            output data-outcome=(name) {}
                        }
                    }
                }
            }
        }
    };
    let page = Page { title: "Trouble", section: "/trouble", script: Some("trouble.js"), content };
    page.render(&shop, &visit)
}

fn with_origins(request: &str, shop: &Shop) -> String {
    request.replace("{api}", &shop.origins.api).replace("{other}", &shop.origins.other)
}

/// `/api/trouble/500`
pub(super) async fn broken() -> Response {
    tracing::error!("a pipe burst, on purpose");
    let error = json!({ "error": "A pipe burst, on purpose." });
    (StatusCode::INTERNAL_SERVER_ERROR, Json(error)).into_response()
}

/// `/api/trouble/404`
pub(super) async fn missing() -> Failure {
    Failure::NotFound("It is not here, on purpose.")
}

/// `/api/trouble/slow`
pub(super) async fn slow() -> Response {
    tokio::time::sleep(Duration::from_secs(3)).await;
    Json(json!({ "message": "Sorry for the wait." })).into_response()
}

/// `/api/trouble/stream`: six lines, one every 250 ms
pub(super) async fn stream() -> Response {
    let (mut sender, body) = Channel::<Bytes>::new(1);
    tokio::spawn(async move {
        for number in 1..=6 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let line = Bytes::from(format!("drop {number}\n"));
            if sender.send_data(line).await.is_err() {
                // The reader went away, and there is nobody to tell.
                return;
            }
        }
    });
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], Body::new(body)).into_response()
}

/// `/api/trouble/broken-json`: a status of 200 and half a document
pub(super) async fn broken_json() -> Response {
    ([(CONTENT_TYPE, "application/json")], "{\"half\": ").into_response()
}

/// `/api/trouble/echo`: the trace headers as they arrived
pub(super) async fn echo(headers: HeaderMap) -> Response {
    let trace = ["traceparent", "tracestate"]
        .into_iter()
        .filter_map(|name| {
            let values = headers.get_all(name).iter();
            let values = values.filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
            (!values.is_empty()).then(|| (name, values.join(", ")))
        })
        .collect::<BTreeMap<_, _>>();
    Json(trace).into_response()
}

/// Name, label, client and target, remark.
type Button = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const GROUPS: &[(&str, &[Button])] = &[
    ("The server fails", &[
        ("error-500", "500", "fetch GET /api/trouble/500", "the server's span is an error too"),
        ("error-500-axios", "500 by axios", "axios POST /api/trouble/500", "axios rejects where fetch resolves"),
        ("error-404", "404", "XHR GET /api/trouble/404", "the server's span is no error"),
        ("broken-json", "Broken JSON", "fetch GET /api/trouble/broken-json", "200, but the body cannot be parsed"),
    ]),
    ("It takes too long", &[
        ("slow", "Slow", "fetch GET /api/trouble/slow", "three seconds"),
        ("abort-fetch", "Aborted fetch", "fetch GET /api/trouble/slow", "AbortController after 300 ms"),
        ("abort-xhr", "Aborted XHR", "XHR GET /api/trouble/slow", "abort() after 300 ms"),
        ("timeout-xhr", "XHR timeout", "XHR GET /api/trouble/slow", "timeout = 500"),
        ("stream", "Stream", "fetch GET /api/trouble/stream", "the answer drips for 1.5 s"),
    ]),
    ("It never arrives, or elsewhere", &[
        ("network-error", "Network error", "fetch GET a port that refuses", "there is no status at all"),
        ("third-origin", "Third origin", "fetch GET {other}/ad.json", "not configured: it must see no traceparent"),
        ("second-origin", "Second origin", "fetch GET {api}/stock", "configured: it must see one, after a preflight"),
        ("own-traceparent", "Own traceparent", "fetch GET /api/trouble/echo", "the page sets one itself: it must arrive alone"),
    ]),
    ("The page fails", &[
        ("throw", "Thrown error", "throw in a timer", "an uncaught exception"),
        ("reject", "Unhandled rejection", "Promise.reject()", "a promise nobody caught"),
    ]),
];
