//! A collector on a free port, and the requests that tests send to it.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Request};
use flate2::Compression;
use flate2::write::GzEncoder;
use headwater_collector::{Collector, Config, Error};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, InstrumentationScope, KeyValue, any_value::Value as Member,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

pub const PROTOBUF: &str = "application/x-protobuf";
pub const JSON: &str = "application/json";

pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Running {
    pub fn start() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self::with_queue(config, 1024)
    }

    pub fn with_queue(mut config: Config, capacity: usize) -> Self {
        config.listen.set_port(0);
        let (bound, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            Runtime::new().unwrap().block_on(async move {
                let collector = Collector::bind_with_queue(config, capacity).await?;
                bound.send(collector.local_addr()).unwrap();
                collector
                    .serve(async {
                        let _ = stopped.await;
                    })
                    .await
            })
        });
        Self {
            address: address.recv().expect("the collector starts"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Stops as Ctrl-C does and says how long it took.
    pub fn stop(&mut self) -> Duration {
        let begin = Instant::now();
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
        begin.elapsed()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.request("POST", path, &[("content-type", content_type)], body)
    }

    pub fn post_spans(&self, request: &ExportTraceServiceRequest) -> Answer {
        self.post("/v1/traces", PROTOBUF, &request.encode_to_vec())
    }

    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = agent().run(request.body(body).unwrap()).unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .new_agent()
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn status_message(&self) -> RpcStatus {
        RpcStatus::decode(self.body.as_slice()).unwrap()
    }
}

/// `google.rpc.Status`, written down once more, independently of the collector's.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
}

/// One span of a test's trace; the rest of the message is filled in.
pub struct TestSpan {
    pub trace: u8,
    pub id: u8,
    pub parent: u8,
    pub name: &'static str,
    pub start: u64,
    pub end: u64,
}

pub const SPAN: TestSpan = TestSpan { trace: 1, id: 1, parent: 0, name: "GET /", start: 1_000, end: 2_000 };

impl TestSpan {
    pub fn message(&self) -> Span {
        Span {
            trace_id: vec![self.trace; 16],
            span_id: vec![self.id; 8],
            parent_span_id: match self.parent {
                0 => Vec::new(),
                parent => vec![parent; 8],
            },
            name: self.name.into(),
            kind: 3,
            start_time_unix_nano: self.start,
            end_time_unix_nano: self.end,
            ..Default::default()
        }
    }
}

pub fn trace_id(trace: u8) -> String {
    format!("{trace:02x}").repeat(16)
}

/// A request of one service.
pub fn request(service: &str, spans: impl IntoIterator<Item = TestSpan>) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", Member::StringValue(service.into()))],
                ..Default::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope { name: "test".into(), ..Default::default() }),
                spans: spans.into_iter().map(|span| span.message()).collect(),
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

pub fn attribute(key: &str, value: Member) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
