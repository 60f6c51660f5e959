//! What a collector says of single spans: OTLP's `partial_success`, and the body of Elastic's 400.

use crate::wire::reader::{Value, bytes, field};
use crate::wire::text::{decimal, find_text, utf8};

/// How many of `sent` spans the collector has taken. `taken`: whether its status says that it has taken all.
pub fn accepted(body: &[u8], sent: u32, taken: bool) -> u32 {
    let text = utf8(body);
    let all = if taken { sent } else { 0 };
    let accepted = if body.first() == Some(&b'{') {
        match (number_behind(text, "\"rejectedSpans\":"), number_behind(text, "\"accepted\":")) {
            (Some(rejected), _) => u64::from(all).saturating_sub(rejected),
            // Elastic's transactions round requests count, too.
            (_, Some(accepted)) => accepted.min(u64::from(sent)),
            _ => return all,
        }
    } else {
        // `ExportTraceServiceResponse.partial_success.rejected_spans`
        u64::from(all).saturating_sub(field(bytes(body, 1), 1).map_or(0, Value::number))
    };
    accepted as u32
}

fn number_behind(text: &str, name: &str) -> Option<u64> {
    let rest = text[find_text(text, name)? + name.len()..].trim_ascii_start();
    let rest = rest.strip_prefix("\"").unwrap_or(rest);
    decimal(&rest[..rest.bytes().take_while(u8::is_ascii_digit).count()])
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message;

    use super::*;

    #[test]
    fn both_forms_of_partial_success_are_read() {
        let error_message = String::from("too old");
        let partial_success = Some(ExportTracePartialSuccess { rejected_spans: 300, error_message });
        let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
        assert_eq!(accepted(&body, 1_000, true), 700);
        assert_eq!(accepted(&body, 200, true), 0);
        for (body, expected) in [
            ("", 10),
            ("{}", 10),
            (r#"{"partialSuccess":null}"#, 10),
            (r#"{"partialSuccess":{}}"#, 10),
            (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"é"}}"#, 7),
            (r#"{"partialSuccess":{"rejectedSpans": 4}}"#, 6),
            ("<html>", 10),
        ] {
            assert_eq!(accepted(body.as_bytes(), 10, true), expected, "{body}");
        }
        assert_eq!(accepted(b"{\"partialSuccess\":{}}", 10, false), 0);
    }

    #[test]
    fn elastic_s_servers_take_the_good_ones() {
        assert_eq!(accepted(br#"{"accepted":4,"errors":[{"message":"m","document":"d"}]}"#, 5, false), 4);
        assert_eq!(accepted(br#"{"accepted":40}"#, 5, true), 5);
        assert_eq!(accepted(b"bad gateway", 5, false), 0);
    }
}
