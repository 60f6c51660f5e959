//! From the page's monotonic clock to Unix time.

/// Turns `performance.now()` milliseconds into Unix nanoseconds.
///
/// `performance.timeOrigin + performance.now()` stands still while the machine sleeps
/// (<https://github.com/w3c/hr-time/issues/115>), so the wall clock is looked at again for each batch
/// and followed when it has moved away. Small differences are left alone: `Date.now()` counts whole
/// milliseconds, the origin does not.
pub struct Clock {
    /// Unix milliseconds at page-clock zero.
    origin: f64,
}

impl Clock {
    /// `origin` is `performance.timeOrigin`: Unix milliseconds.
    pub const fn new(origin: f64) -> Self {
        Self { origin }
    }

    /// `origin` is now `Date.now() - performance.now()`.
    pub fn follow(&mut self, origin: f64) {
        let moved = origin - self.origin;
        if !(-TOLERANCE..=TOLERANCE).contains(&moved) {
            self.origin = origin;
        }
    }

    /// Unix nanoseconds at `page_time`, in milliseconds since the page's time origin, or before it.
    pub fn unix_nanos(&self, page_time: f64) -> u64 {
        // Whole milliseconds apart from the rest: a double holds today's nanoseconds only to ±128.
        let whole = (self.origin as i64).wrapping_add(page_time as i64);
        let rest = fraction(self.origin) + fraction(page_time);
        (whole * 1_000_000 + (rest * 1e6) as i64).cast_unsigned()
    }
}

fn fraction(number: f64) -> f64 {
    number - (number as i64) as f64
}

/// Milliseconds that the wall clock may be off before it is believed.
const TOLERANCE: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive() {
        let clock = Clock::new(1_795_250_000_123.25);
        assert_eq!(clock.unix_nanos(0.0), 1_795_250_000_123_250_000);
        assert_eq!(clock.unix_nanos(10.125), 1_795_250_000_133_375_000);
        assert_eq!(clock.unix_nanos(0.75), 1_795_250_000_124_000_000);
    }

    #[test]
    fn a_sleep_is_noticed_and_jitter_is_not() {
        let mut clock = Clock::new(1_000.5);
        clock.follow(1_001.0);
        assert_eq!(clock.unix_nanos(0.0), 1_000_500_000);
        clock.follow(3_601_000.0);
        assert_eq!(clock.unix_nanos(0.0), 3_601_000_000_000);
    }
}
