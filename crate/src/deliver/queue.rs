//! Ended spans, and events, as wire bytes: waiting, on their way, and handed to the page's storage.
//!
//! All requests of a page that are sent with `keepalive` share 64 KiB of bodies in flight (Fetch
//! §4.6 "HTTP-network-or-cache fetch", step 8.10.5), and browsers allow some ten of them, so bodies are cut at span
//! borders and counted until the browser has answered. What does not fit waits; what would have to wait when the
//! page is left is kept for the next page. `keepalive` is asked for always, not only at exit: a request under way
//! when the page is left would be cancelled without it.

use std::mem;

use super::{Breaker, Verdict, answer};
use crate::encode::otlp_protobuf::{EVENT_TAG, SPAN_TAG};
use crate::encode::{self, Protocol};
use crate::host::Host;
use crate::wire::gzip;
use crate::wire::protobuf::{field_end, write_bytes};
use crate::wire::reader::{Fields, bytes};
use crate::wire::text::contains;

/// All spans that have not been accepted yet.
pub struct Queue {
    /// The field `ResourceSpans.resource`.
    resource: Vec<u8>,
    /// The fields `ScopeSpans.spans`, one behind the other, with events among them.
    spans: Vec<u8>,
    /// Bytes of them that could not be sent when that was tried last.
    tried: usize,
    /// Bytes of the body for which there was no room then.
    #[cfg(feature = "gzip")]
    missed: usize,
    batches: Vec<Batch>,
    last_number: u32,
    breaker: Breaker,
    /// Whether storage may hold something of ours.
    may_have_kept: bool,
    /// Whether storage was asked, and what it gave is not settled yet.
    is_draining: bool,
    timer_runs: bool,
    /// Whether the page has been left, as far as is known.
    left: bool,
    /// When what waits is to be sent, by the page's clock; 0 if nothing does.
    due: f64,
    /// Bytes of what waits that the browser would send if the page were gone.
    safe: usize,
    protocol: Protocol,
    compresses: bool,
    /// Whether the collector takes events at all, as far as is known.
    pub takes_events: bool,
    /// Milliseconds after which a record is not sent any more.
    maximal_age: f64,
    /// Spans that the collector has accepted.
    pub accepted: u32,
    /// Spans that it has refused, or for which there was no room.
    pub lost: u32,
}

/// What one request carries.
struct Batch {
    number: u32,
    /// Its key in storage, if it comes from there.
    key: u32,
    /// See [`record_of`].
    record: Vec<u8>,
    /// Bytes of the body, as far as they count as `keepalive`.
    keepalive: usize,
}

/// Whether the page goes on after a flush.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stay {
    Here,
    /// There may be no other moment.
    Leaving,
}

