//! What the second and the third origin tell a browser, and what all three remember.

mod support;

use axum::http::{Method, StatusCode};
use support::{Running, send};

#[tokio::test]
async fn the_api_allows_trace_headers_and_whatever_was_asked_for() {
    let demo = Running::start().await;
    let preflight = send(
        Method::OPTIONS,
        &format!("{}/stock?ids=1", demo.origins.api),
        &[
            ("origin", "http://shop.example"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "content-type,traceparent"),
        ],
        "",
    )
    .await;
    assert!(preflight.status.is_success());
    assert_eq!(preflight.header("access-control-allow-headers"), "traceparent, tracestate, content-type");
    assert!(preflight.header("access-control-allow-methods").contains("GET"));
    assert_eq!(preflight.header("access-control-allow-origin"), "http://shop.example");
    demo.stop().await;
}

#[tokio::test]
async fn answers_of_the_api_can_be_read_and_timed() {
    let demo = Running::start().await;
    for path in ["/stock?ids=1", "/reviews/1", "/reviews/99", "/nothing"] {
        let url = format!("{}{path}", demo.origins.api);
        let answer = send(Method::GET, &url, &[("origin", "http://shop.example")], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), "http://shop.example", "{path}");
        assert_eq!(answer.header("access-control-expose-headers"), "Server-Timing, traceresponse");
        assert_eq!(answer.header("timing-allow-origin"), "*");
        assert!(answer.header("server-timing").starts_with("traceparent;desc=\"00-"));
    }
    demo.stop().await;
}

#[tokio::test]
async fn the_other_origin_allows_no_trace_header() {
    let demo = Running::start().await;
    let url = format!("{}/ad.json", demo.origins.other);
    let headers = [("origin", "http://shop.example"), ("access-control-request-headers", "traceparent")];
    let preflight = send(Method::OPTIONS, &url, &headers, "").await;
    assert!(preflight.status.is_success());
    assert_eq!(preflight.header("access-control-allow-headers"), "content-type");
    let answer = send(Method::GET, &url, &headers, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("server-timing"), "");
    demo.stop().await;
}

#[tokio::test]
async fn each_origin_remembers_what_it_was_asked() {
    let demo = Running::start().await;
    let origins = demo.origins.clone();
    for (origin, path) in
        [(&origins.shop, "/api/search?q=mug"), (&origins.api, "/stock?ids=1"), (&origins.other, "/ad.json")]
    {
        let url = format!("{origin}{path}");
        let traced = [("traceparent", "00-x-y-01"), ("b3", "0"), ("accept", "*/*")];
        send(Method::GET, &url, &traced, "").await;
        send(Method::OPTIONS, &url, &[("access-control-request-headers", "b3")], "").await;

        let log_url = format!("{origin}/__log");
        let log = send(Method::GET, &log_url, &[], "").await;
        assert_eq!(log.header("access-control-allow-origin"), "*");
        let log = log.json();
        assert_eq!(log["origin"], origin.as_str());
        let requests = log["requests"].as_array().unwrap();
        assert_eq!(requests.len(), 2, "{requests:#?}");
        assert_eq!(requests[0]["method"], "GET");
        assert_eq!(requests[0]["path"], path.split('?').next().unwrap());
        let headers = serde_json::json!({ "traceparent": "00-x-y-01", "b3": "0" });
        assert_eq!(requests[0]["headers"], headers);
        assert_eq!(requests[1]["method"], "OPTIONS");

        let emptied = send(Method::DELETE, &log_url, &[], "").await;
        assert_eq!(emptied.status, StatusCode::NO_CONTENT);
        let log = send(Method::GET, &log_url, &[], "").await.json();
        assert_eq!(log["requests"].as_array().unwrap().len(), 0);
    }
    demo.stop().await;
}

#[tokio::test]
async fn the_servers_page_shows_the_headers() {
    let demo = Running::start().await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let url = format!("{}/stock?ids=1", demo.origins.api);
    send(Method::GET, &url, &[("traceparent", traceparent), ("tracestate", "es=s:1")], "").await;
    let page = demo.get("/servers").await;
    assert!(page.text().contains(traceparent));
    assert!(page.text().contains("es=s:1"));

    let url = format!("{}/servers/empty", demo.origins.shop);
    assert_eq!(send(Method::POST, &url, &[], "").await.status, StatusCode::SEE_OTHER);
    assert!(!demo.get("/servers").await.text().contains(traceparent));
    demo.stop().await;
}
