//! Small documents that all indexers of a cell share: enrolled hosts, join tokens, who waits.

use crate::Error;
use crate::lease::{at_most, plain};
use async_trait::async_trait;
use std::fmt;

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name within its bucket.
    pub key: String,
    /// Another one after each change; never used twice for a key that exists.
    pub revision: u64,
    /// The content; JSON, by custom.
    pub body: String,
}

/// What must be there for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever.
    Any,
    /// Nothing.
    Absent,
    /// This revision.
    Revision(u64),
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// It was made; the record has this revision.
    Done(u64),
    /// Something else was there: this revision, or nothing.
    Conflict(Option<u64>),
}

/// Documents with compare-and-swap.
#[async_trait]
pub trait Records: Send + Sync + fmt::Debug {
    /// A document.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Record>, Error>;

    /// Up to `limit` documents of a bucket in the order of their keys, from the one after `after`.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn list(&self, bucket: &str, after: Option<&str>, limit: usize) -> Result<Vec<Record>, Error>;

    /// Writes a document if `expect` holds.
    ///
    /// # Errors
    /// Values out of range, or what keeps the store from answering.
    async fn put(&self, bucket: &str, key: &str, expect: Expect, body: String) -> Result<Swapped, Error>;

    /// Removes a document if `expect` holds. [`Swapped::Done`] carries the revision that was removed, 0 if there was none.
    ///
    /// # Errors
    /// What keeps the store from answering.
    async fn remove(&self, bucket: &str, key: &str, expect: Expect) -> Result<Swapped, Error>;
}

impl Expect {
    pub(crate) fn holds(self, there: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => there.is_none(),
            Self::Revision(revision) => there == Some(revision),
        }
    }
}

pub(crate) fn check(bucket: &str, key: &str, body: &str) -> Result<(), Error> {
    at_most("the bucket's bytes", bucket.len(), 64)?;
    at_most("the record's key's bytes", key.len(), 256)?;
    at_most("the record's bytes", body.len(), BODY_BYTES_MAX)?;
    plain("the bucket", bucket)?;
    plain("the record's key", key)?;
    if body.contains('\0') {
        return Err(Error::Invalid { what: "the record" });
    }
    Ok(())
}

const BODY_BYTES_MAX: usize = 64 * 1024;
