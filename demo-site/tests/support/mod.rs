//! A running demo and a client to talk to it.

// Each test file is a crate of its own and uses only a part.
#![allow(dead_code)]

use std::path::PathBuf;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, Request, StatusCode};
use headwater_demo::{Demo, DemoConfig, Origins};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A demo in memory on free ports.
pub struct Running {
    pub origins: Origins,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), headwater_demo::Error>>,
}

impl Running {
    pub async fn start() -> Self {
        let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let demo = Demo::bind(DemoConfig::for_tests(root)).await.unwrap();
        let origins = demo.origins().clone();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(demo.serve(async {
            let _ = stopped.await;
        }));
        Self { origins, stop, served }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(Method::GET, &format!("{}{path}", self.origins.shop), &[], "").await
    }

    /// The spans of a trace, once as many as `expected` have arrived.
    pub async fn spans(&self, trace_id: &str, expected: usize) -> Vec<Span> {
        let url = format!("{}/api/traces/{trace_id}", self.origins.collector);
        let mut spans = Vec::new();
        for _ in 0..60 {
            let answer = send(Method::GET, &url, &[], "").await;
            if answer.status.is_success() {
                spans = Span::all(&answer.json());
                if spans.len() >= expected {
                    return spans;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("expected {expected} spans, but there are only {spans:#?}");
    }
}

/// A span as the collector returns it, with the service it belongs to.
#[derive(Debug)]
pub struct Span {
    pub service: String,
    pub json: Value,
}

impl Span {
    pub fn all(trace: &Value) -> Vec<Self> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut spans = Vec::new();
        for resource in list(&trace["resourceSpans"]) {
            let service = attribute(&resource["resource"]["attributes"], "service.name");
            for scope in list(&resource["scopeSpans"]) {
                spans.extend(
                    list(&scope["spans"]).into_iter().map(|json| Self { service: service.clone(), json }),
                );
            }
        }
        spans
    }

    pub fn named<'a>(spans: &'a [Self], service: &str, name: &str) -> &'a Self {
        spans
            .iter()
            .find(|span| span.service == service && span.json["name"] == name)
            .unwrap_or_else(|| panic!("there is no {service} {name} in {spans:#?}"))
    }

    pub fn id(&self) -> &str {
        self.json["spanId"].as_str().unwrap()
    }

    pub fn parent(&self) -> &str {
        self.json["parentSpanId"].as_str().unwrap_or_default()
    }

    /// The attribute as text, whatever its type; empty if there is none.
    pub fn attribute(&self, key: &str) -> String {
        attribute(&self.json["attributes"], key)
    }
}

fn attribute(attributes: &Value, key: &str) -> String {
    let attributes = attributes.as_array().cloned().unwrap_or_default();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    match found.and_then(|found| found["value"].as_object()?.values().next().cloned()) {
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// A complete response.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The session cookie, as a browser would send it back.
    pub fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// What stands between `before` and `after`.
    pub fn between(&self, before: &str, after: &str) -> String {
        let text = self.text();
        let start = text.find(before).unwrap_or_else(|| panic!("no {before} in {text}")) + before.len();
        let length = text[start..].find(after).unwrap();
        text[start..start + length].to_owned()
    }

    /// Trace and span id of the `Server-Timing` header.
    pub fn server_span(&self) -> (String, String) {
        let timing = self.header("server-timing");
        let traceparent = timing.strip_prefix("traceparent;desc=\"").unwrap().trim_end_matches('"');
        let mut parts = traceparent.split('-').skip(1).map(str::to_owned);
        (parts.next().unwrap(), parts.next().unwrap())
    }
}

pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::new(Full::new(Bytes::from(body.to_owned())));
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).unwrap();
        request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
    }
    // A client of its own for each request: no connection outlives the test.
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

pub const JSON: (&str, &str) = ("content-type", "application/json");
