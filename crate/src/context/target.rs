//! Where trace headers may go: the page's own origin and configured origins, nothing else.

use super::Propagators;
use crate::wire::text::find;

/// The origin part of an absolute URL, as borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host with a port unless that is the scheme's default: `api.example:8443`, `[::1]:80`.
    pub authority: &'a str,
}

impl<'a> Origin<'a> {
    /// Reads the origin of an `http:` or `https:` URL that a URL parser has serialised (WHATWG URL
    /// §4.5), so scheme and host are in lower case and default ports are gone. Other schemes have
    /// none.
    pub fn of(url: &'a str) -> Option<Self> {
        let end = find(url, b":");
        let (scheme, rest) = url.split_at(end);
        let rest = rest.strip_prefix("://")?;
        if scheme != "https" && scheme != "http" {
            return None;
        }
        let authority = &rest[..find(rest, b"/?#")];
        let host_start = authority.as_bytes().iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
        Some(Self { scheme, authority: &authority[host_start..] })
    }

    /// Whether there is more than an origin in an absolute URL that somebody has written.
    pub fn has_path(url: &str) -> bool {
        let rest = url.get(find(url, b":") + 3..).unwrap_or_default();
        !matches!(&rest[find(rest, b"/?#")..], "" | "/")
    }

    /// `server.address`: the host without its port.
    pub fn host(&self) -> &'a str {
        self.host_and_port().0
    }

    /// `server.port`: the explicit one or the scheme's default.
    pub fn port(&self) -> u32 {
        self.host_and_port().1
    }

    /// Appends the serialised origin.
    pub fn write(&self, out: &mut String) {
        out.push_str(self.scheme);
        out.push_str("://");
        out.push_str(self.authority);
    }

    fn host_and_port(&self) -> (&'a str, u32) {
        let mut port = 0;
        let mut unit = 1;
        for (index, byte) in self.authority.bytes().enumerate().rev() {
            match byte {
                b'0'..=b'9' if unit <= 10_000 => port += u32::from(byte - b'0') * unit,
                b':' if unit > 1 => return (&self.authority[..index], port),
                _ => break,
            }
            unit *= 10;
        }
        (self.authority, if self.scheme == "https" { 443 } else { 80 })
    }
}

/// The origins that requests may carry trace headers to, in the order of the configuration: the first
/// that matches counts.
pub struct Targets {
    entries: Vec<Entry>,
    defaults: Propagators,
}

/// What requests to one origin get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub propagators: Propagators,
    /// Only find out what would happen; send nothing.
    pub dry_run: bool,
}

impl Targets {
    /// No origin at all.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), defaults: Propagators::TRACE_CONTEXT }
    }

    /// Adds an origin with formats of its own, if any.
    pub fn add_target(&mut self, origin: String, propagators: Option<Propagators>, dry_run: bool) {
        self.entries.push(Entry { origin: Some(origin), propagators, dry_run });
    }

    /// Adds a RegExp, which the caller keeps. They are numbered from 0 as they are added.
    pub fn add_pattern(&mut self, propagators: Option<Propagators>, dry_run: bool) {
        self.entries.push(Entry { origin: None, propagators, dry_run });
    }

    /// Sets the formats of all targets without their own, whenever added; until then it is
    /// `traceparent` alone.
    pub fn set_defaults(&mut self, propagators: Propagators) {
        self.defaults = propagators;
    }

    /// What requests to a serialised origin get, if anything. `first_match` tests the RegExps on it
    /// and gives the number of the first that matches; it is asked at most once.
    pub fn lookup(&self, origin: &str, first_match: &dyn Fn(&str) -> Option<usize>) -> Option<Target> {
        let mut patterns = 0;
        let mut matching = None;
        for entry in &self.entries {
            let matches = match &entry.origin {
                Some(exact) => exact == origin,
                None => {
                    if patterns == 0 {
                        matching = first_match(origin);
                    }
                    patterns += 1;
                    matching == Some(patterns - 1)
                }
            };
            if matches {
                let propagators = entry.propagators.unwrap_or(self.defaults);
                return Some(Target { propagators, dry_run: entry.dry_run });
            }
        }
        None
    }
}

impl Default for Targets {
    fn default() -> Self {
        Self::new()
    }
}

