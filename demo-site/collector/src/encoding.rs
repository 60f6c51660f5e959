//! How a request's body is written: protobuf or JSON, plain or gzipped.

use std::error::Error;
use std::io::Read;

use axum::body::{self, Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, header};
use flate2::read::MultiGzDecoder;
use http_body_util::LengthLimitError;

use crate::status::Refusal;

/// One of OTLP/HTTP's two encodings; the answer uses the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// Reads `Content-Type`, whose parameters (`; charset=utf-8`) do not matter.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let content_type = text(headers, header::CONTENT_TYPE);
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-protobuf") {
            Ok(Self::Protobuf)
        } else if media_type.eq_ignore_ascii_case("application/json") {
            Ok(Self::Json)
        } else {
            Err(Refusal::unsupported(format!(
                "content type {content_type:?} is neither application/x-protobuf nor application/json"
            )))
        }
    }

    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

/// Whether a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
}

impl Compression {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let coding = text(headers, header::CONTENT_ENCODING);
        match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            _ => Err(Refusal::unsupported(format!(
                "content encoding {coding:?} is not supported: use gzip or none"
            ))),
        }
    }

    /// Undoes the compression. The cap holds for the result, so that a small body cannot unfold into the
    /// machine's whole memory.
    pub(crate) fn inflate(self, body: Bytes) -> Result<Bytes, Refusal> {
        if self == Self::Identity {
            return Ok(body);
        }
        let mut inflated = Vec::new();
        MultiGzDecoder::new(body.as_ref())
            .take(BODY_LIMIT as u64 + 1)
            .read_to_end(&mut inflated)
            .map_err(|error| Refusal::malformed(format!("invalid gzip: {error}")))?;
        if inflated.len() > BODY_LIMIT {
            return Err(over_limit());
        }
        Ok(inflated.into())
    }
}

/// Reads a body off the wire, up to the cap. A body that announces too much is refused unread.
pub(crate) async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let announced = text(headers, header::CONTENT_LENGTH).parse::<u64>();
    if announced.is_ok_and(|length| length > BODY_LIMIT as u64) {
        return Err(over_limit());
    }
    body::to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        if error.source().is_some_and(|cause| cause.is::<LengthLimitError>()) {
            over_limit()
        } else {
            Refusal::malformed(format!("the body could not be read: {error}"))
        }
    })
}

fn over_limit() -> Refusal {
    Refusal::too_large(format!("the body exceeds {} MiB", BODY_LIMIT >> 20))
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// OTLP's own advice for the size of a request, on the wire and inflated.
pub(crate) const BODY_LIMIT: usize = 64 << 20;
