//! The configuration: what the page's author asked for, checked, and what the browser says of itself.

mod table;

pub use table::{DOCUMENTATION, FACTS, FURTHER, OptionDocumentation, OptionId};

use std::mem;

use crate::context::{Baggage, Environment, Propagators, SpanId, Targets, TraceId};
use crate::encode::Protocol;
use crate::trace::Redaction;
use crate::wire::hex;
use crate::wire::text::{choice, contains_any, take_part};

/// The checked configuration. Texts and flags are kept by the option's number: one code path for all.
pub struct Options {
    texts: [String; OptionId::COUNT],
    /// A bit for each option that is `true`.
    flags: u64,
    /// A bit for each option that was configured.
    given: u64,
    /// A bit for each instrumentation that is off.
    disabled: u32,
    /// See [`LogLevel`].
    pub log_level: u32,
    pub targets: Targets,
    /// The union of the formats in `propagators`.
    formats: Propagators,
    members: Propagators,
    pub baggage: Baggage,
    pub environments: Vec<Environment>,
    pub sample_rate: f64,
    /// Unix milliseconds; infinite if unknown.
    pub page_load_trace_time: f64,
    /// Milliseconds; by default those of the page's first sending.
    pub flush_interval: f64,
    pub resource: Vec<(String, OwnedValue)>,
    /// Templates of paths: see [`route`](crate::signal::route).
    pub routes: Vec<String>,
    /// The same for requests.
    #[cfg(feature = "events")]
    pub url_templates: Vec<String>,
    /// Spans a minute.
    pub events_limit: u32,
    /// Of the resource.
    pub attribute_count_limit: u32,
    /// Bytes.
    pub attribute_value_length_limit: u32,
    /// Those of the resource that were too many.
    pub dropped_attributes: u32,
    pub protocol: Protocol,
    pub redaction: Redaction,
    /// Whether a header looks like a secret.
    pub has_secret: bool,
}

/// A configured value as the wrapper hands it over, part by part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Input<'a> {
    /// Not configured.
    Absent,
    Text(&'a str),
    Number(f64),
    Flag(bool),
    /// A RegExp, which the wrapper keeps.
    Pattern,
    /// A function, which the wrapper keeps.
    Function,
    /// A list without items.
    EmptyList,
    /// Anything else: null, an object where none belongs.
    Other,
}

/// A resource attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum OwnedValue {
    Text(String),
    Number(f64),
    Flag(bool),
}

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Rule {
    Name,
    Text,
    Url,
    Flag,
    DeferredFlag,
    Instrumentations,
    Level,
    Origins,
    HeaderName,
    Propagators,
    Members,
    Baggage,
    SamplingMode,
    Unsampled,
    Sampler,
    Environments,
    Time,
    TraceId,
    SpanId,
    Rate,
    Duration,
    Limit,
    Consent,
    Attributes,
    Headers,
    Protocol,
    ApiVersion,
    Credentials,
    Compression,
    Exclude,
    BeforeSend,
    Patterns,
    Routes,
    Graphql,
    #[cfg(feature = "events")]
    VitalsFlag,
}

