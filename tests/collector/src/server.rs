//! Connections, requests, and what happens to them.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::decode::{Dialect, Spans, inflate, is_json};
use crate::http::{Answer, Connection, Head};
use crate::plan::{Cors, Fault, Plan, Progress};
use crate::received::{Entry, Received};

/// Serves this listener's connections for ever.
pub async fn run(listener: TcpListener) -> io::Result<()> {
    let state = State(Arc::new(Mutex::new(Shared::default())));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let state = state.clone();
        // A connection that breaks is its client's concern.
        tokio::spawn(async move { state.serve(Connection::new(stream)).await });
    }
}

#[derive(Clone)]
struct State(Arc<Mutex<Shared>>);

struct Shared {
    progress: Progress,
    received: Received,
}

impl Default for Shared {
    fn default() -> Self {
        Self { progress: Progress::start(Plan::default()), received: Received::default() }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut connection: Connection) -> io::Result<()> {
        while let Some(head) = connection.head().await? {
            let Some(length) = head.length() else {
                connection.answer(&self.open(&head, Answer::new(411))).await?;
                return Ok(());
            };
            if head.path.starts_with("/control") {
                let body = connection.body(length).await?;
                connection.answer(&self.open(&head, self.control(&head, &body))).await?;
                continue;
            }
            let refused = self.lock().progress.fault() == Fault::Refuse;
            if refused {
                self.lock().progress.take();
                self.note(&head, Fault::Refuse, None);
                return connection.reset();
            }
            match (head.method.as_str(), Dialect::of(&head.path)) {
                ("OPTIONS", _) => self.preflight(&head, &mut connection).await?,
                ("POST", Some(dialect)) => {
                    let Some(kept) = self.receive(&head, dialect, length, connection).await? else {
                        return Ok(());
                    };
                    connection = kept;
                }
                _ => {
                    connection.body(length).await?;
                    connection.answer(&self.open(&head, Answer::new(404))).await?;
                }
            }
        }
        Ok(())
    }

    fn control(&self, head: &Head, body: &[u8]) -> Answer {
        let mut shared = self.lock();
        match (head.method.as_str(), head.path.as_str()) {
            ("OPTIONS", _) => Answer::new(204),
            ("PUT", "/control/plan") => match serde_json::from_slice(body) {
                Ok(plan) => {
                    shared.progress = Progress::start(plan);
                    Answer::new(204)
                }
                Err(error) => Answer::new(400).body("text/plain", error.to_string()),
            },
            ("GET", "/control/received") => {
                let run = head.query.split('&').find_map(|pair| pair.strip_prefix("r="));
                let report = json!(shared.received.report(run));
                Answer::new(200).body("application/json", report.to_string())
            }
            ("DELETE", "/control") => {
                *shared = Shared::default();
                Answer::new(204)
            }
            _ => Answer::new(404),
        }
    }

    async fn preflight(&self, head: &Head, connection: &mut Connection) -> io::Result<()> {
        let fault = self.lock().progress.fault();
        if let Fault::DelayPreflight(ms) = fault {
            sleep(Duration::from_millis(ms)).await;
        }
        if fault == Fault::WrongPreflight {
            self.lock().progress.take();
            self.note(head, fault, Some(403));
            return connection.answer(&Answer::new(403)).await;
        }
        self.note(head, fault, Some(204));
        connection.answer(&self.open(head, Answer::new(204))).await
    }

    /// Takes in a request; `None` if that was the connection's end.
    async fn receive(
        &self,
        head: &Head,
        dialect: Dialect,
        length: usize,
        mut connection: Connection,
    ) -> io::Result<Option<Connection>> {
        let mut entry = entry(head);
        let (fault, retry_after) = self.lock().progress.take();
        entry.fault = name(fault);
        if fault == Fault::CutRequest {
            connection.body(length / 2).await?;
            self.lock().received.add(entry, &Vec::new(), 0);
            connection.reset()?;
            return Ok(None);
        }

        let body = connection.body(length).await?;
        entry.bytes = body.len();
        let read = inflate(head.header("content-encoding"), body).and_then(|body| {
            entry.inflated = body.len();
            dialect.read(&entry.content_type, &body)
        });
        let spans = match read {
            Ok(spans) => spans,
            Err(error) => {
                let answer = self.open(head, Answer::new(400).body("text/plain", error.clone()));
                let entry = Entry { status: Some(400), error: Some(error), ..entry };
                self.lock().received.add(entry, &Vec::new(), 0);
                connection.answer(&answer).await?;
                return Ok(Some(connection));
            }
        };

        let json = is_json(&entry.content_type);
        let mut answer = match fault {
            Fault::Status(status) => Answer::new(status),
            Fault::TooLarge(limit) if entry.bytes > limit => Answer::new(413),
            Fault::PartialSuccess(rejected) => partial(dialect, json, rejected.min(spans.len()), &spans),
            _ => success(dialect, json),
        };
        if let Some(retry_after) = retry_after {
            answer = answer.header("Retry-After", retry_after.value());
        }
        if fault != Fault::WrongCors {
            answer = self.open(head, answer);
        }
        entry.status = match fault {
            Fault::Hang | Fault::HangAfterRead => None,
            _ => Some(answer.status),
        };
        let accepted = match fault {
            Fault::Hang => 0,
            Fault::PartialSuccess(rejected) if dialect != Dialect::Sentry => {
                spans.len().saturating_sub(rejected)
            }
            _ if answer.status >= 300 => 0,
            _ => spans.len(),
        };
        entry.ambiguous = matches!(fault, Fault::HangAfterRead | Fault::CutResponse | Fault::WrongCors);
        if let Fault::Slow(ms) = fault {
            // Who did not wait does not know.
            entry.ambiguous = tokio::select! {
                () = sleep(Duration::from_millis(ms)) => false,
                () = connection.given_up() => true,
            };
        }
        self.lock().received.add(entry, &spans, accepted);
        match fault {
            Fault::Hang | Fault::HangAfterRead => {
                connection.given_up().await;
                Ok(None)
            }
            Fault::CutResponse => {
                connection.begin(answer.status).await?;
                // The line has to arrive: RST overtakes what waits.
                sleep(Duration::from_millis(20)).await;
                connection.reset()?;
                Ok(None)
            }
            _ => {
                connection.answer(&answer).await?;
                Ok(Some(connection))
            }
        }
    }

