//! Web vitals by the rules of Google's `web-vitals` library, with what is behind them, and frames that took long.
//!
//! A state machine: entries of the performance timeline and moments of the page's life go in, finished events come
//! out. All times are milliseconds of the page's clock. What the attributes mean: `docs/vitals.md`.

use std::mem;

use crate::context::{IdGenerator, SpanContext, SpanId};
use crate::trace::{Attributes, PerMinute, redact_url};
use crate::wire::hex;
use crate::wire::text::{ascii, take_part};

/// The vitals of one page.
pub struct Vitals {
    navigation_type: String,
    navigation: [f64; NUMBERS],
    /// What is painted after it does not count: nobody has seen it.
    first_hidden: f64,
    /// When this visit began, out of the back/forward cache or at a soft navigation; negative for the page's load.
    began: f64,
    is_soft: bool,
    /// Whether the browser tells of no layout shifts.
    no_shifts: bool,
    /// Of this visit, redacted; empty unless soft navigations are told apart.
    url: String,
    /// What a soft navigation belongs to.
    context: Option<SpanContext>,
    metrics: [Metric; 6],
    /// LCP's candidate: URL and target, a line each.
    paint: String,
    paint_is_final: bool,
    /// The session window of layout shifts that is open.
    window: Window,
    /// The window that counts.
    worst: Window,
    /// At most [`LONGEST`], the longest first.
    longest: Vec<Interaction>,
    /// The one that INP was taken from; 0 for one that the browser hasn't told of.
    inp: f64,
    /// The latest frames, by their events and by their scripts: what belongs together comes in any order.
    groups: [Group; FRAMES],
    frames: Vec<Frame>,
    next_group: usize,
    next_frame: usize,
    /// Of the frame that comes next.
    scripts: Vec<Script>,
    /// Interactions on this page, and those before it came out of the cache.
    count: f64,
    counted: f64,
    /// Interaction ids, where the browser doesn't count itself.
    lowest_id: f64,
    highest_id: f64,
    reported_frames: PerMinute,
}

/// Makes events, one after the other.
pub struct Reporter<'a> {
    now: f64,
    ids: &'a mut IdGenerator,
    /// What is going on.
    activity: Option<SpanContext>,
    context: Option<SpanContext>,
    name: &'static str,
    attributes: Attributes,
    pub finished: Vec<Finished>,
}

/// An event that is complete.
pub struct Finished {
    pub name: &'static str,
    pub time: f64,
    /// Of the soft navigation that a vital is about.
    pub context: Option<SpanContext>,
    pub attributes: Attributes,
}

impl Vitals {
    /// Nothing is known yet.
    pub const NEW: Self = Self {
        navigation_type: String::new(),
        navigation: [0.0, 0.0, -1.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0],
        first_hidden: f64::INFINITY,
        began: -1.0,
        is_soft: false,
        no_shifts: false,
        url: String::new(),
        context: None,
        metrics: [Metric::NONE; 6],
        paint: String::new(),
        paint_is_final: false,
        window: Window::EMPTY,
        worst: Window::EMPTY,
        longest: Vec::new(),
        inp: 0.0,
        groups: [Group::NONE; FRAMES],
        frames: Vec::new(),
        next_group: 0,
        next_frame: 0,
        scripts: Vec::new(),
        count: 0.0,
        counted: 0.0,
        lowest_id: f64::INFINITY,
        highest_id: 0.0,
        reported_frames: PerMinute::new(),
    };

    /// Takes what the hook has observed (`js-wrapper/src/hooks/vitals.ts`).
    ///
    /// | kind | what | text, a line each | numbers |
    /// |---|---|---|---|
    /// | 0 | navigation so far | type: `navigate`, `reload`, `back-forward`, `restore`; with soft navigations its URL | start of activation, response, interactive DOM, DOMContentLoaded, complete DOM, worker or fetch, domain lookup, connection; its end |
    /// | 1 | first time hidden | | when; 1 if the browser does not tell of layout shifts |
    /// | 2 | first contentful paint | | start |
    /// | 3 | largest contentful paint so far | URL, target | start |
    /// | 4 | there will be no larger one | | its resource's request start and response end, or 0 |
    /// | 5 | layout shift | target | start, value, whether after input, number of sources |
    /// | 6 | event or first input | name, target | start, duration, processing start and end, interaction id, interactions so far (NaN: unknown), whether first |
    /// | 7 | script of the next frame | URL, invoker, its type, function | start, duration |
    /// | 8 | long frame, or task | | start, duration, blocking duration (NaN: a task) |
    /// | 9 | the load is over | | |
    /// | 10 | hidden | | when, interactions so far |
    /// | 11 | out of the back/forward cache | | when, interactions so far |
    /// | 12 | painted after that | | milliseconds since |
    /// | 13 | soft navigation | URL | start, first paint, interactions so far |
    pub fn take(&mut self, kind: u32, mut text: &str, numbers: &[f64; NUMBERS], reporter: &mut Reporter) {
        let [first, second, third, fourth, ..] = *numbers;
        match kind {
            // Browsers have reported 0, and times to come (web-vitals issues 137, 162, 275).
            0 if second > 0.0 && second < reporter.now => {
                self.navigation = *numbers;
                self.navigation_type = take_part(&mut text, b'\n').into();
                if self.url.is_empty() {
                    self.url = redact_url(text);
                }
            }
            1 => {
                self.first_hidden = first;
                self.no_shifts = second == 1.0;
            }
            2 if first < self.first_hidden => {
                self.set(Name::Fcp, first - self.navigation[ACTIVATION]);
                self.report_first_paint(first, reporter);
            }
            3 if first < self.first_hidden && !self.paint_is_final => {
                self.paint = text.into();
                self.set(Name::Lcp, first - self.origin());
            }
            4 if !self.paint_is_final => self.report_largest_paint(first, second, reporter),
            5 if third == 0.0 => self.shift(first, second, text, fourth > 0.0),
            6 => self.event(text, numbers, reporter),
            7 => {
                let mut lines = redact_url(take_part(&mut text, b'\n'));
                lines.push_str("\n");
                lines.push_str(text);
                let script = Script { start: first, duration: second, lines };
                let index = self.scripts.iter().position(|other| other.duration < second);
                self.scripts.insert(index.unwrap_or(self.scripts.len()), script);
                self.scripts.truncate(SCRIPTS);
            }
            8 => self.frame(first, second, third, reporter),
            9 => self.load(reporter),
            10 => {
                self.first_hidden = lesser(self.first_hidden, first);
                self.leave(second, reporter);
            }
            11 => {
                self.is_soft = false;
                self.context = None;
                self.restore(first, second, reporter);
            }
            12 => {
                self.set(Name::Fcp, first);
                self.set(Name::Lcp, first);
                self.report_first_paint(self.began, reporter);
                self.report_largest_paint(0.0, 0.0, reporter);
            }
            13 => {
                // Its load may still go on.
                self.load(reporter);
                self.leave(third, reporter);
                self.is_soft = true;
                self.url = redact_url(text);
                self.context = reporter.activity;
                self.restore(first, third, reporter);
                self.paint_is_final = false;
                self.set(Name::Fcp, second - first);
                self.report_first_paint(f64::INFINITY, reporter);
            }
            _ => {}
        }
    }

