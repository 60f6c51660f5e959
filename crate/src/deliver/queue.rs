//! Ended spans as wire bytes, waiting to be sent.
//!
//! All requests of a page that are sent with `keepalive` share 64 KiB of bodies in flight (Fetch
//! §4.6 "HTTP-network-or-cache fetch", step 8.10.5), so bodies are cut at span borders and counted until the browser has
//! answered. `keepalive` is asked for whenever the budget allows, not only at exit: a request under
//! way when the page is left would be cancelled without it.

use std::mem;

use crate::encode::otlp_protobuf;

/// Spans waiting to be sent, and the bytes that are on their way.
pub struct Queue {
    resource: Vec<u8>,
    spans: Vec<u8>,
    /// Where each span of `spans` ends.
    ends: Vec<usize>,
    in_flight: usize,
    timer_runs: bool,
}

/// One request body.
#[derive(Debug)]
pub struct Portion {
    pub body: Vec<u8>,
    pub keepalive: bool,
}

impl Queue {
    /// A queue for spans of `resource`, an encoded `Resource`.
    pub fn new(resource: Vec<u8>) -> Self {
        Self { resource, spans: Vec::new(), ends: Vec::new(), in_flight: 0, timer_runs: false }
    }

    /// Appends a span that `write` encodes.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.spans);
        self.ends.push(self.spans.len());
    }

    /// Takes out the next body to send; none when nothing waits.
    pub fn take_portion(&mut self) -> Option<Portion> {
        let room = BODY_LIMIT - ENVELOPE - self.resource.len().min(BODY_LIMIT / 2);
        // At least one span, even one that is longer than the limit.
        let count = self.ends.iter().take_while(|end| **end <= room).count().max(1);
        let end = *self.ends.get(count - 1)?;
        let mut body = Vec::with_capacity(self.resource.len() + end + ENVELOPE);
        otlp_protobuf::write_request(&self.resource, &self.spans[..end], &mut body);
        self.spans.drain(..end);
        self.ends.drain(..count);
        for later in &mut self.ends {
            *later -= end;
        }
        if self.spans.is_empty() {
            // A burst's memory is not kept.
            self.spans = Vec::new();
        }
        let keepalive = self.in_flight + body.len() <= KEEPALIVE_LIMIT;
        if keepalive {
            self.in_flight += body.len();
        }
        Some(Portion { body, keepalive })
    }

    /// The browser has finished with a body of this many bytes that had `keepalive`.
    pub fn settle(&mut self, bytes: usize) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
    }

    /// Whether so much waits that it should go now.
    pub fn is_full(&self) -> bool {
        self.spans.len() >= FULL
    }

    /// Whether a timer must be started for what waits. Says so once until [`Queue::timer_fired`].
    pub fn wants_timer(&mut self) -> bool {
        !self.ends.is_empty() && !mem::replace(&mut self.timer_runs, true)
    }

    /// The timer of [`Queue::wants_timer`] has run out.
    pub fn timer_fired(&mut self) {
        self.timer_runs = false;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// Browsers allow 64 KiB; the page may use `keepalive` and `sendBeacon` itself.
const KEEPALIVE_LIMIT: usize = 60 * 1024;
const BODY_LIMIT: usize = 60 * 1024;
/// Bytes at which spans are sent without waiting for the timer: half the budget, so that the other
/// half is free should the page be left now.
const FULL: usize = 30 * 1024;
/// Room for what a body holds beside resource and spans: tags, lengths, scope and schema URL.
const ENVELOPE: usize = 128;

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    use super::*;
    use crate::wire::protobuf::{begin, end, write_bytes};

    fn push(queue: &mut Queue, name: &str) {
        queue.push(|out| {
            let span = begin(2, out);
            write_bytes(5, name.as_bytes(), out);
            end(span, out);
        });
    }

    fn names(portion: &Portion) -> Vec<String> {
        let request = ExportTraceServiceRequest::decode(portion.body.as_slice()).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        spans.iter().map(|span| span.name.clone()).collect()
    }

    #[test]
    fn nothing_waits_nothing_is_sent() {
        assert!(Queue::new(Vec::new()).take_portion().is_none());
    }

    #[test]
    fn bodies_are_cut_at_span_borders_and_nothing_is_lost() {
        let mut queue = Queue::new(Vec::new());
        let names_in: Vec<String> = (0..300).map(|n| format!("{n:0>1000}")).collect();
        for name in &names_in {
            push(&mut queue, name);
        }
        let mut names_out = Vec::new();
        let mut in_flight = 0;
        while let Some(portion) = queue.take_portion() {
            assert!(portion.body.len() <= BODY_LIMIT);
            if portion.keepalive {
                in_flight += portion.body.len();
            }
            names_out.extend(names(&portion));
        }
        assert!(in_flight > 0 && in_flight <= KEEPALIVE_LIMIT);
        assert_eq!(names_out, names_in);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_span_above_the_limit_goes_alone_without_keepalive() {
        let mut queue = Queue::new(Vec::new());
        push(&mut queue, "small");
        push(&mut queue, &"x".repeat(70_000));
        push(&mut queue, "last");
        let portions: Vec<_> = std::iter::from_fn(|| queue.take_portion()).collect();
        assert_eq!(portions.iter().map(|portion| names(portion).len()).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(portions.iter().map(|portion| portion.keepalive).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn the_budget_comes_back_when_the_browser_has_answered() {
        let mut queue = Queue::new(Vec::new());
        let send = |queue: &mut Queue| {
            push(queue, &"x".repeat(40_000));
            queue.take_portion().unwrap()
        };
        let first = send(&mut queue);
        assert!(first.keepalive);
        assert!(!send(&mut queue).keepalive);
        queue.settle(first.body.len());
        assert!(send(&mut queue).keepalive);
    }

    #[test]
    fn one_timer_runs_at_a_time() {
        let mut queue = Queue::new(Vec::new());
        assert!(!queue.wants_timer());
        push(&mut queue, "a");
        assert!(queue.wants_timer());
        push(&mut queue, "b");
        assert!(!queue.wants_timer());
        queue.timer_fired();
        assert!(queue.wants_timer());
    }
}
