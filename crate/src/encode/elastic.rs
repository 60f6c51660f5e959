//! Elastic's intake, version 2: newline-delimited JSON, made of the same protobuf.
//!
//! A root span, or one whose parent is in another process, is a transaction, all others are spans. A request outside
//! of the page load is both: a transaction round a span, as Elastic's agent has it.
//!
//! An `exception` is an error; other events have no place there.
//!
//! Sources: the schemas `metadata`, `transaction`, `span` and `error` of `elastic/apm-data` (`input/elasticapm/docs/spec/v2`);
//! the field limits of Elastic's agent specification.

use std::iter;

use super::are_events;
use super::stack::Frame;
use crate::context::{Origin, SpanId};
use crate::trace::{Attributes as OwnAttributes, HANDLED, TYPE};
use crate::wire::hex;
use crate::wire::json::{open, put, separate, write_member, write_name, write_text};
use crate::wire::reader::{Fields, Value, bytes, field};
use crate::wire::text::{find, find_text, hash, take_part, utf8, write_decimal, write_integer};

type Format<'a> = &'a dyn Fn(f64, &mut Vec<u8>);

/// Writes metadata and events for the field `ResourceSpans.resource` and the fields `ScopeSpans.spans`, or events.
/// `format` writes a number as JavaScript does.
pub fn write_request(resource: &[u8], items: &[u8], format: Format, out: &mut Vec<u8>) {
    let resource = bytes(resource, 1);
    write_metadata(resource, format, out);
    for (_, item) in Fields(items) {
        if are_events(items) {
            write_error(item.bytes(), resource, format, out);
        } else {
            write_span(item.bytes(), resource, format, out);
        }
    }
}

fn write_metadata(resource: &[u8], format: Format, out: &mut Vec<u8>) {
    let attributes = Attributes::of(resource, 1);
    out.extend_from_slice(b"{\"metadata\":{\"service\":{\"agent\":{\"name\":\"rum-js\"");
    member("version", attributes.text("telemetry.sdk.version"), out);
    out.extend_from_slice(b"},\"language\":{\"name\":\"javascript\"}");
    for (name, key) in SERVICE {
        member(name, attributes.text(key), out);
    }
    put(b'}', out);
    write_user(&attributes, out);
    open("labels", b'{', out);
    attributes.write_members(
        &|key| {
            let is_known = SERVICE.iter().chain(USER).any(|(_, known)| *known == key)
                || ["telemetry.", "browser.", "user_agent.", OWN]
                    .iter()
                    .any(|prefix| key.starts_with(prefix));
            (!is_known).then_some(key)
        },
        format,
        out,
    );
    out.extend_from_slice(b"}}}\n");
}

