//! The collector over real sockets, with a real HTTP client.

mod forward;
mod harness;
mod lifecycle;
mod query;
mod receive;
mod stream;
