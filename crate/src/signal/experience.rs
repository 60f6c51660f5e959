//! How a page load was for its visitor, as Elastic's UI shows it.
//!
//! The rules are those of Elastic's agent (`@elastic/apm-rum` 5.17: `metrics/metrics.js`, `metrics/inp`,
//! `navigation/marks.js`), which are not all those of `vitals`: who comes from it is to see the same numbers.
//!
//! Entries of the performance timeline go in; attributes of the page load's span come out, which `encode::elastic`
//! puts where they belong. Times are milliseconds of the page's clock.

use std::mem;

use crate::encode::elastic::{OWN, REFERRER};
use crate::trace::{Attributes, redact_url};
use crate::wire::text::{decimal, find, take_part};

/// What is known so far.
pub struct Experience {
    /// The kinds of entries that the browser tells of, a bit each.
    known: u32,
    /// NaN, as the next two: there was none.
    first_paint: f64,
    largest_paint: f64,
    /// Milliseconds between the first input and its handler.
    input_delay: f64,
    /// The session window of layout shifts that is open: its first and last one, and their sum.
    first_shift: f64,
    last_shift: f64,
    window: f64,
    /// The largest sum.
    shift: f64,
    /// Long tasks: how many, milliseconds, those of the longest.
    tasks: f64,
    sum: f64,
    longest_task: f64,
    /// When those of the page itself began, and for how long they kept others waiting.
    blocking: Vec<(f64, f64)>,
    /// Ids and durations; 0 for none.
    longest: [(f64, f64); LONGEST],
    /// Interactions so far, and those that were told before.
    count: f64,
    counted: f64,
    /// Interaction ids, where the browser doesn't count itself.
    lowest_id: f64,
    highest_id: f64,
    /// What there is of the navigation: see [`Experience::take`].
    navigation: String,
    sizes: [f64; 3],
    /// Whether nothing counts any more but interactions.
    is_over: bool,
}

impl Experience {
    /// Nothing is known yet.
    pub const NEW: Self = Self {
        known: 0,
        first_paint: f64::NAN,
        largest_paint: f64::NAN,
        input_delay: f64::NAN,
        first_shift: f64::NEG_INFINITY,
        last_shift: f64::NEG_INFINITY,
        window: 0.0,
        shift: 0.0,
        tasks: 0.0,
        sum: 0.0,
        longest_task: 0.0,
        blocking: Vec::new(),
        longest: NONE,
        count: 0.0,
        counted: 0.0,
        lowest_id: f64::INFINITY,
        highest_id: 0.0,
        navigation: String::new(),
        sizes: [f64::NAN; 3],
        is_over: false,
    };

    /// The page load is told: nothing counts any more but interactions. `end` is that of its load event, `latest` that of its
    /// last span. Returns when it has ended, as Elastic's agent has it.
    pub fn finish(&mut self, end: f64, latest: f64) -> f64 {
        self.is_over = true;
        greater(greater(self.largest_paint, latest), end)
    }

    /// Takes what the hooks have observed (`js-wrapper/src/hooks/experience.ts`, `performance.ts`).
    ///
    /// | kind | what | text |
    /// |---|---|---|
    /// | 0 to 5 | entry: paint, largest contentful paint, first input, layout shift, long task, event | its name |
    /// | 6 | navigation | its moments (`performance.timing`), a line `name,Unix milliseconds` each; an empty line; `Server-Timing`; the referrer |
    ///
    /// The numbers of an entry are start, duration, value, whether after input, start of processing, interaction id, and
    /// interactions so far; what it doesn't have is NaN. Without a start the browser only says that it will tell of
    /// such entries. Those of a navigation are its bytes: on the wire, encoded, decoded.
    pub fn take(&mut self, kind: u32, text: &str, numbers: &[f64; NUMBERS]) {
        let [start, duration, value, after_input, processing_start, id, count, ..] = *numbers;
        if kind == EVENT {
            return self.event(id, duration, count);
        }
        if self.is_over {
            return;
        }
        match kind {
            NAVIGATION => {
                self.navigation = text.into();
                self.sizes = [start, duration, value];
            }
            _ if start.is_nan() => self.known |= 1 << kind,
            PAINT if text == "first-contentful-paint" => self.first_paint = start,
            LARGEST_PAINT => self.largest_paint = start,
            FIRST_INPUT => self.input_delay = processing_start - start,
            SHIFT if after_input == 0.0 => {
                if start - self.first_shift > 5_000.0 || start - self.last_shift > 1_000.0 {
                    self.first_shift = start;
                    self.window = 0.0;
                }
                self.last_shift = start;
                self.window += value;
                self.shift = greater(self.shift, self.window);
            }
            TASK => {
                self.tasks += 1.0;
                self.sum += duration;
                self.longest_task = greater(self.longest_task, duration);
                // `self`, `same-origin…`: others are called `cross-origin…`, `unknown`, `multiple-contexts`.
                if text.starts_with("s") && self.blocking.len() < TASKS {
                    self.blocking.push((start, greater(duration - LONG, 0.0)));
                }
            }
            _ => {}
        }
    }

