//! How to fail, and for how long.

use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;

/// Steps, one after the other; behind the last, and without any, the collector works.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Plan {
    /// In their order.
    pub steps: Vec<Step>,
    /// What browsers are told that scripts may do.
    pub cors: Cors,
}

/// One way to fail.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// Which one.
    pub fault: Fault,
    /// For so many requests; preflights count only where they are what fails.
    pub times: Option<u32>,
    /// For so many milliseconds. With neither this nor `times`, for ever.
    pub for_ms: Option<u64>,
    /// The `Retry-After` of a `status`.
    pub retry_after: Option<RetryAfter>,
}

/// A `Retry-After`, in one of its two forms.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum RetryAfter {
    /// Seconds.
    Seconds(u64),
    /// As many seconds from now, as a date.
    Date {
        /// Seconds.
        date: u64,
    },
    /// Any text, sent as it is.
    Text(String),
}

impl RetryAfter {
    /// The header's value.
    pub fn value(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Date { date } => httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(*date)),
            Self::Text(text) => text.clone(),
        }
    }
}

/// What goes wrong. Written as its name, in lower camel case, and its parameter behind a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Fault {
    /// `ok`: nothing.
    Ok,
    /// `status:503`: reads the request, and answers with this.
    Status(u16),
    /// `refuse`: ends each connection with RST once a request begins. (Not before: control requests come to
    /// the same port.)
    Refuse,
    /// `hang`: reads the request, forgets it, and never answers.
    Hang,
    /// `hangAfterRead`: takes the spans, and never answers.
    HangAfterRead,
    /// `cutRequest`: ends the connection with RST in the middle of the body.
    CutRequest,
    /// `cutResponse`: takes the spans, and ends the connection with RST behind the status line.
    CutResponse,
    /// `slow:1000`: takes the spans, and answers after so many milliseconds.
    Slow(u64),
    /// `wrongCors`: takes the spans; the answer lacks the CORS headers.
    WrongCors,
    /// `wrongCors:preflight`: answers the preflight with 403.
    WrongPreflight,
    /// `partialSuccess:3`: takes the spans but for the last so many, and says so.
    PartialSuccess(usize),
    /// `flapping`: every other request gets a 503, the first one does not.
    Flapping,
    /// `tooLarge:1000`: answers 413 to a body of more bytes on the wire.
    TooLarge(usize),
    /// `delayPreflight:500`: answers preflights after so many milliseconds.
    DelayPreflight(u64),
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (name, parameter) = text.split_once(':').unwrap_or((&text, ""));
        let number = || parameter.parse::<u64>().map_err(|_| format!("{text:?} needs a number"));
        let fault = match name {
            "status" => {
                let status = number()?;
                let known = u16::try_from(status).ok().filter(|status| (200..600).contains(status));
                return known.map(Self::Status).ok_or_else(|| format!("{status} is no status"));
            }
            "slow" => return number().map(Self::Slow),
            "partialSuccess" => return number().map(|rejected| Self::PartialSuccess(rejected as usize)),
            "tooLarge" => return number().map(|bytes| Self::TooLarge(bytes as usize)),
            "delayPreflight" => return number().map(Self::DelayPreflight),
            "wrongCors" if parameter == "preflight" => return Ok(Self::WrongPreflight),
            "ok" => Self::Ok,
            "refuse" => Self::Refuse,
            "hang" => Self::Hang,
            "hangAfterRead" => Self::HangAfterRead,
            "cutRequest" => Self::CutRequest,
            "cutResponse" => Self::CutResponse,
            "wrongCors" => Self::WrongCors,
            "flapping" => Self::Flapping,
            _ => return Err(format!("{text:?} is no fault")),
        };
        if parameter.is_empty() { Ok(fault) } else { Err(format!("{name} has no parameter")) }
    }
}

/// The CORS headers that are not always the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Cors {
    /// Seconds for which a preflight's answer holds.
    pub max_age: u64,
    /// Response headers that scripts may read, such as `Date` and `Retry-After`.
    pub expose: Vec<String>,
    /// Names the origin instead of `*`, and allows credentials.
    pub credentials: bool,
}

impl Default for Cors {
    fn default() -> Self {
        Self { max_age: 600, expose: Vec::new(), credentials: false }
    }
}

/// A plan that is being carried out.
pub struct Progress {
    plan: Plan,
    current: usize,
    /// Requests that the current step has had.
    used: u32,
    since: Instant,
}

impl Progress {
    /// Starts with the first step.
    pub fn start(plan: Plan) -> Self {
        let mut progress = Self { plan, current: 0, used: 0, since: Instant::now() };
        progress.skip();
        progress
    }

    /// The plan's CORS headers.
    pub fn cors(&self) -> &Cors {
        &self.plan.cors
    }

