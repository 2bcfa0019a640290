//! Where what players save is kept, and a host's way there.

use crate::cli::GatewayUrl;
use crate::https;
use anyhow::Result;
use firstlight_fleet::Blobs;
use firstlight_fleet::messages::Signer;
use firstlight_saves::{Far, Keeper};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Where it is said, or beside the store.
pub(crate) async fn open_blobs(named: Option<&str>, store: &str, data: &Path) -> Result<Arc<dyn Blobs>> {
    let in_data = format!("folder:{}", data.join("saved").display());
    let in_store = store.starts_with("postgres").then_some(store);
    let url = named.or(in_store).unwrap_or(&in_data);
    Ok(firstlight_fleet::open_blobs(url).await?)
}

/// Over the gateway that this host has joined.
pub(crate) fn far(url: &GatewayUrl, ca: Option<&Path>, signer: &Arc<Signer>) -> Result<Far> {
    let agent = https::agent(ca, CONNECT_WITHIN, MOVED_WITHIN)?;
    Ok(Far::new(agent, url.to_string(), Arc::clone(signer)))
}

/// Removes what was begun and never finished, from time to time.
pub(crate) async fn keep_swept(keeper: Keeper) {
    loop {
        tokio::time::sleep(SWEPT_EVERY).await;
        match keeper.sweep().await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "saves that were never finished were removed"),
            Err(error) => tracing::warn!(%error, "what was never finished of saves stays"),
        }
    }
}

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// The largest archive over two megabits a second.
const MOVED_WITHIN: Duration = Duration::from_secs(300);
/// A look at every archive; what is found is a crash's.
const SWEPT_EVERY: Duration = Duration::from_secs(6 * 3_600);
