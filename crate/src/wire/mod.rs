//! Bytes only: how numbers, text and nested messages are laid out. Knows nothing of spans.

pub mod hex;
pub mod protobuf;
pub mod text;
