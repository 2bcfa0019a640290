//! What can go wrong.

use crate::Force;

/// What can go wrong in choosing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The encoder that was asked for is none that this build knows.
    #[error("there is no encoder '{0}'; this build has {known}", known = crate::catalogue::words())]
    Unknown(String),
    /// The encoder that was asked for does not work here.
    #[error(
        "the encoder that was asked for, {0}, does not work on this machine (firstlight doctor says why)"
    )]
    Absent(Force),
    /// The encoder that was asked for is for another player.
    #[error("the encoder that was asked for, {0}, makes what this player's browser does not decode")]
    Undecodable(Force),
    /// None works.
    #[error("no video encoder works on this machine (firstlight doctor says why)")]
    None,
    /// A backend failed.
    #[error(transparent)]
    Encoder(#[from] firstlight_encoder::Error),
}
