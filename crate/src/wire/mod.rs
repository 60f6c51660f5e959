//! Bytes only: how numbers, text and nested messages are laid out. Knows nothing of spans.

pub mod gzip;
pub mod hex;
pub mod json;
pub mod protobuf;
pub mod reader;
pub mod text;
