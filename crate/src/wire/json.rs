//! JSON (RFC 8259), writing only.

/// Appends `text` in quotes.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..b' ' => {
                out.extend_from_slice(b"\\u00");
                super::hex::write(&[byte], out);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends a comma, unless an object or list has just begun.
pub fn separate(out: &mut Vec<u8>) {
    if !matches!(out.last(), None | Some(b'{' | b'[' | b'\n' | b':')) {
        out.push(b',');
    }
}

/// Appends a member's name and the colon, with a comma in front where one belongs. `name` needs no escapes.
pub fn write_name(name: &str, out: &mut Vec<u8>) {
    separate(out);
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a member's name, and the bracket that begins its object or list.
pub fn open(name: &str, bracket: u8, out: &mut Vec<u8>) {
    write_name(name, out);
    put(bracket, out);
}

/// Appends a byte: a call is shorter than what it does.
#[inline(never)]
pub fn put(byte: u8, out: &mut Vec<u8>) {
    out.push(byte);
}

/// Appends a member with a text.
pub fn write_member(name: &str, text: &str, out: &mut Vec<u8>) {
    write_name(name, out);
    write_text(text, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_is_read_back(text: String) {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn members_are_separated() {
        let mut out = vec![b'{'];
        write_member("a", "\n\"\\", &mut out);
        write_member("b", "", &mut out);
        out.push(b'}');
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":"\u000a\"\\","b":""}"#);
    }
}
