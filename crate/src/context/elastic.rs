//! Elastic's member of `tracestate`: `es=s:<rate>` tells downstream agents the rate at which the trace's
//! root was sampled (elastic/apm `specs/agents/tracing-distributed-tracing.md` and `tracing-sampling.md`).

use super::member;
use crate::wire::text::write_ratio;

/// Appends the member to the list at `start`; other pairs of an `existing` one are kept. The rate has at
/// most four decimals, as Elastic's agents write it.
pub fn write_member(rate: f64, existing: &str, start: usize, out: &mut Vec<u8>) {
    let mut ours = Vec::from(b"s:");
    write_ratio(rate, &mut ours);
    member::write(KEY, &ours, "s", existing, start, out);
}

/// The member's key.
pub const KEY: &str = "es";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_set_and_other_pairs_are_kept() {
        for (rate, existing, expected) in [
            (1.0, "", "es=s:1"),
            (0.0, "", "es=s:0"),
            (0.55555, "", "es=s:0.5556"),
            (0.1, "s:1;x:y", "es=x:y;s:0.1"),
        ] {
            let mut out = Vec::new();
            write_member(rate, existing, 0, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
