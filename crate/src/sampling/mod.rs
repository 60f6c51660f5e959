//! Which traces are recorded. Decided by the trace id, or by the session's, so that every system which
//! looks at the same id decides alike (OpenTelemetry "consistent probability sampling").

mod decision;
mod priority;
mod randomness;
mod session;
mod threshold;

pub use decision::{Decision, Refusal};
pub use priority::Priority;
pub use randomness::Randomness;
pub use session::SessionHash;
pub use threshold::Threshold;

use crate::wire::hex;

/// Reads 1 to 16 lower-case hex digits.
fn read_digits(digits: &[u8]) -> Option<u64> {
    let mut value = 0;
    for digit in digits {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        value = value << 4 | u64::from(digit);
    }
    if (1..=16).contains(&digits.len()) { Some(value) } else { None }
}

/// Appends the fourteen hex digits of a 56-bit number.
fn write_digits(value: u64, out: &mut Vec<u8>) {
    for place in (0..7).rev() {
        hex::write(&[(value >> (8 * place)) as u8], out);
    }
}