impl Options {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            texts: [const { String::new() }; OptionId::COUNT],
            flags: OptionId::Active.bit()
                | OptionId::Instrument.bit()
                | OptionId::DistributedTracing.bit()
                | OptionId::DistributedTracingSameOrigin.bit()
                | HAS_SESSION,
            given: 0,
            disabled: 0,
            log_level: LogLevel::Warn as u32,
            targets: Targets::new(),
            formats: Propagators::NONE,
            members: Propagators::NONE,
            baggage: Baggage::new(),
            environments: Vec::new(),
            sample_rate: 1.0,
            page_load_trace_time: f64::INFINITY,
            flush_interval: 500.0,
            resource: Vec::new(),
            routes: Vec::new(),
            #[cfg(feature = "events")]
            url_templates: Vec::new(),
            events_limit: 20_000,
            attribute_count_limit: 128,
            attribute_value_length_limit: 4_096,
            dropped_attributes: 0,
            protocol: Protocol::DEFAULT,
            redaction: Redaction::Secrets,
            has_secret: false,
        }
    }

    /// Takes one value. `key` is the name within an object, empty elsewhere; the items of an array
    /// come one after the other. Returns whether the value is allowed; [`Rule::allowed`] says what is.
    ///
    /// `origin` gives the serialised origin of a URL, or nothing if it has none.
    pub fn set(
        &mut self,
        option: OptionId,
        key: &str,
        value: Input,
        origin: &dyn Fn(&str) -> Option<String>,
    ) -> bool {
        let rule = option.rule();
        if !rule.is_supported() && !matches!(value, Input::Absent | Input::EmptyList | Input::Flag(false)) {
            return false;
        }
        match value {
            Input::Absent => return option != OptionId::ServiceName,
            Input::Flag(flag) if matches!(rule, Rule::Flag | Rule::DeferredFlag) => {
                self.set_flag(option, flag)
            }
            // The wrapper reads it.
            #[cfg(feature = "events")]
            Input::Flag(_) if rule == Rule::VitalsFlag => {}
            Input::Flag(flag) if rule == Rule::Exclude => {
                self.redaction = if flag { Redaction::Secrets } else { Redaction::None };
            }
            Input::Number(2.0 | 3.0) if rule == Rule::ApiVersion => {}
            Input::Function if matches!(rule, Rule::Headers | Rule::BeforeSend) => {}
            Input::Number(number) if rule == Rule::Rate && (0.0..=1.0).contains(&number) => {
                self.sample_rate = rounded_rate(number);
            }
            Input::Number(number) if (0.0..=f64::MAX).contains(&number) && rule == Rule::Duration => {
                self.flush_interval = number;
            }
            Input::Number(number) if (0.0..=f64::MAX).contains(&number) && rule == Rule::Limit => {
                let limit = match option {
                    OptionId::EventsLimit => &mut self.events_limit,
                    OptionId::AttributeCountLimit => &mut self.attribute_count_limit,
                    _ => &mut self.attribute_value_length_limit,
                };
                *limit = number as u32;
            }
            Input::Number(number) if (0.0..=f64::MAX).contains(&number) && rule == Rule::Time => {
                self.page_load_trace_time = number;
            }
            // The wrapper keeps them.
            Input::Text(_) | Input::Pattern if cfg!(feature = "events") && rule == Rule::Patterns => {}
            #[cfg(feature = "events")]
            Input::Text(text) if rule == Rule::Routes => {
                if !text.starts_with("/") && origin(text).is_none() {
                    return false;
                }
                let is_of_page = option == OptionId::Routes;
                let templates = if is_of_page { &mut self.routes } else { &mut self.url_templates };
                templates.push(text.into());
            }
            Input::Function if cfg!(feature = "sampler") && rule == Rule::Sampler => {}
            // The wrapper gives it for options that take lists.
            Input::EmptyList => {
                if rule == Rule::Propagators {
                    self.targets.set_defaults(Propagators::NONE);
                }
            }
            Input::Text(_) | Input::Pattern if rule == Rule::Origins => {
                let Some((propagators, dry_run)) = target_rules(key) else {
                    return false;
                };
                match value {
                    Input::Text(text) => match origin(text) {
                        Some(origin) => self.targets.add_target(origin, propagators, dry_run),
                        None => return false,
                    },
                    _ => self.targets.add_pattern(propagators, dry_run),
                }
            }
            _ if rule == Rule::Attributes && !key.is_empty() => {
                let value = match value {
                    Input::Text(text) => OwnedValue::Text(text.into()),
                    Input::Number(number) => OwnedValue::Number(number),
                    Input::Flag(flag) => OwnedValue::Flag(flag),
                    _ => return false,
                };
                if self.resource.len() < self.attribute_count_limit as usize {
                    self.resource.push((key.into(), value));
                } else {
                    self.dropped_attributes += 1;
                }
            }
            Input::Text(text) => match rule {
                Rule::Instrumentations
                | Rule::Level
                | Rule::SamplingMode
                | Rule::Unsampled
                | Rule::Consent
                | Rule::Credentials
                | Rule::Compression
                | Rule::Protocol => {
                    let list = if rule == Rule::Protocol { PROTOCOLS } else { rule.allowed() };
                    let Some(index) = choice(text, list) else {
                        return false;
                    };
                    match rule {
                        Rule::Instrumentations => self.disabled |= 1 << index,
                        Rule::Level => self.log_level = index,
                        Rule::Protocol => {
                            self.protocol = match index {
                                1 if cfg!(feature = "json") => Protocol::Json,
                                2 if cfg!(feature = "elastic") => Protocol::Elastic,
                                0 => Protocol::Protobuf,
                                _ => return false,
                            }
                        }
                        // Of some choices the first is the default.
                        _ => self.set_flag(option, index != 0),
                    }
                }
                Rule::Propagators => match Propagators::named(text) {
                    Some(format) => {
                        self.formats = self.formats.with(format);
                        self.targets.set_defaults(self.formats);
                    }
                    None => return false,
                },
                Rule::Members => match Propagators::member(text) {
                    Some(member) => self.members = self.members.with(member),
                    None => return false,
                },
                Rule::Baggage if cfg!(feature = "baggage") => {
                    if self.baggage.set(key, text).is_err() {
                        return false;
                    }
                }
                Rule::Environments if cfg!(feature = "linking") => {
                    return self.set_environment(key, text, origin);
                }
                _ => {
                    let allowed = match rule {
                        Rule::Name => is_service_name(text),
                        Rule::Text => true,
                        Rule::Url => origin(text).is_some(),
                        // A template may have had none to fill in.
                        Rule::TraceId => text.is_empty() || hex::read::<16>(text.as_bytes()).is_some(),
                        Rule::SpanId => text.is_empty() || hex::read::<8>(text.as_bytes()).is_some(),
                        Rule::HeaderName => is_token(text),
                        // The wrapper reads it.
                        Rule::Graphql if cfg!(feature = "graphql") => choice(text, rule.allowed()).is_some(),
                        // The wrapper keeps the headers, as it performs the send.
                        Rule::Headers => {
                            self.has_secret |= looks_secret(key, text);
                            is_token(key) && text.bytes().all(|byte| byte >= b' ')
                        }
                        Rule::Exclude => {
                            self.redaction = Redaction::Query;
                            text == "query"
                        }
                        _ => false,
                    };
                    if !allowed {
                        return false;
                    }
                    self.texts[option as usize] = text.into();
                }
            },
            _ => return false,
        }
        self.given |= option.bit();
        true
    }

    /// A text, empty if it was not configured.
    pub fn text(&self, option: OptionId) -> &str {
        &self.texts[option as usize]
    }

    /// A flag, or its default.
    pub fn flag(&self, option: OptionId) -> bool {
        self.flags & option.bit() != 0
    }

    /// Whether everything bears the visitor's session.
    pub fn has_session(&self) -> bool {
        #[cfg(feature = "events")]
        return self.flag(OptionId::Session);
        #[cfg(not(feature = "events"))]
        false
    }

    /// A flag, if it was configured.
    pub fn given_flag(&self, option: OptionId) -> Option<bool> {
        self.is_given(option).then(|| self.flag(option))
    }

    /// A trace id; none if it is all zero, as OpenTelemetry renders an invalid context.
    pub fn trace_id(&self, option: OptionId) -> Option<TraceId> {
        TraceId::parse(self.text(option).as_bytes())
    }

    /// A span id; none if it is all zero.
    pub fn span_id(&self, option: OptionId) -> Option<SpanId> {
        SpanId::parse(self.text(option).as_bytes())
    }

    /// Whether an option was configured.
    pub fn is_given(&self, option: OptionId) -> bool {
        self.given & option.bit() != 0
    }

    /// Our members of `tracestate`; none if it is not sent.
    pub fn members(&self) -> Propagators {
        if self.members == Propagators::NONE && self.flag(OptionId::PropagateTracestate) {
            Propagators::ELASTIC
        } else {
            self.members
        }
    }

    /// Whether other systems on the page's servers decide as Datadog does.
    pub fn speaks_datadog(&self) -> bool {
        self.formats.has(Propagators::DATADOG) || self.members.has(Propagators::DATADOG_MEMBER)
    }

    /// Whether an instrumentation runs.
    pub fn instruments(&self, instrumentation: Instrumentation) -> bool {
        self.flag(OptionId::Instrument) && self.disabled & 1 << instrumentation as u32 == 0
    }

    fn set_flag(&mut self, option: OptionId, flag: bool) {
        self.flags = self.flags & !option.bit() | if flag { option.bit() } else { 0 };
    }

    /// The parts of an environment come one after the other, its name first.
    fn set_environment(&mut self, key: &str, text: &str, origin: &dyn Fn(&str) -> Option<String>) -> bool {
        if key == "name" {
            self.environments.push(Environment { name: text.into(), ..Environment::default() });
            return !text.is_empty();
        }
        let Some(environment) = self.environments.last_mut() else {
            return false;
        };
        match key {
            "origins" => match origin(text) {
                Some(origin) => environment.origins.push(origin),
                None => return false,
            },
            "environmentIds" => environment.ids.push(text.into()),
            // The wrapper keeps the name, as it reads the header.
            "header" => return is_token(text),
            _ => return false,
        }
        true
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Rule {
    /// Whether this build has what the option asks for.
    #[allow(clippy::match_like_matches_macro, reason = "which it looks like without features")]
    const fn is_supported(self) -> bool {
        match self {
            Self::Baggage => cfg!(feature = "baggage"),
            Self::DeferredFlag => cfg!(feature = "deferred"),
            Self::Environments => cfg!(feature = "linking"),
            Self::Sampler => cfg!(feature = "sampler"),
            Self::Limit => cfg!(any(feature = "diagnostics", feature = "elastic")),
            Self::Compression => cfg!(feature = "gzip"),
            Self::BeforeSend => cfg!(feature = "before-send"),
            Self::Patterns | Self::Routes => cfg!(feature = "events"),
            Self::Graphql => cfg!(feature = "graphql"),
            #[cfg(feature = "events")]
            Self::VitalsFlag => cfg!(feature = "vitals"),
            _ => true,
        }
    }

    /// What is allowed, for people.
    pub fn allowed(self) -> &'static str {
        let mut texts = ALLOWED;
        for _ in 0..self as u8 {
            take_part(&mut texts, b'|');
        }
        match take_part(&mut texts, b'|') {
            "" => "nothing, but with headwater/full",
            text => text,
        }
    }

    /// The same; nothing if this build has none of it.
    const fn description(self) -> &'static str {
        if !self.is_supported() {
            return "";
        }
        match self {
            Self::Name => "a name of letters, digits, space, _ and -",
            Self::Text => "a string",
            Self::Url => "an http or https URL",
            Self::Flag | Self::DeferredFlag => "true or false",
            #[cfg(feature = "events")]
            Self::VitalsFlag => "true or false",
            Self::Instrumentations => INSTRUMENTATIONS,
            Self::Level => LOG_LEVELS,
            Self::Origins if !cfg!(feature = "diagnostics") => {
                "origins such as https://api.example.com, and RegExps (others: headwater/full)"
            }
            Self::Origins => {
                "origins such as https://api.example.com, RegExps, and { match, propagators, dryRun }"
            }
            Self::HeaderName => "a header name",
            Self::Propagators => Propagators::NAMES,
            Self::Members => Propagators::MEMBERS,
            Self::Baggage => "an object of names (HTTP tokens) and string values, 8192 bytes in all",
            Self::SamplingMode if !cfg!(feature = "session-sampling") => {
                "trace, and others with headwater/full"
            }
            Self::SamplingMode => "trace, session",
            Self::Unsampled => "headers, none",
            Self::Sampler => "a function",
            Self::Environments => "a list of { name, origins, environmentIds, header }",
            Self::Time => "a number of milliseconds since 1970",
            Self::TraceId => "32 lower-case hex digits",
            Self::SpanId => "16 lower-case hex digits",
            Self::Rate => "a number from 0 to 1",
            Self::Duration => "a number of milliseconds",
            Self::Limit => "a number",
            Self::Consent => "granted, pending, denied",
            Self::Attributes => "an object of strings, numbers and booleans",
            Self::Headers => "an object of header names and string values",
            Self::Protocol if cfg!(not(any(feature = "json", feature = "elastic"))) => {
                "http/protobuf, and others with headwater/full and headwater/elastic"
            }
            Self::Protocol => "http/protobuf, http/json (headwater/full), elastic (headwater/elastic)",
            Self::ApiVersion => "2 or 3",
            Self::Credentials => "omit, same-origin, include",
            Self::Compression => "none, gzip",
            Self::Exclude => "true, false or query",
            Self::BeforeSend => "a function",
            Self::Patterns => "strings and RegExps",
            Self::Graphql => "url, body",
            Self::Routes => "paths such as /products/:id or /blog/*, perhaps behind an origin",
        }
    }
}

