//! Bounded fuzzing of everything that reads text from outside: nothing panics, what is read is what the
//! format says, and what is written is read back as the same and may stand in a header.
//!
//! Each target takes three kinds of input, mixed: arbitrary text, text of the format's own grammar, and
//! valid text with a few edits. `HEADWATER_FUZZ_CASES` is the number of executions of each target; the
//! default, 800, takes 5 to 8 seconds in a debug build on two cores. For a long run with its numbers:
//!
//! ```text
//! HEADWATER_FUZZ_CASES=1000000 cargo test --release -p headwater --test fuzz -- --nocapture
//! ```
//!
//! A failure shows its minimal input and its seed; `HEADWATER_FUZZ_SEED` repeats it.

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use headwater::agent::Agent;
use headwater::context::{
    B3, B3Headers, Baggage, DatadogHeaders, Flags, HeaderContext, Origin, OtState, Propagators,
    RemoteContext, ResponseContext, ServerContext, SpanId, TraceId, TraceParent, TraceState, datadog,
    page_trace,
};
use headwater::deliver::Stay;
use headwater::host::Host;
use headwater::options::{Input, LogLevel, OptionId};
use headwater::sampling::{Decision, Priority, Randomness, SessionHash, Threshold};
use headwater::signal::page_load::{Milestones, Resource};
use headwater::signal::request::Outcome;
use headwater::trace::redact_url;
use headwater::wire::{hex, text::decimal as read_decimal};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::string::string_regex;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use prost::Message;

/// Declares the tests, and so knows when the last one has run.
macro_rules! targets {
    ($($name:ident),+ $(,)?) => {
        mod target {
            $(#[test]
            fn $name() {
                super::$name(stringify!($name));
            })+
        }

        const TARGETS: &[&str] = &[$(stringify!($name)),+];
    };
}

targets![
    hex_digits,
    traceparent,
    tracestate,
    tracestate_write_behind,
    tracestate_members,
    headers,
    ot_member,
    datadog_headers,
    decimal,
    b3_single,
    b3_several,
    baggage_parse,
    baggage_edit,
    page_meta,
    page_comment,
    server_timing,
    response_carriers,
    traceresponse,
    environment,
    threshold,
    randomness,
    session_hash,
    origin,
    redaction,
    agent,
];

/// Whether the input was one that the format allows, or why the test failed.
type Verdict = Result<bool, TestCaseError>;

/// Executions of each target, unless `HEADWATER_FUZZ_CASES` says otherwise.
const DEFAULT_CASES: u32 = 800;
/// So many executions must reach what lies behind a parser at least once.
const ENOUGH_TO_REACH: u32 = 500;

/// Runs one target and prints its numbers; behind the last one, those of all.
fn fuzz<S>(name: &'static str, input: S, test: impl Fn(S::Value) -> Verdict)
where
    S: Strategy,
    S::Value: Debug,
{
    let number = |variable| std::env::var(variable).ok().map(|text| text.parse::<u64>().expect(variable));
    let cases = number("HEADWATER_FUZZ_CASES").map_or(DEFAULT_CASES, |cases| cases as u32);
    let seed = number("HEADWATER_FUZZ_SEED").unwrap_or_else(|| {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).unwrap();
        u64::from_ne_bytes(bytes)
    });
    let config =
        Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(seed), ..Config::default() };
    let (executions, accepted) = (Cell::new(0), Cell::new(0));
    let start = Instant::now();
    let outcome = TestRunner::new(config).run(&input, |input| {
        executions.set(executions.get() + 1);
        accepted.set(accepted.get() + u64::from(test(input)?));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("fuzz {name}: HEADWATER_FUZZ_SEED={seed} HEADWATER_FUZZ_CASES={cases}\n{failure}");
    }
    let report =
        Report { name, executions: executions.get(), accepted: accepted.get(), time: start.elapsed() };
    println!("{}", report.line());
    assert!(cases < ENOUGH_TO_REACH || report.accepted > 0, "fuzz {name}: no input was well formed");
    assert!(
        cases < ENOUGH_TO_REACH || report.accepted < report.executions,
        "fuzz {name}: no input was malformed"
    );
    let mut reports = REPORTS.lock().unwrap();
    reports.push(report);
    if reports.len() == TARGETS.len() {
        reports.sort_by_key(|report| TARGETS.iter().position(|target| *target == report.name));
        let total: u64 = reports.iter().map(|report| report.executions).sum();
        let lines: Vec<_> = reports.iter().map(Report::line).collect();
        println!("\n{}\nfuzz total: {total} executions of {} targets", lines.join("\n"), reports.len());
    }
}

/// What one target has done.
struct Report {
    name: &'static str,
    executions: u64,
    accepted: u64,
    time: Duration,
}

impl Report {
    fn line(&self) -> String {
        let Self { name, executions, accepted, time } = self;
        format!("fuzz {name}: {executions} executions, {accepted} well formed, {:.1} s", time.as_secs_f64())
    }
}

static REPORTS: Mutex<Vec<Report>> = Mutex::new(Vec::new());

// Inputs.

/// The three kinds of text. `grammar` is a regular expression, `alphabet` what edits put in most often.
fn text(grammar: &str, alphabet: &str, vectors: Vec<String>) -> BoxedStrategy<String> {
    let own = string_regex(grammar).unwrap();
    prop_oneof![1 => arbitrary(), 3 => own, 4 => edited(alphabet, vectors)].boxed()
}

/// The same as bytes, and bytes that are no text.
fn bytes(grammar: &str, alphabet: &str, vectors: Vec<String>) -> BoxedStrategy<Vec<u8>> {
    let text = text(grammar, alphabet, vectors).prop_map(String::into_bytes);
    prop_oneof![8 => text, 1 => vec(any::<u8>(), 0..64)].boxed()
}

/// Arbitrary text. Not `any::<String>()`, which has no control characters.
fn arbitrary() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..40).prop_map(String::from_iter)
}

/// A valid text with up to four characters flipped, put in, taken out, repeated or cut off.
fn edited(alphabet: &str, vectors: Vec<String>) -> impl Strategy<Value = String> + use<> {
    let alphabet: Vec<char> = alphabet.chars().collect();
    let character =
        prop_oneof![6 => select(alphabet), 1 => any::<char>(), 1 => select(vec!['\n', '\r', '\0'])];
    let edit = (0u8..7, any::<Index>(), any::<Index>(), character);
    (select(vectors), vec(edit, 0..5)).prop_map(|(vector, edits)| {
        let mut text: Vec<char> = vector.chars().collect();
        for (kind, at, to, character) in edits {
            let end = to.index(text.len() + 1);
            if text.is_empty() || kind == 0 {
                text.insert(end, character);
                continue;
            }
            let at = at.index(text.len());
            match kind {
                1 => text[at] = character,
                2 => text[at] = char::from_u32(text[at] as u32 ^ 1 << (end % 7)).unwrap_or(character),
                3 => text.insert(at, text[at]),
                4 => text.truncate(at),
                5 => text.extend_from_within(at.min(end)..at.max(end)),
                _ => drop(text.remove(at)),
            }
        }
        text.into_iter().collect()
    })
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).into()).collect()
}

/// White space as parsers trim it off.
const WHITE_SPACE: [char; 5] = [' ', '\t', '\n', '\r', '\x0c'];
const HEX: &str = "0123456789abcdefABCDEFg-";

// Checks.

/// A header's value that nothing can be smuggled in with: printable ASCII, so no line feed either.
fn check_header_value(value: &str) -> Result<(), TestCaseError> {
    prop_assert!(!value.is_empty());
    prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{:?}", value);
    Ok(())
}

/// What a writer appends.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn is_lower_hex(text: &[u8], length: usize) -> bool {
    text.len() == length && text.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// A number of 1 to 16 lower-case hex digits, by the standard library.
fn hex_number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|text| is_lower_hex(text.as_bytes(), text.len()))?;
    if text.len() > 16 { None } else { u64::from_str_radix(text, 16).ok() }
}

