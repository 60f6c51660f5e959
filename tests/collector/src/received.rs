//! What has come.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::decode::{Mark, Spans};

/// A number, and how often it came.
pub type Counts = BTreeMap<u64, u32>;

/// How often each number of a run came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    /// In requests that the collector took: the client has been told so, or should have been.
    pub accepted: Counts,
    /// Those of `accepted` whose client could not know: sending them again is right.
    pub ambiguous: Counts,
    /// In requests that were read to their end, taken or not.
    pub seen: Counts,
}

/// A request, as it came.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When its head was read: Unix milliseconds.
    pub time: u64,
    /// `POST`, or `OPTIONS` for a preflight.
    pub method: String,
    /// Its path.
    pub path: String,
    /// `Content-Type`.
    pub content_type: String,
    /// `Content-Encoding`, or nothing.
    pub content_encoding: String,
    /// The body on the wire; 0 if it was not read.
    pub bytes: usize,
    /// The body without its encoding.
    pub inflated: usize,
    /// How many spans it has, with numbers or without.
    pub spans: usize,
    /// The runs whose numbers it has.
    pub runs: Vec<String>,
    /// What it was answered; `None` where it was not.
    pub status: Option<u16>,
    /// What went wrong on purpose.
    pub fault: String,
    /// Whether its client cannot know that the spans were taken.
    pub ambiguous: bool,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// What `GET /control/received` answers.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// Of the run that was asked for, or of all.
    pub numbers: Numbers,
    /// In the order in which they were answered, or would have been. Those that were not read belong to
    /// every run.
    pub requests: Vec<&'a Entry>,
}

/// Everything since the start, or since it was forgotten.
#[derive(Default)]
pub struct Received {
    runs: BTreeMap<String, Numbers>,
    requests: Vec<Entry>,
}

impl Received {
    /// Adds a request with the spans that were read of it, the first `accepted` of which were taken.
    pub fn add(&mut self, mut entry: Entry, spans: &Spans, accepted: usize) {
        entry.spans = spans.len();
        for (index, span) in spans.iter().enumerate() {
            let Some(Mark { run, number }) = span else { continue };
            if !entry.runs.contains(run) {
                entry.runs.push(run.clone());
            }
            let numbers = self.runs.entry(run.clone()).or_default();
            count(&mut numbers.seen, *number, 1);
            if index < accepted {
                count(&mut numbers.accepted, *number, 1);
                if entry.ambiguous {
                    count(&mut numbers.ambiguous, *number, 1);
                }
            }
        }
        self.requests.push(entry);
    }

    /// Reports on a run, or on all of them.
    pub fn report(&self, run: Option<&str>) -> Report<'_> {
        let wanted = |own: &str| run.is_none_or(|run| run == own);
        let mut numbers = Numbers::default();
        for (_, other) in self.runs.iter().filter(|(own, _)| wanted(own)) {
            let pairs = [
                (&mut numbers.accepted, &other.accepted),
                (&mut numbers.ambiguous, &other.ambiguous),
                (&mut numbers.seen, &other.seen),
            ];
            for (sum, counts) in pairs {
                for (number, times) in counts {
                    count(sum, *number, *times);
                }
            }
        }
        let unread = |entry: &Entry| entry.runs.is_empty() && entry.spans == 0;
        let own = |entry: &&Entry| unread(entry) || entry.runs.iter().any(|run| wanted(run));
        Report {
            numbers,
            requests: self.requests.iter().filter(|entry| run.is_none() || own(entry)).collect(),
        }
    }
}

fn count(counts: &mut Counts, number: u64, times: u32) {
    *counts.entry(number).or_default() += times;
}
