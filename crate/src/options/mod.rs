//! The configuration: what the page's author asked for, checked, and what the browser says of itself.

mod table;

pub use table::{DOCUMENTATION, FACTS, OptionDocumentation, OptionId};

use crate::context::{SpanId, Targets, TraceId};
use crate::sampling::Threshold;
use crate::wire::hex;
use crate::wire::text::position;

/// The checked configuration. Texts and flags are kept by the option's number: one code path for all.
pub struct Options {
    texts: [String; OptionId::COUNT],
    /// A bit for each option that is `true`.
    flags: u32,
    /// A bit for each option that was configured.
    given: u32,
    /// A bit for each instrumentation that is off.
    disabled: u32,
    /// See [`LogLevel`].
    pub log_level: u32,
    pub targets: Targets,
    pub sample_rate: f64,
    /// Milliseconds.
    pub flush_interval: f64,
    pub resource: Vec<(String, OwnedValue)>,
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
    /// Anything else: null, a function, an object where none belongs.
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
pub enum Rule {
    Name,
    Text,
    Url,
    Flag,
    Instrumentations,
    Level,
    Origins,
    TraceId,
    SpanId,
    Rate,
    Duration,
    Attributes,
    Headers,
}

impl Options {
    /// The defaults.
    pub const fn new() -> Self {
        Self {
            texts: [const { String::new() }; OptionId::COUNT],
            flags: OptionId::Active.bit() | OptionId::Instrument.bit() | OptionId::DistributedTracing.bit(),
            given: 0,
            disabled: 0,
            log_level: LogLevel::Warn as u32,
            targets: Targets::new(),
            sample_rate: 1.0,
            flush_interval: 500.0,
            resource: Vec::new(),
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
        match value {
            Input::Absent => return option != OptionId::ServiceName,
            Input::Flag(flag) if rule == Rule::Flag => {
                self.flags = self.flags & !option.bit() | if flag { option.bit() } else { 0 };
            }
            Input::Number(number) if rule == Rule::Rate && (0.0..=1.0).contains(&number) => {
                // Elastic's rounding: four decimals, and what is not zero stays above it.
                let rounded = ((number * 10_000.0 + 0.5) as u32).max(u32::from(number > 0.0));
                self.sample_rate = f64::from(rounded) / 10_000.0;
            }
            Input::Number(number) if rule == Rule::Duration && (0.0..=f64::MAX).contains(&number) => {
                self.flush_interval = number;
            }
            Input::Pattern if rule == Rule::Origins => self.targets.add_patterns(),
            _ if rule == Rule::Attributes && !key.is_empty() => {
                let value = match value {
                    Input::Text(text) => OwnedValue::Text(text.into()),
                    Input::Number(number) => OwnedValue::Number(number),
                    Input::Flag(flag) => OwnedValue::Flag(flag),
                    _ => return false,
                };
                self.resource.push((key.into(), value));
            }
            Input::Text(text) => match rule {
                Rule::Instrumentations => match name_position(text, INSTRUMENTATIONS) {
                    Some(index) => self.disabled |= 1 << index,
                    None => return false,
                },
                Rule::Level => match name_position(text, LOG_LEVELS) {
                    Some(index) => self.log_level = index,
                    None => return false,
                },
                Rule::Origins => match origin(text) {
                    Some(origin) => self.targets.add_origin(origin),
                    None => return false,
                },
                _ => {
                    let allowed = match rule {
                        Rule::Name => is_service_name(text),
                        Rule::Text => true,
                        Rule::Url => origin(text).is_some(),
                        // A template may have had none to fill in.
                        Rule::TraceId => text.is_empty() || hex::read::<16>(text.as_bytes()).is_some(),
                        Rule::SpanId => text.is_empty() || hex::read::<8>(text.as_bytes()).is_some(),
                        // The wrapper keeps the headers, as it performs the send.
                        Rule::Headers => is_token(key) && text.bytes().all(|byte| byte >= b' '),
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

    /// A flag, if it was configured.
    pub fn given_flag(&self, option: OptionId) -> Option<bool> {
        (self.given & option.bit() != 0).then(|| self.flag(option))
    }

    /// A trace id; none if it is all zero, as OpenTelemetry renders an invalid context.
    pub fn trace_id(&self, option: OptionId) -> Option<TraceId> {
        TraceId::parse(self.text(option).as_bytes())
    }

    /// A span id; none if it is all zero.
    pub fn span_id(&self, option: OptionId) -> Option<SpanId> {
        SpanId::parse(self.text(option).as_bytes())
    }

    /// The sampler for traces that start here.
    pub fn threshold(&self) -> Threshold {
        Threshold::from_probability(self.sample_rate)
    }

    /// Whether an instrumentation runs.
    pub fn instruments(&self, instrumentation: Instrumentation) -> bool {
        self.flag(OptionId::Instrument) && self.disabled & 1 << instrumentation as u32 == 0
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Rule {
    /// What is allowed, for people.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Name => "a name of letters, digits, space, _ and -",
            Self::Text => "a string",
            Self::Url => "an http or https URL",
            Self::Flag => "true or false",
            Self::Instrumentations => INSTRUMENTATIONS,
            Self::Level => LOG_LEVELS,
            Self::Origins => "origins such as https://api.example.com, and RegExps",
            Self::TraceId => "32 lower-case hex digits",
            Self::SpanId => "16 lower-case hex digits",
            Self::Rate => "a number from 0 to 1",
            Self::Duration => "a number of milliseconds",
            Self::Attributes => "an object of strings, numbers and booleans",
            Self::Headers => "an object of header names and string values",
        }
    }
}

/// What can be switched off by name; the order is that of [`INSTRUMENTATIONS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrumentation {
    PageLoad,
    Fetch,
    XmlHttpRequest,
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

/// The lists are for people: their separator is a comma and a space.
fn name_position(name: &str, list: &str) -> Option<u32> {
    position(name, list, b',', |item, name| item.trim_ascii() == name)
}

const INSTRUMENTATIONS: &str = "page-load, fetch, xmlhttprequest, history, eventtarget, click, error";
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
        }
        assert_eq!(OptionId::from_number(OptionId::COUNT as u32), None);
        const { assert!(OptionId::COUNT <= 32, "flags have a bit each") };
    }
}