fn decimal_number(text: &str) -> Option<u64> {
    let text = text.trim_matches(WHITE_SPACE);
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

// W3C.

fn hex_digits(name: &'static str) {
    let vectors = strings(&["00", "ff", "00f067aa0ba902b7", "4bf92f3577b34da6a3ce929d0e0e4736"]);
    fuzz(name, bytes("[0-9a-f]{0,34}|[0-9a-fA-Fg]{16}|[0-9a-f]{32}", HEX, vectors), |text| {
        let whole: Option<[u8; 16]> = hex::read(&text);
        prop_assert_eq!(whole.is_some(), is_lower_hex(&text, 32));
        if let Some(bytes) = whole {
            prop_assert_eq!(written(|out| hex::write(&bytes, out)).into_bytes(), text.clone());
        }
        let half: Option<[u8; 8]> = hex::read(&text);
        let number = hex_number(&text).filter(|_| text.len() == 16);
        prop_assert_eq!(half.map(u64::from_be_bytes), number);
        let byte: Option<[u8; 1]> = hex::read(&text);
        prop_assert_eq!(byte.is_some(), is_lower_hex(&text, 2));
        prop_assert_eq!(TraceId::parse(&text).is_some(), whole.is_some_and(|bytes| bytes != [0; 16]));
        prop_assert_eq!(SpanId::parse(&text).map(|id| id.number()), number.filter(|number| *number != 0));
        Ok(whole.is_some() || half.is_some() || byte.is_some())
    });
}

/// Of `w3c/trace-context`, `test/test_data.json`: one of each kind of row.
fn traceparents() -> Vec<String> {
    strings(&[
        "00-12345678901234567890123456789012-1234567890123456-01",
        "00-12345678901234567890123456789012-1234567890123456-00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
        "00-00000000000000000000000000000000-1234567890123456-01",
        "00-12345678901234567890123456789012-0000000000000000-01",
        "00-12345678901234567890123456789012-1234567890123456-01 \t",
        "00-12345678901234567890123456789011-1234567890123456-01, \
         00-12345678901234567890123456789012-1234567890123456-01",
        "00-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        "cc-12345678901234567890123456789012-1234567890123456-01",
        "cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like",
        "cc-12345678901234567890123456789012-1234567890123456-01.what-the-future-will-be-like",
        "ff-12345678901234567890123456789012-1234567890123456-01",
        "0-12345678901234567890123456789012-1234567890123456-01",
        "00-ABCDEF12345678901234567890123456-1234567890123456-01",
    ])
}

/// Trace Context Level 2 §3.2, written down a second time.
fn read_traceparent(text: &[u8]) -> Option<(u128, u64, u8)> {
    let parts: Vec<_> = text.trim_ascii().split(|byte| *byte == b'-').collect();
    let [version, trace_id, span_id, flags, later @ ..] = parts.as_slice() else {
        return None;
    };
    let well_formed = is_lower_hex(version, 2)
        && *version != b"ff"
        && is_lower_hex(trace_id, 32)
        && is_lower_hex(span_id, 16)
        && is_lower_hex(flags, 2)
        && (later.is_empty() || *version != b"00");
    if !well_formed {
        return None;
    }
    let trace_id = u128::from_str_radix(std::str::from_utf8(trace_id).unwrap(), 16).unwrap();
    let (span_id, flags) = (hex_number(span_id).unwrap(), hex_number(flags).unwrap());
    if trace_id == 0 || span_id == 0 { None } else { Some((trace_id, span_id, flags as u8 & 3)) }
}

fn traceparent(name: &'static str) {
    let grammar = "[ \t]?(00|cc|ff|[0-9a-f]{2})-([0-9a-f]{32}|0{32})-([0-9a-f]{16}|0{16})-[0-9a-f]{2}(-|-[a-z]{0,3}|\\.)?[ \t]?|[0-9a-f-]{50,60}";
    fuzz(name, bytes(grammar, HEX, traceparents()), |text| {
        let read = TraceParent::parse(&text).ok();
        let values = read.map(|context| {
            (u128::from_be_bytes(*context.trace_id.bytes()), context.span_id.number(), context.flags.0)
        });
        prop_assert_eq!(values, read_traceparent(&text));
        if let Some(context) = read {
            let sent = written(|out| context.write(out));
            check_header_value(&sent)?;
            prop_assert!(sent.len() == 55 && !sent.bytes().any(|byte| byte.is_ascii_uppercase()));
            prop_assert_eq!(TraceParent::parse(sent.as_bytes()), Ok(context));
        }
        Ok(read.is_some())
    });
}

const STATE_ALPHABET: &str = "abst09_-*/@=,,,;;:: \t~!AZ";
const LIST: &str = "(([a-z0-9][a-z0-9_*/@-]{0,9}|es|ot|dd|[a-z]{60,200})=([ -+\\--<>-~]{0,20}[!-+\\--<>-~]|x{100,256})[ \t]{0,2},{1,2}){0,9}";
/// Also lists of members that we write.
const OWN_LIST: &str = "((ot=(th:[0-9a-f]{0,15};?|th ?:8;?)?(rv:[0-9a-f]{13,15};?)?(x:[a-z]{0,9}|x:y{200,256})?|dd=(s:-?[0-9];?)?(t.dm:-?[0-9]?;?)?(o:[a-z]{1,3};?)?(p:[0-9a-f]{16};?|t.tid:[0-9a-f]{16};?|u:x{200,250})?|es=(s:[0-9.]{1,5};?)?(x:y)?|[a-z]=[ -+\\--<>-~]{0,3}),?[ \t]?){0,6}";

fn tracestate_vectors() -> Vec<String> {
    let mut vectors = strings(&[
        "foo=1",
        "foo=1,bar=2",
        "foo=1,foo=2",
        "foo=1 \t , \t bar=2, \t baz=3",
        ",foo=1,, \t,bar= 2,",
        "foo@=1,bar=2",
        "@foo=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "foo=bar=baz",
        "foo=,bar=3",
        "abcdefghijklmnopqrstuvwxyz0123456789_-*/= !\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
        "dd=s:2;o:rum;p:00f067aa0ba902b7;t.dm:-4;t.tid:0af7651916cd43dd",
        "ot=th:8;rv:a0000000000000;x:1",
        "es=s:0.25,dd=s:1;o:rum;p:b7ad6b7169203331,ot=th:4",
        "es=s:1,es=s:0.5,ot=th:0,ot=th:1,dd=s:0,dd=s:1",
        "f4fe05b2-bd92206c@dt=fw4;3;abf102d9;c4592;0;0;0;2ee;5607;2h01;3habf102d9,ot=rv:a0000000000000",
    ]);
    let numbered =
        |count: usize| (1..=count).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",");
    vectors.extend([29, 30, 31, 32, 33].map(numbered));
    vectors.extend([255, 256, 257].map(|length| format!("foo=1,{}=1", "z".repeat(length))));
    vectors.extend([255, 256, 257].map(|length| format!("foo={},bar=1", "x".repeat(length))));
    vectors.extend([252, 253, 254].map(|length| format!("ot=x:{},es=1", "y".repeat(length))));
    vectors.extend([215, 232, 236].map(|length| format!("ot=x:{};rv:ffffffffffffff", "y".repeat(length))));
    vectors.extend([230, 231, 236].map(|length| format!("dd=x:{};s:1,es=s:1;x:2", "y".repeat(length))));
    let member = |key: &str, length: usize| format!("{key}={}", "x".repeat(length - key.len() - 1));
    let [a, b, c] = ["a", "b", "c"].map(|key| member(key, 128));
    let long = member("l", 129);
    vectors.push(format!("{a},{b},{c},{}", member("d", 118)));
    vectors.push(format!("{a},{b},{c},{}", member("d", 119)));
    vectors.push(format!("{long},{a},{b},{long},d=1"));
    vectors
}

fn tracestate_text() -> BoxedStrategy<String> {
    let vectors = tracestate_vectors();
    let grammar = string_regex(LIST).unwrap();
    prop_oneof![1 => grammar, 2 => text(OWN_LIST, STATE_ALPHABET, vectors)].boxed()
}

/// Keys and values of the members that are not empty, whether well formed or not.
fn members(list: &str) -> Vec<(&str, &str)> {
    let members = list.split(',').map(|member| member.trim_matches(WHITE_SPACE));
    members
        .filter(|member| !member.is_empty())
        .map(|member| member.split_once('=').unwrap_or((member, "")))
        .collect()
}

/// Trace Context Level 2 §3.3.1, written down a second time.
fn is_list(list: &str) -> bool {
    let members = members(list);
    members.len() <= 32
        && members.iter().all(|(key, value)| {
            let first = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            (1..=256).contains(&key.len())
                && key.starts_with(first)
                && key.chars().all(|c| first(c) || "_-*/@".contains(c))
                && (1..=256).contains(&value.len())
                && value.chars().all(|c| (' '..='~').contains(&c) && c != '=')
        })
}

/// The members of `list`, without the keys `own`, of which there is room for behind `sent`: at most 32;
/// above 512 characters first those longer than 128 go, then any, from the right.
fn behind(sent: &str, own: &[&str], list: &str) -> String {
    let others: Vec<_> = members(list).into_iter().filter(|(key, _)| !own.contains(key)).collect();
    let joined = |kept: &[(&str, &str)]| {
        let ours = (!sent.is_empty()).then(|| sent.to_owned());
        let theirs = kept.iter().map(|(key, value)| format!("{key}={value}"));
        ours.into_iter().chain(theirs).collect::<Vec<_>>().join(",")
    };
    let is_long = |member: &(&str, &str)| member.0.len() + 1 + member.1.len() > 128;
    let room = 32 - members(sent).len();
    for long in (0..=room).rev() {
        let mut left = long;
        let mut kept = others.clone();
        kept.retain(|member| !is_long(member) || left.checked_sub(1).inspect(|rest| left = *rest).is_some());
        kept.truncate(room);
        if joined(&kept).len() <= 512 {
            return joined(&kept);
        }
    }
    let short: Vec<_> = others.into_iter().filter(|member| !is_long(member)).collect();
    let most = room.min(short.len());
    (0..=most)
        .rev()
        .map(|count| joined(&short[..count]))
        .find(|list| list.len() <= 512)
        .unwrap_or(sent.into())
}

