//! Headwater's agent. All policy and state live in this crate; the JavaScript round it intercepts,
//! sends and listens.
//!
//! This file is the whole boundary: what the wrapper may call is exported here, what the agent may
//! call is imported here. Each Wasm instance holds one agent. The wrapper never enters an instance
//! twice and drops it when a call traps (`js-wrapper/src/load-wasm.ts`).

// A `char` is encoded first, which takes 200 bytes of the module: texts are made of texts.
#![allow(clippy::single_char_add_str)]

pub mod agent;
pub mod context;
pub mod deliver;
pub mod diagnostics;
pub mod encode;
pub mod host;
pub mod options;
pub mod sampling;
pub mod signal;
pub mod trace;
pub mod wire;

#[cfg(target_arch = "wasm32")]
mod boundary {
    use std::cell::UnsafeCell;
    use std::mem;

    use lol_alloc::{AssumeSingleThreaded, FreeListAllocator};
    use wasm_bindgen::prelude::*;

    use crate::agent::{Agent, Pause};
    #[cfg(feature = "events")]
    use crate::context::TraceParent;
    use crate::deliver::Stay;
    use crate::encode::Protocol;
    use crate::host::Host;
    use crate::options::{Input, Instrumentation, LogLevel, OptionId};
    #[cfg(feature = "events")]
    use crate::signal::activity::{Cause, Start};
    use crate::signal::page_load::{Milestones, Resource};
    use crate::signal::request::Outcome;
    #[cfg(feature = "events")]
    use crate::trace::Kind;
    #[cfg(feature = "elastic")]
    use crate::wire::text::decimal;
    use crate::wire::text::take_part;

    // Only numbers cross, and the exports are plain: with wasm-bindgen's strings and wrappers the same
    // module was 18.1 kB of brotli instead of 12.3, and each call with a text made an allocation. The
    // caller writes text to the input, as UTF-8, and passes its length; what answers with text returns
    // its address, and a zero ends it.

    /// The address of the input; it holds `INPUT_SIZE` bytes.
    #[unsafe(no_mangle)]
    extern "C" fn input() -> *mut u8 {
        INPUT.get().as_mut_ptr()
    }

    // Every export from here on begins with the length of the text in the input and the page's clock in
    // milliseconds, whether it needs them or not: the wrapper has one way to call them all.

    /// Hands over one configured value, or its absence. `kind` numbers the variants of [`Input`]; the
    /// input holds the name within an object, then a text value. Answers with what is allowed, or
    /// nothing if all is well.
    #[unsafe(no_mangle)]
    extern "C" fn configure(
        length: usize,
        _now: f64,
        option: u32,
        kind: u32,
        key_length: usize,
        number: f64,
    ) -> *const u8 {
        // Copied, as the page's answer to a check may overwrite the input.
        let text = String::from(text(length));
        let (key, text) = text.split_at(key_length);
        let input = match kind {
            0 => Input::Absent,
            1 => Input::Text(text),
            2 => Input::Number(number),
            3 => Input::Flag(number != 0.0),
            4 => Input::Pattern,
            5 => Input::Function,
            6 => Input::EmptyList,
            _ => Input::Other,
        };
        match OptionId::from_number(option) {
            Some(option) if !AGENT.get().configure(option, key, input) => {
                answer_with(option.rule().allowed().into())
            }
            _ => answer_with(Vec::new()),
        }
    }

    /// Starts the agent with what was configured. Returns which hooks to install, a bit for each
    /// [`Instrumentation`], bit 28 if errors are to be noted, 29 if what responses say of the server's
    /// trace is, and bit 30 for a running agent; 0 if it is to be inactive.
    #[unsafe(no_mangle)]
    extern "C" fn start(_length: usize, now: f64, time_origin: f64) -> u32 {
        let agent = AGENT.get();
        if !agent.start(time_origin, now) {
            return 0;
        }
        let mut hooks = 1 << 30;
        for hook in [Instrumentation::PageLoad, Instrumentation::Fetch, Instrumentation::XmlHttpRequest] {
            hooks |= u32::from(agent.instruments(hook)) << hook as u32;
        }
        if cfg!(feature = "events") {
            for hook in [
                Instrumentation::History,
                Instrumentation::EventTarget,
                Instrumentation::Click,
                Instrumentation::Error,
            ] {
                hooks |= u32::from(agent.instruments(hook)) << hook as u32;
            }
        }
        if cfg!(feature = "vitals")
            || cfg!(feature = "elastic") && agent.options.protocol == Protocol::Elastic
        {
            let hook = Instrumentation::WebVitals;
            hooks |= u32::from(agent.instruments(hook)) << hook as u32;
        }
        #[cfg(feature = "connections")]
        for hook in [Instrumentation::WebSocket, Instrumentation::EventSource] {
            hooks |= u32::from(agent.instruments(hook)) << hook as u32;
        }
        hooks | u32::from(agent.options.flag(OptionId::SampleOnError)) << 28 | u32::from(agent.links()) << 29
    }

