//! What can go wrong when a collector starts or runs.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a collector could not start, or stopped. Its text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else listens on the address.
    #[error(
        "port {port} on {ip} is already in use: stop what listens there or choose another with --collector-port",
        port = .0.port(),
        ip = .0.ip()
    )]
    PortTaken(SocketAddr),

    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },

    /// The folder of the data file cannot be made.
    #[error("cannot create the folder {}: {source}", folder.display())]
    Folder {
        /// The folder that was to be made.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The data file cannot be opened, or is no SQLite file.
    #[error("cannot open the trace store {store}: {source}")]
    Open {
        /// The file's path, or `in memory`.
        store: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },

    /// The data file was written by another version, or is somebody else's.
    #[error("{store} is not a trace store of this version: move it away or choose another folder")]
    Foreign {
        /// The file's path.
        store: String,
    },

    /// `--forward-header` is not of the form `Name: value`. The text is not repeated: it may be secret.
    #[error("a forward header must look like 'Name: value'")]
    ForwardHeader,

    /// `--forward` is no `http://` or `https://` URL.
    #[error("the forward URL must start with http:// or https:// and name a host")]
    ForwardUrl,

    /// `--forward` names this very collector, which would send to itself for ever.
    #[error("the forward URL is this collector's own address")]
    ForwardLoop,

    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),

    /// Accepting connections failed.
    #[error("the collector stopped: {0}")]
    Serve(io::Error),
}