    /// What happens to the next request.
    pub fn fault(&mut self) -> Fault {
        self.skip();
        match self.plan.steps.get(self.current).map(|step| step.fault) {
            Some(Fault::Flapping) if self.used % 2 == 1 => Fault::Status(503),
            Some(Fault::Flapping) | None => Fault::Ok,
            Some(fault) => fault,
        }
    }

    /// The same, and one request less for the step.
    pub fn take(&mut self) -> (Fault, Option<RetryAfter>) {
        let fault = self.fault();
        let retry_after = self.plan.steps.get(self.current).and_then(|step| step.retry_after.clone());
        self.used += 1;
        (fault, retry_after)
    }

    /// Leaves steps that are over. The next one's time begins where the last one's ended.
    fn skip(&mut self) {
        while let Some(step) = self.plan.steps.get(self.current) {
            let spent = step.times.is_some_and(|times| self.used >= times);
            let end = step.for_ms.map(|ms| self.since + Duration::from_millis(ms));
            let late = end.filter(|end| *end <= Instant::now());
            if !spent && late.is_none() {
                return;
            }
            self.since = if spent { Instant::now() } else { late.unwrap_or(self.since) };
            self.current += 1;
            self.used = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    fn progress(json: &str) -> Progress {
        Progress::start(serde_json::from_str(json).unwrap())
    }

    fn taken(progress: &mut Progress, count: usize) -> Vec<Fault> {
        (0..count).map(|_| progress.take().0).collect()
    }

    #[test]
    fn steps_follow_each_other_by_number_and_end() {
        let mut plan = progress(r#"{"steps":[{"fault":"status:503","times":2},{"fault":"hang","times":1}]}"#);
        assert_eq!(plan.fault(), Fault::Status(503), "looking takes nothing");
        let all = [Fault::Status(503), Fault::Status(503), Fault::Hang, Fault::Ok, Fault::Ok];
        assert_eq!(taken(&mut plan, 5), all);
    }

    #[test]
    fn a_step_with_no_end_stays() {
        let mut plan = progress(r#"{"steps":[{"fault":"refuse"},{"fault":"hang"}]}"#);
        assert_eq!(taken(&mut plan, 3), [Fault::Refuse; 3]);
    }

    #[test]
    fn times_follow_each_other_though_nobody_asks() {
        let mut plan = progress(
            r#"{"steps":[{"fault":"refuse","forMs":40},{"fault":"hang","forMs":20},{"fault":"cutRequest"}]}"#,
        );
        assert_eq!(plan.fault(), Fault::Refuse);
        sleep(Duration::from_millis(70));
        assert_eq!(plan.fault(), Fault::CutRequest);
    }

    #[test]
    fn flapping_fails_every_other_time() {
        let mut plan = progress(r#"{"steps":[{"fault":"flapping","times":4}]}"#);
        let all = [Fault::Ok, Fault::Status(503), Fault::Ok, Fault::Status(503), Fault::Ok, Fault::Ok];
        assert_eq!(taken(&mut plan, 6), all);
    }

    #[test]
    fn each_fault_has_a_name_and_nothing_else_has() {
        let names = [
            ("ok", Fault::Ok),
            ("status:429", Fault::Status(429)),
            ("refuse", Fault::Refuse),
            ("hang", Fault::Hang),
            ("hangAfterRead", Fault::HangAfterRead),
            ("cutRequest", Fault::CutRequest),
            ("cutResponse", Fault::CutResponse),
            ("slow:10", Fault::Slow(10)),
            ("wrongCors", Fault::WrongCors),
            ("wrongCors:preflight", Fault::WrongPreflight),
            ("partialSuccess:0", Fault::PartialSuccess(0)),
            ("flapping", Fault::Flapping),
            ("tooLarge:7", Fault::TooLarge(7)),
            ("delayPreflight:7", Fault::DelayPreflight(7)),
        ];
        for (name, fault) in names {
            assert_eq!(Fault::try_from(name.to_owned()), Ok(fault));
        }
        for wrong in ["", "Ok", "ok:1", "status", "status:x", "status:99", "slow", "hang:1", "wrongCors:x"] {
            assert!(Fault::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<Plan>(r#"{"step":[]}"#).is_err(), "a mistyped plan is none");
    }

    #[test]
    fn retry_after_has_both_forms() {
        let step = |json: &str| serde_json::from_str::<RetryAfter>(json).unwrap().value();
        assert_eq!(step("7"), "7");
        assert_eq!(step("\"soon\""), "soon");
        let date = httpdate::parse_http_date(&step(r#"{"date":100}"#)).unwrap();
        let ahead = date.duration_since(SystemTime::now()).unwrap().as_secs();
        assert!((97..=100).contains(&ahead), "{ahead}");
    }
}