    /// See [`Agent::start_request`].
    #[unsafe(export_name = "startRequest")]
    extern "C" fn start_request(length: usize, now: f64, number: u32, no_cors: bool) -> *const u8 {
        answer_with(AGENT.get().start_request(number, now, text(length), no_cors))
    }

    /// See [`Agent::adopt`].
    #[unsafe(no_mangle)]
    extern "C" fn adopt(length: usize, _now: f64, number: u32) {
        AGENT.get().adopt(number, text(length));
    }

    /// See [`Agent::merge_tracestate`].
    #[unsafe(export_name = "mergeTracestate")]
    extern "C" fn merge_tracestate(length: usize, _now: f64, number: u32) -> *const u8 {
        answer_with(AGENT.get().merge_tracestate(number, text(length)))
    }

    /// A response has arrived, with its status or 0 if that is hidden. See [`Agent::end_request`].
    #[unsafe(export_name = "endRequest")]
    extern "C" fn end_request(length: usize, now: f64, number: u32, new_preflight: bool, status: u32) {
        let outcome = Outcome::Response(status as u16);
        AGENT.get().end_request(number, now, outcome, new_preflight, text(length));
    }

    /// A request has failed; the input holds the name of its exception.
    #[unsafe(export_name = "failRequest")]
    extern "C" fn fail_request(length: usize, now: f64, number: u32, new_preflight: bool, cancelled: bool) {
        let outcome = Outcome::of_failure(text(length), cancelled);
        AGENT.get().end_request(number, now, outcome, new_preflight, "");
    }

    /// A `PerformanceResourceTiming` entry; the input holds URL, initiator type, protocol,
    /// render-blocking status and `Server-Timing`, a line each; for a request its moments, and in `headwater/elastic`
    /// the decoded size. See [`Resource`].
    #[unsafe(no_mangle)]
    #[cfg_attr(not(feature = "timing"), expect(unused_variables))]
    extern "C" fn resource(
        length: usize,
        now: f64,
        start: f64,
        end: f64,
        status: u32,
        transfer_size: f64,
        body_size: f64,
    ) {
        let agent = AGENT.get();
        let mut lines = text(length);
        let mut line = || take_part(&mut lines, b'\n');
        let resource = Resource {
            url: line(),
            initiator: line(),
            protocol: line(),
            render_blocking: line(),
            server_timing: line(),
            #[cfg(feature = "timing")]
            timing: line(),
            #[cfg(feature = "elastic")]
            decoded_size: decimal(line()).unwrap_or_default(),
            start,
            end,
            status: status as u16,
            transfer_size,
            body_size,
        };
        #[cfg(feature = "timing")]
        if !resource.timing.is_empty() {
            agent.time_request(now, &resource);
            return;
        }
        agent.resource(&resource);
    }

    /// See [`Agent::phase`].
    #[cfg(feature = "events")]
    #[unsafe(no_mangle)]
    extern "C" fn phase(_length: usize, _now: f64, phase: u32, start: f64, end: f64) {
        AGENT.get().phase(phase, start, end);
    }

    /// The page load is over. The input holds the document's URL and the navigation's type, a line
    /// each, and what the page's code says of it, as `endSpan` has it; the rest is [`Milestones`] and the end.
    #[unsafe(export_name = "endPageLoad")]
    extern "C" fn end_page_load(
        length: usize,
        now: f64,
        dom_interactive: f64,
        dom_content_loaded: f64,
        dom_complete: f64,
        load: f64,
        end: f64,
    ) {
        let agent = AGENT.get();
        let mut given = text(length);
        let url = take_part(&mut given, b'\n');
        let kind =
            if cfg!(feature = "events") { take_part(&mut given, b'\n') } else { mem::take(&mut given) };
        let milestones = Milestones { dom_interactive, dom_content_loaded, dom_complete, load };
        agent.end_page_load(now, url, kind, given, &milestones, end);
    }

