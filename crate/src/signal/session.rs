//! A visitor's session: an id that all pages of an origin share, new after 30 minutes without activity or after four
//! hours (OpenTelemetry and Datadog agree on both).
//!
//! Names: OpenTelemetry's semantic conventions, `docs/general/session.md`.

use crate::context::TraceId;
use crate::sampling::SessionHash;
use crate::wire::hex;
use crate::wire::text::{ascii, decimal, take_part, write_integer};

/// A session. Times are Unix milliseconds.
pub struct Session {
    /// A UUID.
    id: String,
    started: u64,
    active: u64,
    /// Pages of it, this one too.
    pages: u64,
    /// What was stored last of `active`.
    stored: u64,
}

impl Session {
    /// Reads what [`Session::write`] has written; nothing if it is malformed.
    pub fn parse(mut text: &str) -> Option<Self> {
        let mut part = || take_part(&mut text, b' ');
        let (id, started, active) = (part(), decimal(part())?, decimal(part())?);
        let pages = decimal(part()).unwrap_or_default();
        SessionHash::of_session(id)?;
        Some(Self { id: id.into(), started, active, pages, stored: active })
    }

    /// A session that starts now, with 128 random bits for its id.
    pub fn start(random: TraceId, now: u64) -> Self {
        let mut bytes = *random.bytes();
        // RFC 9562 §5.4: version 4, variant 10.
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut id = Vec::new();
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                id.push(b'-');
            }
            hex::write(&[*byte], &mut id);
        }
        Self { id: ascii(id), started: now, active: now, pages: 1, stored: NEVER }
    }

    /// Goes on with it, if it is not over. Returns whether it does.
    pub fn touch(&mut self, now: u64) -> bool {
        // A clock that was set back is no reason to end it.
        let goes_on = now.saturating_sub(self.active) < IDLE && now.saturating_sub(self.started) < AT_MOST;
        if goes_on {
            self.active = now;
        }
        goes_on
    }

    /// What is to be stored, if it is time to.
    pub fn write(&mut self) -> Option<String> {
        if self.active.abs_diff(self.stored) < STORE_EVERY {
            return None;
        }
        self.stored = self.active;
        let mut out = Vec::from(self.id.as_bytes());
        for number in [self.started, self.active, self.pages] {
            out.push(b' ');
            write_integer(number, &mut out);
        }
        Some(ascii(out))
    }

    /// `session.id`: a UUID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When it was last active, in Unix milliseconds.
    pub fn active(&self) -> u64 {
        self.active
    }

    /// Counts this page among its pages. It is to be stored now.
    pub fn count_page(&mut self) {
        self.pages += 1;
        self.stored = NEVER;
    }

    /// Pages of it so far: Elastic's `sequence`.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// What decides on its traces.
    pub fn hash(&self) -> Option<SessionHash> {
        SessionHash::of_session(&self.id)
    }
}

/// Far from any time.
const NEVER: u64 = u64::MAX;
const IDLE: u64 = 30 * 60_000;
const AT_MOST: u64 = 4 * 60 * 60_000;
/// Storage is slow, and shared with other tabs.
const STORE_EVERY: u64 = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

    #[test]
    fn it_is_read_as_it_was_written() {
        let random = TraceId::parse(b"0123456789abcdef0123456789abcdef").unwrap();
        let mut session = Session::start(random, 1_000_000);
        let text = session.write().unwrap();
        assert_eq!(text, "01234567-89ab-4def-8123-456789abcdef 1000000 1000000 1");
        assert_eq!(Session::parse(&text).unwrap().id, session.id);
        assert!(session.write().is_none(), "once a minute");
        assert!(session.touch(1_000_000 + STORE_EVERY));
        assert!(session.write().unwrap().ends_with(" 1000000 1060000 1"));
        let mut next = Session::parse(&text).unwrap();
        next.count_page();
        assert_eq!(next.pages(), 2);
        assert!(next.write().unwrap().ends_with(" 1000000 1000000 2"), "a page is told of at once");
        assert_eq!(Session::parse(&format!("{ID} 1 2")).unwrap().pages(), 0, "of an earlier version");
    }

    #[test]
    fn it_ends_when_idle_or_too_old() {
        let stored = format!("{ID} 0 1000");
        let touch = |now| Session::parse(&stored).unwrap().touch(now);
        assert!(touch(1_000 + IDLE - 1));
        assert!(!touch(1_000 + IDLE));
        let mut session = Session::parse(&stored).unwrap();
        for minute in (0..240).step_by(20) {
            assert!(session.touch(minute * 60_000), "{minute}");
        }
        assert!(!session.touch(AT_MOST));
        assert!(Session::parse(&format!("{ID} 9000000 9000000")).unwrap().touch(5), "the clock was set back");
    }

    #[test]
    fn what_others_have_stored_is_no_session() {
        for text in ["", ID, "f47ac10b 1", "x-y 1 2", "f47ac10b-58cc-4372-a567-0e02b2c3d479 1 x"] {
            assert!(Session::parse(text).is_none(), "{text}");
        }
    }
}