struct Entry {
    /// None for a RegExp.
    origin: Option<String>,
    propagators: Option<Propagators>,
    dry_run: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(url: &str) -> Origin<'_> {
        Origin::of(url).unwrap()
    }

    #[test]
    fn credentials_and_paths_are_not_part_of_an_origin() {
        let parsed = origin("https://ann:s@cret@api.example:8443/a@b?c@d");
        assert_eq!(parsed.authority, "api.example:8443");
        assert_eq!((parsed.host(), parsed.port()), ("api.example", 8443));
        assert_eq!(origin("http://[::1]/x").port(), 80);
        assert_eq!(origin("http://[::1]/x").host(), "[::1]");
        assert_eq!(origin("https://[2001:db8::1]:444/").host(), "[2001:db8::1]");
        assert_eq!(origin("https://shop.example?x").host(), "shop.example");
        assert_eq!(Origin::of("blob:https://shop.example/1"), None);
        assert_eq!(Origin::of("ws://shop.example/"), None);
        assert_eq!(Origin::of("/relative"), None);
    }

    #[test]
    fn what_stands_behind_an_origin_is_seen() {
        for url in
            ["https://a.example/x", "https://a.example?x", "https://a.example/#x", "https://a.example//"]
        {
            assert!(Origin::has_path(url), "{url}");
        }
        for url in ["https://a.example", "https://a.example/", "https://a.example:443", "", "x:", "https:"] {
            assert!(!Origin::has_path(url), "{url}");
        }
    }

    #[test]
    fn only_exact_origins_and_patterns_are_allowed() {
        let mut targets = Targets::new();
        targets.add_target("https://api.example".into(), None, false);
        let allow = |origin| targets.lookup(origin, &|_| panic!("there are no patterns yet")).is_some();
        assert!(allow("https://api.example"));
        for other in
            ["https://api.example.evil", "http://api.example", "https://api.example:8443", "", "null"]
        {
            assert!(!allow(other), "{other}");
        }
        targets.add_pattern(None, false);
        let allow =
            |origin| targets.lookup(origin, &|text| (text == "https://a.b.example").then_some(0)).is_some();
        assert!(allow("https://a.b.example"));
        assert!(!allow("https://b.example"));
    }

    #[test]
    fn the_first_entry_that_matches_counts() {
        let datadog = Propagators::TRACE_CONTEXT.with(Propagators::DATADOG);
        let mut targets = Targets::new();
        targets.add_target("https://a.example".into(), Some(datadog), false);
        targets.add_pattern(Some(Propagators::B3), false);
        targets.add_target("https://b.example".into(), None, true);
        targets.add_pattern(None, true);
        targets.add_target("https://a.example".into(), None, false);
        targets.set_defaults(Propagators::BAGGAGE);
        // The RegExps: `b`, then `c`.
        let first_match =
            |text: &str| ["b.", "c."].iter().position(|host| text.contains(&format!("//{host}")));
        let found = |host: &str| targets.lookup(&format!("https://{host}"), &first_match);
        let target = |propagators, dry_run| Some(Target { propagators, dry_run });
        assert_eq!(found("a.example"), target(datadog, false));
        assert_eq!(found("b.example"), target(Propagators::B3, false), "the RegExp stands in front");
        assert_eq!(found("c.example"), target(Propagators::BAGGAGE, true));
        assert_eq!(found("d.example"), None);
    }

    #[test]
    fn patterns_are_tested_once_and_only_when_needed() {
        let mut targets = Targets::new();
        targets.add_target("https://a.example".into(), None, false);
        targets.add_pattern(None, false);
        targets.add_pattern(None, false);
        let asked = std::cell::Cell::new(0);
        let first_match = |_: &str| {
            asked.set(asked.get() + 1);
            Some(1)
        };
        targets.lookup("https://a.example", &first_match);
        assert_eq!(asked.get(), 0);
        assert!(targets.lookup("https://b.example", &first_match).is_some());
        assert_eq!(asked.get(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_urls_never_panic(url: String) {
            if let Some(origin) = Origin::of(&url) {
                origin.port();
            }
        }

        #[test]
        fn url_like_text_never_panics(url in "https?://[a-z:@\\[\\]0-9]{0,12}[/?#]?[a-z@]{0,3}") {
            if let Some(origin) = Origin::of(&url) {
                origin.port();
            }
        }
    }
}