    /// See [`Agent::add_labels`].
    #[cfg(feature = "events")]
    #[unsafe(export_name = "addLabels")]
    extern "C" fn add_labels(length: usize, _now: f64) {
        AGENT.get().add_labels(text(length));
    }

    /// See [`Agent::start_activity`]; the text is the `traceparent` of the one above and, behind U+0003, its name. Two
    /// bits of `flags` are its cause; the others say whether it is a root (4), can be reused (8), and blocks the one
    /// above (16).
    #[cfg(feature = "events")]
    #[unsafe(export_name = "startSpan")]
    extern "C" fn start_span(length: usize, now: f64, number: u32, start: f64, flags: u32) -> *const u8 {
        let mut name = text(length);
        let parent = take_part(&mut name, 3);
        let given = Start {
            number,
            cause: Cause::from_number(flags),
            start,
            parent: TraceParent::parse(parent.as_bytes()).ok(),
            is_root: flags & 4 != 0,
            can_reuse: flags & 8 != 0,
            is_blocking: flags & 16 != 0,
        };
        answer_with(AGENT.get().start_activity(now, &given, name))
    }

    /// See [`Agent::reuse`].
    #[cfg(feature = "events")]
    #[unsafe(no_mangle)]
    extern "C" fn reuse(_length: usize, now: f64, cause: u32, can_reuse: bool) -> u32 {
        AGENT.get().reuse(now, Cause::from_number(cause), can_reuse)
    }

    /// See [`Agent::current_transaction`].
    #[cfg(feature = "events")]
    #[unsafe(export_name = "currentTransaction")]
    extern "C" fn current_transaction(_length: usize, _now: f64) -> u32 {
        AGENT.get().current_transaction()
    }

    /// See [`Agent::hold`].
    #[cfg(feature = "events")]
    #[unsafe(no_mangle)]
    extern "C" fn hold(_length: usize, now: f64, number: u32, held: bool, painted: bool) {
        AGENT.get().hold(now, number, held, painted);
    }

    /// See [`Agent::tend`].
    #[cfg(feature = "events")]
    #[unsafe(no_mangle)]
    extern "C" fn tend(_length: usize, now: f64, hidden: bool, left: bool) -> f64 {
        AGENT.get().tend(now, hidden, left)
    }

    /// See [`Agent::route`]; the text is the two URLs, a line each.
    #[cfg(feature = "events")]
    #[unsafe(no_mangle)]
    extern "C" fn route(length: usize, _now: f64, pushed: bool) -> *const u8 {
        let mut to = text(length);
        let from = take_part(&mut to, b'\n');
        answer_with(AGENT.get().route(from, to, pushed))
    }

    /// See [`Agent::end_activity`]; the text is its name, and behind U+0003 each its attributes and its
    /// links. `outcome` says whether it has failed (1) and, behind that, its kind (three bits); with Elastic whether it is
    /// said what becomes of empty ones (16), and that they are recorded (32).
    #[cfg(feature = "events")]
    #[unsafe(export_name = "endSpan")]
    extern "C" fn end_span(length: usize, now: f64, number: u32, end: f64, outcome: u32) {
        let mut given = text(length);
        let name = take_part(&mut given, 3);
        let elastic = cfg!(feature = "elastic");
        let kind = Kind::from_number(outcome >> 1 & if elastic { 7 } else { !0 });
        let empty = (elastic && outcome & 16 != 0).then_some(outcome & 32 != 0);
        AGENT.get().end_activity(number, now, end, (kind, outcome & 1 != 0, empty), name, given);
    }

    /// See [`Agent::add_event`]; the text is its name and, behind U+0003, its attributes.
    #[cfg(feature = "full")]
    #[unsafe(export_name = "addEvent")]
    extern "C" fn add_event(length: usize, now: f64, number: u32, time: f64) {
        let mut given = text(length);
        let name = take_part(&mut given, 3);
        AGENT.get().add_event(number, now, time, name, given);
    }

