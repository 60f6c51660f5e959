//! The W3C `tracestate` header, Trace Context Level 2 §3.3: what other systems on the trace have to say.
//!
//! The vectors are those of `w3c/trace-context`'s branch `main` as of 2026-06-29 (#584), at its strictest:
//! keys by the Level 2 grammar, where `@` is a character like others behind the first. (The branches
//! `level-1` and `level-2` still refuse `foo@=1`.) A list with one malformed member is no list at all;
//! it is discarded and never repaired. Empty members are allowed and not counted. Duplicates of foreign
//! keys are passed on as they are (§3.3.1.3.1 leaves them to us); of our own keys only ours remains.

use super::bytes::{is_lower_case, is_printable};
use super::{Propagators, member};
use crate::wire::text::take_part;

/// A well-formed `tracestate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceState<'a>(&'a str);

impl<'a> TraceState<'a> {
    /// Reads a header value. Several headers of one name arrive as one, joined by commas.
    pub fn parse(text: &'a str) -> Result<Self, TraceStateError> {
        let mut members = 0;
        let mut rest = text;
        while let Some((key, value)) = next_member(&mut rest) {
            members += 1;
            if members > MAX_MEMBERS || !is_key(key.as_bytes()) || !is_value(value.as_bytes()) {
                return Err(TraceStateError);
            }
        }
        Ok(Self(text))
    }

    /// Whether there are no members.
    pub fn is_empty(self) -> bool {
        next_member(&mut { self.0 }).is_none()
    }

    /// The value of a member, empty if there is none.
    pub fn value(self, key: &str) -> &'a str {
        let mut rest = self.0;
        while let Some((found, value)) = next_member(&mut rest) {
            if found == key {
                return value;
            }
        }
        ""
    }

    /// Appends the members, but for those that `own` has, behind our own, which stand in `out` from
    /// `start` on: whoever changes a member moves it to the left, and the others keep their order
    /// (§3.5). What exceeds 32 members drops from the right. Above 512 characters whole members drop,
    /// first those of more than 128, then from the right (§3.3.1.5); not ours.
    pub fn write_behind(self, own: Propagators, start: usize, out: &mut Vec<u8>) {
        let end = out.len();
        let mut room = MAX_MEMBERS - usize::from(end > start);
        for byte in &out[start..] {
            room -= usize::from(*byte == b',');
        }
        // Too much is rare, so the simple way: again with one less until it fits.
        let mut room_for_long = room;
        loop {
            let (mut members, mut long_ones) = (0, 0);
            let mut rest = self.0;
            while let Some((key, value)) = next_member(&mut rest) {
                let is_long = key.len() + value.len() >= LONG_MEMBER;
                if members == room
                    || is_long && long_ones == room_for_long
                    || Propagators::member(key).is_some_and(|member| own.has(member))
                {
                    continue;
                }
                members += 1;
                long_ones += usize::from(is_long);
                member::open(key, start, out);
                out.extend_from_slice(value.as_bytes());
            }
            if out.len() - start <= MAX_LENGTH || members == 0 {
                return;
            }
            out.truncate(end);
            if long_ones > 0 {
                room_for_long = long_ones - 1;
            } else {
                room = members - 1;
            }
        }
    }
}

/// Not a `tracestate` to pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceStateError;

/// Takes the next member that is not empty: key and value, the latter empty if there is no `=`.
fn next_member<'a>(rest: &mut &'a str) -> Option<(&'a str, &'a str)> {
    while !rest.is_empty() {
        let mut value = take_part(rest, b',').trim_ascii();
        if !value.is_empty() {
            return Some((take_part(&mut value, b'='), value));
        }
    }
    None
}

/// `( lcalpha / DIGIT ) 0*255 ( lcalpha / DIGIT / "_" / "-"/ "*" / "/" / "@" )`
fn is_key(key: &[u8]) -> bool {
    !key.is_empty() && key.len() <= 256 && is_lower_case(&key[..1], b"") && is_lower_case(key, b"_-*/@")
}

/// `0*255(chr) nblk-chr`: printable ASCII without `,` and `=`, and no space at the end, where white space
/// was trimmed.
fn is_value(value: &[u8]) -> bool {
    !value.is_empty() && value.len() <= 256 && is_printable(value, b' ', b"=")
}

