//! The W3C `tracestate` header, Trace Context Level 2 §3.3.

use crate::wire::text;

/// Puts Elastic's member `es=s:<rate>` in front of what the caller sends already.
///
/// An older `es` member of the caller is dropped: a key stands once, and the one who changes it moves
/// it to the left (§3.5). The rate has at most four decimals, as Elastic's agents write it.
pub fn write_with_elastic_rate(rate: f64, existing: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"es=s:");
    text::write_ratio(rate, out);
    let mut members = 1;
    let mut rest = existing;
    while !rest.is_empty() {
        let member = text::take_part(&mut rest, b',').trim_ascii();
        if member.is_empty() || member.starts_with("es=") || members == MAX_MEMBERS {
            continue;
        }
        out.push(b',');
        out.extend_from_slice(member.as_bytes());
        members += 1;
    }
}

/// §3.3.1.1: at most 32 list members.
const MAX_MEMBERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn with_elastic_rate(rate: f64, existing: &str) -> String {
        let mut out = Vec::new();
        write_with_elastic_rate(rate, existing, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn our_member_stands_first_and_once() {
        assert_eq!(with_elastic_rate(1.0, ""), "es=s:1");
        assert_eq!(with_elastic_rate(0.25, "dd=s:1, es=s:1 ,,x@dt=fw4"), "es=s:0.25,dd=s:1,x@dt=fw4");
    }

    #[test]
    fn the_right_most_member_gives_way() {
        let many = (0..32).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        let merged = with_elastic_rate(1.0, &many);
        assert_eq!(merged.split(',').count(), 32);
        assert!(merged.ends_with("k30=v"));
    }
}
