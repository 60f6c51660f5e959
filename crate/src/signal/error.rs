//! Errors: what was thrown and not caught, and what the page hands over.

use crate::trace::{Attributes, HANDLED, redact_url};
use crate::wire::text::{hash, take_part};

/// Errors that were just reported, as hashes, each with its time on the page's clock.
#[derive(Default)]
pub struct Recent {
    errors: Vec<(u32, f64)>,
}

impl Recent {
    /// None yet.
    pub const fn new() -> Self {
        Self { errors: Vec::new() }
    }

    /// Whether the same was reported a moment ago; if not, it is from now on.
    pub fn knows(&mut self, error: &str, now: f64) -> bool {
        self.errors.retain(|(_, time)| now - time < AGAIN);
        let hash = hash(error.as_bytes());
        if self.errors.iter().any(|(own, _)| *own == hash) {
            return true;
        }
        self.errors.push((hash, now));
        false
    }
}

/// The attributes of an error. `text` has, with U+0001 between them: the page's URL, then a type, a message and a stack
/// as the engine writes it for the error and for each of its causes.
///
/// A stack is written as Java's are: each error's type and message in a line of its own, `Caused by: ` ahead of a cause.
pub fn attributes(mut text: &str, handled: bool) -> Attributes {
    let url = take_part(&mut text, 1);
    let mut attributes = Attributes::of_event();
    let mut trace = String::new();
    while !text.is_empty() {
        let kind = take_part(&mut text, 1);
        let message = take_part(&mut text, 1);
        let stack = take_part(&mut text, 1);
        if trace.is_empty() {
            attributes.known_text("exception.type", kind);
            attributes.known_text("exception.message", message);
        } else {
            trace.push_str("\nCaused by: ");
        }
        let mut heading = String::from(kind);
        if !kind.is_empty() && !message.is_empty() {
            heading.push_str(": ");
        }
        heading.push_str(message);
        trace.push_str(&heading);
        // Chromium's begins with it.
        let frames = stack.strip_prefix(heading.as_str()).unwrap_or(stack).trim_ascii();
        if !frames.is_empty() {
            trace.push_str("\n    ");
            trace.push_str(frames);
        }
    }
    attributes.known_text("exception.stacktrace", &trace);
    attributes.flag(HANDLED, handled);
    attributes.known_text("url.full", &redact_url(url));
    attributes
}

/// Milliseconds within which the same error counts once.
const AGAIN: f64 = 5_000.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::decoded_event;

    #[test]
    fn a_stack_has_its_heading_once_and_its_causes_below() {
        let text = "https://shop.example/?token=x\u{1}TypeError\u{1}no cart\u{1}TypeError: no cart\n    at add (https://shop.example/a.js:1:2)\u{1}Error\u{1}timeout\u{1}load@https://shop.example/b.js:3:4\n";
        let attributes = decoded_event(&attributes(text, false));
        assert_eq!(attributes["exception.type"], "TypeError");
        assert_eq!(attributes["exception.message"], "no cart");
        assert_eq!(
            attributes["exception.stacktrace"],
            "TypeError: no cart\n    at add (https://shop.example/a.js:1:2)\nCaused by: Error: timeout\n    load@https://shop.example/b.js:3:4"
        );
        assert_eq!(attributes["headwater.exception.handled"], "false");
        assert_eq!(attributes["url.full"], "https://shop.example/?token=REDACTED");
    }

    #[test]
    fn what_is_no_error_has_a_message_only() {
        let attributes = decoded_event(&attributes("\u{1}\u{1}out of stock\u{1}", true));
        assert_eq!(attributes["exception.message"], "out of stock");
        assert_eq!(attributes["exception.stacktrace"], "out of stock");
        assert_eq!(attributes.len(), 3);
    }

    #[test]
    fn the_same_error_counts_once_in_a_while() {
        let mut recent = Recent::new();
        assert!(!recent.knows("a", 0.0));
        assert!(recent.knows("a", AGAIN - 1.0));
        assert!(!recent.knows("b", AGAIN - 1.0));
        assert!(!recent.knows("a", AGAIN));
    }
}