    fn set(&mut self, name: Name, value: f64) {
        self.metrics[name as usize].value = greater(value, 0.0);
    }

    /// Begins a metric's event with what it has in any case. Returns whether there is anything new to say.
    fn begin(&mut self, name: Name, reporter: &mut Reporter) -> bool {
        let metric = &mut self.metrics[name as usize];
        let Metric { value, reported, .. } = *metric;
        if value < 0.0 || value == reported {
            return false;
        }
        metric.reported = value;
        let id = *metric.id.get_or_insert_with(|| reporter.ids.span_id());
        let (text, good, poor) = METRICS[name as usize];
        reporter.begin(WEB_VITAL);
        reporter.context = self.context;
        reporter.text("name", text);
        reporter.number("value", value);
        reporter.number("delta", value - greater(reported, 0.0));
        let mut digits = Vec::new();
        hex::write(id.bytes(), &mut digits);
        reporter.text("id", &ascii(digits));
        let rating = if value > poor {
            "poor"
        } else if value > good {
            "needs-improvement"
        } else {
            "good"
        };
        reporter.text("rating", rating);
        let navigation_type = if self.is_soft {
            "soft-navigation"
        } else if self.began >= 0.0 {
            "back-forward-cache"
        } else if self.navigation[ACTIVATION] > 0.0 {
            "prerender"
        } else if self.navigation_type.is_empty() {
            "navigate"
        } else {
            &self.navigation_type
        };
        reporter.text("navigation_type", navigation_type);
        reporter.attributes.known_text("url.full", &self.url);
        true
    }

    fn report_first_paint(&mut self, start: f64, reporter: &mut Reporter) {
        if self.begin(Name::Fcp, reporter) {
            let first_byte = self.since_activation(RESPONSE);
            let value = self.metrics[Name::Fcp as usize].value;
            reporter.parts("time_to_first_byte first_byte_to_fcp", &[0.0, first_byte, value]);
            self.end_at(start, reporter);
        }
        // There is no CLS of a page that nobody has seen.
        if !self.is_soft && !self.no_shifts {
            self.set(Name::Cls, self.worst.value);
        }
    }

    fn report_largest_paint(&mut self, request_start: f64, response_end: f64, reporter: &mut Reporter) {
        self.paint_is_final = true;
        if self.begin(Name::Lcp, reporter) {
            let value = self.metrics[Name::Lcp as usize].value;
            let origin = self.origin();
            let first_byte = self.since_activation(RESPONSE);
            let request = greater(first_byte, request_start - origin);
            // A video goes on loading.
            let response = lesser(value, greater(request, response_end - origin));
            reporter.parts(
                "time_to_first_byte resource_load_delay resource_load_duration element_render_delay",
                &[0.0, first_byte, request, response, value],
            );
            let mut lines = self.paint.as_str();
            reporter.text("url", &redact_url(take_part(&mut lines, b'\n')));
            reporter.text("target", lines);
            reporter.end();
        }
    }

    fn report_first_byte(&mut self, reporter: &mut Reporter) {
        if self.begin(Name::Ttfb, reporter) {
            let mut times = Vec::new();
            times.push(0.0);
            for index in FETCH..=CONNECTED {
                times.push(self.since_activation(index));
            }
            times.push(self.metrics[Name::Ttfb as usize].value);
            reporter.parts(
                "waiting_duration cache_duration dns_duration connection_duration request_duration",
                &times,
            );
            reporter.end();
        }
    }

    fn report_shifts(&mut self, reporter: &mut Reporter) {
        if self.begin(Name::Cls, reporter) {
            let Window { has_source, start, largest, ref target, .. } = self.worst;
            if has_source {
                reporter.number("largest_shift_time", start);
                reporter.number("largest_shift_value", largest);
                reporter.text("target", target);
                self.end_at(start, reporter);
            } else {
                reporter.end();
            }
        }
    }

    fn report_interaction(&mut self, reporter: &mut Reporter) {
        if !self.begin(Name::Inp, reporter) {
            return;
        }
        let Some(interaction) = self.longest.iter().find(|interaction| interaction.id == self.inp) else {
            reporter.parts(PHASES, &[0.0, 0.0, 0.0, self.metrics[Name::Inp as usize].value]);
            return self.end_at(self.began, reporter);
        };
        let [start, processing_start, processing_end, next_paint] = interaction.phases();
        reporter.parts(PHASES, &[start, processing_start, processing_end, next_paint]);
        reporter.number("interaction_time", start);
        reporter.number("next_paint_time", next_paint);
        reporter.text("interaction_type", if interaction.is_key { "keyboard" } else { "pointer" });
        reporter.text("target", &interaction.target);
        if interaction.script_part > 0.0 {
            let script = &interaction.script;
            let subpart = if script.start < processing_start {
                "input-delay"
            } else if script.start >= processing_end {
                "presentation-delay"
            } else {
                "processing-duration"
            };
            reporter.text("longest_script.subpart", subpart);
            reporter.number("longest_script.duration", script.duration);
            reporter.number("longest_script.intersecting_duration", interaction.script_part);
            let mut lines = script.lines.as_str();
            let mut names = SCRIPT_PARTS;
            while !names.is_empty() {
                let mut key = String::from("longest_script.");
                key.push_str(take_part(&mut names, b' '));
                reporter.text(&key, take_part(&mut lines, b'\n'));
            }
        }
        self.end_at(start, reporter);
    }

    /// Ends an event with how far the document was at that time.
    fn end_at(&self, at: f64, reporter: &mut Reporter) {
        let mut states = "loading dom-interactive dom-content-loaded complete";
        for time in &self.navigation[INTERACTIVE..=COMPLETE] {
            // 0 is still to come.
            if *time == 0.0 || at < *time {
                break;
            }
            take_part(&mut states, b' ');
        }
        reporter.text("load_state", take_part(&mut states, b' '));
        reporter.end();
    }

