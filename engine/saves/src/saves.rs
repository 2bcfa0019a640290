//! What a host asks of its cell.

use crate::Error;
use crate::archive::Packed;
use async_trait::async_trait;
use firstlight_units::SessionId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// A session that this host has, or had, the lease of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The session.
    pub session: SessionId,
    /// Its lease's fence.
    pub fence: u64,
}

/// What is newest of a session's player and title.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest {
    /// Its number; 0: nothing was ever saved.
    pub version: u64,
    /// SHA-256 of its archive, hex; empty: nothing is kept (any more).
    #[serde(default)]
    pub sha256: String,
    /// Bytes of its archive.
    #[serde(default)]
    pub bytes: u64,
    /// Nothing more comes of the session before. Otherwise it ended a moment ago, and its host is about to put its saves away.
    pub settled: bool,
}

/// The way to where saves are kept.
#[async_trait]
pub trait Saves: Send + Sync + fmt::Debug {
    /// What is newest, before the app of the session starts.
    ///
    /// # Errors
    /// [`Error::NotHolder`], [`Error::UnknownSession`], or what keeps it from being known.
    async fn open(&self, held: &Held) -> Result<Newest, Error>;

    /// Brings a version's archive into a file: all of it, and the one that was promised.
    ///
    /// # Errors
    /// As [`Self::open`], [`Error::UnknownVersion`], [`Error::Digest`], [`Error::Path`].
    async fn fetch(&self, held: &Held, newest: &Newest, to: &Path) -> Result<(), Error>;

    /// Puts the archive in a file into the place of what is newest; returns its version. `last`: nothing more comes of the session.
    ///
    /// # Errors
    /// As [`Self::open`], [`Error::Superseded`], [`Error::TooLarge`].
    async fn store(&self, held: &Held, archive: &Path, packed: &Packed, last: bool) -> Result<u64, Error>;

    /// Nothing more comes of the session.
    ///
    /// # Errors
    /// As [`Self::open`].
    async fn close(&self, held: &Held) -> Result<(), Error>;
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Of a request, in which a host says what it wants: `firstlight_fleet::messages::SaveAsk`.
pub const HEADER: &str = "firstlight-save";
