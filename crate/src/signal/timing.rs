//! What the browser's resource timing says of a request (W3C Resource Timing), beside what its promise or its events say:
//! sizes, protocol, cache, and when each phase was.
//!
//! The names are those of OpenTelemetry's browser conventions (`browser.resource_timing.*`), whose values are milliseconds
//! of the page's clock, as in the entry itself.

use super::page_load::Resource;
use crate::trace::Attributes;
use crate::wire::text::{decimal, hash, take_part};

/// When the phases of a request were, in milliseconds of the page's clock. Those that did not happen, or that the server
/// keeps to itself (no `Timing-Allow-Origin`), are 0.
pub struct Moments<'a> {
    times: [f64; COUNT],
    /// Bytes of the body, decompressed.
    decoded_size: u64,
    /// `deliveryType`: `cache`, `navigational-prefetch`, or empty.
    delivery: &'a str,
}

impl<'a> Moments<'a> {
    /// Reads what the wrapper writes: the moments in microseconds, the decoded size and the delivery type, with commas
    /// between them.
    pub fn parse(mut text: &'a str) -> Self {
        let mut number = || decimal(take_part(&mut text, b',')).unwrap_or_default();
        let times = [(); COUNT].map(|()| number() as f64 / 1_000.0);
        Self { times, decoded_size: number(), delivery: text }
    }

    /// When the request was answered, as far as the page's code could tell: a promise of `fetch` with the first byte, an
    /// `XMLHttpRequest` with the last one. 0 if unknown.
    pub fn answered(&self, initiator: &str) -> f64 {
        self.times[if initiator == "fetch" { RESPONSE_START } else { RESPONSE_END }]
    }

    /// What goes onto the request's span.
    pub fn attributes(&self, resource: &Resource) -> Attributes {
        let mut attributes = Attributes::of_span();
        let Resource { transfer_size, body_size, .. } = *resource;
        resource.tell_transfer(&mut attributes);
        if self.decoded_size as f64 != body_size {
            attributes
                .known_integer("browser.resource_timing.decoded_body_size", self.decoded_size.cast_signed());
        }
        let times = &self.times;
        // Without a server's leave a browser gives zeros, and the start for what it would not tell.
        let is_known = times[RESPONSE_START] > 0.0;
        let is_worker_s = times[WORKER_START] > 0.0;
        let cache = if self.delivery == "cache"
            || is_known && !is_worker_s && transfer_size == 0.0 && body_size > 0.0
        {
            "hit"
        } else if is_known && transfer_size > 0.0 && transfer_size < body_size {
            // The headers alone have come: "304 Not Modified".
            "revalidated"
        } else {
            ""
        };
        attributes.known_text("headwater.http.response.cache", cache);
        let mut names = NAMES;
        for index in 0..COUNT {
            let name = take_part(&mut names, b' ');
            // What took no time did not happen: of a connection that was there already all moments are the same.
            let (from, to) = match index {
                REDIRECT_START | REDIRECT_END => (REDIRECT_START, REDIRECT_END),
                LOOKUP_START | LOOKUP_END => (LOOKUP_START, LOOKUP_END),
                CONNECT_START..=CONNECT_END => (CONNECT_START, CONNECT_END),
                _ => (usize::MAX, index),
            };
            let happened = times.get(from).is_none_or(|start| times[to] > *start);
            if times[index] > 0.0 && happened && (is_known || index == RESPONSE_END) {
                let mut key = String::from("browser.resource_timing.");
                key.push_str(name);
                attributes.double(&key, times[index]);
            }
        }
        attributes
    }
}

/// What stands for the URL of a request, and of its entry, which has no fragment.
pub fn key_of(url: &str) -> u32 {
    hash(take_part(&mut &*url, b'#').as_bytes())
}

/// Finds the request that an entry is of, among those with its URL. A page makes many requests to one URL, also at the same
/// time, and the browser tells of them in the order in which they end: it is the first to end that fits.
pub struct Match {
    start: f64,
    answered: f64,
    /// The place of the first that fits.
    first: Option<usize>,
    /// The place of one that began so long before its entry that it is this one only if there is no other.
    late: Option<usize>,
    candidates: u32,
}

