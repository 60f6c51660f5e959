//! The command that opens the demo shop.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use headwater_collector::Forward;
use headwater_demo::{Demo, DemoConfig, Origins, Ports};

/// A small shop that shows Headwater at work, with the collector that stores and shows its traces.
#[derive(Parser)]
#[command(name = "headwater-demo", version)]
struct Flags {
    /// Address to listen on; the collector shows what it has to whoever reaches it
    #[arg(long, env = "HEADWATER_HOST", default_value = "127.0.0.1")]
    host: IpAddr,

    /// Port of the shop; 0 takes any free one, here and below
    #[arg(long, env = "HEADWATER_PORT", default_value_t = 8080)]
    port: u16,

    /// Port of the second origin, which is configured for distributed tracing
    #[arg(long, env = "HEADWATER_API_PORT", default_value_t = 8081)]
    api_port: u16,

    /// Port of the third origin, which is not
    #[arg(long, env = "HEADWATER_OTHER_PORT", default_value_t = 8082)]
    other_port: u16,

    /// Port of the collector and its trace viewer
    #[arg(long, env = "HEADWATER_COLLECTOR_PORT", default_value_t = 4318)]
    collector_port: u16,

    /// Folder for traces and carts [default: demo-site/data below the root]
    #[arg(long, env = "HEADWATER_DATA")]
    data: Option<PathBuf>,

    /// Keep everything in memory, whatever --data says
    #[arg(long)]
    memory: bool,

    /// How many traces to keep
    #[arg(long, default_value_t = 10_000)]
    max_traces: usize,

    /// Send a copy of all traces to this OTLP/HTTP endpoint
    #[arg(long, value_name = "URL")]
    forward: Option<String>,

    /// A header for the copies, such as an API token; may be repeated
    #[arg(long, value_name = "NAME: VALUE", requires = "forward", value_parser = Forward::parse_header)]
    forward_header: Vec<(String, String)>,

    /// The project's root, where the built scripts are
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."))]
    root: PathBuf,
}

impl Flags {
    fn config(self) -> DemoConfig {
        // Only to print shorter paths; a root that does not exist is told by what it lacks.
        let root = self.root.canonicalize().unwrap_or(self.root);
        let data = self.data.unwrap_or_else(|| root.join("demo-site/data"));
        DemoConfig {
            host: self.host,
            ports: Ports {
                shop: self.port,
                api: self.api_port,
                other: self.other_port,
                collector: self.collector_port,
            },
            data: (!self.memory).then_some(data),
            max_traces: self.max_traces,
            forward: self.forward.map(|url| Forward { url, headers: self.forward_header }),
            root,
        }
    }
}

fn main() -> ExitCode {
    match run(Flags::parse().config()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(config: DemoConfig) -> Result<(), headwater_demo::Error> {
    let kept = match &config.data {
        Some(folder) => format!("Traces are kept in {}", folder.join(headwater_demo::TRACES_FILE).display()),
        None => "Traces are kept in memory, until it stops.".to_owned(),
    };
    let shutdown = interrupted()?;
    let demo = Demo::bind(config).await?;
    greet(demo.origins(), &kept);
    demo.serve(shutdown).await
}

/// The four origins stand on lines of their own, and the last line is exact: scripts read them.
fn greet(origins: &Origins, kept: &str) {
    println!(
        "Spring & Stream, the shop of the Headwater demo\n\
         \n\
         shop {}\n\
         api {}\n\
         other {}\n\
         collector {}\n\
         \n\
         Open the shop, click around, and watch the traces in the collector's viewer.\n\
         The api origin is configured for distributed tracing, the other one is not.\n\
         {kept}\n\
         Ctrl-C stops everything.\n\
         \n\
         Headwater demo is ready: open {}/",
        origins.shop, origins.api, origins.other, origins.collector, origins.shop
    );
}

/// Resolves with the first Ctrl-C or SIGTERM. Listening starts at once, so that none is missed.
#[cfg(unix)]
fn interrupted() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn interrupted() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        // Without a handler there is nothing to wait for, and the demo runs until it is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
