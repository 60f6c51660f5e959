//! Datadog's sampling priorities: the sampled flag, and whether a sampler or a person decided. They
//! travel as `x-datadog-sampling-priority` and as `s` of the `dd` member of `tracestate`
//! (dd-trace-js `ext/priority.js`).

/// Who decided what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum Priority {
    /// A person dropped it (`manual.drop`, `USER_REJECT`).
    Drop = -1,
    /// A sampler rejected it (`AUTO_REJECT`).
    Reject = 0,
    /// A sampler accepted it (`AUTO_KEEP`).
    Accept = 1,
    /// A person kept it (`manual.keep`, `USER_KEEP`).
    Keep = 2,
}

impl Priority {
    /// What a sampler decided.
    pub fn automatic(sampled: bool) -> Self {
        if sampled { Self::Accept } else { Self::Reject }
    }

    /// Reads the decimal form.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            b"-1" => Some(Self::Drop),
            b"0" => Some(Self::Reject),
            b"1" => Some(Self::Accept),
            b"2" => Some(Self::Keep),
            _ => None,
        }
    }

    /// The priority of a trace with this sampled flag: where the two contradict each other, the flag
    /// wins and nobody decided by hand (dd-trace-js `text_map.js`).
    pub fn under_flag(self, sampled: bool) -> Self {
        if self.sampled() == sampled { self } else { Self::automatic(sampled) }
    }

    /// The sampled flag that goes with it.
    pub fn sampled(self) -> bool {
        self as i8 > 0
    }

    /// Whether a person decided.
    pub fn is_manual(self) -> bool {
        matches!(self, Self::Drop | Self::Keep)
    }

    /// Appends the decimal form.
    pub fn write(self, out: &mut Vec<u8>) {
        if self == Self::Drop {
            out.push(b'-');
        }
        out.push(b'0' + (self as i8).unsigned_abs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_are_read_and_written() {
        for (text, priority, sampled, manual) in [
            ("-1", Priority::Drop, false, true),
            ("0", Priority::Reject, false, false),
            ("1", Priority::Accept, true, false),
            ("2", Priority::Keep, true, true),
        ] {
            let mut written = Vec::new();
            priority.write(&mut written);
            assert_eq!(written, text.as_bytes());
            assert_eq!(Priority::parse(text), Some(priority));
            assert_eq!((priority.sampled(), priority.is_manual()), (sampled, manual));
        }
        for text in ["", "3", "-2", "+1", "01", "1 ", "true"] {
            assert_eq!(Priority::parse(text), None, "{text}");
        }
    }

    /// As dd-trace 5.132.0 and 6.21.0 decide when they extract such a pair.
    #[test]
    fn the_flag_wins_over_a_priority_that_contradicts_it() {
        for (sampled, s, expected) in [
            (false, Priority::Accept, Priority::Reject),
            (true, Priority::Reject, Priority::Accept),
            (true, Priority::Keep, Priority::Keep),
            (false, Priority::Drop, Priority::Drop),
            (false, Priority::Keep, Priority::Reject),
            (true, Priority::Drop, Priority::Accept),
        ] {
            assert_eq!(s.under_flag(sampled), expected);
        }
    }
}