    /// Notes a request whose spans nobody reads.
    fn note(&self, head: &Head, fault: Fault, status: Option<u16>) {
        let entry = Entry { fault: name(fault), status, ..entry(head) };
        self.lock().received.add(entry, &Vec::new(), 0);
    }

    /// Adds the CORS headers.
    fn open(&self, head: &Head, answer: Answer) -> Answer {
        let cors = self.lock().progress.cors().clone();
        allow(head, &cors, answer)
    }
}

fn allow(head: &Head, cors: &Cors, answer: Answer) -> Answer {
    let origin = if cors.credentials { head.header("origin") } else { "*" };
    let mut answer = answer.header("Access-Control-Allow-Origin", origin);
    if cors.credentials {
        answer = answer.header("Access-Control-Allow-Credentials", "true").header("Vary", "Origin");
    }
    if head.method == "OPTIONS" {
        let method = head.header("access-control-request-method");
        let headers = head.header("access-control-request-headers");
        return answer
            .header("Access-Control-Allow-Methods", method)
            .header("Access-Control-Allow-Headers", headers)
            .header("Access-Control-Max-Age", cors.max_age.to_string());
    }
    if cors.expose.is_empty() {
        return answer;
    }
    answer.header("Access-Control-Expose-Headers", cors.expose.join(", "))
}

fn success(dialect: Dialect, json: bool) -> Answer {
    match dialect {
        Dialect::Traces | Dialect::Logs if json => Answer::new(200).body("application/json", "{}"),
        // An `Export…ServiceResponse` without fields has no bytes.
        Dialect::Traces | Dialect::Logs => Answer::new(200).body("application/x-protobuf", ""),
        Dialect::Elastic => Answer::new(202),
        Dialect::Sentry => Answer::new(200).body("application/json", "{}"),
    }
}

fn partial(dialect: Dialect, json: bool, rejected: usize, spans: &Spans) -> Answer {
    let protobuf = |body| Answer::new(200).body("application/x-protobuf", body);
    let of_json = |name: &str| {
        let body = json!({ "partialSuccess": { name: rejected.to_string(), "errorMessage": REJECTED } });
        Answer::new(200).body("application/json", body.to_string())
    };
    // There are fewer spans than bytes in a body.
    let count = rejected as i64;
    let error_message = REJECTED.to_owned();
    match dialect {
        Dialect::Traces if json => of_json("rejectedSpans"),
        Dialect::Logs if json => of_json("rejectedLogRecords"),
        Dialect::Traces => {
            let partial = ExportTracePartialSuccess { rejected_spans: count, error_message };
            protobuf(ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec())
        }
        Dialect::Logs => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: count, error_message };
            protobuf(ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec())
        }
        Dialect::Elastic => {
            let body = json!({ "accepted": spans.len() - rejected, "errors": [{ "message": REJECTED }] });
            Answer::new(400).body("application/json", body.to_string())
        }
        // Sentry has no such thing.
        Dialect::Sentry => success(dialect, json),
    }
}

fn entry(head: &Head) -> Entry {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Entry {
        time: now.as_millis() as u64,
        method: head.method.clone(),
        path: head.path.clone(),
        content_type: head.header("content-type").to_owned(),
        content_encoding: head.header("content-encoding").to_owned(),
        ..Entry::default()
    }
}

fn name(fault: Fault) -> String {
    format!("{fault:?}")
}

const REJECTED: &str = "rejected on purpose";
