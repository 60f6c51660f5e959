//! Scripts, styles and pictures.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};

use super::Shop;
use crate::picture;

/// `GET /headwater.min.js`
pub(super) async fn agent(State(shop): State<Arc<Shop>>) -> Response {
    send(shop.root.join("js-wrapper/dist/headwater.min.js")).await
}

/// `GET /vendor/axios.min.js`
pub(super) async fn axios(State(shop): State<Arc<Shop>>) -> Response {
    send(shop.root.join("node_modules/axios/dist/axios.min.js")).await
}

/// `GET /assets/account.js`
pub(super) async fn account(State(shop): State<Arc<Shop>>) -> Response {
    send(shop.root.join("demo-site/dist/account.js")).await
}

/// `GET /favicon.ico`
pub(super) async fn favicon() -> Redirect {
    Redirect::permanent("/assets/favicon.svg")
}

/// `GET /assets/{name}`
pub(super) async fn file(State(shop): State<Arc<Shop>>, Path(name): Path<String>) -> Response {
    // The name is a single decoded segment, which could still be `..` or hold an encoded slash.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if name.starts_with('.') || !name.bytes().all(is_plain) {
        return (StatusCode::NOT_FOUND, "There is no such file.\n").into_response();
    }
    send(shop.root.join("demo-site/static").join(name)).await
}

/// `GET /assets/products/{id}.svg`
pub(super) async fn picture(Path(name): Path<String>) -> Response {
    let id = name.strip_suffix(".svg").and_then(|id| id.parse().ok());
    let Some(picture) = id.and_then(picture::of_product) else {
        return (StatusCode::NOT_FOUND, "There is no such picture.\n").into_response();
    };
    if id == Some(SLOW_PICTURE) {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "no-cache")], picture).into_response()
}

async fn send(path: PathBuf) -> Response {
    let Ok(content) = tokio::fs::read(&path).await else {
        let path = path.display();
        let text =
            format!("{path} is missing: run `npm install` and `npm run build` in the project's root.\n");
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], content).into_response()
}

/// The packraft takes its time, so that a waterfall has one bar that stands out.
const SLOW_PICTURE: i64 = 11;
