//! Routes: which change of the URL is one, and names for them that stay few.

use crate::wire::text::{find, take_part};

/// Whether a page that has gone from one URL to another within the same document shows something else now. Its
/// query and the place that a hash names only count where the page has `pushed` an entry of the history for it.
pub fn is_change(from: &str, to: &str, pushed: bool) -> bool {
    let (from, to) = (Parts::of(from), Parts::of(to));
    from.path != to.path || from.route() != to.route() || pushed && from.query != to.query
}

/// A name for what a URL shows: `template`, else one that is made up of its segments.
pub fn name(template: Option<&str>, url: &str) -> String {
    match template {
        Some(template) => template.into(),
        None => slug(url),
    }
}

/// The first template (`/products/:id`, `/blog/*`) that the URL's path is an instance of; of a page that has its routes
/// in its hash (`#/products/1`), that one. A template may begin with an origin.
pub fn template<'a>(templates: &'a [String], url: &str) -> Option<&'a str> {
    let parts = Parts::of(url);
    let fits = |template: &&String| {
        let wanted = Parts::of(template);
        (wanted.origin.is_empty() || wanted.origin == parts.origin) && fits(wanted.path, parts.place())
    };
    templates.iter().find(fits).map(String::as_str)
}

/// The path of the first template that a request's URL is an instance of: one without an origin is of the page's own.
pub fn url_template<'a>(templates: &'a [String], url: &str, own: &str) -> Option<&'a str> {
    let parts = Parts::of(url);
    let fits = |wanted: &Parts| {
        parts.origin == if wanted.origin.is_empty() { own } else { wanted.origin }
            && fits(wanted.path, parts.path)
    };
    templates.iter().map(|template| Parts::of(template)).find(fits).map(|wanted| wanted.path)
}

/// Whether each segment is the template's, stands where that has a name (`:id`), or anywhere behind a `*`.
fn fits(mut template: &str, mut path: &str) -> bool {
    loop {
        let wanted = segment(&mut template);
        let given = segment(&mut path);
        if wanted == "*" || wanted.is_empty() && given.is_empty() {
            return true;
        }
        if wanted != given && (given.is_empty() || wanted.as_bytes().first() != Some(&b':')) {
            return false;
        }
    }
}

/// Takes the first segment off a path; nothing at its end.
fn segment<'a>(path: &mut &'a str) -> &'a str {
    loop {
        let segment = take_part(path, b'/');
        if !segment.is_empty() || path.is_empty() {
            return segment;
        }
    }
}

/// The first two segments of the path, with `:id` in place of what looks like one, and `*` for those behind: Elastic's
/// rules for names (`shared/url` of its specification).
fn slug(url: &str) -> String {
    let parts = Parts::of(url);
    let mut place = parts.place();
    let mut name = String::new();
    let mut is_id = false;
    for index in 0.. {
        let segment = segment(&mut place);
        if segment.is_empty() && index > 0 {
            break;
        }
        name.push_str("/");
        if is_id || index == 2 {
            name.push_str("*");
            break;
        }
        is_id = looks_like_id(segment.as_bytes());
        name.push_str(if is_id { ":id" } else { segment });
    }
    if !parts.query.is_empty() {
        name.push_str("?{query}");
    }
    name
}

/// Two signs or more, many digits, or capitals and small letters in a mixture that words do not have.
fn looks_like_id(segment: &[u8]) -> bool {
    let [mut digits, mut capitals, mut small] = [0; 3];
    for byte in segment {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'A'..=b'Z' => capitals += 1,
            b'a'..=b'z' => small += 1,
            _ => {}
        }
    }
    let length = segment.len();
    let is_mixed = |letters: usize| letters * 10 > length * 3 && letters * 10 < length * 6;
    length - digits - capitals - small > 1
        || digits > 3
        || length > 3 && digits * 10 >= length * 3
        || length > 5 && (is_mixed(capitals) || is_mixed(small))
}

/// A URL, or the path of one.
struct Parts<'a> {
    origin: &'a str,
    path: &'a str,
    query: &'a str,
    /// Without the `#`.
    hash: &'a str,
}

