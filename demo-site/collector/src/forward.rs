//! `--forward`: a copy of every accepted request goes on to another collector.
//!
//! One thread sends from a bounded queue, in order, so that the other collector's slowness or absence
//! never reaches the browser. Header values are secrets (API keys): they are never logged.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use tokio::sync::oneshot;

use crate::error::Error;

/// Another collector that gets everything this one accepts.
#[derive(Clone, PartialEq, Eq)]
pub struct Forward {
    /// OTLP base URL, `http://` or `https://`; `/v1/traces` and `/v1/logs` are appended.
    pub url: String,
    /// Sent with every request, such as an API key.
    pub headers: Vec<(String, String)>,
}

impl Forward {
    /// Reads one `--forward-header`, of the form `Name: value`.
    pub fn parse_header(line: &str) -> Result<(String, String), Error> {
        let (name, value) = line.split_once(':').ok_or(Error::ForwardHeader)?;
        let (name, value) = (name.trim(), value.trim());
        HeaderName::from_bytes(name.as_bytes()).map_err(|_| Error::ForwardHeader)?;
        HeaderValue::from_str(value).map_err(|_| Error::ForwardHeader)?;
        Ok((name.into(), value.into()))
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.headers.iter().map(|(name, _)| name);
        f.debug_struct("Forward")
            .field("host", &host(&self.url))
            .field("headers", &names.collect::<Vec<_>>())
            .finish()
    }
}

/// The way to the forwarding thread.
pub(crate) struct Forwarder {
    /// `None` after the stop.
    line: Mutex<Option<Line>>,
    overflowing: AtomicBool,
}

impl Forwarder {
    /// Checks the configuration and starts the thread. `own` is where this collector listens.
    pub(crate) fn start(forward: Forward, own: SocketAddr) -> Result<Self, Error> {
        let target = Target::new(forward, own)?;
        let (jobs, queue) = mpsc::sync_channel(QUEUE_REQUESTS);
        let (hurry, stopping) = mpsc::channel();
        let (done, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("collector-forward".into())
            .spawn(move || {
                Sender { target, stopping, deadline: None, failing: false }.run(&queue);
                let _ = done.send(());
            })
            .map_err(Error::Thread)?;
        Ok(Self {
            line: Mutex::new(Some(Line { jobs, hurry, stopped })),
            overflowing: AtomicBool::new(false),
        })
    }

    /// Queues a protobuf message for `path`. When the queue is full the message is dropped.
    pub(crate) fn send(&self, path: &'static str, message: Vec<u8>) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = &*line else {
            return;
        };
        let overflowing = line.jobs.try_send(Job { path, message }).is_err();
        let before = self.overflowing.swap(overflowing, Ordering::Relaxed);
        if overflowing && !before {
            tracing::warn!("the other collector is too slow: requests are not forwarded for now");
        }
    }

    /// Gives what is queued one last try, for a short time.
    pub(crate) async fn stop(&self) {
        let line = self.line.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Line { jobs, hurry, stopped }) = line else {
            return;
        };
        drop((jobs, hurry));
        if tokio::time::timeout(LAST_TRIES, stopped).await.is_err() {
            tracing::warn!("stopped before everything was forwarded");
        }
    }
}

/// What the thread's user holds of it.
struct Line {
    jobs: mpsc::SyncSender<Job>,
    /// Nothing is sent on it: its end tells the thread to hurry.
    hurry: mpsc::Sender<()>,
    stopped: oneshot::Receiver<()>,
}

struct Job {
    path: &'static str,
    message: Vec<u8>,
}

/// A checked configuration.
struct Target {
    base: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    agent: ureq::Agent,
}

impl Target {
    fn new(forward: Forward, own: SocketAddr) -> Result<Self, Error> {
        let uri = forward.url.parse::<Uri>().map_err(|_| Error::ForwardUrl)?;
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(Error::ForwardUrl),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(Error::ForwardUrl)?;
        let same_host = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|ip: IpAddr| ip.is_loopback() || ip == own.ip());
        if same_host && uri.port_u16().unwrap_or(default_port) == own.port() {
            return Err(Error::ForwardLoop);
        }

