//! What the shop's pages contain, and how they are sent.

mod support;

use axum::http::{Method, StatusCode};
use support::{JSON, Running, send};

#[tokio::test]
async fn every_page_is_there() {
    let demo = Running::start().await;
    for path in [
        "/",
        "/?q=bottle",
        "/product/1",
        "/cart",
        "/checkout",
        "/account",
        "/account/orders/1041",
        "/trouble",
        "/servers",
    ] {
        let page = demo.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.text().starts_with("<!DOCTYPE html>"), "{path}");
        assert!(page.text().contains("/#/trace/"), "{path}");
    }
    for path in ["/nothing", "/product/99", "/product/first"] {
        let page = demo.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.text().contains("no such page"), "{path}");
    }
    demo.stop().await;
}

#[tokio::test]
async fn the_home_page_gives_the_ids_as_options() {
    let demo = Running::start().await;
    let page = demo.get("/").await;
    let trace_id = page.between("pageLoadTraceId: \"", "\"");
    let span_id = page.between("pageLoadSpanId: \"", "\"");
    assert_hex(&trace_id, 32);
    assert_hex(&span_id, 16);
    assert!(page.text().contains("pageLoadSampled: true"));
    assert!(!page.text().contains("name=\"traceparent\""));

    let origins = format!("distributedTracingOrigins: [\"{}\"]", demo.origins.api);
    assert!(page.text().contains(&origins));
    assert!(page.text().contains(&format!("serverUrl: \"{}\"", demo.origins.collector)));

    // The server's own span is another one, of the same trace.
    let (server_trace_id, server_span_id) = page.server_span();
    assert_eq!(server_trace_id, trace_id);
    assert_ne!(server_span_id, span_id);
    demo.stop().await;
}

#[tokio::test]
async fn a_product_page_gives_the_ids_as_a_meta_tag() {
    let demo = Running::start().await;
    let page = demo.get("/product/1").await;
    let meta = page.between("<meta name=\"traceparent\" content=\"", "\"");
    let (trace_id, span_id) = page.server_span();
    assert_eq!(meta, format!("00-{trace_id}-{span_id}-01"));
    assert!(page.text().contains("initApm"));
    assert!(!page.text().contains("pageLoadTraceId"));
    demo.stop().await;
}

#[tokio::test]
async fn the_ids_of_two_visits_differ() {
    let demo = Running::start().await;
    let trace_id = demo.get("/").await.between("pageLoadTraceId: \"", "\"");
    let other = demo.get("/").await.between("pageLoadTraceId: \"", "\"");
    assert_ne!(trace_id, other);
    demo.stop().await;
}

#[tokio::test]
async fn the_content_security_policy_lets_the_agent_work_and_nothing_else() {
    let demo = Running::start().await;
    let page = demo.get("/").await;
    let policy = page.header("content-security-policy");
    let nonce = page.between("<script nonce=\"", "\"");
    assert!(policy.contains(&format!("script-src 'self' 'wasm-unsafe-eval' 'nonce-{nonce}';")));
    assert!(!policy.contains("unsafe-inline"));
    for origin in [&demo.origins.collector, &demo.origins.api, &demo.origins.other] {
        assert!(policy.contains(origin.as_str()));
    }
    assert_ne!(demo.get("/").await.between("<script nonce=\"", "\""), nonce);
    demo.stop().await;
}

#[tokio::test]
async fn files_have_types_and_missing_ones_say_what_to_do() {
    let demo = Running::start().await;
    for (path, kind) in [
        ("/assets/shop.css", "text/css; charset=utf-8"),
        ("/assets/shop.js", "text/javascript; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
        ("/assets/products/1.svg", "image/svg+xml"),
    ] {
        let file = demo.get(path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        assert_eq!(file.header("content-type"), kind, "{path}");
        assert_eq!(file.header("cache-control"), "no-cache", "{path}");
        assert_eq!(file.header("server-timing"), "", "{path}");
    }
    let missing = demo.get("/assets/nothing.js").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("npm run build"));
    demo.stop().await;
}

#[tokio::test]
async fn no_path_leads_out_of_the_static_folder() {
    let demo = Running::start().await;
    for path in ["/assets/..%2fCargo.toml", "/assets/%2e%2e", "/assets/..%2f..%2fCargo.toml"] {
        let answer = demo.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.text().contains("[package]"), "{path}");
    }
    demo.stop().await;
}

#[tokio::test]
async fn somebody_shops_with_scripts() {
    let demo = Running::start().await;
    let shop = demo.origins.shop.clone();
    let cookie = demo.get("/").await.cookie();
    let headers = [JSON, ("cookie", cookie.as_str())];

    let found = send(Method::GET, &format!("{shop}/api/search?q=mug"), &headers, "").await;
    let product = found.json()[0]["id"].as_i64().unwrap();
    let body = format!("{{\"product\":{product},\"quantity\":2}}");
    let cart = send(Method::POST, &format!("{shop}/api/cart"), &headers, &body).await;
    assert_eq!(cart.json()["count"], 2);

    let url = format!("{shop}/api/cart/{product}");
    let cart = send(Method::PUT, &url, &headers, "{\"quantity\":3}").await;
    assert_eq!(cart.json()["total"], 3 * 1_450);

    let url = format!("{shop}/api/checkout");
    let declined = send(Method::POST, &url, &headers, "{\"payment\":\"declined\"}").await;
    assert_eq!(declined.status, StatusCode::INTERNAL_SERVER_ERROR);
    let order = send(Method::POST, &url, &headers, "{\"payment\":\"card\"}").await;
    assert_eq!(order.status, StatusCode::CREATED);

    let url = format!("{shop}/api/orders/{}", order.json()["id"]);
    let order = send(Method::GET, &url, &headers, "").await;
    assert_eq!(order.json()["items"][0]["quantity"], 3);
    let stranger = send(Method::GET, &url, &[], "").await;
    assert_eq!(stranger.status, StatusCode::NOT_FOUND);
    demo.stop().await;
}

#[tokio::test]
async fn somebody_shops_without_scripts() {
    let demo = Running::start().await;
    let cookie = demo.get("/").await.cookie();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("cookie", cookie.as_str())];
    let url = format!("{}/cart", demo.origins.shop);
    let added = send(Method::POST, &url, &headers, "product=1&quantity=1").await;
    assert_eq!(added.status, StatusCode::SEE_OTHER);

    let url = format!("{}/checkout", demo.origins.shop);
    let declined = send(Method::POST, &url, &headers, "payment=declined").await;
    assert_eq!(declined.status, StatusCode::INTERNAL_SERVER_ERROR);
    let thanks = send(Method::POST, &url, &headers, "payment=card").await;
    assert!(thanks.text().contains("is being packed"));
    demo.stop().await;
}

#[tokio::test]
async fn markup_in_a_search_is_shown_as_text() {
    let demo = Running::start().await;
    let page = demo.get("/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(!page.text().contains("<script>alert"));
    demo.stop().await;
}

fn assert_hex(id: &str, digits: usize) {
    assert_eq!(id.len(), digits, "{id}");
    let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    assert!(id.bytes().all(is_lower_hex), "{id}");
    assert!(id.bytes().any(|byte| byte != b'0'), "{id}");
}