/// What each rule allows, with `|` behind it: as a table, places and lengths would be 300 bytes that no compression can do
/// anything about.
const ALLOWED: &str = {
    const COUNT: u8 = Rule::Graphql as u8 + if cfg!(feature = "events") { 2 } else { 1 };
    const fn description(number: u8) -> &'static [u8] {
        // SAFETY: the numbers are those from 0 on without a gap.
        unsafe { mem::transmute::<u8, Rule>(number) }.description().as_bytes()
    }
    const LENGTH: usize = {
        let mut length = 0;
        let mut number = 0;
        while number < COUNT {
            length += description(number).len() + 1;
            number += 1;
        }
        length
    };
    const TEXTS: [u8; LENGTH] = {
        let mut texts = [b'|'; LENGTH];
        let mut end = 0;
        let mut number = 0;
        while number < COUNT {
            let (_, rest) = texts.split_at_mut(end);
            let (own, _) = rest.split_at_mut(description(number).len());
            own.copy_from_slice(description(number));
            end += own.len() + 1;
            number += 1;
        }
        texts
    };
    match str::from_utf8(&TEXTS) {
        Ok(texts) => texts,
        Err(_) => panic!(),
    }
};

/// What can be switched off by name; the order is that of [`INSTRUMENTATIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrumentation {
    PageLoad,
    Fetch,
    XmlHttpRequest,
    History,
    /// Elastic's second name for clicks.
    EventTarget,
    Click,
    Error,
    /// Behind those that are Elastic's.
    WebVitals = 7,
    WebSocket,
    EventSource,
}

