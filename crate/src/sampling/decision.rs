//! What was decided on a trace, by whom, and what other systems are told of it. The sampled flag, the
//! priority and the threshold are read from here and nowhere else, so they cannot contradict each other.
//!
//! The rules: an incoming decision stands (parent-based); a person's word erases the threshold, as the
//! trace is then no longer a random choice ("tracestate probability sampling", *General requirements*);
//! after the context has left the page it is too late to change it, as the servers have acted on it.

use super::{Priority, Randomness, SessionHash, Threshold};

/// The decision on one trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    priority: Priority,
    threshold: Option<Threshold>,
    randomness: Option<Randomness>,
    /// Why it may not change any more.
    settled: Option<Refusal>,
}

/// Why a decision was not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It came from the caller of this trace: a server that rendered the page.
    Inherited,
    /// It has been sent to others.
    Propagated,
}

impl Decision {
    /// A trace that starts here, decided by its id's randomness.
    pub fn of_trace(threshold: Threshold, trace_randomness: u64) -> Self {
        Self::automatic(threshold.samples(trace_randomness), threshold, None)
    }

    /// A trace that starts here, decided as all of its session; `session` is sent as `rv` also where
    /// everything is kept, so that others can keep fewer of the same sessions.
    pub fn of_session(threshold: Threshold, session: SessionHash) -> Self {
        let randomness = session.randomness();
        Self::automatic(threshold.samples(randomness.value()), threshold, Some(randomness))
    }

    /// As [`Self::of_session`], with Datadog's arithmetic instead of the threshold's.
    pub fn of_datadog_session(rate: f64, session: SessionHash) -> Self {
        Self::automatic(session.keeps(rate), Threshold::from_probability(rate), Some(session.randomness()))
    }

    /// The decision of the trace's caller, which stands. `priority` is Datadog's, if it sent one;
    /// `threshold` and `randomness` are OpenTelemetry's.
    pub fn inherited(
        sampled: bool,
        priority: Option<Priority>,
        threshold: Option<Threshold>,
        randomness: Option<Randomness>,
    ) -> Self {
        let priority = priority.unwrap_or(Priority::automatic(sampled)).under_flag(sampled);
        Self { priority, threshold, randomness, settled: Some(Refusal::Inherited) }
    }

    /// A person wants the trace.
    pub fn keep(&mut self) -> Result<(), Refusal> {
        self.decide(Priority::Keep)
    }

    /// A person does not want the trace.
    pub fn drop(&mut self) -> Result<(), Refusal> {
        self.decide(Priority::Drop)
    }

    /// The context goes out: from now on the decision is fixed.
    pub fn propagate(&mut self) {
        self.settled = self.settled.or(Some(Refusal::Propagated));
    }

    /// Whether it can change no more.
    pub fn is_settled(self) -> bool {
        self.settled.is_some()
    }

    /// The sampled flag.
    pub fn sampled(self) -> bool {
        self.priority.sampled()
    }

    /// Datadog's priority.
    pub fn priority(self) -> Priority {
        self.priority
    }

    /// OpenTelemetry's threshold: none unless a sampler accepted the trace by it. `trace_randomness`
    /// counts where there is no explicit one; a threshold which that does not reach is a mistake of
    /// its sender and is erased.
    pub fn threshold(self, trace_randomness: u64) -> Option<Threshold> {
        let randomness = self.randomness.map_or(trace_randomness, Randomness::value);
        self.threshold.filter(|threshold| self.priority == Priority::Accept && threshold.samples(randomness))
    }

    /// OpenTelemetry's explicit randomness, which goes along whatever was decided.
    pub fn randomness(self) -> Option<Randomness> {
        self.randomness
    }

    fn automatic(sampled: bool, threshold: Threshold, randomness: Option<Randomness>) -> Self {
        // Nobody else asks for it.
        let threshold = if cfg!(feature = "opentelemetry") { Some(threshold) } else { None };
        Self { priority: Priority::automatic(sampled), threshold, randomness, settled: None }
    }

