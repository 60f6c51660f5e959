//! Headers written down as text with gaps: each format is then a line of data, not of code.

use super::{SpanId, TraceId};
use crate::sampling::Priority;
use crate::wire::{hex, text::write_integer};

/// What the gaps of a template are filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub priority: Priority,
}

impl Values {
    /// Appends headers, `name\nvalue` joined by line feeds, to the headers in `out`.
    pub fn write_headers(&self, template: &str, out: &mut Vec<u8>) {
        if !out.is_empty() {
            out.push(b'\n');
        }
        self.write(template, out);
    }

    /// Appends a text.
    ///
    /// | gap | is filled with |
    /// |---|---|
    /// | `$t` | the trace id: 32 hex digits |
    /// | `$x` | the trace id: 16 hex digits if it has 64 bits only, otherwise 32 |
    /// | `$u` | the upper half of the trace id: 16 hex digits |
    /// | `$l` | the lower half of the trace id, decimal |
    /// | `$s` | the span id: 16 hex digits |
    /// | `$d` | the span id, decimal |
    /// | `$p` | the priority: `-1` to `2` |
    /// | `$b` | the priority as B3 has it: `0`, `1` or `d` |
    pub fn write(&self, template: &str, out: &mut Vec<u8>) {
        let (upper, lower) = self.trace_id.halves();
        let (trace_id, span_id): (&[u8], &[u8]) = (self.trace_id.bytes(), self.span_id.bytes());
        let mut is_gap = false;
        for byte in template.bytes() {
            if !is_gap {
                is_gap = byte == b'$';
                if !is_gap {
                    out.push(byte);
                }
                continue;
            }
            is_gap = false;
            let digits = match byte {
                b'x' if upper == 0 => &trace_id[8..],
                b't' | b'x' => trace_id,
                b'u' => &trace_id[..8],
                b's' => span_id,
                _ => &[],
            };
            hex::write(digits, out);
            match byte {
                b'l' => write_integer(lower, out),
                b'd' => write_integer(self.span_id.number(), out),
                // B3 has no word for what a person dropped.
                b'b' => out.push(match self.priority {
                    Priority::Drop | Priority::Reject => b'0',
                    Priority::Accept => b'1',
                    Priority::Keep => b'd',
                }),
                b'p' => self.priority.write(out),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_filled() {
        let mut values = Values {
            trace_id: TraceId::of_halves(0x0af7_6519_16cd_43dd, 10).unwrap(),
            span_id: SpanId::of_number(11).unwrap(),
            priority: Priority::Drop,
        };
        let written = |values: Values, template| {
            let mut out = Vec::new();
            values.write(template, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            written(values, "$t $u,$l;$s-$d"),
            "0af7651916cd43dd000000000000000a 0af7651916cd43dd,10;000000000000000b-11"
        );
        assert_eq!(written(values, "$x"), written(values, "$t"));
        values.trace_id = TraceId::of_halves(0, 10).unwrap();
        assert_eq!(written(values, "$x"), "000000000000000a");
        for (priority, expected) in [
            (Priority::Drop, "-1 0"),
            (Priority::Reject, "0 0"),
            (Priority::Accept, "1 1"),
            (Priority::Keep, "2 d"),
        ] {
            assert_eq!(written(Values { priority, ..values }, "$p $b"), expected);
        }
    }

    #[test]
    fn headers_are_joined_by_line_feeds() {
        let values = Values {
            trace_id: TraceId::of_halves(0, 1).unwrap(),
            span_id: SpanId::of_number(2).unwrap(),
            priority: Priority::Accept,
        };
        let mut out = Vec::new();
        values.write_headers("a\n$l", &mut out);
        values.write_headers("b\n$d", &mut out);
        assert_eq!(out, b"a\n1\nb\n2");
    }
}
