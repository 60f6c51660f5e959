//! Attributes: keys of the semantic conventions with typed values.

use std::cell::Cell;

use super::redact_url;
use crate::wire::protobuf::{begin, end, write_bytes, write_fixed64, write_integer};
use crate::wire::text::{decimal, take_part};

/// A list of attributes, kept as the OTLP protobuf fields that most of them end up as.
///
/// One buffer instead of a list of values: an attribute costs no allocation of its own, and a call
/// site that adds one is a few bytes of code.
///
/// | message | field | type | name |
/// |---|---|---|---|
/// | KeyValue | 1 | string | key |
/// | | 2 | AnyValue | value |
/// | AnyValue (oneof) | 1 | string | string_value |
/// | | 2 | bool | bool_value |
/// | | 3 | int64 | int_value |
/// | | 4 | double | double_value |
/// | | 5 | ArrayValue (1: AnyValue, repeated, values) | array_value |
pub struct Attributes {
    /// The field of the message that holds the list.
    field: u32,
    bytes: Vec<u8>,
}

impl Attributes {
    /// The attributes of a span (`Span.attributes`).
    pub fn of_span() -> Self {
        Self { field: 9, bytes: Vec::new() }
    }

    /// The attributes of an event (`LogRecord.attributes`).
    pub fn of_event() -> Self {
        Self { field: 6, bytes: Vec::new() }
    }

    /// The attributes of a link (`Span.Link.attributes`).
    pub fn of_link() -> Self {
        Self { field: 4, bytes: Vec::new() }
    }

    /// The attributes of a resource (`Resource.attributes`).
    pub fn of_resource() -> Self {
        Self { field: 1, bytes: Vec::new() }
    }

    /// Adds a text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.utf8(key, value.as_bytes());
    }

    /// Adds a text that is known to be UTF-8, cut at [`limit_value_length`].
    pub fn utf8(&mut self, key: &str, value: &[u8]) {
        let mut length = value.len().min(VALUE_LENGTH.get());
        // Not within a character: its bytes behind the first are 10xxxxxx.
        while value.get(length).is_some_and(|byte| byte & 0xc0 == 0x80) {
            length -= 1;
        }
        self.add(key, &mut |out| write_bytes(1, &value[..length], out));
    }

    /// Adds a text unless it is empty.
    pub fn known_text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.text(key, value);
        }
    }

    /// Adds an integer.
    pub fn integer(&mut self, key: &str, value: i64) {
        self.add(key, &mut |out| write_integer(3, value.cast_unsigned(), out));
    }

    /// Adds an integer that is above zero.
    pub fn known_integer(&mut self, key: &str, value: i64) {
        if value > 0 {
            self.integer(key, value);
        }
    }

    /// Adds a double.
    pub fn double(&mut self, key: &str, value: f64) {
        self.add(key, &mut |out| write_fixed64(4, value.to_bits(), out));
    }

    /// Adds a boolean.
    pub fn flag(&mut self, key: &str, value: bool) {
        self.add(key, &mut |out| write_integer(2, u64::from(value), out));
    }

    /// Adds an array of texts, given with `|` between them.
    pub fn list(&mut self, key: &str, mut items: &str) {
        self.add(key, &mut |out| {
            let array = begin(5, out);
            while !items.is_empty() {
                let item = take_part(&mut items, b'|');
                let value = begin(1, out);
                write_bytes(1, item.as_bytes(), out);
                end(value, out);
            }
            end(array, out);
        });
    }

    /// Adds an array of texts.
    pub fn texts(&mut self, key: &str, items: &[&str]) {
        self.array(key, items.len(), &|index, out| write_bytes(1, items[index].as_bytes(), out));
    }

    /// Adds an array of doubles.
    pub fn doubles(&mut self, key: &str, items: &[f64]) {
        self.array(key, items.len(), &|index, out| write_fixed64(4, items[index].to_bits(), out));
    }

    fn array(&mut self, key: &str, length: usize, write: &dyn Fn(usize, &mut Vec<u8>)) {
        self.add(key, &mut |out| {
            let array = begin(5, out);
            for index in 0..length {
                let value = begin(1, out);
                write(index, out);
                end(value, out);
            }
            end(array, out);
        });
    }

    /// Adds what the page has given, each behind a U+0001: a letter for its type, the key, U+0002 and the value. Numbers
    /// are in decimal: integers (`i`) as 64 bits, doubles (`d`) by their bits.
    pub fn given(mut self, mut rest: &str) -> Self {
        while !rest.is_empty() {
            let mut value = take_part(&mut rest, 1);
            let key = take_part(&mut value, 2);
            let Some((kind, key)) = key.split_at_checked(1) else {
                continue;
            };
            match (kind, decimal(value)) {
                ("i", Some(number)) => self.integer(key, number.cast_signed()),
                ("d", Some(bits)) => self.double(key, f64::from_bits(bits)),
                ("b", Some(flag)) => self.flag(key, flag != 0),
                ("l", _) => self.list(key, value),
                // Of the page's own, and those that hooks hand over as they are.
                _ if key == "url.full" => self.text(key, &redact_url(value)),
                _ => self.text(key, value),
            }
        }
        self
    }

    /// Adds all of another list of the same kind.
    pub fn append(&mut self, other: &Self) {
        self.bytes.extend_from_slice(&other.bytes);
    }

    /// The list as protobuf fields, one behind the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn add(&mut self, key: &str, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let out = &mut self.bytes;
        let message = begin(self.field, out);
        write_bytes(1, key.as_bytes(), out);
        let value = begin(2, out);
        write(out);
        end(value, out);
        end(message, out);
    }
}

