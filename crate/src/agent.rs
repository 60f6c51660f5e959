//! The agent: owns one of each part and decides what an observation becomes.

use std::cell::Cell;
use std::mem;

use crate::context::{
    Answer, Flags, IdGenerator, Origin, Propagators, ServerContext, SpanContext, SpanId, TraceId, TraceParent,
};
use crate::deliver::{Queue, Stay, Verdict};
use crate::diagnostics::Diagnostics;
#[cfg(feature = "elastic")]
use crate::encode::elastic;
use crate::encode::otlp_protobuf::{self, Body};
use crate::encode::{LOGS_PATH, Protocol, TRACES_PATH, otlp_json};
use crate::host::Host;
use crate::options::{Input, Instrumentation, LogLevel, OptionId, Options, OwnedValue, rounded_rate};
use crate::sampling::{Decision, Refusal, SessionHash, Threshold};
use crate::signal::activity::{Activity, Cause, Start};
use crate::signal::error;
#[cfg(feature = "elastic")]
use crate::signal::experience::{self, Experience};
#[cfg(feature = "graphql")]
use crate::signal::graphql::Operation;
#[cfg(feature = "elastic")]
use crate::signal::page_load::Ended;
use crate::signal::page_load::{self, Milestones, PageLoad, Resource};
#[cfg(feature = "events")]
use crate::signal::report::Report;
#[cfg(feature = "timing")]
use crate::signal::request::{Ended as EndedRequest, Timed};
use crate::signal::request::{Outcome, Request, Server};
use crate::signal::route;
use crate::signal::session::Session;
#[cfg(feature = "timing")]
use crate::signal::timing::{Match, Moments, key_of};
#[cfg(feature = "vitals")]
use crate::signal::vitals::{Finished, NUMBERS, Reporter, Vitals, WEB_VITAL};
use crate::trace::{
    Attributes, Clock, Event, Kind, Link, Parent, PerMinute, Root, Severity, Sink, Span, limit_value_length,
    redact_url, set_redaction,
};
#[cfg(feature = "elastic")]
use crate::trace::{Status, TYPE};
use crate::wire::reader::{Fields, Value};
#[cfg(feature = "timing")]
use crate::wire::text::find;
#[cfg(feature = "elastic")]
use crate::wire::text::write_ratio;
use crate::wire::text::{contains, take_part, utf8};

/// An agent, before and after its start.
pub struct Agent<H> {
    /// What is configured until [`Agent::start`].
    pub options: Options,
    endpoint: String,
    /// Where events go; empty if they have no place.
    logs_endpoint: String,
    recorder: Recorder<H>,
    ids: IdGenerator,
    /// The page load, once the agent has started.
    page: Option<PageLoad>,
    /// Whether something has failed during the page load, and afterwards whether it was kept for that.
    page_failed: bool,
    /// Requests under way.
    requests: Vec<Request>,
    /// Ended requests that the browser has not told of yet, in the order of their ends.
    #[cfg(feature = "timing")]
    waiting: Vec<Waiting>,
    /// The visitor's session, if it is of interest.
    session: Option<Session>,
    /// Which page of it this one is, from 1: other tabs go on counting.
    #[cfg(feature = "elastic")]
    sequence: u64,
    #[cfg(feature = "vitals")]
    vitals: Vitals,
    #[cfg(feature = "elastic")]
    experience: Experience,
    /// The page load, if it has ended and is still to be told.
    #[cfg(feature = "elastic")]
    ended: Option<Ended>,
    diagnostics: Diagnostics,
    recent_errors: error::Recent,
    /// What is going on, the oldest first.
    activities: Vec<Activity>,
    /// The number of the one that the page's code runs in just now, or 0.
    current: u32,
    /// Requests that have failed lately, by their numbers.
    failed_requests: Vec<(u32, SpanContext, Option<SpanId>)>,
    /// When the agent started, in milliseconds of the page's clock: requests since then are spans of
    /// their own and not resources.
    started: f64,
    warned: bool,
    /// Whether the collector's clock was found to be another.
    compared: bool,
    /// Why nothing is recorded: a bit for each [`Pause`].
    paused: u32,
}

impl<H: Host> Agent<H> {
    /// An agent with the default options. `fill` overwrites bytes with random ones.
    pub const fn new(host: H, fill: fn(&mut [u8])) -> Self {
        Self {
            options: Options::new(),
            endpoint: String::new(),
            logs_endpoint: String::new(),
            recorder: Recorder {
                host,
                clock: Clock::new(0.0),
                queue: Queue::new(),
                held: Vec::new(),
                session_id: String::new(),
                sampler_failed: Cell::new(false),
                recorded: PerMinute::new(),
                dropped: 0,
                #[cfg(feature = "elastic")]
                children: 0,
                #[cfg(feature = "elastic")]
                latest: 0.0,
                #[cfg(feature = "elastic")]
                place: String::new(),
            },
            ids: IdGenerator::new(fill),
            page: None,
            page_failed: false,
            requests: Vec::new(),
            #[cfg(feature = "timing")]
            waiting: Vec::new(),
            session: None,
            #[cfg(feature = "elastic")]
            sequence: 0,
            #[cfg(feature = "vitals")]
            vitals: Vitals::NEW,
            #[cfg(feature = "elastic")]
            experience: Experience::NEW,
            #[cfg(feature = "elastic")]
            ended: None,
            diagnostics: Diagnostics::new(),
            recent_errors: error::Recent::new(),
            activities: Vec::new(),
            current: 0,
            failed_requests: Vec::new(),
            started: 0.0,
            warned: false,
            compared: false,
            paused: 0,
        }
    }

    /// Takes one configured value: see [`Options::set`].
    pub fn configure(&mut self, option: OptionId, key: &str, value: Input) -> bool {
        if let Input::Text(text) = value
            && option == OptionId::DistributedTracingOrigins
            && Origin::has_path(text)
        {
            let mut warning = String::from("distributedTracingOrigins: the path is ignored: ");
            warning.push_str(text);
            self.log(LogLevel::Warn, &warning);
        }
        if let Input::Text(text) = value
            && cfg!(feature = "sessions")
            && option == OptionId::StoredSession
        {
            // Another page's is as good, and may be newer.
            self.session = Session::parse(text).or(self.session.take());
            return true;
        }
        let is_allowed = self.options.set(option, key, value, &|url| self.recorder.host.origin(url));
        // Filters may come when the agent runs, and have to read what is sent.
        if cfg!(all(feature = "elastic", not(feature = "full"))) && option == OptionId::Compression {
            self.recorder.queue.set_compresses(self.compresses());
        }
        is_allowed
    }

    /// Starts with what was configured. `time_origin` is `performance.timeOrigin`, `now` the page's
    /// clock, both in milliseconds. Returns whether it runs: it does not if it is to be inactive.
    pub fn start(&mut self, time_origin: f64, now: f64) -> bool {
        if !self.options.flag(OptionId::Active) {
            return false;
        }
        self.set_paused(Pause::Consent, self.options.flag(OptionId::Consent));
        let options = &mut self.options;
        if options.flag(OptionId::DistributedTracingSameOrigin) {
            // An opaque origin (`null`) is equal to none.
            let own = options.text(OptionId::PageOrigin).into();
            options.targets.add_target(own, None, false);
        }
        self.endpoint = endpoint_of(options);
        if cfg!(feature = "events") {
            self.logs_endpoint = logs_endpoint_of(options, &self.endpoint);
        }
        set_redaction(options.redaction);
        limit_value_length(options.attribute_value_length_limit as usize);
        self.warn_of_endpoint();
        let options = &self.options;
        self.recorder.clock = Clock::new(time_origin);
        #[cfg(feature = "elastic")]
        {
            self.recorder.place = redact_url(options.text(OptionId::PageUrl));
        }
        let compresses = self.compresses();
        let resource = resource_of(options);
        self.recorder.queue.start(&resource, &self.endpoint, options.protocol, compresses);
        self.started = now;
        if let Some(session) = &mut self.session {
            session.count_page();
        }
        let session = self.session(now);
        #[cfg(feature = "elastic")]
        {
            self.sequence = self.session.as_ref().map_or(0, Session::pages);
        }
        let (options, recorder) = (&self.options, &self.recorder);
        self.page = Some(PageLoad::start(options, &mut self.ids, time_origin, &mut |trace_id| {
            let url = options.text(OptionId::PageUrl);
            recorder.decide(options, session, trace_id, (PAGE_LOAD_KIND, page_load::name(options), url))
        }));
        // What happens without consent is not for later either.
        if self.paused != 0 {
            self.discard();
        }
        true
    }

    fn compresses(&self) -> bool {
        if self.options.is_given(OptionId::Compression) {
            return self.options.flag(OptionId::Compression);
        }
        // Elastic's servers take it and allow the header.
        cfg!(feature = "gzip") && self.options.protocol == Protocol::Elastic
    }

    fn warn_of_endpoint(&self) {
        if cfg!(feature = "diagnostics") && contains(&self.endpoint, ".apps.dynatrace.com") {
            self.log(
                LogLevel::Warn,
                "endpoint: .apps.dynatrace.com takes no spans; .live.dynatrace.com does",
            );
        }
        if self.options.has_secret && !self.endpoint.starts_with(self.options.text(OptionId::PageOrigin)) {
            self.log(
                LogLevel::Error,
                "headers: every visitor can read this secret; let a proxy of yours add it",
            );
        }
    }

    /// Records nothing from now on, and adds no headers, until it is switched off. `Consent` also forgets what
    /// has not been sent; ahead of `Call` the wrapper calls [`Agent::leave`].
    pub fn pause(&mut self, why: Pause, on: bool) {
        self.set_paused(why, on);
        self.recorder.queue.come_back();
        if on && why == Pause::Consent {
            self.discard();
            if cfg!(feature = "sessions") && self.session.take().is_some() {
                self.recorder.session_id.clear();
                self.recorder.host.store("");
            }
        }
    }

    fn set_paused(&mut self, why: Pause, on: bool) {
        let bit = 1 << why as u32;
        self.paused = self.paused & !bit | if on { bit } else { 0 };
    }

    fn discard(&mut self) {
        if let Some(page) = &mut self.page {
            page.close();
        }
        self.requests.clear();
        if cfg!(feature = "events") {
            self.activities.clear();
        }
        #[cfg(feature = "timing")]
        self.waiting.clear();
        #[cfg(feature = "vitals")]
        {
            self.vitals = Vitals::NEW;
        }
        #[cfg(feature = "elastic")]
        {
            self.experience.forget();
            self.ended = None;
        }
        let Recorder { host, queue, held, .. } = &mut self.recorder;
        held.clear();
        queue.clear(host);
    }

    /// Whether an instrumentation runs.
    pub fn instruments(&self, instrumentation: Instrumentation) -> bool {
        self.options.instruments(instrumentation)
    }

    /// A request starts. `line` is the method, a space and the absolute URL as the browser's URL
    /// parser serialises it; behind a line feed what it asks a GraphQL server for: see [`Operation::parse`].
    ///
    /// Returns nothing if it gets no headers; else the headers to add, names and values joined by line feeds.
    /// With diagnostics a mark comes first: `=` within the page's origin, `+` to another one; in a dry run `-` and
    /// `?`.
    pub fn start_request(&mut self, number: u32, now: f64, line: &str, no_cors: bool) -> Vec<u8> {
        let mut answer = Vec::new();
        let mut url = line;
        let method = take_part(&mut url, b' ');
        #[cfg(feature = "graphql")]
        let (url, graphql) = {
            let mut rest = url;
            (take_part(&mut rest, b'\n'), rest)
        };
        let Some(origin) = Origin::of(url).filter(|_| self.paused == 0) else {
            return answer;
        };
        self.recorder.queue.come_back();
        let activity = self.take_part_in(now);
        let joins_page = self.page_is_open();
        let session = self.session(now);
        let first = (REQUEST_KIND, method, Some(url));
        let (mut context, parent, mut own_root) =
            self.begin_span(activity.as_ref(), joins_page, session, first);
        let Self { options, recorder, page, diagnostics, .. } = self;
        let Some(page) = page else {
            return answer;
        };
        let root = own_root.as_mut().unwrap_or(&mut page.root);
        let sampled = root.decision.sampled();
        context.flags = context.flags.with_sampled(sampled);

        let mut is_dry_run = false;
        let mut text = String::new();
        origin.write(&mut text);
        let place = diagnostics.place(&text);
        diagnostics.count(place, |counts| counts.requests += 1);
        // A `no-cors` request may not carry them: the browser drops them.
        if options.flag(OptionId::DistributedTracing)
            && !no_cors
            && (sampled || !options.flag(OptionId::UnsampledPropagation))
            && let Some(target) = options.targets.lookup(&text, &|text| recorder.host.first_match(text))
            && target.propagators != Propagators::NONE
        {
            let mut mark_length = 0;
            if cfg!(feature = "diagnostics") {
                let marks = if target.dry_run { b"-?" } else { b"=+" };
                answer.push(marks[usize::from(text != options.text(OptionId::PageOrigin))]);
                mark_length = 1;
            }
            let members = options.members();
            let mut name = options.text(OptionId::DistributedTracingHeaderName);
            if name.is_empty() {
                name = "traceparent";
            }
            // Without members of ours `tracestate` is not asked for.
            let others = if parent.is_none() || members == Propagators::NONE { "" } else { &page.tracestate };
            root.headers(context, others, &page.baggage, name)
                .write(target.propagators.with(members), &mut answer);
            if answer.len() == mark_length {
                // Such as baggage that is empty.
                answer.clear();
            } else if cfg!(feature = "diagnostics") && target.dry_run {
                is_dry_run = true;
                diagnostics.count(place, |counts| counts.dry_run += 1);
            } else {
                root.decision.propagate();
                diagnostics.count(place, |counts| counts.with_headers += 1);
            }
        }
        if self.requests.len() == OPEN_REQUESTS {
            self.requests.remove(0);
            self.recorder.dropped += 1;
        }
        let mut request = Request::new(number, context, parent, own_root, place, now, method, url);
        if let Some(above) = &activity {
            request.entry = Some(above.entry);
            request.names_entry =
                options.protocol == Protocol::Elastic && above.context.span_id != above.entry;
        }
        #[cfg(feature = "events")]
        {
            let own = options.text(OptionId::PageOrigin);
            request.template = route::url_template(&options.url_templates, url, own).map(String::from);
        }
        #[cfg(feature = "graphql")]
        {
            request.operation = Operation::parse(graphql);
        }
        request.has_headers = !answer.is_empty();
        request.is_dry_run = is_dry_run;
        self.requests.push(request);
        self.release_page();
        answer
    }

    /// The caller propagates a context itself, so that our headers are left out. If that is by
    /// `traceparent`, the request's span takes over its ids: the server's span hangs under ours.
    pub fn adopt(&mut self, number: u32, traceparent: &str) {
        let Some(index) = self.index_of(number) else {
            return;
        };
        let request = &mut self.requests[index];
        if mem::take(&mut request.has_headers) {
            self.diagnostics.count(
                request.place,
                if request.is_dry_run {
                    |counts| counts.dry_run -= 1
                } else {
                    |counts| counts.with_headers -= 1
                },
            );
        }
        if let Ok(context) = TraceParent::parse(traceparent.as_bytes()) {
            if request.context.trace_id != context.trace_id {
                request.parent = None;
                request.root = Some(Root::of_flag(context.flags.sampled()));
            }
            request.context = context;
        }
    }

