//! A collector for tests: it speaks OTLP, Elastic's intake and Sentry's envelopes, fails in the way that a
//! test asks for, and counts how often it was sent each span.
//!
//! A test numbers its requests: `https://shop.example/cart?r=<run>&n=<number>`. The spans of these requests
//! carry their URLs, from which the run and the number are read.
//!
//! | route | what it does |
//! | --- | --- |
//! | `POST /v1/traces`, `POST /v1/logs` | takes OTLP, as protobuf or JSON |
//! | `POST /intake/v2/rum/events` | takes Elastic's NDJSON |
//! | `POST /api/{project}/envelope/` | takes Sentry's envelopes |
//! | `PUT /control/plan` | how to fail from now on: [`plan::Plan`] |
//! | `GET /control/received?r=<run>` | what has come: [`received::Report`]; without `r`, of all runs |
//! | `DELETE /control` | forgets what has come, and the plan |
//!
//! It writes `{"port":…}` to its output once it listens, on loopback, and ends when its input does: no test
//! leaves one behind.

#![warn(missing_docs)]

mod decode;
mod http;
mod plan;
mod received;
mod server;

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process;
use std::thread;

use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut output = io::stdout();
    writeln!(output, "{{\"port\":{}}}", listener.local_addr()?.port())?;
    output.flush()?;
    // A thread of its own: tokio cannot stop to wait for input.
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    server::run(listener).await
}