fn tracestate(name: &'static str) {
    fuzz(name, (tracestate_text(), string_regex("[a-z]{1,3}").unwrap()), |(text, key)| {
        let read = TraceState::parse(&text).ok();
        prop_assert_eq!(read.is_some(), is_list(&text));
        let found = members(&text);
        let Some(state) = read else {
            return Ok(false);
        };
        prop_assert_eq!(state.is_empty(), found.is_empty());
        for key in found.iter().map(|(key, _)| *key).chain([key.as_str()]) {
            let first = found.iter().find(|(found, _)| *found == key).map_or("", |(_, value)| value);
            prop_assert_eq!(state.value(key), first);
        }
        let sent = written(|out| state.write_behind(Propagators::NONE, 0, out));
        prop_assert_eq!(&sent, &behind("", &[], &text));
        if !sent.is_empty() {
            check_header_value(&sent)?;
        }
        prop_assert!(sent.len() <= 512);
        let again = TraceState::parse(&sent)
            .map(|state| written(|out| state.write_behind(Propagators::NONE, 0, out)));
        prop_assert_eq!(again, Ok(sent), "writing again changes nothing");
        Ok(!found.is_empty())
    });
}

fn tracestate_write_behind(name: &'static str) {
    let own =
        vec((select(vec!["es", "ot", "dd"]), string_regex("[a-z:;.0-9]{1,9}|x{90,250}").unwrap()), 0..4);
    let more = prop_oneof![9 => Just(0usize), 1 => 0..29usize];
    let input = (tracestate_text(), own, more, 0u8..8, select(vec!["", "before"]));
    fuzz(name, input, |(text, own, more, keys, before)| {
        let Ok(state) = TraceState::parse(&text) else {
            return Ok(false);
        };
        let mut ours: Vec<_> = own.iter().map(|(key, value)| format!("{key}={value}")).collect();
        ours.extend((0..more).map(|number| format!("own{number}=1")));
        let ours = ours.join(",");
        let keys: Vec<_> = ["es", "ot", "dd"]
            .into_iter()
            .enumerate()
            .filter(|(bit, _)| keys >> bit & 1 == 1)
            .map(|(_, key)| key)
            .collect();
        let set = keys.iter().fold(Propagators::NONE, |set, key| set.with(Propagators::member(key).unwrap()));
        let mut out = format!("{before}{ours}").into_bytes();
        state.write_behind(set, before.len(), &mut out);
        let out = String::from_utf8(out).unwrap();
        prop_assert!(out.starts_with(before));
        let sent = &out[before.len()..];
        prop_assert_eq!(sent, &behind(&ours, &keys, &text));
        prop_assert!(is_list(sent));
        prop_assert!(sent.len() <= 512 || sent == ours);
        Ok(!sent.is_empty())
    });
}

// Our members of `tracestate`.

/// The ids and the decision of one request.
#[derive(Clone, Copy, Debug)]
struct Sent {
    context: TraceParent,
    decision: Decision,
    rate: Option<f64>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let id = || prop_oneof![6 => 1u64.., 1 => 1u64..9];
    let high = prop_oneof![3 => 1u64.., 1 => Just(0)];
    // Datadog's headers have no word for a trace id whose lower half is zero.
    let low = prop_oneof![9 => 1u64.., 1 => Just(0)];
    // As the option is rounded.
    let rate =
        prop_oneof![4 => (0u32..=10_000).prop_map(|rate| Some(f64::from(rate) / 10_000.0)), 1 => Just(None)];
    let threshold = prop_oneof![3 => 0f64..=1.0, 1 => Just(1.0), 1 => Just(0.0)];
    let randomness = proptest::option::of(any::<u64>().prop_map(Randomness::of_bits));
    let how = (0u8..5, any::<bool>(), proptest::option::of(priority()), randomness, any::<u64>(), 0u8..4);
    (high, low, id(), 0u8..4, rate, threshold, how).prop_map(
        |(high, low, span, flags, rate, threshold, how)| {
            let context = TraceParent {
                trace_id: TraceId::of_halves(high, low).unwrap_or(TraceId::of_halves(1, 0).unwrap()),
                span_id: SpanId::of_number(span).unwrap(),
                flags: Flags(flags),
            };
            let probability = threshold;
            let threshold = Threshold::from_probability(probability);
            let (kind, sampled, priority, randomness, hash, word) = how;
            let session = SessionHash::of_number(hash);
            let mut decision = match kind {
                0 => Decision::of_trace(threshold, context.trace_id.randomness()),
                1 => Decision::of_session(threshold, session),
                2 => Decision::of_datadog_session(probability, session),
                3 => Decision::inherited(sampled, priority, None, randomness),
                _ => Decision::inherited(sampled, priority, Some(threshold), randomness),
            };
            let _ = match word {
                0 => decision.keep(),
                1 => decision.drop(),
                _ => Ok(()),
            };
            Sent { context, decision, rate }
        },
    )
}

fn priority() -> impl Strategy<Value = Priority> {
    select(vec![Priority::Drop, Priority::Reject, Priority::Accept, Priority::Keep])
}

impl Sent {
    fn headers<'a>(&self, tracestate: TraceState<'a>, baggage: &'a Baggage) -> HeaderContext<'a> {
        let Self { context, decision, rate } = *self;
        HeaderContext { context, decision, rate, tracestate, baggage, traceparent_name: "traceparent" }
    }

    fn span_id(&self) -> String {
        format!("{:016x}", self.context.span_id.number())
    }
}

/// The pairs of a member, their keys without the white space round them.
fn pairs(member: &str) -> Vec<(&str, &str)> {
    let pairs = member.split(';').map(|pair| pair.trim_matches(WHITE_SPACE)).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once(':').map_or((pair, ""), |(key, _)| (key.trim_matches(WHITE_SPACE), pair)))
        .collect()
}

/// The value of a member's first pair with this key.
fn pair<'a>(key: &str, member: &'a str) -> &'a str {
    let found = pairs(member).into_iter().find(|(found, _)| *found == key);
    found.and_then(|(_, pair)| pair.split_once(':')).map_or("", |(_, value)| value)
}

/// What we say within one member, and the keys that are ours.
struct Ours {
    key: &'static str,
    replaced: &'static [&'static str],
    text: String,
}

impl Ours {
    /// The member: pairs of the `existing` one that are not ours, then ours. None if ours does not fit.
    fn behind(&self, existing: &str) -> Option<String> {
        let pairs = existing.split(';').map(|pair| pair.trim_matches(WHITE_SPACE));
        let key =
            |pair: &str| String::from(pair.split(':').next().unwrap_or_default().trim_matches(WHITE_SPACE));
        let kept = pairs.filter(|pair| !pair.is_empty() && !self.replaced.contains(&key(pair).as_str()));
        let all =
            kept.chain((!self.text.is_empty()).then_some(self.text.as_str())).collect::<Vec<_>>().join(";");
        if all.len() > 256 { None } else { Some(all) }
    }
}

