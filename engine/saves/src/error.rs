//! What can go wrong.

use firstlight_units::SessionId;
use std::io;
use std::path::PathBuf;

/// Why saves are not kept, brought or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More than is kept.
    #[error("{what}: {given}, at most {most}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much there is.
        given: u64,
        /// How much there may be.
        most: u64,
    },
    /// The gateway says that it is more than is kept.
    #[error("the gateway does not take the saves: {0}")]
    NotTaken(String),
    /// A file changed while it was read.
    #[error("the saves change while they are read")]
    Changing,
    /// An archive holds what no host packs.
    #[error("the archive of saves is damaged: {0}")]
    Archive(&'static str),
    /// An archive is not the one that was promised.
    #[error("the archive of saves is not the one that was promised")]
    Digest,
    /// A file or folder of this machine cannot be used.
    #[error("cannot use {}", .path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Whoever asks does not hold the session, and did not.
    #[error("{0}")]
    NotHolder(&'static str),
    /// The session is not known, or was forgotten.
    #[error("there is no lease of session {0}")]
    UnknownSession(SessionId),
    /// A later session of the same player and title has taken its place.
    #[error("a later session of the player has the saves of this title")]
    Superseded,
    /// There is no such version.
    #[error("there is no such version of the saves")]
    UnknownVersion,
    /// A session of this player and title goes on.
    #[error("a session of this title goes on")]
    InUse,
    /// The record changes faster than it is read.
    #[error("the saves are changed by others at the same time")]
    Busy,
    /// A record cannot be read.
    #[error("the record of saves {0} is damaged")]
    Damaged(String),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] firstlight_fleet::Error),
    /// The gateway did not answer, or not as one.
    #[error("the gateway does not answer: {0}")]
    Away(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl Error {
    /// Whether it may succeed when it is tried again.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Changing | Self::Busy | Self::Away(_) | Self::Digest => true,
            Self::TooLarge { .. }
            | Self::NotTaken(_)
            | Self::Archive(_)
            | Self::Path { .. }
            | Self::NotHolder(_)
            | Self::UnknownSession(_)
            | Self::Superseded
            | Self::UnknownVersion
            | Self::InUse
            | Self::Damaged(_)
            | Self::Random(_) => false,
        }
    }

    pub(crate) fn path(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Path { path, source }
    }
}
