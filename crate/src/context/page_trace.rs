//! The trace of the server that rendered the page, as Datadog's server libraries leave it in the HTML:
//! `<meta name="dd-trace-id">` with `<meta name="dd-trace-time">`, or a comment
//! `<!-- DATADOG;trace-id=…;trace-time=… -->` (browser-sdk `getDocumentTraceId.ts`).
//!
//! HTML from a cache names the trace of another page view. So the time counts: what was rendered two
//! minutes before the navigation began, or earlier, is ignored. The same guard serves a
//! `pageLoadTraceTime` of anybody else.

use super::{TraceId, member};
use crate::wire::text::decimal;

/// Reads the contents of the two `<meta>` elements. The id is decimal, with 64 bits, or has 32 hex
/// digits; `navigation_start` is in Unix milliseconds, like the time. Both must be there.
pub fn of_meta(trace_id: &str, trace_time: &str, navigation_start: f64) -> Option<TraceId> {
    if !is_fresh(decimal(trace_time)? as f64, navigation_start) {
        return None;
    }
    TraceId::parse(trace_id.trim_ascii().as_bytes()).or_else(|| TraceId::of_halves(0, decimal(trace_id)?))
}

/// Reads the text of an HTML comment.
pub fn of_comment(comment: &str, navigation_start: f64) -> Option<TraceId> {
    let list = comment.trim_ascii().strip_prefix("DATADOG;")?;
    let value = |key| member::value(key, b'=', list);
    of_meta(value("trace-id"), value("trace-time"), navigation_start)
}

/// Whether a page rendered at `trace_time` may belong to the navigation that began at `navigation_start`,
/// both in Unix milliseconds.
pub fn is_fresh(trace_time: f64, navigation_start: f64) -> bool {
    trace_time > navigation_start - TOO_OLD
}

const TOO_OLD: f64 = 120_000.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: f64 = 1_760_000_000_000.0;

    #[test]
    fn both_elements_make_a_trace() {
        let expected = TraceId::parse(b"00000000000000008448eb211c80319c");
        assert_eq!(of_meta("9532127138774266268", "1760000000500", NOW), expected);
        let hex = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(of_meta(hex, "1760000000500", NOW), TraceId::parse(hex.as_bytes()));
        for (trace_id, trace_time) in [
            ("", "1760000000500"),
            ("0", "1760000000500"),
            ("18446744073709551616", "1760000000500"),
            ("8448eb211c80319c", "1760000000500"),
            ("00000000000000000000000000000000", "1760000000500"),
            ("1", ""),
            ("1", "0"),
            ("1", "soon"),
        ] {
            assert_eq!(of_meta(trace_id, trace_time, NOW), None, "{trace_id} {trace_time}");
        }
    }

    #[test]
    fn two_minutes_before_the_navigation_is_too_old() {
        assert_eq!(of_meta("1", "1759999880000", NOW), None);
        assert!(of_meta("1", "1759999880001", NOW).is_some());
        assert!(!is_fresh(f64::NAN, NOW));
    }

    #[test]
    fn comments_are_read() {
        let expected = TraceId::of_halves(0, 123);
        for text in [
            "DATADOG;trace-id=123;trace-time=1760000000000",
            " \n DATADOG;trace-id=123;trace-time=1760000000000\n",
            "DATADOG; trace-time = 1760000000000 ; other ; trace-id = 123 ;",
        ] {
            assert_eq!(of_comment(text, NOW), expected, "{text}");
        }
        for text in [
            "",
            "DATADOG",
            "DATADOG;",
            "datadog;trace-id=123;trace-time=1760000000000",
            "x DATADOG;trace-id=123;trace-time=1760000000000",
            "DATADOG;trace-id=123",
            "DATADOG;trace-time=1760000000000",
            "DATADOG;trace-id=123;trace-time=1750000000000",
        ] {
            assert_eq!(of_comment(text, NOW), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(a: String, b: String, now: f64) {
            of_meta(&a, &b, now);
            of_comment(&a, now);
        }

        #[test]
        fn near_misses_never_panic(text in "DATADOG;(trace-(id|time)? ?=? ?[0-9é]{0,4};?){0,4}") {
            of_comment(&text, 0.0);
        }
    }
}
