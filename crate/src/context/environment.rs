//! Other environments whose word on their own traces counts: the page's author has named their origins
//! (Dynatrace's cross-environment linking, with public means).

use super::{Origin, ResponseContext, ServerContext, TraceId};
use crate::wire::text::take_part;

/// A trusted environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// For people, and in the link's attributes.
    pub name: String,
    /// Serialised origins.
    pub origins: Vec<String>,
    /// The ids it may give itself; any, if there are none.
    pub ids: Vec<String>,
}

impl Environment {
    /// Whether a response from `origin` that names this id is one of its own.
    pub fn answers(&self, origin: Origin, id: &[u8]) -> bool {
        self.is_at(origin) && (self.ids.is_empty() || self.ids.iter().any(|own| own.as_bytes() == id))
    }

    fn is_at(&self, origin: Origin) -> bool {
        self.origins.iter().any(|own| Origin::of(own) == Some(origin))
    }
}

/// What a response says, in the wrapper's words: its final URL, `Server-Timing`, `traceresponse` and the
/// header that names the environment, a line each, empty where absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub origin: Option<Origin<'a>>,
    /// What the server says of its trace.
    pub context: Option<ServerContext>,
    /// Empty if it has none.
    pub environment_id: &'a [u8],
}

impl<'a> Answer<'a> {
    /// Reads the lines.
    pub fn parse(mut lines: &'a str) -> Self {
        let mut line = || take_part(&mut lines, b'\n');
        let origin = Origin::of(line());
        let mut response = ResponseContext::new();
        response.server_timing(line());
        response.traceresponse(line());
        response.environment(line());
        Self { origin, context: response.context(), environment_id: response.environment_id() }
    }

    /// Whether it names this trace.
    pub fn names(&self, trace_id: TraceId) -> bool {
        self.context.is_some_and(|server| server.trace_id == trace_id)
    }

    /// Whether somebody who is trusted has said nothing of a trace.
    pub fn is_awaited(&self, trusted: &[Environment]) -> bool {
        self.context.is_none()
            && self.origin.is_some_and(|origin| trusted.iter().any(|environment| environment.is_at(origin)))
    }

    /// The environment among these that has answered.
    pub fn environment<'e>(&self, trusted: &'e [Environment]) -> Option<&'e Environment> {
        let origin = self.origin?;
        trusted.iter().find(|environment| environment.answers(origin, self.environment_id))
    }
}
