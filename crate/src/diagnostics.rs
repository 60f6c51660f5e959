//! What the agent has seen and done, for people who want to know before they trust it:
//! `apm.diagnostics()`.

use crate::wire::text::write_integer;

/// Counts by origin, of at most [`ORIGINS`] origins.
pub struct Diagnostics {
    origins: Vec<OriginCounts>,
    /// Responses that named another trace without being trusted.
    pub ignored_traces: u32,
}

/// What became of the requests to one origin.
#[derive(Default)]
pub struct OriginCounts {
    origin: String,
    pub requests: u32,
    /// Those that carried headers of ours.
    pub with_headers: u32,
    /// Those that would have, but for a dry run.
    pub dry_run: u32,
    /// Those of either kind that need a preflight for it which they would not need without.
    pub new_preflights: u32,
    pub beacons: u32,
    /// Those that the browser has not taken.
    pub refused_beacons: u32,
}

impl Diagnostics {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { origins: Vec::new(), ignored_traces: 0 }
    }

    /// The place of an origin's counts. Those that come too late share the last one.
    pub fn place(&mut self, origin: &str) -> usize {
        if !cfg!(feature = "diagnostics") {
            return 0;
        }
        if let Some(place) = self.origins.iter().position(|counts| counts.origin == origin) {
            return place;
        }
        if self.origins.len() < ORIGINS {
            let origin = if self.origins.len() == ORIGINS - 1 { "others" } else { origin };
            self.origins.push(OriginCounts { origin: origin.into(), ..OriginCounts::default() });
        }
        self.origins.len() - 1
    }

    /// Counts at a place.
    pub fn count(&mut self, place: usize, count: fn(&mut OriginCounts)) {
        if cfg!(feature = "diagnostics")
            && let Some(counts) = self.origins.get_mut(place)
        {
            count(counts);
        }
    }

    /// As JSON, with what was dropped elsewhere (spans, attributes), and how many spans the collector has accepted,
    /// not got yet and refused; `Diagnostics` in `js-wrapper/src/types.ts` is its type.
    pub fn write(&self, dropped: [u32; 2], delivered: [u32; 3]) -> Vec<u8> {
        let mut out = Vec::new();
        for counts in &self.origins {
            // A URL parser leaves nothing in an origin that JSON would have to escape.
            out.extend_from_slice(if out.is_empty() { b"{\"origins\":{\"" } else { b"},\"" });
            out.extend_from_slice(counts.origin.as_bytes());
            out.extend_from_slice(b"\":{");
            for (index, (name, number)) in [
                ("requests", counts.requests),
                ("withHeaders", counts.with_headers),
                ("dryRun", counts.dry_run),
                ("newPreflights", counts.new_preflights),
                ("beacons", counts.beacons),
                ("refusedBeacons", counts.refused_beacons),
            ]
            .iter()
            .enumerate()
            {
                out.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
                write_member(name, *number, &mut out);
            }
        }
        out.extend_from_slice(if out.is_empty() { b"{\"origins\":{" } else { b"}" });
        out.extend_from_slice(b"},\"");
        let ([spans, attributes], [sent, waiting, refused]) = (dropped, delivered);
        for (index, (name, number)) in [
            ("ignoredTraces", self.ignored_traces),
            ("droppedSpans", spans),
            ("droppedAttributes", attributes),
            ("sentSpans", sent),
            ("waitingSpans", waiting),
            ("refusedSpans", refused),
        ]
        .iter()
        .enumerate()
        {
            out.extend_from_slice(if index > 0 { b",\"" } else { b"" });
            write_member(name, *number, &mut out);
        }
        out.push(b'}');
        out
    }
}

impl Default for Diagnostics {
    fn default() -> Self {
        Self::new()
    }
}

fn write_member(name: &str, number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    write_integer(u64::from(number), out);
}

const ORIGINS: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json(diagnostics: &Diagnostics) -> serde_json::Value {
        serde_json::from_slice(&diagnostics.write([0, 0], [0, 0, 0])).unwrap()
    }

    #[test]
    fn it_is_json() {
        let mut diagnostics = Diagnostics::new();
        assert_eq!(
            json(&diagnostics),
            json!({
                "origins": {},
                "ignoredTraces": 0,
                "droppedSpans": 0,
                "droppedAttributes": 0,
            "sentSpans": 0,
            "waitingSpans": 0,
            "refusedSpans": 0,
                "sentSpans": 0,
                "waitingSpans": 0,
                "refusedSpans": 0,
            })
        );
        let a = diagnostics.place("https://a.example");
        diagnostics.count(a, |counts| counts.requests = 2);
        diagnostics.count(a, |counts| counts.with_headers = 1);
        let b = diagnostics.place("https://b.example");
        diagnostics.count(b, |counts| counts.dry_run = 4);
        diagnostics.count(b, |counts| counts.new_preflights = 3);
        diagnostics.count(a, |counts| counts.beacons = 2);
        diagnostics.count(b, |counts| counts.refused_beacons = 1);
        diagnostics.ignored_traces = 5;
        assert_eq!(diagnostics.place("https://a.example"), a);
        let expected = json!({
            "origins": {
                "https://a.example": { "requests": 2, "withHeaders": 1, "dryRun": 0, "newPreflights": 0,
                    "beacons": 2, "refusedBeacons": 0 },
                "https://b.example": { "requests": 0, "withHeaders": 0, "dryRun": 4, "newPreflights": 3,
                    "beacons": 0, "refusedBeacons": 1 },
            },
            "ignoredTraces": 5,
            "droppedSpans": 0,
            "droppedAttributes": 0,
            "sentSpans": 0,
            "waitingSpans": 0,
            "refusedSpans": 0,
        });
        assert_eq!(json(&diagnostics), expected);
    }

    #[test]
    fn origins_are_bounded() {
        let mut diagnostics = Diagnostics::new();
        for number in 0..ORIGINS * 2 {
            let place = diagnostics.place(&format!("https://{number}.example"));
            diagnostics.count(place, |counts| counts.requests += 1);
        }
        let origins = &json(&diagnostics)["origins"];
        assert_eq!(origins.as_object().unwrap().len(), ORIGINS);
        assert_eq!(origins["others"]["requests"], ORIGINS as u64 + 1);
    }
}