fn tracestate_members(name: &'static str) {
    fuzz(name, (tracestate_text(), sent(), 0u8..8), |(text, sent, keys)| {
        let parsed = TraceState::parse(&text);
        let state = parsed.unwrap_or_default();
        let text = parsed.map_or("", |_| text.as_str());
        let priority = sent.decision.priority();
        let found = Randomness::parse(pair("rv", state.value("ot")).as_bytes());
        let randomness = found.or(sent.decision.randomness());
        let trace_randomness = sent.context.trace_id.randomness();
        let threshold = sent
            .decision
            .threshold(trace_randomness)
            .filter(|threshold| threshold.samples(randomness.map_or(trace_randomness, Randomness::value)));
        let mut ours = Vec::new();
        if keys & 1 != 0
            && let Some(rate) = sent.rate
        {
            let rate = match priority {
                Priority::Drop | Priority::Reject => 0.0,
                Priority::Accept => rate,
                Priority::Keep => 1.0,
            };
            ours.push(Ours { key: "es", replaced: &["s"], text: format!("s:{rate}") });
        }
        if keys & 2 != 0 {
            let by = priority.is_manual() && pair("t.dm", state.value("dd")).is_empty();
            let by = if by { ";t.dm:-4" } else { "" };
            let text = format!("s:{};o:rum;p:{}{by}", priority as i8, sent.span_id());
            let replaced: &[_] =
                if by.is_empty() { &["s", "o", "p", "t.tid"] } else { &["s", "o", "p", "t.tid", "t.dm"] };
            ours.push(Ours { key: "dd", replaced, text });
        }
        if keys & 4 != 0 {
            let mut said = Vec::new();
            if let Some(threshold) = threshold {
                said.push(format!("th:{}", written(|out| threshold.write(out))));
            }
            // One that was there stays where it is.
            if let Some(randomness) = randomness.filter(|_| found.is_none()) {
                said.push(format!("rv:{:014x}", randomness.value()));
            }
            let replaced: &[_] = if found.is_some() { &["th"] } else { &["th", "rv"] };
            ours.push(Ours { key: "ot", replaced, text: said.join(";") });
        }
        let set = [Propagators::ELASTIC, Propagators::DATADOG_MEMBER, Propagators::OPEN_TELEMETRY];
        let set =
            (0..3).filter(|bit| keys >> bit & 1 != 0).fold(Propagators::NONE, |all, bit| all.with(set[bit]));
        let baggage = Baggage::new();
        let out = written(|out| sent.headers(state, &baggage).write_tracestate(set, out));

        prop_assert!(is_list(&out));
        prop_assert!(out.is_empty() || check_header_value(&out).is_ok());
        let again = TraceState::parse(&out).unwrap();
        let mut members_of_ours = Vec::new();
        let mut all_fit = true;
        for own in &ours {
            let existing = state.value(own.key);
            let value = again.value(own.key);
            prop_assert!(value.len() <= 256);
            match own.behind(existing) {
                Some(expected) => {
                    prop_assert_eq!(value, &expected, "{}", own.key);
                    if !expected.is_empty() {
                        members_of_ours.push(format!("{}={expected}", own.key));
                    }
                }
                None => all_fit = false,
            }
        }
        if all_fit {
            let own: Vec<_> = ours.iter().map(|own| own.key).collect();
            prop_assert_eq!(&out, &behind(&members_of_ours.join(","), &own, text));
            prop_assert!(out.len() <= 512 || out == members_of_ours.join(","));
            // What our own readers make of it.
            let read = OtState::parse(again.value("ot"));
            let expected = OtState { threshold, randomness };
            prop_assert!(keys & 4 == 0 || read == expected, "{:?}", read);
            prop_assert!(keys & 2 == 0 || datadog::priority(again.value("dd")) == Some(priority));
        } else if keys & 4 != 0 {
            prop_assert!(found.is_none() || OtState::parse(again.value("ot")).randomness == found);
        }
        Ok(!members(text).is_empty())
    });
}

fn ot_member(name: &'static str) {
    let vectors = strings(&[
        "th:8;rv:a0000000000000;x:1",
        "th:0",
        "rv:1234567890abcd",
        "rv:1234567890abcde;th:1234567890abcde",
        "rv:12;th:XYZ;foo:1",
        "a",
        "th:10000000000000",
        "x: 1 ; th:c;rv:ffffffffffffff",
    ]);
    let grammar = "((th|rv|[a-z]{1,3}) ?:[0-9a-f]{0,15} ?;? ?){0,6}|th:[0-9a-f]{1,14};rv:[0-9a-f]{14}";
    fuzz(name, text(grammar, "thrv:;0189abf ", vectors), |value| {
        let read = OtState::parse(&value);
        prop_assert_eq!(read.threshold, Threshold::parse(pair("th", &value).as_bytes()));
        prop_assert_eq!(read.randomness, Randomness::parse(pair("rv", &value).as_bytes()));
        let priority = match pair("s", &value) {
            "-1" => Some(Priority::Drop),
            "0" => Some(Priority::Reject),
            "1" => Some(Priority::Accept),
            "2" => Some(Priority::Keep),
            _ => None,
        };
        prop_assert_eq!(datadog::priority(&value), priority);
        let says = read.threshold.is_some() || read.randomness.is_some();
        if is_list(&format!("ot={value}")) && !value.contains(',') {
            let out = written(|out| read.write(value.trim_matches(WHITE_SPACE), 0, out));
            prop_assert!(is_list(&out), "{}", out);
            prop_assert_eq!(OtState::parse(out.strip_prefix("ot=").unwrap_or("")), read);
        }
        Ok(says)
    });
}

// All headers of a request.

fn headers(name: &'static str) {
    let names = ["tracecontext", "datadog", "b3", "b3multi", "baggage", "es", "ot", "dd"];
    let elastic = any::<bool>();
    fuzz(
        name,
        (sent(), any::<u8>(), elastic, tracestate_text(), baggage_text()),
        |(sent, set, elastic, text, baggage)| {
            let named = names.iter().enumerate().filter(|(bit, _)| set >> bit & 1 != 0).map(|(_, name)| name);
            let set = named.fold(Propagators::NONE, |set, name| {
                set.with(Propagators::named(name).or(Propagators::member(name)).unwrap())
            });
            let state = TraceState::parse(&text).unwrap_or_default();
            let baggage = Baggage::parse(&baggage);
            let mut context = sent.headers(state, &baggage);
            context.traceparent_name = if elastic { "elastic-apm-traceparent" } else { "traceparent" };
            let out = written(|out| context.write(set, out));
            let lines: Vec<_> = if out.is_empty() { Vec::new() } else { out.split('\n').collect() };
            prop_assert_eq!(lines.len() % 2, 0, "{}", out);
            let mut left: Vec<_> = lines.chunks(2).map(|pair| (pair[0], pair[1])).collect();
            for (_, value) in &left {
                check_header_value(value)?;
            }
            let mut take = |name: &str| {
                let at = left.iter().position(|(found, _)| *found == name);
                at.map_or("", |at| left.remove(at).1)
            };
            let priority = sent.decision.priority();
            let TraceParent { trace_id, span_id, flags } = sent.context;
            if set.has(Propagators::TRACE_CONTEXT) {
                let flags = flags.with_sampled(priority.sampled());
                let read = TraceParent::parse(take(context.traceparent_name).as_bytes());
                prop_assert_eq!(read, Ok(TraceParent { flags, ..sent.context }));
                prop_assert_eq!(take("tracestate"), written(|out| context.write_tracestate(set, out)));
            }
            if set.has(Propagators::DATADOG) && trace_id.halves().1 != 0 {
                prop_assert_eq!(take("x-datadog-origin"), "rum");
                let read = DatadogHeaders {
                    trace_id: take("x-datadog-trace-id"),
                    parent_id: take("x-datadog-parent-id"),
                    sampling_priority: take("x-datadog-sampling-priority"),
                    tags: take("x-datadog-tags"),
                };
                prop_assert_eq!(
                    read.parse(),
                    Some(RemoteContext { trace_id, span_id, priority: Some(priority) })
                );
            }
            let reduced = if priority == Priority::Drop { Priority::Reject } else { priority };
            let expected = Some(B3::Context(RemoteContext { trace_id, span_id, priority: Some(reduced) }));
            if set.has(Propagators::B3) {
                prop_assert_eq!(B3::parse(take("b3"), &B3Headers::default()), expected);
            } else if set.has(Propagators::B3_MULTI) {
                let several = B3Headers {
                    trace_id: take("X-B3-TraceId"),
                    span_id: take("X-B3-SpanId"),
                    sampled: take("X-B3-Sampled"),
                    flags: take("X-B3-Flags"),
                };
                prop_assert_eq!(B3::parse("", &several), expected);
            }
            if set.has(Propagators::BAGGAGE) {
                prop_assert_eq!(Baggage::parse(take("baggage")), baggage);
            }
            prop_assert!(left.is_empty(), "not asked for: {:?}", left);
            Ok(!out.is_empty())
        },
    );
}

// Datadog.

const DECIMAL: &str = "0123456789+-. ";

fn decimals() -> Vec<String> {
    strings(&[
        "9532127138774266268",
        "13235353014750950193",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551620",
        "0",
        "1",
        "00000000000000000000000000000012",
        " 7 ",
    ])
}

fn decimal_text() -> BoxedStrategy<String> {
    text("[0-9]{0,21}|1844674407370955[0-9]{4}| ?[1-9][0-9]{0,18} ?|[0-9a-f+-]{1,4}", DECIMAL, decimals())
}

fn decimal(name: &'static str) {
    fuzz(name, decimal_text(), |text| {
        let number = read_decimal(&text);
        prop_assert_eq!(number, decimal_number(&text));
        if let Some(number) = number {
            prop_assert_eq!(read_decimal(&number.to_string()), Some(number));
        }
        Ok(number.is_some())
    });
}

