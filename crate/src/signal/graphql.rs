//! GraphQL operations: their names and types, for requests that are all the same otherwise. Of a document nothing else is
//! kept, and of its variables nothing at all (OpenTelemetry's GraphQL conventions; GraphQL specification §2.2 to §2.4).

use crate::trace::Attributes;
use crate::wire::text::{contains, find, position, take_part};

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Operation {
    /// `query`, `mutation` or `subscription`; empty where the document is known to the server only.
    kind: &'static str,
    /// Empty for an anonymous one. Of a batch they have commas between them.
    name: String,
}

impl Operation {
    /// Reads the wrapper's words: the operation's name, and its document behind a line feed. Either may be empty. A document
    /// that is none makes no operation. In a batch U+0003 separates them.
    pub fn parse(mut rest: &str) -> Option<Self> {
        let mut all = Self::parse_one(take_part(&mut rest, 3));
        while let Some(first) = &mut all
            && !rest.is_empty()
        {
            match Self::parse_one(take_part(&mut rest, 3)) {
                None => all = None,
                Some(next) => {
                    if first.kind != next.kind {
                        first.kind = "";
                    }
                    if !first.name.is_empty() && !next.name.is_empty() {
                        first.name.push_str(",");
                    }
                    first.name.push_str(&next.name);
                }
            }
        }
        all
    }

    #[inline(never)]
    fn parse_one(mut document: &str) -> Option<Self> {
        let name = take_part(&mut document, b'\n');
        if document.is_empty() {
            return (!name.is_empty()).then(|| Self { kind: "", name: name.into() });
        }
        // What stands outside of brackets, strings and comments: the keyword and the name of each definition.
        let bytes = document.as_bytes();
        let (mut at, mut depth) = (0, 0);
        let (mut keyword, mut own) = ("", "");
        let mut takes_name = false;
        let mut first: Option<Self> = None;
        while let Some(byte) = bytes.get(at) {
            let start = at;
            at += 1;
            match byte {
                b'#' => at += find(&document[at..], b"\n\r"),
                b'"' => at = end_of_string(bytes, start),
                b'{' | b'(' | b'[' => {
                    if depth == 0 && *byte == b'{' {
                        let kind = match position(keyword, KINDS, b' ', str::eq) {
                            _ if keyword.is_empty() => "query",
                            Some(index) => [QUERY, "mutation", "subscription"][index as usize],
                            None => "",
                        };
                        let is_wanted = name.is_empty() || name == own;
                        if !kind.is_empty() && (is_wanted || first.is_none()) {
                            let name = if name.is_empty() { own } else { name };
                            first = Some(Self { kind, name: name.into() });
                        }
                        if !kind.is_empty() && is_wanted {
                            break;
                        }
                    }
                    depth += 1;
                }
                b'}' | b')' | b']' => {
                    depth -= 1;
                    if depth < 0 {
                        return None;
                    }
                    if depth == 0 && *byte == b'}' {
                        (keyword, own, takes_name) = ("", "", false);
                    }
                }
                b'_' | b'A'..=b'Z' | b'a'..=b'z' if depth == 0 => {
                    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
                    at = start + bytes[start..].iter().take_while(is_name).count();
                    let word = &document[start..at];
                    if keyword.is_empty() {
                        if word != "fragment" && position(word, KINDS, b' ', str::eq).is_none() {
                            return None;
                        }
                        keyword = word;
                        takes_name = true;
                    } else if takes_name {
                        own = word;
                        takes_name = false;
                    }
                }
                // What follows is a directive's name.
                b'@' => takes_name = false,
                _ => {}
            }
        }
        first
    }

    /// Adds its attributes. Returns a name for the span, which stays as few as the page's operations are.
    pub fn tell(&self, attributes: &mut Attributes) -> String {
        attributes.known_text("graphql.operation.type", self.kind);
        attributes.known_text("graphql.operation.name", &self.name);
        if self.kind.is_empty() {
            if contains(&self.name, ",") {
                return self.name.clone();
            }
            return "GraphQL Operation".into();
        }
        let mut name = String::from(self.kind);
        if !self.name.is_empty() {
            name.push_str(" ");
            name.push_str(&self.name);
        }
        name
    }
}