impl<'a> Parts<'a> {
    fn of(mut url: &'a str) -> Self {
        let (rest, hash) = url.split_at(find(url, b"#"));
        let (rest, query) = rest.split_at(find(rest, b"?"));
        url = rest;
        // What begins with a slash is a path.
        let mut start = find(url, b"/");
        if start > 0 {
            start = (start + 2).min(url.len());
            start += find(&url[start..], b"/");
        }
        let (origin, path) = url.split_at(start);
        Self { origin, path, query, hash: hash.get(1..).unwrap_or_default() }
    }

    /// The route that stands in the hash; empty if that names a place in the document.
    fn route(&self) -> &'a str {
        match self.hash.as_bytes() {
            [b'/', ..] => self.hash,
            [b'!', b'/', ..] => &self.hash[1..],
            _ => "",
        }
    }

    fn place(&self) -> &'a str {
        if self.route().is_empty() { self.path } else { self.route() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_s_template_is_of_the_page_s_origin_or_of_its_own() {
        let templates = ["/api/products/:id", "https://api.example/orders/*"].map(String::from);
        for (url, expected) in [
            ("https://shop.example/api/products/7?a=b#/x", Some("/api/products/:id")),
            ("https://api.example/api/products/7", None),
            ("https://api.example/orders/7/lines", Some("/orders/*")),
            ("https://shop.example/orders/7", None),
        ] {
            assert_eq!(url_template(&templates, url, "https://shop.example"), expected, "{url}");
        }
    }

    #[test]
    fn what_is_a_change() {
        let base = "https://shop.example/a?x=1#top";
        for (to, pushed, replaced) in [
            ("https://shop.example/a?x=1#top", false, false),
            ("https://shop.example/a?x=1#below", false, false),
            ("https://shop.example/a?x=2#top", true, false),
            ("https://shop.example/b?x=1#top", true, true),
            ("https://shop.example/a?x=1#/cart", true, true),
            ("https://shop.example/a?x=1#!/cart", true, true),
        ] {
            assert_eq!(is_change(base, to, true), pushed, "{to}");
            assert_eq!(is_change(base, to, false), replaced, "{to}");
        }
    }

    #[test]
    fn templates_come_first_and_the_first_that_fits_counts() {
        let templates = ["/products/:id", "/blog/*", "/", "https://api.example/users/:id/orders", "/cart/"]
            .map(Into::into);
        for (url, expected) in [
            ("https://shop.example/products/42?tab=1#top", "/products/:id"),
            ("https://shop.example/products/42/", "/products/:id"),
            ("https://shop.example/blog/2026/a/b", "/blog/*"),
            ("https://shop.example/blog", "/blog/*"),
            ("https://shop.example", "/"),
            ("https://shop.example/", "/"),
            ("https://shop.example/cart", "/cart/"),
            ("https://shop.example/#/products/7", "/products/:id"),
            ("https://api.example/users/9/orders", "https://api.example/users/:id/orders"),
            ("https://shop.example/users/9/orders", "/users/9/*"),
            ("https://shop.example/products", "/products"),
            ("https://shop.example/products/1/2", "/products/1/*"),
        ] {
            assert_eq!(name(template(&templates, url), url), expected, "{url}");
        }
    }

    /// Cases of Elastic's documented rules.
    #[test]
    fn slugs_of_elastic_s_rules() {
        for (path, expected) in [
            ("/", "/"),
            ("", "/"),
            ("/cart", "/cart"),
            ("/a/b/c/d", "/a/b/*"),
            ("/orders/12345/items", "/orders/:id/*"),
            ("/a-b-c/d", "/:id/*"),
            ("/x-1/y", "/x-1/y"),
            ("/ab12/y", "/:id/*"),
            ("/aBcDeF/y", "/:id/*"),
            ("/Checkout/y", "/Checkout/y"),
            ("/cart?step=2", "/cart?{query}"),
            ("?step=2", "/?{query}"),
            ("//a//b/", "/a/b"),
        ] {
            assert_eq!(slug(&format!("https://shop.example{path}")), expected, "{path}");
        }
    }
}
