//! What an origin was asked, with the trace headers that came along: the proof of propagation, and of its absence.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Serialize;

/// The latest requests of one origin.
pub struct RequestLog {
    origin: String,
    requests: Mutex<VecDeque<LoggedRequest>>,
}

impl RequestLog {
    /// An empty log.
    pub fn new(origin: String) -> Arc<Self> {
        Arc::new(Self { origin, requests: Mutex::default() })
    }

    /// Forgets every request.
    pub fn clear(&self) {
        self.requests().clear();
    }

    /// The requests, oldest first.
    pub fn latest(&self) -> Vec<LoggedRequest> {
        self.requests().iter().cloned().collect()
    }

    /// The origin this is the log of.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// `GET`, `DELETE` and the preflight of `/__log`, readable from any origin.
    pub fn routes<S: Clone + Send + Sync + 'static>(self: &Arc<Self>) -> MethodRouter<S> {
        let (reading, emptying) = (self.clone(), self.clone());
        get(move || async move {
            let log = serde_json::json!({ "origin": reading.origin, "requests": reading.latest() });
            (OPEN, Json(log))
        })
        .delete(move || async move {
            emptying.clear();
            (OPEN, StatusCode::NO_CONTENT)
        })
        .options(move || async move { (OPEN, StatusCode::NO_CONTENT) })
    }

    fn push(&self, request: LoggedRequest) {
        let mut requests = self.requests();
        if requests.len() == CAPACITY {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    fn requests(&self) -> MutexGuard<'_, VecDeque<LoggedRequest>> {
        // Every change is a single push or clear, so a panic elsewhere leaves nothing half done.
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request as it arrived.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedRequest {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query, empty if there was none.
    pub query: String,
    /// When it arrived, in milliseconds since 1970.
    pub time: u64,
    /// The headers that matter to tracing and CORS; several values of one name are joined as HTTP joins them.
    pub headers: BTreeMap<String, String>,
}

impl LoggedRequest {
    fn new(request: &Request) -> Self {
        let uri = request.uri();
        Self {
            method: request.method().to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
            headers: telling(request.headers()),
        }
    }
}

/// Middleware: notes the request, whatever becomes of it.
pub async fn record(State(log): State<Arc<RequestLog>>, request: Request, next: Next) -> Response {
    if request.uri().path() != LOG_PATH {
        log.push(LoggedRequest::new(&request));
    }
    next.run(request).await.into_response()
}

fn telling(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut telling = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let name = name.as_str();
        if !NAMES.contains(&name) && !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        telling
            .entry(name.to_owned())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    telling
}

/// Where each origin serves its log.
pub const LOG_PATH: &str = "/__log";

const OPEN: [(HeaderName, &str); 3] = [
    (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (ACCESS_CONTROL_ALLOW_METHODS, "GET, DELETE, OPTIONS"),
    (ACCESS_CONTROL_ALLOW_HEADERS, "content-type, traceparent, tracestate"),
];

const CAPACITY: usize = 500;

const NAMES: &[&str] = &[
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "elastic-apm-traceparent",
    "origin",
    "access-control-request-headers",
    "access-control-request-method",
    "content-type",
];

const PREFIXES: &[&str] = &["x-datadog-", "x-b3-"];

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn only_telling_headers_are_kept() {
        let request = Request::builder()
            .uri("/stock?ids=1")
            .header("traceparent", "00-a-b-01")
            .header("x-datadog-trace-id", "7")
            .header("cookie", "session=secret")
            .body(Body::empty())
            .unwrap();
        let logged = LoggedRequest::new(&request);
        assert_eq!((logged.path.as_str(), logged.query.as_str()), ("/stock", "ids=1"));
        assert_eq!(logged.headers.keys().collect::<Vec<_>>(), ["traceparent", "x-datadog-trace-id"]);
    }

    #[test]
    fn a_doubled_header_stays_visible() {
        let request = Request::builder()
            .header("traceparent", "one")
            .header("traceparent", "two")
            .body(Body::empty())
            .unwrap();
        assert_eq!(LoggedRequest::new(&request).headers["traceparent"], "one, two");
    }

    #[test]
    fn the_log_is_bounded() {
        let log = RequestLog::new(String::new());
        for number in 0..CAPACITY + 3 {
            let request = Request::builder().uri(format!("/{number}")).body(Body::empty());
            log.push(LoggedRequest::new(&request.unwrap()));
        }
        let latest = log.latest();
        assert_eq!(latest.len(), CAPACITY);
        assert_eq!(latest[0].path, "/3");
    }
}
