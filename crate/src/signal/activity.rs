//! Spans that cause others: those that the page's own code starts and ends, what a visitor does, and changes of the
//! route. Of the latter two nobody says when they are over: that is when nothing has followed for a while.

use crate::context::{SpanContext, SpanId};
use crate::trace::{Attributes, Kind, Link, Parent, Root, Sink, Span, Status};

/// An open one.
#[derive(Clone)]
pub struct Activity {
    /// The wrapper's name for it; never 0.
    pub number: u32,
    pub cause: Cause,
    pub context: SpanContext,
    pub parent: Option<Parent>,
    /// The decision on its trace; none if that is the page load's.
    pub root: Option<Root>,
    /// The span that its trace entered the page with: itself, or the page load, or another of these.
    pub entry: SpanId,
    /// Milliseconds of the page's clock.
    pub start: f64,
    /// When something of it has started or ended last.
    pub last: f64,
    /// When the last of what belongs to it has ended, or has been painted.
    pub latest: f64,
    /// Whether anything belongs to it.
    pub has_children: bool,
    /// How many of them have ended.
    pub children: u32,
    /// Whether it may be one with others: see [`Activity::may_become`].
    pub can_reuse: bool,
    /// Whether it goes on, whatever has ended: until the page's code, or the next picture, lets it end. One of
    /// [`Cause::Own`] is what the one above waits for.
    pub is_held: bool,
}

/// How one starts.
pub struct Start {
    pub number: u32,
    pub cause: Cause,
    /// Milliseconds of the page's clock.
    pub start: f64,
    /// The one above, if the page's code names it.
    pub parent: Option<SpanContext>,
    /// Whether it is a trace of its own in any case.
    pub is_root: bool,
    pub can_reuse: bool,
    /// Whether the one above it goes on until it ends.
    pub is_blocking: bool,
}

/// What an activity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The page's code, which ends it.
    Own,
    /// The page's code, as the transaction that others belong to until it ends.
    Managed,
    /// A visitor.
    Interaction,
    /// Another URL in the same document.
    Route,
}

impl Cause {
    /// Reads a number of the wrapper's.
    pub fn from_number(number: u32) -> Self {
        [Self::Own, Self::Managed, Self::Interaction, Self::Route][number as usize & 3]
    }

    /// Elastic's type of a transaction.
    #[cfg(feature = "elastic")]
    pub fn kind(self) -> &'static str {
        ["custom", "custom", "user-interaction", "route-change"][self as usize]
    }

    /// How long after its last part something may still be a consequence, in milliseconds.
    fn window(self) -> f64 {
        match self {
            Self::Own => -1.0,
            Self::Managed => f64::INFINITY,
            Self::Interaction => 100.0,
            // The route's code may have to be loaded first.
            Self::Route => 1_000.0,
        }
    }

    /// How long it may become something else, as a click does that has changed the route: Elastic's
    /// `REUSABILITY_THRESHOLD`, in milliseconds.
    fn reusable(self) -> f64 {
        if self == Self::Interaction { 300.0 } else { 5_000.0 }
    }
}

impl Activity {
    /// Whether what starts now belongs to it.
    pub fn takes(&self, now: f64) -> bool {
        now <= self.last + self.cause.window() || self.is_held
    }

    /// Whether what starts now is not another one but this, seen again: as a click that changes the route, or a route
    /// of which the page's code says that it may be one with others (`can_reuse`).
    pub fn may_become(&self, cause: Cause, can_reuse: bool, now: f64) -> bool {
        let may = match (self.cause, cause) {
            (Cause::Own, _) | (_, Cause::Own) => false,
            (Cause::Managed, Cause::Managed) => self.can_reuse && can_reuse,
            (Cause::Managed, _) => self.can_reuse,
            (_, Cause::Managed) => can_reuse,
            (Cause::Interaction, Cause::Route) => true,
            (Cause::Route, Cause::Interaction) => false,
            // What has had its consequences was another click.
            _ => !self.has_children,
        };
        may && now <= self.start + self.cause.reusable()
    }

    /// Whether it is recorded. A click without consequences is not, unless `empty` says what becomes of all that nothing
    /// belongs to: Elastic's `reportTransactionsWithoutSpans`.
    pub fn counts(&self, empty: Option<bool>) -> bool {
        self.has_children || self.cause == Cause::Own || empty.unwrap_or(self.cause != Cause::Interaction)
    }

    /// Something of it has started, or has ended.
    pub fn touch(&mut self, now: f64, ended: Option<f64>) {
        self.has_children = true;
        self.last = now;
        if let Some(end) = ended {
            self.children += 1;
            if end > self.latest {
                self.latest = end;
            }
        }
    }

    /// Milliseconds until it may be over; none if it is. `under_way`: something of it has not ended.
    pub fn ends_in(&self, now: f64, under_way: bool) -> Option<f64> {
        let is_patient = !matches!(self.cause, Cause::Interaction | Cause::Route);
        if !is_patient && now >= self.start + LONGEST {
            return None;
        }
        if under_way || self.is_held {
            return Some(POLL);
        }
        // The page's code has let it end.
        let window = if is_patient { 0.0 } else { self.cause.window() };
        let left = self.last + window - now;
        (left > 0.0).then_some(left)
    }

