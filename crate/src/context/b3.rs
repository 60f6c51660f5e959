//! Zipkin's B3 headers, as one or as several (openzipkin/b3-propagation). Injected without
//! `ParentSpanId`, which only matters where client and server share a span id. The templates are filled by
//! [`Values`](super::Values).

use super::{RemoteContext, SpanId, TraceId};
use crate::sampling::Priority;
use crate::wire::text::take_part;

/// What B3 headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum B3 {
    /// A trace to continue.
    Context(RemoteContext),
    /// No ids: only what to do with the trace that begins here.
    Decision(Priority),
}

/// The values of the `X-B3-*` headers, empty where absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct B3Headers<'a> {
    pub trace_id: &'a str,
    pub span_id: &'a str,
    pub sampled: &'a str,
    pub flags: &'a str,
}

impl B3 {
    /// Reads `b3`, and the several headers if that is absent or malformed.
    pub fn parse(single: &str, several: &B3Headers) -> Option<Self> {
        Self::parse_single(single).or_else(|| Self::parse_several(several))
    }

    /// Reads `b3`: `{TraceId}-{SpanId}-{SamplingState}-{ParentSpanId}`, the last two optional, or the
    /// sampling state alone.
    pub fn parse_single(value: &str) -> Option<Self> {
        let mut rest = value.trim_ascii();
        let trace_id = take_part(&mut rest, b'-');
        if rest.is_empty() {
            return sampling_state(trace_id).map(Self::Decision);
        }
        let span_id = take_part(&mut rest, b'-');
        let state = take_part(&mut rest, b'-');
        let priority = sampling_state(state);
        let well_formed = (state.is_empty() || priority.is_some())
            && (rest.is_empty() || SpanId::parse(rest.as_bytes()).is_some());
        if well_formed { context(trace_id, span_id, priority) } else { None }
    }

    /// Reads the `X-B3-*` headers. `X-B3-Flags: 1` is debug and implies that the trace is sampled.
    pub fn parse_several(headers: &B3Headers) -> Option<Self> {
        let priority = match (headers.flags, headers.sampled) {
            ("1", _) => Some(Priority::Keep),
            // Tracers from before the specification.
            (_, "true") => Some(Priority::Accept),
            (_, "false") => Some(Priority::Reject),
            (_, sampled) => sampling_state(sampled).filter(|priority| !priority.is_manual()),
        };
        if headers.trace_id.is_empty() && headers.span_id.is_empty() {
            return priority.map(Self::Decision);
        }
        context(headers.trace_id, headers.span_id, priority)
    }
}

/// `b3`.
pub const SINGLE: &str = "b3\n$x-$s-$b";

/// The several headers. Debug implies sampled, which is then not sent.
pub fn several(priority: Priority) -> &'static str {
    match priority {
        Priority::Keep => "X-B3-TraceId\n$x\nX-B3-SpanId\n$s\nX-B3-Flags\n1",
        _ => "X-B3-TraceId\n$x\nX-B3-SpanId\n$s\nX-B3-Sampled\n$b",
    }
}

fn sampling_state(text: &str) -> Option<Priority> {
    match text.as_bytes() {
        b"0" => Some(Priority::Reject),
        b"1" => Some(Priority::Accept),
        b"d" => Some(Priority::Keep),
        _ => None,
    }
}