    /// See [`Agent::enter_span`].
    #[cfg(feature = "events")]
    #[unsafe(export_name = "enterSpan")]
    extern "C" fn enter_span(_length: usize, _now: f64, number: u32) -> u32 {
        AGENT.get().enter_span(number)
    }

    /// See [`Agent::capture_error`]; the text begins with the labels, which end with U+0003. From 2 on `kind` is that of a
    /// report: see [`Agent::report`].
    #[cfg(feature = "events")]
    #[unsafe(export_name = "captureError")]
    extern "C" fn capture_error(length: usize, now: f64, kind: u32, request: u32) {
        let mut text = text(length);
        if kind > 1 {
            AGENT.get().report(now, kind, text);
            return;
        }
        let labels = take_part(&mut text, 3);
        AGENT.get().capture_error(now, text, labels, kind == 1, request);
    }

    /// See [`Vitals::take`](crate::signal::vitals::Vitals::take); in `headwater/elastic`, [`Agent::experience`].
    #[cfg(any(feature = "vitals", feature = "elastic"))]
    #[unsafe(no_mangle)]
    extern "C" fn vital(
        length: usize,
        now: f64,
        kind: u32,
        a: f64,
        b: f64,
        c: f64,
        d: f64,
        e: f64,
        f: f64,
        g: f64,
        h: f64,
        i: f64,
    ) {
        let numbers = &[a, b, c, d, e, f, g, h, i];
        #[cfg(feature = "vitals")]
        AGENT.get().vital(now, kind, text(length), numbers);
        #[cfg(not(feature = "vitals"))]
        AGENT.get().experience(now, kind, text(length), numbers);
    }

    /// See [`Agent::decide`].
    #[cfg(feature = "deferred")]
    #[unsafe(no_mangle)]
    extern "C" fn decide(_length: usize, _now: f64, keep: bool) -> u32 {
        u32::from(AGENT.get().decide(keep))
    }

    /// See [`Agent::traceparent`].
    #[cfg(feature = "events")]
    #[unsafe(no_mangle)]
    extern "C" fn traceparent(_length: usize, now: f64, of_page: bool) -> *const u8 {
        answer_with(AGENT.get().traceparent(now, of_page))
    }

    /// See [`Agent::diagnostics`].
    #[cfg(feature = "diagnostics")]
    #[unsafe(no_mangle)]
    extern "C" fn diagnostics(_length: usize, _now: f64) -> *const u8 {
        answer_with(AGENT.get().diagnostics())
    }

    /// See [`Agent::session_id`].
    #[cfg(feature = "sessions")]
    #[unsafe(no_mangle)]
    extern "C" fn session(_length: usize, _now: f64) -> *const u8 {
        answer_with(AGENT.get().session_id().into())
    }

    /// See [`Agent::leave`].
    #[unsafe(no_mangle)]
    extern "C" fn leave(_length: usize, now: f64) {
        AGENT.get().leave(now);
    }

    /// See [`Agent::pause`]. `consent` says which of [`Pause`] it is.
    #[unsafe(no_mangle)]
    extern "C" fn pause(_length: usize, _now: f64, consent: bool, on: bool) {
        AGENT.get().pause(if consent { Pause::Consent } else { Pause::Call }, on);
    }

    /// See [`Agent::flush`].
    #[unsafe(no_mangle)]
    extern "C" fn flush(_length: usize, now: f64, leaving: bool) {
        // There may be no other moment, or somebody waits for it.
        #[cfg(feature = "elastic")]
        AGENT.get().finish_page_load(now);
        AGENT.get().flush(now, if leaving { Stay::Leaving } else { Stay::Here });
    }

    /// See [`Agent::timer`].
    #[unsafe(no_mangle)]
    extern "C" fn timer(_length: usize, now: f64) {
        AGENT.get().timer(now);
    }

    /// See [`Agent::settle`]; what was reserved holds the answer's body.
    #[unsafe(no_mangle)]
    extern "C" fn settle(_length: usize, now: f64, number: u32, status: u32, retry_after: f64) {
        AGENT.get().settle(now, number, status, retry_after, &mem::take(BYTES.get()));
    }

    /// Makes room for bytes that are not text. Returns its address.
    #[unsafe(no_mangle)]
    extern "C" fn reserve(length: usize) -> *mut u8 {
        *BYTES.get() = vec![0; length];
        BYTES.get().as_mut_ptr()
    }

