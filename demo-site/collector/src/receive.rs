//! `POST /v1/traces` and `POST /v1/logs`: OTLP over HTTP.
//!
//! A request is read, inflated, decoded, freed of spans that cannot be stored, stored, and only then
//! answered; a copy goes to the other collector, if there is one.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};

use crate::App;
use crate::encoding::{Compression, Encoding, read_body};
use crate::ids::{TraceId, is_span_id};
use crate::otlp_json;
use crate::status::Refusal;
use crate::store::Payload;

pub(crate) async fn traces(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    receive::<ExportTraceServiceRequest>(&app, &headers, body).await
}

pub(crate) async fn logs(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    receive::<ExportLogsServiceRequest>(&app, &headers, body).await
}

async fn receive<S: Signal>(app: &App, headers: &HeaderMap, body: Body) -> Response {
    let encoding = match Encoding::of(headers) {
        Ok(encoding) => encoding,
        // There is no request's encoding to answer in: JSON is the one people read.
        Err(refusal) => return refusal.into_response(Encoding::Json),
    };
    match accept::<S>(app, encoding, headers, body).await {
        Ok(rejected) => {
            let body = match encoding {
                Encoding::Protobuf => S::response(rejected),
                Encoding::Json => S::json_response(rejected).to_string().into_bytes(),
            };
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, encoding.content_type());
            response
        }
        Err(refusal) => refusal.into_response(encoding),
    }
}

async fn accept<S: Signal>(
    app: &App,
    encoding: Encoding,
    headers: &HeaderMap,
    body: Body,
) -> Result<i64, Refusal> {
    let compression = Compression::of(headers)?;
    let body = read_body(headers, body).await?;
    // Megabytes to inflate and parse would stall everybody else on this thread.
    let forwarding = app.forwarder.is_some();
    let decoded = tokio::task::spawn_blocking(move || {
        let body = compression.inflate(body)?;
        let mut request = S::read(encoding, &body)?;
        let rejected = request.remove_invalid();
        let copy = (forwarding && !request.is_empty()).then(|| request.encode_to_vec());
        Ok((request, rejected, copy, body.len()))
    });
    let (request, rejected, copy, size) =
        decoded.await.unwrap_or_else(|_| Err(Refusal::unavailable("the request could not be decoded")))?;

    if !request.is_empty() {
        app.writer.store(request.into_payload(), size).await?;
    }
    if let (Some(forwarder), Some(copy)) = (&app.forwarder, copy) {
        forwarder.send(S::PATH, copy);
    }
    Ok(rejected)
}

/// What differs between traces and logs.
trait Signal: Message + Default + 'static {
    const PATH: &'static str;

    fn from_json(json: &[u8]) -> Result<Self, otlp_json::JsonError>;

    /// Takes out what cannot be stored, and the envelopes that this leaves empty; says how many records.
    fn remove_invalid(&mut self) -> i64;

    fn is_empty(&self) -> bool;

    fn into_payload(self) -> Payload;

    fn response(rejected: i64) -> Vec<u8>;

    fn json_response(rejected: i64) -> Value;

    fn read(encoding: Encoding, body: &Bytes) -> Result<Self, Refusal> {
        match encoding {
            Encoding::Protobuf => <Self as Message>::decode(body.clone())
                .map_err(|error| Refusal::malformed(format!("invalid protobuf: {error}"))),
            Encoding::Json => Self::from_json(body).map_err(|error| Refusal::malformed(error.to_string())),
        }
    }
}

impl Signal for ExportTraceServiceRequest {
    const PATH: &'static str = "/v1/traces";

    fn from_json(json: &[u8]) -> Result<Self, otlp_json::JsonError> {
        otlp_json::trace_request(json).map(|resource_spans| Self { resource_spans })
    }

    fn remove_invalid(&mut self) -> i64 {
        let mut rejected = 0;
        for group in &mut self.resource_spans {
            for scope in &mut group.scope_spans {
                let before = scope.spans.len();
                scope.spans.retain(has_valid_ids);
                rejected += before - scope.spans.len();
            }
            group.scope_spans.retain(|scope| !scope.spans.is_empty());
        }
        self.resource_spans.retain(|group| !group.scope_spans.is_empty());
        // A request has fewer spans than bytes.
        rejected as i64
    }

    fn is_empty(&self) -> bool {
        self.resource_spans.is_empty()
    }

    fn into_payload(self) -> Payload {
        Payload::Traces(self.resource_spans)
    }

    fn response(rejected: i64) -> Vec<u8> {
        ExportTraceServiceResponse {
            partial_success: (rejected > 0).then(|| ExportTracePartialSuccess {
                rejected_spans: rejected,
                error_message: REJECTED_SPANS.into(),
            }),
        }
        .encode_to_vec()
    }

    fn json_response(rejected: i64) -> Value {
        if rejected == 0 {
            return json!({});
        }
        json!({ "partialSuccess": {
            "rejectedSpans": rejected.to_string(),
            "errorMessage": REJECTED_SPANS,
        } })
    }
}

impl Signal for ExportLogsServiceRequest {
    const PATH: &'static str = "/v1/logs";

    fn from_json(json: &[u8]) -> Result<Self, otlp_json::JsonError> {
        otlp_json::logs_request(json).map(|resource_logs| Self { resource_logs })
    }

    fn remove_invalid(&mut self) -> i64 {
        let mut rejected = 0;
        for group in &mut self.resource_logs {
            for scope in &mut group.scope_logs {
                let before = scope.log_records.len();
                scope.log_records.retain(has_possible_ids);
                rejected += before - scope.log_records.len();
            }
            group.scope_logs.retain(|scope| !scope.log_records.is_empty());
        }
        self.resource_logs.retain(|group| !group.scope_logs.is_empty());
        rejected as i64
    }

    fn is_empty(&self) -> bool {
        self.resource_logs.is_empty()
    }

    fn into_payload(self) -> Payload {
        Payload::Logs(self.resource_logs)
    }

    fn response(rejected: i64) -> Vec<u8> {
        ExportLogsServiceResponse {
            partial_success: (rejected > 0).then(|| ExportLogsPartialSuccess {
                rejected_log_records: rejected,
                error_message: REJECTED_LOGS.into(),
            }),
        }
        .encode_to_vec()
    }

    fn json_response(rejected: i64) -> Value {
        if rejected == 0 {
            return json!({});
        }
        json!({ "partialSuccess": {
            "rejectedLogRecords": rejected.to_string(),
            "errorMessage": REJECTED_LOGS,
        } })
    }
}

/// An all-zero parent is how some SDKs write "none"; a parent of another length is a mistake.
fn has_valid_ids(span: &Span) -> bool {
    TraceId::from_bytes(&span.trace_id).is_some()
        && is_span_id(&span.span_id)
        && matches!(span.parent_span_id.len(), 0 | 8)
}

/// A log record may belong to no trace; all-zero ids say the same.
fn has_possible_ids(record: &LogRecord) -> bool {
    matches!(record.trace_id.len(), 0 | 16) && matches!(record.span_id.len(), 0 | 8)
}

const REJECTED_SPANS: &str = "a span needs a trace id of 16 bytes and a span id of 8, neither all zero, \
    and a parent span id of 8 bytes or none";
const REJECTED_LOGS: &str =
    "a log record needs a trace id of 16 bytes or none and a span id of 8 bytes or none";
