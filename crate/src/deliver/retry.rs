//! What an answer means, and how long nothing is sent after one that said "later".
//!
//! Sources: OTLP specification, *OTLP/HTTP response* and *Failures*; RFC 9110 §10.2.3 (`Retry-After`), 15.5.9
//! (408), 15.5.14 (413).

/// What becomes of a body that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// Not now: the collector is busy, away, or was not reached.
    Later,
    /// Too big: to be sent in two halves.
    Split,
    /// Never: the same body would be refused again.
    Refused,
}

impl Verdict {
    /// `status` is 0 where there was no answer, or none that the page may see.
    pub fn of(status: u32) -> Self {
        match status {
            200..=299 => Self::Accepted,
            0 | 408 | 429 | 502..=504 => Self::Later,
            413 => Self::Split,
            _ => Self::Refused,
        }
    }
}

/// A circuit breaker: closed while the collector answers, open after a failure, and then one request at a time
/// asks whether it is back.
pub struct Breaker {
    /// In a row.
    failures: u32,
    /// Of the page's clock, in milliseconds.
    open_until: f64,
}

impl Breaker {
    /// Closed.
    pub const fn new() -> Self {
        Self { failures: 0, open_until: 0.0 }
    }

    /// Milliseconds for which nothing is sent; 0 or less if it may be.
    pub fn remaining(&self, now: f64) -> f64 {
        self.open_until - now
    }

    /// Whether the last answer was a failure: nothing but one request at a time is sent.
    pub fn is_probing(&self) -> bool {
        self.failures > 0
    }

    /// The collector has answered.
    pub fn succeed(&mut self) {
        *self = Self::new();
    }

    /// The collector has not taken something. Opens for a random part of a time that doubles each time ("full
    /// jitter", so that a crowd of pages does not come back at once), or for as long as the collector has
    /// said. `random` is from 0 to 1, `retry_after` in milliseconds, 0 for none.
    pub fn fail(&mut self, now: f64, retry_after: f64, random: f64) {
        // Of several requests under way when the collector goes away only the first counts.
        if self.remaining(now) <= 0.0 {
            self.failures = (self.failures + 1).min(MOST_DOUBLINGS);
            let longest = FIRST_DELAY * f64::from(1 << self.failures);
            self.open_until = now + longest.min(LONGEST_DELAY) * random;
        }
        if retry_after > 0.0 {
            self.open_until = self.open_until.max(now + retry_after.min(LONGEST_RETRY_AFTER));
        }
    }

    /// The browser says whether it has a network. Where it has one again there is no more waiting; where it has
    /// none, that is not believed for ever.
    pub fn set_online(&mut self, now: f64, online: bool) {
        self.open_until = if online { 0.0 } else { now + LONGEST_DELAY };
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new()
    }
}

/// Milliseconds; doubled before the first use.
const FIRST_DELAY: f64 = 500.0;
/// Enough to reach `LONGEST_DELAY`.
const MOST_DOUBLINGS: u32 = 7;
const LONGEST_DELAY: f64 = 60_000.0;
/// A server's mistake must not silence a page for good.
const LONGEST_RETRY_AFTER: f64 = 3_600_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_is_tried_again() {
        for (status, verdict) in [
            (200, Verdict::Accepted),
            (202, Verdict::Accepted),
            (0, Verdict::Later),
            (408, Verdict::Later),
            (413, Verdict::Split),
            (429, Verdict::Later),
            (502, Verdict::Later),
            (503, Verdict::Later),
            (504, Verdict::Later),
            (301, Verdict::Refused),
            (400, Verdict::Refused),
            (401, Verdict::Refused),
            (403, Verdict::Refused),
            (404, Verdict::Refused),
            (415, Verdict::Refused),
            (500, Verdict::Refused),
            (501, Verdict::Refused),
        ] {
            assert_eq!(Verdict::of(status), verdict, "{status}");
        }
    }

    #[test]
    fn the_delay_doubles_up_to_a_minute() {
        let mut breaker = Breaker::new();
        let mut now = 10.0;
        let mut delays = Vec::new();
        for _ in 0..9 {
            assert!(breaker.remaining(now) <= 0.0);
            breaker.fail(now, 0.0, 1.0);
            delays.push(breaker.remaining(now));
            now += breaker.remaining(now);
        }
        assert_eq!(
            delays,
            [1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0, 32_000.0, 60_000.0, 60_000.0, 60_000.0]
        );
        assert!(breaker.is_probing());
        breaker.succeed();
        assert!(!breaker.is_probing() && breaker.remaining(now) <= 0.0);
        breaker.fail(now, 0.0, 1.0);
        assert_eq!(breaker.remaining(now), 1_000.0);
    }

    #[test]
    fn failures_at_the_same_time_count_once() {
        let mut breaker = Breaker::new();
        for _ in 0..6 {
            breaker.fail(10.0, 0.0, 0.5);
        }
        assert_eq!(breaker.remaining(10.0), 500.0);
    }

    #[test]
    fn the_collector_s_word_counts_within_reason() {
        let mut breaker = Breaker::new();
        breaker.fail(10.0, 5_000.0, 0.1);
        assert_eq!(breaker.remaining(10.0), 5_000.0);
        breaker.fail(10.0, 9e9, 0.1);
        assert_eq!(breaker.remaining(10.0), 3_600_000.0);
        breaker.set_online(10.0, true);
        assert!(breaker.remaining(10.0) <= 0.0 && breaker.is_probing());
        breaker.set_online(10.0, false);
        assert_eq!(breaker.remaining(10.0), 60_000.0);
    }
}