fn write_span(span: &[u8], resource: &[u8], format: Format, out: &mut Vec<u8>) {
    let attributes = Attributes::of(span, 9);
    let id = bytes(span, 2);
    let parent = bytes(span, 4);
    let trace_id = bytes(span, 1);
    let number = |index| field(span, index).map_or(0, Value::number);
    let is_entry = parent.is_empty() || number(16) & IS_REMOTE != 0;
    let is_page_load = !attributes.text("browser.navigation_timing.type").is_empty();
    let is_request = !attributes.text("http.request.method").is_empty();
    let url = attributes.text("url.full");
    let place = &url[..find(url, b"?#")];
    let status = attributes.number("http.response.status_code");
    let failed = field(span, 15).is_some();
    let mut types = attributes.text(TYPE);
    let is_custom = !is_request && !is_page_load && (url.is_empty() || !types.is_empty());
    let (kind, subtype) = if is_custom {
        (take_part(&mut types, b'.'), take_part(&mut types, b'.'))
    } else if is_request {
        ("external", "http")
    } else if attributes.text("browser.resource_timing.initiator_type").is_empty() {
        ("hard-navigation", "browser-timing")
    } else {
        ("resource", attributes.text("browser.resource_timing.initiator_type"))
    };
    let mut name = String::from(field(span, 5).map_or("", Value::text));
    if is_request {
        name.push_str(" ");
        name.push_str(place);
    } else if kind == "resource" {
        name = place.into();
    } else if name == "documentFetch" {
        name = "Requesting and receiving the document".into();
    }
    let common = |id: &[u8], parent: &[u8], name: &str, out: &mut Vec<u8>| {
        member_id("id", id, out);
        member_id("trace_id", trace_id, out);
        if !parent.is_empty() {
            member_id("parent_id", parent, out);
        }
        member("name", name, out);
        write_name("timestamp", out);
        write_integer(number(7) / 1_000, out);
        write_name("duration", out);
        // Milliseconds, without asking JavaScript how it writes them.
        write_decimal(number(8).saturating_sub(number(7)), 1_000_000, out);
        // The server takes a missing one for 1.
        let rate = attributes.text(SAMPLE_RATE);
        if !rate.is_empty() {
            write_name("sample_rate", out);
            out.extend_from_slice(rate.as_bytes());
        }
        let outcome = match (failed, status) {
            (true, _) => "failure",
            _ if !is_request => attributes.text(OUTCOME),
            (_, 0) => "unknown",
            _ => "success",
        };
        member("outcome", outcome, out);
    };

    let mut transaction_id = [0; 8];
    if is_entry && (is_page_load || is_request || is_custom) {
        let own_id = if is_request { other_id(id, &mut transaction_id) } else { id };
        out.extend_from_slice(b"{\"transaction\":{");
        common(own_id, parent, if is_page_load { page_load_name(&name, place) } else { &name }, out);
        let own_type = match (is_page_load, is_request) {
            (true, _) => "page-load",
            (_, true) => "http-request",
            _ => attributes.text(TYPE),
        };
        member("type", own_type, out);
        write_flag("sampled", true, out);
        let session = attributes.text("session.id");
        if !session.is_empty() {
            open("session", b'{', out);
            member("id", session, out);
            if attributes.number(SEQUENCE) > 0 {
                write_name("sequence", out);
                write_integer(attributes.number(SEQUENCE), out);
            }
            put(b'}', out);
        }
        write_name("span_count", out);
        out.extend_from_slice(b"{\"started\":");
        // Some have been sent before.
        let count = if is_request { 1 } else { attributes.number(CHILDREN) };
        write_integer(count, out);
        put(b'}', out);
        if !is_request {
            attributes.write_groups(&["marks", "agent", "navigationTiming", "custom"], format, out);
            attributes.write_groups(&["experience", "longtask"], format, out);
        }
        write_context(&attributes, resource, format, out);
        write_links(span, out);
        out.extend_from_slice(b"}}\n");
        if !is_request {
            return;
        }
    }

    out.extend_from_slice(b"{\"span\":{");
    let parent = if is_entry { other_id(id, &mut transaction_id) } else { parent };
    common(id, parent, &name, out);
    let transaction = attributes.text(TRANSACTION);
    if transaction.is_empty() {
        member_id("transaction_id", parent, out);
    } else {
        member("transaction_id", transaction, out);
    }
    member("type", kind, out);
    member("subtype", subtype, out);
    member("action", types, out);
    open("context", b'{', out);
    if !is_custom {
        write_http(&attributes, url, status, out);
    }
    write_tags(&attributes, format, out);
    put(b'}', out);
    if !is_entry {
        write_links(span, out);
    }
    out.extend_from_slice(b"}}\n");
}

