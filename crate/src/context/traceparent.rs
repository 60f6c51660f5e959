//! The W3C `traceparent` header, Trace Context Level 2 §3.2.

use super::{SpanId, TraceId};
use crate::wire::hex;

/// A parsed `traceparent`: proof that both ids are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub flags: Flags,
}

/// Who a span is: the ids it is known by and its trace's flags.
pub type SpanContext = TraceParent;

impl TraceParent {
    /// Reads a header value.
    ///
    /// White space around it is tolerated. A version above `00` is read as `00` when it starts like
    /// one (§3.2.4); version `ff`, upper case, all-zero ids and anything behind a version `00` are
    /// errors.
    pub fn parse(text: &[u8]) -> Result<Self, TraceParentError> {
        let text = text.trim_ascii();
        let (Some(head), rest) = (text.get(..LENGTH), text.get(LENGTH..)) else {
            return Err(TraceParentError);
        };
        let version = hex::read::<1>(&head[..2]).ok_or(TraceParentError)?;
        let rest = rest.unwrap_or_default();
        let well_ended = match version {
            [0x00] => rest.is_empty(),
            [0xff] => false,
            _ => rest.is_empty() || rest[0] == b'-',
        };
        if !well_ended || head[2] != b'-' || head[35] != b'-' || head[52] != b'-' {
            return Err(TraceParentError);
        }
        let [flags] = hex::read(&head[53..]).ok_or(TraceParentError)?;
        Ok(Self {
            trace_id: TraceId::parse(&head[3..35]).ok_or(TraceParentError)?,
            span_id: SpanId::parse(&head[36..52]).ok_or(TraceParentError)?,
            flags: Flags(flags).known(),
        })
    }

    /// Appends the header value, always as version `00`: 55 characters.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"00-");
        hex::write(self.trace_id.bytes(), out);
        out.push(b'-');
        hex::write(self.span_id.bytes(), out);
        out.push(b'-');
        hex::write(&[self.flags.0], out);
    }
}

/// Not a `traceparent` that may be continued: the trace starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParentError;

/// Trace flags (§3.2.2.5). Unknown bits are dropped on parse, as they must be sent as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The flags of a trace that starts here: its id is all random.
    pub fn new(sampled: bool) -> Self {
        Self(Self::RANDOM).with_sampled(sampled)
    }

    /// The same flags with another sampling decision.
    pub fn with_sampled(self, sampled: bool) -> Self {
        if sampled { Self(self.0 | Self::SAMPLED) } else { Self(self.0 & !Self::SAMPLED) }
    }

    /// Whether the caller records this trace.
    pub fn sampled(self) -> bool {
        self.0 & Self::SAMPLED != 0
    }

    fn known(self) -> Self {
        Self(self.0 & (Self::SAMPLED | Self::RANDOM))
    }

    const SAMPLED: u8 = 0x01;
    const RANDOM: u8 = 0x02;
}

const LENGTH: usize = 55;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_w3c_table_holds() {
        let table = include_str!("../../tests/data/w3c-traceparent-level-2.json");
        let rows: Vec<serde_json::Value> = serde_json::from_str(table).unwrap();
        let mut checked = 0;
        for row in rows {
            let headers: Vec<&str> = row["headers"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case("traceparent"))
                .map(|header| header[1].as_str().unwrap())
                .collect();
            if headers.is_empty() {
                continue;
            }
            // A browser hands several headers of one name over as one, joined by a comma.
            let valid = TraceParent::parse(headers.join(", ").as_bytes()).is_ok();
            assert_eq!(valid, row["is_traceparent_valid"].as_bool().unwrap(), "{row}");
            checked += 1;
        }
        assert!(checked > 60, "only {checked} rows");
    }

    #[test]
    fn later_versions_are_read_as_the_first() {
        let ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        let parse = |text: String| TraceParent::parse(text.as_bytes());
        assert!(parse(format!("cc-{ids}-01-what-comes-later")).is_ok());
        assert!(parse(format!("cc-{ids}-01.what")).is_err());
        assert!(parse(format!("ff-{ids}-01")).is_err());
        assert!(parse(format!("00-{ids}-01-")).is_err());
        assert_eq!(parse(format!("00-{ids}-fe")).unwrap().flags, Flags(2));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(text: Vec<u8>) {
            let _ = TraceParent::parse(&text);
        }

        #[test]
        fn near_misses_never_panic(text in "[0-9a-f-]{50,60}") {
            let _ = TraceParent::parse(text.as_bytes());
        }

        #[test]
        fn what_is_written_is_read_back(trace in "[0-9a-f]{31}[1-9a-f]", span in "[0-9a-f]{15}[1-9a-f]", flags in 0u8..4) {
            let text = format!("00-{trace}-{span}-{flags:02x}");
            let parsed = TraceParent::parse(text.as_bytes()).unwrap();
            let mut written = Vec::new();
            parsed.write(&mut written);
            prop_assert_eq!(written, text.into_bytes());
        }
    }
}