/// The order is that of [`LOG_LEVELS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// The bit of the option `session`.
const HAS_SESSION: u64 = {
    #[cfg(feature = "events")]
    let bit = OptionId::Session.bit();
    #[cfg(not(feature = "events"))]
    let bit = 0;
    bit
};

/// The order is that of [`Protocol`].
const PROTOCOLS: &str = "http/protobuf, http/json, elastic";

/// Whether a header's value is one that only a server should know: `Api-Token …`, `Bearer …`, `Basic …`, a key of
/// Dynatrace's, or under a name such as `dd-api-key`.
fn looks_secret(name: &str, value: &str) -> bool {
    contains_any(value, "Token Bearer Basic dt0") || contains_any(name, "key Key uth")
}

fn is_service_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_' | b'-'))
}

/// A header name: RFC 9110 §5.6.2.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| {
            byte.is_ascii_graphic()
                && !matches!(byte, b'"' | b'(' | b')' | b',' | b'/' | b':'..=b'@' | b'['..=b']' | b'{' | b'}')
        })
}

/// What a target's object says beside `match`, in the wrapper's words: nothing for a bare string or RegExp;
/// else `?` for a dry run or `!`, and the formats' names with blanks between them or `*` for the default.
fn target_rules(key: &str) -> Option<(Option<Propagators>, bool)> {
    if !cfg!(feature = "diagnostics") {
        return if key.is_empty() { Some((None, false)) } else { None };
    }
    let mut names = key.get(1..).unwrap_or("*");
    let mut propagators = None;
    if names != "*" {
        let mut formats = Propagators::NONE;
        while !names.is_empty() {
            formats = formats.with(Propagators::named(take_part(&mut names, b' '))?);
        }
        propagators = Some(formats);
    }
    Some((propagators, key.starts_with("?")))
}