    fn decide(&mut self, priority: Priority) -> Result<(), Refusal> {
        match self.settled {
            Some(refusal) if self.priority != priority => Err(refusal),
            _ => {
                self.priority = priority;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn half() -> Threshold {
        Threshold::parse(b"8").unwrap()
    }

    const LOW: u64 = 0;
    const HIGH: u64 = (1 << 56) - 1;

    #[test]
    fn a_sampled_root_shows_its_threshold_and_a_rejected_one_does_not() {
        let sampled = Decision::of_trace(half(), HIGH);
        assert_eq!((sampled.priority(), sampled.threshold(HIGH)), (Priority::Accept, Some(half())));
        let rejected = Decision::of_trace(half(), LOW);
        assert_eq!((rejected.priority(), rejected.threshold(LOW)), (Priority::Reject, None));
        assert_eq!(sampled.randomness(), None);
    }

    #[test]
    fn a_person_s_word_erases_the_threshold_and_keeps_the_randomness() {
        let session = SessionHash::of_number(0);
        let mut decision = Decision::of_session(half(), session);
        assert!(decision.sampled());
        decision.keep().unwrap();
        assert_eq!((decision.priority(), decision.threshold(HIGH)), (Priority::Keep, None));
        decision.drop().unwrap();
        assert_eq!((decision.sampled(), decision.threshold(HIGH)), (false, None));
        assert_eq!(decision.randomness(), Some(session.randomness()));
    }

    #[test]
    fn what_was_propagated_does_not_change() {
        let mut decision = Decision::of_trace(half(), HIGH);
        decision.propagate();
        assert_eq!(decision.drop(), Err(Refusal::Propagated));
        assert_eq!(decision.keep(), Err(Refusal::Propagated), "automatic and manual are told apart");
        assert_eq!(decision.priority(), Priority::Accept);
        assert_eq!(decision.threshold(HIGH), Some(half()));
    }

    #[test]
    fn saying_the_same_again_is_no_change() {
        let mut decision = Decision::of_trace(half(), LOW);
        decision.keep().unwrap();
        decision.propagate();
        assert_eq!(decision.keep(), Ok(()));
        assert_eq!(decision.drop(), Err(Refusal::Propagated));
    }

    #[test]
    fn an_incoming_decision_stands() {
        let mut decision = Decision::inherited(false, None, None, None);
        assert_eq!(decision.keep(), Err(Refusal::Inherited));
        decision.propagate();
        assert_eq!(decision.keep(), Err(Refusal::Inherited));
        assert!(!decision.sampled());
        let kept = Decision::inherited(true, Some(Priority::Keep), None, None);
        assert_eq!(kept.priority(), Priority::Keep);
        let contradictory = Decision::inherited(true, Some(Priority::Drop), None, None);
        assert_eq!(contradictory.priority(), Priority::Accept);
    }

    #[test]
    fn an_incoming_threshold_is_erased_when_it_cannot_be_true() {
        let incoming = |sampled| Decision::inherited(sampled, None, Some(half()), None);
        assert_eq!(incoming(true).threshold(HIGH), Some(half()));
        assert_eq!(incoming(true).threshold(LOW), None, "sampled against its own threshold");
        assert_eq!(incoming(false).threshold(HIGH), None, "not sampled");
        let kept = Decision::inherited(true, Some(Priority::Keep), Some(half()), None);
        assert_eq!(kept.threshold(HIGH), None, "decided by hand");
        let explicit = Decision::inherited(true, None, Some(half()), Randomness::parse(b"7fffffffffffff"));
        assert_eq!(explicit.threshold(HIGH), None, "rv goes before the trace id");
    }

    #[test]
    fn a_session_is_all_in_or_all_out() {
        let session = SessionHash::of_session("6ba7b810-9dad-41d1-80b4-00c04fd430c8").unwrap();
        for (rate, kept) in [(0.1, false), (0.25, false), (0.5, true), (1.0, true)] {
            let threshold = Threshold::from_probability(rate);
            let ours = Decision::of_session(threshold, session);
            assert_eq!(ours.sampled(), kept, "{rate}");
            assert_eq!(ours, Decision::of_datadog_session(rate, session));
            assert_eq!(ours.threshold(LOW), kept.then_some(threshold), "the trace id does not count");
        }
    }

    proptest! {
        #[test]
        fn flag_priority_and_threshold_never_contradict_each_other(
            rate in 0f64..=1.0, id in 0..1u64 << 56, steps in proptest::collection::vec(0u8..3, 0..6)
        ) {
            let threshold = Threshold::from_probability(rate);
            let mut decision = Decision::of_trace(threshold, id);
            let mut propagated = None;
            for step in steps {
                let _ = match step {
                    0 => decision.keep(),
                    1 => decision.drop(),
                    _ => {
                        decision.propagate();
                        propagated = propagated.or(Some(decision.priority()));
                        Ok(())
                    }
                };
                prop_assert_eq!(decision.sampled(), decision.priority().sampled());
                if let Some(told) = decision.threshold(id) {
                    prop_assert!(decision.sampled() && told.samples(id));
                    prop_assert!(!decision.priority().is_manual());
                }
                if let Some(sent) = propagated {
                    prop_assert_eq!(decision.priority(), sent);
                }
            }
        }
    }
}
