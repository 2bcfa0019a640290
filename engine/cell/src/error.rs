//! What can go wrong.

use firstlight_fleet::messages::AskError;
use firstlight_units::{SessionId, TitleId};

/// Why a cell refuses or fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No host is there that could ever run it.
    #[error("no host has title {0}, or could fetch it")]
    Nowhere(TitleId),
    /// Every slot is taken, and as many wait as may wait.
    #[error("every slot is taken, and too many wait")]
    Full,
    /// The player has as many sessions as one player may have, or waits for as many.
    #[error("one player may have {0} sessions at a time")]
    TooMany(u32),
    /// The cell, or the host, takes no new sessions.
    #[error("the engine is stopping")]
    Stopping,
    /// Its store or its bus does not answer.
    #[error("the cell is without its store or its bus")]
    Away,
    /// Never heard of, forgotten, or over where a live one is needed.
    #[error("there is no session {0}")]
    UnknownSession(SessionId),
    /// Nobody with this name waits.
    #[error("nobody waits under this name")]
    UnknownEntry,
    /// There is no such host.
    #[error("there is no such host")]
    UnknownHost,
    /// The session or its host did not answer in time.
    #[error("the session did not answer")]
    NoAnswer,
    /// Every host that was asked failed to start it.
    #[error("the session ended before it was ready: {0}")]
    Stillborn(String),
    /// What the player has saved could be brought to none of the hosts that were asked.
    #[error("the player's saves cannot be brought: {0}")]
    Saves(String),
    /// An idempotency key was used for another title.
    #[error("this key was used to start another title")]
    KeyReused,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] firstlight_fleet::Error),
    /// A host could not be asked.
    #[error("a host could not be asked")]
    Ask(#[source] AskError),
    /// The bus failed.
    #[error("the bus failed")]
    Bus(#[from] firstlight_fleet::BusError),
    /// Evidence cannot be judged or read.
    #[error("evidence cannot be judged")]
    Check(#[source] firstlight_checker::Error),
    /// A case cannot be gone on with.
    #[error("a case cannot be gone on with")]
    Case(#[source] firstlight_checker::case::CaseError),
    /// A testimony is of nobody whom an operator has let testify, or is not signed by whom it names.
    #[error("the testimony is not of a checker that may testify here")]
    UnknownWitness,
    /// Another cell has taken a check over.
    #[error("another cell has taken the check over")]
    Overtaken,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl From<firstlight_fleet::Error> for Error {
    fn from(error: firstlight_fleet::Error) -> Self {
        if matches!(error, firstlight_fleet::Error::KeyReused) {
            Self::KeyReused
        } else {
            Self::Store(error)
        }
    }
}
