//! What is known of a session, for whoever asks.

use firstlight_link::{End, StartTrace, Stats};
use firstlight_units::{SessionId, TitleId};
use std::time::Duration;

/// A session as it stands.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Pseudonym of its player.
    pub player: String,
    /// The title played.
    pub title: TitleId,
    /// It was parked before its player came.
    pub parked: bool,
    /// Its slot.
    pub slot: u32,
    /// The epoch of its lease; 0 until it has one.
    pub epoch: u64,
    /// Where it stands.
    pub state: State,
    /// The UDP port that media is received on.
    pub port: u16,
    /// The UDP port of WebRTC; none where none was free.
    pub rtc_port: Option<u16>,
    /// SHA-256 of each certificate in use, hex; empty until it is ready.
    pub cert_sha256: Vec<String>,
    /// Its public key, for players whose packets are sealed; empty until it is ready.
    pub seal_key: String,
    /// How its player's start went, as the client says; none before its first picture was shown.
    pub start: Option<StartTrace>,
    /// The last second while its player is attached.
    pub stats: Option<Box<Stats>>,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The worker sets it up.
    Starting,
    /// It takes its player's ticket.
    Ready,
    /// It is played.
    Attached,
    /// It is frozen until its player comes back.
    Waiting {
        /// Time left.
        left: Duration,
    },
    /// It is over.
    Ended(Ended),
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub reason: End,
    /// For the operator and the publisher, not for players.
    pub detail: String,
    /// The app's exit code, if it exited.
    pub exit_code: Option<i32>,
    /// Last lines of the app, or of the worker where that was at fault. Not for players.
    pub tail: Vec<String>,
}

/// The reason in words, for the player.
#[must_use]
pub const fn message(reason: End) -> &'static str {
    match reason {
        End::TitleExited => "The game was closed.",
        End::TitleCrashed => "The game stopped unexpectedly.",
        End::ByPlayer => "You ended the session.",
        End::ByOperator => "The session was ended by the operator of this machine.",
        End::EngineStopping => "The engine was stopped.",
        End::EngineFault => "The engine had a fault and could not go on with this session.",
        End::GaveWay => "While you were away, your place was needed for another player.",
        End::NotResumed => "You did not come back in time, so the session was ended.",
    }
}
