//! Trace and span ids, and the pool of random bytes they are drawn from.

use crate::wire::hex;

/// A W3C trace id: 16 bytes, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

impl TraceId {
    /// Reads 32 lower-case hex digits that are not all zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        hex::read(text).filter(|bytes| *bytes != [0; 16]).map(Self)
    }

    /// Puts an id together from its two halves; none if both are zero.
    pub fn of_halves(high: u64, low: u64) -> Option<Self> {
        if high | low == 0 {
            return None;
        }
        let mut id = [0; 16];
        write_number(high, &mut id[..8]);
        write_number(low, &mut id[8..]);
        Some(Self(id))
    }

    /// The sixteen bytes, most significant first.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The upper and the lower 64 bits: systems with 64-bit ids know the lower ones only.
    pub fn halves(&self) -> (u64, u64) {
        (number(&self.0[..8]), number(&self.0[8..]))
    }

    /// The last 56 bits: the randomness that consistent sampling decides by (W3C Trace Context
    /// Level 2 §2.2.3.2, OpenTelemetry `tracestate` handling).
    pub fn randomness(&self) -> u64 {
        number(&self.0[9..])
    }
}

/// A W3C span id (`parent-id`): 8 bytes, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

impl SpanId {
    /// Reads 16 lower-case hex digits that are not all zero.
    pub fn parse(text: &[u8]) -> Option<Self> {
        hex::read(text).filter(|bytes| *bytes != [0; 8]).map(Self)
    }

    /// The id as a number, not zero.
    pub fn of_number(number: u64) -> Option<Self> {
        let mut id = [0; 8];
        write_number(number, &mut id);
        if number == 0 { None } else { Some(Self(id)) }
    }

    /// The eight bytes, most significant first.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// The id as a number.
    pub fn number(&self) -> u64 {
        number(&self.0)
    }
}

/// Draws ids from a pool of random bytes, so that one call to the browser's generator serves many ids.
pub struct IdGenerator {
    pool: [u8; POOL],
    used: usize,
    fill: fn(&mut [u8]),
}

impl IdGenerator {
    /// `fill` overwrites all bytes it is given with cryptographically random ones.
    pub const fn new(fill: fn(&mut [u8])) -> Self {
        Self { pool: [0; 256], used: 256, fill }
    }

    /// A new trace id. All 128 bits are random, so the W3C `random` flag may be set.
    pub fn trace_id(&mut self) -> TraceId {
        let mut id = [0; 16];
        self.draw(&mut id);
        TraceId(id)
    }

    /// A new span id.
    pub fn span_id(&mut self) -> SpanId {
        let mut id = [0; 8];
        self.draw(&mut id);
        SpanId(id)
    }

    /// A number from 0 to 1.
    pub fn ratio(&mut self) -> f64 {
        let mut bytes = [0; 2];
        self.draw(&mut bytes);
        f64::from(u16::from_le_bytes(bytes)) / 65_535.0
    }

    fn draw(&mut self, id: &mut [u8]) {
        // All zero is the one invalid id (W3C Trace Context §3.2.2.3).
        while id.iter().all(|byte| *byte == 0) {
            if self.used + id.len() > self.pool.len() {
                (self.fill)(&mut self.pool);
                self.used = 0;
            }
            for byte in id.iter_mut() {
                *byte = self.pool[self.used];
                self.used += 1;
            }
        }
    }
}

/// Bytes drawn from the browser at a time.
const POOL: usize = 256;

// Loops, as `from_be_bytes` and `to_be_bytes` are a hundred bytes of shifts each in WebAssembly.

/// At most eight bytes, most significant first.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn write_number(mut number: u64, bytes: &mut [u8]) {
    for byte in bytes.iter_mut().rev() {
        *byte = number as u8;
        number >>= 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_zero_ids_are_refused() {
        assert_eq!(TraceId::parse(&[b'0'; 32]), None);
        assert_eq!(SpanId::parse(&[b'0'; 16]), None);
        assert!(SpanId::parse(b"00f067aa0ba902b7").is_some());
    }

    #[test]
    fn halves_and_numbers_make_the_same_ids() {
        let id = TraceId::parse(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
        assert_eq!(id.halves(), (0x4bf9_2f35_77b3_4da6, 0xa3ce_929d_0e0e_4736));
        assert_eq!(TraceId::of_halves(0x4bf9_2f35_77b3_4da6, 0xa3ce_929d_0e0e_4736), Some(id));
        assert_eq!(TraceId::of_halves(0, 0), None);
        let span = SpanId::parse(b"00f067aa0ba902b7").unwrap();
        assert_eq!(SpanId::of_number(span.number()), Some(span));
        assert_eq!(SpanId::of_number(0), None);
    }

    #[test]
    fn randomness_is_the_last_seven_bytes() {
        let id = TraceId::parse(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
        assert_eq!(id.randomness(), 0x00ce_929d_0e0e_4736);
    }

    #[test]
    fn ids_differ_and_skip_zeros() {
        let mut ids = IdGenerator::new(|bytes| {
            for (index, byte) in bytes.iter_mut().enumerate() {
                *byte = if index < 16 { 0 } else { index as u8 };
            }
        });
        let first = ids.trace_id();
        assert_ne!(first.bytes(), &[0; 16]);
        assert_ne!(first, ids.trace_id());
        for _ in 0..100 {
            assert_ne!(ids.span_id().bytes(), &[0; 8]);
        }
    }
}
