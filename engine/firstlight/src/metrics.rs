//! Metrics of a role without a page, on an address of their own.

use anyhow::{Context, Result};
use firstlight_gateway::{Metrics, serve_metrics};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Collects this process's metrics from here on, and serves them on `address` where there is one. Within a tokio runtime.
pub(crate) async fn offer_metrics(address: Option<SocketAddr>) -> Result<()> {
    let Some(address) = address else { return Ok(()) };
    let metrics = Metrics::install()?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    tokio::spawn(serve_metrics(listener, metrics));
    Ok(())
}