    /// The worst of the windows of layout shifts, which last up to five seconds, with gaps of less than one.
    fn shift(&mut self, start: f64, value: f64, target: &str, has_source: bool) {
        let window = &mut self.window;
        if window.value == 0.0 || start - window.last >= 1_000.0 || start - window.first >= 5_000.0 {
            *window = Window { first: start, ..Window::EMPTY };
        }
        window.value += value;
        window.last = start;
        if value >= window.largest {
            window.largest = value;
            window.start = start;
            window.target = target.into();
            window.has_source = has_source;
        }
        if window.value > self.worst.value {
            self.worst = window.clone();
            let metric = &mut self.metrics[Name::Cls as usize];
            if metric.value >= 0.0 {
                metric.value = window.value;
            }
        }
    }

    fn event(&mut self, mut text: &str, numbers: &[f64; NUMBERS], reporter: &mut Reporter) {
        let [start, duration, processing_start, processing_end, id, count, is_first, ..] = *numbers;
        let is_first = is_first != 0.0;
        let is_key = take_part(&mut text, b'\n').starts_with("key");
        if id.is_nan() {
            // The browser knows of no interactions, and so of no INP.
            if is_first && start < self.first_hidden {
                self.set(Name::Fid, processing_start - start);
                if self.begin(Name::Fid, reporter) {
                    reporter.text("target", text);
                    self.end_at(start, reporter);
                }
            }
            return;
        }
        if count.is_nan() && id > 0.0 {
            // Ids go up by seven.
            self.lowest_id = lesser(self.lowest_id, id);
            self.highest_id = greater(self.highest_id, id);
            self.count = (self.highest_id - self.lowest_id) / 7.0 + 1.0;
        }
        if duration >= THRESHOLD || is_first {
            let group = self.group(start + duration, processing_start, processing_end);
            if id > 0.0 {
                self.interaction(id, start, duration, group, is_key, text);
            }
            self.blame();
        }
        self.update_interaction(count);
    }

    /// The frame that an event was presented in, by the time of its rendering, with all its events so far.
    fn group(&mut self, render: f64, processing_start: f64, processing_end: f64) -> Group {
        // Durations are rounded to eight milliseconds.
        let known = self.groups.iter().position(|group| (render - group.render).abs() <= 8.0);
        let index = known.unwrap_or_else(|| {
            let index = self.next_group;
            self.next_group = (index + 1) % FRAMES;
            self.groups[index] = Group { render, processing_start, processing_end };
            index
        });
        let group = &mut self.groups[index];
        group.processing_start = lesser(group.processing_start, processing_start);
        group.processing_end = greater(group.processing_end, processing_end);
        for interaction in &mut self.longest {
            if interaction.group.render == group.render {
                interaction.group = *group;
            }
        }
        *group
    }

    fn interaction(&mut self, id: f64, start: f64, duration: f64, group: Group, is_key: bool, target: &str) {
        let longest = &mut self.longest;
        let mut index = longest.len();
        if let Some(known) = longest.iter().position(|interaction| interaction.id == id) {
            index = known;
            if duration < longest[known].duration
                || duration == longest[known].duration && start != longest[known].start
            {
                return;
            }
        } else {
            if index == LONGEST {
                index -= 1;
                if duration <= longest[index].duration {
                    return;
                }
                longest.pop();
            }
            longest.push(Interaction { id, ..Interaction::NEW });
        }
        let interaction = &mut longest[index];
        if duration > interaction.duration {
            interaction.start = start;
            interaction.duration = duration;
            interaction.group = group;
            interaction.is_key = is_key;
            interaction.script_part = 0.0;
        }
        if interaction.target.is_empty() {
            interaction.target = target.into();
        }
        while index > 0 && longest[index - 1].duration < duration {
            longest.swap(index - 1, index);
            index -= 1;
        }
    }

    /// Finds the script that took longest of each interaction.
    fn blame(&mut self) {
        for interaction in &mut self.longest {
            let [start, _, processing_end, _] = interaction.phases();
            for frame in &self.frames {
                if frame.end < start || frame.start > processing_end {
                    continue;
                }
                for script in &frame.scripts {
                    let part = script.start + script.duration - greater(start, script.start);
                    if part > interaction.script_part {
                        interaction.script_part = part;
                        interaction.script = script.clone();
                    }
                }
            }
        }
    }

    /// The longest interaction, but for one in fifty: an estimate of the 98th percentile. `count`: of interactions so
    /// far, NaN if unknown.
    fn update_interaction(&mut self, count: f64) {
        if !count.is_nan() {
            self.count = count;
        }
        let count = self.count - self.counted;
        let metric = &mut self.metrics[Name::Inp as usize];
        let index = (count / 50.0) as usize;
        if let Some(last) = self.longest.last() {
            let interaction = self.longest.get(index).unwrap_or(last);
            if interaction.duration != metric.value {
                metric.value = interaction.duration;
                self.inp = interaction.id;
            }
        } else if count > 0.0 && self.began >= 0.0 {
            // There is no further first input; this is half of what the browser would tell of.
            metric.value = 8.0;
        }
    }

    fn frame(&mut self, start: f64, duration: f64, blocking: f64, reporter: &mut Reporter) {
        let frame = Frame { start, end: start + duration, scripts: mem::take(&mut self.scripts) };
        if self.reported_frames.admits(reporter.now, REPORTED_FRAMES) {
            let is_task = blocking.is_nan();
            reporter.begin(if is_task { "browser.long_task" } else { "browser.long_animation_frame" });
            reporter.number("duration", duration);
            if !is_task {
                reporter.number("blocking_duration", blocking);
                reporter.scripts(&frame.scripts);
            }
            reporter.now = start;
            reporter.end();
        }
        if self.frames.len() < FRAMES {
            self.frames.push(frame);
        } else {
            self.frames[self.next_frame] = frame;
            self.next_frame = (self.next_frame + 1) % FRAMES;
        }
        self.blame();
    }

    /// The load is over, or what comes after it has begun.
    fn load(&mut self, reporter: &mut Reporter) {
        if self.navigation[RESPONSE] > 0.0 && self.began < 0.0 {
            self.set(Name::Ttfb, self.navigation[RESPONSE] - self.navigation[ACTIVATION]);
            self.report_first_byte(reporter);
        }
    }

