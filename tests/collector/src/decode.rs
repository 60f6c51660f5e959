//! What spans a request has, and which of the test's numbers each of them carries.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message;
use serde_json::Value;

/// A request of the test's that a span tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `r` of its URL, or nothing.
    pub run: String,
    /// `n` of its URL.
    pub number: u64,
}

/// The spans (or log records) of a request, in their order; `None` is one without a number.
pub type Spans = Vec<Option<Mark>>;

/// Whose language a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OTLP's traces.
    Traces,
    /// OTLP's logs.
    Logs,
    /// Elastic's intake of browsers' events.
    Elastic,
    /// Sentry's envelopes.
    Sentry,
}

impl Dialect {
    /// By the path that a request came to.
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "/v1/traces" => Some(Self::Traces),
            "/v1/logs" => Some(Self::Logs),
            "/intake/v2/rum/events" => Some(Self::Elastic),
            _ => {
                let project = path.strip_prefix("/api/")?.strip_suffix("/envelope/")?;
                (!project.contains('/')).then_some(Self::Sentry)
            }
        }
    }

    /// Reads a body; an error is what a collector would say with a 400.
    pub fn read(self, content_type: &str, body: &[u8]) -> Result<Spans, String> {
        let json = is_json(content_type);
        match self {
            Self::Traces | Self::Logs if !json && !content_type.starts_with("application/x-protobuf") => {
                Err(format!("{content_type:?} is no content type of OTLP"))
            }
            Self::Traces if json => otlp_json(body, ["resourceSpans", "scopeSpans", "spans"]),
            Self::Logs if json => otlp_json(body, ["resourceLogs", "scopeLogs", "logRecords"]),
            Self::Traces => {
                let request = ExportTraceServiceRequest::decode(body).map_err(|error| error.to_string())?;
                let scopes = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
                let spans = scopes.flat_map(|scope| &scope.spans);
                Ok(spans.map(|span| first(urls(&span.attributes))).collect())
            }
            Self::Logs => {
                let request = ExportLogsServiceRequest::decode(body).map_err(|error| error.to_string())?;
                let scopes = request.resource_logs.iter().flat_map(|group| &group.scope_logs);
                let records = scopes.flat_map(|scope| &scope.log_records);
                Ok(records.map(|record| first(urls(&record.attributes))).collect())
            }
            Self::Elastic => elastic(body),
            Self::Sentry => sentry(body),
        }
    }
}

/// Whether the parameters' owner says JSON.
pub fn is_json(content_type: &str) -> bool {
    content_type.starts_with("application/json")
}

/// Undoes `Content-Encoding`.
pub fn inflate(encoding: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
    match encoding {
        "" | "identity" => Ok(body),
        "gzip" => {
            let mut inflated = Vec::new();
            let read = MultiGzDecoder::new(body.as_slice()).read_to_end(&mut inflated);
            read.map(|_| inflated).map_err(|error| error.to_string())
        }
        _ => Err(format!("{encoding:?} is not supported")),
    }
}

fn urls(attributes: &[KeyValue]) -> impl Iterator<Item = &str> {
    attributes.iter().filter(|attribute| is_url(&attribute.key)).filter_map(|attribute| {
        match attribute.value.as_ref()?.value.as_ref()? {
            any_value::Value::StringValue(text) => Some(text.as_str()),
            _ => None,
        }
    })
}

fn otlp_json(body: &[u8], names: [&str; 3]) -> Result<Spans, String> {
    let request: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let [groups, scopes, items] = names;
    let scopes = list(&request, groups).iter().flat_map(|group| list(group, scopes));
    let items = scopes.flat_map(|scope| list(scope, items));
    Ok(items
        .map(|item| {
            let attributes = list(item, "attributes").iter();
            first(
                attributes
                    .filter(|attribute| attribute["key"].as_str().is_some_and(is_url))
                    .filter_map(|attribute| attribute["value"]["stringValue"].as_str()),
            )
        })
        .collect())
}

/// Lines of `{"metadata":…}`, `{"transaction":…}`, `{"span":…}`; only spans are requests.
fn elastic(body: &[u8]) -> Result<Spans, String> {
    let mut spans = Vec::new();
    for (index, line) in lines(body).enumerate() {
        let event: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        if index == 0 && event.get("metadata").is_none() {
            return Err("the first line is no metadata".to_owned());
        }
        if let Some(span) = event.get("span") {
            spans.push(first(span["context"]["http"]["url"].as_str().into_iter()));
        }
    }
    Ok(spans)
}

