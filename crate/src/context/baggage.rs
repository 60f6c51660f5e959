//! The W3C `baggage` header: names and values of the application's own, for all services on the way
//! (W3C Baggage, *Baggage HTTP header format*). It may bear personal data and is off by default.

use super::bytes::{is_printable, take_part};
use crate::wire::hex;

/// A list that may be sent: well formed, at most 64 members and 8,192 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baggage {
    /// Members separated by commas, without white space, values percent-encoded.
    text: Vec<u8>,
}

impl Baggage {
    /// An empty list.
    pub const fn new() -> Self {
        Self { text: Vec::new() }
    }

    /// Reads a header value. Malformed members are left out, and those for which there is no room;
    /// never a part of one. Duplicates stay in order, as the specification wants it.
    pub fn parse(text: &str) -> Self {
        let mut baggage = Self::new();
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            baggage.push(take_part(&mut rest, b',', false));
        }
        baggage
    }

    /// Sets a value, in place of all earlier ones of this key and at the end of the list. Nothing
    /// changes if the key is not an HTTP token or there is no room.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), BaggageError> {
        let mut member = Vec::from(key);
        member.push(b'=');
        for byte in value.as_bytes() {
            if *byte != b'%' && is_value(&[*byte]) {
                member.push(*byte);
            } else {
                let start = member.len();
                member.push(b'%');
                hex::write(&[*byte], &mut member);
                member[start..].make_ascii_uppercase();
            }
        }
        let mut changed = self.without(key.as_bytes());
        if !is_token(key.as_bytes()) || !changed.push(&member) {
            return Err(BaggageError);
        }
        *self = changed;
        Ok(())
    }

    /// Adds the members of another list, each in place of earlier ones of its key, while there is room.
    pub fn merge(&mut self, others: &Self) {
        let mut rest = others.text.as_slice();
        while !rest.is_empty() {
            let member = take_part(&mut rest, b',', false);
            let key = take_part(&mut { member }, b'=', false);
            let mut changed = self.without(key);
            if changed.push(member) {
                *self = changed;
            }
        }
    }

    /// Removes all values of a key.
    pub fn remove(&mut self, key: &str) {
        *self = self.without(key.as_bytes());
    }

    /// The first value of a key, decoded; what is not UTF-8 reads as U+FFFD.
    pub fn value(&self, key: &str) -> Option<String> {
        let mut rest = self.text.as_slice();
        while !rest.is_empty() {
            let mut value = take_part(&mut { take_part(&mut rest, b',', false) }, b';', false);
            if take_part(&mut value, b'=', false) == key.as_bytes() {
                return Some(decode(value));
            }
        }
        None
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Appends the header value.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text);
    }

    fn without(&self, key: &[u8]) -> Self {
        let mut others = Self::new();
        let mut rest = self.text.as_slice();
        while !rest.is_empty() {
            let member = take_part(&mut rest, b',', false);
            if take_part(&mut { member }, b'=', false) != key {
                others.push(member);
            }
        }
        others
    }

    /// Appends `key OWS "=" OWS value *( OWS ";" OWS property )` without its white space, if it is
    /// that and there is room.
    fn push(&mut self, member: &[u8]) -> bool {
        let before = self.text.len();
        let mut members = 1;
        if before > 0 {
            self.text.push(b',');
            for byte in &self.text {
                members += usize::from(*byte == b',');
            }
        }
        let start = self.text.len();
        let mut well_formed = true;
        let mut rest = member;
        loop {
            let mut value = take_part(&mut rest, b';', false);
            let whole = value.len();
            let key = take_part(&mut value, b'=', false);
            let has_value = key.len() < whole;
            let (key, value) = (key.trim_ascii(), value.trim_ascii());
            if self.text.len() > start {
                self.text.push(b';');
            } else {
                // A property may stand without a value, a member not.
                well_formed = has_value;
            }
            self.text.extend_from_slice(key);
            if has_value {
                self.text.push(b'=');
                self.text.extend_from_slice(value);
            }
            well_formed &= is_token(key) && is_value(value);
            if rest.is_empty() || !well_formed {
                break;
            }
        }
        let kept = well_formed && members <= MAX_MEMBERS && self.text.len() <= MAX_LENGTH;
        if !kept {
            self.text.truncate(before);
        }
        kept
    }
}

/// Not a key, or no room: see [`Baggage::set`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaggageError;

fn decode(value: &[u8]) -> String {
    let digit = |at: usize| value.get(at).and_then(|digit| char::from(*digit).to_digit(16));
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < value.len() {
        let mut byte = value[at];
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2))
        {
            byte = (high << 4 | low) as u8;
            at += 2;
        }
        bytes.push(byte);
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into()
}

/// RFC 7230 §3.2.6.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && is_printable(text, b'!', b"\"(),/:;<=>?@[\\]{}")
}

/// `baggage-octet`: printable ASCII but for space, `"`, `,`, `;` and `\`.
fn is_value(text: &[u8]) -> bool {
    is_printable(text, b'!', b"\",;\\")
}