impl Queue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self {
            resource: Vec::new(),
            spans: Vec::new(),
            tried: 0,
            #[cfg(feature = "gzip")]
            missed: 0,
            batches: Vec::new(),
            last_number: 0,
            breaker: Breaker::new(),
            may_have_kept: true,
            is_draining: false,
            timer_runs: false,
            left: false,
            due: 0.0,
            safe: 0,
            protocol: Protocol::DEFAULT,
            compresses: false,
            takes_events: true,
            maximal_age: DAY,
            accepted: 0,
            lost: 0,
        }
    }

    /// Says whose spans they are, an encoded `Resource`, and where they go in which form.
    pub fn start(&mut self, resource: &[u8], endpoint: &str, protocol: Protocol, compresses: bool) {
        write_bytes(1, resource, &mut self.resource);
        self.protocol = protocol;
        self.compresses = compresses;
        // It drops spans that ended an hour ago.
        if contains(endpoint, "dynatrace") {
            self.maximal_age = HOUR;
        }
    }

    /// What the collector speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Whether bodies are compressed.
    pub fn compresses(&self) -> bool {
        self.compresses
    }

    /// Says anew whether bodies are compressed.
    pub fn set_compresses(&mut self, compresses: bool) {
        self.compresses = compresses;
    }

    /// Appends a span or an event that `write` encodes.
    pub fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.spans);
    }

    /// Sends what may be sent now, and keeps what has to be kept.
    pub fn flush(&mut self, host: &impl Host, now: f64, stay: Stay) {
        self.take_back(host);
        self.sort();
        let mut start = 0;
        while start < self.spans.len() {
            let rest = &self.spans[start..];
            let is_open = self.breaker.remaining(now) > 0.0;
            let is_leaving = stay == Stay::Leaving;
            // Nobody would hear the answer of one who asks whether the collector is back.
            let most = if self.breaker.is_probing() { usize::from(!is_leaving) } else { MOST_REQUESTS };
            let is_stopped = is_open || self.batches.len() >= most;
            let must_go = is_leaving || is_open && rest.len() >= self.most_waiting();
            if is_stopped && !must_go {
                break;
            }
            // More spans need no less room: to compress them would be in vain.
            #[cfg(feature = "gzip")]
            if !must_go && !self.batches.is_empty() && self.in_flight() + self.missed > BODY_LIMIT {
                break;
            }
            // What goes to storage goes there as it is. Without gzip a body costs little.
            let is_kept = cfg!(feature = "gzip") && is_stopped;
            let (size, body) =
                if is_kept { (cut(rest, self.room()), Vec::new()) } else { self.pack(host, rest) };
            let record = record_of(&self.resource, &rest[..size]);
            let mut is_done = false;
            if is_stopped || !self.batches.is_empty() && self.in_flight() + body.len() > BODY_LIMIT {
                if !must_go {
                    #[cfg(feature = "gzip")]
                    {
                        self.missed = body.len();
                    }
                    break;
                }
                is_done = host.keep(&record);
                self.may_have_kept |= is_done;
                // There is no storage: the last try, or memory for as long as it lasts.
                if !is_done && !is_leaving {
                    if rest.len() < MEMORY_LIMIT {
                        break;
                    }
                    self.lost += count(&rest[..size]);
                    is_done = true;
                }
            }
            if !is_done {
                if is_kept { self.send(host, 0, record) } else { self.post(host, 0, record, body) }
            }
            start += size;
            #[cfg(feature = "gzip")]
            {
                self.missed = 0;
            }
        }
        // A burst's memory is not kept.
        if start > 0 {
            self.spans = self.spans.split_off(start);
        }
        self.tried = self.spans.len();
    }

    /// Forgets all that waits, and what becomes of what is under way.
    pub fn clear(&mut self, host: &impl Host) {
        self.take_back(host);
        self.spans = Vec::new();
        self.tried = 0;
        self.batches = Vec::new();
        self.is_draining = false;
    }

    /// A request has been answered with `status`, 0 for none. `retry_after` is in milliseconds, 0 for none;
    /// `random` from 0 to 1; `answer` the body.
    #[expect(clippy::too_many_arguments)]
    pub fn settle(
        &mut self,
        host: &impl Host,
        now: f64,
        number: u32,
        status: u32,
        retry_after: f64,
        random: f64,
        answer: &[u8],
    ) -> Verdict {
        let verdict = Verdict::of(status);
        let Some(index) = self.batches.iter().position(|batch| batch.number == number) else {
            return verdict;
        };
        let Batch { key, record, keepalive, .. } = self.batches.swap_remove(index);
        let (resource, spans) = parse_record(&record);
        if key != 0 {
            self.is_draining = false;
            host.settle_record(key, verdict != Verdict::Later);
        }
        if verdict == Verdict::Later {
            self.breaker.fail(now, retry_after, random);
            // A browser tells a page that it leaves that its requests have failed, and goes on with them.
            let goes_on = self.left && status == 0 && keepalive > 0;
            if key == 0 && !goes_on {
                if host.keep(&record) {
                    self.may_have_kept = true;
                } else {
                    self.spans = record_of(spans, &self.spans);
                }
            }
            return verdict;
        }
        self.breaker.succeed();
        let half = cut(spans, spans.len() / 2);
        if verdict == Verdict::Split && half < spans.len() {
            self.send(host, 0, record_of(resource, &spans[..half]));
            self.send(host, 0, record_of(resource, &spans[half..]));
            return verdict;
        }
        if cfg!(feature = "events") && matches!(status, 404 | 405 | 501) && encode::are_events(spans) {
            self.takes_events = false;
        }
        let sent = count(spans);
        let taken = verdict == Verdict::Accepted;
        let mut accepted = if taken { sent } else { 0 };
        if cfg!(feature = "diagnostics") {
            accepted = answer::accepted(answer, sent, taken);
        }
        self.accepted += accepted;
        self.lost += sent - accepted;
        if accepted < sent { Verdict::Refused } else { verdict }
    }

    /// Asks storage for what an earlier page, or another tab, has not got rid of. [`Queue::taken`] gets it.
    pub fn drain(&mut self, host: &impl Host, now: f64) {
        if self.may_have_kept && !self.is_draining && self.breaker.remaining(now) <= 0.0 {
            self.is_draining = true;
            host.take(self.maximal_age);
        }
    }

    /// Storage has given a record, which nobody else gets for a while, or has none: 0. `may_send`: whether anything may
    /// be sent.
    pub fn taken(&mut self, host: &impl Host, key: u32, record: Vec<u8>, may_send: bool) {
        let is_whole = !parse_record(&record).1.is_empty();
        if is_whole && may_send {
            self.send(host, key, record);
            return;
        }
        self.is_draining = false;
        if key == 0 {
            self.may_have_kept = false;
        } else {
            // What is not whole somebody else wrote, or an earlier version of ours.
            host.settle_record(key, !is_whole);
        }
    }

    /// Storage could not keep a record after all.
    pub fn lose(&mut self, record: &[u8]) {
        self.lost += count(parse_record(record).1);
    }

    /// Adds attributes to the resource of what is sent from now on, in the place of those with the same keys.
    pub fn add_to_resource(&mut self, attributes: &[u8]) {
        let mut resource = Vec::new();
        for (_, own) in Fields(bytes(&self.resource, 1)) {
            let key = bytes(own.bytes(), 1);
            if !Fields(attributes).any(|(_, new)| bytes(new.bytes(), 1) == key) {
                write_bytes(1, own.bytes(), &mut resource);
            }
        }
        resource.extend_from_slice(attributes);
        self.resource.clear();
        write_bytes(1, &resource, &mut self.resource);
    }

    /// The page is left: what it has from storage is the next one's, as nobody may hear of the answer.
    pub fn leave(&mut self, host: &impl Host) {
        self.left = true;
        for batch in &self.batches {
            if batch.key != 0 {
                host.settle_record(batch.key, false);
            }
        }
    }

    /// The page has come back.
    pub fn come_back(&mut self) {
        self.left = false;
    }

    /// Whether the browser has a network.
    pub fn set_online(&mut self, now: f64, online: bool) {
        self.breaker.set_online(now, online);
    }

    /// Whether so much waits that it should go now. What cannot go is not tried again with each span, of which a burst
    /// may have thousands.
    pub fn is_full(&self) -> bool {
        self.spans.len() >= self.most_waiting() + self.tried
    }

    /// Whether something waits that could not be sent when that was tried.
    pub fn is_stuck(&self) -> bool {
        self.tried > 0
    }

    /// Milliseconds until a timer must run for what waits here or, `elsewhere`, with the caller: `interval`, or for
    /// as long as the collector is away. Says so once until [`Queue::timer_fired`].
    pub fn wants_timer(&mut self, now: f64, interval: f64, elsewhere: bool) -> Option<f64> {
        let away = self.breaker.remaining(now);
        let has_kept = self.breaker.is_probing() && self.may_have_kept;
        if self.timer_runs || self.spans.is_empty() && !has_kept && !elsewhere {
            return None;
        }
        self.timer_runs = true;
        if away > 0.0 {
            return Some(away);
        }
        if !cfg!(feature = "fetch-later") || interval <= TICK {
            return Some(interval);
        }
        if self.due == 0.0 {
            self.due = now + interval;
        }
        Some((self.due - now).min(TICK))
    }

    /// Whether what waits goes on waiting; then the browser has it, should the page crash before the time has come.
    pub fn is_early(&mut self, host: &impl Host, now: f64) -> bool {
        if !cfg!(feature = "fetch-later")
            || now >= self.due
            || self.spans.is_empty()
            || self.breaker.remaining(now) > 0.0
        {
            return false;
        }
        // It has it already, unless there is more now.
        if self.safe != self.spans.len() {
            self.safe = self.spans.len();
            self.sort();
            let (_, body) = self.pack(host, &self.spans);
            host.send_later(&body, encode::are_events(&self.spans));
        }
        true
    }

    /// The timer of [`Queue::wants_timer`] has run out.
    pub fn timer_fired(&mut self) {
        self.timer_runs = false;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Spans that wait, or are under way.
    pub fn waiting(&self) -> u32 {
        count(&self.spans)
            + self.batches.iter().map(|batch| count(parse_record(&batch.record).1)).sum::<u32>()
    }

    /// Puts events behind spans: no request has both.
    fn sort(&mut self) {
        if !cfg!(feature = "events") || cut(&self.spans, usize::MAX) == self.spans.len() {
            return;
        }
        let mut at = 0;
        let mut spans = Vec::new();
        let mut events = Vec::new();
        while let Some(end) = field_end(&self.spans, at) {
            let item = &self.spans[at..end];
            if encode::are_events(item) { &mut events } else { &mut spans }.extend_from_slice(item);
            at = end;
        }
        spans.append(&mut events);
        self.spans = spans;
    }

    /// What the browser would send if the page were gone, it does not any more, nor is it due.
    fn take_back(&mut self, host: &impl Host) {
        if !cfg!(feature = "fetch-later") {
            return;
        }
        self.due = 0.0;
        if mem::take(&mut self.safe) > 0 {
            host.send_later(&[], false);
        }
    }

    fn in_flight(&self) -> usize {
        self.batches.iter().map(|batch| batch.keepalive).sum()
    }

    /// Bytes at which spans are sent without waiting for the timer. Each request costs the page's thread nearly a
    /// millisecond, so they are few; but most of the time all that waits must find room should the page be left now.
    fn most_waiting(&self) -> usize {
        if cfg!(feature = "gzip") && self.compresses {
            64 * 1024
        } else if !cfg!(feature = "gzip") || self.protocol == Protocol::Protobuf {
            45 * 1024
        } else {
            // As JSON it is twice as much.
            20 * 1024
        }
    }

    /// Bytes of spans that are tried for a body.
    fn room(&self) -> usize {
        let room = BODY_LIMIT - ENVELOPE - self.resource.len().min(BODY_LIMIT / 2);
        if cfg!(feature = "gzip") && self.compresses { 2 * room } else { room }
    }

    /// Encodes as many spans as a body holds, but at least one: their size, and the body.
    fn pack(&self, host: &impl Host, spans: &[u8]) -> (usize, Vec<u8>) {
        let mut size = cut(spans, self.room());
        loop {
            let body = self.encode(host, &self.resource, &spans[..size]);
            // As protobuf a body is as large as what waits.
            if !cfg!(feature = "gzip") || body.len() <= BODY_LIMIT {
                return (size, body);
            }
            let half = cut(spans, size / 2);
            if half == size {
                return (size, body);
            }
            size = half;
        }
    }

    fn encode(&self, host: &impl Host, resource: &[u8], spans: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        encode::write_body(
            self.protocol,
            resource,
            spans,
            &|number, out| host.format(number, out),
            &mut body,
        );
        if cfg!(feature = "gzip") && self.compresses { gzip::compress(&body) } else { body }
    }

    fn send(&mut self, host: &impl Host, key: u32, record: Vec<u8>) {
        let (resource, spans) = parse_record(&record);
        let body = self.encode(host, resource, spans);
        self.post(host, key, record, body);
    }

    fn post(&mut self, host: &impl Host, key: u32, record: Vec<u8>, body: Vec<u8>) {
        // What is in storage stays there until it is accepted: better cancelled with the page than sent twice.
        let keepalive = key == 0 && self.in_flight() + body.len() <= BODY_LIMIT;
        self.last_number += 1;
        let number = self.last_number;
        let keepalive_bytes = if keepalive { body.len() } else { 0 };
        let are_events = cfg!(feature = "events") && encode::are_events(parse_record(&record).1);
        self.batches.push(Batch { number, key, record, keepalive: keepalive_bytes });
        host.send(number, &body, keepalive, are_events);
    }
}