fn datadog_headers(name: &'static str) {
    let tags = text(
        "((_dd\\.p\\.(tid|dm)|[a-z]{1,3}) ?= ?([0-9a-f]{16}|[0-9a-fA-F]{0,17}|-[0-9])[ ,]{1,2}){0,4}",
        "_dd.ptid=,0af ",
        strings(&["_dd.p.tid=0af7651916cd43dd", "_dd.p.dm=-1,_dd.p.tid=0af7651916cd43dd", "_dd.p.tid=1,a,="]),
    );
    let state = text(" ?(-1|0|1|2|3|-2) ?", "-0123 ", strings(&["-1", "0", "1", "2"]));
    fuzz(name, (decimal_text(), decimal_text(), state, tags), |(trace_id, parent_id, state, tags)| {
        let read = DatadogHeaders {
            trace_id: &trace_id,
            parent_id: &parent_id,
            sampling_priority: &state,
            tags: &tags,
        }
        .parse();
        let number = |text| decimal_number(text).filter(|number| *number != 0);
        let expected = number(&trace_id).zip(number(&parent_id)).map(|(low, parent)| {
            let mut tags =
                tags.split(',').filter_map(|tag| tag.trim_matches(WHITE_SPACE).strip_prefix("_dd.p.tid="));
            let high = tags
                .next_back()
                .and_then(|digits| hex_number(digits.as_bytes()).filter(|_| digits.len() == 16));
            let priorities = [
                ("-1", Priority::Drop),
                ("0", Priority::Reject),
                ("1", Priority::Accept),
                ("2", Priority::Keep),
            ];
            let state = state.trim_matches(WHITE_SPACE);
            RemoteContext {
                trace_id: TraceId::of_halves(high.unwrap_or(0), low).unwrap(),
                span_id: SpanId::of_number(parent).unwrap(),
                priority: priorities.iter().find(|(text, _)| *text == state).map(|(_, priority)| *priority),
            }
        });
        prop_assert_eq!(read, expected);
        Ok(read.is_some())
    });
}

const NAVIGATION: f64 = 1_760_000_000_000.0;

/// browser-sdk's rule: an id of 32 hex digits or of 64 bits, and less than two minutes old.
fn page_trace_of(trace_id: &str, time: &str, navigation: f64) -> Option<u128> {
    let fresh = decimal_number(time)? as f64 > navigation - 120_000.0;
    let trimmed = trace_id.trim_matches(WHITE_SPACE);
    let id = if is_lower_hex(trimmed.as_bytes(), 32) {
        u128::from_str_radix(trimmed, 16).unwrap()
    } else {
        decimal_number(trace_id)?.into()
    };
    if fresh && id != 0 { Some(id) } else { None }
}

fn number_of(trace_id: Option<TraceId>) -> Option<u128> {
    trace_id.map(|id| u128::from_be_bytes(*id.bytes()))
}

fn navigation() -> impl Strategy<Value = f64> {
    prop_oneof![6 => Just(NAVIGATION), 1 => Just(0.0), 1 => any::<f64>(), 1 => Just(f64::NAN)]
}

fn page_meta(name: &'static str) {
    let hex = text("[0-9a-f]{32}|0{32}|[0-9]{32}", HEX, strings(&["0af7651916cd43dd8448eb211c80319c"]));
    let times = strings(&["1760000000500", "1759999880000", "1759999880001", "0"]);
    let time = text(" ?17(60000000|59999880)[0-9]{3} ?|[0-9]{0,21}", DECIMAL, times);
    fuzz(name, (prop_oneof![decimal_text(), hex], time, navigation()), |(trace_id, time, navigation)| {
        let read = number_of(page_trace::of_meta(&trace_id, &time, navigation));
        prop_assert_eq!(read, page_trace_of(&trace_id, &time, navigation));
        Ok(read.is_some())
    });
}

fn page_comment(name: &'static str) {
    let vectors = strings(&[
        "DATADOG;trace-id=123;trace-time=1760000000000",
        " \n DATADOG;trace-id=0af7651916cd43dd8448eb211c80319c;trace-time=1760000000000\n",
        "DATADOG; trace-time = 1760000000000 ; other ; trace-id = 123 ;",
    ]);
    let grammar =
        " ?DATADOG;((trace-(id|time)?|x) ?(= ?(17600000[0-9]{5}|[0-9]{0,4}|[0-9a-f]{32}) ?)?;? ?){0,5}";
    fuzz(name, (text(grammar, "DATOG;trace-idm=0123 ", vectors), navigation()), |(comment, navigation)| {
        let read = number_of(page_trace::of_comment(&comment, navigation));
        let list = comment.trim_matches(WHITE_SPACE).strip_prefix("DATADOG;");
        let expected = list.and_then(|list| {
            let value = |key: &str| {
                let pairs = list.split(';').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                pairs
                    .into_iter()
                    .find(|(found, _)| found.trim_matches(WHITE_SPACE) == key)
                    .map_or("", |pair| pair.1)
            };
            page_trace_of(value("trace-id"), value("trace-time"), navigation)
        });
        prop_assert_eq!(read, expected);
        Ok(read.is_some())
    });
}

// B3.

fn remote(trace_id: &str, span_id: &str, priority: Option<Priority>) -> Option<B3> {
    if ![16, 32].contains(&trace_id.len()) {
        return None;
    }
    let trace_id = TraceId::parse(format!("{trace_id:0>32}").as_bytes())?;
    Some(B3::Context(RemoteContext { trace_id, span_id: SpanId::parse(span_id.as_bytes())?, priority }))
}

fn b3_state(text: &str) -> Option<Priority> {
    let states = [("0", Priority::Reject), ("1", Priority::Accept), ("d", Priority::Keep)];
    states.iter().find(|(state, _)| *state == text).map(|(_, priority)| *priority)
}

fn b3_single(name: &'static str) {
    let vectors = strings(&[
        "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
        "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d",
        "64fe8b2a57d3eff7-e457b5a2e4d86bd1-0",
        "64fe8b2a57d3eff7-e457b5a2e4d86bd1",
        "0",
        "d",
    ]);
    let grammar = " ?([0-9a-f]{16}|[0-9a-f]{32}|0{16})-([0-9a-f]{16}|0{16})(-[01d]?(-[0-9a-f]{16}|-)?)? ?|[01d2]-?|[0-9a-f]{15,33}-[0-9a-f]{15,17}-[012d]";
    fuzz(name, text(grammar, "0123456789abcdefA-- ", vectors), |value| {
        let read = B3::parse_single(&value);
        // A hyphen with nothing behind it is overlooked.
        let mut parts: Vec<_> = value.trim_matches(WHITE_SPACE).splitn(4, '-').collect();
        if parts.len() > 1 && parts.last() == Some(&"") {
            parts.pop();
        }
        let state = |text: &str| if text.is_empty() { Some(None) } else { b3_state(text).map(Some) };
        let expected = match parts[..] {
            [decision] => b3_state(decision).map(B3::Decision),
            [trace_id, span_id] => remote(trace_id, span_id, None),
            [trace_id, span_id, third] => state(third).and_then(|state| remote(trace_id, span_id, state)),
            [trace_id, span_id, third, parent] => SpanId::parse(parent.as_bytes())
                .and(state(third))
                .and_then(|state| remote(trace_id, span_id, state)),
            _ => None,
        };
        prop_assert_eq!(read, expected);
        Ok(read.is_some())
    });
}

fn b3_several(name: &'static str) {
    // Four texts have to be well formed at once, so most are to start with.
    let mostly = |grammar: &str, alphabet, vectors| prop_oneof![3 => string_regex(grammar).unwrap(), 1 => text(grammar, alphabet, vectors)];
    let trace_id = mostly(
        "[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{16}|[0-9a-f]{32}||0{16}|[0-9a-fA]{15,33}",
        HEX,
        strings(&["", "80f198ee56343ba864fe8b2a57d3eff7"]),
    );
    let span_id = mostly(
        "[0-9a-f]{16}|[0-9a-f]{16}|[0-9a-f]{16}||0{16}|[0-9a-fA]{15,17}",
        HEX,
        strings(&["", "e457b5a2e4d86bd1"]),
    );
    let sampled = mostly("[01d]?|true|false", "01dtruefals", strings(&["", "1", "true"]));
    let flags = mostly("[01]?", "01 ", strings(&["", "1"]));
    fuzz(name, (trace_id, span_id, sampled, flags), |(trace_id, span_id, sampled, flags)| {
        let several = B3Headers { trace_id: &trace_id, span_id: &span_id, sampled: &sampled, flags: &flags };
        let read = B3::parse_several(&several);
        let priority = match (flags.as_str(), sampled.as_str()) {
            ("1", _) => Some(Priority::Keep),
            (_, "1" | "true") => Some(Priority::Accept),
            (_, "0" | "false") => Some(Priority::Reject),
            _ => None,
        };
        let expected = if trace_id.is_empty() && span_id.is_empty() {
            priority.map(B3::Decision)
        } else {
            remote(&trace_id, &span_id, priority)
        };
        prop_assert_eq!(read, expected);
        prop_assert_eq!(
            B3::parse("d", &several),
            Some(B3::Decision(Priority::Keep)),
            "the single one goes first"
        );
        prop_assert_eq!(B3::parse("", &several), read);
        Ok(read.is_some())
    });
}

