//! The back end's own traces: `tracing` spans, exported as OTLP protobuf to the demo's collector.
//!
//! The shop and the API run in one process but are two services to a trace. So each has its own provider, resource
//! and [`Dispatch`], and a request runs under the one of the origin it came in at. Nothing global is set, which also
//! lets tests run several demos side by side.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// The tracing of one service.
pub(crate) struct Telemetry {
    provider: SdkTracerProvider,
    dispatch: Dispatch,
}

impl Telemetry {
    /// Starts tracing for `service`; needs a running Tokio runtime.
    pub(crate) fn start(service: &'static str, collector: &str) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(RuntimeClient::new(Handle::current()))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{collector}/v1/traces"))
            .with_timeout(EXPORT_TIMEOUT)
            .build()?;
        let batch = BatchSpanProcessor::builder(exporter)
            .with_batch_config(BatchConfigBuilder::default().with_scheduled_delay(EXPORT_DELAY).build())
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(batch)
            // The caller decides; what starts here is recorded.
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
            .with_resource(
                Resource::builder()
                    .with_service_name(service)
                    .with_attributes([
                        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                        KeyValue::new("service.namespace", "headwater-demo"),
                        KeyValue::new("deployment.environment.name", "demo"),
                    ])
                    .build(),
            )
            .build();

        let tracer = provider.tracer_with_scope(
            InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        );
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            // Our spans only: the libraries below talk about themselves too.
            .with_filter(Targets::new().with_target("headwater_demo", LevelFilter::INFO));

        Ok(Self { provider, dispatch: Dispatch::new(Registry::default().with(layer)) })
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// Sends what is still waiting. The collector must be running.
    pub(crate) async fn stop(self) {
        // The batch thread needs this runtime to send, so the wait for it must not block a worker.
        let stopping = tokio::task::spawn_blocking(move || {
            // A collector that went away first is no reason to complain at the very end.
            let _ = self.provider.shutdown_with_timeout(STOP_TIMEOUT);
        });
        let _ = stopping.await;
    }
}

/// An HTTP client that the exporter may use from its own thread.
///
/// The batch processor drives exports on a plain thread; hyper wants Tokio. So the request is handed to the runtime
/// and only its result is awaited.
#[derive(Debug)]
struct RuntimeClient {
    runtime: Handle,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl RuntimeClient {
    fn new(runtime: Handle) -> Self {
        Self { runtime, client: Client::builder(TokioExecutor::new()).build_http() }
    }
}

#[async_trait]
impl HttpClient for RuntimeClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sending = self.client.request(request.map(Full::new));
        let exchange = async move {
            let (parts, body) = sending.await?.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        self.runtime.spawn(async move { tokio::time::timeout(EXPORT_TIMEOUT, exchange).await }).await??
    }
}

/// Short, so that a trace can be looked at while the page is still open.
const EXPORT_DELAY: Duration = Duration::from_millis(500);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
const STOP_TIMEOUT: Duration = Duration::from_millis(300);
