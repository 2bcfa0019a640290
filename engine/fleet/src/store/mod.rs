//! The adapters.

mod embedded;
mod postgres;
mod redb;

pub use embedded::Embedded;
pub use postgres::Postgres;

use crate::{Clock, Error, EventLog, LeaseStore, Records};
use std::sync::Arc;

/// Everything that the indexers of a cell share.
pub trait Store: LeaseStore + EventLog + Records {}

impl<T: LeaseStore + EventLog + Records> Store for T {}

/// Opens the store that `url` names: `memory`, `redb:PATH` or `postgres://USER@HOST/DATABASE`. Makes what is missing, and
/// brings an older schema up to date.
///
/// # Errors
/// [`Error::Url`], [`Error::Unreachable`], [`Error::SchemaTooNew`], [`Error::Migration`].
pub async fn open(url: &str) -> Result<Arc<dyn Store>, Error> {
    match url.split_once(':').unwrap_or((url, "")) {
        ("memory", "") => Ok(Arc::new(Embedded::memory(Clock::default()))),
        ("redb", path) if !path.is_empty() => {
            let path = std::path::PathBuf::from(path);
            let opened = tokio::task::spawn_blocking(move || Embedded::redb(&path, Clock::default()));
            let store = opened
                .await
                .unwrap_or_else(|error| Err(Error::Unreachable(Box::new(error))))?;
            Ok(Arc::new(store))
        }
        ("postgres" | "postgresql", _) => Ok(Arc::new(Postgres::connect(url).await?)),
        _ => Err(Error::Url(crate::error::shown(url))),
    }
}
