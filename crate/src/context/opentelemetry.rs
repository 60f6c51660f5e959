//! OpenTelemetry's member of `tracestate`: `ot=th:<threshold>;rv:<randomness>` lets everybody on the trace
//! decide alike, and count (OpenTelemetry "TraceState handling" and "tracestate probability sampling").

use super::{TraceId, member};
use crate::sampling::{Decision, Randomness, Threshold};

/// What the member says of sampling. What is malformed is as absent; other pairs are not our business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtState {
    pub threshold: Option<Threshold>,
    pub randomness: Option<Randomness>,
}

impl OtState {
    /// Reads the member's value.
    pub fn parse(value: &str) -> Self {
        Self {
            threshold: Threshold::parse(member::value("th", b':', value).as_bytes()),
            randomness: Randomness::parse(member::value("rv", b':', value).as_bytes()),
        }
    }

    /// Appends the member to the list at `start`; other pairs of an `existing` one are kept.
    pub fn write(self, existing: &str, start: usize, out: &mut Vec<u8>) {
        self.write_over("th rv", existing, start, out);
    }

    /// The same, with the keys to be `replaced`, separated by spaces.
    fn write_over(self, replaced: &str, existing: &str, start: usize, out: &mut Vec<u8>) {
        let mut ours = Vec::new();
        if let Some(threshold) = self.threshold {
            ours.extend_from_slice(b"th:");
            threshold.write(&mut ours);
        }
        if let Some(randomness) = self.randomness {
            if !ours.is_empty() {
                ours.push(b';');
            }
            ours.extend_from_slice(b"rv:");
            randomness.write(&mut ours);
        }
        member::write(KEY, &ours, replaced, existing, start, out);
    }
}

/// Appends the member for a trace to the list at `start`. An `rv` that somebody has set stays; `th` stands
/// only where it is true: the trace is sampled, nobody decided by hand, and the randomness reaches it.
pub fn write_member(decision: Decision, trace_id: TraceId, existing: &str, start: usize, out: &mut Vec<u8>) {
    let found = OtState::parse(existing).randomness;
    let threshold = decision
        .threshold(trace_id.randomness())
        .filter(|threshold| found.is_none_or(|found| threshold.samples(found.value())));
    // Where there is no room for ours, theirs still stands.
    let (randomness, replaced) =
        if found.is_some() { (None, "th") } else { (decision.randomness(), "th rv") };
    OtState { threshold, randomness }.write_over(replaced, existing, start, out);
}

/// The member's key.
pub const KEY: &str = "ot";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sampling::SessionHash;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Its randomness is `48eb211c80319c`.
    fn trace_id() -> TraceId {
        TraceId::parse(b"0af7651916cd43dd8448eb211c80319c").unwrap()
    }

    fn member_of(decision: Decision, existing: &str) -> String {
        text(|out| write_member(decision, trace_id(), existing, 0, out))
    }

    fn threshold(digits: &str) -> Threshold {
        Threshold::parse(digits.as_bytes()).unwrap()
    }

    /// opentelemetry-js `sampler-composite/test/tracestate.test.ts`; our own pairs stand last.
    #[test]
    fn opentelemetry_js_s_round_trips_hold() {
        let x = "X".repeat(214);
        for (given, expected) in [
            ("a", "a"),
            ("#", "#"),
            ("rv:1234567890abcd", "rv:1234567890abcd"),
            ("rv:01020304050607", "rv:01020304050607"),
            ("rv:1234567890abcde", ""),
            ("th:1234567890abcd", "th:1234567890abcd"),
            ("th:10000000000000", "th:1"),
            ("th:1234500000000", "th:12345"),
            ("th:0", "th:0"),
            ("th:100000000000000", ""),
            ("th:1234567890abcde", ""),
            ("th:x", ""),
            ("th:1000", "th:1"),
            ("th:10000000000010", "th:1000000000001"),
            ("rv:x", ""),
            ("rv:100000000000000", ""),
            ("rv:10000000000000", "rv:10000000000000"),
            ("rv:1000000000000", ""),
            ("rv:12;th:XYZ;foo:1", "foo:1"),
            (
                &format!("a:{x};rv:1234567890abcd;th:1234567890abcd;x:3"),
                &format!("a:{x};x:3;th:1234567890abcd;rv:1234567890abcd"),
            ),
        ] {
            let written = text(|out| OtState::parse(given).write(given, 0, out));
            let expected = if expected.is_empty() { String::new() } else { format!("ot={expected}") };
            assert_eq!(written, expected, "{given}");
        }
    }

    #[test]
    fn a_sampled_trace_tells_its_threshold() {
        for (rate, expected) in [(1.0, "ot=th:0"), (0.75, "ot=th:4")] {
            let decision = Decision::of_trace(Threshold::from_probability(rate), trace_id().randomness());
            assert_eq!(member_of(decision, ""), expected);
        }
        let rejected = Decision::of_trace(threshold("8"), trace_id().randomness());
        assert_eq!(member_of(rejected, ""), "", "0x48… is below 0x80…");
        assert_eq!(member_of(rejected, "th:4;x:1"), "ot=x:1");
    }

    #[test]
    fn a_session_s_randomness_goes_along_even_at_rate_one() {
        let session = SessionHash::of_number(0);
        let sampled = Decision::of_session(threshold("0"), session);
        assert_eq!(member_of(sampled, ""), "ot=th:0;rv:ffffffffffffff");
        let mut dropped = sampled;
        dropped.drop().unwrap();
        assert_eq!(member_of(dropped, ""), "ot=rv:ffffffffffffff");
    }

    #[test]
    fn an_existing_rv_is_never_overwritten() {
        let session = Decision::of_session(threshold("8"), SessionHash::of_number(0));
        assert_eq!(member_of(session, "rv:a0000000000000"), "ot=rv:a0000000000000;th:8");
        assert_eq!(member_of(session, "rv:70000000000000"), "ot=rv:70000000000000", "inconsistent");
        assert_eq!(member_of(session, "rv:7"), "ot=th:8;rv:ffffffffffffff", "malformed");
    }

    #[test]
    fn an_incoming_threshold_is_passed_on_or_erased_but_never_invented() {
        let incoming = |value, sampled| {
            let OtState { threshold, randomness } = OtState::parse(value);
            member_of(Decision::inherited(sampled, None, threshold, randomness), value)
        };
        assert_eq!(incoming("", true), "");
        assert_eq!(incoming("th:4;x:1", true), "ot=x:1;th:4");
        assert_eq!(incoming("th:8", true), "", "0x48… is below 0x80…, although sampled");
        assert_eq!(incoming("th:8;rv:a0000000000000", true), "ot=rv:a0000000000000;th:8");
        assert_eq!(incoming("th:8;rv:a0000000000000", false), "ot=rv:a0000000000000");
    }

    #[test]
    fn a_full_member_is_left_alone() {
        let full = format!("x:{}", "y".repeat(254));
        let decision = Decision::of_trace(threshold("0"), trace_id().randomness());
        assert_eq!(member_of(decision, &full), format!("ot={full}"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in "((th|rv|[a-z]{1,3}):[a-zA-Z0-9._-]{0,15};?){0,8}") {
            let parsed = OtState::parse(&value);
            let written = text(|out| parsed.write(&value, 0, out));
            prop_assert!(written.len() <= 3 + 256);
            prop_assert_eq!(OtState::parse(written.strip_prefix("ot=").unwrap_or("")), parsed);
        }

        #[test]
        fn arbitrary_text_never_panics(value: String) {
            text(|out| OtState::parse(&value).write(&value, 0, out));
        }
    }
}
