/// Counts what happens within a minute of the page's clock.
#[derive(Default)]
pub struct PerMinute {
    minute: u32,
    count: u32,
}

impl PerMinute {
    /// Nothing so far.
    pub const fn new() -> Self {
        Self { minute: 0, count: 0 }
    }

    /// Whether one more at `now`, in milliseconds, is within `limit` for its minute.
    pub fn admits(&mut self, now: f64, limit: u32) -> bool {
        let minute = (now / 60_000.0) as u32;
        if self.minute != minute {
            self.minute = minute;
            self.count = 0;
        }
        self.count += 1;
        self.count <= limit
    }
}
