//! Datadog's propagation: the `x-datadog-*` headers, whose trace id is the lower half in decimal, and the
//! `dd` member of `tracestate` (browser-sdk `tracer.ts`; dd-trace-js
//! `packages/dd-trace/src/opentracing/propagation/text_map.js` and `tracestate.js`).

use super::template::Values;
use super::{RemoteContext, SpanId, TraceId, member};
use crate::sampling::Priority;
use crate::wire::hex;
use crate::wire::text::{decimal, take_part};

/// The values of the `x-datadog-*` headers, empty where absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct DatadogHeaders<'a> {
    pub trace_id: &'a str,
    pub parent_id: &'a str,
    pub sampling_priority: &'a str,
    pub tags: &'a str,
}

impl DatadogHeaders<'_> {
    /// Reads the headers; a malformed priority or tag is as absent.
    pub fn parse(&self) -> Option<RemoteContext> {
        let low = decimal(self.trace_id)?;
        let mut high = 0;
        let mut rest = self.tags;
        while !rest.is_empty() {
            let mut value = take_part(&mut rest, b',').trim_ascii();
            if take_part(&mut value, b'=') == UPPER_HALF {
                high = hex::read(value.as_bytes()).map_or(0, u64::from_be_bytes);
            }
        }
        Some(RemoteContext {
            // The lower half alone must not be zero: it is the id for most of Datadog.
            trace_id: if low == 0 { None } else { TraceId::of_halves(high, low) }?,
            span_id: SpanId::of_number(decimal(self.parent_id)?)?,
            priority: Priority::parse(self.sampling_priority.trim_ascii()),
        })
    }
}

/// Appends the headers, unless the lower half of the trace id is zero, which is no id to Datadog. Without the tag for the upper half a tracer that reads `traceparent`, too, takes
/// the two for different traces.
pub fn write_headers(values: &Values, out: &mut Vec<u8>) {
    if values.trace_id.halves().1 == 0 {
        return;
    }
    values.write_headers(
        "x-datadog-origin\nrum\nx-datadog-parent-id\n$d\nx-datadog-sampling-priority\n$p\nx-datadog-trace-id\n$l",
        out,
    );
    if values.trace_id.halves().0 != 0 {
        values.write_headers("x-datadog-tags\n_dd.p.tid=$u", out);
    }
}

/// Appends the `tracestate` member to the list at `start`; pairs of an `existing` one are kept that do not
/// say what ours say, or what `traceparent` does.
pub fn write_member(values: &Values, existing: &str, start: usize, out: &mut Vec<u8>) {
    let mut ours = Vec::new();
    values.write("s:$p;o:rum;p:$s", &mut ours);
    let mut replaced = "s o p t.tid";
    // The decision maker: 4 is a person. Another one stays, as it is the caller's.
    if values.priority.is_manual() && member::value("t.dm", b':', existing).is_empty() {
        ours.extend_from_slice(b";t.dm:-4");
        replaced = "s o p t.tid t.dm";
    }
    member::write(KEY, &ours, replaced, existing, start, out);
}

/// What the `tracestate` member says was decided, if it does; see [`Priority::under_flag`].
pub fn priority(member: &str) -> Option<Priority> {
    Priority::parse(member::value("s", b':', member))
}

/// The `tracestate` member's key.
pub const KEY: &str = "dd";