    /// See [`Agent::taken`]; what was reserved holds the record.
    #[unsafe(no_mangle)]
    extern "C" fn taken(_length: usize, now: f64, key: u32) {
        AGENT.get().taken(now, key, mem::take(BYTES.get()));
    }

    /// See [`Agent::lose`]; what was reserved holds the record.
    #[cfg(feature = "diagnostics")]
    #[unsafe(no_mangle)]
    extern "C" fn lose(_length: usize, _now: f64) {
        AGENT.get().lose(&mem::take(BYTES.get()));
    }

    /// See [`Agent::beacon`]; the text is its URL.
    #[cfg(feature = "diagnostics")]
    #[unsafe(no_mangle)]
    extern "C" fn beacon(length: usize, _now: f64, refused: bool) {
        AGENT.get().beacon(text(length), refused);
    }

    /// See [`Agent::compare_clocks`].
    #[cfg(feature = "diagnostics")]
    #[unsafe(export_name = "compareClocks")]
    extern "C" fn compare_clocks(_length: usize, now: f64, date: f64) {
        AGENT.get().compare_clocks(now, date);
    }

    /// See [`Agent::set_online`].
    #[unsafe(export_name = "setOnline")]
    extern "C" fn set_online(_length: usize, now: f64, online: bool) {
        AGENT.get().set_online(now, online);
    }

    /// See [`Agent::endpoint`].
    #[unsafe(no_mangle)]
    extern "C" fn endpoint(_length: usize, _now: f64) -> *const u8 {
        answer_with(AGENT.get().endpoint().into())
    }

    /// See [`Agent::count`].
    #[unsafe(no_mangle)]
    extern "C" fn count(_length: usize, _now: f64, which: u32) -> u32 {
        AGENT.get().count(which)
    }