/// A line of headers, then a line of headers and one of payload for each item, or as many bytes as it says.
fn sentry(body: &[u8]) -> Result<Spans, String> {
    let mut spans = Vec::new();
    let mut rest = body;
    let mut line = || -> Option<(Value, &[u8])> {
        let (header, behind) = split(rest);
        let header: Value = serde_json::from_slice(header).ok()?;
        let length = header["length"].as_u64().map(|length| length as usize);
        let (payload, next) = match length {
            Some(length) => (behind.get(..length)?, behind.get(length + 1..).unwrap_or_default()),
            None if header.get("type").is_some() => split(behind),
            None => (&b""[..], behind),
        };
        rest = next;
        Some((header, payload))
    };
    line().ok_or("the envelope has no header")?;
    while let Some((header, payload)) = line() {
        // Spans come in a transaction, or, since version 11, in a list without one.
        let (name, attributes, value): (_, _, fn(&Value) -> Option<&str>) = match header["type"].as_str() {
            Some("transaction") => ("spans", "data", Value::as_str),
            Some("span") => ("items", "attributes", |attribute| attribute["value"].as_str()),
            _ => continue,
        };
        let item: Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
        for span in list(&item, name) {
            let texts = span[attributes].as_object().into_iter().flat_map(|own| own.values());
            spans.push(first(texts.filter_map(value).chain(span["description"].as_str())));
        }
    }
    Ok(spans)
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn split(body: &[u8]) -> (&[u8], &[u8]) {
    match body.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&body[..end], &body[end + 1..]),
        None => (body, b""),
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn is_url(key: &str) -> bool {
    matches!(key, "url.full" | "http.url")
}

/// The first number there is: a span whose attributes repeat it is one span still.
fn first<'a>(mut texts: impl Iterator<Item = &'a str>) -> Option<Mark> {
    texts.find_map(mark)
}

fn mark(text: &str) -> Option<Mark> {
    let (_, query) = text.split_once('?')?;
    let query = query.split(['#', ' ']).next()?;
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let number = value("n")?.parse().ok()?;
    Some(Mark { run: value("r").unwrap_or_default().to_owned(), number })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(run: &str, number: u64) -> Option<Mark> {
        Some(Mark { run: run.to_owned(), number })
    }

    #[test]
    fn a_number_is_read_from_the_query_only() {
        assert_eq!(mark("http://a.example/ok?r=x-1&n=12"), numbered("x-1", 12));
        assert_eq!(mark("GET http://a.example/ok?n=3&r=x#n=4"), numbered("x", 3));
        assert_eq!(mark("?n=3"), numbered("", 3));
        for without in ["http://a.example/n=1", "http://a.example/?mn=1", "http://a.example/?n=x", "n=1"] {
            assert_eq!(mark(without), None, "{without}");
        }
    }

    #[test]
    fn a_path_tells_the_dialect() {
        assert_eq!(Dialect::of("/v1/traces"), Some(Dialect::Traces));
        assert_eq!(Dialect::of("/v1/logs"), Some(Dialect::Logs));
        assert_eq!(Dialect::of("/intake/v2/rum/events"), Some(Dialect::Elastic));
        assert_eq!(Dialect::of("/api/42/envelope/"), Some(Dialect::Sentry));
        for other in ["/", "/v1/traces/", "/v1/metrics", "/api/envelope/", "/api/1/2/envelope/"] {
            assert_eq!(Dialect::of(other), None, "{other}");
        }
    }

    #[test]
    fn an_envelope_s_payload_may_have_lines_of_its_own() {
        let transaction =
            "{\"spans\":[\n{\"description\":\"GET /ok\",\"data\":{\"http.query\":\"?n=1&r=s\"}}]}";
        let body = format!(
            "{{\"dsn\":\"x\"}}\n{{\"type\":\"session\"}}\n{{\"n\":9}}\n\
             {{\"type\":\"transaction\",\"length\":{}}}\n{transaction}\n",
            transaction.len()
        );
        assert_eq!(Dialect::Sentry.read("", body.as_bytes()), Ok(vec![numbered("s", 1)]));
        let list =
            "{\"type\":\"span\"}\n{\"items\":[{\"attributes\":{\"url.full\":{\"value\":\"/ok?n=2\"}}},{}]}";
        let body = format!("{{}}\n{list}");
        assert_eq!(Dialect::Sentry.read("", body.as_bytes()), Ok(vec![numbered("", 2), None]));
        assert!(Dialect::Sentry.read("", b"nonsense").is_err());
    }

    #[test]
    fn elastic_s_transactions_are_no_requests() {
        let body = br#"{"metadata":{}}
{"transaction":{"name":"GET /ok","context":{"http":{"url":"/ok?n=1"}}}}
{"span":{"name":"GET /ok","context":{"http":{"url":"/ok?n=2"}}}}
{"span":{"name":"parsing"}}
"#;
        assert_eq!(Dialect::Elastic.read("application/x-ndjson", body), Ok(vec![numbered("", 2), None]));
        assert!(Dialect::Elastic.read("", b"{\"span\":{}}\n").is_err());
    }
}
