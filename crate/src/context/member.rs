//! One vendor's member of `tracestate`. Elastic, OpenTelemetry and Datadog give theirs the same form, a
//! list of `key:value` pairs separated by `;`, and the same rules: pairs that one does not know are
//! preserved, and the list has at most 256 characters.

use crate::wire::text::{position, take_part};

/// Appends `key=`, with a comma in front unless it is the first of the list at `start`.
pub fn open(key: &str, start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        out.push(b',');
    }
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
}

/// Appends a member to the list at `start`: the pairs of `existing` without those whose keys `replaced`
/// names (separated by spaces), then ours. If these do not fit they are left out as a whole. A member
/// without pairs is not written.
pub fn write(key: &str, ours: &[u8], replaced: &str, existing: &str, start: usize, out: &mut Vec<u8>) {
    let before = out.len();
    open(key, start, out);
    let list = out.len();
    let mut rest = existing;
    while !rest.is_empty() {
        let pair = take_part(&mut rest, b';').trim_ascii();
        // Who reads a key may trim it, as we do.
        let key = take_part(&mut { pair }, b':').trim_ascii();
        if position(key, replaced, b' ', |a, b| a == b).is_none() {
            push(pair.as_bytes(), list, out);
        }
    }
    if out.len() - list + ours.len() < MAX_LENGTH {
        push(ours, list, out);
    }
    if out.len() == list {
        out.truncate(before);
    }
}

/// The value of a pair, empty if there is none. `separator` stands between keys and values.
pub fn value<'a>(key: &str, separator: u8, list: &'a str) -> &'a str {
    let mut rest = list;
    while !rest.is_empty() {
        let mut value = take_part(&mut rest, b';').trim_ascii();
        if take_part(&mut value, separator).trim_ascii() == key {
            return value;
        }
    }
    ""
}

fn push(pairs: &[u8], list: usize, out: &mut Vec<u8>) {
    if pairs.is_empty() {
        return;
    }
    if out.len() > list {
        out.push(b';');
    }
    out.extend_from_slice(pairs);
}

const MAX_LENGTH: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::tracestate::TraceState;

    fn written(ours: &str, existing: &str) -> String {
        let mut out = b"a=1".to_vec();
        write("k", ours.as_bytes(), "s t.dm", existing, 0, &mut out);
        String::from_utf8(out).unwrap().strip_prefix("a=1").unwrap().into()
    }

    #[test]
    fn unknown_pairs_stay_and_known_ones_are_replaced() {
        assert_eq!(written("s:1", ""), ",k=s:1");
        assert_eq!(written("s:1", "s:2;x:y;t.dm:-4;#;t.x:1"), ",k=x:y;#;t.x:1;s:1");
        assert_eq!(written("", "s:2;;x:y ;s:3"), ",k=x:y");
        assert_eq!(written("s:1", "s :2; t.dm\t:-4 ;x :3"), ",k=x :3;s:1");
        assert_eq!(written("", "s:2"), "", "nothing is left");
        assert_eq!(value("x", b':', "s:2; x:y:z ;x:2"), "y:z");
        assert_eq!(value("y", b':', "s:2;y"), "");
    }

    #[test]
    fn ours_is_left_out_where_it_does_not_fit() {
        let fits = format!("x:{}", "y".repeat(256 - 2 - 4));
        assert_eq!(written("s:1", &fits), format!(",k={fits};s:1"));
        let full = format!("{fits}y");
        assert_eq!(written("s:1", &full), format!(",k={full}"));
    }

    proptest! {
        #[test]
        fn a_member_stays_a_member(existing in "[!-+\\--<>-~ ]{0,255}[!-+\\--<>-~]") {
            let member = format!("k{}", written("s:1", &existing));
            let member = member.trim_start_matches("k,");
            prop_assert!(TraceState::parse(member).is_ok(), "{}", member);
        }
    }
}