    /// Tells what a visit goes on adding to.
    fn leave(&mut self, count: f64, reporter: &mut Reporter) {
        self.update_interaction(count);
        self.report_shifts(reporter);
        self.report_interaction(reporter);
    }

    /// All but what the page has loaded begins anew.
    fn restore(&mut self, at: f64, count: f64, reporter: &mut Reporter) {
        self.began = at;
        self.first_hidden = f64::INFINITY;
        let before = mem::replace(&mut self.metrics, [Metric::NONE; 6]);
        if before[Name::Cls as usize].value >= 0.0 {
            self.window = Window::EMPTY;
            self.worst = Window::EMPTY;
            self.set(Name::Cls, 0.0);
        }
        self.longest.clear();
        self.update_interaction(count);
        self.metrics[Name::Inp as usize] = Metric::NONE;
        self.counted = self.count;
        self.inp = 0.0;
        self.paint = String::new();
        if before[Name::Ttfb as usize].value >= 0.0 {
            self.set(Name::Ttfb, 0.0);
            self.report_first_byte(reporter);
        }
    }

    /// When people began to wait, who did not wait for what was prerendered.
    fn origin(&self) -> f64 {
        greater(self.began, self.navigation[ACTIVATION])
    }

    /// A moment of the navigation as people waited for it.
    fn since_activation(&self, index: usize) -> f64 {
        if self.began >= 0.0 { 0.0 } else { greater(self.navigation[index] - self.origin(), 0.0) }
    }
}

/// One metric of one visit to the page.
#[derive(Clone, Copy)]
struct Metric {
    /// Negative: there is none.
    value: f64,
    /// Negative: not yet.
    reported: f64,
    id: Option<SpanId>,
}

impl Metric {
    const NONE: Self = Self { value: -1.0, reported: -1.0, id: None };
}

/// The order is that of [`METRICS`].
#[derive(Clone, Copy)]
enum Name {
    Fcp,
    Lcp,
    Cls,
    Inp,
    Ttfb,
    Fid,
}

/// Layout shifts that belong together.
#[derive(Clone)]
struct Window {
    value: f64,
    first: f64,
    last: f64,
    /// Of the largest shift: its value, its start, what it has moved, and whether the browser has said so.
    largest: f64,
    start: f64,
    target: String,
    has_source: bool,
}

impl Window {
    const EMPTY: Self = Self {
        value: 0.0,
        first: 0.0,
        last: 0.0,
        largest: 0.0,
        start: 0.0,
        target: String::new(),
        has_source: false,
    };
}

/// The longest event of an interaction, and what is behind it.
struct Interaction {
    id: f64,
    start: f64,
    duration: f64,
    group: Group,
    is_key: bool,
    target: String,
    script: Script,
    /// Milliseconds of that script since the event. 0: there is none.
    script_part: f64,
}

impl Interaction {
    /// When it began, when its processing began and ended, and the next paint.
    fn phases(&self) -> [f64; 4] {
        // Handlers of earlier events may still have run; durations are rounded, and an `alert` isn't counted.
        let processing_start = greater(self.group.processing_start, self.start);
        let next_paint = greater(self.start + self.duration, processing_start);
        [self.start, processing_start, lesser(self.group.processing_end, next_paint), next_paint]
    }

    const NEW: Self = Self {
        id: 0.0,
        start: 0.0,
        duration: -1.0,
        group: Group::NONE,
        is_key: false,
        target: String::new(),
        script: Script { start: 0.0, duration: 0.0, lines: String::new() },
        script_part: 0.0,
    };
}

/// The events that were presented in one frame.
#[derive(Clone, Copy)]
struct Group {
    /// That of its first event; no two are within eight milliseconds.
    render: f64,
    processing_start: f64,
    processing_end: f64,
}

impl Group {
    const NONE: Self = Self { render: -99.0, processing_start: 0.0, processing_end: 0.0 };
}

struct Frame {
    start: f64,
    end: f64,
    /// At most [`SCRIPTS`], the longest first.
    scripts: Vec<Script>,
}

#[derive(Clone)]
struct Script {
    start: f64,
    duration: f64,
    /// [`SCRIPT_PARTS`], one each.
    lines: String,
}

impl<'a> Reporter<'a> {
    pub fn new(now: f64, activity: Option<SpanContext>, ids: &'a mut IdGenerator) -> Self {
        let attributes = Attributes::of_event();
        Self { now, ids, activity, context: None, name: "", attributes, finished: Vec::new() }
    }

    fn begin(&mut self, name: &'static str) {
        self.name = name;
    }

    /// Adds a text unless it is empty.
    fn text(&mut self, name: &str, value: &str) {
        self.attributes.known_text(&self.key(name), value);
    }

    fn number(&mut self, name: &str, value: f64) {
        self.attributes.double(&self.key(name), value);
    }

    /// Adds what lies between each of these times and the one before. There is a space between the names.
    fn parts(&mut self, mut names: &str, times: &[f64]) {
        for pair in times.windows(2) {
            self.number(take_part(&mut names, b' '), pair[1] - pair[0]);
        }
    }

    /// Adds the longest scripts of a frame, as one list for each of their parts.
    fn scripts(&mut self, scripts: &[Script]) {
        let scripts = scripts.get(..REPORTED_SCRIPTS).unwrap_or(scripts);
        if scripts.is_empty() {
            return;
        }
        let mut durations = Vec::new();
        let mut texts = Vec::new();
        for script in scripts {
            durations.push(script.duration);
            texts.push(script.lines.as_str());
        }
        self.attributes.doubles(&self.key("script.duration"), &durations);
        let mut names = SCRIPT_PARTS;
        while !names.is_empty() {
            let mut list = Vec::new();
            for lines in &mut texts {
                list.push(take_part(lines, b'\n'));
            }
            let mut key = self.key("script.");
            key.push_str(take_part(&mut names, b' '));
            self.attributes.texts(&key, &list);
        }
    }

    fn key(&self, name: &str) -> String {
        let mut key = String::from(self.name);
        key.push_str(".");
        key.push_str(name);
        key
    }

    fn end(&mut self) {
        let attributes = mem::replace(&mut self.attributes, Attributes::of_event());
        self.finished.push(Finished { name: self.name, time: self.now, context: self.context, attributes });
    }
}

// `f64::max` takes care of NaN each time.