    /// Our `tracestate` for a request whose caller has set one.
    pub fn merge_tracestate(&self, number: u32, existing: &str) -> Vec<u8> {
        let mut merged = Vec::new();
        if let Some(index) = self.index_of(number)
            && let request = &self.requests[index]
            && let Some(page) = &self.page
        {
            let root = request.root.as_ref().unwrap_or(&page.root);
            root.write_tracestate(request.context, self.options.members(), existing, &mut merged);
        }
        merged
    }

    /// A request has ended. `new_preflight`: for headers of ours, or of a dry run, it needs a preflight.
    /// `answer` is what its response says, if anybody is trusted: see [`Answer::parse`].
    pub fn end_request(
        &mut self,
        number: u32,
        now: f64,
        outcome: Outcome,
        new_preflight: bool,
        answer: &str,
    ) {
        let Some(index) = self.index_of(number) else {
            return;
        };
        let request = self.requests.swap_remove(index);
        if new_preflight {
            self.diagnostics.count(request.place, |counts| counts.new_preflights += 1);
        }
        self.note_end(&request, now, outcome);
        #[cfg(feature = "timing")]
        if request.timing.is_none() && self.may_send(&request) {
            // Those that wait must go when the page does.
            if self.waiting.len() == WAITING {
                let oldest = self.waiting.remove(0);
                self.record_ended(&oldest);
            }
            // The browser's entry comes with the last byte, and to a busy page later.
            self.waiting.push(Waiting {
                request,
                end: now,
                ended: EndedRequest::of(outcome),
                answer: answer.into(),
            });
            self.deliver(now);
            return;
        }
        self.record(&request, now, outcome, answer);
        #[cfg(feature = "elastic")]
        if self.ended.is_some() && !self.has_page_requests() {
            self.finish_page_load(now);
        }
        self.deliver(now);
    }

    /// The browser tells of a request: if it is one of ours, its span says so, too.
    #[cfg(feature = "timing")]
    pub fn time_request(&mut self, now: f64, resource: &Resource) {
        if self.is_ours(resource.url) {
            return;
        }
        let moments = Moments::parse(resource.timing);
        let key = key_of(resource.url);
        let mut found = Match::of(resource.start, moments.answered(resource.initiator));
        let ended = self.waiting.iter().map(|waiting| (&waiting.request, waiting.end));
        let open = self.requests.iter().map(|request| (request, now));
        for (place, (request, end)) in ended.chain(open).enumerate() {
            if request.key == key && request.timing.is_none() {
                found.consider(place, request.start, end);
            }
        }
        let Some(place) = found.place() else {
            return;
        };
        let attributes = moments.attributes(resource);
        let timing = Some(Timed { attributes, server_timing: resource.server_timing.into() });
        if let Some(open) = place.checked_sub(self.waiting.len()) {
            self.requests[open].timing = timing;
            return;
        }
        let mut waiting = self.waiting.remove(place);
        waiting.request.timing = timing;
        self.record_ended(&waiting);
        self.deliver(now);
    }

    /// Whether the span of a request is sent, or may be.
    #[cfg(feature = "timing")]
    fn may_send(&self, request: &Request) -> bool {
        match request.root {
            None => self.page_fate() != Fate::Drop,
            Some(root) => {
                root.decision.sampled() || self.options.flag(OptionId::SampleOnError) || self.links()
            }
        }
    }

    /// Records the requests that the browser has not told of in time.
    #[cfg(feature = "timing")]
    fn release_waiting(&mut self) {
        for waiting in mem::take(&mut self.waiting) {
            self.record_ended(&waiting);
        }
    }

    #[cfg(feature = "timing")]
    fn record_ended(&mut self, Waiting { request, end, ended, answer }: &Waiting) {
        self.record(request, *end, ended.outcome(), answer);
    }

    /// The browser tells of a resource of the page load, or of the document (initiator `navigation`).
    pub fn resource(&mut self, resource: &Resource) {
        #[cfg(feature = "elastic")]
        let resource = match self.options.protocol {
            Protocol::Elastic => resource,
            _ => &Resource { decoded_size: 0, ..*resource },
        };
        // Requests since the start are spans already, and our own are none.
        let traced = match resource.initiator {
            "fetch" => self.instruments(Instrumentation::Fetch),
            "xmlhttprequest" => self.instruments(Instrumentation::XmlHttpRequest),
            // As the page's icon, of which Elastic's agent does not tell either.
            #[cfg(feature = "elastic")]
            "other" if self.options.protocol == Protocol::Elastic => return,
            _ => false,
        };
        let fate = self.page_fate();
        if let Some(page) = &self.page
            && page.is_open()
            && !(traced && resource.start >= self.started)
            && !self.is_ours(resource.url)
        {
            let mut link = None;
            if cfg!(feature = "linking") && !resource.server_timing.is_empty() {
                let mut answer = String::from(resource.url);
                answer.push_str("\n");
                answer.push_str(resource.server_timing);
                let answer = Answer::parse(&answer);
                link = link_to(&answer, &self.options).filter(|_| !answer.names(page.context.trace_id));
            }
            let sink = &mut self.recorder.sink(page, None, &self.options, fate);
            page.resource(resource, link, &mut self.ids, sink);
        }
    }

    /// A phase of the navigation, by its number among those of [`PageLoad::phase`]; one that has not come has no length.
    #[cfg(feature = "events")]
    pub fn phase(&mut self, phase: u32, start: f64, end: f64) {
        let fate = self.page_fate();
        let for_elastic = self.options.protocol == Protocol::Elastic;
        if let Some(page) = &self.page
            && page.is_open()
            && end > start
        {
            let sink = &mut self.recorder.sink(page, None, &self.options, fate);
            page.phase(phase as usize, (start, end), for_elastic, &mut self.ids, sink);
        }
    }

    /// An activity starts: below `parent`, which may be of another process or have ended; below the one that the code
    /// runs in, what the visitor has done, or the page load; else, or as a root, it is a trace of its own. Returns its
    /// `traceparent`; nothing if nothing may be recorded.
    pub fn start_activity(&mut self, now: f64, given: &Start, name: &str) -> Vec<u8> {
        let mut answer = Vec::new();
        if !cfg!(feature = "events") || self.paused != 0 || self.activities.len() >= OPEN_ACTIVITIES {
            return answer;
        }
        self.recorder.queue.come_back();
        let mut parent = given.parent.filter(|_| !given.is_root);
        let above = match parent {
            _ if given.is_root => None,
            None => self.take_part_in(now),
            Some(parent) => {
                self.activities.iter().find(|activity| activity.context.span_id == parent.span_id).cloned()
            }
        };
        let is_page = |page: &PageLoad| parent.is_none_or(|parent| parent.span_id == page.context.span_id);
        let joins_page = !given.is_root && self.page_is_open() && self.page.as_ref().is_some_and(is_page);
        if above.is_some() || joins_page {
            parent = None;
        }
        let session = self.session(now);
        let first = (FIRST_CAUSE + given.cause as u32, name, None);
        let (mut context, mut above_it, mut root) =
            self.begin_span(above.as_ref(), joins_page, session, first);
        let Some(page) = &self.page else {
            return answer;
        };
        if let Some(parent) = parent {
            context = parent.child(context.span_id);
            let is_of_page = parent.trace_id == page.context.trace_id;
            above_it = Some(Parent { span_id: parent.span_id, remote: !is_of_page });
            root = if is_of_page { None } else { Some(Root::of_flag(parent.flags.sampled())) };
        }
        let entry = match above {
            Some(above) => above.entry,
            None if root.is_none() => page.context.span_id,
            None => context.span_id,
        };
        context.flags = context.flags.with_sampled(root.unwrap_or(page.root).decision.sampled());
        context.write(&mut answer);
        let &Start { number, start, cause, can_reuse, is_blocking, .. } = given;
        let is_held = is_blocking || cause != Cause::Own;
        self.activities.push(Activity {
            number,
            cause,
            context,
            parent: above_it,
            root,
            entry,
            start,
            last: now,
            latest: start,
            has_children: false,
            children: 0,
            can_reuse,
            is_held,
        });
        answer
    }

    /// The context of a span that begins, what it hangs under, and the decision on its trace if that is not the page
    /// load's: below `above`, else in the page load, or else a trace of its own, whose kind, name and URL (the page's own,
    /// if it has none) are the last.
    fn begin_span(
        &mut self,
        above: Option<&Activity>,
        joins_page: bool,
        session: Option<SessionHash>,
        (kind, name, url): (u32, &str, Option<&str>),
    ) -> (SpanContext, Option<Parent>, Option<Root>) {
        let Self { options, recorder, ids, page, .. } = self;
        let span_id = ids.span_id();
        if let Some(above) = above {
            let parent = Parent { span_id: above.context.span_id, remote: false };
            return (above.context.child(span_id), Some(parent), above.root);
        }
        if let Some(page) = page
            && joins_page
        {
            return (page.context.child(span_id), Some(page.as_parent()), None);
        }
        let url = url.unwrap_or_else(|| options.text(OptionId::PageUrl));
        let trace_id = ids.trace_id();
        let root = recorder.decide(options, session, trace_id, (kind, name, url));
        (SpanContext::root(trace_id, span_id, false), None, Some(root))
    }

    /// The number of the activity that what starts now is one with; of the page load [`PAGE_LOAD`], or 0.
    pub fn reuse(&mut self, now: f64, cause: Cause, can_reuse: bool) -> u32 {
        if self.page_is_open() {
            return if can_reuse || cause != Cause::Managed { PAGE_LOAD } else { 0 };
        }
        let Some(place) = self.newest_managed() else {
            return 0;
        };
        let newest = &mut self.activities[place];
        if !newest.may_become(cause, can_reuse, now) {
            return 0;
        }
        if cause == Cause::Route && newest.cause == Cause::Interaction {
            newest.cause = cause;
            newest.is_held = true;
        }
        newest.last = now;
        newest.number
    }

    /// The number of the newest managed activity, of the page load, or 0.
    pub fn current_transaction(&self) -> u32 {
        match self.newest_managed() {
            Some(place) => self.activities[place].number,
            None if self.page_is_open() => PAGE_LOAD,
            None => 0,
        }
    }

    /// Whether an activity is held: by tasks of the page's code, or until the next picture (`painted` just now).
    pub fn hold(&mut self, now: f64, number: u32, held: bool, painted: bool) {
        if let Some(activity) = self.activities.iter_mut().find(|activity| activity.number == number) {
            if painted && activity.cause == Cause::Route && now > activity.latest {
                activity.latest = now;
            }
            activity.is_held = held;
            // What the browser tells of a picture comes right behind it.
            activity.last = now;
        }
    }

    /// Looks for activities that are over. Returns the number of one, negative; else the milliseconds until the next
    /// look, or 0 if there is nothing to look for. A page that is `hidden` may not come back, and one that is `left`
    /// does not: then all are over of which nothing is under way, or all.
    pub fn tend(&mut self, now: f64, hidden: bool, left: bool) -> f64 {
        let mut next = 0.0;
        for activity in self.activities.iter().filter(|activity| left || activity.cause != Cause::Own) {
            let id = activity.context.span_id;
            let under_way = self.requests.iter().any(|request| request.entry == Some(id))
                || self
                    .activities
                    .iter()
                    .any(|other| other.is_held && other.entry == id && other.number != activity.number);
            match activity.ends_in(now, under_way) {
                Some(_) if left || hidden && !under_way && activity.cause != Cause::Managed => {}
                Some(delay) => {
                    if next == 0.0 || delay < next {
                        next = delay;
                    }
                    continue;
                }
                None => {}
            }
            return -f64::from(activity.number);
        }
        next
    }

    /// One ends; without an `end` (not a number) when its last part has. `outcome` is its kind, whether it has failed, and
    /// what [`Activity::counts`] wants to know; `given`: see [`Attributes::given`] and [`links_of`].
    pub fn end_activity(
        &mut self,
        number: u32,
        now: f64,
        end: f64,
        (kind, failed, empty): (Kind, bool, Option<bool>),
        name: &str,
        mut given: &str,
    ) {
        let Some(index) = self.activities.iter().position(|activity| activity.number == number) else {
            return;
        };
        let activity = self.activities.remove(index);
        self.touch(activity.entry, now, Some(if end.is_nan() { now } else { end }));
        let mut attributes = Attributes::of_span().given(take_part(&mut given, 3));
        let links = links_of(given);
        if activity.parent.is_some_and(|parent| parent.span_id != activity.entry) {
            self.name_transaction(Some(activity.entry), &mut attributes);
        }
        #[cfg(feature = "elastic")]
        if activity.root.is_some() && self.options.protocol == Protocol::Elastic {
            attributes.integer(elastic::CHILDREN, i64::from(activity.children));
        }
        let fate = match &activity.root {
            None => self.page_fate(),
            _ if !activity.counts(empty) => Fate::Drop,
            Some(root) if root.decision.sampled() => Fate::Send,
            Some(_) => Fate::Drop,
        };
        if let Some(page) = &self.page {
            let sink = &mut self.recorder.sink(page, activity.root, &self.options, fate);
            let end = if end.is_nan() { None } else { Some(end) };
            activity.end(name, end, (kind, failed), &attributes, &links, sink);
        }
        self.deliver(now);
    }

    /// Something has happened within an activity, at a `time` of the page's clock. `given`: see [`Attributes::given`].
    pub fn add_event(&mut self, number: u32, now: f64, time: f64, name: &str, given: &str) {
        let context = self.activity(number).map(|activity| activity.context).or_else(|| self.page_context());
        if self.paused == 0
            && !self.logs_endpoint.is_empty()
            && context.is_some_and(|context| context.flags.sampled())
        {
            let attributes = Attributes::of_event().given(given);
            self.event(now, Event { name, time, severity: Severity::Info, context, attributes });
        }
    }

    /// The page's code runs in a span of its own from now on, or in none (0). Returns the one that it ran in.
    pub fn enter_span(&mut self, number: u32) -> u32 {
        mem::replace(&mut self.current, number)
    }

    /// The page has gone from one URL to another within its document. If that is another route, returns a line each: its
    /// name, its URL as it may be shown, and the template if there is one.
    pub fn route(&mut self, from: &str, to: &str, pushed: bool) -> Vec<u8> {
        #[cfg(feature = "elastic")]
        {
            self.recorder.place = redact_url(to);
        }
        if !route::is_change(from, to, pushed) {
            return Vec::new();
        }
        let template = route::template(&self.options.routes, to);
        let mut answer = route::name(template, to);
        for part in ["\n", &redact_url(to), "\n", template.unwrap_or_default()] {
            answer.push_str(part);
        }
        answer.into()
    }

    fn activity(&self, number: u32) -> Option<&Activity> {
        self.activities.iter().find(|activity| activity.number == number)
    }

    /// The place of the newest one that others belong to.
    fn newest_managed(&self) -> Option<usize> {
        self.activities.iter().rposition(|activity| activity.cause != Cause::Own)
    }

    /// The place of the one that the page's code runs in, or that what happens now is a consequence of.
    fn place_now(&self, now: f64) -> Option<usize> {
        if !cfg!(feature = "events") {
            return None;
        }
        let current = self.activities.iter().position(|activity| activity.number == self.current);
        current.or_else(|| self.newest_managed().filter(|place| self.activities[*place].takes(now)))
    }

