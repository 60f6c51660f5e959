//! Lower-case hexadecimal, the form that every trace header uses.

/// Appends two lower-case hex digits for each byte.
pub fn write(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 0x0f));
    }
}

/// Reads exactly `N` bytes from `2 * N` lower-case hex digits.
///
/// Upper case is an error: W3C Trace Context §3.2.2 allows lower case only.
pub fn read<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    read_into(text, &mut bytes).then_some(bytes)
}

/// The code behind [`read`], once for all lengths.
fn read_into(text: &[u8], bytes: &mut [u8]) -> bool {
    let mut well_formed = text.len() == 2 * bytes.len();
    for (index, digit) in text.iter().enumerate() {
        let (Some(byte), Some(value)) = (bytes.get_mut(index / 2), value(*digit)) else {
            well_formed = false;
            break;
        };
        *byte = *byte << 4 | value;
    }
    well_formed
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble }
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn upper_case_and_wrong_lengths_are_refused() {
        assert_eq!(read::<2>(b"00ff"), Some([0, 255]));
        assert_eq!(read::<2>(b"00FF"), None);
        assert_eq!(read::<2>(b"00f"), None);
        assert_eq!(read::<2>(b"00fff"), None);
        assert_eq!(read::<2>(b""), None);
        assert_eq!(read::<1>(b"g0"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: [u8; 16]) {
            let mut text = Vec::new();
            write(&bytes, &mut text);
            prop_assert_eq!(read::<16>(&text), Some(bytes));
        }
    }
}
