//! From spans to the bytes that a collector reads.
//!
//! Ended spans wait as OTLP protobuf, which is what most collectors get: encoded once, and sent as they are.

pub mod elastic;
pub mod otlp_json;
pub mod otlp_protobuf;

/// What the collector speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP as protobuf.
    Protobuf,
    /// OTLP as JSON.
    Json,
    /// Elastic's intake, version 2.
    Elastic,
}

impl Protocol {
    /// The one that the build is for.
    pub const DEFAULT: Self =
        if cfg!(all(feature = "elastic", not(feature = "full"))) { Self::Elastic } else { Self::Protobuf };

    /// A collector on this machine: the default port of OTLP over HTTP, or of Elastic's APM server.
    pub fn default_url(self) -> &'static str {
        if cfg!(feature = "elastic") && self == Self::Elastic {
            "http://localhost:8200"
        } else {
            "http://localhost:4318"
        }
    }

    /// The path of traces.
    pub fn path(self) -> &'static str {
        if cfg!(feature = "elastic") && self == Self::Elastic {
            "/intake/v2/rum/events"
        } else {
            "/v1/traces"
        }
    }

    /// The media type of a body.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json if cfg!(feature = "json") => "application/json",
            Self::Elastic if cfg!(feature = "elastic") => "application/x-ndjson",
            _ => "application/x-protobuf",
        }
    }
}

/// Writes a body for the field `ResourceSpans.resource` and the fields `ScopeSpans.spans`. `format` writes a number as
/// JavaScript does.
pub fn write_body(
    protocol: Protocol,
    resource: &[u8],
    spans: &[u8],
    format: &dyn Fn(f64, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    if cfg!(feature = "elastic") && protocol == Protocol::Elastic {
        elastic::write_request(resource, spans, format, out);
        return;
    }
    let mut message = Vec::new();
    otlp_protobuf::write_request(resource, spans, &mut message);
    if cfg!(feature = "json") && protocol == Protocol::Json {
        otlp_json::transcode(&message, otlp_json::REQUEST, format, out);
    } else {
        *out = message;
    }
}