    // `host` is a parameter of the function that the build wraps round the glue. Text is an address and
    // a length in this module's memory.
    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(js_namespace = host, js_name = wallClock)]
        fn wall_clock() -> f64;
        /// -1 for none.
        #[wasm_bindgen(js_namespace = host, js_name = firstMatch)]
        fn first_match(origin: *const u8, length: usize) -> i32;
        #[wasm_bindgen(js_namespace = host)]
        fn sample(kind: u32, name: *const u8, length: usize, url: *const u8, url_length: usize) -> f64;
        /// Leaves its answer in the input and returns the length.
        #[wasm_bindgen(js_namespace = host, js_name = beforeSend)]
        fn before_send(span: *const u8, length: usize) -> usize;
        #[wasm_bindgen(js_namespace = host)]
        fn store(session: *const u8, length: usize);
        /// Leaves its answer in the input and returns the length.
        #[wasm_bindgen(js_namespace = host)]
        fn origin(url: *const u8, length: usize) -> usize;
        #[wasm_bindgen(js_namespace = host, js_name = startTimer)]
        fn start_timer(delay: f64);
        /// Leaves its answer in the input and returns the length.
        #[wasm_bindgen(js_namespace = host)]
        fn format(number: f64) -> usize;
        #[wasm_bindgen(js_namespace = host)]
        fn send(number: u32, body: *const u8, length: usize, keepalive: bool, are_events: bool);
        #[wasm_bindgen(js_namespace = host, js_name = sendLater)]
        fn send_later(body: *const u8, length: usize, are_events: bool);
        #[wasm_bindgen(js_namespace = host)]
        fn keep(record: *const u8, length: usize) -> bool;
        #[wasm_bindgen(js_namespace = host)]
        fn take(maximal_age: f64);
        #[wasm_bindgen(js_namespace = host, js_name = settleRecord)]
        fn settle_record(record: u32, done: bool);
        #[wasm_bindgen(js_namespace = host)]
        fn random(bytes: *mut u8, length: usize);
        #[wasm_bindgen(js_namespace = host)]
        fn log(level: u32, text: *const u8, length: usize);
    }

    /// The page, through the imports above.
    struct Page;

    impl Host for Page {
        fn wall_clock(&self) -> f64 {
            wall_clock()
        }

        fn first_match(&self, origin: &str) -> Option<usize> {
            first_match(origin.as_ptr(), origin.len()).try_into().ok()
        }

        fn sample(&self, kind: u32, name: &str, url: &str) -> f64 {
            sample(kind, name.as_ptr(), name.len(), url.as_ptr(), url.len())
        }

        fn before_send(&self, span: &str) -> String {
            text(before_send(span.as_ptr(), span.len())).into()
        }

        fn store(&self, session: &str) {
            store(session.as_ptr(), session.len());
        }

        fn origin(&self, url: &str) -> Option<String> {
            match origin(url.as_ptr(), url.len()) {
                0 => None,
                length => Some(text(length).into()),
            }
        }

        fn start_timer(&self, delay: f64) {
            start_timer(delay);
        }

        fn format(&self, number: f64, out: &mut Vec<u8>) {
            out.extend_from_slice(text(format(number)).as_bytes());
        }

        fn send(&self, number: u32, body: &[u8], keepalive: bool, are_events: bool) {
            send(number, body.as_ptr(), body.len(), keepalive, are_events);
        }

        fn send_later(&self, body: &[u8], are_events: bool) {
            send_later(body.as_ptr(), body.len(), are_events);
        }

        fn keep(&self, record: &[u8]) -> bool {
            keep(record.as_ptr(), record.len())
        }

        fn take(&self, maximal_age: f64) {
            take(maximal_age);
        }

        fn settle_record(&self, record: u32, done: bool) {
            settle_record(record, done);
        }

        fn log(&self, level: LogLevel, text: &str) {
            log(level as u32, text.as_ptr(), text.len());
        }
    }

    /// The backend of `getrandom`: `crypto.getRandomValues` through one import, a quarter of the size of
    /// its own. Chosen by `--cfg getrandom_backend="custom"` (`.cargo/config.toml`).
    #[unsafe(no_mangle)]
    unsafe extern "Rust" fn __getrandom_v03_custom(
        bytes: *mut u8,
        length: usize,
    ) -> Result<(), getrandom::Error> {
        random(bytes, length);
        Ok(())
    }

    // Smaller than the standard library's by 1.7 kB of brotli and than talc by 0.5. Few blocks live at a
    // time, so its one list of free blocks stays short.
    #[global_allocator]
    static ALLOCATOR: AssumeSingleThreaded<FreeListAllocator> = {
        // SAFETY: there is one thread.
        unsafe { AssumeSingleThreaded::new(FreeListAllocator::new()) }
    };

    static INPUT: Exclusive<[u8; INPUT_SIZE]> = Exclusive(UnsafeCell::new([0; INPUT_SIZE]));
    static ANSWER: Exclusive<Vec<u8>> = Exclusive(UnsafeCell::new(Vec::new()));
    static BYTES: Exclusive<Vec<u8>> = Exclusive(UnsafeCell::new(Vec::new()));
    static AGENT: Exclusive<Agent<Page>> = Exclusive(UnsafeCell::new(Agent::new(Page, |bytes| {
        // Without randomness there are no ids: the trap switches the agent off.
        getrandom::fill(bytes).expect("random bytes");
    })));

    /// State of the instance. The module has one thread, and the wrapper's guard lets nobody in while
    /// somebody is inside, so each static is borrowed once at a time.
    struct Exclusive<T>(UnsafeCell<T>);

    impl<T> Exclusive<T> {
        #[expect(clippy::mut_from_ref, reason = "see the type")]
        fn get(&self) -> &mut T {
            // SAFETY: see the type.
            unsafe { &mut *self.0.get() }
        }
    }

    // SAFETY: there is one thread.
    unsafe impl<T> Sync for Exclusive<T> {}

    /// What the wrapper has written to the input.
    fn text(length: usize) -> &'static str {
        // SAFETY: the wrapper writes with `TextEncoder.encodeInto`, which gives UTF-8 and never cuts
        // a character; `length` is what it reports to have written.
        unsafe { str::from_utf8_unchecked(&INPUT.get()[..length]) }
    }

    /// Keeps the text until the next one.
    fn answer_with(mut text: Vec<u8>) -> *const u8 {
        text.push(0);
        let answer = text.as_ptr();
        *ANSWER.get() = text;
        answer
    }

    /// Longer text is cut by the wrapper: no URL or value of interest is.
    const INPUT_SIZE: usize = 16 * 1024;
}
