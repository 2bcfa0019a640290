//! What hosts record of players' saves.

use crate::catalogue::{SAVES_BROUGHT, SAVES_BROUGHT_SECONDS, SAVES_PUT};
use metrics::{counter, histogram};

/// How a session that starts came to what its player has saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveBrought {
    /// It was on this machine, or nothing was ever saved.
    Here,
    /// It came from the cell.
    Fetched,
    /// Its player has removed it.
    Nothing,
    /// It could not be brought, and the session was not started.
    Failed,
}

/// What became of what a session saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavePut {
    /// The cell has it.
    Stored,
    /// The cell had it.
    Unchanged,
    /// A later session of the player has taken its place.
    Superseded,
    /// It is more than is kept.
    TooLarge,
    /// It could not be put away, for the moment or for good.
    Failed,
}

impl SaveBrought {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Here, Self::Fetched, Self::Nothing, Self::Failed];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Fetched => "fetched",
            Self::Nothing => "nothing",
            Self::Failed => "failed",
        }
    }
}

impl SavePut {
    /// Every outcome.
    pub const ALL: [Self; 5] = [
        Self::Stored,
        Self::Unchanged,
        Self::Superseded,
        Self::TooLarge,
        Self::Failed,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
            Self::TooLarge => "too_large",
            Self::Failed => "failed",
        }
    }
}

/// A session of a title that keeps saves starts with them after so long.
pub fn saves_brought(how: SaveBrought, seconds: f64) {
    counter!(SAVES_BROUGHT.name, "how" => how.name()).increment(1);
    histogram!(SAVES_BROUGHT_SECONDS.name).record(seconds);
}

/// What a session saved was put away, or not.
pub fn saves_put(outcome: SavePut) {
    counter!(SAVES_PUT.name, "outcome" => outcome.name()).increment(1);
}
