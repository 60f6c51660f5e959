//! The one writer: a thread behind a bounded queue that answers each request after its commit.
//!
//! Everything that waits when the thread is free goes into one transaction, so the cost of a commit is
//! shared exactly when there is much to do.

use std::sync::Arc;
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::error::Error;
use crate::status::Refusal;
use crate::store::{Database, Payload};
use crate::stream::Feed;

/// The way to the writer thread.
pub(crate) struct Writer {
    queue: mpsc::Sender<Command>,
    memory: Arc<Semaphore>,
}

impl Writer {
    /// Starts the thread. It ends after [`Writer::stop`], or when the `Writer` is gone.
    pub(crate) fn start(database: Database, feed: Arc<Feed>, capacity: usize) -> Result<Self, Error> {
        let (queue, commands) = mpsc::channel(capacity.max(1));
        thread::Builder::new()
            .name("collector-writer".into())
            .spawn(move || run(&database, &feed, commands))
            .map_err(Error::Thread)?;
        Ok(Self { queue, memory: Arc::new(Semaphore::new(QUEUE_KIB)) })
    }

    /// Stores a payload that came as `size` bytes; returns after the commit.
    pub(crate) async fn store(&self, payload: Payload, size: usize) -> Result<(), Refusal> {
        // Fits: a body has 64 MiB at most.
        let weight = u32::try_from(size.div_ceil(1024)).unwrap_or(u32::MAX);
        let permit = self
            .memory
            .clone()
            .try_acquire_many_owned(weight)
            .map_err(|_| Refusal::unavailable("the queue is full"))?;
        let (done, committed) = oneshot::channel();
        self.queue.try_send(Command::Store(Job { payload, done, _permit: permit })).map_err(|error| {
            match error {
                mpsc::error::TrySendError::Full(_) => Refusal::unavailable("the queue is full"),
                mpsc::error::TrySendError::Closed(_) => Refusal::unavailable("the collector is stopping"),
            }
        })?;
        match committed.await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Refusal::unavailable("the store failed")),
        }
    }

    /// Forgets everything that was sent before this call.
    pub(crate) async fn clear(&self) -> Result<(), Refusal> {
        let (done, cleared) = oneshot::channel();
        let sent = self.queue.send(Command::Clear(done)).await;
        match (sent, cleared.await) {
            (Ok(()), Ok(true)) => Ok(()),
            _ => Err(Refusal::unavailable("the store failed")),
        }
    }

    /// Commits what waits and ends the thread.
    pub(crate) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.queue.send(Command::Stop(done)).await.is_ok() {
            // An error would mean that the thread is gone already.
            let _ = stopped.await;
        }
    }
}

enum Command {
    Store(Job),
    Clear(oneshot::Sender<bool>),
    Stop(oneshot::Sender<()>),
}

struct Job {
    payload: Payload,
    done: oneshot::Sender<bool>,
    _permit: OwnedSemaphorePermit,
}

fn run(database: &Database, feed: &Feed, mut commands: mpsc::Receiver<Command>) {
    let mut jobs = Vec::new();
    while let Some(first) = commands.blocking_recv() {
        let mut next = Some(first);
        let mut after = None;
        while let Some(command) = next {
            match command {
                Command::Store(job) => jobs.push(job),
                other => {
                    after = Some(other);
                    break;
                }
            }
            next = (jobs.len() < BATCH_LIMIT).then(|| commands.try_recv().ok()).flatten();
        }

        commit(database, feed, &mut jobs);
        match after {
            Some(Command::Clear(done)) => {
                let result = database.clear();
                if let Err(error) = &result {
                    tracing::error!(%error, "the trace store could not be cleared");
                }
                let _ = done.send(result.is_ok());
            }
            Some(Command::Stop(done)) => {
                // From here on senders get an error; what they sent before is still ours.
                commands.close();
                while let Some(command) = commands.blocking_recv() {
                    if let Command::Store(job) = command {
                        jobs.push(job);
                    }
                }
                commit(database, feed, &mut jobs);
                let _ = done.send(());
                return;
            }
            Some(Command::Store(_)) | None => {}
        }
    }
}

/// Commits the jobs and answers them. Who no longer waits for the answer does not matter.
fn commit(database: &Database, feed: &Feed, jobs: &mut Vec<Job>) {
    if jobs.is_empty() {
        return;
    }
    let committed = match database.commit(jobs.iter().map(|job| &job.payload)) {
        Ok(touched) => {
            // Before the answers: who connects to the stream after an answer hears of later spans only.
            feed.touch(touched);
            true
        }
        Err(error) => {
            tracing::error!(%error, requests = jobs.len(), "the trace store could not be written");
            false
        }
    };
    for job in jobs.drain(..) {
        let _ = job.done.send(committed);
    }
}

/// Requests that may wait.
pub(crate) const QUEUE_REQUESTS: usize = 8192;
/// What the waiting requests may weigh together, in KiB of inflated body.
const QUEUE_KIB: usize = 256 << 10;
/// Requests in one transaction.
const BATCH_LIMIT: usize = 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rusqlite::{Connection, TransactionBehavior};

    use super::*;
    use crate::otlp_json;
    use crate::store::Store;

    #[tokio::test]
    async fn what_was_queued_behind_the_stop_is_still_committed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("traces.db");
        let database = Database::open(&Store::File(path.clone()), 10).unwrap();
        let writer = Writer::start(database.clone(), Arc::new(Feed::new()), 10).unwrap();

        // While another process locks the file, the stop waits behind one request and before another.
        let mut other = Connection::open(path).unwrap();
        let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let pause = || tokio::time::sleep(Duration::from_millis(100));
        let release = async {
            for _ in 0..3 {
                pause().await;
            }
            drop(lock);
        };
        let stop = async {
            pause().await;
            writer.stop().await;
        };
        let late = async {
            pause().await;
            pause().await;
            writer.store(span("02"), 1).await
        };
        let (early, (), late, ()) = tokio::join!(writer.store(span("01"), 1), stop, late, release);
        assert!(early.is_ok() && late.is_ok(), "{early:?} {late:?}");
        assert!(writer.store(span("03"), 1).await.is_err());

        let count = tokio::task::spawn_blocking(move || {
            database
                .read(|connection| connection.query_row("SELECT count(*) FROM spans", [], |row| row.get(0)))
        });
        assert_eq!(count.await.unwrap(), Ok(2));
    }

    fn span(id: &str) -> Payload {
        let json = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{}"}}]}}]}}]}}"#,
            id.repeat(16),
            id.repeat(8)
        );
        Payload::Traces(otlp_json::trace_request(json.as_bytes()).unwrap())
    }
}
