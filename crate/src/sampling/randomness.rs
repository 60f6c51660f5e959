//! Randomness that is given explicitly: `rv` of OpenTelemetry's `tracestate` member, 56 bits as exactly
//! fourteen lower-case hex digits ("tracestate probability sampling", *Explicit randomness value*).
//! Without it the last 56 bits of the trace id are the randomness.

use super::{read_digits, write_digits};

/// 56 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Randomness(u64);

impl Randomness {
    /// The upper 56 of 64 random bits.
    pub fn of_bits(bits: u64) -> Self {
        Self(bits >> 8)
    }

    /// Reads the value of `rv`.
    pub fn parse(digits: &[u8]) -> Option<Self> {
        if digits.len() == 14 { read_digits(digits).map(Self) } else { None }
    }

    /// What a [`Threshold`](super::Threshold) is compared with.
    pub fn value(self) -> u64 {
        self.0
    }

    /// Appends the value of `rv`.
    pub fn write(self, out: &mut Vec<u8>) {
        write_digits(self.0, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fourteen_lower_case_digits_or_nothing() {
        assert_eq!(Randomness::parse(b"a0000000000000").map(Randomness::value), Some(0xa0_0000_0000_0000));
        for text in ["", "a", "a000000000000", "a00000000000000", "A0000000000000", "g0000000000000"] {
            assert_eq!(Randomness::parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(text: Vec<u8>) {
            let _ = Randomness::parse(&text);
        }

        #[test]
        fn what_is_written_is_read_back(bits: u64) {
            let mut text = Vec::new();
            Randomness::of_bits(bits).write(&mut text);
            prop_assert_eq!(Randomness::parse(&text), Some(Randomness::of_bits(bits)));
        }
    }
}
