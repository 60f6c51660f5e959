//! What the agent needs from the page: time, randomness, RegExps, timers, sending, the console.
//! The Wasm boundary implements it with imports, tests with what they like.

use crate::options::LogLevel;

/// The world outside the agent.
pub trait Host {
    /// `Date.now() - performance.now()`: Unix milliseconds at page-clock zero, by the wall clock.
    fn wall_clock(&self) -> f64;

    /// The number of the first configured RegExp that matches `origin`, without state between calls.
    fn first_match(&self, origin: &str) -> Option<usize>;

    /// Asks the page's `tracesSampler`: a rate; NaN if it leaves it to us; anything else if it has failed.
    /// `name` and `url` are those of the trace's first span; `kind` is 0 for a request, 1 for the page load, or 2 and the
    /// number of a [`Cause`](crate::signal::activity::Cause).
    /// By default there is none.
    fn sample(&self, _kind: u32, _name: &str, _url: &str) -> f64 {
        f64::NAN
    }

    /// Shows a span, as OTLP's JSON, to the page's `beforeSend`. Returns nothing if it stays as it is; else `-` if it is
    /// dropped, or `+`, its name and its attributes: see [`Attributes::given`](crate::trace::Attributes).
    /// By default there is none.
    fn before_send(&self, _span: &str) -> String {
        String::new()
    }

    /// Keeps a text for the next page of this origin, if it can. By default it cannot.
    fn store(&self, _session: &str) {}

    /// The serialised origin of a URL (`https://api.example`), if it is an http or https one.
    fn origin(&self, url: &str) -> Option<String>;

    /// Calls `timer` of the agent after this many milliseconds.
    fn start_timer(&self, delay: f64);

    /// Appends a number as JavaScript writes it.
    fn format(&self, number: f64, out: &mut Vec<u8>);

    /// Posts `body`, spans or events, to the collector. Must start the request before it returns: the page may be gone
    /// right after. Later calls `settle` of the agent with this number.
    fn send(&self, number: u32, body: &[u8], keepalive: bool, are_events: bool);

    /// Has the browser post `body` when the page is gone, whatever becomes of it, instead of the last one; with an empty
    /// body none.
    /// By default it cannot.
    fn send_later(&self, _body: &[u8], _are_events: bool) {}

    /// Puts a record into the page's storage, to be sent later or by another page. Returns whether it has been
    /// handed over.
    fn keep(&self, record: &[u8]) -> bool;

    /// Asks storage for a record, and to forget those that are older than this many milliseconds. Later calls
    /// `taken` of the agent.
    fn take(&self, maximal_age: f64);

    /// Deletes a record that was taken, or gives it back.
    fn settle_record(&self, record: u32, done: bool);

    /// Writes to the console.
    fn log(&self, level: LogLevel, text: &str);
}
