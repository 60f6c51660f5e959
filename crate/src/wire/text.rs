//! Text without what is costly in the module: `core::fmt` takes kilobytes, `str::split` and its searchers
//! another one and a half.

/// Where the first of `stops` (ASCII) stands in `text`, or the text's length.
pub fn find(text: &str, stops: &[u8]) -> usize {
    // Not `stops.contains`: it is a search of its own, some 300 bytes.
    #[expect(clippy::manual_contains)]
    text.bytes().position(|byte| stops.iter().any(|stop| *stop == byte)).unwrap_or(text.len())
}

/// Where `part` stands in `text` first. Not `str::find`: see the module.
pub fn find_text(text: &str, part: &str) -> Option<usize> {
    text.as_bytes().windows(part.len()).position(|window| window == part.as_bytes())
}

/// Whether `part` stands somewhere in `text`.
pub fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

/// Whether one of `parts`, with a blank between them, stands somewhere in `text`.
pub fn contains_any(text: &str, parts: &str) -> bool {
    position(text, parts, b' ', |part, text| contains(text, part)).is_some()
}

/// Takes the part in front of the next `separator` (ASCII) off `rest`; the last part is all that is
/// left, and then `rest` is empty.
pub fn take_part<'a>(rest: &mut &'a str, separator: u8) -> &'a str {
    let end = find(rest, &[separator]);
    let part = &rest[..end];
    *rest = rest.get(end + 1..).unwrap_or_default();
    part
}

/// The place of `item` in a list whose items are separated by `separator` (ASCII).
pub fn position(item: &str, mut list: &str, separator: u8, equal: fn(&str, &str) -> bool) -> Option<u32> {
    let mut index = 0;
    while !list.is_empty() {
        if equal(take_part(&mut list, separator), item) {
            return Some(index);
        }
        index += 1;
    }
    None
}

/// The place of `name` in a list for people: with a comma and a space between its items.
pub fn choice(name: &str, list: &str) -> Option<u32> {
    position(name, list, b',', |item, name| item.trim_ascii() == name)
}

/// Reads a 64-bit number of nothing but decimal digits.
pub fn decimal(text: &str) -> Option<u64> {
    let digits = text.trim_ascii();
    let mut number = 0;
    for byte in digits.bytes() {
        // Not `checked_mul`, which takes 128 bits.
        if !byte.is_ascii_digit() || number > u64::MAX / 10 {
            return None;
        }
        number = (number * 10).checked_add(u64::from(byte - b'0'))?;
    }
    if digits.is_empty() { None } else { Some(number) }
}

/// What was written in ASCII, as text: checking that it is UTF-8 takes half a kilobyte.
pub fn ascii(bytes: Vec<u8>) -> String {
    debug_assert!(bytes.is_ascii());
    // SAFETY: every caller writes hex digits, decimal digits and constants only.
    unsafe { String::from_utf8_unchecked(bytes) }
}

/// What is UTF-8 (RFC 3629 §4), as text; anything else is empty. Not `str::from_utf8`: it takes half a kilobyte to look at
/// many bytes at once.
pub fn utf8(bytes: &[u8]) -> &str {
    // Bytes that the character has, and of them those that have to follow.
    let mut length = 0;
    let mut following = 0;
    let mut character = 0;
    for byte in bytes {
        if following == 0 {
            if *byte >= 0x80 {
                length = byte.leading_ones();
                following = length - 1;
                character = u32::from(byte & 0x3f >> following);
                if following == 0 || following > 3 {
                    return "";
                }
            }
        } else {
            following -= 1;
            character = character << 6 | u32::from(byte & 0x3f);
            // It exists, and takes no less.
            let whole =
                following > 0 || char::from_u32(character).is_some_and(|it| it.len_utf8() == length as usize);
            if byte & 0xc0 != 0x80 || !whole {
                return "";
            }
        }
    }
    // SAFETY: what is no UTF-8 has been found, but for an end that is missing.
    if following > 0 { "" } else { unsafe { str::from_utf8_unchecked(bytes) } }
}