        let headers = forward
            .headers
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes());
                let value = HeaderValue::from_str(value);
                name.ok().zip(value.ok()).ok_or(Error::ForwardHeader)
            })
            .collect::<Result<_, _>>()?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the headers, and their secrets, to wherever it points.
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .new_agent();
        Ok(Self { base: forward.url.trim_end_matches('/').into(), headers, agent })
    }

    fn post(&self, job: &Job) -> Outcome {
        let mut request = self.agent.post(format!("{}{}", self.base, job.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let sent = request.header(header::CONTENT_TYPE, "application/x-protobuf").send(&job.message);
        let response = match sent {
            Ok(response) => response,
            // Its text names the host at most.
            Err(error) => {
                return Outcome::Retry { reason: error.to_string(), wait: None };
            }
        };
        let status = response.status();
        match status {
            _ if status.is_success() => Outcome::Delivered,
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Outcome::Retry {
                reason: status.to_string(),
                wait: response
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok())
                    .map(Duration::from_secs),
            },
            _ => Outcome::Refused(status),
        }
    }
}

enum Outcome {
    Delivered,
    Retry { reason: String, wait: Option<Duration> },
    Refused(StatusCode),
}

/// The thread's own state.
struct Sender {
    target: Target,
    /// Nothing is ever sent on it: that its other end is gone means stop.
    stopping: mpsc::Receiver<()>,
    deadline: Option<Instant>,
    failing: bool,
}

impl Sender {
    fn run(&mut self, queue: &mpsc::Receiver<Job>) {
        while let Ok(job) = queue.recv() {
            if self.stopping() && self.deadline.is_some_and(|end| Instant::now() > end) {
                return;
            }
            self.deliver(&job);
        }
    }

    fn deliver(&mut self, job: &Job) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..ATTEMPTS {
            let wait = match self.target.post(job) {
                Outcome::Delivered => {
                    if self.failing {
                        tracing::info!("the other collector accepts requests again");
                    }
                    self.failing = false;
                    return;
                }
                Outcome::Refused(status) => {
                    self.complain(&status.to_string());
                    return;
                }
                Outcome::Retry { reason, wait } => {
                    self.complain(&reason);
                    wait.unwrap_or(pause).min(LONGEST_PAUSE)
                }
            };
            let woken = self.stopping.recv_timeout(wait);
            if woken == Err(mpsc::RecvTimeoutError::Disconnected) {
                return;
            }
            pause *= 2;
        }
    }

    /// Warns once for a streak of failures.
    fn complain(&mut self, reason: &str) {
        if !self.failing {
            let host = host(&self.target.base);
            tracing::warn!(host, reason, "requests cannot be forwarded to the other collector");
        }
        self.failing = true;
    }

    fn stopping(&mut self) -> bool {
        let stopping = self.stopping.try_recv() == Err(mpsc::TryRecvError::Disconnected);
        if stopping && self.deadline.is_none() {
            self.deadline = Some(Instant::now() + LAST_TRIES);
        }
        stopping
    }
}

/// The only part of the URL that is fit for a log: the rest may hold a key.
fn host(url: &str) -> String {
    url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
}

const QUEUE_REQUESTS: usize = 256;
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const LAST_TRIES: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_line_is_a_name_and_a_value() {
        let parsed = Forward::parse_header("Authorization:  ApiKey a:b ").unwrap();
        assert_eq!(parsed, ("Authorization".into(), "ApiKey a:b".into()));
        for line in ["hidden", ": hidden", "bad name: hidden", "name: hid\nden"] {
            let error = Forward::parse_header(line).unwrap_err();
            assert!(matches!(error, Error::ForwardHeader), "{line}");
            assert!(!error.to_string().contains("hid"), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_in_the_debug_text() {
        let forward = Forward {
            url: "https://user:hidden@example.com/hidden?key=hidden".into(),
            headers: vec![("x-key".into(), "hidden".into())],
        };
        let text = format!("{forward:?}");
        assert!(text.contains("example.com") && text.contains("x-key"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
    }

    #[test]
    fn impossible_targets_are_refused_at_the_start() {
        let own = "127.0.0.1:4318".parse().unwrap();
        for (url, loops) in [
            ("http://localhost:4318", true),
            ("http://127.0.0.1:4318/", true),
            ("http://[::1]:4318", true),
            ("ftp://example.com", false),
            ("example.com:4318", false),
            ("/v1/traces", false),
        ] {
            let forward = Forward { url: url.into(), headers: Vec::new() };
            match Target::new(forward, own) {
                Err(Error::ForwardLoop) => assert!(loops, "{url}"),
                Err(Error::ForwardUrl) => assert!(!loops, "{url}"),
                _ => panic!("{url}"),
            }
        }
        let other_port = Forward { url: "http://localhost:4319".into(), headers: Vec::new() };
        assert!(Target::new(other_port, own).is_ok());
    }
}
