//! Text as bytes, for the grammars of headers: one loop for each kind of rule instead of one for each rule.

/// Takes the part in front of the next `separator` off `rest`; the last part is all that is left. If
/// `quotes`, a separator within `"…"` is none.
pub fn take_part<'a>(rest: &mut &'a [u8], separator: u8, quotes: bool) -> &'a [u8] {
    let (mut quoted, mut escaped) = (false, false);
    let mut end = 0;
    for byte in *rest {
        quoted ^= quotes && *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        if *byte == separator && !quoted {
            break;
        }
        end += 1;
    }
    let part = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or_default();
    part
}

/// Whether all bytes are printable ASCII from `first` on, and none of `except`.
pub fn is_printable(text: &[u8], first: u8, except: &[u8]) -> bool {
    text.iter().all(|byte| (first..=b'~').contains(byte) && !is_one_of(*byte, except))
}

/// Whether all bytes are lower-case letters, digits or among `others`.
pub fn is_lower_case(text: &[u8], others: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9') || is_one_of(*byte, others))
}

// Not `bytes.contains`: it is a search of its own, some 300 bytes.
#[expect(clippy::manual_contains)]
fn is_one_of(byte: u8, bytes: &[u8]) -> bool {
    bytes.iter().any(|one| *one == byte)
}