    fn activity_now(&self, now: f64) -> Option<&Activity> {
        self.place_now(now).map(|place| &self.activities[place])
    }

    /// The activity that what starts now belongs to.
    fn take_part_in(&mut self, now: f64) -> Option<Activity> {
        let place = self.place_now(now)?;
        let activity = &mut self.activities[place];
        activity.touch(now, None);
        Some(activity.clone())
    }

    /// Something of the activity with this span has ended.
    fn touch(&mut self, entry: SpanId, now: f64, ended: Option<f64>) {
        if let Some(activity) = self.activities.iter_mut().find(|activity| activity.context.span_id == entry)
        {
            activity.touch(now, ended);
        }
    }

    /// See [`elastic::name_transaction`].
    #[cfg_attr(not(feature = "elastic"), expect(unused_variables))]
    fn name_transaction(&self, id: Option<SpanId>, attributes: &mut Attributes) {
        #[cfg(feature = "elastic")]
        if self.options.protocol == Protocol::Elastic {
            elastic::name_transaction(id, attributes);
        }
    }

    /// Something was thrown and not caught, or the page hands it over (`handled`). `text`: see [`error::attributes`];
    /// `labels` are the page's own attributes. `request` is the number of the one that failed with it, or 0. In
    /// `headwater/elastic` a U+0003 and the message for Elastic's server may follow.
    pub fn capture_error(&mut self, now: f64, text: &str, labels: &str, handled: bool, request: u32) {
        if !handled {
            self.note_error();
        }
        #[cfg(feature = "elastic")]
        let mut shown = text;
        #[cfg(feature = "elastic")]
        let text = take_part(&mut shown, 3);
        if self.paused != 0
            || self.logs_endpoint.is_empty()
            || !handled && !self.instruments(Instrumentation::Error)
            || self.recent_errors.knows(text, now)
        {
            return;
        }
        #[cfg_attr(not(feature = "elastic"), expect(unused_mut))]
        let mut attributes = error::attributes(text, handled).given(labels);
        #[cfg(feature = "elastic")]
        if self.options.protocol == Protocol::Elastic {
            attributes.known_text(elastic::SHOWN, shown);
        }
        self.record_error(now, attributes, request);
    }

    /// The browser reports what is no exception: see [`Report`].
    #[cfg(feature = "events")]
    pub fn report(&mut self, now: f64, kind: u32, text: &str) {
        let report = Report::parse(kind, text);
        // A policy that forbids our collector would be reported to it, and so on.
        let is_ours =
            self.is_ours(report.url) || !report.url.is_empty() && self.endpoint.starts_with(report.url);
        if self.paused != 0 || self.logs_endpoint.is_empty() || is_ours || self.recent_errors.knows(text, now)
        {
            return;
        }
        self.record_error(now, report.attributes(), 0);
    }

    /// Records an error within the span of the request with this number, or within what goes on.
    fn record_error(&mut self, now: f64, mut attributes: Attributes, request: u32) {
        self.session(now);
        let mut context = self.page_context();
        if let Some((_, failed, entry)) = self.failed_requests.iter().find(|failed| failed.0 == request) {
            context = Some(*failed);
            self.name_transaction(*entry, &mut attributes);
        } else if let Some(activity) = self.activity_now(now) {
            context = Some(activity.context);
            self.name_transaction(Some(activity.entry), &mut attributes);
            #[cfg(feature = "elastic")]
            if self.options.protocol == Protocol::Elastic {
                attributes.text(TYPE, activity.cause.kind());
            }
        }
        let (name, severity) = ("exception", Severity::Error);
        self.event(now, Event { name, time: now, severity, context, attributes });
    }

    /// Whether what happens now happens during the page load.
    fn page_is_open(&self) -> bool {
        self.page.as_ref().is_some_and(PageLoad::is_open)
    }

    /// The page load, while it is open.
    fn page_context(&self) -> Option<SpanContext> {
        self.page.as_ref().filter(|page| page.is_open()).map(PageLoad::sampled_context)
    }

    /// Records an event, within the visitor's session. Whatever the sampler has decided: there are few, and each matters
    /// on its own.
    fn event(&mut self, now: f64, mut event: Event) {
        if cfg!(feature = "sessions") {
            event.attributes.known_text(SESSION_ID, &self.recorder.session_id);
        }
        self.recorder.record_event(&self.options, &event);
        self.deliver(now);
    }

    /// See [`Vitals::take`].
    #[cfg(feature = "vitals")]
    pub fn vital(&mut self, now: f64, kind: u32, text: &str, numbers: &[f64; NUMBERS]) {
        if self.paused != 0 {
            return;
        }
        let activity = self.activity_now(now).map(|activity| activity.context);
        let mut reporter = Reporter::new(now, activity, &mut self.ids);
        self.vitals.take(kind, text, numbers, &mut reporter);
        for Finished { name, time, context: visit, attributes } in reporter.finished {
            // A vital is the page load's, or the soft navigation's, whenever it is known, a frame what it has held up.
            let mut context = self.page_context();
            if name == WEB_VITAL {
                context = visit.or(self.page.as_ref().map(PageLoad::sampled_context));
            } else if let Some(place) = self.place_now(time) {
                let activity = &mut self.activities[place];
                activity.touch(now, Some(now));
                context = Some(activity.context);
            }
            self.event(time, Event { name, time, severity: Severity::Info, context, attributes });
        }
    }

    /// See [`Experience::take`]. What is hidden has had its interactions.
    #[cfg(feature = "elastic")]
    pub fn experience(&mut self, now: f64, kind: u32, text: &str, numbers: &[f64; experience::NUMBERS]) {
        if self.paused != 0 {
            return;
        }
        match kind {
            experience::HIDDEN => {
                if let Some(inp) = self.experience.hide(numbers[0]) {
                    self.record_interactions(now, inp);
                }
            }
            _ => self.experience.take(kind, text, numbers),
        }
    }

    /// A page was hidden: INP as Elastic's agent tells it, a transaction of its own.
    #[cfg(feature = "elastic")]
    fn record_interactions(&mut self, now: f64, inp: f64) {
        let session = self.session(now);
        let Self { options, recorder, ids, page: Some(page), .. } = self else {
            return;
        };
        let name = "page-exit";
        let url = options.text(OptionId::PageUrl);
        let trace_id = ids.trace_id();
        let root = recorder.decide(options, session, trace_id, (FIRST_CAUSE, name, url));
        let mut attributes = Attributes::of_span();
        attributes.text("url.full", &redact_url(url));
        attributes.text(TYPE, name);
        attributes.double("inp_value", inp);
        let sampled = root.decision.sampled();
        let fate = if sampled { Fate::Send } else { Fate::Drop };
        recorder.sink(page, Some(root), options, fate).record(&Span {
            context: SpanContext::root(trace_id, ids.span_id(), sampled),
            parent: None,
            name,
            kind: Kind::Internal,
            start: now,
            // Elastic's server takes none that has no duration.
            end: now + inp + 1.0,
            attributes: &attributes,
            links: &[],
            status: Status::Unset,
        });
        self.deliver(now);
    }

    /// Elastic's page loads end when the requests that they have made are done: keeps this one for then.
    #[cfg(feature = "elastic")]
    fn holds_page_load(
        &mut self,
        url: &str,
        kind: &str,
        given: &str,
        milestones: &Milestones,
        end: f64,
    ) -> bool {
        if self.has_page_requests()
            && let Some(page) = &mut self.page
            && page.close()
        {
            let (url, kind, given) = (url.into(), kind.into(), given.into());
            self.ended = Some(Ended { url, kind, given, milestones: *milestones, end });
        }
        self.ended.is_some()
    }

    /// Tells the page load, if it only waits for its requests: they are done, or the page may go.
    #[cfg(feature = "elastic")]
    pub fn finish_page_load(&mut self, now: f64) {
        if let Some(Ended { url, kind, given, milestones, end }) = self.ended.take()
            && let Some(page) = &mut self.page
        {
            page.reopen();
            self.tell_page_load(now, &url, &kind, &given, &milestones, end);
        }
    }

    /// Whether nothing is sent of itself: the spans of Elastic's page loads are to go with them.
    #[cfg(feature = "elastic")]
    fn waits_for_page(&self) -> bool {
        self.options.protocol == Protocol::Elastic && self.page_is_open()
    }

    /// Whether requests of the page load are under way.
    #[cfg(feature = "elastic")]
    fn has_page_requests(&self) -> bool {
        let entry = self.page.as_ref().map(|page| page.context.span_id);
        self.options.protocol == Protocol::Elastic
            && self.requests.iter().any(|request| request.entry == entry)
    }

    /// What Elastic's UI shows of it.
    #[cfg(feature = "elastic")]
    fn further_of_page_load(&mut self) -> Attributes {
        let mut attributes = Attributes::of_span();
        if self.options.protocol == Protocol::Elastic {
            self.experience.tell(&mut attributes);
            // Those that are still to come, too.
            let open = self.requests.iter().filter(|request| request.root.is_none()).count()
                + self.activities.iter().filter(|activity| activity.root.is_none()).count();
            attributes.known_integer(elastic::SEQUENCE, self.sequence.cast_signed());
            attributes.integer(elastic::CHILDREN, i64::from(self.recorder.children) + open as i64);
        }
        attributes
    }

    /// Something has failed on the page.
    pub fn note_error(&mut self) {
        self.page_failed |= self.page_is_open();
    }

    /// A person wants the open transaction, or does not. Returns whether it will be so.
    pub fn decide(&mut self, keep: bool) -> bool {
        let refusal = match &mut self.page {
            Some(page) if page.is_open() => {
                let decision = &mut page.root.decision;
                match if keep { decision.keep() } else { decision.drop() } {
                    Ok(()) => {
                        page.context.flags = page.context.flags.with_sampled(keep);
                        return true;
                    }
                    Err(Refusal::Inherited) => "the page's server has decided on this trace",
                    Err(Refusal::Propagated) => "the decision has already gone out with a request or a span",
                }
            }
            _ => "the transaction has ended",
        };
        let mut warning = String::from("keep() and drop() change nothing any more: ");
        warning.push_str(refusal);
        self.log(LogLevel::Warn, &warning);
        false
    }

    /// The `traceparent` of what happens now, or `of_page` that of the page load while it is open; nothing if there is
    /// none.
    pub fn traceparent(&self, now: f64, of_page: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let activity = self.activity_now(now).filter(|_| !of_page).map(|activity| activity.context);
        if let Some(context) = activity.or_else(|| self.page_context()) {
            context.write(&mut out);
        }
        out
    }

    /// The page has called `sendBeacon`, and the browser has taken it or not.
    pub fn beacon(&mut self, url: &str, refused: bool) {
        if let Some(origin) = Origin::of(url)
            && !self.is_ours(url)
        {
            let mut text = String::new();
            origin.write(&mut text);
            let place = self.diagnostics.place(&text);
            self.diagnostics.count(place, |counts| counts.beacons += 1);
            if refused {
                self.diagnostics.count(place, |counts| counts.refused_beacons += 1);
            }
        }
    }

    /// See [`Diagnostics::write`].
    pub fn diagnostics(&self) -> Vec<u8> {
        let Recorder { queue, dropped, .. } = &self.recorder;
        let lost = [*dropped, self.options.dropped_attributes];
        self.diagnostics.write(lost, [queue.accepted, queue.waiting(), queue.lost])
    }

    /// The page load has ended, or the page is left before it has.
    pub fn end_page_load(
        &mut self,
        now: f64,
        url: &str,
        navigation_type: &str,
        given: &str,
        milestones: &Milestones,
        end: f64,
    ) {
        #[cfg(feature = "elastic")]
        if self.holds_page_load(url, navigation_type, given, milestones, end) {
            return;
        }
        self.tell_page_load(now, url, navigation_type, given, milestones, end);
    }

    fn tell_page_load(
        &mut self,
        now: f64,
        url: &str,
        navigation_type: &str,
        mut given: &str,
        milestones: &Milestones,
        end: f64,
    ) {
        #[cfg(feature = "elastic")]
        let end = self.experience.finish(end, self.recorder.latest);
        #[cfg(feature = "elastic")]
        let further = self.further_of_page_load();
        let Some(page) = &mut self.page else {
            return;
        };
        if !page.close() {
            return;
        }
        let sampled = page.root.decision.sampled();
        self.page_failed &=
            cfg!(feature = "deferred") && !sampled && self.options.flag(OptionId::SampleOnError);
        let fate = match (sampled, self.page_failed) {
            (true, _) => Fate::Send,
            (_, true) => Fate::SendFailed,
            _ => Fate::Drop,
        };
        let mut sink = self.recorder.sink(page, None, &self.options, fate);
        sink.release();
        let mut name = page_load::name(&self.options);
        let mut attributes = Attributes::of_span();
        if cfg!(feature = "events") {
            let own = take_part(&mut given, 3);
            if !own.is_empty() {
                name = own;
            }
            attributes = attributes.given(take_part(&mut given, 3));
        }
        #[cfg(feature = "elastic")]
        {
            sink.further = further;
        }
        page.end((name, attributes), url, navigation_type, milestones, end, &mut sink);
        self.deliver(now);
        // An earlier page may have left something.
        let Recorder { host, queue, .. } = &mut self.recorder;
        queue.drain(host, now);
    }

    /// The page is left: requests under way end now, their outcome unknown.
    pub fn leave(&mut self, now: f64) {
        while let Some(request) = self.requests.pop() {
            self.note_end(&request, now, Outcome::Cancelled);
            self.record(&request, now, Outcome::Cancelled, "");
        }
        #[cfg(feature = "elastic")]
        self.finish_page_load(now);
        self.flush(now, Stay::Leaving);
        let Recorder { queue, host, .. } = &mut self.recorder;
        queue.leave(host);
    }

    /// Sends all that waits, before it returns; what may not be sent now is kept if the page may be leaving.
    pub fn flush(&mut self, now: f64, stay: Stay) {
        #[cfg(feature = "timing")]
        self.release_waiting();
        self.send_all(now, stay);
    }

    /// The same for what is in the queue. Requests that wait for the browser's word go on waiting: they have a timer.
    fn send_all(&mut self, now: f64, stay: Stay) {
        if cfg!(feature = "deferred")
            && !self.recorder.held.is_empty()
            && let Some(page) = &mut self.page
            && page.root.decision.sampled()
        {
            page.root.decision.propagate();
            self.release_page();
        }
        let Recorder { host, queue, .. } = &mut self.recorder;
        queue.flush(host, now, stay);
    }

    /// The timer asked for has run out.
    pub fn timer(&mut self, now: f64) {
        if !self.options.is_given(OptionId::FlushInterval) {
            self.options.flush_interval = FLUSH_INTERVAL;
        }
        #[cfg(feature = "timing")]
        self.release_waiting();
        let Recorder { host, queue, .. } = &mut self.recorder;
        queue.timer_fired();
        if queue.is_early(host, now) {
            self.deliver(now);
        } else {
            self.send_on(now, true);
        }
    }