/// A hash that is the same everywhere (FNV-1a).
pub fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Appends `number` in decimal.
pub fn write_integer(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a ratio of 0 to 1 with at most four decimals and no trailing zeros: `1`, `0.5`, `0.0001`.
pub fn write_ratio(ratio: f64, out: &mut Vec<u8>) {
    write_decimal((ratio * 10_000.0 + 0.5) as u64, 10_000, out);
}

/// Appends `number` divided by `unit`, a power of ten, with no trailing zeros: as JavaScript writes it, up to 2^53.
pub fn write_decimal(number: u64, unit: u64, out: &mut Vec<u8>) {
    write_integer(number / unit, out);
    let mut rest = number % unit;
    if rest > 0 {
        out.push(b'.');
    }
    while rest > 0 {
        rest *= 10;
        write_integer(rest / unit, out);
        rest %= unit;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratio(ratio: f64) -> String {
        let mut out = Vec::new();
        write_ratio(ratio, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn ratios_have_at_most_four_decimals() {
        assert_eq!(ratio(1.0), "1");
        assert_eq!(ratio(0.0), "0");
        assert_eq!(ratio(0.5), "0.5");
        assert_eq!(ratio(0.0001), "0.0001");
        assert_eq!(ratio(0.33333), "0.3333");
        assert_eq!(ratio(0.07), "0.07");
        assert_eq!(ratio(0.99999), "1");
    }

    #[test]
    fn what_is_no_utf8_is_no_text() {
        for bytes in 0..=0xffff_u16 {
            for behind in [&[][..], &[0x80], &[0xbf, 0x80], &[0x80, 0x80], b"a"] {
                let bytes = [&bytes.to_be_bytes()[..], behind].concat();
                assert_eq!(utf8(&bytes), str::from_utf8(&bytes).unwrap_or_default(), "{bytes:x?}");
            }
        }
    }

    proptest! {
        #[test]
        fn decimals_are_those_of_the_nearest_number(nanoseconds in 0_u64..1 << 50, whole in 0_u64..9_000) {
            for number in [nanoseconds, nanoseconds / 1_000 * 1_000, whole * 1_000_000] {
                let mut out = Vec::new();
                write_decimal(number, 1_000_000, &mut out);
                prop_assert_eq!(String::from_utf8(out).unwrap(), (number as f64 / 1e6).to_string());
            }
        }
    }

    #[test]
    fn parts_are_taken_one_by_one() {
        let mut rest = "a||bc";
        assert_eq!(take_part(&mut rest, b'|'), "a");
        assert_eq!(take_part(&mut rest, b'|'), "");
        assert_eq!(take_part(&mut rest, b'|'), "bc");
        assert_eq!(rest, "");
        assert_eq!(position("bc", "a|bc", b'|', |a, b| a == b), Some(1));
        assert_eq!(position("b", "a|bc", b'|', |a, b| a == b), None);
        assert_eq!(position("", "a|bc", b'|', |a, b| a == b), None);
    }

    proptest! {
        #[test]
        fn parts_are_what_split_gives(text in "[a-zé|]{1,20}") {
            let mut rest = text.as_str();
            let mut parts = vec![take_part(&mut rest, b'|')];
            while !rest.is_empty() {
                parts.push(take_part(&mut rest, b'|'));
            }
            let mut expected: Vec<_> = text.split('|').collect();
            if text.ends_with('|') {
                expected.pop();
            }
            prop_assert_eq!(parts, expected);
        }

        #[test]
        fn integers_read_back(number: u64) {
            let mut out = Vec::new();
            write_integer(number, &mut out);
            prop_assert_eq!(out, number.to_string().into_bytes());
        }

        #[test]
        fn utf8_is_what_the_standard_says(bytes: Vec<u8>, text: String) {
            prop_assert_eq!(utf8(&bytes), str::from_utf8(&bytes).unwrap_or_default());
            prop_assert_eq!(utf8(text.as_bytes()), &text);
        }
    }
}
