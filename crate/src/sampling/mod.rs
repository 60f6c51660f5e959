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

/// Reads lower-case hex digits as the digits `place..` of sixteen; the others are zero.
fn read_digits(digits: &[u8], place: usize) -> Option<u64> {
    let mut padded = [b'0'; 16];
    padded.get_mut(place..)?.get_mut(..digits.len())?.copy_from_slice(digits);
    hex::read(&padded).map(u64::from_be_bytes)
}