// Baggage.

const BAGGAGE_ALPHABET: &str = "abk=,,;;%0Ff \t\"\\";

fn baggage_text() -> BoxedStrategy<String> {
    let list = |count: usize| (0..count).map(|n| format!("key{n}=value")).collect::<Vec<_>>().join(",");
    let mut vectors = strings(&[
        "SomeKey=SomeValue;SomeProp,SomeKey2=SomeValue2;ValueProp=PropVal",
        "A \t = \t B \t ; \t C \t , \t D = E ; F = G",
        "SomeKey=SomeValue=equals",
        "k=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29;p=1",
        "k=%ff%zz%4,a=1,a=2",
        "userId=,a=b;,c",
    ]);
    vectors.extend([list(63), list(64), list(65)]);
    vectors.extend([8_185, 8_188, 8_190, 8_191].map(|length| format!("a={},b=1", "x".repeat(length - 2))));
    let grammar = "([a-z]{1,3} ?(=[!-+\\--:<-~]{0,5}(%[0-9A-F]{2}){0,2})? ?(; ?[a-z]{0,2}(=[a-z]{0,2})?){0,2},{1,2} ?){0,8}";
    let many = string_regex("(a=b;c,d=,){25,40}").unwrap();
    prop_oneof![20 => text(grammar, BAGGAGE_ALPHABET, vectors), 1 => many].boxed()
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(c))
}

/// A member without its white space, if it is well formed (W3C Baggage, *Definition*).
fn baggage_member(text: &str) -> Option<String> {
    // An empty property at the end is overlooked.
    let text = text.strip_suffix(';').unwrap_or(text);
    let mut parts = Vec::new();
    for (index, part) in text.split(';').enumerate() {
        let (key, value) = match part.split_once('=') {
            Some((key, value)) => (key, Some(value.trim_matches(WHITE_SPACE))),
            None if index > 0 => (part, None),
            None => return None,
        };
        let key = key.trim_matches(WHITE_SPACE);
        let octets = |text: &str| text.chars().all(|c| c.is_ascii_graphic() && !"\",;\\".contains(c));
        if !is_token(key) || !value.is_none_or(octets) {
            return None;
        }
        parts.push(value.map_or(key.into(), |value| format!("{key}={value}")));
    }
    Some(parts.join(";"))
}

/// Adds a member if there is room for it.
fn push_member(list: &mut Vec<String>, member: String) -> bool {
    list.push(member);
    let length: usize = list.iter().map(|member| member.len() + 1).sum();
    let fits = list.len() <= 64 && length - 1 <= 8_192;
    if !fits {
        list.pop();
    }
    fits
}

fn key_of(member: &str) -> &str {
    member.split('=').next().unwrap_or_default()
}

fn read_baggage(text: &str) -> Vec<String> {
    let mut list = Vec::new();
    for member in text.split(',').filter_map(baggage_member) {
        push_member(&mut list, member);
    }
    list
}

fn check_baggage(baggage: &Baggage, expected: &[String]) -> Result<(), TestCaseError> {
    let sent = written(|out| baggage.write(out));
    prop_assert_eq!(&sent, &expected.join(","));
    prop_assert_eq!(baggage.is_empty(), sent.is_empty());
    prop_assert!(sent.is_empty() || check_header_value(&sent).is_ok());
    prop_assert!(!sent.contains(' ') && sent.len() <= 8_192 && sent.split(',').count() <= 64);
    prop_assert_eq!(&Baggage::parse(&sent), baggage);
    Ok(())
}

fn baggage_parse(name: &'static str) {
    fuzz(name, baggage_text(), |text| {
        let baggage = Baggage::parse(&text);
        let expected = read_baggage(&text);
        check_baggage(&baggage, &expected)?;
        for member in &expected {
            let first = expected.iter().find(|first| key_of(first) == key_of(member)).unwrap();
            let value = first.split(';').next().unwrap().split_once('=').unwrap().1;
            let read = baggage.value(key_of(member));
            if !value.contains('%') {
                prop_assert_eq!(read.as_deref(), Some(value));
            }
            prop_assert!(read.is_some());
        }
        Ok(!expected.is_empty())
    });
}

fn baggage_edit(name: &'static str) {
    let key = text("[a-c]|[!-~]{0,2}|user\\.id", "abc=,; ", strings(&["user.id", "key1", "a"]));
    let value = text(
        "[ -~]{0,9}|[a-zé%]{0,9}|x{4000}",
        BAGGAGE_ALPHABET,
        strings(&["DF 28", "\t \"';=asdf!@#$%^&*(),\\é", "%41"]),
    );
    let edits = vec((key, proptest::option::weighted(0.8, value)), 1..5);
    fuzz(name, (baggage_text(), edits), |(text, edits)| {
        let mut baggage = Baggage::parse(&text);
        let mut expected = read_baggage(&text);
        let mut any_set = false;
        for (key, value) in edits {
            let mut others = expected.clone();
            others.retain(|member| key_of(member) != key);
            let Some(value) = value else {
                baggage.remove(&key);
                expected = others;
                prop_assert_eq!(baggage.value(&key), None);
                continue;
            };
            let encode = |byte: u8| match byte {
                b'"' | b',' | b';' | b'\\' | b'%' | 0..=b' ' | 0x7f.. => format!("%{byte:02X}"),
                _ => char::from(byte).into(),
            };
            let member = format!("{key}={}", value.bytes().map(encode).collect::<String>());
            let allowed = is_token(&key) && push_member(&mut others, member);
            prop_assert_eq!(baggage.set(&key, &value).is_ok(), allowed);
            if allowed {
                any_set = true;
                expected = others;
                prop_assert_eq!(baggage.value(&key), Some(value));
            }
        }
        check_baggage(&baggage, &expected)?;
        Ok(any_set)
    });
}

// Responses.

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const OTHER: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "b7ad6b7169203331";

fn server_timing(name: &'static str) {
    let good = format!("00-{TRACE}-{SPAN}-01");
    let vectors = vec![
        format!("trace;desc={good}"),
        format!("TRACE ; DESC = \"{good}\" "),
        format!(
            "cdn-cache; desc=HIT, edge; dur=1, dtSInfo;desc=\"0\", dtRpid;desc=\"-1245436569\", trace;desc={good}"
        ),
        format!("a;desc=\"x\\\", trace;desc=1\", traceparent;desc={good};x"),
        format!("dtTrId;desc=\"{OTHER}\", traceparent;desc={good}, env;desc=747dc706-46dc6e7f@dt"),
        format!("trace;desc={good}, trace;desc=00-{OTHER}-{SPAN}-01"),
        format!("trace;dur=1;desc=00-{TRACE}--01;desc=x"),
    ];
    let grammar = format!(
        "((trace|traceparent|dtTrId|env|x) ?(; ?(desc|dur|DESC) ?= ?(\"?(00|cc)-({TRACE}|[0-9a-f]{{32}})-({SPAN}|[0-9a-f]{{16}})?-0[0-9]\"?|\"?[0-9a-f]{{32}}\"?|\"[a-z,;\\\\]{{0,5}}\"|[a-z0-9@]{{0,5}})){{0,3}} ?,? ?){{0,4}}"
    );
    let alphabet = "tracepndsvTI-;=,\"\\ 0123456789abcdef";
    fuzz(name, text(&grammar, alphabet, vectors), |header| {
        let mut response = ResponseContext::new();
        response.server_timing(&header);
        let (context, environment) = (response.context(), response.environment_id());
        if let Some(ServerContext { trace_id, span_id, flags }) = context {
            let digits = |bytes: &[u8]| written(|out| hex::write(bytes, out));
            prop_assert!(header.contains(&digits(trace_id.bytes())));
            prop_assert!(span_id.is_none_or(|id| header.contains(&digits(id.bytes()))));
            prop_assert!(flags.0 < 4);
        }
        check_environment(environment, &header)?;
        let carries = header.to_ascii_lowercase();
        prop_assert!(
            context.is_none()
                || carries.contains("desc") && (carries.contains("trace") || carries.contains("dttrid"))
        );
        // The same again is no contradiction, and others' metrics change nothing.
        response.server_timing(&header);
        prop_assert_eq!((response.context(), response.environment_id()), (context, environment));
        let with_others = format!("cdn;desc=\"x, trace;desc=00-{OTHER}-{SPAN}-00\", db;dur=53 , {header}");
        let mut response = ResponseContext::new();
        response.server_timing(&with_others);
        prop_assert_eq!((response.context(), response.environment_id()), (context, environment));
        Ok(context.is_some())
    });
}

/// At most 64 characters that no markup and no header can be made of.
fn check_environment(id: &[u8], header: &str) -> Result<(), TestCaseError> {
    let id = std::str::from_utf8(id).unwrap();
    prop_assert!(id.len() <= 64 && header.contains(id));
    prop_assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "@_.-".contains(c)));
    Ok(())
}