impl Match {
    /// For the entry that starts and is answered then; the latter is 0 if unknown.
    pub fn of(start: f64, answered: f64) -> Self {
        Self { start, answered, first: None, late: None, candidates: 0 }
    }

    /// Looks at a request to the entry's URL. Those that have ended come first, in that order, and then the others: a
    /// promise is settled before the browser tells.
    pub fn consider(&mut self, place: usize, start: f64, end: f64) {
        let late = self.start - start;
        if late < -CLOCK || self.answered > end + CLOCK {
            return;
        }
        self.candidates += 1;
        if late >= SOON {
            self.late = Some(place);
        } else if self.first.is_none() {
            self.first = Some(place);
        }
    }

    /// The place of the request.
    pub fn place(&self) -> Option<usize> {
        self.first.or(self.late.filter(|_| self.candidates == 1))
    }
}

/// Milliseconds by which browsers round their clocks.
const CLOCK: f64 = 1.0;
/// Milliseconds that a native takes to begin with a request, at most; somebody below our hook may make it wait longer.
const SOON: f64 = 20.0;

/// Of `PerformanceResourceTiming`, by their names in the conventions.
const NAMES: &str = "redirect_start redirect_end worker_start fetch_start domain_lookup_start domain_lookup_end \
    connect_start secure_connection_start connect_end request_start response_start response_end";