    /// Hands the finished span to `sink`. Without an `end` it is that of its last part.
    pub fn end(
        &self,
        name: &str,
        end: Option<f64>,
        (kind, failed): (Kind, bool),
        attributes: &Attributes,
        links: &[Link],
        sink: &mut dyn Sink,
    ) {
        let end = end.unwrap_or(self.latest);
        sink.record(&Span {
            context: self.context,
            parent: self.parent,
            name,
            kind,
            start: self.start,
            end: if end > self.start { end } else { self.start },
            attributes,
            links,
            status: if failed { Status::Error } else { Status::Unset },
        });
    }
}

/// A request that stays open, such as a stream of events, does not keep an activity so long, in milliseconds.
const LONGEST: f64 = 30_000.0;
/// How often is looked whether what is under way has ended, in milliseconds.
const POLL: f64 = 200.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceId;

    fn activity(cause: Cause) -> Activity {
        let span_id = SpanId::parse(b"00f067aa0ba902b7").unwrap();
        let trace_id = TraceId::parse(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
        Activity {
            number: 1,
            cause,
            context: SpanContext::root(trace_id, span_id, true),
            parent: None,
            root: None,
            entry: span_id,
            start: 1_000.0,
            last: 1_000.0,
            latest: 1_000.0,
            has_children: false,
            children: 0,
            can_reuse: false,
            is_held: false,
        }
    }

    #[test]
    fn what_follows_soon_belongs_to_it() {
        for (cause, at, takes) in [
            (Cause::Interaction, 1_100.0, true),
            (Cause::Interaction, 1_101.0, false),
            (Cause::Route, 2_000.0, true),
            (Cause::Route, 2_001.0, false),
            (Cause::Managed, 90_000.0, true),
            (Cause::Own, 1_000.0, false),
        ] {
            assert_eq!(activity(cause).takes(at), takes, "{cause:?} {at}");
        }
        let mut click = activity(Cause::Interaction);
        click.touch(1_090.0, None);
        assert!(click.takes(1_190.0), "counted from its last part");
    }

    #[test]
    fn it_is_over_when_nothing_has_followed() {
        let mut click = activity(Cause::Interaction);
        assert_eq!(click.ends_in(1_040.0, false), Some(60.0));
        assert_eq!(click.ends_in(1_100.0, false), None);
        click.touch(1_050.0, None);
        assert_eq!(click.ends_in(1_200.0, true), Some(POLL), "a request is under way");
        click.touch(3_000.0, Some(3_000.0));
        assert_eq!(click.ends_in(3_099.0, false), Some(1.0));
        assert_eq!(click.ends_in(31_000.0, true), None, "for so long nobody waits");
        let mut managed = activity(Cause::Managed);
        managed.is_held = true;
        assert_eq!(managed.ends_in(90_000.0, false), Some(POLL), "the page's code says when");
        managed.is_held = false;
        assert_eq!(managed.ends_in(90_000.0, false), None);
        assert_eq!(managed.ends_in(90_000.0, true), Some(POLL));
        click.end("click", None, (Kind::Internal, false), &Attributes::of_span(), &[], &mut |span: &Span| {
            assert_eq!((span.start, span.end), (1_000.0, 3_000.0));
        });
    }

    #[test]
    fn a_click_counts_with_its_consequences() {
        for (cause, empty, counts) in [
            (Cause::Interaction, None, false),
            (Cause::Interaction, Some(true), true),
            (Cause::Route, None, true),
            (Cause::Route, Some(false), false),
            (Cause::Managed, Some(false), false),
            (Cause::Own, Some(false), true),
        ] {
            let mut one = activity(cause);
            assert_eq!(one.counts(empty), counts, "{cause:?} {empty:?}");
            one.touch(1_010.0, None);
            assert!(one.counts(empty));
        }
    }

    #[test]
    fn a_click_becomes_the_route_change_that_it_causes() {
        let click = activity(Cause::Interaction);
        assert!(click.may_become(Cause::Route, false, 1_300.0));
        assert!(!click.may_become(Cause::Route, false, 1_301.0));
        assert!(click.may_become(Cause::Interaction, false, 1_010.0), "as of a label and of its control");
        let mut busy = click.clone();
        busy.touch(1_010.0, None);
        assert!(busy.may_become(Cause::Route, false, 1_020.0));
        assert!(!busy.may_become(Cause::Interaction, false, 1_020.0));
        let route = activity(Cause::Route);
        assert!(route.may_become(Cause::Route, false, 6_000.0), "redirected");
        assert!(
            route.may_become(Cause::Managed, true, 6_000.0) && !route.may_become(Cause::Managed, false, 1.0)
        );
        assert!(!route.may_become(Cause::Interaction, false, 1_001.0));
        let mut managed = activity(Cause::Managed);
        assert!(!managed.may_become(Cause::Route, false, 1_000.0));
        managed.can_reuse = true;
        assert!(managed.may_become(Cause::Route, false, 1_000.0));
        assert!(!managed.may_become(Cause::Managed, false, 1_000.0), "it wants to be one of its own");
    }
}
