//! Protocol Buffers, reading: what we have written ourselves, or found in storage.

use super::protobuf::{FIXED32, FIXED64, LENGTH_DELIMITED, VARINT};
use super::text::utf8;

/// The fields of a message, in their order. Ends early where the bytes are no message.
#[derive(Clone)]
pub struct Fields<'a>(pub &'a [u8]);

/// A field's value, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint, a `fixed64` or `double`, or a `fixed32`.
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes; none of a number.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(_) => &[],
        }
    }

    /// The text; empty if it is none.
    pub fn text(self) -> &'a str {
        utf8(self.bytes())
    }

    /// The number; 0 of bytes.
    pub fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            Self::Bytes(_) => 0,
        }
    }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()? as u32;
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let value = match tag & 7 {
            VARINT => Value::Number(self.varint()?),
            FIXED64 => Value::Number(number(self.take(8)?)),
            FIXED32 => Value::Number(number(self.take(4)?)),
            LENGTH_DELIMITED => {
                let length = self.varint()? as usize;
                Value::Bytes(self.take(length)?)
            }
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

/// A field of a message, the first one if there are more. (protobuf has the last one count; ours are written once.)
pub fn field(message: &[u8], number: u32) -> Option<Value<'_>> {
    Fields(message).find(|(field, _)| *field == number).map(|(_, value)| value)
}

/// The bytes of such a field; none if there is no such field.
pub fn bytes(message: &[u8], number: u32) -> &[u8] {
    field(message, number).map_or(&[], Value::bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::protobuf::{write_bytes, write_fixed32, write_fixed64, write_integer};

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        write_integer(1, u64::MAX, &mut out);
        write_fixed64(2, 1 << 60, &mut out);
        write_fixed32(16, 0x1234_5678, &mut out);
        write_bytes(3, "é".as_bytes(), &mut out);
        let fields: Vec<_> = Fields(&out).collect();
        assert_eq!(fields[0], (1, Value::Number(u64::MAX)));
        assert_eq!(fields[1], (2, Value::Number(1 << 60)));
        assert_eq!(fields[2], (16, Value::Number(0x1234_5678)));
        assert_eq!((fields[3].0, fields[3].1.text()), (3, "é"));
        assert_eq!(field(&out, 3).unwrap().text(), "é");
        assert_eq!(field(&out, 4), None);
        assert_eq!((bytes(&out, 3), bytes(&out, 4)), ("é".as_bytes(), &[][..]));
        assert_eq!(Fields(&out[..out.len() - 1]).count(), 3);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(bytes: Vec<u8>) {
            let length = bytes.len();
            prop_assert!(Fields(&bytes).count() <= length);
        }
    }
}
