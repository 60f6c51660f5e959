//! OpenTelemetry's rejection threshold: a probability as a 56-bit number that the randomness of a trace
//! must reach ("tracestate probability sampling"). Its text is `th` of the `ot` member of `tracestate`.

use super::{read_digits, write_digits};

/// A sampling probability as OpenTelemetry's 56-bit rejection threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold(u64);

impl Threshold {
    /// `probability` is 0 to 1. The threshold keeps four hexadecimal digits behind leading `f`s, as
    /// the specification recommends (*converting floating-point probability to threshold value*); 0
    /// rejects everything.
    pub fn from_probability(probability: f64) -> Self {
        if probability <= 0.0 {
            return Self(ALL);
        }
        let exact = ((1.0 - probability) * ALL as f64) as u64;
        // Each leading `f` of the threshold is four halvings of the probability.
        let leading = ((exact << 8).leading_ones() / 4).min(8);
        let dropped_bits = 56 - 4 * (PRECISION + leading);
        let half = (1 << dropped_bits) >> 1;
        Self((exact + half) >> dropped_bits << dropped_bits)
    }

    /// Reads the value of `th`: 1 to 14 lower-case hex digits, of which trailing zeros may be missing.
    pub fn parse(digits: &[u8]) -> Option<Self> {
        let missing = 14usize.checked_sub(digits.len())?;
        read_digits(digits).map(|value| Self(value << (4 * missing)))
    }

    /// Whether a trace with these 56 bits of randomness is recorded.
    pub fn samples(self, randomness: u64) -> bool {
        randomness >= self.0
    }

    /// Appends the value of `th`, without trailing zeros. What rejects everything has none: such a
    /// trace is not sampled and bears no `th`.
    pub fn write(self, out: &mut Vec<u8>) {
        if self.0 == ALL {
            return;
        }
        let start = out.len();
        write_digits(self.0, out);
        while out.len() > start + 1 && out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

const ALL: u64 = 1 << 56;
const PRECISION: u32 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(threshold: Threshold) -> String {
        let mut out = Vec::new();
        threshold.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_specification_s_table_holds() {
        for (one_in, expected) in [
            (1, "0"),
            (2, "8"),
            (3, "aaab"),
            (4, "c"),
            (5, "cccd"),
            (8, "e"),
            (10, "e666"),
            (16, "f"),
            (100, "fd70a"),
            (1_000, "ffbe77"),
            (10_000, "fff9724"),
            (100_000, "ffff583a"),
            (1_000_000, "ffffef39"),
        ] {
            let threshold = Threshold::from_probability(1.0 / f64::from(one_in));
            assert_eq!(text(threshold), expected, "1 in {one_in}");
            assert_eq!(Threshold::parse(expected.as_bytes()), Some(threshold));
        }
    }

    /// opentelemetry-js `sampler-composite/test/tracestate.test.ts`, the rows about `th`.
    #[test]
    fn trailing_zeros_are_optional_and_fourteen_digits_the_most() {
        for (given, expected) in [
            ("1234567890abcd", "1234567890abcd"),
            ("10000000000000", "1"),
            ("1234500000000", "12345"),
            ("0", "0"),
            ("00000000000000", "0"),
            ("1000", "1"),
            ("1", "1"),
            ("10000000000001", "10000000000001"),
            ("10000000000010", "1000000000001"),
        ] {
            assert_eq!(text(Threshold::parse(given.as_bytes()).unwrap()), expected);
        }
        for malformed in ["", "x", "100000000000000", "1234567890abcde", "E", " 8", "8 "] {
            assert_eq!(Threshold::parse(malformed.as_bytes()), None, "{malformed}");
        }
    }

    #[test]
    fn nothing_and_everything() {
        assert!(!Threshold::from_probability(0.0).samples(ALL - 1));
        assert_eq!(text(Threshold::from_probability(0.0)), "");
        assert!(Threshold::from_probability(1.0).samples(0));
    }

    proptest! {
        #[test]
        fn a_higher_rate_keeps_what_a_lower_one_kept(a in 0f64..=1.0, b in 0f64..=1.0, randomness in 0..ALL) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            if Threshold::from_probability(low).samples(randomness) {
                prop_assert!(Threshold::from_probability(high).samples(randomness));
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(digits: Vec<u8>) {
            let _ = Threshold::parse(&digits);
        }

        #[test]
        fn what_is_written_is_read_back(value in 0..ALL) {
            let written = text(Threshold(value));
            prop_assert_eq!(Threshold::parse(written.as_bytes()), Some(Threshold(value)));
        }

        #[test]
        fn every_probability_has_a_text(probability in 1e-12f64..=1.0) {
            let threshold = Threshold::from_probability(probability);
            prop_assert_eq!(Threshold::parse(text(threshold).as_bytes()), Some(threshold));
        }
    }
}