    /// A request to the collector has ended with this HTTP status, or 0 without an answer. `retry_after` is what
    /// the answer says of it, in milliseconds, 0 for nothing; `answer` is its body, if anybody has read it.
    pub fn settle(&mut self, now: f64, number: u32, status: u32, retry_after: f64, answer: &[u8]) {
        let random = self.ids.ratio();
        let Recorder { host, queue, .. } = &mut self.recorder;
        let verdict = queue.settle(host, now, number, status, retry_after, random, answer);
        if verdict != Verdict::Accepted && !self.warned {
            self.warned = true;
            self.log(LogLevel::Warn, "the collector did not accept spans; see the network log");
        }
        self.send_on(now, false);
    }

    /// Storage has given one of its records and its key, or 0 for none.
    pub fn taken(&mut self, now: f64, key: u32, record: Vec<u8>) {
        let Recorder { host, queue, .. } = &mut self.recorder;
        // Without consent nothing is sent.
        queue.taken(host, key, record, self.paused == 0);
        self.deliver(now);
    }

    /// Storage could not keep a record after all.
    pub fn lose(&mut self, record: &[u8]) {
        self.recorder.queue.lose(record);
    }

    /// Adds attributes to what is sent from now on, also if it has happened before. `given`: see [`Attributes::given`].
    pub fn add_labels(&mut self, given: &str) {
        self.recorder.queue.add_to_resource(Attributes::of_resource().given(given).bytes());
    }

    /// The collector's clock has said `date` just now, in Unix milliseconds. If the page's is far off, its spans say
    /// by how much, in whole seconds: `headwater.clock_offset` is to be added to their times, which stay as they are.
    pub fn compare_clocks(&mut self, now: f64, date: f64) {
        // A `Date` has whole seconds.
        let offset = (date + 500.0 - self.recorder.host.wall_clock() - now) / 1_000.0;
        if !self.compared && (MOST_OFF..=f64::MAX).contains(&offset.abs()) {
            self.compared = true;
            let mut attributes = Attributes::of_resource();
            attributes.integer("headwater.clock_offset", offset as i64);
            self.recorder.queue.add_to_resource(attributes.bytes());
        }
    }

    /// The browser says whether it has a network.
    pub fn set_online(&mut self, now: f64, online: bool) {
        self.recorder.queue.set_online(now, online);
        self.send_on(now, true);
    }

    /// Where spans are posted to, the media type, `gzip` if they are compressed, and where events are posted to, a line
    /// each.
    pub fn endpoint(&self) -> String {
        let queue = &self.recorder.queue;
        let mut lines = self.endpoint.clone();
        if cfg!(any(feature = "json", feature = "elastic")) {
            lines.push_str("\n");
            lines.push_str(queue.protocol().media_type());
            lines.push_str(if queue.compresses() { "\ngzip" } else { "\n" });
            lines.push_str("\n");
            lines.push_str(&self.logs_endpoint);
        }
        lines
    }

    /// Spans that the collector has accepted (0), that wait or are under way (1), and that are lost (2): refused,
    /// or too many.
    pub fn count(&self, which: u32) -> u32 {
        let Recorder { queue, dropped, .. } = &self.recorder;
        match which {
            0 => queue.accepted,
            1 => queue.waiting(),
            _ => queue.lost + dropped,
        }
    }

    /// Goes on with what waits here, if it is `due` or was in vain before, and then with what storage has.
    fn send_on(&mut self, now: f64, due: bool) {
        #[cfg(feature = "elastic")]
        if self.waits_for_page() {
            return;
        }
        if due || self.recorder.queue.is_stuck() {
            self.send_all(now, Stay::Here);
        }
        let Recorder { host, queue, .. } = &mut self.recorder;
        if self.paused == 0 {
            queue.drain(host, now);
        }
        self.deliver(now);
    }

    /// Whether it is where we send to.
    fn is_ours(&self, url: &str) -> bool {
        url.starts_with(&self.endpoint)
            || cfg!(feature = "events")
                && !self.logs_endpoint.is_empty()
                && url.starts_with(&self.logs_endpoint)
    }

    fn index_of(&self, number: u32) -> Option<usize> {
        self.requests.iter().rposition(|request| request.number == number)
    }

    /// Records an ended request.
    fn record(&mut self, request: &Request, end: f64, outcome: Outcome, answer: &str) {
        let Some(page) = &self.page else {
            return;
        };
        let mut joined = None;
        let mut server = None;
        if cfg!(feature = "linking") {
            #[cfg(feature = "timing")]
            let said = with_server_timing(answer, request, &self.options);
            #[cfg(feature = "timing")]
            let answer = said.as_str();
            let answer = Answer::parse(answer);
            joined = answer.context.filter(|server| server.trace_id == request.context.trace_id);
            server = match joined {
                Some(server) => Some(Server::Joined(server)),
                None => link_to(&answer, &self.options).map(Server::Linked),
            };
            if answer.context.is_some() && server.is_none() {
                self.diagnostics.ignored_traces += 1;
            }
        }
        let fate = match &request.root {
            None => self.page_fate(),
            Some(root) if root.decision.sampled() => Fate::Send,
            Some(_) if !cfg!(feature = "deferred") || !self.options.flag(OptionId::SampleOnError) => {
                Fate::Drop
            }
            Some(_) if outcome.is_error() => Fate::SendFailed,
            // The server asks for it.
            Some(_) if joined.is_some_and(|server| server.flags.sampled()) => Fate::Send,
            Some(_) => Fate::Drop,
        };
        let sink = &mut self.recorder.sink(page, request.root, &self.options, fate);
        request.end(end, outcome, server, sink);
    }

    /// What the end of a request means to others, which do not wait for it to be recorded.
    fn note_end(&mut self, request: &Request, end: f64, outcome: Outcome) {
        if cfg!(feature = "deferred") && request.root.is_none() && outcome.is_error() {
            self.note_error();
        }
        if cfg!(feature = "events") {
            if matches!(outcome, Outcome::Failed(_)) {
                if self.failed_requests.len() == FAILED_REQUESTS {
                    self.failed_requests.remove(0);
                }
                self.failed_requests.push((request.number, request.context, request.entry));
            }
            if let Some(entry) = request.entry {
                self.touch(entry, end, Some(end));
            }
        }
    }

    /// Whether anybody's word on other traces counts.
    pub fn links(&self) -> bool {
        cfg!(feature = "linking") && !self.options.environments.is_empty()
    }

    /// What becomes of the page load's spans.
    fn page_fate(&self) -> Fate {
        let Some(page) = &self.page else {
            return Fate::Drop;
        };
        let decision = page.root.decision;
        if !cfg!(feature = "deferred") {
            return if decision.sampled() { Fate::Send } else { Fate::Drop };
        }
        let is_final = !page.is_open() || decision.is_settled();
        match decision.sampled() {
            true if is_final => Fate::Send,
            true => Fate::Hold,
            false if !page.is_open() => {
                if self.page_failed {
                    Fate::SendFailed
                } else {
                    Fate::Drop
                }
            }
            false if is_final && !self.options.flag(OptionId::SampleOnError) => Fate::Drop,
            false => Fate::Hold,
        }
    }

    /// Lets go what was held until the decision on the page load is final.
    fn release_page(&mut self) {
        if !cfg!(feature = "deferred") {
            return;
        }
        let fate = self.page_fate();
        if fate != Fate::Hold
            && let Some(page) = &self.page
        {
            self.recorder.sink(page, None, &self.options, fate).release();
        }
    }

    /// Something happens, in the visitor's session or in a new one. Returns its hash, if sessions are sampled.
    fn session(&mut self, now: f64) -> Option<SessionHash> {
        let samples = cfg!(feature = "session-sampling") && self.options.flag(OptionId::SamplingMode);
        let tells = self.options.has_session();
        let is_off = !(samples || tells) || self.paused != 0 || self.endpoint.is_empty();
        if !cfg!(feature = "sessions") || is_off {
            return None;
        }
        let unix = (self.recorder.host.wall_clock() + now) as u64;
        if !self.session.as_mut().is_some_and(|session| session.touch(unix)) {
            let before = self.session.replace(Session::start(self.ids.trace_id(), unix));
            if tells {
                self.tell_session(now, unix, before);
            }
        }
        let session = self.session.as_mut()?;
        if let Some(text) = session.write() {
            self.recorder.host.store(&text);
        }
        if tells && self.recorder.session_id != session.id() {
            self.recorder.session_id = session.id().into();
        }
        if samples { session.hash() } else { None }
    }

    /// The end of one session, at its last activity, and the start of the next (`session.end`, `session.start`).
    fn tell_session(&mut self, now: f64, unix: u64, before: Option<Session>) {
        // Elastic's server has no place for them.
        if self.options.protocol == Protocol::Elastic || self.logs_endpoint.is_empty() {
            return;
        }
        let Some(session) = &self.session else {
            return;
        };
        let mut tell = |name, time, attributes| {
            let severity = Severity::Info;
            self.recorder
                .record_event(&self.options, &Event { name, time, severity, context: None, attributes });
        };
        let mut start = Attributes::of_event();
        start.text(SESSION_ID, session.id());
        if let Some(before) = before {
            let mut end = Attributes::of_event();
            end.text(SESSION_ID, before.id());
            start.text("session.previous_id", before.id());
            tell("session.end", now - unix.saturating_sub(before.active()) as f64, end);
        }
        tell("session.start", now, start);
        self.deliver(now);
    }

    /// The visitor's session, if it is known.
    pub fn session_id(&self) -> &str {
        &self.recorder.session_id
    }

    fn deliver(&mut self, now: f64) {
        if self.paused != 0 {
            return;
        }
        if self.recorder.queue.is_full() {
            self.send_all(now, Stay::Here);
        }
        #[cfg(feature = "elastic")]
        if self.waits_for_page() {
            return;
        }
        let interval = self.options.flush_interval;
        #[cfg(feature = "timing")]
        let waits = !self.waiting.is_empty();
        #[cfg(not(feature = "timing"))]
        let waits = false;
        if let Some(delay) = self.recorder.queue.wants_timer(now, interval, waits) {
            self.recorder.host.start_timer(delay);
        }
    }

    fn log(&self, level: LogLevel, text: &str) {
        if level as u32 >= self.options.log_level {
            self.recorder.host.log(level, text);
        }
    }
}

/// Where the collector takes events.
fn logs_endpoint_of(options: &Options, endpoint: &str) -> String {
    let given = options.text(OptionId::LogsEndpoint);
    if !given.is_empty() || options.protocol == Protocol::Elastic {
        return if given.is_empty() { endpoint } else { given }.into();
    }
    let mut url = String::new();
    if let Some(base) = endpoint.strip_suffix(TRACES_PATH) {
        url.push_str(base);
        url.push_str(LOGS_PATH);
    }
    url
}

/// Where the collector is.
fn endpoint_of(options: &Options) -> String {
    let mut url = options.text(OptionId::Endpoint);
    if url.is_empty() {
        url = options.text(OptionId::ServerUrl);
    }
    if url.is_empty() {
        url = options.protocol.default_url();
    }
    while let Some(shorter) = url.strip_suffix("/") {
        url = shorter;
    }
    let path = options.protocol.path();
    let mut endpoint = String::from(url);
    if options.is_given(OptionId::ServerUrlPrefix) && !has_elastics_prefix(options) {
        endpoint.push_str(options.text(OptionId::ServerUrlPrefix));
    } else if !url.ends_with(path) {
        endpoint.push_str(path);
    }
    endpoint
}

/// Whether the prefix is that of Elastic's agent by default: an empty one, which means the path of its intake.
fn has_elastics_prefix(options: &Options) -> bool {
    cfg!(feature = "elastic")
        && options.protocol == Protocol::Elastic
        && options.text(OptionId::ServerUrlPrefix).is_empty()
}

/// The links that the page's code has given, with U+0003 between them: a trace id, a span id and attributes
/// ([`Attributes::given`]), with `-` between them. Those that are not valid are left out.
fn links_of(mut given: &str) -> Vec<Link> {
    let mut links = Vec::new();
    while !given.is_empty() {
        let mut rest = take_part(&mut given, 3);
        let trace_id = TraceId::parse(take_part(&mut rest, b'-').as_bytes());
        let span_id = SpanId::parse(take_part(&mut rest, b'-').as_bytes());
        if let (Some(trace_id), Some(_)) = (trace_id, span_id) {
            let to = ServerContext { trace_id, span_id, flags: Flags(0) };
            links.push(Link { to, attributes: Attributes::of_link().given(rest) });
        }
    }
    links
}

/// A link to what a response has named, if it is from somebody who is trusted. The attributes' names are
/// ours: there is no convention for them yet.
fn link_to(answer: &Answer, options: &Options) -> Option<Link> {
    let to = answer.context?;
    let environment = answer.environment(&options.environments)?;
    let mut attributes = Attributes::of_link();
    attributes.text("link.reason", "remote_environment");
    attributes.text("remote.environment.name", &environment.name);
    if !answer.environment_id.is_empty() {
        attributes.utf8("remote.environment.id", answer.environment_id);
    }
    attributes.known_text("server.address", answer.origin.map_or("", |origin| origin.host()));
    Some(Link { to, attributes })
}

/// What a response says, with the `Server-Timing` of the browser's entry, which a page may see there and not in a header,
/// if it is of somebody whose word counts and who has said nothing else.
#[cfg(feature = "timing")]
fn with_server_timing(answer: &str, request: &Request, options: &Options) -> String {
    let timing = request.timing.as_ref().map_or("", |timed| timed.server_timing.as_str());
    if timing.is_empty() || !Answer::parse(answer).is_awaited(&options.environments) {
        return answer.into();
    }
    let mut rest = answer;
    let mut said = String::from(take_part(&mut rest, b'\n'));
    // The header may have metrics that say nothing of a trace.
    let separator = if find(rest, b"\n") > 0 { "," } else { "" };
    for part in ["\n", timing, separator, rest] {
        said.push_str(part);
    }
    said
}

/// A request that has ended, and what its response has said.
#[cfg(feature = "timing")]
struct Waiting {
    request: Request,
    end: f64,
    ended: EndedRequest,
    answer: String,
}

/// Encodes spans, into the queue or to be held until the decision on their trace is final.
struct Recorder<H> {
    host: H,
    clock: Clock,
    queue: Queue,
    held: Vec<(SpanContext, Body)>,
    /// `session.id` of what is recorded; empty if there is none.
    session_id: String,
    /// Whether the warning has been given.
    sampler_failed: Cell<bool>,
    /// Spans and events.
    recorded: PerMinute,
    /// Spans that were too many.
    dropped: u32,
    /// Spans of the page load, but for its own.
    #[cfg(feature = "elastic")]
    children: u32,
    /// When the last span of the page load's trace has ended, in milliseconds of the page's clock.
    #[cfg(feature = "elastic")]
    latest: f64,
    /// The page's URL as it is now, as it may be shown.
    #[cfg(feature = "elastic")]
    place: String,
}

/// Who wants nothing to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// `apm.pause()`
    Call,
    /// Nobody has consented.
    Consent,
}

/// What becomes of a span.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Send,
    /// It is not sampled, but something has failed.
    SendFailed,
    Hold,
    Drop,
}

/// Takes the spans of one trace.
struct TraceSink<'a, H> {
    recorder: &'a mut Recorder<H>,
    root: Root,
    /// What others on the trace have to say.
    tracestate: &'a str,
    members: Propagators,
    /// Spans a minute.
    limit: u32,
    /// Whether the page's `beforeSend` is asked.
    asks: bool,
    fate: Fate,
    /// Whether the trace is the page load's.
    #[cfg(feature = "elastic")]
    is_page: bool,
    /// Of the next span.
    #[cfg(feature = "elastic")]
    further: Attributes,
}