impl Default for Queue {
    fn default() -> Self {
        Self::new()
    }
}

/// Where to cut spans so that at most `room` bytes come before it, but at least one span, and no span and event.
fn cut(spans: &[u8], room: usize) -> usize {
    let mut at = 0;
    while at < spans.len()
        && let Some(end) = field_end(spans, at)
        && (at == 0 || end <= room)
        && (!cfg!(feature = "events") || spans[at] == spans[0])
    {
        at = end;
    }
    at
}

fn count(spans: &[u8]) -> u32 {
    let mut at = 0;
    let mut count = 0;
    while at < spans.len()
        && let Some(end) = field_end(spans, at)
    {
        at = end;
        count += 1;
    }
    count
}

/// What a request carries, and what storage keeps: the fields `ResourceSpans.resource` and `ScopeSpans.spans`, or events.
/// Neither the collector's format nor this page's resource may be those of the page that sends it.
#[inline(never)]
fn record_of(resource: &[u8], spans: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend_from_slice(resource);
    record.extend_from_slice(spans);
    record
}

/// The resource and the spans; none if it is no whole record.
#[inline(never)]
fn parse_record(record: &[u8]) -> (&[u8], &[u8]) {
    let (resource, spans) = record.split_at(field_end(record, 0).unwrap_or_default());
    let tag = if encode::are_events(spans) { EVENT_TAG } else { SPAN_TAG };
    let mut at = 0;
    while at < spans.len() {
        match field_end(spans, at) {
            Some(end) if spans[at] == tag => at = end,
            _ => return (resource, &[]),
        }
    }
    (resource, spans)
}

