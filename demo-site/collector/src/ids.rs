//! Trace ids, proven to be valid, and hexadecimal in general.

use std::fmt;

/// A trace id: 16 bytes that are not all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TraceId([u8; 16]);

impl TraceId {
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let id = <[u8; 16]>::try_from(bytes).ok()?;
        (id != [0; 16]).then_some(Self(id))
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        Self::from_bytes(&decode_hex(text)?)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_hex(&self.0))
    }
}

/// Whether these bytes can name a span: eight, not all zero.
pub(crate) fn is_span_id(bytes: &[u8]) -> bool {
    bytes.len() == 8 && bytes.iter().any(|byte| *byte != 0)
}

pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text
}

/// Either case is read; an odd number of digits or anything else is no hexadecimal.
pub(crate) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_in_either_case_and_written_in_lower() {
        assert_eq!(decode_hex("00aBfF"), Some(vec![0x00, 0xab, 0xff]));
        assert_eq!(encode_hex(&[0x00, 0xab, 0xff]), "00abff");
        assert_eq!(decode_hex("abc"), None);
        assert_eq!(decode_hex("zz"), None);
    }

    #[test]
    fn a_zero_or_short_trace_id_is_none() {
        assert!(TraceId::from_bytes(&[0; 16]).is_none());
        assert!(TraceId::from_bytes(&[1; 15]).is_none());
        assert!(TraceId::from_hex(&"1".repeat(32)).is_some());
    }
}