/// The metrics and the header that tell of a trace, the most credible first.
const CARRIERS: [&str; 4] = ["trace", "traceparent", "traceresponse", "dtTrId"];

fn response_carriers(name: &'static str) {
    let id = |digits: &'static str| select(vec![TRACE, OTHER, digits]);
    let noise = select(vec![
        "",
        "cdn;desc=\"a, trace;desc=\\\"b\", ",
        "db;dur=53,",
        "x,",
        "y;desc=1;desc=\"2\"  ,\t",
    ]);
    let tail = select(vec!["", ";dur=1", " ; desc=x", ", z", ",trace", ";desc=\"00-\""]);
    let form = (noise, 0u8..4, tail);
    // All zero is malformed, as is upper case.
    let statement = (
        0usize..4,
        id("00000000000000000000000000000000"),
        select(vec!["", SPAN, "00f067aa0ba902b7", "B7AD6B7169203331"]),
        0u8..4,
        form,
    );
    let input = vec(statement, 0..5);
    fuzz(name, input, |statements| {
        let mut said: Vec<(usize, ServerContext)> = Vec::new();
        let texts: Vec<_> = statements
            .iter()
            .map(|(carrier, trace_id, span_id, flags, (noise, form, tail))| {
                let text = if *carrier == 3 {
                    (*trace_id).into()
                } else {
                    format!("00-{trace_id}-{span_id}-{flags:02x}")
                };
                let well_formed = TraceId::parse(trace_id.as_bytes())
                    .filter(|_| *carrier == 3 || span_id.is_empty() || is_lower_hex(span_id.as_bytes(), 16));
                if let Some(trace_id) = well_formed {
                    let alone = *carrier == 3;
                    let span_id = if alone { None } else { SpanId::parse(span_id.as_bytes()) };
                    let flags = Flags(if alone { 0 } else { *flags });
                    said.push((*carrier, ServerContext { trace_id, span_id, flags }));
                }
                let name = CARRIERS[*carrier];
                let header = match form {
                    0 => format!("{noise}{name};desc={text}{tail}"),
                    1 => format!("{noise}{} ; Desc =\t\"{text}\" {tail}", name.to_uppercase()),
                    _ => format!("{noise}{name};dur=0;desc=\"{text}\"{tail}"),
                };
                (*carrier, *form, text, header)
            })
            .collect();
        let mut response = ResponseContext::new();
        for (carrier, form, text, header) in &texts {
            match (carrier, form) {
                (2, _) => response.traceresponse(text),
                (_, 3) => response.metric(CARRIERS[*carrier], text),
                _ => response.server_timing(header),
            }
        }
        let best = said.iter().map(|(carrier, _)| *carrier).min();
        let mut of_best =
            said.iter().filter(|(carrier, _)| Some(*carrier) == best).map(|(_, context)| *context);
        let first = of_best.next();
        let expected = first.filter(|first| of_best.all(|context| context == *first));
        prop_assert_eq!(response.context(), expected, "{:?}", texts);
        Ok(expected.is_some())
    });
}

fn traceresponse(name: &'static str) {
    let mut vectors = traceparents();
    vectors.extend(["01", "00", "1", "01-"].map(|end| format!("00-{TRACE}--{end}")));
    let grammar = " ?(00|cc|ff)-([0-9a-f]{32}|0{32})-([0-9a-f]{16}|0{16})?-[0-9a-f]{2}(-[a-z]{0,3})? ?";
    fuzz(name, text(grammar, HEX, vectors), |header| {
        let mut response = ResponseContext::new();
        response.traceresponse(&header);
        let read = response.context();
        let values = read.map(|server| {
            (
                number_of(Some(server.trace_id)).unwrap(),
                server.span_id.map_or(0, |id| id.number()),
                server.flags.0,
            )
        });
        // In the draft the child id may be missing.
        let trimmed = header.trim_matches(WHITE_SPACE);
        let childless = trimmed.find("--").filter(|at| *at == 35 && trimmed.len() == 39);
        let expected = match childless {
            Some(at) => {
                read_traceparent(format!("{}-{SPAN}-{}", &trimmed[..at], &trimmed[at + 2..]).as_bytes())
                    .map(|(trace_id, _, flags)| (trace_id, 0, flags))
            }
            None => read_traceparent(header.as_bytes()),
        };
        prop_assert_eq!(values, expected);
        // What we write is read from every carrier of this form.
        if let Some(ServerContext { trace_id, span_id: Some(span_id), flags }) = read {
            let sent = written(|out| TraceParent { trace_id, span_id, flags }.write(out));
            let metric = format!("trace;desc=\"{sent}\"");
            let mut response = ResponseContext::new();
            response.server_timing(&metric);
            prop_assert_eq!(response.context(), read);
        }
        Ok(read.is_some())
    });
}

fn environment(name: &'static str) {
    let vectors = vec!["747dc706-46dc6e7f@dt".into(), " shop.prod_1 ".into(), "a".repeat(64), "a".repeat(65)];
    let value =
        || text(" ?[0-9a-z@_.-]{0,66} ?|[0-9a-zA-Z@_.,;<>-]{0,9}", "abz09@_.-AZ<> ,;", vectors.clone());
    fuzz(name, (value(), value()), |(first, second)| {
        let allowed = |text: &str| {
            let text = text.trim_matches(WHITE_SPACE).to_owned();
            let well_formed = text.len() <= 64
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "@_.-".contains(c));
            if well_formed && !text.is_empty() { Some(text) } else { None }
        };
        let mut response = ResponseContext::new();
        response.environment(&first);
        check_environment(response.environment_id(), &first)?;
        response.metric("env", &second);
        let expected = allowed(&first).or(allowed(&second)).unwrap_or_default();
        prop_assert_eq!(response.environment_id(), expected.as_bytes());
        prop_assert_eq!(response.context(), None);
        Ok(!expected.is_empty())
    });
}

// Sampling.

fn threshold(name: &'static str) {
    let vectors = strings(&[
        "0",
        "8",
        "c",
        "fd70a",
        "1234567890abcd",
        "10000000000000",
        "00000000000000",
        "1234567890abcde",
    ]);
    fuzz(name, bytes("[0-9a-f]{0,15}|[0-9a-f]{1,6}0{1,8}", HEX, vectors), |text| {
        let read = Threshold::parse(&text);
        let digits = hex_number(&text).filter(|_| text.len() <= 14);
        let expected = digits.map(|digits| digits << (4 * (14 - text.len())));
        prop_assert_eq!(read.is_some(), expected.is_some());
        if let (Some(threshold), Some(value)) = (read, expected) {
            prop_assert!(threshold.samples(value) && (value == 0 || !threshold.samples(value - 1)));
            let sent = written(|out| threshold.write(out));
            prop_assert_eq!(Threshold::parse(sent.as_bytes()), read);
            prop_assert!(sent == "0" || !sent.ends_with('0'), "{}", sent);
        }
        Ok(read.is_some())
    });
}

fn randomness(name: &'static str) {
    let vectors = strings(&["a0000000000000", "ffffffffffffff", "00000000000000", "1234567890abcd"]);
    fuzz(name, bytes("[0-9a-f]{13,15}|[0-9a-f]{14}", HEX, vectors), |text| {
        let read = Randomness::parse(&text);
        prop_assert_eq!(read.map(Randomness::value), hex_number(&text).filter(|_| text.len() == 14));
        if let Some(randomness) = read {
            prop_assert_eq!(written(|out| randomness.write(out)).into_bytes(), text);
        }
        Ok(read.is_some())
    });
}

fn session_hash(name: &'static str) {
    let vectors = strings(&[
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "6ba7b810-9dad-41d1-80b4-00c04fd430c8",
        "1",
        "ffffffffffffffff",
    ]);
    let grammar = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|([0-9a-f]{0,17}-?){1,3}";
    fuzz(name, text(grammar, HEX, vectors), |id| {
        let read = SessionHash::of_session(&id);
        let number = id.rsplit('-').next().and_then(|group| hex_number(group.as_bytes()));
        prop_assert_eq!(read, number.map(SessionHash::of_number));
        Ok(read.is_some())
    });
}

// URLs.

const URL: &str = "https?://([a-z:@]{0,9}@)?([a-z.]{1,9}|\\[::1\\])(:[0-9]{0,6})?(/[a-z@/:;=é]{0,9})?([?#&;]{1,2}([a-z]{0,3}|token|TOKEN|Signature|sig|api_key|X-Amz-Signature|apikey|hash|key)(=[a-zA-Z0-9=%]{0,9})?){0,4}";
const URL_ALPHABET: &str = "htps:/@?#&;=[].0189tokenTé";