fn write_error(event: &[u8], resource: &[u8], format: Format, out: &mut Vec<u8>) {
    let attributes = Attributes::of(event, 6);
    if field(event, 12).map_or("", Value::text) != "exception" {
        return;
    }
    out.extend_from_slice(b"{\"error\":{");
    // The same whenever it is sent again.
    member_id("id", &[hash(event).to_be_bytes(), hash(&event[1..]).to_be_bytes()].concat(), out);
    write_name("timestamp", out);
    write_integer(field(event, 1).map_or(0, Value::number) / 1_000, out);
    let mut trace = attributes.text("exception.stacktrace");
    let culprit = lines(trace).find_map(Frame::parse).map_or("", |frame| frame.file());
    member("culprit", culprit, out);
    open("exception", b'{', out);
    let message = match attributes.text(SHOWN) {
        "" => attributes.text("exception.message"),
        shown => shown,
    };
    let mut kind = attributes.text("exception.type");
    // What is no error has none: Elastic's agent takes what stands before the first colon.
    let end = find(message, b":");
    if kind.is_empty() && end < message.len() {
        kind = &message[..end];
    }
    member("type", kind, out);
    write_flag(
        "handled",
        attributes.get(HANDLED).and_then(|value| field(value, 2)).is_some_and(|flag| flag.number() != 0),
        out,
    );
    write_member("message", message, out);
    write_frames(part(&mut trace), out);
    if !trace.is_empty() {
        open("cause", b'[', out);
        while !trace.is_empty() {
            let cause = part(&mut trace);
            separate(out);
            put(b'{', out);
            write_member("message", lines(cause).next().unwrap_or_default(), out);
            write_frames(cause, out);
            put(b'}', out);
        }
        put(b']', out);
    }
    put(b'}', out);
    write_context(&attributes, resource, format, out);
    // That of the page load, or of a request.
    if let Some(span) = field(event, 10) {
        let id = span.bytes();
        let page_load = attributes.text(TRANSACTION);
        let is_alone = page_load.is_empty() && attributes.get(TRANSACTION).is_some();
        member_id("trace_id", bytes(event, 9), out);
        member_id("parent_id", id, out);
        if is_alone {
            member_id("transaction_id", other_id(id, &mut [0; 8]), out);
        } else if page_load.is_empty() {
            member_id("transaction_id", id, out);
        } else {
            member("transaction_id", page_load, out);
        }
        open("transaction", b'{', out);
        let own_type = match attributes.text(TYPE) {
            "" if is_alone => "http-request",
            "" => "page-load",
            own_type => own_type,
        };
        member("type", own_type, out);
        write_flag("sampled", field(event, 8).is_some_and(|flags| flags.number() & 1 != 0), out);
        put(b'}', out);
    }
    out.extend_from_slice(b"}}\n");
}

/// Takes an error, or a cause, off a stack trace.
fn part<'a>(trace: &mut &'a str) -> &'a str {
    let cause = "\nCaused by: ";
    let end = find_text(trace, cause).unwrap_or(trace.len());
    let (part, rest) = trace.split_at(end);
    *trace = rest.get(cause.len()..).unwrap_or_default();
    part
}

fn lines(mut text: &str) -> impl Iterator<Item = &str> {
    iter::from_fn(move || (!text.is_empty()).then(|| take_part(&mut text, b'\n')))
}

fn write_frames(trace: &str, out: &mut Vec<u8>) {
    open("stacktrace", b'[', out);
    for frame in lines(trace).filter_map(Frame::parse).take(FRAMES) {
        separate(out);
        put(b'{', out);
        member("filename", frame.file(), out);
        write_member("abs_path", frame.url, out);
        member("function", frame.function, out);
        write_name("lineno", out);
        write_integer(frame.line, out);
        if frame.column > 0 {
            write_name("colno", out);
            write_integer(frame.column, out);
        }
        put(b'}', out);
    }
    put(b']', out);
}

/// The id of the transaction round a request's span: another one, but always the same, so that a batch that is sent
/// again says the same.
fn other_id<'a>(id: &[u8], out: &'a mut [u8; 8]) -> &'a [u8] {
    for (other, byte) in out.iter_mut().zip(id) {
        *other = byte ^ 0x5a;
    }
    out
}

/// Elastic's UI shows routes: the path, unless the page's author has given a name.
fn page_load_name<'a>(name: &'a str, place: &'a str) -> &'a str {
    if name != "documentLoad" {
        return name;
    }
    let authority = find(place, b"/") + 2;
    let path = place.get(authority..).and_then(|rest| rest.get(find(rest, b"/")..)).unwrap_or_default();
    if path.is_empty() { name } else { path }
}

/// The page, its visitor, and what its code has to say.
fn write_context(attributes: &Attributes, resource: &[u8], format: Format, out: &mut Vec<u8>) {
    open("context", b'{', out);
    let mut url = attributes.text("url.full");
    if url.is_empty() || !attributes.text("http.request.method").is_empty() {
        url = attributes.text(PLACE);
    }
    if !url.is_empty() {
        open("page", b'{', out);
        write_member("url", url, out);
        member("referer", attributes.text(REFERRER), out);
        put(b'}', out);
    }
    write_user(attributes, out);
    attributes.write_groups(&["response", "headers"], format, out);
    open("custom", b'{', out);
    let of_page = Attributes::of(resource, 1);
    for attributes in [&of_page, attributes] {
        attributes.write_members(&|key| key.strip_prefix(CUSTOM), format, out);
    }
    put(b'}', out);
    write_tags(attributes, format, out);
    put(b'}', out);
}

