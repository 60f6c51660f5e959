//! The dev collector that the demo site runs inside itself.
//!
//! It takes traces and logs over OTLP/HTTP (protobuf and JSON, gzip, from any origin), keeps them in
//! SQLite within bounds, answers questions about them, and serves the trace viewer. A request is answered
//! after its commit, so a 200 means stored.
//!
//! | route | answer |
//! | --- | --- |
//! | `POST /v1/traces`, `POST /v1/logs` | OTLP: `Export…ServiceResponse` or `google.rpc.Status` |
//! | `GET /api/traces?service=&limit=&since=` | `{"traces":[…]}`, newest first; `since` is Unix nanoseconds |
//! | `GET /api/traces/{traceId}` | `{"resourceSpans":[…]}` |
//! | `GET /api/logs?traceId=&limit=` | `{"resourceLogs":[…]}` |
//! | `GET /api/services` | `{"services":[…]}` |
//! | `GET /api/stream` | Server-Sent Events, `event: trace` |
//! | `DELETE /api/traces` | forgets everything |
//! | `GET /healthz` | 200 |
//! | `GET /` and the rest | the viewer |
//!
//! It is a tool for one developer's machine: whoever reaches the port reads everything. Listen on
//! loopback.

#![warn(missing_docs)]

use std::future::{Future, IntoFuture};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, header};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::cors::{AllowHeaders, AllowOrigin, AllowPrivateNetwork, CorsLayer};

use forward::Forwarder;
use store::Database;
use stream::Feed;
use writer::Writer;

pub use error::Error;
pub use forward::Forward;
pub use store::Store;

mod batch;
mod encoding;
mod error;
mod forward;
mod ids;
mod otlp_json;
mod query;
mod receive;
mod status;
mod store;
mod stream;
mod viewer;
mod writer;

/// How a collector is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen. Port 0 takes any free port; see [`Collector::local_addr`].
    pub listen: SocketAddr,
    /// Where traces are kept.
    pub store: Store,
    /// How many traces are kept. Those that were silent longest go first. Ten times as many log
    /// records are kept.
    pub max_traces: usize,
    /// Another collector that gets a copy of everything accepted.
    pub forward: Option<Forward>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 4318).into(),
            store: Store::Memory,
            max_traces: 10_000,
            forward: None,
        }
    }
}

/// A collector that has its port and its store, and waits to be served.
pub struct Collector {
    listener: TcpListener,
    address: SocketAddr,
    app: App,
    stop: watch::Sender<bool>,
}

impl Collector {
    /// Takes the port and opens the store.
    pub async fn bind(config: Config) -> Result<Self, Error> {
        Self::bind_with_queue(config, writer::QUEUE_REQUESTS).await
    }

    /// As [`Collector::bind`], with room for so many requests before the writer: for tests of a full queue.
    #[doc(hidden)]
    pub async fn bind_with_queue(config: Config, capacity: usize) -> Result<Self, Error> {
        let listen_error = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortTaken(config.listen),
            _ => Error::Listen { address: config.listen, source },
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let database = Database::open(&config.store, config.max_traces)?;
        let feed = Arc::new(Feed::new());
        let writer = Writer::start(database.clone(), feed.clone(), capacity)?;
        let forwarder = config.forward.map(|forward| Forwarder::start(forward, address)).transpose()?;
        let (stop, stopping) = watch::channel(false);
        Ok(Self {
            listener,
            address,
            app: App {
                database,
                writer: Arc::new(writer),
                feed,
                forwarder: forwarder.map(Arc::new),
                stopping,
            },
            stop,
        })
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done, then finishes what was begun and commits what was accepted.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let Self { listener, app, stop, .. } = self;
        let mut stopping = app.stopping.clone();
        let events = tokio::spawn({
            let app = app.clone();
            async move { app.feed.run(app.database.clone(), app.stopping.clone()).await }
        });
        let server = axum::serve(listener, router(app.clone())).with_graceful_shutdown(async move {
            shutdown.await;
            stop.send_replace(true);
        });
        let served = tokio::select! {
            served = server.into_future() => served,
            // A browser may hold a connection open on which it never asked anything.
            () = async {
                let _ = stopping.wait_for(|stopping| *stopping).await;
                tokio::time::sleep(GRACE).await;
            } => Ok(()),
        };
        events.abort();
        app.writer.stop().await;
        if let Some(forwarder) = &app.forwarder {
            forwarder.stop().await;
        }
        served.map_err(Error::Serve)
    }
}

/// What the handlers share.
#[derive(Clone)]
struct App {
    database: Database,
    writer: Arc<Writer>,
    feed: Arc<Feed>,
    forwarder: Option<Arc<Forwarder>>,
    stopping: watch::Receiver<bool>,
}

fn router(app: App) -> Router {
    Router::new()
        .route("/v1/traces", post(receive::traces))
        .route("/v1/logs", post(receive::logs))
        .route("/api/traces", get(query::traces).delete(query::clear))
        .route("/api/traces/{id}", get(query::trace))
        .route("/api/logs", get(query::logs))
        .route("/api/services", get(query::services))
        .route("/api/stream", get(stream::stream))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(get(viewer::viewer))
        .with_state(app)
        // Outermost, so that errors carry the headers too.
        .layer(cors())
}

/// `sendBeacon` sends with credentials, and a credentialed answer may not say `*`: origin and headers are
/// mirrored. `DELETE` is left out, so that no other site clears the store.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_headers(AllowHeaders::mirror_request())
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        .expose_headers([header::RETRY_AFTER, header::DATE])
        .allow_private_network(AllowPrivateNetwork::yes())
        .max_age(Duration::from_secs(7200))
}

/// How long open connections may take to finish after the shutdown.
const GRACE: Duration = Duration::from_secs(1);