fn context(trace_id: &str, span_id: &str, priority: Option<Priority>) -> Option<B3> {
    let mut padded = [b'0'; 32];
    let trace_id = trace_id.as_bytes();
    if trace_id.len() == 16 {
        padded[16..].copy_from_slice(trace_id);
    }
    Some(B3::Context(RemoteContext {
        trace_id: TraceId::parse(if trace_id.len() == 16 { &padded } else { trace_id })?,
        span_id: SpanId::parse(span_id.as_bytes())?,
        priority,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::Values;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";
    const PARENT: &str = "05e3ac9a4f6e3b90";

    fn expected(trace_id: &str, priority: Option<Priority>) -> Option<B3> {
        Some(B3::Context(RemoteContext {
            trace_id: TraceId::parse(trace_id.as_bytes()).unwrap(),
            span_id: SpanId::parse(SPAN.as_bytes()).unwrap(),
            priority,
        }))
    }

    fn headers<'a>(trace_id: &'a str, span_id: &'a str, sampled: &'a str, flags: &'a str) -> B3Headers<'a> {
        B3Headers { trace_id, span_id, sampled, flags }
    }

    #[test]
    fn the_single_header_s_forms_are_read() {
        let short = format!("0000000000000000{}", &TRACE[16..]);
        for (text, trace_id, priority) in [
            (format!("{TRACE}-{SPAN}"), TRACE, None),
            (format!("{TRACE}-{SPAN}-1"), TRACE, Some(Priority::Accept)),
            (format!("{TRACE}-{SPAN}-0"), TRACE, Some(Priority::Reject)),
            (format!("{TRACE}-{SPAN}-d"), TRACE, Some(Priority::Keep)),
            (format!("{TRACE}-{SPAN}-1-{PARENT}"), TRACE, Some(Priority::Accept)),
            (format!("{}-{SPAN}-1", &TRACE[16..]), short.as_str(), Some(Priority::Accept)),
        ] {
            assert_eq!(B3::parse_single(&text), expected(trace_id, priority), "{text}");
        }
        for (text, priority) in [("0", Priority::Reject), ("1", Priority::Accept), ("d", Priority::Keep)] {
            assert_eq!(B3::parse_single(text), Some(B3::Decision(priority)));
        }
        for text in [
            String::new(),
            "2".into(),
            "b3".into(),
            TRACE.into(),
            format!("{TRACE}-{SPAN}-x"),
            format!("{TRACE}-{SPAN}-1-short"),
            format!("{TRACE}-{SPAN}-1-{PARENT}-1"),
            format!("{}-{SPAN}-1", TRACE.to_uppercase()),
            format!("{}-{SPAN}-1", &TRACE[1..]),
            format!("{TRACE}-{}-1", &SPAN[1..]),
            format!("{}-{SPAN}-1", "0".repeat(32)),
            format!("{}-{SPAN}-1", "0".repeat(16)),
            format!("{TRACE}-{}-1", "0".repeat(16)),
            format!("-{SPAN}-1"),
        ] {
            assert_eq!(B3::parse_single(&text), None, "{text}");
        }
    }

    #[test]
    fn the_several_headers_are_read() {
        for (sampled, flags, priority) in [
            ("", "", None),
            ("1", "", Some(Priority::Accept)),
            ("0", "", Some(Priority::Reject)),
            ("true", "", Some(Priority::Accept)),
            ("false", "", Some(Priority::Reject)),
            ("", "1", Some(Priority::Keep)),
            ("0", "1", Some(Priority::Keep)),
            ("1", "0", Some(Priority::Accept)),
            ("d", "", None),
            ("x", "", None),
        ] {
            assert_eq!(B3::parse_several(&headers(TRACE, SPAN, sampled, flags)), expected(TRACE, priority));
        }
        let decision = |sampled, flags| B3::parse_several(&headers("", "", sampled, flags));
        assert_eq!(decision("0", ""), Some(B3::Decision(Priority::Reject)));
        assert_eq!(decision("", "1"), Some(B3::Decision(Priority::Keep)));
        assert_eq!(decision("", ""), None);
        assert_eq!(B3::parse_several(&headers(TRACE, "", "1", "")), None);
        assert_eq!(B3::parse_several(&headers("", SPAN, "1", "")), None);
    }

    #[test]
    fn the_single_header_goes_first() {
        let headers = headers(TRACE, SPAN, "0", "");
        let single = format!("{TRACE}-{SPAN}-1");
        assert_eq!(B3::parse(&single, &headers), expected(TRACE, Some(Priority::Accept)));
        assert_eq!(B3::parse("", &headers), expected(TRACE, Some(Priority::Reject)));
        assert_eq!(B3::parse("malformed", &headers), expected(TRACE, Some(Priority::Reject)));
    }

    #[test]
    fn both_forms_are_written() {
        let written = |template: &str, trace_id: &str, priority| {
            let mut out = Vec::new();
            let trace_id = TraceId::parse(trace_id.as_bytes()).unwrap();
            Values { trace_id, span_id: SpanId::parse(SPAN.as_bytes()).unwrap(), priority }
                .write(template, &mut out);
            String::from_utf8(out).unwrap()
        };
        let short = format!("0000000000000000{}", &TRACE[16..]);
        for (priority, state) in
            [(Priority::Drop, "0"), (Priority::Reject, "0"), (Priority::Accept, "1"), (Priority::Keep, "d")]
        {
            assert_eq!(written(SINGLE, TRACE, priority), format!("b3\n{TRACE}-{SPAN}-{state}"));
            let last = if state == "d" { "Flags\n1".into() } else { format!("Sampled\n{state}") };
            assert_eq!(
                written(several(priority), TRACE, priority),
                format!("X-B3-TraceId\n{TRACE}\nX-B3-SpanId\n{SPAN}\nX-B3-{last}")
            );
        }
        assert_eq!(written(SINGLE, &short, Priority::Accept), format!("b3\n{}-{SPAN}-1", &TRACE[16..]));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(single: String, trace_id: String, span_id: String, sampled: String) {
            B3::parse(&single, &headers(&trace_id, &span_id, &sampled, ""));
        }

        #[test]
        fn near_misses_never_panic(single in "[0-9a-f]{15,33}-[0-9a-f]{15,17}(-[01d2])?(-[0-9a-f]{16})?") {
            B3::parse_single(&single);
        }

        #[test]
        fn what_is_written_is_read_back(high: u64, low: u64, span in 1u64.., state in 0i8..3) {
            prop_assume!(high != 0 || low != 0);
            let priority = [Priority::Reject, Priority::Accept, Priority::Keep][state as usize];
            let context = RemoteContext {
                trace_id: TraceId::of_halves(high, low).unwrap(),
                span_id: SpanId::of_number(span).unwrap(),
                priority: Some(priority),
            };
            let RemoteContext { trace_id, span_id, .. } = context;
            let values = Values { trace_id, span_id, priority };
            let mut out = Vec::new();
            values.write(SINGLE, &mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(B3::parse_single(text.strip_prefix("b3\n").unwrap()), Some(B3::Context(context)));
            let mut out = Vec::new();
            values.write(several(priority), &mut out);
            let text = String::from_utf8(out).unwrap();
            let lines: Vec<_> = text.split('\n').collect();
            let (sampled, flags) = if lines[4] == "X-B3-Flags" { ("", lines[5]) } else { (lines[5], "") };
            let headers = headers(lines[1], lines[3], sampled, flags);
            prop_assert_eq!(B3::parse_several(&headers), Some(B3::Context(context)));
        }
    }
}
