//! Where trace headers may go: the page's own origin and configured origins, nothing else.

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

/// The origins that requests may carry trace headers to.
#[derive(Default)]
pub struct Targets {
    exact: Vec<String>,
    has_patterns: bool,
}

impl Targets {
    /// No origin at all.
    pub const fn new() -> Self {
        Self { exact: Vec::new(), has_patterns: false }
    }

    /// Adds an origin in its serialised form: `https://api.example.com`.
    pub fn add_origin(&mut self, origin: String) {
        self.exact.push(origin);
    }

    /// The caller has RegExps, too.
    pub fn add_patterns(&mut self) {
        self.has_patterns = true;
    }

    /// Whether requests to `origin` get headers. `matches` tests all RegExps on the origin's text.
    pub fn allow(&self, origin: Origin, matches: &dyn Fn(&str) -> bool) -> bool {
        let mut text = String::new();
        origin.write(&mut text);
        self.exact.contains(&text) || self.has_patterns && matches(&text)
    }
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
    fn only_exact_origins_and_patterns_are_allowed() {
        let mut targets = Targets::new();
        targets.add_origin("https://api.example".into());
        let allow = |url| targets.allow(origin(url), &|_| panic!("there are no patterns yet"));
        assert!(allow("https://api.example/x"));
        assert!(allow("https://user@api.example/x"));
        assert!(!allow("https://api.example.evil/x"));
        assert!(!allow("https://api.example@evil.example/x"));
        assert!(!allow("http://api.example/x"));
        assert!(!allow("https://api.example:8443/x"));
        targets.add_patterns();
        let allow = |url| targets.allow(origin(url), &|text| text == "https://a.b.example");
        assert!(allow("https://a.b.example/x"));
        assert!(allow("https://user@a.b.example/x"));
        assert!(!allow("https://b.example/x"));
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
