//! Which traces are recorded. Decided by the trace id, so that every system which looks at the same id
//! decides alike (OpenTelemetry "consistent probability sampling").

/// A sampling probability as OpenTelemetry's 56-bit rejection threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold(u64);

impl Threshold {
    /// `probability` is 0 to 1. The threshold keeps four hexadecimal digits behind leading `f`s, as
    /// the specification recommends ("tracestate probability sampling", *converting floating-point
    /// probability to threshold value*); 0 rejects everything.
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

    /// Whether a trace with these 56 bits of randomness is recorded.
    pub fn samples(self, randomness: u64) -> bool {
        randomness >= self.0
    }
}

const ALL: u64 = 1 << 56;
const PRECISION: u32 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            let text = format!("{:014x}", threshold.0);
            let text = text.trim_end_matches('0');
            assert_eq!(if text.is_empty() { "0" } else { text }, expected, "1 in {one_in}");
        }
    }

    #[test]
    fn nothing_and_everything() {
        assert!(!Threshold::from_probability(0.0).samples(ALL - 1));
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
    }
}
