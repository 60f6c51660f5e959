//! The servers' own traces, as the demo's collector received them.

mod support;

use axum::http::Method;
use support::{JSON, Running, Span, send};

#[tokio::test]
async fn the_server_of_the_home_page_hangs_under_the_browser() {
    let demo = Running::start().await;
    let page = demo.get("/").await;
    let trace_id = page.between("pageLoadTraceId: \"", "\"");
    let browser_span_id = page.between("pageLoadSpanId: \"", "\"");

    let spans = demo.spans(&trace_id, 2).await;
    let server = Span::named(&spans, "shop-server", "GET /");
    assert_eq!(server.parent(), browser_span_id);
    assert_eq!(server.id(), page.server_span().1);
    assert_eq!(server.json["kind"], 2, "SERVER");
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/"),
        ("url.path", "/"),
        ("http.response.status_code", "200"),
        ("server.address", "127.0.0.1"),
    ] {
        assert_eq!(server.attribute(key), value, "{key}");
    }

    let query = Span::named(&spans, "shop-server", "SELECT products");
    assert_eq!(query.parent(), server.id());
    assert_eq!(query.json["kind"], 3, "CLIENT");
    assert_eq!(query.attribute("db.system.name"), "sqlite");
    assert!(query.attribute("db.query.text").starts_with("SELECT id"));
    demo.stop().await;
}

#[tokio::test]
async fn the_meta_tag_of_a_product_page_names_the_server_span() {
    let demo = Running::start().await;
    let page = demo.get("/product/2").await;
    let meta = page.between("<meta name=\"traceparent\" content=\"", "\"");
    let ids = meta.split('-').collect::<Vec<_>>();

    let spans = demo.spans(ids[1], 2).await;
    let server = Span::named(&spans, "shop-server", "GET /product/{id}");
    assert_eq!(server.id(), ids[2]);
    assert_eq!(server.parent(), "");
    assert_eq!(server.attribute("url.path"), "/product/2");
    let query = Span::named(&spans, "shop-server", "SELECT products");
    assert!(query.attribute("db.query.text").contains("WHERE id = ?1"));
    demo.stop().await;
}

#[tokio::test]
async fn a_callers_trace_goes_on_in_both_servers() {
    let demo = Running::start().await;
    let headers = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
    for url in [format!("{}/api/search?q=mug", demo.origins.shop), format!("{}/reviews/1", demo.origins.api)]
    {
        send(Method::GET, &url, &headers, "").await;
    }
    let spans = demo.spans("0af7651916cd43dd8448eb211c80319c", 5).await;
    for (service, name) in [("shop-server", "GET /api/search"), ("shop-api", "GET /reviews/{product}")] {
        assert_eq!(Span::named(&spans, service, name).parent(), "b7ad6b7169203331");
    }
    demo.stop().await;
}

#[tokio::test]
async fn what_the_caller_did_not_sample_is_not_recorded() {
    let demo = Running::start().await;
    let url = format!("{}/api/search?q=mug", demo.origins.shop);
    let unsampled = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")];
    let answer = send(Method::GET, &url, &unsampled, "").await;
    assert!(answer.header("server-timing").ends_with("-00\""));

    // Something later that is recorded shows that there was time enough.
    let (trace_id, _) = demo.get("/account").await.server_span();
    demo.spans(&trace_id, 1).await;
    let url = format!("{}/api/traces/0af7651916cd43dd8448eb211c80319c", demo.origins.collector);
    assert!(!send(Method::GET, &url, &[], "").await.status.is_success());
    demo.stop().await;
}

#[tokio::test]
async fn two_joined_traceparents_are_no_parent() {
    let demo = Running::start().await;
    let one = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let joined = format!("{one}, {one}");
    let url = format!("{}/api/search?q=mug", demo.origins.shop);
    let answer = send(Method::GET, &url, &[("traceparent", &joined)], "").await;
    assert_ne!(answer.server_span().0, "0af7651916cd43dd8448eb211c80319c");
    demo.stop().await;
}

#[tokio::test]
async fn a_checkout_is_one_trace_through_both_servers() {
    let demo = Running::start().await;
    let cookie = demo.get("/account").await.cookie();
    let headers = [JSON, ("cookie", cookie.as_str())];
    let cart = format!("{}/api/cart", demo.origins.shop);
    send(Method::POST, &cart, &headers, "{\"product\":1,\"quantity\":1}").await;
    let url = format!("{}/api/checkout", demo.origins.shop);
    let declined = send(Method::POST, &url, &headers, "{\"payment\":\"declined\"}").await;

    // Two servers, the call between them, and a query on each side.
    let spans = demo.spans(&declined.server_span().0, 5).await;
    let checkout = Span::named(&spans, "shop-server", "POST /api/checkout");
    let call = Span::named(&spans, "shop-server", "GET");
    let stock = Span::named(&spans, "shop-api", "GET /stock");
    assert_eq!(call.parent(), checkout.id());
    assert_eq!(call.json["kind"], 3, "CLIENT");
    assert_eq!(stock.parent(), call.id());
    assert_eq!(checkout.json["status"]["code"], 2, "ERROR");
    assert_eq!(checkout.attribute("error.type"), "500");

    let log = send(Method::GET, &format!("{}/__log", demo.origins.api), &[], "").await;
    let headers = &log.json()["requests"][0]["headers"];
    assert!(headers["traceparent"].as_str().unwrap().contains(call.id()));
    assert!(headers["tracestate"].is_null());
    demo.stop().await;
}

#[tokio::test]
async fn a_missing_page_is_no_error_of_the_server() {
    let demo = Running::start().await;
    let missing = demo.get("/api/trouble/404").await;
    let spans = demo.spans(&missing.server_span().0, 1).await;
    let server = Span::named(&spans, "shop-server", "GET /api/trouble/404");
    assert_ne!(server.json["status"]["code"], 2);
    assert_eq!(server.attribute("http.response.status_code"), "404");
    demo.stop().await;
}
