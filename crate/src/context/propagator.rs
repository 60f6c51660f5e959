//! Which headers a request gets, and all of them written: the one place where the formats of this room
//! meet. What they say of sampling comes from one [`Decision`], so that no two contradict each other.

use super::template::Values;
use super::{Baggage, TraceParent, TraceState, b3, datadog, elastic, opentelemetry};
use crate::sampling::Decision;
use crate::wire::text::choice;

/// A set of formats, and of our members within `tracestate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Propagators(u8);

/// What goes into the headers of one request.
#[derive(Clone, Copy)]
pub struct HeaderContext<'a> {
    /// Trace and span. Of the flags only `random` counts: `sampled` is the decision's.
    pub context: TraceParent,
    pub decision: Decision,
    /// The rate at which the trace's root was sampled, for Elastic; none if another process decided
    /// and has said so in its `es` member.
    pub rate: Option<f64>,
    /// What others have to say: the page's server, or the caller of `fetch`. Passed on only together
    /// with `traceparent`.
    pub tracestate: TraceState<'a>,
    pub baggage: &'a Baggage,
    /// `traceparent`, or the name that an old server wants for it (`elastic-apm-traceparent`).
    pub traceparent_name: &'a str,
}

impl Propagators {
    /// The format of this name in OpenTelemetry's and Datadog's options.
    pub fn named(name: &str) -> Option<Self> {
        Self::at(name, ALL, Self::TRACE_CONTEXT)
    }

    /// Our `tracestate` member with this key.
    pub fn member(key: &str) -> Option<Self> {
        Self::at(key, ALL_MEMBERS, Self::ELASTIC)
    }

    /// The union.
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of `others` are among them. What this build does not have never is, so that its code is
    /// not in the module either.
    #[inline]
    pub const fn has(self, others: Self) -> bool {
        self.0 & Self::SUPPORTED.0 & others.0 == others.0
    }

    fn at(name: &str, names: &str, first: Self) -> Option<Self> {
        let found = Self(first.0 << choice(name, names)?);
        if Self::SUPPORTED.has(found) { Some(found) } else { None }
    }

    /// The formats' names, for people, too.
    pub const NAMES: &str =
        if cfg!(feature = "full") { ALL } else { "tracecontext (others: headwater/full)" };
    /// The keys of our members.
    pub const MEMBERS: &str =
        if cfg!(feature = "full") { ALL_MEMBERS } else { "es (others: headwater/full)" };

    const SUPPORTED: Self = {
        let mut all = Self::ELASTIC.with(Self::TRACE_CONTEXT);
        if cfg!(feature = "opentelemetry") {
            all = all.with(Self::OPEN_TELEMETRY);
        }
        if cfg!(feature = "datadog") {
            all = all.with(Self::DATADOG_MEMBER).with(Self::DATADOG);
        }
        if cfg!(feature = "b3") {
            all = all.with(Self::B3).with(Self::B3_MULTI);
        }
        if cfg!(feature = "baggage") {
            all = all.with(Self::BAGGAGE);
        }
        all
    };

    pub const NONE: Self = Self(0);
    /// `es=s:…`
    pub const ELASTIC: Self = Self(0x01);
    /// `ot=th:…;rv:…`
    pub const OPEN_TELEMETRY: Self = Self(0x02);
    /// `dd=s:…;o:rum;p:…`
    pub const DATADOG_MEMBER: Self = Self(0x04);
    /// `traceparent`, and `tracestate` if there is something to say.
    pub const TRACE_CONTEXT: Self = Self(0x08);
    /// `x-datadog-*`
    pub const DATADOG: Self = Self(0x10);
    /// `b3`
    pub const B3: Self = Self(0x20);
    /// `X-B3-*`, unless `b3` is sent.
    pub const B3_MULTI: Self = Self(0x40);
    /// `baggage`
    pub const BAGGAGE: Self = Self(0x80);
}

