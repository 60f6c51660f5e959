//! The four servers of the demo as one thing that starts and stops.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use headwater_collector::{Collector, Config, Forward, Store};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::api;
use crate::api_client::ApiClient;
use crate::database::{self, Database};
use crate::origins::Origins;
use crate::other;
use crate::request_log::RequestLog;
use crate::server_span::ServerSpans;
use crate::shop::Shop;
use crate::telemetry::Telemetry;

/// How a demo is set up.
#[derive(Clone, Debug)]
pub struct DemoConfig {
    /// The address all four listen on.
    pub host: IpAddr,
    /// Their ports.
    pub ports: Ports,
    /// The folder for traces and the shop's data; `None` keeps both in memory.
    pub data: Option<PathBuf>,
    /// How many traces the collector keeps.
    pub max_traces: usize,
    /// Another collector that gets a copy of everything.
    pub forward: Option<Forward>,
    /// The workspace root, below which scripts and styles are found.
    pub root: PathBuf,
}

impl DemoConfig {
    /// Everything in memory, on ports that happen to be free; for tests.
    pub fn for_tests(root: PathBuf) -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Ports { shop: 0, api: 0, other: 0, collector: 0 },
            data: None,
            max_traces: 1_000,
            forward: None,
            root,
        }
    }
}

/// The port of each server; 0 is any free one.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The pages.
    pub shop: u16,
    /// The configured second origin.
    pub api: u16,
    /// The third origin, which is not configured.
    pub other: u16,
    /// The collector and its viewer.
    pub collector: u16,
}

/// A demo that has its ports and waits to be served.
pub struct Demo {
    origins: Origins,
    collector: Collector,
    servers: [(TcpListener, Router); 3],
    telemetry: [Telemetry; 2],
    /// Bound but not listening: connections to it are refused, and nobody else can take it.
    _refusing: TcpSocket,
}

impl Demo {
    /// Takes all ports and opens the data; nothing is answered before [`serve`](Self::serve).
    pub async fn bind(config: DemoConfig) -> Result<Self, Error> {
        let listen = |which: Port, port| async move {
            let address = SocketAddr::new(config.host, port);
            match TcpListener::bind(address).await {
                Ok(listener) => Ok(listener),
                Err(error) => Err(Error::Port { which, address, error }),
            }
        };
        let shop = listen(Port::Shop, config.ports.shop).await?;
        let api = listen(Port::Api, config.ports.api).await?;
        let other = listen(Port::Other, config.ports.other).await?;

        if let Some(data) = &config.data {
            std::fs::create_dir_all(data).map_err(|error| Error::Data(data.clone(), error.into()))?;
        }
        let collector = Collector::bind(Config {
            listen: SocketAddr::new(config.host, config.ports.collector),
            store: match &config.data {
                Some(data) => Store::File(data.join(TRACES_FILE)),
                None => Store::Memory,
            },
            max_traces: config.max_traces,
            forward: config.forward,
        })
        .await
        .map_err(Error::collector)?;

        let file = config.data.as_deref().map(database::file_in);
        let database = Database::open(file.as_deref())
            .map_err(|error| Error::Data(file.unwrap_or_default(), error.into()))?;
        let database = Arc::new(database);

        let refusing = TcpSocket::new_v4()?;
        refusing.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let origins = Origins {
            shop: Origins::of(shop.local_addr()?),
            api: Origins::of(api.local_addr()?),
            other: Origins::of(other.local_addr()?),
            collector: Origins::of(collector.local_addr()),
            refusing: Origins::of(refusing.local_addr()?),
        };

        let shop_telemetry = start_telemetry("shop-server", &origins)?;
        let api_telemetry = start_telemetry("shop-api", &origins)?;
        let spans = |listener: &TcpListener, telemetry: &Telemetry| {
            listener.local_addr().map(|address| ServerSpans {
                dispatch: telemetry.dispatch(),
                address: address.ip().to_string(),
                port: address.port(),
            })
        };

        let logs = [
            RequestLog::new(origins.shop.clone()),
            RequestLog::new(origins.api.clone()),
            RequestLog::new(origins.other.clone()),
        ];
        let [_, api_log, other_log] = logs.clone();
        let shop_router = Shop {
            api: ApiClient::new(origins.api.clone()),
            origins: origins.clone(),
            database: database.clone(),
            root: config.root,
            logs,
        }
        .router(spans(&shop, &shop_telemetry)?);
        let api_router = api::router(database, spans(&api, &api_telemetry)?, &api_log);
        let other_router = other::router(&other_log);

        Ok(Self {
            origins,
            collector,
            servers: [(shop, shop_router), (api, api_router), (other, other_router)],
            telemetry: [shop_telemetry, api_telemetry],
            _refusing: refusing,
        })
    }

