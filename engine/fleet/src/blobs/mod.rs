//! Bytes that are too large for a record, in pieces: what players have saved.
//!
//! ```text
//! write(blob, 0..n) ──> folder:PATH | postgres://…     a record names the blob once all of it is there
//! read(blob, n) <─────
//! ```
//!
//! A blob is written once, under a name that nobody else uses, and then read until it is removed. Nothing here says which of them
//! counts: that is the record's business, which is swapped in one step.

mod folder;
mod postgres;

pub use folder::FolderBlobs;
pub use postgres::PostgresBlobs;

use crate::Error;
use crate::lease::at_most;
use async_trait::async_trait;
use bytes::Bytes;
use firstlight_units::WallTime;
use std::fmt;
use std::sync::Arc;

/// A blob that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobEntry {
    /// Its name.
    pub name: String,
    /// When its last piece was written.
    pub written_at: WallTime,
}

/// Where blobs are kept. What was answered survives the process and the machine.
#[async_trait]
pub trait Blobs: Send + Sync + fmt::Debug {
    /// Writes the piece with this number, counted from 0; again, over what was there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is none, [`Error::TooLarge`] past [`PIECE_BYTES_MAX`], or what keeps it from being written.
    async fn write(&self, blob: &str, piece: u32, bytes: Bytes) -> Result<(), Error>;

    /// Reads a piece; none: there is no such piece.
    ///
    /// # Errors
    /// [`Error::Invalid`], or what keeps it from being read.
    async fn read(&self, blob: &str, piece: u32) -> Result<Option<Bytes>, Error>;

    /// Removes a blob with all its pieces, if it is there.
    ///
    /// # Errors
    /// [`Error::Invalid`], or what keeps it from being removed.
    async fn remove(&self, blob: &str) -> Result<(), Error>;

    /// Up to `limit` blobs in the order of their names, from the one after `after`.
    ///
    /// # Errors
    /// What keeps them from being listed.
    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, Error>;

    /// What the place's own clock shows: ages are told by it.
    ///
    /// # Errors
    /// What keeps it from answering.
    async fn now(&self) -> Result<WallTime, Error>;
}

/// Opens the place that `url` names: `folder:PATH` or `postgres://USER@HOST/DATABASE`. Makes what is missing.
///
/// # Errors
/// [`Error::BlobsUrl`], [`Error::Unreachable`], [`Error::SchemaTooNew`], [`Error::Migration`].
pub async fn open_blobs(url: &str) -> Result<Arc<dyn Blobs>, Error> {
    match url.split_once(':').unwrap_or((url, "")) {
        ("folder", path) if !path.is_empty() => Ok(Arc::new(FolderBlobs::open(path.into()).await?)),
        ("postgres" | "postgresql", _) => Ok(Arc::new(PostgresBlobs::connect(url).await?)),
        _ => Err(Error::BlobsUrl(crate::error::shown(url))),
    }
}

/// Names become files' names.
pub(crate) fn check(blob: &str) -> Result<(), Error> {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    if blob.is_empty() || blob.len() > NAME_BYTES_MAX || blob.starts_with('.') || !blob.bytes().all(fine) {
        return Err(Error::Invalid {
            what: "the blob's name",
        });
    }
    Ok(())
}

fn check_piece(blob: &str, bytes: &Bytes) -> Result<(), Error> {
    check(blob)?;
    at_most("the piece's bytes", bytes.len(), PIECE_BYTES_MAX)
}

/// Bytes of a piece at the most. A gateway holds one or two of each transfer; PostgreSQL takes one in some milliseconds.
pub const PIECE_BYTES_MAX: usize = 1 << 20;
/// A player's pseudonym, a title's id and a random part, within what file systems take.
const NAME_BYTES_MAX: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_no_path() {
        assert!(check("p1.free-doom.ab12").is_ok());
        for name in ["", ".", "..", "a/b", "a\0", "A", ".hidden", "é", &"a".repeat(241)] {
            assert!(matches!(check(name), Err(Error::Invalid { .. })), "{name:?}");
        }
    }

    #[tokio::test]
    async fn a_place_that_is_none_is_named_in_the_error() {
        for url in ["", "folder:", "redb:x", "s3://bucket"] {
            assert!(matches!(open_blobs(url).await, Err(Error::BlobsUrl(_))), "{url}");
        }
    }
}