#[inline(never)]
fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[inline(never)]
fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Name, and what is the most to be good and the least to be poor.
const METRICS: [(&str, f64, f64); 6] = [
    ("fcp", 1_800.0, 3_000.0),
    ("lcp", 2_500.0, 4_000.0),
    ("cls", 0.1, 0.25),
    ("inp", 200.0, 500.0),
    ("ttfb", 800.0, 1_800.0),
    ("fid", 100.0, 300.0),
];
/// The event that a vital is.
pub const WEB_VITAL: &str = "browser.web_vital";
const PHASES: &str = "input_delay processing_duration presentation_delay";
const SCRIPT_PARTS: &str = "url invoker invoker_type function";

/// At most, for one observation.
pub const NUMBERS: usize = 9;
// The numbers of the navigation.
const ACTIVATION: usize = 0;
const RESPONSE: usize = 1;
const INTERACTIVE: usize = 2;
// DOMContentLoaded is in between.
const COMPLETE: usize = 4;
const FETCH: usize = 5;
// Two more in between: the domain's lookup, and the start of the connection.
const CONNECTED: usize = 8;

/// Milliseconds of an event that may count for INP.
const THRESHOLD: f64 = 40.0;
const LONGEST: usize = 10;
const FRAMES: usize = 10;
/// Of a frame.
const SCRIPTS: usize = 10;
/// Of those.
const REPORTED_SCRIPTS: usize = 3;
/// A minute.
const REPORTED_FRAMES: u32 = 10;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::trace::decoded_event;

    const WHEN_HIDDEN: f64 = 60_000.0;

    struct Page {
        vitals: Vitals,
        ids: IdGenerator,
        now: f64,
        activity: Option<SpanContext>,
        events: Vec<Event>,
    }

    struct Event {
        name: &'static str,
        time: f64,
        context: Option<SpanContext>,
        attributes: BTreeMap<String, String>,
    }

    impl Page {
        /// Its first byte came after 100 ms; it was interactive after 300, and complete after 900.
        fn new() -> Self {
            let mut page = Self::unknown();
            page.navigate("navigate", 0.0);
            page
        }

        fn unknown() -> Self {
            let fill = |bytes: &mut [u8]| {
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = index as u8;
                }
            };
            Self {
                vitals: Vitals::NEW,
                ids: IdGenerator::new(fill),
                now: 50_000.0,
                activity: None,
                events: Vec::new(),
            }
        }

        fn navigate(&mut self, kind: &str, activation: f64) {
            self.take(0, kind, &[activation, 100.0, 300.0, 400.0, 900.0, 10.0, 20.0, 30.0, 60.0]);
        }

        fn take(&mut self, kind: u32, text: &str, given: &[f64]) {
            let mut numbers = [f64::NAN; NUMBERS];
            numbers[..given.len()].copy_from_slice(given);
            let mut reporter = Reporter::new(self.now, self.activity, &mut self.ids);
            self.vitals.take(kind, text, &numbers, &mut reporter);
            for Finished { name, time, context, attributes } in reporter.finished {
                self.events.push(Event { name, time, context, attributes: decoded_event(&attributes) });
            }
        }

        fn shift(&mut self, start: f64, value: f64) {
            self.take(5, &format!("#at-{start}"), &[start, value, 0.0, 1.0]);
        }

        /// An event whose handlers ran for all but the first and last 10 ms.
        fn event(&mut self, name: &str, start: f64, duration: f64, id: f64, count: f64) {
            let text = format!("{name}\n#{name}-{id}");
            self.take(6, &text, &[start, duration, start + 10.0, start + duration - 10.0, id, count, 0.0]);
        }

        fn hide(&mut self, count: f64) {
            self.take(10, "", &[WHEN_HIDDEN, count]);
        }

        /// The attributes of this metric's only new event.
        fn only(&mut self, name: &str) -> Values {
            let mut found = self.drain(name);
            assert_eq!(found.len(), 1, "{name}");
            found.remove(0)
        }

        fn drain(&mut self, name: &str) -> Vec<Values> {
            let (found, others) = mem::take(&mut self.events)
                .into_iter()
                .partition(|event| event.attributes.get("browser.web_vital.name").is_some_and(|n| n == name));
            self.events = others;
            found.into_iter().map(|event: Event| Values(event.attributes)).collect()
        }
    }

    struct Values(BTreeMap<String, String>);

    impl Values {
        fn get(&self, name: &str) -> &str {
            self.0.get(&format!("browser.web_vital.{name}")).map_or("", String::as_str)
        }

        fn all(&self, names: &str) -> Vec<&str> {
            names.split(' ').map(|name| self.get(name)).collect()
        }
    }

    #[test]
    fn the_first_paint_is_told_at_once() {
        let mut page = Page::new();
        page.take(2, "", &[350.5]);
        let fcp = page.only("fcp");
        assert_eq!(fcp.all("value delta rating navigation_type"), ["350.5", "350.5", "good", "navigate"]);
        assert_eq!(
            fcp.all("time_to_first_byte first_byte_to_fcp load_state"),
            ["100.0", "250.5", "dom-interactive"]
        );
        assert_eq!(fcp.get("id").len(), 16);
    }

    #[test]
    fn there_is_no_cls_where_the_browser_tells_of_no_shifts() {
        for (unsupported, values) in [(0.0, ["0.0"].as_slice()), (1.0, &[])] {
            let mut page = Page::new();
            page.take(1, "", &[f64::INFINITY, unsupported]);
            page.take(2, "", &[350.5]);
            page.hide(0.0);
            let found = page.drain("cls");
            assert_eq!(found.iter().map(|cls| cls.get("value")).collect::<Vec<_>>(), values);
        }
    }

    #[test]
    fn the_first_byte_is_told_in_parts_that_add_up() {
        let mut page = Page::new();
        page.take(9, "", &[]);
        let ttfb = page.only("ttfb");
        assert_eq!(ttfb.get("value"), "100.0");
        assert_eq!(
            ttfb.all("waiting_duration cache_duration dns_duration connection_duration request_duration"),
            ["10.0", "10.0", "10.0", "30.0", "40.0"]
        );
    }

    #[test]
    fn what_browsers_get_wrong_is_no_navigation() {
        let mut page = Page::unknown();
        page.take(0, "reload", &[0.0; 9]);
        page.take(0, "reload", &[0.0, 60_000.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        page.take(9, "", &[]);
        assert!(page.events.is_empty());
        page.take(2, "", &[350.0]);
        assert_eq!(page.only("fcp").all("navigation_type load_state"), ["navigate", "complete"]);
    }

    #[test]
    fn what_is_prerendered_counts_from_its_activation() {
        let mut page = Page::unknown();
        page.navigate("navigate", 340.0);
        page.take(2, "", &[350.0]);
        let fcp = page.only("fcp");
        assert_eq!(fcp.all("value time_to_first_byte navigation_type"), ["10.0", "0.0", "prerender"]);
        page.take(3, "\n", &[330.0]);
        page.take(4, "", &[0.0, 0.0]);
        assert_eq!(page.only("lcp").get("value"), "0.0");
        page.take(9, "", &[]);
        assert_eq!(page.only("ttfb").get("value"), "0.0");
    }

    #[test]
    fn types_of_navigation_are_those_of_the_convention() {
        for kind in ["back-forward", "reload", "restore"] {
            let mut page = Page::unknown();
            page.navigate(kind, 0.0);
            page.take(9, "", &[]);
            assert_eq!(page.only("ttfb").get("navigation_type"), kind);
        }
    }

    #[test]
    fn the_largest_paint_is_told_when_it_is_final() {
        let mut page = Page::new();
        page.take(3, "\nh1", &[200.0]);
        page.take(3, "https://a.example/hero.png?token=secret\nhtml>body>img", &[2_600.0]);
        assert!(page.events.is_empty());
        page.take(4, "", &[150.0, 2_400.0]);
        page.take(3, "\nh2", &[3_000.0]);
        page.take(4, "", &[0.0, 0.0]);
        page.hide(0.0);
        let lcp = page.only("lcp");
        assert_eq!(lcp.all("value rating target"), ["2600.0", "needs-improvement", "html>body>img"]);
        assert_eq!(lcp.get("url"), "https://a.example/hero.png?token=REDACTED");
        assert_eq!(
            lcp.all("time_to_first_byte resource_load_delay resource_load_duration element_render_delay"),
            ["100.0", "50.0", "2250.0", "200.0"]
        );
    }

    #[test]
    fn a_video_goes_on_loading_after_its_first_frame() {
        let mut page = Page::new();
        page.take(3, "https://a.example/v.mp4\nvideo", &[500.0]);
        page.take(4, "", &[200.0, 9_000.0]);
        assert_eq!(page.only("lcp").all("resource_load_duration element_render_delay"), ["300.0", "0.0"]);
    }

    #[test]
    fn nothing_was_painted_that_nobody_has_seen() {
        let mut page = Page::new();
        page.take(1, "", &[0.0]);
        page.take(2, "", &[350.0]);
        page.take(3, "\nh1", &[350.0]);
        page.shift(400.0, 0.2);
        page.take(4, "", &[0.0, 0.0]);
        page.hide(0.0);
        assert!(page.events.is_empty());
    }

    #[test]
    fn shifts_count_by_windows() {
        let mut page = Page::new();
        page.take(2, "", &[350.0]);
        page.shift(1_000.0, 0.05);
        page.shift(1_900.0, 0.05);
        // A second later: another one.
        page.shift(2_900.0, 0.0625);
        page.shift(3_800.0, 0.125);
        // After input.
        page.take(5, "#x", &[3_850.0, 0.5, 1.0, 1.0]);
        page.hide(0.0);
        let cls = page.only("cls");
        assert_eq!(cls.all("value rating target"), ["0.1875", "needs-improvement", "#at-3800"]);
        assert_eq!(
            cls.all("largest_shift_time largest_shift_value load_state"),
            ["3800.0", "0.125", "complete"]
        );
    }

    #[test]
    fn a_window_lasts_five_seconds() {
        let mut page = Page::new();
        page.take(2, "", &[350.0]);
        for index in 0..12 {
            page.shift(1_000.0 + f64::from(index) * 500.0, 0.25);
        }
        page.hide(0.0);
        assert_eq!(page.only("cls").all("value rating"), ["2.5", "poor"]);
    }

    #[test]
    fn what_grows_is_told_again_by_its_difference() {
        let mut page = Page::new();
        page.shift(300.0, 0.25);
        page.hide(0.0);
        assert!(page.drain("cls").is_empty(), "nothing was painted yet");
        page.take(2, "", &[350.0]);
        page.hide(0.0);
        page.hide(0.0);
        let first = page.only("cls");
        page.shift(400.0, 0.5);
        page.hide(0.0);
        let second = page.only("cls");
        assert_eq!(second.all("value delta"), ["0.75", "0.5"]);
        assert_eq!(first.get("id"), second.get("id"));
    }

    #[test]
    fn a_page_without_shifts_says_so() {
        let mut page = Page::new();
        page.take(2, "", &[350.0]);
        page.hide(0.0);
        let cls = page.only("cls");
        assert_eq!(cls.all("value delta rating target load_state"), ["0.0", "0.0", "good", "", ""]);
        page.take(5, "", &[400.0, 0.1, 0.0, 0.0]);
        page.hide(0.0);
        assert_eq!(page.only("cls").get("largest_shift_time"), "", "nobody knows what has moved");
    }

    #[test]
    fn interactions_are_told_with_their_phases() {
        let mut page = Page::new();
        page.event("pointerdown", 1_000.0, 64.0, 7.0, 1.0);
        page.event("pointerup", 1_080.0, 224.0, 7.0, 1.0);
        page.event("click", 1_080.0, 224.0, 7.0, 1.0);
        page.event("keydown", 5_000.0, 48.0, 14.0, 2.0);
        page.hide(2.0);
        let inp = page.only("inp");
        assert_eq!(inp.all("value rating interaction_type"), ["224.0", "needs-improvement", "pointer"]);
        assert_eq!(inp.get("target"), "#pointerdown-7", "the first that was known");
        assert_eq!(inp.all("input_delay processing_duration presentation_delay"), ["10.0", "204.0", "10.0"]);
        assert_eq!(inp.all("interaction_time next_paint_time"), ["1080.0", "1304.0"]);
    }

    #[test]
    fn events_of_one_frame_are_processed_together() {
        let mut page = Page::new();
        // A long handler of an earlier event, of no interaction.
        page.take(6, "pointerover\n", &[900.0, 304.0, 910.0, 1_100.0, 0.0, 0.0, 0.0]);
        page.take(6, "click\n#b", &[1_000.0, 200.0, 1_110.0, 1_150.0, 7.0, 1.0, 0.0]);
        // Durations are rounded.
        page.take(6, "mouseup\n", &[1_000.0, 208.0, 1_150.0, 1_300.0, 0.0, 1.0, 0.0]);
        page.hide(1.0);
        let inp = page.only("inp");
        assert_eq!(inp.all("input_delay processing_duration presentation_delay"), ["0.0", "200.0", "0.0"]);
    }

    #[test]
    fn one_interaction_in_fifty_is_forgiven() {
        let mut page = Page::new();
        for index in 0..12 {
            let index = f64::from(index);
            page.event("click", index * 1_000.0, 400.0 - index * 8.0, 7.0 + index * 7.0, index + 1.0);
        }
        page.hide(49.0);
        assert_eq!(page.only("inp").get("value"), "400.0");
        page.hide(50.0);
        let inp = page.only("inp");
        assert_eq!(inp.all("value delta target"), ["392.0", "-8.0", "#click-14"]);
        page.hide(100_000.0);
        assert_eq!(page.only("inp").get("value"), "328.0", "ten are kept");
    }

    #[test]
    fn short_ones_only_count() {
        let mut page = Page::new();
        // Without the browser's own count: ids go up by seven.
        page.event("click", 1_000.0, 200.0, 700.0, f64::NAN);
        page.event("click", 2_000.0, 104.0, 707.0, f64::NAN);
        page.event("click", 3_000.0, 16.0, 700.0 + 49.0 * 7.0, f64::NAN);
        page.hide(f64::NAN);
        assert_eq!(page.only("inp").get("value"), "104.0");
        let mut page = Page::new();
        page.take(6, "click\n#b", &[1_000.0, 16.0, 1_001.0, 1_002.0, 7.0, 1.0, 1.0]);
        page.hide(1.0);
        assert_eq!(page.only("inp").get("value"), "16.0", "the first input counts however short it is");
    }

    #[test]
    fn nobody_has_done_anything() {
        let mut page = Page::new();
        page.hide(0.0);
        assert!(page.drain("inp").is_empty());
    }

    #[test]
    fn the_script_behind_an_interaction_is_the_one_that_took_longest_of_it() {
        let mut page = Page::new();
        page.take(
            7,
            "https://a.example/a.js\nTimerHandler:setTimeout\nuser-callback\nearly",
            &[700.0, 310.0],
        );
        page.take(7, "https://a.example/b.js?sig=x\nBUTTON.onclick\nevent-listener\nslow", &[1_015.0, 90.0]);
        page.take(8, "", &[690.0, 500.0, 400.0]);
        page.take(7, "https://a.example/c.js\n\n\nother", &[5_000.0, 600.0]);
        page.take(8, "", &[5_000.0, 650.0, 600.0]);
        page.event("click", 1_000.0, 200.0, 7.0, 1.0);
        page.hide(1.0);
        let inp = page.only("inp");
        assert_eq!(
            inp.all("longest_script.url longest_script.invoker longest_script.invoker_type"),
            ["https://a.example/b.js?sig=REDACTED", "BUTTON.onclick", "event-listener"]
        );
        assert_eq!(
            inp.all("longest_script.function longest_script.subpart"),
            ["slow", "processing-duration"]
        );
        assert_eq!(inp.all("longest_script.duration longest_script.intersecting_duration"), ["90.0", "90.0"]);
    }

    #[test]
    fn what_is_behind_the_longest_interaction_is_kept() {
        let mut page = Page::new();
        for index in 0..100 {
            let start = f64::from(index) * 1_000.0;
            page.take(7, &format!("s.js\n\n\nf{index}"), &[start + 20.0, 100.0]);
            page.take(8, "", &[start, 200.0, 100.0]);
            let duration = if index == 3 { 304.0 } else { 104.0 };
            page.event("click", start, duration, 7.0 + start, 1.0);
        }
        assert_eq!(page.vitals.frames.len(), FRAMES);
        page.hide(1.0);
        assert_eq!(page.only("inp").all("value longest_script.function"), ["304.0", "f3"]);
    }

    #[test]
    fn without_interactions_there_is_the_delay_of_the_first_input() {
        let mut page = Page::new();
        page.take(6, "event\n", &[900.0, 304.0, 910.0, 1_100.0, f64::NAN, f64::NAN, 0.0]);
        page.take(6, "keydown\n#i", &[1_000.0, 100.0, 1_150.0, 1_160.0, f64::NAN, f64::NAN, 1.0]);
        page.hide(f64::NAN);
        assert_eq!(page.only("fid").all("value rating target"), ["150.0", "needs-improvement", "#i"]);
        assert!(page.drain("inp").is_empty());
    }

    #[test]
    fn a_page_that_comes_back_begins_anew() {
        let mut page = Page::new();
        page.take(2, "", &[350.0]);
        page.take(3, "https://a.example/hero.png\n#hero", &[500.0]);
        page.take(9, "", &[]);
        page.shift(1_000.0, 0.5);
        page.event("click", 1_000.0, 200.0, 7.0, 1.0);
        page.take(4, "", &[150.0, 400.0]);
        page.hide(1.0);
        let first = page.only("cls");
        page.events.clear();

        page.take(11, "", &[70_000.0, 1.0]);
        let ttfb = page.only("ttfb");
        assert_eq!(
            ttfb.all("value delta navigation_type request_duration"),
            ["0.0", "0.0", "back-forward-cache", "0.0"]
        );
        page.take(12, "", &[32.5]);
        let fcp = page.only("fcp");
        assert_eq!(
            fcp.all("value time_to_first_byte first_byte_to_fcp load_state"),
            ["32.5", "0.0", "32.5", "complete"]
        );
        let lcp = page.only("lcp");
        assert_eq!(lcp.all("value element_render_delay url target"), ["32.5", "32.5", "", ""]);
        page.hide(1.0);
        assert_eq!(page.only("cls").get("value"), "0.0");
        assert!(page.events.is_empty(), "there was no interaction");
        page.shift(71_000.0, 0.25);
        page.hide(2.0);
        let cls = page.only("cls");
        assert_eq!(cls.all("value navigation_type"), ["0.25", "back-forward-cache"]);
        assert_ne!(cls.get("id"), first.get("id"));
        let inp = page.only("inp");
        assert_eq!(inp.all("value presentation_delay target"), ["8.0", "8.0", ""]);
        page.event("click", 75_000.0, 104.0, 21.0, 3.0);
        page.hide(3.0);
        assert_eq!(page.only("inp").all("value delta target"), ["104.0", "96.0", "#click-21"]);
    }

    #[test]
    fn a_soft_navigation_ends_a_visit_and_begins_another() {
        let mut page = Page::unknown();
        page.take(
            0,
            "reload\nhttps://a.example/",
            &[0.0, 100.0, 300.0, 400.0, 900.0, 10.0, 20.0, 30.0, 60.0],
        );
        page.take(2, "", &[350.0]);
        page.take(9, "", &[]);
        page.take(3, "\nh1", &[500.0]);
        page.shift(1_000.0, 0.5);
        page.event("click", 2_000.0, 200.0, 7.0, 1.0);
        page.take(4, "", &[0.0, 0.0]);
        assert_eq!(page.only("fcp").all("value navigation_type"), ["350.0", "reload"]);
        page.events.clear();

        page.activity = Some(SpanContext::root(page.ids.trace_id(), page.ids.span_id(), true));
        page.take(13, "https://a.example/two?token=secret", &[2_000.0, 2_250.0, 1.0]);
        let context = |event: &Event| (event.attributes["url.full"].clone(), event.context);
        let (page_url, soft_url) =
            ("https://a.example/".into(), "https://a.example/two?token=REDACTED".into());
        let soft = (soft_url, page.activity.take());
        let of_page: (String, _) = (page_url, None);
        let contexts: Vec<_> = page.events.iter().map(context).collect();
        assert_eq!(contexts, [of_page.clone(), of_page, soft.clone(), soft.clone()]);
        let first = page.only("inp");
        assert_eq!(first.all("value navigation_type"), ["200.0", "reload"]);
        assert_eq!(page.only("cls").all("value navigation_type"), ["0.5", "reload"]);
        let names = "value delta request_duration navigation_type";
        assert_eq!(page.only("ttfb").all(names), ["0.0", "0.0", "0.0", "soft-navigation"]);
        let names = "value time_to_first_byte first_byte_to_fcp load_state navigation_type";
        assert_eq!(page.only("fcp").all(names), ["250.0", "0.0", "250.0", "complete", "soft-navigation"]);

        // The page's own URL is told again, and forgotten.
        page.take(
            0,
            "reload\nhttps://a.example/",
            &[0.0, 100.0, 300.0, 400.0, 900.0, 10.0, 20.0, 30.0, 60.0],
        );
        page.take(3, "https://a.example/b.png\n#b", &[2_700.0]);
        page.take(4, "", &[2_100.0, 2_600.0]);
        assert_eq!(context(&page.events[0]), soft);
        let names =
            "value time_to_first_byte resource_load_delay resource_load_duration element_render_delay";
        assert_eq!(page.only("lcp").all(names), ["700.0", "0.0", "100.0", "500.0", "100.0"]);
        page.hide(1.0);
        assert_eq!(page.only("cls").all("value target navigation_type"), ["0.0", "", "soft-navigation"]);
        assert!(page.events.is_empty(), "there was no further interaction");
        page.shift(4_000.0, 0.25);
        page.hide(2.0);
        assert_eq!(page.only("cls").get("delta"), "0.25");
        let inp = page.only("inp");
        assert_eq!(inp.all("value presentation_delay load_state"), ["8.0", "8.0", "complete"]);
        assert_ne!(inp.get("id"), first.get("id"));

        page.take(11, "", &[70_000.0, 2.0]);
        let ttfb = &page.events[0];
        assert_eq!((&ttfb.attributes["url.full"], ttfb.context), (&soft.0, None));
        assert_eq!(page.only("ttfb").get("navigation_type"), "back-forward-cache");
    }

    #[test]
    fn a_soft_navigation_may_come_before_the_load_is_over() {
        let mut page = Page::unknown();
        page.take(0, "navigate\n", &[0.0, 100.0, 120.0, 150.0, 0.0, 10.0, 20.0, 30.0, 60.0]);
        page.take(1, "", &[0.0]);
        page.take(13, "https://a.example/two", &[200.0, 240.0, 1.0]);
        let [load, soft] = &page.drain("ttfb")[..] else {
            panic!("two");
        };
        assert_eq!(load.all("value navigation_type"), ["100.0", "navigate"]);
        assert_eq!(soft.all("value navigation_type"), ["0.0", "soft-navigation"]);
        assert_eq!(page.only("fcp").all("value load_state"), ["40.0", "dom-content-loaded"]);
        page.take(9, "", &[]);
        page.hide(1.0);
        assert!(page.events.is_empty(), "there is no CLS of a page that nobody has seen");
    }

    #[test]
    fn long_frames_are_told_with_their_longest_scripts() {
        let mut page = Page::new();
        for (duration, name) in [(10.0, "a"), (40.0, "b"), (20.0, "c"), (40.0, "d")] {
            page.take(7, &format!("{name}.js?token=x\n\n\n{name}"), &[1_000.0, duration]);
        }
        page.take(8, "", &[990.0, 130.0, 80.0]);
        page.take(8, "", &[2_000.0, 60.0, 10.0]);
        page.take(8, "", &[3_000.0, 70.0]);
        let [first, second, task] = &page.events[..] else {
            panic!("three");
        };
        assert_eq!(first.name, "browser.long_animation_frame");
        assert_eq!(first.time, 990.0);
        let value = |name: &str| first.attributes[&format!("browser.long_animation_frame.{name}")].as_str();
        assert_eq!([value("duration"), value("blocking_duration")], ["130.0", "80.0"]);
        assert_eq!([value("script.function"), value("script.duration")], ["b|d|c", "40.0|40.0|20.0"]);
        assert_eq!(value("script.url"), "b.js?token=REDACTED|d.js?token=REDACTED|c.js?token=REDACTED");
        assert_eq!(value("script.invoker"), "||");
        assert_eq!(second.attributes.len(), 2);
        assert_eq!(task.name, "browser.long_task");
        assert_eq!(task.attributes["browser.long_task.duration"], "70.0");
    }

    #[test]
    fn a_slow_page_does_not_drown_in_its_frames() {
        let mut page = Page::new();
        for index in 0..100 {
            page.take(8, "", &[f64::from(index), 60.0, 10.0]);
        }
        assert_eq!(page.events.len(), 10);
        page.now += 60_000.0;
        page.take(8, "", &[200.0, 60.0, 10.0]);
        assert_eq!(page.events.len(), 11);
    }

    #[test]
    fn the_load_state_is_that_of_the_time() {
        for (at, state) in [
            (299.0, "loading"),
            (300.0, "dom-interactive"),
            (400.0, "dom-content-loaded"),
            (900.0, "complete"),
        ] {
            let mut page = Page::new();
            page.take(2, "", &[at]);
            assert_eq!(page.only("fcp").get("load_state"), state);
        }
        let mut page = Page::unknown();
        page.take(0, "navigate", &[0.0, 100.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
        page.take(2, "", &[350.0]);
        assert_eq!(page.only("fcp").get("load_state"), "loading");
    }
}
