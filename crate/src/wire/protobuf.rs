//! Protocol Buffers, writing only.
//!
//! Nested messages are written in place: [`begin`] leaves no room for the length, [`end`] moves the
//! content up by the one to five bytes that the length takes. Span messages are a few hundred bytes,
//! so the move is cheaper than a second pass that computes sizes, and the code is far smaller.
//! Default values are left out by the callers, as proto3 does.
//!
//! Source: the Protocol Buffers encoding reference.

/// Appends a base-128 varint.
pub fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a varint field (wire type 0). Negative integers take ten bytes, as `int64` does.
pub fn write_integer(field: u32, value: u64, out: &mut Vec<u8>) {
    write_tag(field, VARINT, out);
    write_varint(value, out);
}

/// Appends an eight-byte little-endian field (wire type 1): `fixed64` or the bits of a `double`.
pub fn write_fixed64(field: u32, value: u64, out: &mut Vec<u8>) {
    write_tag(field, FIXED64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a four-byte little-endian field (wire type 5).
pub fn write_fixed32(field: u32, value: u32, out: &mut Vec<u8>) {
    write_tag(field, FIXED32, out);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a `bytes`, `string` or finished message field (wire type 2).
pub fn write_bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_tag(field, LENGTH_DELIMITED, out);
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Opens a nested message. Pass what it returns to [`end`].
#[must_use]
pub fn begin(field: u32, out: &mut Vec<u8>) -> usize {
    write_tag(field, LENGTH_DELIMITED, out);
    out.len()
}

/// Closes the nested message that [`begin`] opened at `start`.
pub fn end(start: usize, out: &mut Vec<u8>) {
    let mut rest = out.len() - start;
    let mut at = start;
    loop {
        let more = if rest > 0x7f { 0x80 } else { 0 };
        out.insert(at, (rest & 0x7f) as u8 | more);
        rest >>= 7;
        at += 1;
        if more == 0 {
            break;
        }
    }
}

/// Where the length-delimited field ends that begins at `at` with a tag of one byte; nothing if it does not end
/// within `bytes`.
pub fn field_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut length = 0;
    let mut shift = 0;
    loop {
        at += 1;
        let byte = *bytes.get(at)?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            break;
        }
        if shift > 21 {
            return None;
        }
    }
    Some(at + 1 + length).filter(|end| *end <= bytes.len())
}

fn write_tag(field: u32, wire_type: u32, out: &mut Vec<u8>) {
    write_varint(u64::from(field << 3 | wire_type), out);
}

pub(super) const VARINT: u32 = 0;
pub(super) const FIXED64: u32 = 1;
pub(super) const LENGTH_DELIMITED: u32 = 2;
pub(super) const FIXED32: u32 = 5;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::encoding::{WireType, decode_key, decode_varint};

    use super::*;

    #[test]
    fn field_16_takes_a_two_byte_tag() {
        let mut out = Vec::new();
        write_fixed32(16, 3, &mut out);
        assert_eq!(out, [0x85, 0x01, 3, 0, 0, 0]);
    }

    #[test]
    fn a_long_message_gets_a_long_length() {
        let mut out = Vec::new();
        let start = begin(1, &mut out);
        out.extend_from_slice(&[7; 300]);
        end(start, &mut out);
        assert_eq!(&out[..3], [0x0a, 0xac, 0x02]);
        assert_eq!(out.len(), 303);
        assert!(out[3..].iter().all(|byte| *byte == 7));
    }

    #[test]
    fn fields_are_stepped_over() {
        let mut out = Vec::new();
        write_bytes(2, &[7; 300], &mut out);
        let end = out.len();
        write_bytes(2, &[], &mut out);
        assert_eq!(field_end(&out, 0), Some(end));
        assert_eq!(field_end(&out, end), Some(out.len()));
        for broken in [&out[..end - 1], &[0x12], &[0x12, 0x80], &[0x12, 0xff, 0xff, 0xff, 0xff, 0x7f]] {
            assert_eq!(field_end(broken, 0), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn prost_reads_every_varint(value: u64) {
            let mut out = Vec::new();
            write_varint(value, &mut out);
            prop_assert_eq!(decode_varint(&mut out.as_slice()).unwrap(), value);
            prop_assert_eq!(out.len(), prost::encoding::encoded_len_varint(value));
        }

        #[test]
        fn prost_reads_every_key(field in 1u32..1 << 28, bytes: Vec<u8>) {
            let mut out = Vec::new();
            write_bytes(field, &bytes, &mut out);
            let mut rest = out.as_slice();
            prop_assert_eq!(decode_key(&mut rest).unwrap(), (field, WireType::LengthDelimited));
            prop_assert_eq!(decode_varint(&mut rest).unwrap(), bytes.len() as u64);
            prop_assert_eq!(rest, bytes.as_slice());
        }
    }
}