fn urls() -> Vec<String> {
    strings(&[
        "https://ann:s@cret@api.example:8443/a@b?c@d",
        "http://[::1]:80/x",
        "https://[2001:db8::1]/",
        "https://s.example?X-Amz-Signature=abc=&x=1;password=c",
        "https://s.example/a?b=c&TOKEN=d%20e#access_token=f&state=1",
        "https://s.example/#/route?jwt=abc",
        "https://s.example:65535",
        "blob:https://shop.example/1",
        "//ann@s.example/?key=1",
        "data:text/plain,a",
        "?key=1&sig",
    ])
}

fn origin(name: &'static str) {
    fuzz(name, text(URL, URL_ALPHABET, urls()), |url| {
        let read = Origin::of(&url);
        let scheme = if url.starts_with("https://") { "https" } else { "http" };
        let authority = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")).map(|rest| {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            authority.rsplit('@').next().unwrap_or_default()
        });
        prop_assert_eq!(
            read.map(|origin| (origin.scheme, origin.authority)),
            authority.map(|it| (scheme, it))
        );
        let (Some(origin), Some(authority)) = (read, authority) else {
            return Ok(false);
        };
        let explicit = authority.rsplit_once(':').filter(|(_, port)| {
            (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        let default = if scheme == "https" { 443 } else { 80 };
        let (host, port) =
            explicit.map_or((authority, default), |(host, port)| (host, port.parse().unwrap()));
        prop_assert_eq!((origin.host(), origin.port()), (host, port));
        let mut serialised = String::new();
        origin.write(&mut serialised);
        prop_assert_eq!(Origin::of(&serialised), read);
        Ok(true)
    });
}

const SECRETS: &[&str] = &[
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
    "password",
    "passwd",
    "secret",
    "api_key",
    "apikey",
    "auth",
    "authorization",
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "jwt",
    "session",
    "sessionid",
    "key",
    "private_key",
    "client_secret",
    "hash",
];

/// The URL as it may be recorded, put together from its parts.
fn redacted(url: &str) -> String {
    let start = url.find(['?', '#']).unwrap_or(url.len());
    let (mut out, mut parameters) = (String::from(&url[..start]), &url[start..]);
    if let Some((scheme, rest)) = out.split_once("//") {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if let Some((_, host)) = authority.rsplit_once('@') {
            out = format!("{scheme}//REDACTED:REDACTED@{host}{path}");
        }
    }
    while !parameters.is_empty() {
        let end = parameters[1..].find(['?', '&', '#', ';']).map_or(parameters.len(), |end| end + 1);
        let (parameter, rest) = parameters.split_at(end);
        let key = parameter[1..].split_once('=').map(|(key, _)| key);
        match key.filter(|key| SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(key))) {
            Some(key) => out.push_str(&format!("{}{key}=REDACTED", &parameter[..1])),
            None => out.push_str(parameter),
        }
        parameters = rest;
    }
    out
}

fn redaction(name: &'static str) {
    fuzz(name, text(URL, URL_ALPHABET, urls()), |url| {
        let out = redact_url(&url);
        let path = url.find(['?', '#']).map_or(url.as_str(), |end| &url[..end]);
        // What has no authority is not a URL that the browser gives.
        if url.find('/').is_none_or(|slash| path.get(slash..).is_some_and(|path| path.starts_with("//"))) {
            prop_assert_eq!(&out, &redacted(&url));
        }
        prop_assert_eq!(redact_url(&out), out.as_str(), "redacting again changes nothing");
        prop_assert_eq!(Origin::of(&out), Origin::of(&url));
        Ok(out != url)
    });
}

// The agent as a whole.

/// A page that keeps what is sent.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<Vec<u8>>>>);

impl Host for Page {
    fn wall_clock(&self) -> f64 {
        NAVIGATION
    }

    fn first_match(&self, _origin: &str) -> Option<usize> {
        None
    }

    fn origin(&self, url: &str) -> Option<String> {
        let mut serialised = String::new();
        Origin::of(url)?.write(&mut serialised);
        Some(serialised)
    }

    fn start_timer(&self, _delay: f64) {}

    fn format(&self, number: f64, out: &mut Vec<u8>) {
        out.extend_from_slice(number.to_string().as_bytes());
    }

    fn send(&self, _number: u32, body: &[u8], _keepalive: bool, are_events: bool) {
        if are_events {
            assert!(ExportLogsServiceRequest::decode(body).is_ok());
        } else {
            self.0.borrow_mut().push(body.into());
        }
    }

    fn keep(&self, _record: &[u8]) -> bool {
        false
    }

    fn take(&self, _maximal_age: f64) {}

    fn settle_record(&self, _record: u32, _done: bool) {}

    fn log(&self, _level: LogLevel, _text: &str) {}
}

fn agent(name: &'static str) {
    let url = || text(URL, URL_ALPHABET, urls());
    let traceparent = || text("(00|cc|ff)-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", HEX, traceparents());
    let word = text(
        "[a-z/0-9.]{0,9}|h[123]|http/1.1|navigation|fetch|GET|patch",
        "h2/1.abc \n",
        strings(&["h2", "script", "post"]),
    );
    let id = text("[0-9a-f]{32}|[0-9a-f]{16}|0{32}", HEX, strings(&[TRACE, SPAN]));
    let input = (url(), traceparent(), traceparent(), tracestate_text(), word, id, any::<bool>());
    fuzz(name, input, |(url, page, own, state, word, id, same_origin)| {
        let host = Page::default();
        let mut agent = Agent::new(host.clone(), |bytes| bytes.fill(0x5a));
        let own_origin =
            if same_origin { host.origin(&url).unwrap_or_default() } else { "https://shop.example".into() };
        let mut set =
            |option, key: &str, value| agent.options.set(option, key, value, &|url| host.origin(url));
        prop_assert!(set(OptionId::ServiceName, "", Input::Text("shop")));
        prop_assert!(set(OptionId::PropagateTracestate, "", Input::Flag(true)));
        prop_assert!(set(OptionId::PageOrigin, "", Input::Text(&own_origin)));
        prop_assert!(set(OptionId::PageTraceParent, "", Input::Text(&page)));
        let is_id = id.is_empty() || is_lower_hex(id.as_bytes(), 32);
        prop_assert_eq!(set(OptionId::PageLoadTraceId, "", Input::Text(&id)), is_id);
        prop_assert_eq!(
            set(OptionId::PageLoadSpanId, "", Input::Text(&id)),
            id.is_empty() || is_lower_hex(id.as_bytes(), 16)
        );
        prop_assert_eq!(set(OptionId::ServerUrl, "", Input::Text(&url)), Origin::of(&url).is_some());
        prop_assert_eq!(
            set(OptionId::DistributedTracingOrigins, "", Input::Text(&url)),
            Origin::of(&url).is_some()
        );
        let header = set(OptionId::Headers, &word, Input::Text(&url));
        prop_assert!(!header || is_token(&word) && !url.contains(['\n', '\r', '\0']));
        for option in [
            OptionId::ServiceName,
            OptionId::LogLevel,
            OptionId::DisableInstrumentations,
            OptionId::UserAgent,
        ] {
            set(option, "", Input::Text(&word));
        }
        prop_assert!(agent.start(NAVIGATION, 0.0));

        let sent = written(|out| *out = agent.start_request(1, 1.0, &format!("{word} {url}"), false));
        let mut lines = sent.lines();
        prop_assert!(matches!(lines.next(), None | Some("=" | "+")));
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            prop_assert!(matches!(name, "traceparent" | "tracestate"), "{}", name);
            check_header_value(value)?;
        }
        agent.adopt(1, &own);
        let merged = written(|out| *out = agent.merge_tracestate(1, &state));
        prop_assert!(is_list(&merged), "{}", merged);
        prop_assert!(agent.merge_tracestate(2, &state).is_empty());
        let resource = Resource {
            url: &url,
            initiator: &word,
            protocol: &word,
            render_blocking: &id,
            start: -1.0,
            end: 1.0,
            status: 200,
            transfer_size: 1.0,
            body_size: 1.0,
            decoded_size: 1,
            server_timing: &state,
            timing: "",
        };
        agent.resource(&resource);
        let milestones =
            Milestones { dom_interactive: 1.0, dom_content_loaded: 2.0, dom_complete: 3.0, load: 4.0 };
        agent.end_page_load(5.0, &url, &word, &url, &milestones, 5.0);
        agent.end_request(1, 6.0, Outcome::of_failure(&word, false), true, &state);
        agent.flush(6.0, Stay::Here);
        for body in host.0.borrow().iter() {
            let request = ExportTraceServiceRequest::decode(body.as_slice());
            prop_assert!(request.is_ok(), "{:?}", request);
            for span in request
                .unwrap()
                .resource_spans
                .into_iter()
                .flat_map(|it| it.scope_spans)
                .flat_map(|it| it.spans)
            {
                prop_assert!(span.trace_id.len() == 16 && span.trace_id.iter().any(|byte| *byte != 0));
                prop_assert!(span.span_id.len() == 8 && span.span_id.iter().any(|byte| *byte != 0));
            }
        }
        Ok(!sent.is_empty())
    });
}
