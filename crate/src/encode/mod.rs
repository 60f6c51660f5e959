//! From a span to the bytes that a collector reads.

pub mod otlp_protobuf;
