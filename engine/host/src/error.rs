//! What can go wrong.

use firstlight_link::End;
use firstlight_units::SessionId;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Why the host refuses or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Cores, memory or slots are used up, and nobody waits who could give way.
    #[error("every slot is taken")]
    Full,
    /// The player has as many sessions as one player may have.
    #[error("one player may have {0} sessions at a time")]
    TooMany(u32),
    /// The engine ends its sessions and takes no new ones.
    #[error("the engine is stopping")]
    Stopping,
    /// The slot had a lease with this fence or a higher one.
    #[error("fence {given} of slot {slot} is not higher than {last}, its last")]
    StaleFence {
        /// Which slot.
        slot: u32,
        /// The lease's.
        given: u64,
        /// The highest that was seen.
        last: u64,
    },
    /// A live session is in the slot that a lease names.
    #[error("slot {0} is taken")]
    SlotTaken(u32),
    /// Never heard of, forgotten, or over where a live one is needed.
    #[error("there is no session {0}")]
    UnknownSession(SessionId),
    /// It does not give way: its player is there, or may be back in a moment.
    #[error("session {0} does not give way")]
    Stays(SessionId),
    /// A worker did not answer an offer in time.
    #[error("the session did not answer")]
    NoAnswer,
    /// The session ended before its player could attach.
    #[error("the session ended before it was ready: {detail}")]
    Stillborn {
        /// How it ended.
        reason: End,
        /// For the operator.
        detail: String,
    },
    /// A parked copy did not become this session; another way is gone then, so that no caller sees it.
    #[error("a parked copy failed as session {0}")]
    Claim(SessionId),
    /// The worker's program could not be started.
    #[error("the worker could not be started")]
    Spawn(#[source] io::Error),
    /// Every media port is in use.
    #[error("no UDP port from {} to {} is free; name more with --media-ports", .0.start(), .0.end())]
    NoPort(RangeInclusive<u16>),
    /// A folder or file of the host cannot be used.
    #[error("cannot use {}", .path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another engine works in this data folder.
    #[error("another engine uses the data folder {}; give this one its own with --data", .0.display())]
    InUse(PathBuf),
    /// The file of lease epochs is damaged.
    #[error("{} is damaged ({why}); move it away and start again", .path.display())]
    Leases {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The host's key cannot be used.
    #[error("the host's key cannot be used")]
    Key(#[source] firstlight_fleet::Error),
    /// A setting is out of its range.
    #[error("{0}")]
    Config(&'static str),
    /// No ticket could be signed.
    #[error("no ticket could be signed")]
    Ticket(#[source] firstlight_ticket::Error),
    /// What the player has saved cannot be brought. It stays where it is, and nothing was started without it.
    #[error("the player's saves cannot be brought: {0}")]
    Saves(#[source] firstlight_saves::Error),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl Error {
    pub(crate) fn path(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Path { path, source }
    }
}