fn write_user(attributes: &Attributes, out: &mut Vec<u8>) {
    if USER.iter().any(|(_, key)| attributes.get(key).is_some()) {
        open("user", b'{', out);
        for (name, key) in USER {
            member(name, attributes.text(key), out);
        }
        put(b'}', out);
    }
}

fn write_http(attributes: &Attributes, url: &str, status: u64, out: &mut Vec<u8>) {
    open("http", b'{', out);
    write_member("url", url, out);
    member("method", attributes.text("http.request.method"), out);
    if status > 0 {
        write_name("status_code", out);
        write_integer(status, out);
    }
    let sizes = [
        ("transfer_size", "http.response.size"),
        ("encoded_body_size", "http.response.body.size"),
        ("decoded_body_size", DECODED_SIZE),
    ];
    if sizes.iter().any(|(_, key)| attributes.number(key) > 0) {
        open("response", b'{', out);
        for (name, key) in sizes {
            if attributes.number(key) > 0 {
                write_name(name, out);
                write_integer(attributes.number(key), out);
            }
        }
        put(b'}', out);
    }
    put(b'}', out);
    if let Some(origin) = Origin::of(url) {
        open("destination", b'{', out);
        member("address", origin.host(), out);
        write_name("port", out);
        write_integer(u64::from(origin.port()), out);
        write_name("service", out);
        out.extend_from_slice(b"{\"resource\":");
        let mut resource = Vec::from(origin.host().as_bytes());
        resource.push(b':');
        write_integer(u64::from(origin.port()), &mut resource);
        write_text(utf8(&resource), out);
        // Older servers require both.
        out.extend_from_slice(b",\"name\":\"\",\"type\":\"\"}}");
    }
}

/// What has no place of its own.
fn write_tags(attributes: &Attributes, format: Format, out: &mut Vec<u8>) {
    open("tags", b'{', out);
    attributes.write_members(
        &|key| {
            let is_known = [
                "http.",
                "url.",
                "server.",
                "exception.",
                OWN,
                "browser.navigation_timing.",
                "user.",
                "browser.resource_timing.initiator",
            ]
            .iter()
            .any(|prefix| key.starts_with(prefix));
            (!is_known).then_some(key)
        },
        format,
        out,
    );
    put(b'}', out);
}

fn write_links(span: &[u8], out: &mut Vec<u8>) {
    let mut links = Fields(span).filter(|(number, _)| *number == 13).peekable();
    if links.peek().is_none() {
        return;
    }
    open("links", b'[', out);
    for (_, link) in links {
        separate(out);
        put(b'{', out);
        for (number, name) in [(1, "trace_id"), (2, "span_id")] {
            // The server requires both.
            member_id(name, field(link.bytes(), number).map_or(&[0; 8], Value::bytes), out);
        }
        put(b'}', out);
    }
    put(b']', out);
}

/// A member with a keyword, cut at 1,024 characters; nothing if it is empty.
fn member(name: &str, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        write_member(name, keyword(text), out);
    }
}

fn write_flag(name: &str, flag: bool, out: &mut Vec<u8>) {
    write_name(name, out);
    out.extend_from_slice(if flag { b"true" } else { b"false" });
}

/// As much of a text as a keyword may have.
fn keyword(text: &str) -> &str {
    if text.len() <= KEYWORD {
        return text;
    }
    &text[..text.char_indices().nth(KEYWORD).map_or(text.len(), |(index, _)| index)]
}

fn member_id(name: &str, id: &[u8], out: &mut Vec<u8>) {
    write_name(name, out);
    out.push(b'"');
    hex::write(id, out);
    out.push(b'"');
}