const COUNT: usize = 12;
const REDIRECT_START: usize = 0;
const REDIRECT_END: usize = 1;
const WORKER_START: usize = 2;
const LOOKUP_START: usize = 4;
const LOOKUP_END: usize = 5;
const CONNECT_START: usize = 6;
const CONNECT_END: usize = 8;
const RESPONSE_START: usize = 10;
const RESPONSE_END: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(transfer_size: f64, body_size: f64) -> Resource<'static> {
        Resource {
            url: "https://shop.example/",
            initiator: "fetch",
            protocol: "h2",
            render_blocking: "",
            start: 1.0,
            end: 9.0,
            status: 200,
            transfer_size,
            body_size,
            decoded_size: 0,
            server_timing: "",
            timing: "",
        }
    }

    fn told(text: &str, transfer_size: f64, body_size: f64) -> Vec<(String, String)> {
        let attributes = Moments::parse(text).attributes(&resource(transfer_size, body_size));
        let mut all: Vec<_> = attributes
            .decoded()
            .into_iter()
            .map(|(key, value)| (key.replace("browser.resource_timing.", "~"), value))
            .collect();
        all.sort();
        all
    }

    fn keys(told: &[(String, String)]) -> Vec<&str> {
        told.iter().map(|(key, _)| key.as_str()).collect()
    }

    #[test]
    fn a_new_connection_has_its_phases_and_an_old_one_has_none() {
        let all = told("0,0,0,1000,1000,2000,2000,3000,4500,5000,7000,9000,90,", 400.0, 100.0);
        assert_eq!(
            keys(&all),
            [
                "http.response.body.size",
                "http.response.size",
                "network.protocol.version",
                "~connect_end",
                "~connect_start",
                "~decoded_body_size",
                "~domain_lookup_end",
                "~domain_lookup_start",
                "~fetch_start",
                "~request_start",
                "~response_end",
                "~response_start",
                "~secure_connection_start",
            ]
        );
        assert!(all.contains(&("~connect_end".into(), "4.5".into())), "{all:?}");
        let reused = told("0,0,0,1000,1000,1000,1000,1000,1000,5000,7000,9000,100,", 400.0, 100.0);
        assert_eq!(
            keys(&reused)[3..],
            ["~fetch_start", "~request_start", "~response_end", "~response_start"]
        );
        let redirected = told("1000,2000,0,2000,2000,2000,2000,2000,2000,5000,7000,9000,100,", 400.0, 100.0);
        assert!(keys(&redirected).contains(&"~redirect_end"), "{redirected:?}");
    }

    #[test]
    fn what_a_server_keeps_to_itself_is_no_fact() {
        let mut opaque = resource(0.0, 0.0);
        opaque.protocol = "";
        let text = "0,0,0,1000,0,0,0,0,0,0,0,9000,0,";
        let attributes = Moments::parse(text).attributes(&opaque).decoded();
        assert_eq!(
            attributes.into_iter().collect::<Vec<_>>(),
            [("browser.resource_timing.response_end".into(), "9.0".into())]
        );
        assert!(!keys(&told(text, 0.0, 100.0)).contains(&"headwater.http.response.cache"));
    }

    #[test]
    fn a_cache_is_seen_by_what_did_not_come() {
        let cache = |text: &str, transfer_size, body_size| {
            told(text, transfer_size, body_size)
                .into_iter()
                .find(|(key, _)| key == "headwater.http.response.cache")
                .map(|(_, value)| value)
        };
        const KNOWN: &str = "0,0,0,1000,1000,1000,1000,1000,1000,5000,7000,9000,100,";
        const WORKER: &str = "0,0,500,1000,1000,1000,1000,1000,1000,5000,7000,9000,100,";
        assert_eq!(cache(KNOWN, 0.0, 100.0).as_deref(), Some("hit"));
        assert_eq!(cache(KNOWN, 300.0, 1_000.0).as_deref(), Some("revalidated"));
        assert_eq!(cache(KNOWN, 1_300.0, 1_000.0), None);
        assert_eq!(cache(KNOWN, 0.0, 0.0), None);
        assert_eq!(cache(WORKER, 0.0, 100.0), None, "a worker has answered");
        assert_eq!(cache("0,0,0,1,0,0,0,0,0,0,0,9,0,cache", 0.0, 0.0).as_deref(), Some("hit"));
    }

    /// The places that entries (start, answered) go to, among requests (start, end).
    fn matched(requests: &[(f64, f64)], entries: &[(f64, f64)]) -> Vec<Option<usize>> {
        let mut left: Vec<_> = requests.iter().copied().enumerate().collect();
        entries
            .iter()
            .map(|(start, answered)| {
                let mut found = Match::of(*start, *answered);
                for (place, (_, (start, end))) in left.iter().enumerate() {
                    found.consider(place, *start, *end);
                }
                found.place().map(|place| left.remove(place).0)
            })
            .collect()
    }

    #[test]
    fn of_several_requests_to_a_url_each_gets_its_own_entry() {
        // One after the other.
        assert_eq!(matched(&[(10.0, 20.0), (30.0, 40.0)], &[(30.2, 39.0), (10.2, 19.0)]), [Some(1), Some(0)]);
        // At the same time, answered in another order.
        assert_eq!(matched(&[(10.1, 20.0), (10.0, 30.0)], &[(10.2, 19.5), (10.1, 29.5)]), [Some(0), Some(1)]);
        // The page was busy when the answers came, so that both promises were settled in one go.
        assert_eq!(matched(&[(10.0, 80.0), (10.1, 80.1)], &[(10.1, 30.0), (10.1, 50.0)]), [Some(0), Some(1)]);
        // Without `Timing-Allow-Origin`.
        assert_eq!(matched(&[(10.0, 20.0), (60.0, 70.0)], &[(60.1, 0.0), (10.1, 0.0)]), [Some(1), Some(0)]);
    }

    #[test]
    fn another_s_entry_goes_to_nobody() {
        // From before the request, or answered behind its end.
        assert_eq!(matched(&[(10.0, 20.0)], &[(5.0, 8.0), (10.0, 25.0)]), [None, None]);
        // Somebody makes natives wait: one request can only be that one, of two nobody knows.
        assert_eq!(matched(&[(10.0, 200.0)], &[(110.0, 150.0)]), [Some(0)]);
        assert_eq!(matched(&[(10.0, 200.0), (50.0, 220.0)], &[(110.0, 150.0)]), [None]);
    }

    #[test]
    fn a_fragment_is_not_part_of_an_entry() {
        assert_eq!(key_of("https://shop.example/a#b"), key_of("https://shop.example/a"));
        assert_ne!(key_of("https://shop.example/a"), key_of("https://shop.example/b"));
    }
}