    /// An event of an interaction, or of none (0 or NaN).
    fn event(&mut self, id: f64, duration: f64, count: f64) {
        if id > 0.0 {
            if count.is_nan() {
                // Ids go up by seven.
                self.lowest_id = -greater(-self.lowest_id, -id);
                self.highest_id = greater(self.highest_id, id);
                self.count = (self.highest_id - self.lowest_id) / 7.0 + 1.0;
            }
            if duration < THRESHOLD {
                return;
            }
            // The longest come first. What takes another's place moves that on, to where it was itself.
            let mut moved = (id, duration);
            for place in &mut self.longest {
                let is_known = place.0 == id;
                if place.1 < moved.1 || is_known && moved.0 != id {
                    mem::swap(place, &mut moved);
                }
                if is_known {
                    break;
                }
            }
        }
    }

    /// The page is hidden after so many interactions (NaN: the browser doesn't count). Returns INP, in milliseconds, of
    /// those since it was hidden last; 0 if they were all short, nothing if there were none.
    pub fn hide(&mut self, count: f64) -> Option<f64> {
        if !count.is_nan() {
            self.count = count;
        }
        let since = self.count - self.counted;
        let mut inp = if since > 0.0 { Some(0.0) } else { None };
        for (index, (_, duration)) in mem::replace(&mut self.longest, NONE).into_iter().enumerate() {
            // The 98th percentile, as an estimate.
            if duration > 0.0 && (index == 0 || index as f64 <= since / 50.0) {
                inp = Some(duration);
            }
        }
        if count.is_nan() {
            self.lowest_id = f64::INFINITY;
            self.highest_id = 0.0;
            self.count = 0.0;
        }
        self.counted = self.count;
        inp
    }

    /// Forgets all but what the browser can tell; interactions so far are none of those to come.
    pub fn forget(&mut self) {
        *self = Self { known: self.known, counted: f64::INFINITY, ..Self::NEW };
    }

    /// A moment of the navigation, in Unix milliseconds; 0 for none.
    #[inline(never)]
    fn moment(&self, name: &str) -> f64 {
        let mut lines = self.navigation.as_str();
        while !lines.is_empty() {
            let mut at = take_part(&mut lines, b'\n');
            if take_part(&mut at, b',') == name {
                return decimal(at).unwrap_or(0) as f64;
            }
        }
        0.0
    }