impl<H: Host> Recorder<H> {
    /// Decides on a trace that starts here; the tuple is what [`Host::sample`] gets.
    fn decide(
        &self,
        options: &Options,
        session: Option<SessionHash>,
        trace_id: TraceId,
        (kind, name, url): (u32, &str, &str),
    ) -> Root {
        let mut rate = options.sample_rate;
        if cfg!(feature = "sampler") && options.is_given(OptionId::TracesSampler) {
            let asked = self.host.sample(kind, name, url);
            if (0.0..=1.0).contains(&asked) {
                rate = rounded_rate(asked);
            } else if !asked.is_nan()
                && !self.sampler_failed.replace(true)
                && LogLevel::Warn as u32 >= options.log_level
            {
                let warning = "tracesSampler failed, or returned no number from 0 to 1";
                self.host.log(LogLevel::Warn, warning);
            }
        }
        let threshold = Threshold::from_probability(rate);
        let decision = match session {
            None => Decision::of_trace(threshold, trace_id.randomness()),
            Some(session) if options.speaks_datadog() => Decision::of_datadog_session(rate, session),
            Some(session) => Decision::of_session(threshold, session),
        };
        Root { decision, rate: Some(rate) }
    }

    /// Whether one more may be recorded in this minute.
    fn admits(&mut self, now: f64, limit: u32) -> bool {
        let admitted = self.recorded.admits(now, limit);
        self.dropped += u32::from(!admitted);
        admitted
    }

    /// Follows the wall clock once for each batch: see [`Clock`].
    fn follow_clock(&mut self) {
        if self.queue.is_empty() && self.held.is_empty() {
            self.clock.follow(self.host.wall_clock());
        }
    }

    fn record_event(&mut self, options: &Options, event: &Event) {
        if !cfg!(feature = "events")
            || !self.queue.takes_events
            || !self.admits(event.time, options.events_limit)
        {
            return;
        }
        self.follow_clock();
        let Self { host, clock, queue, dropped, .. } = self;
        let mut message = Vec::new();
        otlp_protobuf::write_event(event, clock, &mut message);
        if cfg!(feature = "before-send") && options.is_given(OptionId::BeforeSend) {
            match ask(host, &message, otlp_json::LOG_RECORD) {
                Answered::AsItIs => {}
                Answered::Dropped => {
                    *dropped += 1;
                    return;
                }
                Answered::Changed(name, given) => {
                    message.clear();
                    let Event { time, severity, context, .. } = *event;
                    let attributes = Attributes::of_event().given(&given);
                    let event = Event { name: &name, time, severity, context, attributes };
                    otlp_protobuf::write_event(&event, clock, &mut message);
                }
            }
        }
        queue.push(|out| out.extend_from_slice(&message));
    }

    /// Takes the spans of the page load's trace, or of a request's own.
    fn sink<'a>(
        &'a mut self,
        page: &'a PageLoad,
        own_root: Option<Root>,
        options: &Options,
        fate: Fate,
    ) -> TraceSink<'a, H> {
        let tracestate = if own_root.is_some() { "" } else { &page.tracestate };
        #[cfg(feature = "elastic")]
        let is_page = own_root.is_none();
        let limit = options.events_limit;
        let root = own_root.unwrap_or(page.root);
        let asks = options.is_given(OptionId::BeforeSend);
        TraceSink {
            recorder: self,
            root,
            tracestate,
            members: options.members(),
            limit,
            asks,
            fate,
            #[cfg(feature = "elastic")]
            is_page,
            #[cfg(feature = "elastic")]
            further: Attributes::of_span(),
        }
    }
}

impl<H: Host> TraceSink<'_, H> {
    /// Sends what was held, or drops it.
    fn release(&mut self) {
        if !cfg!(feature = "deferred") {
            return;
        }
        for (context, body) in mem::take(&mut self.recorder.held) {
            self.take(context, body);
        }
    }

    fn take(&mut self, mut context: SpanContext, body: Body) {
        #[cfg(feature = "elastic")]
        let mut attributes = mem::replace(&mut self.further, Attributes::of_span());
        #[cfg(not(feature = "elastic"))]
        let mut attributes = Attributes::of_span();
        match self.fate {
            Fate::Drop => return,
            Fate::Hold if !cfg!(feature = "deferred") => {}
            Fate::Hold => {
                if self.recorder.held.len() < HELD {
                    self.recorder.held.push((context, body));
                } else {
                    self.recorder.dropped += 1;
                }
                return;
            }
            Fate::Send => {}
            Fate::SendFailed => {
                if cfg!(feature = "deferred") {
                    attributes.flag("headwater.sampled_on_error", true);
                }
            }
        }
        #[cfg(feature = "elastic")]
        if self.recorder.queue.protocol() == Protocol::Elastic
            && let Some(rate) = self.root.rate
        {
            let mut text = Vec::new();
            write_ratio(rate, &mut text);
            attributes.utf8(elastic::SAMPLE_RATE, &text);
        }
        #[cfg(feature = "elastic")]
        {
            self.recorder.children += u32::from(self.is_page);
            if self.recorder.queue.protocol() == Protocol::Elastic && body.is_entry() {
                attributes.text(elastic::PLACE, &self.recorder.place);
            }
        }
        if cfg!(feature = "sessions") {
            attributes.known_text(SESSION_ID, &self.recorder.session_id);
        }
        context.flags = context.flags.with_sampled(self.root.decision.sampled());
        let mut tracestate = Vec::new();
        if cfg!(feature = "opentelemetry") {
            self.root.write_tracestate(context, self.members, self.tracestate, &mut tracestate);
        }
        self.recorder
            .queue
            .push(|out| otlp_protobuf::write_span(&context, &tracestate, &attributes, &body, out));
    }
}

impl<H: Host> Sink for TraceSink<'_, H> {
    fn record(&mut self, span: &Span) {
        #[cfg(feature = "elastic")]
        if self.is_page && span.end > self.recorder.latest {
            self.recorder.latest = span.end;
        }
        if self.fate == Fate::Drop {
            return;
        }
        if !self.recorder.admits(span.end, self.limit) {
            return;
        }
        self.recorder.follow_clock();
        let Recorder { host, clock, dropped, .. } = &mut *self.recorder;
        let mut body = otlp_protobuf::body_of(span, clock);
        if cfg!(feature = "before-send") && self.asks {
            let mut message = Vec::new();
            otlp_protobuf::write_span(&span.context, &[], &Attributes::of_span(), &body, &mut message);
            match ask(host, &message, otlp_json::SPAN) {
                Answered::AsItIs => {}
                Answered::Dropped => {
                    *dropped += 1;
                    return;
                }
                Answered::Changed(name, given) => {
                    let attributes = &Attributes::of_span().given(&given);
                    let Span { context, parent, kind, start, end, status, .. } = *span;
                    let links: &[Link] = &[];
                    let name = name.as_str();
                    body = body.with_link_of(otlp_protobuf::body_of(
                        &Span { context, parent, name, kind, start, end, attributes, links, status },
                        clock,
                    ));
                }
            }
        }
        self.take(span.context, body);
    }
}

/// Shows a span, or an event, to the page's `beforeSend`; `message` is the field that holds it.
fn ask(host: &impl Host, message: &[u8], table: &'static [otlp_json::Field]) -> Answered {
    let (_, item) = Fields(message).next().unwrap_or((0, Value::Bytes(&[])));
    let mut json = Vec::new();
    otlp_json::transcode(item.bytes(), table, &|number, out| host.format(number, out), &mut json);
    let answer = host.before_send(utf8(&json));
    let mut rest = answer.as_str();
    let name = take_part(&mut rest, 1);
    match name.split_at_checked(1) {
        Some(("+", name)) => Answered::Changed(name.into(), rest.into()),
        Some(_) => Answered::Dropped,
        None => Answered::AsItIs,
    }
}

/// What the page's `beforeSend` has made of a span or an event.
enum Answered {
    AsItIs,
    Dropped,
    /// Its name, and what [`Attributes::given`] reads.
    Changed(String, String),
}

/// The encoded resource. OpenTelemetry semantic conventions: `service`, `telemetry`, `browser`,
/// `user_agent`, `deployment`.
fn resource_of(options: &Options) -> Vec<u8> {
    let mut attributes = Attributes::of_resource();
    let given = |key: &str| options.resource.iter().any(|(given, _)| given == key);
    attributes.text("telemetry.sdk.name", otlp_protobuf::SCOPE_NAME);
    attributes.text("telemetry.sdk.language", "webjs");
    attributes.text("telemetry.sdk.version", otlp_protobuf::SCOPE_VERSION);
    let mut keys = RESOURCE_KEYS;
    for option in RESOURCE {
        let key = take_part(&mut keys, b' ');
        let text = options.text(option);
        if text.is_empty() || given(key) {
            continue;
        }
        match option {
            OptionId::Mobile => attributes.flag(key, text == "true"),
            OptionId::Brands => attributes.list(key, text),
            _ => attributes.text(key, text),
        }
    }
    for (key, value) in &options.resource {
        match value {
            OwnedValue::Text(text) => attributes.text(key, text),
            OwnedValue::Flag(flag) => attributes.flag(key, *flag),
            // JavaScript has one kind of number: whole ones are integers to the back ends.
            OwnedValue::Number(number) if (*number as i64) as f64 == *number => {
                attributes.integer(key, *number as i64);
            }
            OwnedValue::Number(number) => attributes.double(key, *number),
        }
    }
    attributes.bytes().into()
}

const RESOURCE: [OptionId; 8] = [
    OptionId::ServiceName,
    OptionId::ServiceVersion,
    OptionId::Environment,
    OptionId::Language,
    OptionId::Platform,
    OptionId::Mobile,
    OptionId::Brands,
    OptionId::UserAgent,
];
/// In the same order. One text, as a table would have a place and a length of each.
const RESOURCE_KEYS: &str = "service.name service.version deployment.environment.name browser.language \
    browser.platform browser.mobile browser.brands user_agent.original";
