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

    /// The sixteen bytes, most significant first.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The last 56 bits: the randomness that consistent sampling decides by (W3C Trace Context
    /// Level 2 §2.2.3.2, OpenTelemetry `tracestate` handling).
    pub fn randomness(&self) -> u64 {
        self.0[9..].iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
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

    /// The eight bytes, most significant first.
    pub fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// Draws ids from a pool of random bytes, so that one call to the browser's generator serves many ids.
pub struct IdGenerator {
    pool: [u8; 256],
    used: usize,
    fill: fn(&mut [u8]),
}

impl IdGenerator {
    /// `fill` overwrites all bytes it is given with cryptographically random ones.
    pub fn new(fill: fn(&mut [u8])) -> Self {
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

    fn draw(&mut self, id: &mut [u8]) {
        // All zero is the one invalid id (W3C Trace Context §3.2.2.3).
        while id.iter().all(|byte| *byte == 0) {
            if self.used + id.len() > self.pool.len() {
                (self.fill)(&mut self.pool);
                self.used = 0;
            }
            id.copy_from_slice(&self.pool[self.used..self.used + id.len()]);
            self.used += id.len();
        }
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