    /// Tells the page load, once.
    pub fn tell(&mut self, attributes: &mut Attributes) {
        let mut moments = MOMENTS;
        let mut next = || self.moment(take_part(&mut moments, b' '));
        let [start, redirect, fetch, end] = [next(), next(), next(), next()];
        let [response, interactive, complete] = [next(), next(), next()];
        // Firefox has one that lies some milliseconds before the navigation.
        let base = if redirect > 0.0 { redirect } else { greater(fetch, start) };
        // Not so in some versions of WebKit (its bugs 168057 and 186919).
        let is_in_order = fetch > 0.0 && response >= fetch && end >= response;
        let mark = |at: f64| if is_in_order && at >= fetch { greater(at - base, 0.0) } else { UNKNOWN };
        let mut lines = self.navigation.as_str();
        loop {
            let line = take_part(&mut lines, b'\n');
            if line.is_empty() {
                break;
            }
            let name = &line[..find(line, b",")];
            let at = mark(self.moment(name));
            if at >= 0.0 && !NO_MARKS.iter().any(|prefix| name.starts_with(prefix)) {
                attributes.double(&own("navigationTiming.", name), at);
            }
        }
        attributes.known_text(&own("headers.", "server-timing"), take_part(&mut lines, b'\n'));
        attributes.known_text(REFERRER, &redact_url(lines));

        let unload = if redirect > 0.0 { 0.0 } else { greater(fetch - start, 0.0) };
        let first_paint = (self.first_paint - unload).trunc();
        let mut blocked = 0.0;
        for (start, duration) in mem::take(&mut self.blocking) {
            if first_paint.is_nan() || start >= first_paint {
                blocked += duration;
            }
        }
        let [sent, encoded, decoded] = self.sizes;
        let known = |kind, value| if self.known >> kind & 1 != 0 { value } else { UNKNOWN };
        let if_any = |value| if self.tasks > 0.0 { value } else { UNKNOWN };
        let mut names = NUMBERED;
        for value in [
            mark(response),
            mark(interactive),
            mark(complete),
            first_paint,
            self.largest_paint.trunc(),
            known(TASK, blocked),
            known(SHIFT, self.shift),
            // None that is less than a millisecond.
            if self.input_delay >= 1.0 { self.input_delay.trunc() } else { UNKNOWN },
            if_any(self.tasks),
            if_any(self.sum),
            if_any(self.longest_task),
            sent,
            encoded,
            decoded,
        ] {
            let name = take_part(&mut names, b' ');
            if value >= 0.0 {
                attributes.double(&own("", name), value);
            }
        }
    }
}

/// The name of an attribute that `encode::elastic` puts where it belongs.
fn own(group: &str, name: &str) -> String {
    let mut key = String::from(OWN);
    key.push_str(group);
    key.push_str(name);
    key
}

// `f64::max` takes care of NaN each time.
#[inline(never)]
fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// How many numbers come with an entry.
pub const NUMBERS: usize = 9;
/// Kinds: see [`Experience::take`]. The first six are bits of `known`.
const PAINT: u32 = 0;
const LARGEST_PAINT: u32 = 1;
const FIRST_INPUT: u32 = 2;
const SHIFT: u32 = 3;
const TASK: u32 = 4;
const EVENT: u32 = 5;
const NAVIGATION: u32 = 6;
/// The page is hidden, or the agent ends; with the interactions so far.
pub const HIDDEN: u32 = 7;

/// What isn't known: as with NaN, nothing is said of it.
const UNKNOWN: f64 = -1.0;
const MOMENTS: &str =
    "navigationStart redirectStart fetchStart responseEnd responseStart domInteractive domComplete";
/// What [`Experience::tell`] tells, by names that say where it goes: see `encode::elastic`.
const NUMBERED: &str = "agent.timeToFirstByte agent.domInteractive agent.domComplete \
    agent.firstContentfulPaint agent.largestContentfulPaint experience.tbt experience.cls experience.fid \
    longtask.count longtask.sum longtask.max \
    response.transfer_size response.encoded_body_size response.decoded_body_size";