/// Sets how many bytes of a text are kept, for all lists that are made from now on.
pub fn limit_value_length(bytes: usize) {
    if cfg!(feature = "diagnostics") {
        VALUE_LENGTH.set(bytes);
    }
}

thread_local! {
    // Every list of this instance, which has one thread, has the same.
    static VALUE_LENGTH: Cell<usize> = const { Cell::new(4_096) };
}

#[cfg(test)]
pub use tests::decoded_event;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use opentelemetry_proto::tonic::common::v1::AnyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    impl Attributes {
        /// What somebody else's decoder reads: integers and doubles in decimal, lists joined by `|`.
        pub fn decoded(&self) -> BTreeMap<String, String> {
            assert_eq!(self.field, 9, "a span's");
            let span = Span::decode(self.bytes()).unwrap();
            span.attributes.into_iter().map(|pair| (pair.key, text(pair.value.unwrap()))).collect()
        }
    }

    pub fn decoded_event(attributes: &Attributes) -> BTreeMap<String, String> {
        assert_eq!(attributes.field, 6, "an event's");
        let record = LogRecord::decode(attributes.bytes()).unwrap();
        record.attributes.into_iter().map(|pair| (pair.key, text(pair.value.unwrap()))).collect()
    }

    fn text(value: AnyValue) -> String {
        match value.value.unwrap() {
            Value::StringValue(text) => text,
            Value::IntValue(integer) => integer.to_string(),
            Value::DoubleValue(double) => format!("{double:?}"),
            Value::BoolValue(flag) => flag.to_string(),
            Value::ArrayValue(array) => array.values.into_iter().map(text).collect::<Vec<_>>().join("|"),
            other => panic!("{other:?} is never written"),
        }
    }

    #[test]
    fn what_the_page_gives_back_is_read() {
        let given = "stext\u{2}é\u{1}iint\u{2}18446744073709551613\u{1}dhalf\u{2}4602678819172646912\u{1}bno\u{2}0\u{1}llist\u{2}a|b\u{1}sempty\u{2}\u{1}\u{1}ibad\u{2}x";
        let expected = [
            ("bad", "x"),
            ("empty", ""),
            ("half", "0.5"),
            ("int", "-3"),
            ("list", "a|b"),
            ("no", "false"),
            ("text", "é"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(Attributes::of_span().given(given).decoded(), BTreeMap::from(expected));
    }

    #[test]
    fn every_type_is_read_back() {
        let mut attributes = Attributes::of_span();
        attributes.text("text", "é\n");
        attributes.text("empty", "");
        attributes.known_text("unknown", "");
        attributes.integer("zero", 0);
        attributes.integer("negative", i64::MIN);
        attributes.known_integer("no", 0);
        attributes.double("double", 0.1);
        attributes.flag("flag", false);
        attributes.list("list", "a b|c");
        attributes.texts("texts", &["a b", "", "c"]);
        attributes.doubles("doubles", &[0.5, -1.0]);
        let expected = [
            ("double", "0.1"),
            ("doubles", "0.5|-1.0"),
            ("empty", ""),
            ("flag", "false"),
            ("list", "a b|c"),
            ("negative", "-9223372036854775808"),
            ("text", "é\n"),
            ("texts", "a b||c"),
            ("zero", "0"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(attributes.decoded(), BTreeMap::from(expected));
    }
}
