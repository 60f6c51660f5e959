//! When spans are sent, and in what portions. The wrapper performs the send.

mod queue;

pub use queue::Queue;
