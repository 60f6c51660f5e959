//! `GET /api/stream`: summaries of traces as they grow, as Server-Sent Events.
//!
//! The writer notes which traces a commit touched; one task turns the notes into events at most four
//! times a second, so a trace that grows span by span is one event, not hundreds. A client that does not
//! read loses events (the channel is bounded) and never holds anybody up.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream};
use tokio::sync::{Notify, broadcast, watch};

use crate::App;
use crate::ids::TraceId;
use crate::query::Summary;
use crate::store::Database;

/// What connects the writer, the task that makes events, and the clients.
pub(crate) struct Feed {
    touched: Mutex<HashSet<TraceId>>,
    wake: Notify,
    events: broadcast::Sender<Arc<str>>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self { touched: Mutex::default(), wake: Notify::new(), events: broadcast::Sender::new(CLIENT_LAG) }
    }

    /// Notes that these traces grew. Costs nothing while nobody listens.
    pub(crate) fn touch(&self, traces: HashSet<TraceId>) {
        if self.events.receiver_count() == 0 {
            return;
        }
        self.touched().extend(traces);
        self.wake.notify_one();
    }

    /// Makes events until the collector stops.
    pub(crate) async fn run(&self, database: Database, mut stopping: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = self.wake.notified() => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
            let traces = std::mem::take(&mut *self.touched());
            let database = database.clone();
            let summaries = tokio::task::spawn_blocking(move || {
                database.read(|connection| {
                    traces
                        .into_iter()
                        .filter_map(|trace| Summary::of(connection, trace).transpose())
                        .collect::<rusqlite::Result<Vec<_>>>()
                })
            });
            match summaries.await {
                Ok(Ok(summaries)) => {
                    for summary in summaries {
                        if let Ok(json) = serde_json::to_string(&summary) {
                            // An error means that the last client just left.
                            let _ = self.events.send(json.into());
                        }
                    }
                }
                Ok(Err(error)) => tracing::error!(%error, "the trace store could not be read"),
                Err(error) => tracing::error!(%error, "a query panicked"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn touched(&self) -> std::sync::MutexGuard<'_, HashSet<TraceId>> {
        // A set of ids has no broken state that a panic could leave.
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stream ends when the collector stops: an open one would keep the server from closing.
pub(crate) async fn stream(State(app): State<App>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let clients = (app.feed.events.subscribe(), app.stopping.clone());
    // The first comment makes proxies and browsers see the answer's head at once.
    let hello = stream::iter([Ok(Event::default().comment("connected"))]);
    let events = stream::unfold(clients, |(mut events, mut stopping)| async {
        loop {
            let received = tokio::select! {
                received = events.recv() => received,
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            };
            match received {
                Ok(json) => {
                    let event = Event::default().event("trace").data(json);
                    return Some((Ok(event), (events, stopping)));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(stream::StreamExt::chain(hello, events)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// Four events a second for one trace.
const PAUSE: Duration = Duration::from_millis(250);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that a slow client may be behind before it loses the oldest.
const CLIENT_LAG: usize = 1024;
