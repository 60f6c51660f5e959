//! From encoded spans to requests: what is sent when, what an answer means, what is kept for later.

mod answer;
mod queue;
mod retry;

pub use queue::{Queue, Stay};
pub use retry::{Breaker, Verdict};
