//! Secrets out of URLs, on the raw text: nothing else of the URL changes.

use std::cell::Cell;

use crate::wire::text::{find, position};

/// Replaces user names, passwords and the values of query parameters that hold secrets by `REDACTED`.
///
/// Source: OpenTelemetry HTTP conventions on `url.full` (`sig`, `Signature`, the `X-Amz-` and `X-Goog-`
/// keys), and the parameter names that browser agents redact. Parameters in the fragment count too: that
/// is where OAuth's implicit flow puts its tokens.
pub fn redact_url(url: &str) -> String {
    match REDACTION.get() {
        Redaction::None => url.into(),
        Redaction::Query => redact_secrets(&url[..find(url, b"?#")]),
        Redaction::Secrets => redact_secrets(url),
    }
}

/// What is taken out of URLs, for all of this instance, which has one thread.
pub fn set_redaction(redaction: Redaction) {
    REDACTION.set(redaction);
}

/// What is taken out of URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redaction {
    None,
    /// What [`redact_url`] says.
    Secrets,
    /// User names and passwords, and all of query and fragment.
    Query,
}

thread_local! {
    static REDACTION: Cell<Redaction> = const { Cell::new(Redaction::Secrets) };
}

fn redact_secrets(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    let mut rest = url;
    let host = find(url, b"/") + 2;
    if let Some(tail) = url.get(host..) {
        let end = find(tail, b"/?#");
        if let Some(at) = tail.as_bytes()[..end].iter().rposition(|byte| *byte == b'@') {
            out.push_str(&url[..host]);
            out.push_str("REDACTED:REDACTED");
            rest = &tail[at..];
        }
    }
    // What is in front of the first `?` or `#` holds no parameters.
    let path = find(rest, b"?#");
    out.push_str(&rest[..path]);
    rest = &rest[path..];
    while !rest.is_empty() {
        let parameter = 1 + find(&rest[1..], b"?&#;");
        let key = find(&rest[..parameter], b"=");
        out.push_str(&rest[..key]);
        if key < parameter {
            out.push_str(if is_secret(&rest[1..key]) { "=REDACTED" } else { &rest[key..parameter] });
        }
        rest = &rest[parameter..];
    }
    out
}

fn is_secret(key: &str) -> bool {
    position(key, SECRET_KEYS, b' ', str::eq_ignore_ascii_case).is_some()
}

const SECRET_KEYS: &str = "X-Amz-Signature X-Amz-Credential X-Amz-Security-Token AWSAccessKeyId Signature sig \
    X-Goog-Signature password passwd secret api_key apikey auth authorization token access_token refresh_token \
    id_token jwt session sessionid key private_key client_secret hash";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_go_and_everything_else_stays() {
        for (url, expected) in [
            ("https://shop.example/a?b=c&b=d%20e#f", "https://shop.example/a?b=c&b=d%20e#f"),
            ("https://ann:pw@shop.example/", "https://REDACTED:REDACTED@shop.example/"),
            ("https://ann@shop.example:1/x@y", "https://REDACTED:REDACTED@shop.example:1/x@y"),
            ("https://s.example/?sig=abc&x=1", "https://s.example/?sig=REDACTED&x=1"),
            ("https://s.example/?x=1&TOKEN=abc", "https://s.example/?x=1&TOKEN=REDACTED"),
            ("https://s.example/?token=", "https://s.example/?token=REDACTED"),
            ("https://s.example/?token", "https://s.example/?token"),
            ("https://s.example/?tokens=1&=2&&", "https://s.example/?tokens=1&=2&&"),
            (
                "https://s.example/#access_token=abc&state=1",
                "https://s.example/#access_token=REDACTED&state=1",
            ),
            ("https://s.example/#/route?jwt=abc", "https://s.example/#/route?jwt=REDACTED"),
            ("https://s.example/?a=b;password=c", "https://s.example/?a=b;password=REDACTED"),
            ("https://s.example?X-Amz-Signature=abc=", "https://s.example?X-Amz-Signature=REDACTED"),
            ("/relative?key=1", "/relative?key=REDACTED"),
            ("", ""),
        ] {
            assert_eq!(redact_url(url), expected);
        }
    }

    #[test]
    fn the_whole_query_goes_or_nothing() {
        let url = "https://ann:pw@shop.example/a?b=c&token=d#e";
        set_redaction(Redaction::Query);
        assert_eq!(redact_url(url), "https://REDACTED:REDACTED@shop.example/a");
        set_redaction(Redaction::None);
        assert_eq!(redact_url(url), url);
        set_redaction(Redaction::Secrets);
        assert_eq!(redact_url(url), "https://REDACTED:REDACTED@shop.example/a?b=c&token=REDACTED#e");
    }

    proptest! {
        #[test]
        fn urls_without_secrets_are_unchanged(url in "https://[a-z.]{1,9}/[a-z0-9?&#=;%é]{0,40}") {
            prop_assume!(!SECRET_KEYS.split(' ').any(|key| url.contains(key)));
            prop_assert_eq!(redact_url(&url), url);
        }

        #[test]
        fn arbitrary_text_never_panics(url: String) {
            redact_url(&url);
        }

        #[test]
        fn a_secret_never_survives(before in "[a-z&=?]{0,9}", after in "[a-z&=?#]{0,9}") {
            let url = format!("https://s.example/?{before}&token=HUSH&{after}");
            prop_assert!(!redact_url(&url).contains("HUSH"));
        }
    }
}