impl HeaderContext<'_> {
    /// Appends the headers, `name\nvalue` joined by line feeds. No value contains one.
    pub fn write(&self, propagators: Propagators, out: &mut Vec<u8>) {
        let values = self.values();
        if propagators.has(Propagators::TRACE_CONTEXT) {
            open_header(self.traceparent_name, out);
            let flags = self.context.flags.with_sampled(self.decision.sampled());
            TraceParent { flags, ..self.context }.write(out);
            let end = out.len();
            open_header("tracestate", out);
            let start = out.len();
            self.write_tracestate(propagators, out);
            // An empty header is malformed for some.
            if out.len() == start {
                out.truncate(end);
            }
        }
        if propagators.has(Propagators::DATADOG) {
            datadog::write_headers(&values, out);
        }
        // Never both: the specification has the single one win.
        if propagators.has(Propagators::B3) {
            values.write_headers(b3::SINGLE, out);
        } else if propagators.has(Propagators::B3_MULTI) {
            values.write_headers(b3::several(values.priority), out);
        }
        if propagators.has(Propagators::BAGGAGE) && !self.baggage.is_empty() {
            open_header("baggage", out);
            self.baggage.write(out);
        }
    }

    /// Appends the value of `tracestate`: our members in front of the others.
    pub fn write_tracestate(&self, propagators: Propagators, out: &mut Vec<u8>) {
        let values = self.values();
        let others = self.tracestate;
        let start = out.len();
        let mut own = propagators;
        match self.rate {
            Some(rate) if own.has(Propagators::ELASTIC) => {
                let rate = match values.priority {
                    priority if !priority.sampled() => 0.0,
                    // Not one of several: it stands for itself.
                    priority if priority.is_manual() => 1.0,
                    _ => rate,
                };
                elastic::write_member(rate, others.value(elastic::KEY), start, out);
            }
            _ => own.0 &= !Propagators::ELASTIC.0,
        }
        if own.has(Propagators::DATADOG_MEMBER) {
            datadog::write_member(&values, others.value(datadog::KEY), start, out);
        }
        if own.has(Propagators::OPEN_TELEMETRY) {
            let existing = others.value(opentelemetry::KEY);
            opentelemetry::write_member(self.decision, values.trace_id, existing, start, out);
        }
        others.write_behind(own, start, out);
    }

    fn values(&self) -> Values {
        let TraceParent { trace_id, span_id, .. } = self.context;
        Values { trace_id, span_id, priority: self.decision.priority() }
    }
}

const ALL: &str = "tracecontext, datadog, b3, b3multi, baggage";
const ALL_MEMBERS: &str = "es, ot, dd";