    /// Where everything listens.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// Serves until `shutdown` is done; then answers what was asked, sends the last spans, and stops.
    ///
    /// Everything together takes less than two seconds: who waits for a slow page loses it.
    pub async fn serve(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), Error> {
        let (stop, stopping) = watch::channel(false);
        let mut servers = JoinSet::new();
        for (listener, router) in self.servers {
            let stopped = until(stopping.clone());
            servers.spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        }
        let (stop_collector, collector_stopping) = watch::channel(false);
        let mut collector = tokio::spawn(self.collector.serve(until(collector_stopping)));

        // A collector that gives up early ends the demo as well.
        let early = tokio::select! {
            () = shutdown => None,
            ended = &mut collector => Some(ended),
        };

        stop.send_replace(true);
        let drained = async { while servers.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(DRAIN, drained).await;
        servers.abort_all();
        // The collector goes last, so that the servers' own spans still reach it.
        let [shop, api] = self.telemetry;
        tokio::join!(shop.stop(), api.stop());
        stop_collector.send_replace(true);
        let ended = match early {
            Some(ended) => ended,
            None => match tokio::time::timeout(COLLECTOR_STOP, collector).await {
                Ok(ended) => ended,
                Err(_) => return Ok(()),
            },
        };
        match ended {
            Ok(result) => result.map_err(Error::collector),
            Err(panic) => Err(Error::Collector(panic.into())),
        }
    }
}

/// Why a demo could not start, in words for the terminal.
#[derive(Debug)]
pub enum Error {
    /// A port cannot be had.
    Port {
        /// Whose it was to be.
        which: Port,
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The collector did not start, or ended.
    Collector(Box<dyn StdError + Send + Sync>),
    /// The data folder or the shop's database cannot be used.
    Data(PathBuf, Box<dyn StdError + Send + Sync>),
    /// Anything else the system or a library refused.
    Other(Box<dyn StdError + Send + Sync>),
}

impl Error {
    fn collector(error: headwater_collector::Error) -> Self {
        match error {
            headwater_collector::Error::PortTaken(address) => {
                Self::Port { which: Port::Collector, address, error: io::ErrorKind::AddrInUse.into() }
            }
            error => Self::Collector(Box::new(error)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port { which, address, error } => {
                let (port, flag, variable) = (address.port(), which.flag(), which.variable());
                match error.kind() {
                    io::ErrorKind::AddrInUse => write!(
                        f,
                        "Port {port} on {} is already in use: stop what listens there, or choose another port with \
                         {flag} (or {variable}); 0 takes any free one.",
                        address.ip()
                    ),
                    _ => write!(
                        f,
                        "Cannot listen on {address}: {error}. Choose another port with {flag} (or {variable})."
                    ),
                }
            }
            Self::Collector(error) => write!(f, "The collector failed: {error}"),
            Self::Data(path, error) => {
                write!(
                    f,
                    "Cannot use the data in {}: {error}. Choose another folder with --data, or --memory.",
                    path.display()
                )
            }
            Self::Other(error) => write!(f, "The demo cannot start: {error}"),
        }
    }
}

impl StdError for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Other(Box::new(error))
    }
}

/// One of the four ports, and how it is chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Port {
    /// The pages.
    Shop,
    /// The configured second origin.
    Api,
    /// The third origin.
    Other,
    /// The collector.
    Collector,
}

impl Port {
    /// The flag that sets it.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Shop => "--port",
            Self::Api => "--api-port",
            Self::Other => "--other-port",
            Self::Collector => "--collector-port",
        }
    }

    /// The environment variable that sets it.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Shop => "HEADWATER_PORT",
            Self::Api => "HEADWATER_API_PORT",
            Self::Other => "HEADWATER_OTHER_PORT",
            Self::Collector => "HEADWATER_COLLECTOR_PORT",
        }
    }
}

fn start_telemetry(service: &'static str, origins: &Origins) -> Result<Telemetry, Error> {
    Telemetry::start(service, &origins.collector).map_err(|error| Error::Other(Box::new(error)))
}

async fn until(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone means stop, too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The traces' file inside the data folder.
pub const TRACES_FILE: &str = "traces.sqlite";

/// How long open requests may take to finish after the shutdown.
const DRAIN: Duration = Duration::from_millis(400);

/// The collector gives idle connections a second, and what it accepted is committed already.
const COLLECTOR_STOP: Duration = Duration::from_millis(1_200);