/// Elastic's rounding: four decimals, and what is not zero stays above it.
pub(crate) fn rounded_rate(rate: f64) -> f64 {
    let rounded = ((rate * 10_000.0 + 0.5) as u32).max(u32::from(rate > 0.0));
    f64::from(rounded) / 10_000.0
}

#[cfg(not(feature = "connections"))]
const INSTRUMENTATIONS: &str =
    "page-load, fetch, xmlhttprequest, history, eventtarget, click, error, web-vitals";
#[cfg(feature = "connections")]
const INSTRUMENTATIONS: &str = "page-load, fetch, xmlhttprequest, history, eventtarget, click, error, web-vitals, websocket, eventsource";
const LOG_LEVELS: &str = "trace, debug, info, warn, error";

#[cfg(test)]
mod tests {
    use super::*;

    fn set(option: OptionId, value: Input) -> Option<Options> {
        let mut options = Options::new();
        let origin = |url: &str| url.starts_with("http").then(|| url.trim_end_matches('/').to_owned());
        options.set(option, "", value, &origin).then_some(options)
    }

    #[test]
    fn service_names_follow_elastic_s_rule() {
        assert!(set(OptionId::ServiceName, Input::Text("my shop_1-a")).is_some());
        for value in
            [Input::Text("shop/web"), Input::Text(""), Input::Number(1.0), Input::Absent, Input::Other]
        {
            assert!(set(OptionId::ServiceName, value).is_none(), "{value:?}");
        }
    }

    #[test]
    fn rates_are_rounded_as_elastic_does() {
        let rate = |rate| Some(set(OptionId::TransactionSampleRate, Input::Number(rate))?.sample_rate);
        assert_eq!(rate(0.0), Some(0.0));
        assert_eq!(rate(0.00001), Some(0.0001));
        assert_eq!(rate(0.55555), Some(0.5556));
        assert_eq!(rate(1.0), Some(1.0));
        assert_eq!(rate(1.1), None);
        assert_eq!(rate(-0.1), None);
        assert_eq!(rate(f64::NAN), None);
        assert!(set(OptionId::TransactionSampleRate, Input::Text("0.5")).is_none());
    }

