//! From spans to the bytes that a collector reads.
//!
//! Ended spans, and events, wait as OTLP protobuf, which is what most collectors get: encoded once, and sent as they are.

#[cfg(feature = "elastic")]
pub mod elastic;
pub mod otlp_json;
pub mod otlp_protobuf;
#[cfg(feature = "elastic")]
mod stack;

use crate::wire::protobuf::field_end;
use otlp_protobuf::{EVENT_TAG, SPAN_TAG};

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

    /// The path of traces; [`LOGS_PATH`] is that of events.
    pub fn path(self) -> &'static str {
        if cfg!(feature = "elastic") && self == Self::Elastic { "/intake/v2/rum/events" } else { TRACES_PATH }
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

/// OTLP's default path of traces.
pub const TRACES_PATH: &str = "/v1/traces";
/// OTLP's default path of logs.
pub const LOGS_PATH: &str = "/v1/logs";

/// Whether it is events that a body is to be written for.
pub fn are_events(items: &[u8]) -> bool {
    cfg!(feature = "events") && items.first() == Some(&EVENT_TAG)
}

/// Writes a body for the field `ResourceSpans.resource` and either spans or events, as `otlp_protobuf` wrote them.
/// `format` writes a number as JavaScript does.
pub fn write_body(
    protocol: Protocol,
    resource: &[u8],
    items: &[u8],
    format: &dyn Fn(f64, &mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    #[cfg(feature = "elastic")]
    if protocol == Protocol::Elastic {
        elastic::write_request(resource, items, format, out);
        return;
    }
    let mut message = Vec::new();
    let are_events = are_events(items);
    if are_events {
        let mut records = Vec::from(items);
        let mut at = 0;
        while let Some(end) = field_end(&records, at) {
            records[at] = SPAN_TAG;
            at = end;
        }
        otlp_protobuf::write_request(resource, &records, &mut message);
    } else {
        otlp_protobuf::write_request(resource, items, &mut message);
    }
    if cfg!(feature = "json") && protocol == Protocol::Json {
        let table = if are_events { otlp_json::LOGS } else { otlp_json::TRACES };
        otlp_json::transcode(&message, table, format, out);
    } else {
        *out = message;
    }
}
