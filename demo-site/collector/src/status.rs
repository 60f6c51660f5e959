//! The answer to a request that was refused: `google.rpc.Status`, in the request's encoding.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use prost::Message;
use serde_json::json;

use crate::encoding::Encoding;

/// Why a request was not accepted, as HTTP and as gRPC put it.
#[derive(Debug)]
pub(crate) struct Refusal {
    http: StatusCode,
    code: i32,
    message: String,
}

impl Refusal {
    /// The bytes are not what the headers say. Never retried by clients.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { http: StatusCode::BAD_REQUEST, code: INVALID_ARGUMENT, message: message.into() }
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self { http: StatusCode::UNSUPPORTED_MEDIA_TYPE, code: INVALID_ARGUMENT, message: message.into() }
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self { http: StatusCode::PAYLOAD_TOO_LARGE, code: RESOURCE_EXHAUSTED, message: message.into() }
    }

    /// Come back later: the only refusal that OTLP clients retry.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { http: StatusCode::SERVICE_UNAVAILABLE, code: UNAVAILABLE, message: message.into() }
    }

    pub(crate) fn into_response(self, encoding: Encoding) -> Response {
        let body = match encoding {
            Encoding::Protobuf => RpcStatus { code: self.code, message: self.message }.encode_to_vec(),
            Encoding::Json => json!({ "code": self.code, "message": self.message }).to_string().into_bytes(),
        };

        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.http;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, encoding.content_type());
        if self.http == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// ```text
/// google.rpc.Status   1 code int32(0)   2 message string(2)   3 details Any(2,rep; never sent)
/// ```
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

const INVALID_ARGUMENT: i32 = 3;
const RESOURCE_EXHAUSTED: i32 = 8;
const UNAVAILABLE: i32 = 14;
