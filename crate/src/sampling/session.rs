//! Sampling whole sessions the way Datadog's browser agent and tracers do: multiplicative (Knuth)
//! hashing of an id, and a session or trace is kept if the hash is in the lower part of its range
//! (browser-sdk `packages/browser-core/src/domain/sampler.ts`).
//!
//! The hash serves as OpenTelemetry's randomness, too, so that one number decides for everybody. The
//! direction is the opposite one there: high is kept. So it is inverted, as dd-trace-js does
//! (`otel-sampling.js`).

use super::{Randomness, read_digits};
use crate::wire::text::find;

/// The hash of a session id or of a trace id, even over all 64-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionHash(u64);

impl SessionHash {
    /// Reads a session's UUID; its last group, 48 bits, is what counts. At most 16 lower-case digits
    /// without a hyphen are taken as such a group.
    pub fn of_session(id: &str) -> Option<Self> {
        let mut group = id;
        while let Some(next) = group.get(find(group, b"-") + 1..) {
            group = next;
        }
        read_digits(group.as_bytes()).map(Self::of_number)
    }

    /// The hash of a 64-bit number: the lower half of a trace id in Datadog's tracers.
    pub fn of_number(number: u64) -> Self {
        Self(number.wrapping_mul(KNUTH_FACTOR))
    }

    /// Datadog's decision, bit for bit; `rate` is 0 to 1.
    pub fn keeps(self, rate: f64) -> bool {
        rate > 0.0 && self.0 as f64 <= rate * TWO_TO_64
    }

    /// The same as OpenTelemetry's explicit randomness. Its decision differs from [`Self::keeps`] only
    /// within the rounding of a threshold.
    pub fn randomness(self) -> Randomness {
        Randomness::of_bits(!self.0)
    }
}

const KNUTH_FACTOR: u64 = 1_111_111_111_111_111_111;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sampling::Threshold;

    /// Computed with browser-sdk's own `sampler.ts`; decisions at 10, 25 and 50 %.
    const TABLE: [(&str, f64, [bool; 3]); 4] = [
        ("f47ac10b-58cc-4372-a567-0e02b2c3d479", 1.0972, [true, true, true]),
        ("00000000-0000-4000-8000-000000000001", 6.0233, [true, true, true]),
        ("6ba7b810-9dad-41d1-80b4-00c04fd430c8", 28.7525, [false, false, true]),
        ("c0ffee00-1234-4abc-9def-ffffffffffff", 38.4209, [false, false, true]),
    ];

    #[test]
    fn datadog_s_table_holds() {
        for (session, percent, kept) in TABLE {
            let hash = SessionHash::of_session(session).unwrap();
            assert!((hash.0 as f64 / TWO_TO_64 * 100.0 - percent).abs() < 0.0001, "{session}");
            assert_eq!([0.1, 0.25, 0.5].map(|rate| hash.keeps(rate)), kept, "{session}");
            assert!(hash.keeps(1.0) && !hash.keeps(0.0));
        }
    }

    #[test]
    fn opentelemetry_decides_alike_from_the_same_hash() {
        for (session, _, kept) in TABLE {
            let randomness = SessionHash::of_session(session).unwrap().randomness().value();
            let decisions =
                [0.1, 0.25, 0.5].map(|rate| Threshold::from_probability(rate).samples(randomness));
            assert_eq!(decisions, kept, "{session}");
        }
    }

    #[test]
    fn what_is_no_session_id_has_no_hash() {
        for text in ["", "-", "a-", "a-g", "é", "0123456789abcdef0", "ABC"] {
            assert_eq!(SessionHash::of_session(text), None, "{text}");
        }
        assert_eq!(SessionHash::of_session("1"), Some(SessionHash::of_number(1)));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(id: String) {
            let _ = SessionHash::of_session(&id);
        }

        #[test]
        fn uuids_have_a_hash(id in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}") {
            prop_assert!(SessionHash::of_session(&id).is_some());
        }

        #[test]
        fn a_higher_rate_keeps_what_a_lower_one_kept(number: u64, a in 0f64..=1.0, b in 0f64..=1.0) {
            let hash = SessionHash::of_number(number);
            prop_assert!(!hash.keeps(a.min(b)) || hash.keeps(a.max(b)));
        }

        #[test]
        fn both_decide_alike_but_for_rounding(number: u64, rate in 0.001f64..=1.0) {
            let hash = SessionHash::of_number(number);
            let threshold = Threshold::from_probability(rate);
            let distance = (hash.0 as f64 / TWO_TO_64 - rate).abs();
            prop_assume!(distance > rate / 1000.0);
            prop_assert_eq!(hash.keeps(rate), threshold.samples(hash.randomness().value()));
        }
    }
}