/// Attributes of a message, read once: each is looked up some twenty times.
struct Attributes<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> Attributes<'a> {
    /// `number` is their field's.
    fn of(message: &'a [u8], number: u32) -> Self {
        let mut pairs = Vec::new();
        for (_, pair) in Fields(message).filter(|(field, _)| *field == number) {
            let mut parts = Fields(pair.bytes()).map(|(_, part)| part);
            let mut part = || parts.next().unwrap_or(Value::Bytes(&[]));
            pairs.push((part().text(), part().bytes()));
        }
        Self(pairs)
    }

    fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(own, _)| *own == key).map(|(_, value)| *value)
    }

    fn text(&self, key: &str) -> &'a str {
        self.get(key).and_then(|value| field(value, 1)).map_or("", Value::text)
    }

    fn number(&self, key: &str) -> u64 {
        self.get(key).and_then(|value| field(value, 3)).map_or(0, Value::number)
    }

    /// An object of the attributes that are called `headwater.<name>.<member>`, with further ones in it; nothing if it
    /// has no members.
    fn write_groups(&self, names: &[&str], format: Format, out: &mut Vec<u8>) {
        let Some((name, further)) = names.split_first() else {
            return;
        };
        let begin = out.len();
        open(name, b'{', out);
        let member = |key: &'a str| key.strip_prefix(OWN)?.strip_prefix(name)?.strip_prefix(".");
        self.write_members(&member, format, out);
        for name in further {
            self.write_groups(&[name], format, out);
        }
        if out.last() == Some(&b'{') {
            out.truncate(begin);
        } else {
            put(b'}', out);
        }
    }

    /// As members, whose names (by the key, or none) may not have dots as those of labels may not, and whose values are
    /// texts, numbers and flags.
    fn write_members(&self, name_of: &dyn Fn(&'a str) -> Option<&'a str>, format: Format, out: &mut Vec<u8>) {
        for &(key, value) in &self.0 {
            let (Some(key), Some((kind, value))) = (name_of(key), Fields(value).next()) else {
                continue;
            };
            if kind == 5 {
                continue;
            }
            separate(out);
            let mut name = Vec::from(key.as_bytes());
            for byte in &mut name {
                if matches!(byte, b'.' | b'*' | b'"') {
                    *byte = b'_';
                }
            }
            write_text(utf8(&name), out);
            out.push(b':');
            match kind {
                2 => out.extend_from_slice(if value.number() == 0 { b"false" } else { b"true" }),
                3 => format(value.number().cast_signed() as f64, out),
                4 => format(f64::from_bits(value.number()), out),
                _ => write_text(keyword(value.text()), out),
            }
        }
    }
}

const SERVICE: &[(&str, &str)] = &[
    ("name", "service.name"),
    ("version", "service.version"),
    ("environment", "deployment.environment.name"),
];

const USER: &[(&str, &str)] = &[("id", "user.id"), ("username", "user.name"), ("email", "user.email")];

/// What attributes of ours begin with: what of them has no place is nobody's.
pub const OWN: &str = "headwater.";
/// What the page's code says of a span's outcome.
const OUTCOME: &str = "headwater.outcome";
/// How many spans a transaction has, but for its own.
pub const CHILDREN: &str = "headwater.children";
/// Which page of its session a page load is, from 1.
pub const SEQUENCE: &str = "headwater.sequence";
/// The URL of the page that a transaction happens on, if its own is none or another one.
pub const PLACE: &str = "headwater.place";
/// Where a page load has its page's referrer.
pub const REFERRER: &str = "headwater.referrer";
/// The rate of a span's trace, as text: not an attribute that anybody gets.
pub const SAMPLE_RATE: &str = "headwater.sample_rate";
/// Says which transaction something belongs to, if that isn't its parent; none is the one round a request.
pub fn name_transaction(id: Option<SpanId>, attributes: &mut OwnAttributes) {
    let mut digits = Vec::new();
    if let Some(id) = id {
        hex::write(id.bytes(), &mut digits);
    }
    attributes.utf8(TRANSACTION, &digits);
}

/// What [`name_transaction`] says: nobody gets it.
const TRANSACTION: &str = "headwater.transaction";
/// Bytes of a resource's body.
pub const DECODED_SIZE: &str = "http.response.decoded_size";
/// The message of an error that was not caught, as the browser or Elastic's agent has it: `Uncaught TypeError: …`.
pub const SHOWN: &str = "exception.shown";
/// `SpanFlags`: the parent is in another process.
const IS_REMOTE: u64 = 0x200;
/// What begins the names of the page's own context.
const CUSTOM: &str = "headwater.context.";
/// Of a stack, at most.
const FRAMES: usize = 50;
/// Characters of a keyword (`ignore_above`, and the schemas' `maxLength`).
const KEYWORD: usize = 1_024;