/// The tag that holds the upper 64 bits of the trace id in hexadecimal.
const UPPER_HALF: &str = "_dd.p.tid";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &[u8] = b"0af7651916cd43dd8448eb211c80319c";
    const SPAN: &[u8] = b"b7ad6b7169203331";

    fn headers(trace_id: TraceId, priority: Priority) -> String {
        let mut out = Vec::new();
        write_headers(&Values { trace_id, span_id: SpanId::parse(SPAN).unwrap(), priority }, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn member(priority: Priority, existing: &str) -> String {
        let mut out = Vec::new();
        let trace_id = TraceId::parse(TRACE).unwrap();
        let values = Values { trace_id, span_id: SpanId::parse(SPAN).unwrap(), priority };
        write_member(&values, existing, 0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_headers_are_those_of_browser_sdk() {
        let short = TraceId::parse(b"00000000000000008448eb211c80319c").unwrap();
        let four = "x-datadog-origin\nrum\nx-datadog-parent-id\n13235353014750950193\n\
                    x-datadog-sampling-priority\n1\nx-datadog-trace-id\n9532127138774266268";
        assert_eq!(headers(short, Priority::Accept), four);
        assert_eq!(
            headers(TraceId::parse(TRACE).unwrap(), Priority::Accept),
            format!("{four}\nx-datadog-tags\n_dd.p.tid=0af7651916cd43dd")
        );
        assert!(headers(short, Priority::Drop).contains("sampling-priority\n-1\n"));
    }

    /// As dd-trace 5.132.0 and 6.21.0 extract it.
    #[test]
    fn the_member_says_priority_origin_and_parent() {
        assert_eq!(member(Priority::Accept, ""), "dd=s:1;o:rum;p:b7ad6b7169203331");
        assert_eq!(member(Priority::Reject, ""), "dd=s:0;o:rum;p:b7ad6b7169203331");
        assert_eq!(member(Priority::Keep, ""), "dd=s:2;o:rum;p:b7ad6b7169203331;t.dm:-4");
        assert_eq!(member(Priority::Drop, ""), "dd=s:-1;o:rum;p:b7ad6b7169203331;t.dm:-4");
        assert_eq!(
            member(Priority::Keep, "t.tid:0af7651916cd43dd;s:2;o:synthetics;p:1;t.dm:-3;t.usr.id:x"),
            "dd=t.dm:-3;t.usr.id:x;s:2;o:rum;p:b7ad6b7169203331"
        );
        assert_eq!(priority("s:2;o:rum"), Some(Priority::Keep));
        assert_eq!(priority("o:rum"), None);
        assert_eq!(priority("s:7"), None);
    }

    #[test]
    fn headers_are_read() {
        let parse = |trace_id, parent_id, sampling_priority, tags| {
            DatadogHeaders { trace_id, parent_id, sampling_priority, tags }.parse()
        };
        let expected = |trace_id, priority| {
            Some(RemoteContext {
                trace_id: TraceId::parse(trace_id).unwrap(),
                span_id: SpanId::parse(SPAN).unwrap(),
                priority,
            })
        };
        let (trace_id, span_id) = ("9532127138774266268", "13235353014750950193");
        let short = b"00000000000000008448eb211c80319c";
        let tags = "_dd.p.dm=-1,_dd.p.tid=0af7651916cd43dd";
        assert_eq!(parse(trace_id, span_id, "1", tags), expected(TRACE, Some(Priority::Accept)));
        assert_eq!(parse(trace_id, span_id, "-1", ""), expected(short, Some(Priority::Drop)));
        assert_eq!(parse(trace_id, span_id, "x", "_dd.p.tid=xyz,a,="), expected(short, None));
        for (trace_id, span_id) in [
            ("", span_id),
            ("0", span_id),
            (trace_id, ""),
            (trace_id, "0"),
            ("-1", span_id),
            ("18446744073709551616", span_id),
            ("8448eb211c80319c", span_id),
        ] {
            assert_eq!(parse(trace_id, span_id, "1", tags), None, "{trace_id} {span_id}");
        }
    }

    proptest! {
        #[test]
        fn decimal_is_what_the_standard_library_reads(text in "[0-9]{0,21}|[0-9a-f-][0-9a-f+-]{0,4}") {
            prop_assert_eq!(decimal(&text), text.parse().ok());
        }

        #[test]
        fn arbitrary_text_never_panics(trace_id in "[0-9]{1,19}|.*", tags: String) {
            DatadogHeaders { trace_id: &trace_id, parent_id: "1", sampling_priority: &tags, tags: &tags }.parse();
            priority(&tags);
        }

        #[test]
        fn what_is_written_is_read_back(high: u64, low in 1u64.., state in 0usize..4) {
            let priority = [Priority::Drop, Priority::Reject, Priority::Accept, Priority::Keep][state];
            let trace_id = TraceId::of_halves(high, low).unwrap();
            let text = headers(trace_id, priority);
            let lines: Vec<_> = text.split('\n').collect();
            let value = |name| {
                lines.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1]).unwrap_or_default()
            };
            let read = DatadogHeaders {
                trace_id: value("x-datadog-trace-id"),
                parent_id: value("x-datadog-parent-id"),
                sampling_priority: value("x-datadog-sampling-priority"),
                tags: value("x-datadog-tags"),
            };
            let span_id = SpanId::parse(SPAN).unwrap();
            prop_assert_eq!(read.parse(), Some(RemoteContext { trace_id, span_id, priority: Some(priority) }));
        }
    }
}