    #[test]
    fn an_id_that_a_template_left_empty_is_no_id() {
        let parse =
            |text| Some(set(OptionId::PageLoadSpanId, Input::Text(text))?.span_id(OptionId::PageLoadSpanId));
        assert_eq!(parse(""), Some(None));
        assert_eq!(parse("0000000000000000"), Some(None));
        assert_eq!(parse("00f067aa0ba902b7"), Some(SpanId::parse(b"00f067aa0ba902b7")));
        assert_eq!(parse("00F067AA0BA902B7"), None);
        assert_eq!(parse("{{span_id}}"), None);
    }

    #[test]
    fn flags_have_defaults_and_know_whether_they_were_given() {
        let options = Options::new();
        assert!(options.flag(OptionId::Active));
        assert!(!options.flag(OptionId::PropagateTracestate));
        assert_eq!(options.given_flag(OptionId::PageLoadSampled), None);
        for flag in [true, false] {
            let options = set(OptionId::PageLoadSampled, Input::Flag(flag)).unwrap();
            assert_eq!(options.given_flag(OptionId::PageLoadSampled), Some(flag));
        }
        assert!(!set(OptionId::Active, Input::Flag(false)).unwrap().flag(OptionId::Active));
        assert!(set(OptionId::Active, Input::Text("false")).is_none());
    }

    #[test]
    fn instrumentations_are_switched_off_by_name() {
        let options = set(OptionId::DisableInstrumentations, Input::Text("xmlhttprequest")).unwrap();
        assert!(!options.instruments(Instrumentation::XmlHttpRequest));
        assert!(options.instruments(Instrumentation::Fetch));
        assert!(options.instruments(Instrumentation::WebVitals));
        let options = set(OptionId::DisableInstrumentations, Input::Text("web-vitals")).unwrap();
        assert!(!options.instruments(Instrumentation::WebVitals));
        assert!(set(OptionId::DisableInstrumentations, Input::Text("xhr")).is_none());
        assert!(!set(OptionId::Instrument, Input::Flag(false)).unwrap().instruments(Instrumentation::Fetch));
    }

    #[test]
    fn levels_and_intervals_are_checked() {
        assert_eq!(set(OptionId::LogLevel, Input::Text("error")).unwrap().log_level, LogLevel::Error as u32);
        assert!(set(OptionId::LogLevel, Input::Text("loud")).is_none());
        assert!(set(OptionId::FlushInterval, Input::Number(f64::INFINITY)).is_none());
        assert!(set(OptionId::FlushInterval, Input::Number(-1.0)).is_none());
        assert!(set(OptionId::ServerUrl, Input::Text("ftp://x")).is_none());
        assert!(set(OptionId::DistributedTracingOrigins, Input::Number(1.0)).is_none());
    }

    #[test]
    fn headers_and_attributes_are_checked() {
        let check = |option, key, value| Options::new().set(option, key, value, &|_| None);
        assert!(check(OptionId::Headers, "x-tenant", Input::Text("a")));
        assert!(!check(OptionId::Headers, "x tenant", Input::Text("a")));
        assert!(!check(OptionId::Headers, "x:tenant", Input::Text("a")));
        assert!(!check(OptionId::Headers, "x-tenant", Input::Text("a\r\nb")));
        assert!(!check(OptionId::Headers, "x-tenant", Input::Number(1.0)));
        assert!(!check(OptionId::Headers, "", Input::Text("a")));
        assert!(check(OptionId::ResourceAttributes, "team", Input::Number(1.0)));
        assert!(!check(OptionId::ResourceAttributes, "team", Input::Other));
        assert!(!check(OptionId::ResourceAttributes, "", Input::Text("a")));
    }

    #[test]
    fn every_number_is_an_option_and_every_rule_has_words() {
        for (number, row) in DOCUMENTATION.iter().enumerate() {
            let id = OptionId::from_number(number as u32).unwrap();
            assert!(format!("{id:?}").eq_ignore_ascii_case(row.name));
            assert!(!id.rule().allowed().is_empty());
            assert_eq!(id.rule().allowed(), id.rule().description());
        }
        assert_eq!(OptionId::from_number(OptionId::COUNT as u32), None);
    }
}
