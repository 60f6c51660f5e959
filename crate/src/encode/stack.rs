//! Stack traces as the engines write them.
//!
//! | engine | a frame |
//! |---|---|
//! | Chromium | `at name (url:line:column)`, `at url:line:column`, `at async name (…)`, `at eval (eval at name (url:…), …)` |
//! | Firefox, WebKit | `name@url:line:column` |

use crate::wire::text::{decimal, find, find_text};

/// One call.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Empty for code outside of any function.
    pub function: &'a str,
    pub url: &'a str,
    pub line: u64,
    /// 0 if it is not known.
    pub column: u64,
}

impl<'a> Frame<'a> {
    /// Nothing if the line is no frame, or one that has no place.
    pub fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim_ascii();
        let (function, place) = match line.strip_prefix("at ") {
            Some(frame) => match find(frame, b"(") {
                end if end < frame.len() => (&frame[..end], &frame[end..]),
                _ => ("", frame),
            },
            None => {
                let at = find(line, b"@");
                (&line[..at], line.get(at + 1..)?)
            }
        };
        // Of what was evaluated the place of the evaluation counts.
        let place = match place.bytes().rposition(|byte| byte == b'(') {
            Some(start) => &place[start + 1..][..find(&place[start + 1..], b")")],
            None => place,
        };
        let (rest, last) = number_behind(place)?;
        let (url, line, column) = match number_behind(rest) {
            Some((url, line)) => (url, line, last),
            None => (rest, last, 0),
        };
        let function = function.trim_ascii();
        let function = function.strip_prefix("async ").unwrap_or(function);
        (!url.is_empty()).then_some(Self { function, url, line, column })
    }

    /// The URL without its origin, as Elastic's UI shows it.
    pub fn file(&self) -> &'a str {
        let Some(start) = find_text(self.url, "://") else {
            return self.url;
        };
        let rest = &self.url[start + 3..];
        rest.get(find(rest, b"/") + 1..).filter(|path| !path.is_empty()).unwrap_or(self.url)
    }
}

/// What stands ahead of the last colon, and the number behind it.
fn number_behind(text: &str) -> Option<(&str, u64)> {
    let colon = text.bytes().rposition(|byte| byte == b':')?;
    Some((&text[..colon], decimal(&text[colon + 1..])?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_engine_is_read() {
        let url = "https://shop.example:8443/static/app.js?v=1";
        for (line, expected) in [
            (format!("    at add ({url}:10:5)"), Some(("add", url, 10, 5))),
            (format!("    at {url}:10:5"), Some(("", url, 10, 5))),
            (format!("    at async Cart.load ({url}:1:48211)"), Some(("Cart.load", url, 1, 48211))),
            (format!("    at new Cart ({url}:1:2)"), Some(("new Cart", url, 1, 2))),
            (format!("    at Cart.add [as onclick] ({url}:1:2)"), Some(("Cart.add [as onclick]", url, 1, 2))),
            (format!("    at eval (eval at run ({url}:3:4), <anonymous>:1:7)"), Some(("eval", url, 3, 4))),
            (format!("add@{url}:10:5"), Some(("add", url, 10, 5))),
            (format!("@{url}:10:5"), Some(("", url, 10, 5))),
            (format!("global code@{url}:7"), Some(("global code", url, 7, 0))),
            (format!("async*load@{url}:7:1"), Some(("async*load", url, 7, 1))),
            ("    at Array.map (<anonymous>)".into(), None),
            ("    at Array.map (native)".into(), None),
            ("map@[native code]".into(), None),
            ("    at eval (:234:30)".into(), None),
            ("TypeError: no cart".into(), None),
            (String::new(), None),
        ] {
            let frame =
                Frame::parse(&line).map(|frame| (frame.function, frame.url, frame.line, frame.column));
            assert_eq!(frame, expected, "{line}");
        }
    }

    #[test]
    fn files_have_no_origin() {
        for (url, file) in [
            ("https://shop.example/static/app.js", "static/app.js"),
            ("https://shop.example/", "https://shop.example/"),
            ("app.js", "app.js"),
        ] {
            assert_eq!(Frame { function: "", url, line: 1, column: 1 }.file(), file);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(line in "( {0,2}at )?[a-zé@( ]{0,6}(https://é?:)?[0-9:)é]{0,8}") {
            if let Some(frame) = Frame::parse(&line) {
                frame.file();
            }
        }
    }
}