/// What `performance.timing` has and Elastic's `marks.navigationTiming` has not.
const NO_MARKS: [&str; 4] = ["navigation", "redirect", "secure", "unload"];
/// Milliseconds of a task that keep nobody waiting.
const LONG: f64 = 50.0;
/// Milliseconds of an event that is taken for an interaction's latency.
const THRESHOLD: f64 = 40.0;
/// As many as one in fifty of the first 500.
const LONGEST: usize = 10;
const NONE: [(f64, f64); LONGEST] = [(0.0, 0.0); LONGEST];
/// Of more long tasks, a minute's worth at least, the rest does not count.
const TASKS: usize = 1_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn with(numbers: &[f64]) -> [f64; NUMBERS] {
        let mut all = [f64::NAN; NUMBERS];
        all[..numbers.len()].copy_from_slice(numbers);
        all
    }

    fn told(experience: &mut Experience) -> BTreeMap<String, String> {
        let mut attributes = Attributes::of_span();
        experience.is_over = true;
        experience.tell(&mut attributes);
        let decoded = attributes.decoded();
        decoded.into_iter().map(|(key, value)| (key.replace("headwater.", ""), value)).collect()
    }

    fn all_known() -> Experience {
        let mut experience = Experience::NEW;
        for kind in PAINT..=EVENT {
            experience.take(kind, "", &with(&[]));
        }
        experience
    }

    const TIMING: &str = "connectStart,1012\nnavigationStart,1000\nsecureConnectionStart,1013\nfetchStart,1010\n\
        redirectStart,0\nredirectEnd,0\nunloadEventStart,1050\nresponseStart,1096\nresponseEnd,1110\n\
        domInteractive,1410\ndomComplete,1990\nloadEventEnd,0\n\ndb;dur=4, cdn;desc=hit\nhttps://a.example/?token=x";

    #[test]
    fn what_the_browser_does_not_tell_is_not_there() {
        let mut nothing = Experience::NEW;
        assert!(told(&mut nothing).is_empty());
        let none = told(&mut all_known());
        assert_eq!(none.len(), 2, "no long task, no input, no paint: {none:?}");
        assert_eq!([&none["experience.cls"], &none["experience.tbt"]], ["0.0", "0.0"]);
    }

    #[test]
    fn marks_count_from_the_fetch() {
        let mut experience = all_known();
        experience.take(NAVIGATION, TIMING, &with(&[300.0, 0.0, 900.0]));
        experience.take(PAINT, "first-paint", &with(&[100.0]));
        experience.take(PAINT, "first-contentful-paint", &with(&[120.9]));
        experience.take(LARGEST_PAINT, "", &with(&[130.0]));
        experience.take(LARGEST_PAINT, "", &with(&[192.7]));
        let told = told(&mut experience);
        for (key, value) in [
            ("navigationTiming.connectStart", "2.0"),
            ("navigationTiming.fetchStart", "0.0"),
            ("navigationTiming.domComplete", "980.0"),
            ("agent.timeToFirstByte", "86.0"),
            ("agent.domInteractive", "400.0"),
            ("agent.domComplete", "980.0"),
            ("agent.firstContentfulPaint", "110.0"),
            ("agent.largestContentfulPaint", "192.0"),
            ("response.transfer_size", "300.0"),
            ("response.encoded_body_size", "0.0"),
            ("response.decoded_body_size", "900.0"),
            ("headers.server-timing", "db;dur=4, cdn;desc=hit"),
            ("referrer", "https://a.example/?token=REDACTED"),
        ] {
            assert_eq!(told[key], value, "{key}");
        }
        let marks = told.keys().filter(|key| key.starts_with("navigationTiming.")).count();
        assert_eq!(marks, 6, "no redirect, and no load event yet: {told:?}");
    }

    #[test]
    fn marks_count_from_a_redirect() {
        let mut experience = Experience::NEW;
        experience.take(NAVIGATION, &TIMING.replace("redirectStart,0", "redirectStart,1002"), &with(&[]));
        experience.take(PAINT, "first-contentful-paint", &with(&[120.9]));
        let told = told(&mut experience);
        assert_eq!(told["agent.timeToFirstByte"], "94.0");
        assert_eq!(told["agent.firstContentfulPaint"], "120.0");
        assert!(!told.contains_key("response.transfer_size"));
    }

    #[test]
    fn a_fetch_before_the_navigation_is_its_start() {
        let mut experience = Experience::NEW;
        experience.take(NAVIGATION, &TIMING.replace("fetchStart,1010", "fetchStart,967"), &with(&[]));
        let told = told(&mut experience);
        assert_eq!(told["navigationTiming.fetchStart"], "0.0");
        assert_eq!(told["agent.timeToFirstByte"], "96.0");
    }

    #[test]
    fn marks_out_of_order_are_none() {
        let mut experience = Experience::NEW;
        experience.take(NAVIGATION, &TIMING.replace("responseEnd,1110", "responseEnd,1090"), &with(&[]));
        assert!(!told(&mut experience).keys().any(|key| key.starts_with("navigationTiming.")));
    }

    #[test]
    fn shifts_count_by_windows() {
        let mut experience = all_known();
        for (start, value, after_input) in
            [(100.0, 0.25, 0.0), (1_100.0, 0.25, 0.0), (1_200.0, 4.0, 1.0), (2_101.0, 0.375, 0.0)]
        {
            experience.take(SHIFT, "", &with(&[start, 0.0, value, after_input]));
        }
        assert_eq!(told(&mut experience)["experience.cls"], "0.5");
        let mut experience = all_known();
        for index in 0..20 {
            experience.take(SHIFT, "", &with(&[f64::from(index) * 500.0, 0.0, 1.0, 0.0]));
        }
        assert_eq!(told(&mut experience)["experience.cls"], "11.0", "five seconds");
    }

    #[test]
    fn tasks_after_the_first_paint_block() {
        let mut experience = all_known();
        for (name, start, duration) in [
            ("self", 10.0, 90.0),
            ("self", 200.0, 80.5),
            ("same-origin-descendant", 300.0, 60.0),
            ("cross-origin-ancestor", 400.0, 200.0),
        ] {
            experience.take(TASK, name, &with(&[start, duration]));
        }
        // The browser may tell of it later than of tasks behind it.
        experience.take(PAINT, "first-contentful-paint", &with(&[150.0]));
        experience.take(FIRST_INPUT, "click", &with(&[500.0, 80.0, f64::NAN, f64::NAN, 512.9]));
        let told = told(&mut experience);
        for (key, value) in [
            ("experience.tbt", "40.5"),
            ("experience.fid", "12.0"),
            ("longtask.count", "4.0"),
            ("longtask.sum", "430.5"),
            ("longtask.max", "200.0"),
        ] {
            assert_eq!(told[key], value, "{key}");
        }
    }

    #[test]
    fn what_comes_later_does_not_count() {
        let mut experience = all_known();
        told(&mut experience);
        experience.take(SHIFT, "", &with(&[100.0, 0.0, 1.0, 0.0]));
        assert_eq!(told(&mut experience)["experience.cls"], "0.0");
    }

    fn event(experience: &mut Experience, id: f64, duration: f64, count: f64) {
        experience.take(EVENT, "click", &with(&[0.0, duration, f64::NAN, f64::NAN, 0.0, id, count]));
    }

    #[test]
    fn interactions_count_until_the_page_is_hidden() {
        let mut experience = all_known();
        assert_eq!(experience.hide(0.0), None);
        assert_eq!(experience.hide(1.0), Some(0.0), "a short one");
        event(&mut experience, 0.0, 900.0, 1.0);
        for (id, duration) in [(7.0, 48.0), (7.0, 104.0), (7.0, 56.0), (14.0, 72.0), (21.0, 16.0)] {
            event(&mut experience, id, duration, 4.0);
        }
        assert_eq!(experience.hide(4.0), Some(104.0));
        assert_eq!(experience.hide(4.0), None, "it was told");
        event(&mut experience, 28.0, 48.0, 5.0);
        assert_eq!(experience.hide(5.0), Some(48.0));
    }

    #[test]
    fn one_interaction_in_fifty_is_forgiven() {
        let mut experience = all_known();
        for index in 1..=12 {
            event(&mut experience, f64::from(index), 100.0 + f64::from(index) * 8.0, f64::NAN);
        }
        event(&mut experience, 1.0 + 7.0 * 49.0, 16.0, f64::NAN);
        assert_eq!(experience.hide(f64::NAN), Some(188.0));
        event(&mut experience, 1_000.0, 48.0, f64::NAN);
        assert_eq!(experience.hide(f64::NAN), Some(48.0));
        for index in 1..=12 {
            event(&mut experience, f64::from(index), 100.0 + f64::from(index) * 8.0, f64::NAN);
        }
        assert_eq!(experience.hide(10_000.0), Some(124.0), "ten are kept");
    }

    #[test]
    fn what_was_not_to_be_recorded_does_not_count() {
        let mut experience = all_known();
        event(&mut experience, 7.0, 104.0, 1.0);
        experience.forget();
        assert_eq!(experience.hide(3.0), None);
        event(&mut experience, 14.0, 48.0, 4.0);
        assert_eq!(experience.hide(4.0), Some(48.0));
    }
}