/// A URL without its document and its variables.
pub fn redact(url: &str) -> String {
    let mut rest = &url[find(url, b"?")..];
    let mut out = String::from(&url[..url.len() - rest.len()]);
    while !rest.is_empty() {
        let end = 1 + find(&rest[1..], b"&#");
        let key = find(&rest[..end], b"=");
        let is_kept = position(&rest[1..key], "query variables extensions", b' ', str::eq).is_none();
        out.push_str(if is_kept { &rest[..end] } else { &rest[..key] });
        if !is_kept {
            out.push_str("=REDACTED");
        }
        rest = &rest[end..];
    }
    out
}

/// The place behind the string that begins here; a block string has three quotes.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let quotes: &[u8] = if bytes[start..].starts_with(b"\"\"\"") { b"\"\"\"" } else { b"\"" };
    let mut at = start + quotes.len();
    while at < bytes.len() && !bytes[at..].starts_with(quotes) {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + quotes.len()
}

const QUERY: &str = "query";
const KINDS: &str = "query mutation subscription";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<(&'static str, String)> {
        Operation::parse(text).map(|Operation { kind, name, .. }| (kind, name))
    }

    fn operation(kind: &'static str, name: &str) -> Option<(&'static str, String)> {
        Some((kind, name.into()))
    }

    #[test]
    fn names_and_types_are_found() {
        for (text, expected) in [
            ("\n{ shop { name } }", operation("query", "")),
            ("\nquery { shop }", operation("query", "")),
            ("\nquery Products($first: Int = 3) @live { products { id } }", operation("query", "Products")),
            ("\nmutation AddToCart { add }", operation("mutation", "AddToCart")),
            ("\nsubscription Prices{price}", operation("subscription", "Prices")),
            ("\n# query Not {\n  query Yes { a }", operation("query", "Yes")),
            ("\nfragment F on Shop { query } query Last { ...F }", operation("query", "Last")),
            ("\nquery @cached { a }", operation("query", "")),
            ("B\nquery A { a } mutation B { b(text: \"} query C {\") }", operation("mutation", "B")),
            ("\nquery A($a: String = \"\"\"} \" {\"\"\") { a }", operation("query", "A")),
            ("Known\n", operation("", "Known")),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn a_batch_has_its_operations_names() {
        for (text, expected) in [
            ("\nquery A { a }\u{3}\nquery B { b }\u{3}C\n", Some(("A,B,C", ""))),
            ("\nquery A { a }\u{3}\nquery B { b }", Some(("query A,B", "query"))),
            ("\nquery A { a }\u{3}\nmutation B { b }", Some(("A,B", ""))),
            ("A\n\u{3}B\n", Some(("A,B", ""))),
            ("\n{a}\u{3}\nquery A{a}", Some(("query A", "query"))),
            ("\n{a}\u{3}\nmutation{a}", Some(("GraphQL Operation", ""))),
            ("\nquery A { a }\u{3}\nshoes", None),
        ] {
            let told = Operation::parse(text).map(|one| (one.tell(&mut Attributes::of_span()), one.kind));
            assert_eq!(told, expected.map(|(name, kind)| (name.into(), kind)), "{text}");
        }
    }

    #[test]
    fn what_is_no_document_is_no_operation() {
        for text in
            ["", "\n", "\nshoes", "\nquery", "\nred shoes {", "\n} query A {", "\nfragment F on Shop { a }"]
        {
            assert_eq!(parsed(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_loses_its_document_and_its_variables() {
        assert_eq!(
            redact("https://shop.example/graphql?query=%7Ba%7D&operationName=A&variables=%7B%7D#query=a"),
            "https://shop.example/graphql?query=REDACTED&operationName=A&variables=REDACTED#query=REDACTED"
        );
        assert_eq!(redact("https://shop.example/a"), "https://shop.example/a");
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[a-z{}()\"\\\\#@é\n ]{0,40}", url: String) {
            parsed(&text);
            redact(&url);
        }
    }
}