/// §3.3.1.1.
const MAX_MEMBERS: usize = 32;
/// §3.3.1.5: at least so many characters are to be propagated.
const MAX_LENGTH: usize = 512;
const LONG_MEMBER: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::elastic;

    fn with_elastic_rate(rate: f64, existing: &str) -> String {
        let mut out = b"before".to_vec();
        let others = TraceState::parse(existing).unwrap_or_default();
        let start = out.len();
        elastic::write_member(rate, others.value(elastic::KEY), start, &mut out);
        others.write_behind(Propagators::ELASTIC, start, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().into()
    }

    fn numbered(count: usize) -> String {
        (1..=count).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn the_w3c_suite_s_lists_are_inherited() {
        let all_keys = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
        let all_values: String = (' '..='~').filter(|c| !",=".contains(*c)).collect();
        let rows = [
            ("foo=1,bar=2".into(), "bar", "2"),
            ("foo=1,".into(), "foo", "1"),
            (",foo=1".into(), "foo", "1"),
            ("foo=1, ,\t,bar=2".into(), "bar", "2"),
            ("foo=1,bar=2,rojo=1,congo=2,baz=3".into(), "baz", "3"),
            (format!("{all_keys}={all_values}"), all_keys, all_values.as_str()),
            (format!("{all_keys}@a-z0-9_-*/={all_values}"), "", ""),
            ("foo=1 \t , \t bar=2, \t baz=3".into(), "bar", "2"),
            ("foo=1\t \t,\t \tbar=2,\t \tbaz=3".into(), "foo", "1"),
            ("\t foo=1 \t".into(), "foo", "1"),
            ("foo= 1".into(), "foo", " 1"),
            ("foo@=1,bar=2".into(), "bar", "2"),
            ("foo@@bar=1,bar=2".into(), "foo@@bar", "1"),
            ("foo@bar@baz=1,bar=2".into(), "foo@bar@baz", "1"),
            (numbered(32), "bar01", "01"),
            (format!("foo=1,{}=1", "z".repeat(256)), "foo", "1"),
            (format!("foo=1,{}@{}=1", "t".repeat(241), "v".repeat(14)), "foo", "1"),
            (format!("foo=1,{}@v=1", "t".repeat(242)), "foo", "1"),
            (format!("foo=1,t@{}=1", "v".repeat(15)), "foo", "1"),
            (format!("foo={}", "x".repeat(256)), "bar", ""),
            ("1abc=1".into(), "1abc", "1"),
            ("foo=1,foo=2".into(), "foo", "1"),
            ("".into(), "foo", ""),
        ];
        for (text, key, value) in &rows {
            let parsed = TraceState::parse(text);
            assert_eq!(parsed.map(|state| state.value(key)), Ok(*value), "{text}");
        }
    }

    #[test]
    fn the_w3c_suite_s_malformed_lists_are_discarded_as_a_whole() {
        for text in [
            "foo =1",
            "FOO=1",
            "foo.bar=1",
            "@foo=1,bar=2",
            "_foo=1",
            "foo=bar=baz",
            "foo=,bar=3",
            "foo= ,bar=3",
            "foo",
            "foo=1,bar",
            "=1",
            "foo=1;\u{7f}",
            "foo=a\tb",
            "foo=é",
            &numbered(33),
            &format!("foo=1,{}=1", "z".repeat(257)),
            &format!("foo={}", "x".repeat(257)),
        ] {
            assert_eq!(TraceState::parse(text), Err(TraceStateError), "{text}");
            assert_eq!(with_elastic_rate(1.0, text), "es=s:1");
        }
    }

    #[test]
    fn our_member_stands_first_and_once() {
        assert_eq!(with_elastic_rate(1.0, ""), "es=s:1");
        assert_eq!(with_elastic_rate(0.25, "dd=s:1, es=s:1 ,,x@dt=fw4"), "es=s:0.25,dd=s:1,x@dt=fw4");
        assert_eq!(with_elastic_rate(1.0, "a=1,es=s:0.5,b=2,es=s:0.1,a=3"), "es=s:1,a=1,b=2,a=3");
    }

    #[test]
    fn the_right_most_member_gives_way() {
        let merged = with_elastic_rate(1.0, &numbered(32));
        assert_eq!(merged.split(',').count(), 32);
        assert!(merged.ends_with("bar31=31"));
        let own_among_them = format!("{},es=s:0.1", numbered(31));
        assert!(with_elastic_rate(1.0, &own_among_them).ends_with("bar31=31"));
    }

    #[test]
    fn long_members_go_first_and_then_from_the_right() {
        let member = |key: &str, length: usize| format!("{key}={}", "x".repeat(length - key.len() - 1));
        let [long, longer] = [member("l", 129), member("m", 200)];
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|key| member(key, 128));
        // 6 + 1 + 129 + 3 * (1 + 128) = 523
        assert_eq!(
            with_elastic_rate(1.0, &format!("{long},{a},{b},{c}")),
            format!("es=s:1,{a},{b},{c}"),
            "a long one on the left"
        );
        assert_eq!(
            with_elastic_rate(1.0, &format!("{a},{long},{b},{longer}")),
            format!("es=s:1,{a},{long},{b}"),
            "the right-most long one, and no more than needed"
        );
        assert_eq!(
            with_elastic_rate(1.0, &format!("{a},{b},{c},{d},e=1")),
            format!("es=s:1,{a},{b},{c}"),
            "from the right, although the last alone would not do"
        );
        // 6 + 3 * 129 + 119 = 512
        let fitting = format!("{a},{b},{c},{}", member("d", 118));
        assert_eq!(with_elastic_rate(1.0, &fitting), format!("es=s:1,{fitting}"));
        let too_long = format!("{a},{b},{c},{}", member("d", 119));
        assert_eq!(with_elastic_rate(1.0, &too_long), format!("es=s:1,{a},{b},{c}"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let written = with_elastic_rate(1.0, &text);
            prop_assert!(TraceState::parse(&written).is_ok());
        }

        #[test]
        fn what_is_written_is_well_formed_and_short(
            text in "(([a-z0-9][a-z0-9_*/@-]{0,9}|es|[a-z]{200})=([!-+--<>-~ ]{0,20}|x{129,140})[!]?[ \t]?,?){0,20}"
        ) {
            let written = with_elastic_rate(0.5, &text);
            prop_assert!(written.len() <= 512);
            let state = TraceState::parse(&written);
            prop_assert!(state.is_ok(), "{}", written);
            prop_assert!(written.starts_with("es="));
            prop_assert_eq!(member::value("s", b':', state.unwrap_or_default().value("es")), "0.5");
            let mut twice = Vec::new();
            state.unwrap_or_default().write_behind(Propagators::NONE, 0, &mut twice);
            prop_assert_eq!(twice, written.into_bytes(), "writing again changes nothing");
        }
    }
}
