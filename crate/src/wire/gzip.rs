//! Gzip (RFC 1952) with one deflate block of fixed Huffman codes (RFC 1951), compressing only.
//!
//! `CompressionStream` is asynchronous, and a page that is being left has no time for it. Spans repeat themselves so
//! much that fixed codes and the latest place of the same four bytes do most of what zlib does.

/// Compresses `input`.
pub fn compress(input: &[u8]) -> Vec<u8> {
    // No name, no time; an unknown operating system.
    let mut out = Bits { bytes: vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], pending: 0, count: 0 };
    // The last block, with fixed codes.
    out.put(0b011, 3);
    let mut latest = vec![usize::MAX; 1 << HASH_BITS];
    let mut at = 0;
    while at < input.len() {
        let mut length = 0;
        let mut distance = 0;
        if let Some(next) = input[at..].first_chunk::<4>() {
            let slot = &mut latest[hash(*next)];
            let before = *slot;
            *slot = at;
            if before != usize::MAX && at - before <= WINDOW {
                distance = at - before;
                let most = (input.len() - at).min(LONGEST);
                while length < most && input[before + length] == input[at + length] {
                    length += 1;
                }
            }
        }
        if length < 4 {
            out.literal(u32::from(input[at]));
            at += 1;
            continue;
        }
        out.length(length as u32);
        out.distance(distance as u32);
        at += length;
    }
    // The end of the block.
    out.literal(256);
    out.put(0, 7);
    let mut bytes = out.bytes;
    bytes.extend_from_slice(&checksum(input).to_le_bytes());
    bytes.extend_from_slice(&(input.len() as u32).to_le_bytes());
    bytes
}

fn hash(bytes: [u8; 4]) -> usize {
    (u32::from_le_bytes(bytes).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize
}

/// CRC-32, a byte at a time. The table is made anew: as data it would cost more of the module than its code does.
fn checksum(input: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|byte| {
        (0..8).fold(byte as u32, |crc, _| crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    });
    let crc = input.iter().fold(u32::MAX, |crc, byte| crc >> 8 ^ table[usize::from(crc as u8 ^ byte)]);
    !crc
}

/// Bits, the lowest first.
struct Bits {
    bytes: Vec<u8>,
    pending: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u32) {
        self.pending |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code, whose highest bit comes first.
    fn code(&mut self, code: u32, count: u32) {
        self.put(code.reverse_bits() >> (32 - count), count);
    }

    /// RFC 1951 §3.2.6.
    fn literal(&mut self, symbol: u32) {
        match symbol {
            0..144 => self.code(0x30 + symbol, 8),
            144..256 => self.code(0x190 + symbol - 144, 9),
            256..280 => self.code(symbol - 256, 7),
            _ => self.code(0xc0 + symbol - 280, 8),
        }
    }

    /// RFC 1951 §3.2.5: from eight on each four codes share a number of extra bits.
    fn length(&mut self, length: u32) {
        let value = length - 3;
        if length == 258 {
            self.literal(285);
        } else if value < 8 {
            self.literal(257 + value);
        } else {
            let extra = value.ilog2() - 2;
            self.literal(257 + 4 * extra + (value >> extra));
            self.put(value & ((1 << extra) - 1), extra);
        }
    }

    /// The same with two codes each.
    fn distance(&mut self, distance: u32) {
        let value = distance - 1;
        if value < 4 {
            self.code(value, 5);
        } else {
            let extra = value.ilog2() - 1;
            self.code(2 * extra + (value >> extra), 5);
            self.put(value & ((1 << extra) - 1), extra);
        }
    }
}

const HASH_BITS: u32 = 12;
const WINDOW: usize = 32_768;
const LONGEST: usize = 258;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn decompressed(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut out).unwrap();
        out
    }

    #[test]
    fn repetition_is_what_it_lives_on() {
        for text in [
            "",
            "a",
            "ab",
            "abc",
            "aaaaaaaaaa",
            "abababab",
            "abcabcabcabc",
            "abcdabcdabcd",
            "abcdeabcdeabcde",
        ] {
            assert_eq!(decompressed(&compress(text.as_bytes())), text.as_bytes());
        }
        let spans = "url.full https://shop.example/api/basket GET 200 ".repeat(2_000);
        let bytes = compress(spans.as_bytes());
        assert!(bytes.len() * 50 < spans.len(), "{}", bytes.len());
        assert_eq!(decompressed(&bytes), spans.as_bytes());
    }

    #[test]
    fn every_length_and_distance_is_read_back() {
        let mut state = 1_u32;
        let mut noise = |count: usize| -> Vec<u8> {
            (0..count)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect()
        };
        for length in 3..=260 {
            let part = noise(length);
            let input = [&part[..], &noise(5), &part].concat();
            assert_eq!(decompressed(&compress(&input)), input, "{length}");
        }
        for distance in [20, 25, 100, 5_000, 32_700, 32_768, 32_769, 40_000] {
            let part = noise(20);
            let input = [&part[..], &noise(distance - 20), &part].concat();
            assert_eq!(decompressed(&compress(&input)), input, "{distance}");
        }
    }

    proptest! {
        #[test]
        fn somebody_else_reads_it(input in prop::collection::vec(0u8..6, 0..2_000), noise: Vec<u8>) {
            let input = [input, noise].concat();
            prop_assert_eq!(decompressed(&compress(&input)), input);
        }
    }
}