/// Appends a header's name, so that its value can follow.
fn open_header(name: &str, out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b'\n');
    }
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::{Flags, SpanId, TraceId};
    use crate::sampling::{Randomness, SessionHash, Threshold};

    const T: &str = "0af7651916cd43dd8448eb211c80319c";
    const S: &str = "b7ad6b7169203331";
    static NO_BAGGAGE: Baggage = Baggage::new();

    fn context<'a>(decision: Decision) -> HeaderContext<'a> {
        HeaderContext {
            context: TraceParent {
                trace_id: TraceId::parse(T.as_bytes()).unwrap(),
                span_id: SpanId::parse(S.as_bytes()).unwrap(),
                flags: Flags::new(false),
            },
            decision,
            rate: Some(0.75),
            tracestate: TraceState::default(),
            baggage: &NO_BAGGAGE,
            traceparent_name: "traceparent",
        }
    }

    fn sampled() -> Decision {
        Decision::of_trace(Threshold::parse(b"4").unwrap(), 0x48_eb21_1c80_319c)
    }

    fn rejected() -> Decision {
        Decision::of_trace(Threshold::parse(b"8").unwrap(), 0x48_eb21_1c80_319c)
    }

    fn propagators(names: &str) -> Propagators {
        names.split_whitespace().fold(Propagators::NONE, |set, name| {
            set.with(Propagators::named(name).or(Propagators::member(name)).unwrap())
        })
    }

    fn written(context: &HeaderContext, names: &str) -> Vec<(String, String)> {
        let mut out = Vec::new();
        context.write(propagators(names), &mut out);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<_> = text.split('\n').map(String::from).collect();
        lines
            .chunks(2)
            .filter(|pair| pair.len() == 2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect()
    }

    fn tracestate(context: &HeaderContext, names: &str) -> String {
        let headers = written(context, names);
        headers.into_iter().find(|(name, _)| name == "tracestate").unwrap_or_default().1
    }

    fn rows(rows: &[(&str, &str)]) -> Vec<(String, String)> {
        rows.iter().map(|(name, value)| ((*name).into(), value.replace('T', T).replace('S', S))).collect()
    }

    #[test]
    fn names_are_those_of_opentelemetry_and_datadog() {
        for (name, expected) in [
            ("tracecontext", Propagators::TRACE_CONTEXT),
            ("datadog", Propagators::DATADOG),
            ("b3", Propagators::B3),
            ("b3multi", Propagators::B3_MULTI),
            ("baggage", Propagators::BAGGAGE),
        ] {
            assert_eq!(Propagators::named(name), Some(expected));
        }
        for (key, expected) in [
            ("es", Propagators::ELASTIC),
            ("ot", Propagators::OPEN_TELEMETRY),
            ("dd", Propagators::DATADOG_MEMBER),
        ] {
            assert_eq!(Propagators::member(key), Some(expected));
            assert_eq!(Propagators::named(key), None);
        }
        for name in ["", "B3", "xray", "b3 b3multi", "tracecontext "] {
            assert_eq!(Propagators::named(name), None, "{name}");
        }
        assert!(propagators("b3 es").has(Propagators::B3));
        assert!(!propagators("b3 es").has(propagators("b3 ot")));
    }

    #[test]
    fn each_format_has_its_headers() {
        for (names, expected) in [
            ("", &[][..]),
            ("tracecontext", &[("traceparent", "00-T-S-03")]),
            ("tracecontext es", &[("traceparent", "00-T-S-03"), ("tracestate", "es=s:0.75")]),
            (
                "es dd ot tracecontext",
                &[("traceparent", "00-T-S-03"), ("tracestate", "es=s:0.75,dd=s:1;o:rum;p:S,ot=th:4")],
            ),
            ("es", &[]),
            (
                "datadog",
                &[
                    ("x-datadog-origin", "rum"),
                    ("x-datadog-parent-id", "13235353014750950193"),
                    ("x-datadog-sampling-priority", "1"),
                    ("x-datadog-trace-id", "9532127138774266268"),
                    ("x-datadog-tags", "_dd.p.tid=0af7651916cd43dd"),
                ],
            ),
            ("b3", &[("b3", "T-S-1")]),
            ("b3 b3multi", &[("b3", "T-S-1")]),
            ("b3multi", &[("X-B3-TraceId", "T"), ("X-B3-SpanId", "S"), ("X-B3-Sampled", "1")]),
            ("baggage", &[]),
        ] {
            // `T` and `S` in the values stand for the ids.
            assert_eq!(written(&context(sampled()), names), rows(expected), "{names}");
        }
    }

    #[test]
    fn what_is_not_sampled_says_so_everywhere() {
        let names = "tracecontext es dd ot datadog b3";
        let headers = written(&context(rejected()), names);
        assert_eq!(
            headers[..2],
            rows(&[("traceparent", "00-T-S-02"), ("tracestate", "es=s:0,dd=s:0;o:rum;p:S")])
        );
        assert!(headers.contains(&("x-datadog-sampling-priority".into(), "0".into())));
        assert_eq!(headers.last().unwrap().1, format!("{T}-{S}-0"));
    }

    #[test]
    fn a_person_s_word_goes_into_every_format() {
        let names = "tracecontext es dd ot datadog b3";
        let mut kept = context(rejected());
        kept.decision.keep().unwrap();
        let headers = written(&kept, names);
        assert_eq!(
            headers[..2],
            rows(&[("traceparent", "00-T-S-03"), ("tracestate", "es=s:1,dd=s:2;o:rum;p:S;t.dm:-4")])
        );
        assert!(headers.contains(&("x-datadog-sampling-priority".into(), "2".into())));
        assert_eq!(headers.last().unwrap().1, format!("{T}-{S}-d"));
        let mut dropped = context(sampled());
        dropped.decision.drop().unwrap();
        assert_eq!(
            written(&dropped, names)[..2],
            rows(&[("traceparent", "00-T-S-02"), ("tracestate", "es=s:0,dd=s:-1;o:rum;p:S;t.dm:-4")])
        );
    }

    #[test]
    fn members_of_others_are_preserved_behind_ours() {
        let mut context = context(sampled());
        let dynatrace = "f4fe05b2-bd92206c@dt=fw4;3;abf102d9;c4592;0;0;0;2ee;5607;2h01;3habf102d9";
        let text = format!("{dynatrace},ot=x:1;rv:a0000000000000,es=s:1,v=1");
        context.tracestate = TraceState::parse(&text).unwrap();
        assert_eq!(tracestate(&context, "tracecontext"), text, "no member of ours: as it came");
        assert_eq!(
            tracestate(&context, "tracecontext ot"),
            format!("ot=x:1;rv:a0000000000000;th:4,{dynatrace},es=s:1,v=1")
        );
        assert_eq!(
            tracestate(&context, "tracecontext es"),
            format!("es=s:0.75,{dynatrace},ot=x:1;rv:a0000000000000,v=1")
        );
        context.rate = None;
        assert_eq!(tracestate(&context, "tracecontext es"), text, "the root's rate stays");
        assert_eq!(written(&context, "b3").len(), 1, "never without traceparent");
    }

    #[test]
    fn an_ot_member_with_nothing_left_to_say_goes() {
        let mut context = context(rejected());
        context.tracestate = TraceState::parse("ot=th:4").unwrap();
        assert_eq!(written(&context, "tracecontext ot").len(), 1);
    }

    #[test]
    fn a_session_s_randomness_is_sent() {
        let session = SessionHash::of_number(0);
        let context = context(Decision::of_session(Threshold::parse(b"0").unwrap(), session));
        assert_eq!(tracestate(&context, "tracecontext ot"), "ot=th:0;rv:ffffffffffffff");
    }

    #[test]
    fn traceparent_has_the_name_that_was_asked_for() {
        let mut context = context(sampled());
        context.traceparent_name = "elastic-apm-traceparent";
        assert_eq!(written(&context, "tracecontext"), rows(&[("elastic-apm-traceparent", "00-T-S-03")]));
    }

    #[test]
    fn baggage_is_sent_if_there_is_any() {
        let mut baggage = Baggage::new();
        baggage.set("user.id", "a\nb").unwrap();
        let context = HeaderContext { baggage: &baggage, ..context(sampled()) };
        assert_eq!(written(&context, "baggage"), rows(&[("baggage", "user.id=a%0Ab")]));
    }

    #[test]
    fn headers_are_appended_to_what_is_there() {
        let mut out = b"accept\ntext/html".to_vec();
        context(sampled()).write(Propagators::B3, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("accept\ntext/html\nb3\n{T}-{S}-1"));
    }

    proptest! {
        #[test]
        fn no_two_headers_contradict_each_other(
            high: u64, low in 1u64.., random: bool, rate in 0f64..=1.0, hash: u64, kind in 0u8..4, word in 0u8..3,
            existing in "((ot=(th:[0-9a-f]{1,3};?)?(rv:[0-9a-f]{14};?)?(x:1)?|dd=s:[0-9];?|es=s:1|v=1),?){0,4}",
        ) {
            let trace_id = TraceId::of_halves(high, low).unwrap();
            let threshold = Threshold::from_probability(rate);
            let session = SessionHash::of_number(hash);
            let mut decision = match kind {
                0 => Decision::of_trace(threshold, trace_id.randomness()),
                1 => Decision::of_session(threshold, session),
                2 => Decision::of_datadog_session(rate, session),
                _ => Decision::inherited(random, None, Some(threshold), Some(Randomness::of_bits(hash))),
            };
            let _ = match word {
                0 => decision.keep(),
                1 => decision.drop(),
                _ => Ok(()),
            };
            let mut context = context(decision);
            context.context.trace_id = trace_id;
            context.tracestate = TraceState::parse(&existing).unwrap_or_default();
            let headers = written(&context, "tracecontext es dd ot datadog b3");
            let value = |name: &str| {
                headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str()).unwrap_or_default()
            };
            let sampled = TraceParent::parse(value("traceparent").as_bytes()).unwrap().flags.sampled();
            prop_assert_eq!(sampled, decision.sampled());
            let state = TraceState::parse(value("tracestate")).unwrap();
            let priority = datadog::priority(state.value("dd")).unwrap();
            prop_assert_eq!(priority.under_flag(sampled), priority);
            prop_assert_eq!(value("x-datadog-sampling-priority"), (priority as i8).to_string());
            prop_assert_eq!(value("b3").ends_with("-0"), !sampled);
            let ot = opentelemetry::OtState::parse(state.value("ot"));
            let randomness = ot.randomness.map_or(trace_id.randomness(), Randomness::value);
            if let Some(threshold) = ot.threshold {
                prop_assert!(sampled && !priority.is_manual() && threshold.samples(randomness));
            }
            let found = opentelemetry::OtState::parse(context.tracestate.value("ot")).randomness;
            prop_assert!(found.is_none() || found == ot.randomness);
        }
    }
}
