//! What the agent needs from the page: time, randomness, RegExps, timers, sending, the console.
//! The Wasm boundary implements it with imports, tests with what they like.

use crate::options::LogLevel;

/// The world outside the agent.
pub trait Host {
    /// `Date.now() - performance.now()`: Unix milliseconds at page-clock zero, by the wall clock.
    fn wall_clock(&self) -> f64;

    /// Whether one of the configured RegExps matches `origin`, without state between calls.
    fn matches(&self, origin: &str) -> bool;

    /// The serialised origin of a URL (`https://api.example`), if it is an http or https one.
    fn origin(&self, url: &str) -> Option<String>;

    /// Calls `timer` of the agent after this many milliseconds.
    fn start_timer(&self, delay: f64);

    /// Posts `body` to `url`. Must start the request before it returns: the page may be gone right
    /// after. Later calls `settle` of the agent with the body's length.
    fn send(&self, url: &str, body: &[u8], keepalive: bool);

    /// Writes to the console.
    fn log(&self, level: LogLevel, text: &str);
}
