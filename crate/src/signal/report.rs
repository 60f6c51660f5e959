//! What the browser reports beside exceptions: resources that have not loaded, violations of the page's Content Security
//! Policy, deprecations and interventions (Reporting API). Each is an error of its own type.

use super::error;
use crate::trace::{Attributes, redact_url};
use crate::wire::text::{find, take_part};

/// One of them, as the wrapper tells it.
pub struct Report<'a> {
    kind: &'static str,
    page: &'a str,
    /// The element's name, the policy's directive, or the report's id.
    subject: &'a str,
    /// Of what was not loaded; empty if it has none, or none that says anything.
    pub url: &'a str,
    message: &'a str,
    /// `url:line:column` of the code, or empty.
    place: &'a str,
}

impl<'a> Report<'a> {
    /// Reads page, subject, URL, message and place, with U+0001 between them. `kind` is a number from 2 on.
    pub fn parse(kind: u32, mut text: &'a str) -> Self {
        let mut part = || take_part(&mut text, 1);
        let (page, subject, url, message, place) = (part(), part(), part(), part(), part());
        // A `data:` URL may be a whole picture.
        let url = if url.starts_with("http") { url } else { &url[..find(url, b":")] };
        Self { kind: KINDS[kind as usize & 3], page, subject, url, message, place }
    }

    /// The attributes of its event.
    pub fn attributes(&self) -> Attributes {
        let url = redact_url(self.url);
        let mut text = String::new();
        for part in [self.page, "\u{1}", self.kind, "\u{1}", self.subject] {
            text.push_str(part);
        }
        for (separator, part) in [(" ", url.as_str()), (": ", self.message)] {
            if !part.is_empty() {
                text.push_str(separator);
                text.push_str(part);
            }
        }
        text.push_str("\u{1}");
        if !self.place.is_empty() {
            text.push_str("at ");
            text.push_str(self.place);
        }
        let mut attributes = error::attributes(&text, false);
        attributes.known_text("headwater.report.subject", self.subject);
        attributes.known_text("headwater.report.url", &url);
        attributes
    }
}

/// From 2 on, and then from 0: what `captureError` calls handled and not.
const KINDS: [&str; 4] =
    ["DeprecationReport", "InterventionReport", "ResourceError", "SecurityPolicyViolation"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::decoded_event;

    #[test]
    fn each_is_an_error_of_its_type_without_secrets() {
        for (kind, text, expected) in [
            (
                2,
                "https://shop.example/\u{1}script\u{1}https://cdn.example/a.js?token=x\u{1}\u{1}",
                ["ResourceError", "script https://cdn.example/a.js?token=REDACTED"],
            ),
            (
                3,
                "https://shop.example/\u{1}img-src\u{1}data:image/png;base64,AAAA\u{1}enforce\u{1}https://shop.example/:1:2",
                ["SecurityPolicyViolation", "img-src data: enforce"],
            ),
            (
                4,
                "https://shop.example/\u{1}Unload\u{1}\u{1}Unload handlers are deprecated.\u{1}",
                ["DeprecationReport", "Unload: Unload handlers are deprecated."],
            ),
        ] {
            let attributes = decoded_event(&Report::parse(kind, text).attributes());
            assert_eq!(attributes["exception.type"], expected[0]);
            assert_eq!(attributes["exception.message"], expected[1]);
            assert_eq!(attributes["url.full"], "https://shop.example/");
        }
    }
}