/// What every platform must propagate; more may be lost on the way.
const MAX_MEMBERS: usize = 64;
const MAX_LENGTH: usize = 8_192;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Baggage {
        fn text(&self) -> &str {
            std::str::from_utf8(&self.text).unwrap()
        }
    }

    fn read_and_written(text: &str) -> String {
        Baggage::parse(text).text().into()
    }

    /// `w3c/baggage` `test/test_baggage.py`.
    #[test]
    fn the_w3c_suite_s_strings_are_read() {
        let ows = " \t ";
        for (given, expected) in [
            ("SomeKey=SomeValue".into(), "SomeKey=SomeValue"),
            (
                "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal".into(),
                "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
            ),
            ("A = B ; C , D = E ; F = G ".replace(' ', ows), "A=B;C,D=E;F=G"),
            ("SomeKey=SomeValue=equals".into(), "SomeKey=SomeValue=equals"),
            (
                "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue"
                    .into(),
                "key1=value1;property1;property2,key2=value2,key3=value3;propertyKey=propertyValue",
            ),
            ("userId=,a=b".into(), "userId=,a=b"),
            ("a=1,a=2".into(), "a=1,a=2"),
        ] {
            assert_eq!(read_and_written(&given), expected);
        }
    }

    #[test]
    fn malformed_members_are_left_out() {
        for (given, expected) in [
            ("", ""),
            (",,", ""),
            ("a", ""),
            ("=b", ""),
            ("a b=c,d=e", "d=e"),
            ("a=b c,d=e", "d=e"),
            ("a=\"b\",d=e", "d=e"),
            ("a=b;=c,d=e", "d=e"),
            ("a=b;p q,d=e", "d=e"),
            ("a=b;,d=e", "a=b,d=e"),
            ("é=b,d=é,f=g", "f=g"),
            ("a=b\n,c=d\ne,f=g", "a=b,f=g"),
        ] {
            assert_eq!(read_and_written(given), expected, "{given:?}");
        }
    }

    #[test]
    fn values_are_percent_encoded() {
        let mut baggage = Baggage::new();
        baggage.set("serverNode", "DF 28").unwrap();
        assert_eq!(baggage.text(), "serverNode=DF%2028");
        let awkward = "\t \"';=asdf!@#$%^&*(),\\é";
        baggage.set("SomeKey", awkward).unwrap();
        assert_eq!(baggage.text(), "serverNode=DF%2028,SomeKey=%09%20%22'%3B=asdf!@#$%25^&*()%2C%5C%C3%A9");
        assert_eq!(baggage.value("SomeKey").as_deref(), Some(awkward));
        let quoted = "k=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29;p=1";
        assert_eq!(Baggage::parse(quoted).value("k").as_deref(), Some("\t \"';=asdf!@#$%^&*()"));
        assert_eq!(Baggage::parse("k=%ff%zz%4").value("k").as_deref(), Some("\u{fffd}%zz%4"));
        assert_eq!(Baggage::parse("k=v").value("l"), None);
    }

    #[test]
    fn a_key_that_is_set_again_moves_to_the_end() {
        let mut baggage = Baggage::parse("a=1,b=2;p,a=3");
        baggage.set("a", "4").unwrap();
        assert_eq!(baggage.text(), "b=2;p,a=4");
        baggage.remove("b");
        assert_eq!(baggage.text(), "a=4");
        for key in ["", " a", "a=b", "a,b", "a;b", "é"] {
            assert_eq!(baggage.set(key, "1"), Err(BaggageError), "{key}");
        }
        assert_eq!(baggage.text(), "a=4");
    }

    #[test]
    fn at_most_64_members_and_8192_bytes_and_never_a_partial_one() {
        let list = |count: usize| (0..count).map(|n| format!("key{n}=value")).collect::<Vec<_>>().join(",");
        assert_eq!(read_and_written(&list(64)), list(64));
        assert_eq!(read_and_written(&list(65)), list(64));
        let mut full = Baggage::parse(&list(64));
        assert_eq!(full.set("one-more", "1"), Err(BaggageError));
        assert_eq!(full.set("key0", "1"), Ok(()), "in place of another");

        let long = format!("a={}", "0123456789".repeat(819));
        assert_eq!(long.len(), 8192);
        assert_eq!(read_and_written(&long), long);
        assert_eq!(read_and_written(&format!("{long}0,b=1")), "b=1");
        let mut full = Baggage::parse(&long);
        assert_eq!(full.set("b", ""), Err(BaggageError));
        assert_eq!(full.text(), long);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, key: String) {
            let mut baggage = Baggage::parse(&text);
            let _ = baggage.set(&key, &text);
            baggage.value(&key);
            prop_assert_eq!(read_and_written(baggage.text()), baggage.text());
        }

        #[test]
        fn what_is_written_is_read_back(text in "([a-z]{1,3} ?(=[!-~]{0,5})? ?(;[a-z=]{1,3})?,?){0,80}") {
            let baggage = Baggage::parse(&text);
            prop_assert!(baggage.text().split(',').count() <= 64);
            prop_assert_eq!(read_and_written(baggage.text()), baggage.text());
        }

        #[test]
        fn every_value_survives(values in proptest::collection::vec(".*", 0..5)) {
            let mut baggage = Baggage::new();
            for (index, value) in values.iter().enumerate() {
                if baggage.set(&index.to_string(), value).is_ok() {
                    prop_assert_eq!(baggage.value(&index.to_string()), Some(value.clone()));
                }
            }
            prop_assert_eq!(read_and_written(baggage.text()), baggage.text());
        }
    }
}