/// Milliseconds after which the browser has what waits longer.
const TICK: f64 = 1_000.0;
/// Milliseconds; a minute less than Dynatrace gives.
const HOUR: f64 = 3_540_000.0;
const DAY: f64 = 86_400_000.0;
/// Browsers allow 64 KiB; the page may use `keepalive` and `sendBeacon` itself.
const BODY_LIMIT: usize = 60 * 1024;
/// Chromium allows so many requests with `keepalive`, and one more or two.
const MOST_REQUESTS: usize = 9;
/// Bytes that wait, at most, where there is no storage.
const MEMORY_LIMIT: usize = 1024 * 1024;
/// Room for what a body holds beside resource and spans: tags, lengths, scope and schema URL.
const ENVELOPE: usize = 128;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    use super::*;
    use crate::options::LogLevel;
    use crate::wire::protobuf::{begin, end};

    /// A page that notes what it is asked to do.
    #[derive(Default)]
    struct Page {
        sent: RefCell<Vec<(u32, Vec<u8>, bool)>>,
        has_storage: bool,
        kept: RefCell<Vec<Vec<u8>>>,
        later: RefCell<Vec<Vec<String>>>,
        taken: RefCell<u32>,
        settled: RefCell<Vec<(u32, bool)>>,
        are_events: RefCell<Vec<bool>>,
        /// How often a number was to be formatted.
        formatted: RefCell<u32>,
    }

    impl Host for Page {
        fn wall_clock(&self) -> f64 {
            0.0
        }

        fn first_match(&self, _origin: &str) -> Option<usize> {
            None
        }

        fn origin(&self, _url: &str) -> Option<String> {
            None
        }

        fn start_timer(&self, _delay: f64) {}

        fn format(&self, number: f64, out: &mut Vec<u8>) {
            *self.formatted.borrow_mut() += 1;
            out.extend_from_slice(number.to_string().as_bytes());
        }

        fn send(&self, number: u32, body: &[u8], keepalive: bool, are_events: bool) {
            self.are_events.borrow_mut().push(are_events);
            self.sent.borrow_mut().push((number, body.into(), keepalive));
        }

        fn send_later(&self, body: &[u8], _are_events: bool) {
            self.later.borrow_mut().push(if body.is_empty() { Vec::new() } else { names(body) });
        }

        fn keep(&self, record: &[u8]) -> bool {
            if self.has_storage {
                self.kept.borrow_mut().push(record.into());
            }
            self.has_storage
        }

        fn take(&self, _maximal_age: f64) {
            *self.taken.borrow_mut() += 1;
        }

        fn settle_record(&self, record: u32, done: bool) {
            self.settled.borrow_mut().push((record, done));
        }

        fn log(&self, _level: LogLevel, _text: &str) {}
    }

    impl Page {
        fn with_storage() -> Self {
            Self { has_storage: true, ..Self::default() }
        }

        /// What was sent since the last call: the request's number, its spans' names, and `keepalive`.
        fn bodies(&self) -> Vec<(u32, Vec<String>, bool)> {
            let sent = self.sent.take().into_iter();
            sent.map(|(number, body, keepalive)| (number, names(&body), keepalive)).collect()
        }

        /// The names of all that was sent since the last call, and the number of the last request.
        fn names(&self) -> (Vec<String>, u32) {
            let bodies = self.bodies();
            let last = bodies.last().map_or(0, |body| body.0);
            (bodies.into_iter().flat_map(|body| body.1).collect(), last)
        }
    }

    fn new_queue() -> Queue {
        let mut queue = Queue::new();
        queue.start(&[], "", Protocol::Protobuf, false);
        queue
    }

    fn push(queue: &mut Queue, name: &str) {
        queue.push(|out| {
            let span = begin(2, out);
            write_bytes(5, name.as_bytes(), out);
            end(span, out);
        });
    }

    /// A span with a number, which is formatted when the span is encoded as JSON.
    fn push_number(queue: &mut Queue, name: &str) {
        queue.push(|out| {
            let span = begin(2, out);
            write_bytes(5, name.as_bytes(), out);
            let attribute = begin(9, out);
            write_bytes(2, &[&[0x21][..], &0.5_f64.to_le_bytes()].concat(), out);
            end(attribute, out);
            end(span, out);
        });
    }

    fn names(body: &[u8]) -> Vec<String> {
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        spans.iter().map(|span| span.name.clone()).collect()
    }

    const OK: (u32, f64, f64) = (200, 0.0, 0.5);
    const BUSY: (u32, f64, f64) = (503, 0.0, 1.0);

    fn settle(queue: &mut Queue, page: &Page, now: f64, number: u32, answer: (u32, f64, f64)) {
        queue.settle(page, now, number, answer.0, answer.1, answer.2, &[]);
    }

    #[test]
    fn no_request_has_spans_and_events() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        for (field, name) in [(3, "a"), (2, "b"), (3, "c"), (2, "d")] {
            queue.push(|out| {
                let item = begin(field, out);
                write_bytes(5, name.as_bytes(), out);
                end(item, out);
            });
        }
        queue.flush(&page, 0.0, Stay::Here);
        assert_eq!(page.are_events.take(), [false, true]);
        assert_eq!(page.names().0, ["b", "d", "a", "c"]);
        settle(&mut queue, &page, 1.0, 2, BUSY);
        let record = page.kept.take().pop().unwrap();
        queue.taken(&page, 7, record.clone(), true);
        assert_eq!(page.names().0, ["a", "c"]);
        settle(&mut queue, &page, 1.0, 3, (404, 0.0, 0.5));
        assert!(!queue.takes_events, "it has no such path");
        page.settled.take();
        let mixed = [&record[..], &record_of(&[], b"\x12\x00")[..]].concat();
        queue.taken(&page, 8, mixed, true);
        assert_eq!(page.settled.take(), [(8, true)], "not ours");
    }

    #[test]
    fn what_goes_to_storage_is_not_encoded() {
        for has_storage in [true, false] {
            let page = Page { has_storage, ..Page::default() };
            let mut queue = Queue::new();
            queue.start(&[], "", Protocol::Json, false);
            push_number(&mut queue, "");
            queue.flush(&page, 0.0, Stay::Here);
            assert_eq!(page.formatted.take(), 1);
            settle(&mut queue, &page, 1.0, 1, BUSY);
            while !queue.is_full() {
                push_number(&mut queue, "");
            }
            queue.flush(&page, 2.0, Stay::Here);
            assert_eq!(page.formatted.take(), 0);
            page.sent.take();
            queue.flush(&page, 3.0, Stay::Leaving);
            assert_eq!(page.sent.take().len(), usize::from(!has_storage), "the last try");
            assert_eq!(page.formatted.take() > 0, !has_storage);
        }
    }

    #[test]
    fn nothing_waits_nothing_is_sent() {
        let page = Page::default();
        Queue::new().flush(&page, 0.0, Stay::Leaving);
        assert!(page.bodies().is_empty());
    }

    #[test]
    fn bodies_are_cut_at_span_borders_and_wait_for_room() {
        let (mut queue, page) = (new_queue(), Page::default());
        let names_in: Vec<String> = (0..300).map(|n| format!("{n:0>1000}")).collect();
        for name in &names_in {
            push(&mut queue, name);
        }
        let mut names_out = Vec::new();
        for _ in 0..9 {
            queue.flush(&page, 0.0, Stay::Here);
            let bodies = page.sent.borrow().clone();
            assert!(bodies.iter().all(|(_, body, keepalive)| body.len() <= BODY_LIMIT && *keepalive));
            assert!(bodies.iter().map(|(_, body, _)| body.len()).sum::<usize>() <= BODY_LIMIT);
            for (number, names, _) in page.bodies() {
                names_out.extend(names);
                settle(&mut queue, &page, 0.0, number, OK);
            }
        }
        assert_eq!(names_out, names_in);
        assert_eq!((queue.accepted, queue.waiting(), queue.lost), (300, 0, 0));
    }

    #[test]
    fn bodies_fit_however_they_are_encoded() {
        let mut state = 1_u32;
        let mut noise = |count| -> String {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b' ' + (state >> 24) as u8 % 90)
            };
            (0..count).map(|_| next()).collect()
        };
        for (protocol, compresses) in
            [(Protocol::Json, false), (Protocol::Json, true), (Protocol::Protobuf, true)]
        {
            let page = Page::with_storage();
            let mut queue = Queue::new();
            queue.start(&[], "", protocol, compresses);
            for _ in 0..300 {
                push(&mut queue, &noise(1_000));
            }
            queue.flush(&page, 0.0, Stay::Leaving);
            let sent = page.sent.take();
            assert!(sent.iter().all(|(_, _, keepalive)| *keepalive));
            let bytes: usize = sent.iter().map(|(_, body, _)| body.len()).sum();
            assert!((BODY_LIMIT / 2..=BODY_LIMIT).contains(&bytes), "{protocol:?}, {compresses}: {bytes}");
            let kept: u32 = page.kept.take().iter().map(|record| count(parse_record(record).1)).sum();
            assert_eq!(queue.waiting() + kept, 300);
        }
    }

    #[test]
    fn a_span_above_the_limit_goes_alone_without_keepalive() {
        let (mut queue, page) = (new_queue(), Page::default());
        push(&mut queue, "small");
        push(&mut queue, &"x".repeat(70_000));
        push(&mut queue, "last");
        let mut seen = Vec::new();
        for _ in 0..3 {
            queue.flush(&page, 0.0, Stay::Here);
            for (number, names, keepalive) in page.bodies() {
                seen.push((names.len(), keepalive));
                settle(&mut queue, &page, 0.0, number, OK);
            }
        }
        assert_eq!(seen, [(1, true), (1, false), (1, true)]);
    }

    #[test]
    fn requests_under_way_are_bounded() {
        let (mut queue, page) = (new_queue(), Page::default());
        for _ in 0..MOST_REQUESTS + 3 {
            push(&mut queue, "a");
            queue.flush(&page, 0.0, Stay::Here);
        }
        assert_eq!(page.bodies().len(), MOST_REQUESTS);
        assert_eq!(queue.waiting(), MOST_REQUESTS as u32 + 3);
    }

    #[test]
    fn what_does_not_fit_when_the_page_is_left_is_kept() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        for n in 0..100 {
            push(&mut queue, &format!("{n:0>1000}"));
        }
        queue.flush(&page, 0.0, Stay::Leaving);
        let sent = page.names().0.len();
        let kept = page.kept.take();
        assert!(sent > 50 && queue.is_empty());
        let (mut next, later) = (new_queue(), Page::default());
        next.drain(&later, 0.0);
        next.drain(&later, 0.0);
        assert_eq!(*later.taken.borrow(), 1, "one at a time");
        let mut arrived = 0;
        for (index, record) in kept.iter().enumerate() {
            next.taken(&later, index as u32 + 1, record.clone(), true);
            let (names, number) = later.names();
            arrived += names.len();
            settle(&mut next, &later, 0.0, number, OK);
            next.drain(&later, 0.0);
        }
        assert_eq!(sent + arrived, 100);
        assert_eq!(
            *later.settled.borrow(),
            (1..=kept.len() as u32).map(|key| (key, true)).collect::<Vec<_>>()
        );
        let asked = *later.taken.borrow();
        next.taken(&later, 0, Vec::new(), true);
        next.drain(&later, 0.0);
        assert_eq!(*later.taken.borrow(), asked, "there is no more");
    }

    #[test]
    fn without_storage_all_is_tried_when_the_page_is_left() {
        let (mut queue, page) = (new_queue(), Page::default());
        for n in 0..100 {
            push(&mut queue, &format!("{n:0>1000}"));
        }
        queue.flush(&page, 0.0, Stay::Leaving);
        assert_eq!(page.names().0.len(), 100);
    }

    #[test]
    fn a_failure_is_kept_and_asked_for_when_the_collector_may_be_back() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        push(&mut queue, "a");
        queue.flush(&page, 0.0, Stay::Here);
        let (_, number) = page.names();
        settle(&mut queue, &page, 0.0, number, BUSY);
        assert_eq!(page.kept.borrow().len(), 1);
        push(&mut queue, "b");
        queue.flush(&page, 500.0, Stay::Here);
        queue.drain(&page, 500.0);
        assert!(page.bodies().is_empty() && *page.taken.borrow() == 0, "not before the delay is over");
        assert_eq!(queue.wants_timer(500.0, 100.0, false), Some(500.0));
        assert_eq!(queue.wants_timer(500.0, 100.0, false), None, "one timer at a time");
        queue.timer_fired();
        queue.flush(&page, 1_000.0, Stay::Here);
        let (names, number) = page.names();
        assert_eq!(names, ["b"], "what waits asks whether the collector is back");
        push(&mut queue, "c");
        queue.flush(&page, 1_000.0, Stay::Here);
        assert!(page.bodies().is_empty(), "one asks");
        settle(&mut queue, &page, 1_100.0, number, OK);
        queue.drain(&page, 1_100.0);
        let record = page.kept.take().remove(0);
        queue.taken(&page, 7, record, true);
        queue.flush(&page, 1_100.0, Stay::Here);
        let bodies = page.bodies();
        assert_eq!(bodies.iter().map(|body| body.1[0].as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert!(!bodies[0].2, "a record is safe in storage");
        settle(&mut queue, &page, 1_200.0, bodies[0].0, BUSY);
        assert_eq!(*page.settled.borrow(), [(7, false)]);
        assert!(page.kept.borrow().is_empty(), "it still is in storage");
    }

    #[test]
    fn without_storage_failures_wait_in_front_and_within_bounds() {
        let (mut queue, page) = (new_queue(), Page::default());
        push(&mut queue, "a");
        queue.flush(&page, 0.0, Stay::Here);
        push(&mut queue, "b");
        let (_, number) = page.names();
        settle(&mut queue, &page, 0.0, number, BUSY);
        queue.flush(&page, 1_000.0, Stay::Here);
        let (names, number) = page.names();
        assert_eq!(names, ["a", "b"]);
        settle(&mut queue, &page, 1_000.0, number, BUSY);
        for _ in 0..1_100 {
            push(&mut queue, &"x".repeat(1_000));
            queue.flush(&page, 1_001.0, Stay::Here);
        }
        assert!(queue.lost > 50 && queue.lost + queue.waiting() == 1_102, "{}", queue.lost);
        assert!(queue.spans.len() <= MEMORY_LIMIT);
    }

    #[test]
    fn what_cannot_go_is_not_tried_again_with_each_span() {
        let (mut queue, page) = (new_queue(), Page::default());
        for _ in 0..=MOST_REQUESTS {
            while !queue.is_full() {
                push(&mut queue, &"x".repeat(1_000));
            }
            queue.flush(&page, 1.0, Stay::Here);
        }
        let waiting = queue.spans.len();
        assert!(waiting >= queue.most_waiting(), "all requests are under way");
        let mut tries = 0;
        for _ in 0..300 {
            push(&mut queue, &"x".repeat(1_000));
            if queue.is_full() {
                tries += 1;
                queue.flush(&page, 1.0, Stay::Here);
            }
        }
        assert!((5..=10).contains(&tries), "{tries} for 300 KiB");
        assert!(queue.spans.len() > waiting + 300_000, "nothing is lost");
    }

    #[test]
    fn what_finds_no_room_is_encoded_once() {
        let page = Page::default();
        let mut queue = Queue::new();
        queue.start(&[], "", Protocol::Json, false);
        let name = "x".repeat(1_000);
        for _ in 0..1_000 {
            push_number(&mut queue, &name);
            if queue.is_full() {
                queue.flush(&page, 1.0, Stay::Here);
            }
        }
        let formatted = page.formatted.take();
        assert!(formatted < 150, "{formatted} of 1,000");
        let numbers: Vec<u32> = page.sent.take().iter().map(|(number, ..)| *number).collect();
        for number in numbers {
            settle(&mut queue, &page, 2.0, number, OK);
        }
        queue.flush(&page, 2.0, Stay::Here);
        assert!(!page.sent.take().is_empty(), "there is room again");
    }

    #[test]
    fn while_the_collector_is_away_much_is_kept_at_once() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        push(&mut queue, "a");
        queue.flush(&page, 0.0, Stay::Here);
        let (_, number) = page.names();
        settle(&mut queue, &page, 0.0, number, BUSY);
        while !queue.is_full() {
            push(&mut queue, &"x".repeat(1_000));
        }
        queue.flush(&page, 1.0, Stay::Here);
        assert!(queue.is_empty() && page.kept.borrow().len() == 2);
        push(&mut queue, "b");
        queue.flush(&page, 1.0, Stay::Here);
        assert_eq!(queue.waiting(), 1);
        queue.flush(&page, 1.0, Stay::Leaving);
        assert!(page.kept.borrow().len() == 3 && page.bodies().is_empty());
    }

    #[test]
    fn what_is_too_big_is_halved_until_it_fits() {
        let (mut queue, page) = (new_queue(), Page::default());
        for name in ["a", "b", "c", "d", "e"] {
            push(&mut queue, name);
        }
        queue.flush(&page, 0.0, Stay::Here);
        let mut accepted = Vec::new();
        loop {
            let bodies = page.bodies();
            if bodies.is_empty() {
                break;
            }
            for (number, names, _) in bodies {
                let fits = names.len() <= 2;
                settle(&mut queue, &page, 0.0, number, if fits { OK } else { (413, 0.0, 0.0) });
                if fits {
                    accepted.extend(names);
                }
            }
        }
        assert_eq!(accepted, ["a", "b", "c", "d", "e"]);
        push(&mut queue, "alone");
        queue.flush(&page, 0.0, Stay::Here);
        let (_, number) = page.names();
        settle(&mut queue, &page, 0.0, number, (413, 0.0, 0.0));
        assert_eq!((queue.accepted, queue.lost, queue.waiting()), (5, 1, 0));
    }

    #[test]
    fn what_is_refused_is_not_tried_again() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        push(&mut queue, "a");
        queue.flush(&page, 0.0, Stay::Here);
        let (_, number) = page.names();
        settle(&mut queue, &page, 0.0, number, (400, 0.0, 0.0));
        queue.flush(&page, 9e9, Stay::Leaving);
        assert!(page.bodies().is_empty() && page.kept.borrow().is_empty());
        assert_eq!(queue.lost, 1);
        settle(&mut queue, &page, 0.0, number, OK);
        assert_eq!(queue.accepted, 0, "an answer counts once");
    }

    #[test]
    fn without_a_network_nothing_is_tried() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        queue.set_online(0.0, false);
        push(&mut queue, "a");
        queue.flush(&page, 1.0, Stay::Here);
        assert!(page.bodies().is_empty());
        queue.set_online(2.0, true);
        queue.flush(&page, 2.0, Stay::Here);
        assert_eq!(page.names().0, ["a"]);
    }

    #[test]
    fn what_a_page_hears_when_it_is_gone_is_not_believed() {
        for (status, left, kept) in [(0, true, 0), (503, true, 1), (0, false, 1)] {
            let (mut queue, page) = (new_queue(), Page::with_storage());
            push(&mut queue, "a");
            queue.flush(&page, 0.0, Stay::Leaving);
            let (_, number) = page.names();
            queue.leave(&page);
            if !left {
                queue.come_back();
            }
            settle(&mut queue, &page, 0.0, number, (status, 0.0, 0.0));
            assert_eq!(page.kept.borrow().len(), kept, "{status}, {left}");
        }
    }

    #[test]
    fn who_leaves_does_not_ask_whether_the_collector_is_back() {
        for has_storage in [true, false] {
            let (mut queue, page) = (new_queue(), Page { has_storage, ..Page::default() });
            push(&mut queue, "a");
            queue.flush(&page, 0.0, Stay::Here);
            let (_, number) = page.names();
            settle(&mut queue, &page, 0.0, number, BUSY);
            push(&mut queue, "b");
            // The delay is over, but no timer has run yet.
            queue.flush(&page, 1_000.0, Stay::Leaving);
            assert_eq!(page.kept.take().len(), if has_storage { 2 } else { 0 });
            assert_eq!(page.bodies().len(), usize::from(!has_storage), "the last try");
        }
    }

    #[test]
    fn who_leaves_gives_back_what_it_has_from_storage() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        push(&mut queue, "a");
        queue.flush(&page, 0.0, Stay::Here);
        let record = queue.batches[0].record.clone();
        queue.taken(&page, 5, record, true);
        let (_, number) = page.names();
        queue.leave(&page);
        assert_eq!(page.settled.take(), [(5, false)]);
        settle(&mut queue, &page, 1.0, number, OK);
        assert_eq!(page.settled.take(), [(5, true)], "it has lived to hear it");
    }

    #[test]
    fn while_nothing_may_be_sent_a_record_goes_back() {
        let (mut queue, page) = (new_queue(), Page::with_storage());
        push(&mut queue, "a");
        queue.set_online(0.0, false);
        queue.flush(&page, 0.0, Stay::Leaving);
        let record = page.kept.take().remove(0);
        queue.set_online(0.0, true);
        queue.drain(&page, 0.0);
        queue.taken(&page, 5, record.clone(), false);
        assert_eq!(*page.settled.borrow(), [(5, false)]);
        queue.drain(&page, 0.0);
        assert_eq!(*page.taken.borrow(), 2, "it is asked for again");
        queue.lose(&record);
        assert_eq!(queue.lost, 1);
    }

    #[test]
    fn what_waits_long_is_safe_within_a_second() {
        let (mut queue, page) = (new_queue(), Page::default());
        push(&mut queue, "a");
        assert_eq!(queue.wants_timer(0.0, 2_500.0, false), Some(1_000.0));
        for (now, next) in [(1_000.0, 1_000.0), (2_000.0, 500.0)] {
            queue.timer_fired();
            assert!(queue.is_early(&page, now));
            assert!(queue.is_early(&page, now), "the browser has it already");
            push(&mut queue, "b");
            assert_eq!(queue.wants_timer(now, 2_500.0, false), Some(next));
        }
        queue.timer_fired();
        assert!(!queue.is_early(&page, 2_500.0));
        queue.flush(&page, 2_500.0, Stay::Here);
        assert_eq!(*page.later.borrow(), [vec!["a"], vec!["a", "b"], vec![]]);
        assert_eq!(page.names().0, ["a", "b", "b"]);
        push(&mut queue, "c");
        assert_eq!(queue.wants_timer(3_000.0, 500.0, false), Some(500.0), "no sooner than it is sent");
    }

    #[test]
    fn the_resource_can_grow() {
        let mut queue = Queue::new();
        // Key values with a key and no value.
        queue.start(b"\x0a\x03\x0a\x01a\x0a\x03\x0a\x01b", "", Protocol::Protobuf, false);
        queue.add_to_resource(b"\x0a\x05\x0a\x01a\x12\x00\x0a\x03\x0a\x01c");
        let expected = b"\x0a\x11\x0a\x03\x0a\x01b\x0a\x05\x0a\x01a\x12\x00\x0a\x03\x0a\x01c";
        assert_eq!(queue.resource, expected);
    }

    #[test]
    fn records_of_others_are_thrown_away() {
        let mut spans = Vec::new();
        write_bytes(2, b"", &mut spans);
        let mut resource = Vec::new();
        write_bytes(1, b"resource", &mut resource);
        let good = record_of(&resource, &spans);
        assert_eq!(parse_record(&good).1, &spans[..]);
        let mut other_field = record_of(b"", &[]);
        write_bytes(3, b"", &mut other_field);
        for bad in
            [&good[..1], &good[..10], &good[..good.len() - 1], &[0xff; 20], &other_field, b"\0\0\0\0", b""]
        {
            assert!(parse_record(bad).1.is_empty(), "{bad:?}");
            let (mut queue, page) = (new_queue(), Page::default());
            queue.drain(&page, 0.0);
            queue.taken(&page, 3, bad.into(), true);
            assert_eq!(*page.settled.borrow(), [(3, true)]);
            queue.drain(&page, 0.0);
            assert_eq!(*page.taken.borrow(), 2, "there may be more");
        }
    }
}
