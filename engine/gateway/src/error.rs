//! What keeps a gateway from opening.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the gateway cannot serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program listens there.
    #[error("port {} is in use on {}; stop what uses it, or choose another with --listen", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The operator's key cannot be read or made.
    #[error("cannot use the operator's key {}", .path.display())]
    KeyFile {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The key that routes are signed with cannot be read or made.
    #[error("cannot use the relays' key {}", .path.display())]
    RouteKey {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds no key.
    #[error("{} holds no operator's key; remove it and start again for a new one", .0.display())]
    NoKey(PathBuf),
    /// The titles' folder cannot be read.
    #[error("cannot read the titles' folder")]
    Titles(#[source] firstlight_title::Error),
    /// The metrics' names or buckets are refused.
    #[error("metrics cannot be exported: {0}")]
    Metrics(String),
}