/// Seconds that the collector's clock may be away from ours, what with the time that an answer takes.
const MOST_OFF: f64 = 5.0;
/// Milliseconds between sendings, by default: a request takes the page's thread one. The first comes sooner, as most visits are
/// short, and a preflight is best made while there is time.
const FLUSH_INTERVAL: f64 = 5_000.0;
/// Of more requests under way the oldest are propagated but not recorded.
const OPEN_REQUESTS: usize = 1_000;
/// What a trace begins with, for the page's sampler; behind these are the [`Cause`]s.
const REQUEST_KIND: u32 = 0;
const PAGE_LOAD_KIND: u32 = 1;
const FIRST_CAUSE: u32 = 2;
/// OpenTelemetry's semantic conventions.
const SESSION_ID: &str = "session.id";
/// What the wrapper calls the page load, among activities.
const PAGE_LOAD: u32 = u32::MAX;
/// Of more activities at a time nothing is known.
const OPEN_ACTIVITIES: usize = 1_000;
/// The page hears of a failure, and handles it or not, soon after it.
const FAILED_REQUESTS: usize = 16;
/// Of more ended requests that wait for the browser's word the first does not.
#[cfg(feature = "timing")]
const WAITING: usize = 100;
/// Of more spans held for a decision the latest are lost.
const HELD: usize = 1_000;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_proto::tonic::trace::v1::Span as Decoded;
    use prost::Message;

    use super::*;
    use crate::options::Input;

    /// A page in which time is told and everything sent is kept.
    #[derive(Clone, Default)]
    struct Page(Rc<RefCell<World>>);

    #[derive(Default)]
    struct World {
        sent: Vec<(u32, Vec<u8>, bool)>,
        timers: Vec<f64>,
        logged: Vec<String>,
        /// What the sampler was asked, and what it says.
        asked: Vec<String>,
        rate: f64,
        stored: String,
        /// Whether what was sent are events.
        events: Vec<bool>,
    }

    impl Host for Page {
        fn wall_clock(&self) -> f64 {
            1_000.0
        }

        fn first_match(&self, origin: &str) -> Option<usize> {
            ["https://pattern.example", "https://dry.example"].iter().position(|known| *known == origin)
        }

        fn sample(&self, kind: u32, name: &str, url: &str) -> f64 {
            let mut world = self.0.borrow_mut();
            world.asked.push(format!("{kind} {name} {url}"));
            world.rate
        }

        fn store(&self, session: &str) {
            self.0.borrow_mut().stored = session.into();
        }

        fn origin(&self, url: &str) -> Option<String> {
            Some(url.trim_end_matches('/').into())
        }

        fn start_timer(&self, delay: f64) {
            self.0.borrow_mut().timers.push(delay);
        }

        fn format(&self, number: f64, out: &mut Vec<u8>) {
            out.extend_from_slice(number.to_string().as_bytes());
        }

        fn send(&self, number: u32, body: &[u8], keepalive: bool, are_events: bool) {
            let mut world = self.0.borrow_mut();
            world.sent.push((number, body.into(), keepalive));
            world.events.push(are_events);
        }

        fn keep(&self, _record: &[u8]) -> bool {
            false
        }

        fn take(&self, _maximal_age: f64) {}

        fn settle_record(&self, _record: u32, _done: bool) {}

        fn log(&self, _level: LogLevel, text: &str) {
            self.0.borrow_mut().logged.push(text.into());
        }
    }

    impl Page {
        fn requests(&self) -> Vec<ExportTraceServiceRequest> {
            let decode = |(_, body, _): &(u32, Vec<u8>, bool)| {
                let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                assert_eq!(&request.encode_to_vec(), body, "the bytes are the canonical ones");
                request
            };
            self.0.borrow().sent.iter().map(decode).collect()
        }

        fn events(&self) -> Vec<LogRecord> {
            let decode = |(_, body, _): (u32, Vec<u8>, bool)| {
                let request = ExportLogsServiceRequest::decode(body.as_slice()).unwrap();
                assert_eq!(request.encode_to_vec(), body, "the bytes are the canonical ones");
                request
            };
            let requests = self.0.borrow_mut().sent.drain(..).map(decode).collect::<Vec<_>>();
            let logs = requests.into_iter().flat_map(|request| request.resource_logs);
            logs.flat_map(|logs| logs.scope_logs).flat_map(|scope| scope.log_records).collect()
        }

        /// All spans and all events.
        fn both(&self) -> (Vec<Decoded>, Vec<LogRecord>) {
            let events = self.0.borrow().events.clone();
            let all = mem::take(&mut self.0.borrow_mut().sent);
            let mut sent = events.into_iter().zip(all);
            let (logs, traces): (Vec<_>, Vec<_>) = sent.by_ref().partition(|(are_events, _)| *are_events);
            let of = |sent: Vec<(bool, _)>| sent.into_iter().map(|(_, sent)| sent).collect();
            self.0.borrow_mut().sent = of(traces);
            let spans = self.spans();
            self.0.borrow_mut().sent = of(logs);
            (spans, self.events())
        }

        fn spans(&self) -> Vec<Decoded> {
            let requests = self.requests().into_iter();
            let resources = requests.flat_map(|request| request.resource_spans);
            resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
        }
    }

    fn agent(given: &[(OptionId, Input)]) -> (Agent<Page>, Page) {
        let page = Page::default();
        let mut agent = Agent::new(page.clone(), |bytes| getrandom::fill(bytes).unwrap());
        let always = [
            (OptionId::ServiceName, Input::Text("shop")),
            (OptionId::PageOrigin, Input::Text("https://shop.example")),
            (OptionId::Session, Input::Flag(false)),
        ];
        for (option, value) in always.iter().chain(given) {
            assert!(agent.configure(*option, "", *value), "{option:?}");
        }
        assert!(agent.start(1_000.0, 5.0));
        (agent, page)
    }

    fn end_page_load(agent: &mut Agent<Page>) {
        let milestones =
            Milestones { dom_interactive: 1.0, dom_content_loaded: 2.0, dom_complete: 3.0, load: 4.0 };
        agent.end_page_load(4.0, "https://shop.example/", "navigate", "", &milestones, 4.0);
    }

    fn text(headers: Vec<u8>) -> String {
        String::from_utf8(headers).unwrap()
    }

    #[test]
    fn requests_are_children_of_the_open_page_load_and_roots_after_it() {
        let (mut agent, page) = agent(&[]);
        let during = text(agent.start_request(1, 6.0, "GET https://shop.example/a", false));
        end_page_load(&mut agent);
        agent.start_request(2, 7.0, "GET https://shop.example/b", false);
        agent.end_request(1, 8.0, Outcome::Response(200), false, "");
        agent.end_request(2, 9.0, Outcome::Response(200), false, "");
        agent.end_request(3, 9.0, Outcome::Response(200), false, "");
        agent.flush(9.0, Stay::Here);
        let [load, first, second] = page.spans().try_into().unwrap();
        assert_eq!(load.name, "documentLoad");
        assert_eq!((first.trace_id, first.parent_span_id), (load.trace_id.clone(), load.span_id));
        assert!(second.parent_span_id.is_empty() && second.trace_id != load.trace_id);
        let id: String = first.span_id.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(during.ends_with(&format!("-{id}-03")), "sampled and random: {during}");
        assert_eq!((first.start_time_unix_nano, first.end_time_unix_nano), (1_006_000_000, 1_008_000_000));
        assert_eq!((first.kind, first.flags), (3, 0x103));
    }

    #[test]
    fn an_inactive_agent_does_nothing() {
        let page = Page::default();
        let mut agent = Agent::new(page.clone(), |bytes| getrandom::fill(bytes).unwrap());
        assert!(agent.options.set(OptionId::Active, "", Input::Flag(false), &|_| None));
        assert!(!agent.start(1_000.0, 5.0));
        assert!(agent.start_request(1, 6.0, "GET https://shop.example/", false).is_empty());
        end_page_load(&mut agent);
        agent.leave(9.0);
        assert!(page.0.borrow().sent.is_empty());
    }

    #[test]
    fn headers_go_to_exact_origins_only() {
        let (mut agent, _) = agent(&[
            (OptionId::DistributedTracingOrigins, Input::Text("https://api.example")),
            (OptionId::DistributedTracingOrigins, Input::Pattern),
            (OptionId::PropagateTracestate, Input::Flag(true)),
        ]);
        let mut headers = |line: &str, no_cors| text(agent.start_request(1, 6.0, line, no_cors));
        for url in ["https://shop.example/", "https://api.example/x", "https://pattern.example/x"] {
            let headers = headers(&format!("GET {url}"), false);
            assert!(headers[1..].starts_with("\ntraceparent\n00-"), "{url}: {headers}");
            assert!(headers.ends_with("\ntracestate\nes=s:1"), "{url}: {headers}");
        }
        for url in ["https://other.example/", "http://api.example/", "data:text/plain,x", ""] {
            assert_eq!(headers(&format!("GET {url}"), false), "");
        }
        assert_eq!(headers("GET https://api.example/", true), "", "no-cors");
    }

    #[test]
    fn nothing_goes_anywhere_without_distributed_tracing() {
        let (mut agent, _) = agent(&[(OptionId::DistributedTracing, Input::Flag(false))]);
        assert!(agent.start_request(1, 6.0, "GET https://shop.example/", false).is_empty());
    }

    #[test]
    fn what_is_not_sampled_is_propagated_and_not_sent() {
        let (mut agent, page) = agent(&[
            (OptionId::TransactionSampleRate, Input::Number(0.0)),
            (OptionId::PropagateTracestate, Input::Flag(true)),
        ]);
        let headers = text(agent.start_request(1, 6.0, "GET https://shop.example/", false));
        assert!(headers.contains("-02\n") && headers.ends_with("es=s:0"), "{headers}");
        agent.end_request(1, 7.0, Outcome::Response(200), false, "");
        end_page_load(&mut agent);
        agent.leave(9.0);
        assert!(page.spans().is_empty());
        assert!(page.0.borrow().timers.is_empty());
    }

    #[test]
    fn a_caller_s_traceparent_is_adopted() {
        let (mut agent, page) = agent(&[]);
        agent.start_request(1, 6.0, "GET https://shop.example/", false);
        agent.adopt(1, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        agent.start_request(2, 6.0, "GET https://shop.example/", false);
        agent.adopt(2, "nonsense");
        agent.end_request(1, 7.0, Outcome::Response(200), false, "");
        agent.end_request(2, 7.0, Outcome::Response(200), false, "");
        agent.flush(9.0, Stay::Here);
        let [adopted, own] = page.spans().try_into().unwrap();
        assert_eq!(adopted.span_id, [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7]);
        assert!(adopted.parent_span_id.is_empty(), "the page load is in another trace");
        assert!(!own.parent_span_id.is_empty());
    }

    #[test]
    fn the_caller_s_tracestate_stands_behind_ours() {
        let (mut agent, _) = agent(&[(OptionId::PropagateTracestate, Input::Flag(true))]);
        agent.start_request(1, 6.0, "GET https://shop.example/", false);
        assert_eq!(text(agent.merge_tracestate(1, "a=1")), "es=s:1,a=1");
    }

    #[test]
    fn resources_are_children_but_our_own_traffic_and_traced_requests_are_not() {
        let (mut agent, page) = agent(&[(OptionId::ServerUrl, Input::Text("https://collector.example/"))]);
        let mut resource = |url, initiator, start| {
            agent.resource(&Resource {
                url,
                initiator,
                protocol: "h2",
                render_blocking: "",
                start,
                end: start + 1.0,
                status: 200,
                transfer_size: 0.0,
                body_size: 0.0,
                decoded_size: 0,
                server_timing: "",
                timing: "",
            });
        };
        resource("https://shop.example/", "navigation", 0.0);
        resource("https://shop.example/a.css", "link", 6.0);
        resource("https://shop.example/early", "fetch", 1.0);
        resource("https://shop.example/traced", "fetch", 6.0);
        resource("https://shop.example/traced", "xmlhttprequest", 6.0);
        resource("https://collector.example/v1/traces", "other", 6.0);
        resource("https://collector.example/v1/logs", "other", 6.0);
        end_page_load(&mut agent);
        agent.flush(9.0, Stay::Here);
        let spans = page.spans();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["documentFetch", "resourceFetch", "resourceFetch", "documentLoad"]);
        assert!(spans[..3].iter().all(|span| span.parent_span_id == spans[3].span_id));
        assert_eq!(
            agent.endpoint(),
            "https://collector.example/v1/traces\napplication/x-protobuf\n\nhttps://collector.example/v1/logs"
        );
    }

    #[test]
    fn errors_are_events_within_the_page_load_and_counted_once() {
        let (mut agent, page) = agent(&[(OptionId::TransactionSampleRate, Input::Number(0.0))]);
        let error = "https://shop.example/\u{1}Error\u{1}no cart\u{1}";
        agent.capture_error(7.0, error, "steam\u{2}river", true, 0);
        agent.capture_error(8.0, error, "steam\u{2}river", true, 0);
        agent.flush(9.0, Stay::Here);
        let [event] = page.events().try_into().unwrap();
        assert_eq!((event.event_name.as_str(), event.severity_number), ("exception", 17));
        assert_eq!((event.time_unix_nano, event.observed_time_unix_nano), (1_007_000_000, 1_007_000_000));
        let context = agent.page.as_ref().unwrap().context;
        assert_eq!(event.trace_id, context.trace_id.bytes());
        assert_eq!(event.span_id, context.span_id.bytes());
        assert_eq!(event.flags & 1, 0, "not sampled, and sent all the same");
        assert!(event.attributes.iter().any(|pair| pair.key == "team"));
        end_page_load(&mut agent);
        agent.capture_error(10.0, "\u{1}\u{1}other\u{1}", "", false, 0);
        agent.flush(11.0, Stay::Here);
        let [event] = page.events().try_into().unwrap();
        assert_eq!((event.trace_id.len(), event.span_id.len(), event.flags), (0, 0, 0));
    }

    #[test]
    fn what_a_browser_calls_an_error_is_for_elastic_s_server_only() {
        let error = "https://shop.example/\u{1}RangeError\u{1}no cart\u{1}\u{3}Uncaught RangeError: no cart";
        let (mut otlp, page) = agent(&[]);
        otlp.capture_error(7.0, error, "", false, 0);
        otlp.flush(9.0, Stay::Here);
        let [event] = page.events().try_into().unwrap();
        let attributes: Vec<_> = event.attributes.iter().map(|pair| pair.key.as_str()).collect();
        assert_eq!(
            attributes,
            [
                "exception.type",
                "exception.message",
                "exception.stacktrace",
                "headwater.exception.handled",
                "url.full"
            ]
        );
        // The same, as the page hands it over.
        otlp.capture_error(8.0, "https://shop.example/\u{1}RangeError\u{1}no cart\u{1}", "", true, 0);
        otlp.flush(9.0, Stay::Here);
        assert!(page.events().is_empty());
    }

    #[test]
    fn an_empty_prefix_leaves_the_url_alone_but_elastics() {
        let endpoint = |protocol| {
            let (agent, _) = agent(&[
                (OptionId::Protocol, Input::Text(protocol)),
                (OptionId::Endpoint, Input::Text("https://collector.example/in")),
                (OptionId::ServerUrlPrefix, Input::Text("")),
            ]);
            agent.endpoint
        };
        assert_eq!(endpoint("http/protobuf"), "https://collector.example/in");
        assert_eq!(endpoint("elastic"), "https://collector.example/in/intake/v2/rum/events");
    }

    #[test]
    fn errors_can_be_left_off_and_have_no_place_at_some_endpoints() {
        let handled = |given: &[(OptionId, Input)], handled| {
            let (mut agent, page) = agent(given);
            agent.capture_error(7.0, "\u{1}\u{1}a\u{1}", "", handled, 0);
            agent.flush(9.0, Stay::Here);
            page.events().len()
        };
        let off = (OptionId::DisableInstrumentations, Input::Text("error"));
        assert_eq!((handled(&[off], false), handled(&[off], true)), (0, 1));
        let endpoint = (OptionId::Endpoint, Input::Text("https://collector.example/in"));
        let exact = (OptionId::ServerUrlPrefix, Input::Text(""));
        let logs = (OptionId::LogsEndpoint, Input::Text("https://collector.example/logs"));
        assert_eq!(handled(&[endpoint, exact], false), 0);
        assert_eq!(handled(&[endpoint, exact, logs], false), 1);
        assert_eq!(handled(&[(OptionId::EventsLimit, Input::Number(0.0))], true), 0);
    }

    #[test]
    fn the_resource_says_who_we_are_and_the_caller_has_the_last_word() {
        let (mut agent, page) = agent(&[
            (OptionId::ServiceVersion, Input::Text("1.2")),
            (OptionId::Mobile, Input::Text("false")),
            (OptionId::Brands, Input::Text("A 1|B 2")),
        ]);
        end_page_load(&mut agent);
        agent.flush(9.0, Stay::Here);
        let [request] = page.requests().try_into().unwrap();
        let resource = request.resource_spans[0].resource.clone().unwrap();
        let keys: Vec<_> = resource.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
        let expected = [
            ("telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version"),
            ("service.name", "service.version", "browser.mobile"),
        ];
        for (a, b, c) in expected {
            assert!(keys.contains(&a) && keys.contains(&b) && keys.contains(&c), "{keys:?}");
        }
        let scope = request.resource_spans[0].scope_spans[0].scope.clone().unwrap();
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("headwater", env!("CARGO_PKG_VERSION")));

        let mut options = Options::new();
        for (key, value) in [
            ("service.name", Input::Text("mine")),
            ("build", Input::Number(7.0)),
            ("share", Input::Number(0.5)),
            ("canary", Input::Flag(true)),
        ] {
            assert!(options.set(OptionId::ResourceAttributes, key, value, &|_| None));
        }
        assert!(options.set(OptionId::ServiceName, "", Input::Text("shop"), &|_| None));
        let decoded =
            opentelemetry_proto::tonic::resource::v1::Resource::decode(resource_of(&options).as_slice());
        let attributes = decoded.unwrap().attributes;
        let names: Vec<_> = attributes.iter().filter(|attribute| attribute.key == "service.name").collect();
        assert_eq!(names.len(), 1);
        let shown = format!("{attributes:?}");
        for part in ["StringValue(\"mine\")", "IntValue(7)", "DoubleValue(0.5)", "BoolValue(true)"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn spans_go_by_time_by_size_and_at_exit() {
        let (mut agent, page) = agent(&[(OptionId::FlushInterval, Input::Number(250.0))]);
        let request = |agent: &mut Agent<Page>, number| {
            agent.start_request(number, 6.0, "GET https://shop.example/a", false);
            agent.end_request(number, 7.0, Outcome::Response(200), false, "");
            agent.time_request(7.5, &entry("https://shop.example/a", 6.0, 7.0, ""));
        };
        request(&mut agent, 1);
        request(&mut agent, 2);
        assert_eq!(page.0.borrow().timers, [250.0], "one timer for both");
        assert!(page.spans().is_empty());
        agent.timer(9.0);
        assert_eq!(page.spans().len(), 2);
        for number in 0..200 {
            request(&mut agent, number);
        }
        let by_size = page.spans().len();
        assert!(by_size > 50, "{by_size}");
        agent.start_request(500, 8.0, "GET https://shop.example/under-way", false);
        agent.leave(9.0);
        assert_eq!(page.spans().len(), 203, "those under way, too");
        assert!(page.0.borrow().sent.iter().any(|(_, _, keepalive)| *keepalive));
        agent.end_request(500, 10.0, Outcome::Response(200), false, "");
        agent.flush(9.0, Stay::Here);
        assert_eq!(page.spans().len(), 203, "each once");
    }

    #[test]
    fn by_default_only_the_first_are_sent_soon() {
        let sent_after = |given: &[(OptionId, Input)]| {
            let (mut agent, page) = agent(given);
            let mut sent = |number, now| {
                if number > 0 {
                    fetch(&mut agent, number, 200);
                }
                agent.timer(now);
                page.spans().len()
            };
            let counts = [sent(1, 510.0), sent(2, 1_000.0), sent(0, 4_000.0), sent(0, 5_100.0)];
            let first = page.0.borrow().timers[0];
            (first, counts)
        };
        assert_eq!(sent_after(&[]), (500.0, [1, 1, 1, 2]));
        let soon = (OptionId::FlushInterval, Input::Number(500.0));
        assert_eq!(sent_after(&[soon]), (500.0, [1, 2, 2, 2]));
    }

    #[test]
    fn an_answer_leads_to_no_request_but_for_what_had_no_room() {
        let (mut agent, page) = agent(&[]);
        end_page_load(&mut agent);
        let sent = || page.0.borrow().sent.len();
        agent.flush(9.0, Stay::Here);
        let first = page.0.borrow().sent[0].0;
        fetch(&mut agent, 1, 200);
        agent.settle(10.0, first, 200, 0.0, &[]);
        assert_eq!(sent(), 1);
        agent.timer(500.0);
        assert_eq!(sent(), 2);

        let mut before = 1;
        while sent() > before {
            before = sent();
            fetch(&mut agent, 2, 200);
            agent.flush(600.0, Stay::Here);
        }
        let last = page.0.borrow().sent[before - 1].0;
        agent.settle(601.0, last, 200, 0.0, &[]);
        assert_eq!(sent(), before + 1);
    }

    #[test]
    fn what_becomes_of_spans_is_counted_and_mentioned_once() {
        let (mut agent, page) = agent(&[]);
        end_page_load(&mut agent);
        let mut answer = |status, expected: [u32; 3]| {
            fetch(&mut agent, 1, 200);
            agent.flush(9.0, Stay::Here);
            let number = page.0.borrow().sent.last().unwrap().0;
            agent.settle(9.0, number, status, 0.0, &[]);
            assert_eq!([0, 1, 2].map(|which| agent.count(which)), expected, "{status}");
            page.0.borrow().logged.len()
        };
        assert_eq!(answer(200, [2, 0, 0]), 0);
        assert_eq!(answer(400, [2, 0, 1]), 1);
        assert_eq!(answer(413, [2, 0, 2]), 1);
        assert_eq!(answer(503, [2, 1, 2]), 1);
        agent.timer(2_000.0);
        let number = page.0.borrow().sent.last().unwrap().0;
        agent.settle(2_000.0, number, 200, 0.0, &[]);
        assert_eq!([0, 1, 2].map(|which| agent.count(which)), [3, 0, 2]);
    }

    /// The agent with a page of sessions stored and a sampler that says this.
    fn full_agent(given: &[(OptionId, Input)], world: World) -> (Agent<Page>, Page) {
        let page = Page(Rc::new(RefCell::new(world)));
        let mut agent = Agent::new(page.clone(), |bytes| getrandom::fill(bytes).unwrap());
        let always = [
            (OptionId::ServiceName, Input::Text("shop")),
            (OptionId::PageOrigin, Input::Text("https://shop.example")),
            (OptionId::PageUrl, Input::Text("https://shop.example/cart")),
            (OptionId::StoredSession, Input::Text("6ba7b810-9dad-41d1-80b4-00c04fd430c8 0 0")),
        ];
        for (option, value) in always.iter().chain(given) {
            assert!(agent.configure(*option, "", *value), "{option:?}");
        }
        assert!(agent.start(1_000.0, 5.0));
        (agent, page)
    }

    fn fetch(agent: &mut Agent<Page>, number: u32, status: u16) -> String {
        let headers = agent.start_request(number, 6.0, "GET https://shop.example/a", false);
        agent.end_request(number, 7.0, Outcome::Response(status), false, "");
        text(headers)
    }

    fn marked(span: &Decoded) -> bool {
        span.attributes.iter().any(|attribute| attribute.key == "headwater.sampled_on_error")
    }

    const REJECT_ALL: (OptionId, Input) = (OptionId::TransactionSampleRate, Input::Number(0.0));
    const MEMBERS: [(OptionId, Input); 2] =
        [(OptionId::TracestateMembers, Input::Text("ot")), (OptionId::TracestateMembers, Input::Text("dd"))];

    #[test]
    fn a_kept_page_load_is_sent_with_its_priority_and_without_a_threshold() {
        let (mut agent, page) = agent(&[REJECT_ALL, MEMBERS[0], MEMBERS[1]]);
        assert!(agent.decide(true));
        let headers = fetch(&mut agent, 1, 200);
        assert!(headers.contains("-03\ntracestate\ndd=s:2;o:rum;p:"), "{headers}");
        assert!(!headers.contains("th:"), "{headers}");
        assert!(!agent.decide(false), "it has gone out");
        assert!(agent.decide(true), "which is no change");
        end_page_load(&mut agent);
        assert!(!agent.decide(true), "nothing is open");
        agent.flush(9.0, Stay::Here);
        let spans = page.spans();
        assert_eq!(spans.len(), 2);
        for span in &spans {
            assert!(span.trace_state.starts_with("dd=s:2;") && !span.trace_state.contains("th:"));
            assert_eq!(span.flags & 1, 1);
        }
        let logged = page.0.borrow().logged.join("\n");
        assert_eq!(logged.lines().count(), 2);
        assert!(logged.contains("already gone out") && logged.contains("has ended"), "{logged}");
    }

    #[test]
    fn a_dropped_page_load_is_not_sent_and_says_so() {
        let (mut agent, page) = agent(&MEMBERS);
        let id = text(agent.traceparent(5.0, true));
        assert!(id.ends_with("-03"), "{id}");
        assert!(agent.decide(false));
        let headers = fetch(&mut agent, 1, 200);
        assert!(headers.contains("-02\ntracestate\ndd=s:-1;o:rum;"), "{headers}");
        end_page_load(&mut agent);
        assert!(agent.traceparent(5.0, true).is_empty());
        agent.leave(9.0);
        assert!(page.spans().is_empty());
    }

    #[test]
    fn spans_wait_while_the_decision_may_change() {
        let (mut agent, page) = agent(&[(OptionId::DistributedTracing, Input::Flag(false))]);
        assert!(fetch(&mut agent, 1, 200).is_empty());
        agent.timer(9.0);
        assert_eq!(page.spans().len(), 1, "what is sent is decided");
        assert!(!agent.decide(false));

        let (mut agent, page) = self::agent(&[(OptionId::DistributedTracing, Input::Flag(false))]);
        fetch(&mut agent, 1, 200);
        assert!(agent.decide(false), "nothing has gone out");
        agent.timer(9.0);
        end_page_load(&mut agent);
        agent.leave(9.0);
        assert!(page.spans().is_empty());
    }

    #[test]
    fn a_server_s_decision_is_neither_kept_nor_dropped() {
        let (mut agent, page) = agent(&[(OptionId::PageLoadSampled, Input::Flag(true))]);
        assert!(!agent.decide(false));
        assert!(page.0.borrow().logged[0].contains("server"));
    }

    #[test]
    fn an_unsampled_page_load_with_an_error_is_sent_and_marked() {
        for (failing, sent) in [(false, 0), (true, 3)] {
            let (mut agent, page) =
                agent(&[REJECT_ALL, MEMBERS[0], (OptionId::SampleOnError, Input::Flag(true))]);
            let headers = fetch(&mut agent, 1, 200);
            assert!(headers.contains("-02"), "its decision stands: {headers}");
            if failing {
                agent.note_error();
            }
            fetch(&mut agent, 2, 200);
            agent.timer(9.0);
            assert!(page.spans().is_empty(), "held until the page load ends");
            end_page_load(&mut agent);
            fetch(&mut agent, 3, 200);
            agent.note_error();
            agent.leave(9.0);
            let spans = page.spans();
            assert_eq!(spans.len(), sent);
            for span in &spans {
                assert!(marked(span) && span.flags & 1 == 0 && !span.trace_state.contains("th:"), "{span:?}");
            }
        }
    }

    #[test]
    fn a_failed_request_is_an_error_of_its_trace() {
        let given = [REJECT_ALL, (OptionId::SampleOnError, Input::Flag(true))];
        let (mut during, page) = agent(&given);
        fetch(&mut during, 1, 500);
        end_page_load(&mut during);
        during.leave(9.0);
        assert_eq!(page.spans().len(), 2);

        let (mut after, page) = agent(&given);
        end_page_load(&mut after);
        fetch(&mut after, 1, 200);
        fetch(&mut after, 2, 404);
        after.start_request(3, 6.0, "GET https://shop.example/", false);
        after.end_request(3, 7.0, Outcome::Cancelled, false, "");
        after.leave(9.0);
        let [failed] = page.spans().try_into().unwrap();
        assert!(marked(&failed) && failed.parent_span_id.is_empty());
    }

    #[test]
    fn sampled_spans_are_not_marked() {
        let (mut agent, page) = agent(&[(OptionId::SampleOnError, Input::Flag(true))]);
        fetch(&mut agent, 1, 500);
        end_page_load(&mut agent);
        agent.leave(9.0);
        assert_eq!(page.spans().len(), 2);
        assert!(!page.spans().iter().any(marked));
    }

    #[test]
    fn unsampled_traces_can_go_without_headers() {
        let (mut agent, _) = agent(&[REJECT_ALL, (OptionId::UnsampledPropagation, Input::Text("none"))]);
        assert!(fetch(&mut agent, 1, 200).is_empty());
        assert!(agent.decide(true), "nothing has gone out");
        assert!(!fetch(&mut agent, 2, 200).is_empty());
    }

    #[test]
    fn a_dry_run_sends_nothing_and_settles_nothing() {
        let page = Page::default();
        let mut agent = Agent::new(page, |bytes| getrandom::fill(bytes).unwrap());
        assert!(agent.configure(OptionId::ServiceName, "", Input::Text("shop")));
        assert!(agent.configure(OptionId::PageOrigin, "", Input::Text("https://shop.example")));
        let api = Input::Text("https://api.example");
        assert!(agent.configure(OptionId::DistributedTracingOrigins, "?*", api));
        let own = Input::Text("https://shop.example");
        assert!(agent.configure(OptionId::DistributedTracingOrigins, "?b3 datadog", own));
        assert!(!agent.configure(OptionId::DistributedTracingOrigins, "?b4", own));
        assert!(agent.configure(OptionId::Session, "", Input::Flag(false)));
        assert!(agent.start(1_000.0, 5.0));
        assert_eq!(
            text(agent.start_request(1, 6.0, "GET https://api.example/", false))[..14],
            *"?\ntraceparent\n"
        );
        assert_eq!(
            text(agent.start_request(2, 6.0, "GET https://shop.example/", false))[..11],
            *"-\nx-datadog"
        );
        assert!(agent.decide(false), "nothing has gone out");
        agent.beacon("https://shop.example/beacon", true);
        agent.adopt(2, "");
        agent.end_request(1, 7.0, Outcome::Response(200), true, "");
        let expected = concat!(
            r#"{"origins":{"https://api.example":{"requests":1,"withHeaders":0,"dryRun":1,"newPreflights":1,"beacons":0,"refusedBeacons":0},"#,
            r#""https://shop.example":{"requests":1,"withHeaders":0,"dryRun":0,"newPreflights":0,"beacons":1,"refusedBeacons":1}},"#,
            r#""ignoredTraces":0,"droppedSpans":0,"droppedAttributes":0,"#,
            r#""sentSpans":0,"waitingSpans":0,"refusedSpans":0}"#,
        );
        assert_eq!(text(agent.diagnostics()), expected);
    }

    #[test]
    fn the_page_s_sampler_is_asked_where_nobody_has_decided() {
        let sampler = (OptionId::TracesSampler, Input::Function);
        let world = |rate| World { rate, ..World::default() };
        let (mut agent, page) = full_agent(&[sampler], world(0.0));
        assert!(text(agent.traceparent(5.0, true)).ends_with("-02"));
        fetch(&mut agent, 1, 200);
        end_page_load(&mut agent);
        fetch(&mut agent, 2, 200);
        let asked = page.0.borrow().asked.clone();
        assert_eq!(asked, ["1 documentLoad https://shop.example/cart", "0 GET https://shop.example/a"]);
        for given in [
            (OptionId::PageLoadSampled, Input::Flag(true)),
            (OptionId::DisableInstrumentations, Input::Text("page-load")),
            (
                OptionId::PageTraceParent,
                Input::Text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ),
        ] {
            assert!(full_agent(&[sampler, given], world(0.0)).1.0.borrow().asked.is_empty(), "{given:?}");
        }
        for (rate, level, warnings) in [(f64::NAN, "warn", 0), (7.0, "warn", 1), (-1.0, "error", 0)] {
            let given = [sampler, REJECT_ALL, (OptionId::LogLevel, Input::Text(level))];
            let (mut agent, page) = full_agent(&given, world(rate));
            end_page_load(&mut agent);
            assert!(fetch(&mut agent, 1, 200).contains("-02"), "the default rate counts");
            assert_eq!(page.0.borrow().logged.len(), warnings, "{rate} {level}");
        }
    }

    #[test]
    fn a_session_decides_on_all_of_its_traces() {
        let mode = (OptionId::SamplingMode, Input::Text("session"));
        // 28.7525 % of the range, in Datadog's table.
        for (rate, flags) in [(0.25, "-02"), (0.5, "-03")] {
            let given = [mode, MEMBERS[0], (OptionId::TransactionSampleRate, Input::Number(rate))];
            let (mut agent, page) = full_agent(&given, World::default());
            let mut all = vec![fetch(&mut agent, 1, 200)];
            end_page_load(&mut agent);
            all.extend((2..20).map(|number| fetch(&mut agent, number, 200)));
            let mut explicit: Vec<_> = all.iter().map(|headers| &headers[headers.len() - 14..]).collect();
            explicit.dedup();
            assert_eq!(explicit.len(), 1, "rv is the session's: {all:?}");
            assert!(all.iter().all(|headers| headers.contains(flags) && headers.contains("rv:")), "{all:?}");
            assert!(page.0.borrow().stored.starts_with("6ba7b810"), "it was active a second ago");
        }
        let (mut agent, page) = full_agent(&[mode], World::default());
        end_page_load(&mut agent);
        agent.start_request(2, 31.0 * 60_000.0, "GET https://shop.example/", false);
        let stored = page.0.borrow().stored.clone();
        assert!(!stored.is_empty() && !stored.starts_with("6ba7b810"), "idle for half an hour: {stored}");
    }

    const SESSION: (OptionId, Input) = (OptionId::Session, Input::Flag(true));

    fn session_of(attributes: &[KeyValue]) -> String {
        let value = attributes.iter().find(|pair| pair.key == SESSION_ID).and_then(|pair| pair.value.clone());
        match value.and_then(|value| value.value) {
            Some(any_value::Value::StringValue(id)) => id,
            _ => String::new(),
        }
    }

    #[test]
    fn a_session_begins_goes_on_over_pages_and_is_on_everything() {
        let (mut first, page) = agent(&[SESSION]);
        fetch(&mut first, 1, 200);
        first.capture_error(7.0, "Error\x02oops", "", true, 0);
        end_page_load(&mut first);
        let stored = page.0.borrow().stored.clone();
        let id = first.session_id().to_owned();
        assert!(stored.starts_with(&id) && stored.ends_with(" 1"), "{stored}");
        first.flush(9.0, Stay::Here);
        let (spans, events) = page.both();
        let started = &events[0];
        assert_eq!(
            (started.event_name.as_str(), session_of(&started.attributes)),
            ("session.start", id.clone())
        );
        assert!(started.attributes.len() == 1, "there was none before");
        assert_eq!((spans.len(), events.len()), (2, 2), "{spans:?} {events:?}");
        assert!(spans.iter().all(|span| session_of(&span.attributes) == id));
        assert!(events.iter().all(|event| session_of(&event.attributes) == id));

        let (mut second, page) = agent(&[SESSION, (OptionId::StoredSession, Input::Text(&stored))]);
        end_page_load(&mut second);
        second.flush(9.0, Stay::Here);
        assert!(page.0.borrow().stored.ends_with(" 2"), "its second page");
        let (spans, events) = page.both();
        assert!(events.is_empty(), "it goes on");
        assert_eq!(session_of(&spans[0].attributes), id);
    }

    #[test]
    fn a_session_ends_at_its_last_activity_and_is_followed_by_another() {
        let old = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
        // The page's clock began at 1,000 ms, and has 5.
        let text = format!("{old} 0 500 3");
        let (mut agent, page) = agent(&[SESSION, (OptionId::StoredSession, Input::Text(&text))]);
        end_page_load(&mut agent);
        let idle = 31.0 * 60_000.0;
        agent.start_request(2, idle, "GET https://shop.example/a", false);
        agent.end_request(2, idle + 1.0, Outcome::Response(200), false, "");
        let id = agent.session_id().to_owned();
        assert_ne!(id, old);
        agent.flush(idle, Stay::Here);
        let (spans, events) = page.both();
        let [end, start] = events.try_into().unwrap();
        assert_eq!((end.event_name.as_str(), session_of(&end.attributes)), ("session.end", old.into()));
        assert_eq!(end.time_unix_nano, 1_005_000_000, "when the page was loaded");
        assert_eq!((start.event_name.as_str(), session_of(&start.attributes)), ("session.start", id.clone()));
        let previous = start.attributes.iter().find(|pair| pair.key == "session.previous_id");
        assert!(previous.is_some_and(|pair| format!("{pair:?}").contains(old)));
        let sessions: Vec<_> = spans.iter().map(|span| session_of(&span.attributes)).collect();
        assert_eq!(sessions, [old.into(), id]);
    }

    #[test]
    fn a_session_of_another_page_is_taken_over_and_none_is_possible() {
        let other = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
        let (mut agent_of_tab, _) = agent(&[SESSION]);
        assert_ne!(agent_of_tab.session_id(), other);
        let newer = format!("{other} 1000 1000 1");
        assert!(agent_of_tab.configure(OptionId::StoredSession, "", Input::Text(&newer)));
        assert!(agent_of_tab.configure(OptionId::StoredSession, "", Input::Text("cleared")), "is no session");
        fetch(&mut agent_of_tab, 1, 200);
        assert_eq!(agent_of_tab.session_id(), other);
        let (mut without, page) = agent(&[]);
        fetch(&mut without, 1, 200);
        end_page_load(&mut without);
        assert!(without.session_id().is_empty() && page.0.borrow().stored.is_empty());
        assert!(page.spans().iter().all(|span| session_of(&span.attributes).is_empty()));
    }

    /// An agent that trusts one environment.
    fn linking() -> (Agent<Page>, Page) {
        let page = Page::default();
        let mut agent = Agent::new(page.clone(), |bytes| getrandom::fill(bytes).unwrap());
        for (option, key, value) in [
            (OptionId::ServiceName, "", "shop"),
            (OptionId::PageOrigin, "", "https://shop.example"),
            (OptionId::TrustedRemoteEnvironments, "name", "payments"),
            (OptionId::TrustedRemoteEnvironments, "origins", "https://pay.example/"),
            (OptionId::TrustedRemoteEnvironments, "environmentIds", "abc-1@dt"),
        ] {
            assert!(agent.configure(option, key, Input::Text(value)), "{option:?}");
        }
        assert!(agent.configure(OptionId::Session, "", Input::Flag(false)));
        assert!(agent.start(1_000.0, 5.0) && agent.links());
        end_page_load(&mut agent);
        (agent, page)
    }

    const OTHER: &str = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn answered(answer: &str) -> (Decoded, String) {
        let (mut agent, page) = linking();
        agent.start_request(1, 6.0, "GET https://pay.example/", false);
        agent.end_request(1, 7.0, Outcome::Response(200), false, answer);
        agent.flush(9.0, Stay::Here);
        let span = page.spans().into_iter().find(|span| span.name == "GET").unwrap();
        (span, text(agent.diagnostics()))
    }

    #[test]
    fn another_trace_of_a_trusted_environment_is_linked() {
        for said in [
            format!("trace;desc=00-{OTHER}\n\nabc-1@dt"),
            format!("db;dur=3, traceparent;desc=\"00-{OTHER}\"\n\nabc-1@dt"),
            format!("\n00-{OTHER}\nabc-1@dt"),
        ] {
            let (span, _) = answered(&format!("https://pay.example/final\n{said}"));
            let [link] = span.links.try_into().unwrap();
            assert_eq!(link.trace_id[..2], [0x0a, 0xf7]);
            assert_eq!(link.span_id[..2], [0xb7, 0xad]);
            let shown = format!("{:?}", link.attributes);
            for part in ["remote_environment", "payments", "abc-1@dt", "pay.example"] {
                assert!(shown.contains(part), "{part} in {shown}");
            }
        }
    }

    #[test]
    fn nobody_else_is_believed() {
        for answer in [
            format!("https://evil.example/\ntrace;desc=00-{OTHER}\n\nabc-1@dt"),
            format!("https://pay.example.evil.example/\n\n00-{OTHER}\nabc-1@dt"),
            format!("https://pay.example/\n\n00-{OTHER}\nxyz-1@dt"),
            format!("https://pay.example/\n\n00-{OTHER}\n"),
        ] {
            let (span, diagnostics) = answered(&answer);
            assert!(span.links.is_empty(), "{answer}");
            assert!(diagnostics.contains("\"ignoredTraces\":1,"), "{diagnostics}");
        }
    }

    #[test]
    fn requests_wait_for_the_browser_s_word_no_longer_than_for_others() {
        let size = |span: &Decoded| {
            let sizes = span.attributes.iter().filter(|attribute| attribute.key == "http.response.size");
            sizes.count()
        };
        let url = "https://shop.example/a";
        let (mut agent, page) = agent(&[]);
        // Told of after its end, before it, and too late.
        for number in [1, 2, 3] {
            agent.start_request(number, 6.0, "GET https://shop.example/a", false);
            if number == 2 {
                agent.time_request(7.0, &entry(url, 6.0, 6.9, ""));
            }
            agent.end_request(number, 7.0, Outcome::Response(200), false, "");
            if number == 1 {
                agent.time_request(7.5, &entry(url, 6.0, 6.9, ""));
            }
        }
        agent.timer(9.0);
        agent.time_request(9.5, &entry(url, 6.0, 6.9, ""));
        let spans = page.spans();
        assert_eq!(spans.iter().map(size).collect::<Vec<_>>(), [1, 1, 0]);
        // What waits does not grow without end, and none is lost.
        for number in 10..10 + WAITING as u32 + 5 {
            agent.start_request(number, 10.0, "GET https://shop.example/b", false);
            agent.end_request(number, 11.0, Outcome::Failed("TypeError"), false, "");
        }
        assert_eq!(agent.waiting.len(), WAITING);
        agent.leave(12.0);
        assert_eq!(page.spans().len(), 3 + WAITING + 5);
    }

    fn entry<'a>(url: &'a str, start: f64, answered: f64, server_timing: &'a str) -> Resource<'a> {
        // They live as long as the test.
        let microseconds = (answered * 1_000.0) as u64;
        let timing: &str = Box::leak(format!("0,0,0,0,0,0,0,0,0,1,{microseconds},{microseconds}").into());
        Resource {
            url,
            initiator: "fetch",
            protocol: "h2",
            render_blocking: "",
            start,
            end: answered,
            status: 200,
            transfer_size: 400.0,
            body_size: 100.0,
            decoded_size: 0,
            server_timing,
            timing,
        }
    }

    #[test]
    fn what_a_response_does_not_say_its_resource_entry_may() {
        for header in ["", "cache;desc=hit"] {
            let (mut agent, page) = linking();
            agent.start_request(1, 6.0, "GET https://pay.example/", false);
            let answer = format!("https://pay.example/\n{header}\n\nabc-1@dt");
            agent.end_request(1, 7.0, Outcome::Response(200), false, &answer);
            assert_eq!(page.spans().len(), 0, "it waits");
            assert!(!page.0.borrow().timers.is_empty(), "but not for ever");
            for url in ["https://else.example/", "https://pay.example/"] {
                agent.time_request(8.0, &entry(url, 6.0, 6.8, &format!("trace;desc=00-{OTHER}")));
            }
            agent.flush(9.0, Stay::Here);
            assert_eq!(page.spans().last().unwrap().links.len(), 1, "{header}");
        }
        let (mut agent, page) = linking();
        agent.start_request(1, 6.0, "GET https://pay.example/", false);
        agent.end_request(1, 7.0, Outcome::Response(200), false, "https://pay.example/\n\n\n");
        agent.timer(9.0);
        assert_eq!(page.spans().len(), 2, "nobody has said anything");
    }

    #[test]
    fn a_server_on_our_trace_tells_its_span_and_its_decision() {
        let (mut agent, page) = linking();
        let headers = text(agent.start_request(1, 6.0, "GET https://shop.example/", false));
        let trace_id = headers.split('-').nth(1).unwrap();
        let answer = format!("https://shop.example/\n\n00-{trace_id}-b7ad6b7169203331-01\n");
        agent.end_request(1, 7.0, Outcome::Response(200), false, &answer);
        agent.flush(9.0, Stay::Here);
        let span = page.spans().into_iter().find(|span| span.name == "GET").unwrap();
        assert!(span.links.is_empty());
        assert!(format!("{:?}", span.attributes).contains("b7ad6b7169203331"), "{:?}", span.attributes);
        assert!(text(agent.diagnostics()).contains("\"ignoredTraces\":0,"));
    }

    #[test]
    fn a_paused_agent_records_nothing_and_goes_on_later() {
        let (mut agent, page) = agent(&[]);
        agent.start_request(1, 6.0, "GET https://shop.example/", false);
        end_page_load(&mut agent);
        agent.leave(7.0);
        agent.pause(Pause::Call, true);
        assert_eq!(page.spans().len(), 2, "what was before is sent");
        assert!(fetch(&mut agent, 2, 200).is_empty());
        agent.end_request(1, 8.0, Outcome::Response(200), false, "");
        agent.timer(9.0);
        agent.leave(9.0);
        assert_eq!(page.spans().len(), 2);
        agent.pause(Pause::Consent, true);
        agent.pause(Pause::Call, false);
        assert!(fetch(&mut agent, 3, 200).is_empty(), "there is no consent");
        agent.pause(Pause::Consent, false);
        assert!(!fetch(&mut agent, 4, 200).is_empty());
        agent.flush(9.0, Stay::Here);
        assert_eq!(page.spans().len(), 3);
    }

    #[test]
    fn without_consent_nothing_is_recorded_sent_or_stored() {
        for consent in ["pending", "denied"] {
            let session = (OptionId::SamplingMode, Input::Text("session"));
            let (mut agent, page) = agent(&[(OptionId::Consent, Input::Text(consent)), session]);
            assert!(fetch(&mut agent, 1, 200).is_empty());
            end_page_load(&mut agent);
            agent.leave(7.0);
            assert!(page.spans().is_empty() && page.0.borrow().stored.is_empty());
            assert!(text(agent.traceparent(5.0, true)).is_empty());
            agent.pause(Pause::Consent, false);
            let headers = agent.start_request(2, 100_000.0, "GET https://shop.example/", false);
            agent.end_request(2, 100_001.0, Outcome::Response(200), false, "");
            assert!(!headers.is_empty() && !page.0.borrow().stored.is_empty());
            // Withdrawn before it was sent.
            agent.pause(Pause::Consent, true);
            assert!(page.0.borrow().stored.is_empty(), "the session is forgotten, too");
            agent.leave(9.0);
            assert!(page.spans().is_empty());
        }
        let (mut granted, _) = agent(&[(OptionId::Consent, Input::Text("granted"))]);
        assert!(!fetch(&mut granted, 1, 200).is_empty());
    }

    #[test]
    fn spans_of_a_minute_are_bounded_and_counted() {
        let (mut agent, page) = agent(&[(OptionId::EventsLimit, Input::Number(3.0))]);
        end_page_load(&mut agent);
        for number in 0..5 {
            fetch(&mut agent, number, 200);
        }
        agent.start_request(9, 60_001.0, "GET https://shop.example/", false);
        agent.end_request(9, 60_002.0, Outcome::Response(200), false, "");
        agent.flush(9.0, Stay::Here);
        assert_eq!(page.spans().len(), 4, "three, and the first of the next minute");
        assert!(text(agent.diagnostics()).contains("\"droppedSpans\":3,"));
    }

    #[test]
    fn texts_and_resource_attributes_are_bounded() {
        let page = Page::default();
        let mut agent = Agent::new(page.clone(), |bytes| getrandom::fill(bytes).unwrap());
        for (option, key, value) in [
            (OptionId::ServiceName, "", Input::Text("shop")),
            (OptionId::Session, "", Input::Flag(false)),
            (OptionId::AttributeCountLimit, "", Input::Number(2.0)),
            (OptionId::AttributeValueLengthLimit, "", Input::Number(20.0)),
            (OptionId::ResourceAttributes, "a", Input::Text("1")),
            (OptionId::ResourceAttributes, "b", Input::Text("an umlaut at the enä")),
            (OptionId::ResourceAttributes, "c", Input::Text("3")),
        ] {
            assert!(agent.configure(option, key, value), "{option:?}");
        }
        assert!(agent.start(1_000.0, 5.0));
        agent.start_request(1, 6.0, "GET https://shop.example/a/long/path", false);
        agent.leave(7.0);
        let shown = format!("{:?}", page.requests());
        for part in ["\"https://shop.example\"", "\"an umlaut at the en\""] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(!shown.contains("\"c\""));
        assert!(text(agent.diagnostics()).contains("\"droppedAttributes\":1,"));
    }

    #[test]
    fn a_clock_that_is_wrong_is_said_to_be() {
        let (mut agent, page) = agent(&[]);
        end_page_load(&mut agent);
        let mut offset = |date: f64| {
            agent.compare_clocks(9.0, date);
            fetch(&mut agent, 1, 200);
            agent.flush(9.0, Stay::Here);
            let request = page.requests().pop().unwrap();
            let resource = request.resource_spans[0].resource.clone().unwrap();
            let found = resource.attributes.into_iter().find(|pair| pair.key == "headwater.clock_offset");
            found.map(|pair| format!("{:?}", pair.value.unwrap().value.unwrap()))
        };
        // It is 1,009 ms past 1970.
        assert_eq!(offset(1_000.0), None);
        assert_eq!(offset(f64::NAN), None);
        assert_eq!(offset(f64::INFINITY), None);
        assert_eq!(offset(601_000.0), Some("IntValue(600)".into()));
        assert_eq!(offset(99_000.0), Some("IntValue(600)".into()), "once");
    }

    #[test]
    fn many_requests_under_way_are_bounded() {
        let (mut agent, page) = agent(&[]);
        for number in 0..OPEN_REQUESTS as u32 + 10 {
            assert!(!agent.start_request(number, 6.0, "GET https://shop.example/", false).is_empty());
        }
        assert!(text(agent.diagnostics()).contains("\"droppedSpans\":10,"));
        agent.leave(7.0);
        assert_eq!(page.spans().len(), OPEN_REQUESTS);
    }
}
