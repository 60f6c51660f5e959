//! Ended spans as wire bytes, waiting to be sent.
//!
//! All requests of a page that are sent with `keepalive` share 64 KiB of bodies in flight (Fetch
//! §4.6 "HTTP-network-or-cache fetch", step 8.10.5), so bodies are cut at span borders and counted until
//! the browser has answered. `keepalive` is asked for whenever the budget allows, not only at exit: a request under
//! way when the page is left would be cancelled without it.

use std::mem;

use crate::encode::otlp_protobuf;

/// Spans waiting to be sent, and the bytes that are on their way.
#[derive(Default)]
pub struct Queue {
    resource: Vec<u8>,
    spans: Vec<u8>,
    /// Where each span of `spans` ends.
    ends: Vec<usize>,
    in_flight: usize,
    timer_runs: bool,
}

impl Queue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { resource: Vec::new(), spans: Vec::new(), ends: Vec::new(), in_flight: 0, timer_runs: false }
    }

    /// Says whose spans they are: an encoded `Resource`.
    pub fn set_resource(&mut self, resource: Vec<u8>) {
        self.resource = resource;
    }

    /// Appends a span that `write` encodes.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.spans);
        self.ends.push(self.spans.len());
    }

    /// Hands over all that waits, in bodies that `send` posts: a body, and whether with `keepalive`.
    pub fn flush(&mut self, send: &mut dyn FnMut(&[u8], bool)) {
        let room = BODY_LIMIT - ENVELOPE - self.resource.len().min(BODY_LIMIT / 2);
        let mut start = 0;
        let mut ends = self.ends.iter().copied().peekable();
        while let Some(mut end) = ends.next() {
            while let Some(next) = ends.next_if(|next| next - start <= room) {
                end = next;
            }
            let mut body = Vec::new();
            otlp_protobuf::write_request(&self.resource, &self.spans[start..end], &mut body);
            let keepalive = self.in_flight + body.len() <= KEEPALIVE_LIMIT;
            if keepalive {
                self.in_flight += body.len();
            }
            send(&body, keepalive);
            start = end;
        }
        // A burst's memory is not kept.
        self.clear();
    }

    /// Forgets all that waits.
    pub fn clear(&mut self) {
        self.spans = Vec::new();
        self.ends = Vec::new();
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

    fn flush(queue: &mut Queue) -> Vec<(Vec<u8>, bool)> {
        let mut bodies = Vec::new();
        queue.flush(&mut |body, keepalive| bodies.push((body.to_vec(), keepalive)));
        assert!(queue.is_empty());
        bodies
    }

    fn names(body: &[u8]) -> Vec<String> {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        spans.iter().map(|span| span.name.clone()).collect()
    }

    #[test]
    fn nothing_waits_nothing_is_sent() {
        assert!(flush(&mut Queue::new()).is_empty());
    }

    #[test]
    fn bodies_are_cut_at_span_borders_and_nothing_is_lost() {
        let mut queue = Queue::new();
        let names_in: Vec<String> = (0..300).map(|n| format!("{n:0>1000}")).collect();
        for name in &names_in {
            push(&mut queue, name);
        }
        let bodies = flush(&mut queue);
        assert!(bodies.iter().all(|(body, _)| body.len() <= BODY_LIMIT));
        let in_flight: usize =
            bodies.iter().filter(|(_, keepalive)| *keepalive).map(|(body, _)| body.len()).sum();
        assert!(in_flight > BODY_LIMIT / 2 && in_flight <= KEEPALIVE_LIMIT);
        let names_out: Vec<String> = bodies.iter().flat_map(|(body, _)| names(body)).collect();
        assert_eq!(names_out, names_in);
    }

    #[test]
    fn a_span_above_the_limit_goes_alone_without_keepalive() {
        let mut queue = Queue::new();
        push(&mut queue, "small");
        push(&mut queue, &"x".repeat(70_000));
        push(&mut queue, "last");
        let bodies = flush(&mut queue);
        assert_eq!(bodies.iter().map(|(body, _)| names(body).len()).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(bodies.iter().map(|(_, keepalive)| *keepalive).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn the_budget_comes_back_when_the_browser_has_answered() {
        let mut queue = Queue::new();
        let send = |queue: &mut Queue| {
            push(queue, &"x".repeat(40_000));
            let [(body, keepalive)] = flush(queue).try_into().unwrap();
            (body.len(), keepalive)
        };
        let (length, keepalive) = send(&mut queue);
        assert!(keepalive);
        assert!(!send(&mut queue).1);
        queue.settle(length);
        assert!(send(&mut queue).1);
    }

    #[test]
    fn one_timer_runs_at_a_time() {
        let mut queue = Queue::new();
        assert!(!queue.wants_timer());
        push(&mut queue, "a");
        assert!(queue.wants_timer());
        push(&mut queue, "b");
        assert!(!queue.wants_timer());
        queue.timer_fired();
        assert!(queue.wants_timer());
    }
}
