//! What a relay records.

use crate::catalogue::{RELAY_ATTACHED, RELAY_CARRIED, RELAY_DROPPED, RELAY_REFUSED, RELAY_SESSIONS};
use metrics::{counter, gauge};

/// Why a relay does not carry somebody, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayRefused {
    /// No route was shown.
    NoRoute,
    /// The route is forged, void, or leads nowhere.
    Route,
    /// The relay is leaving.
    Draining,
    /// All places are taken.
    Full,
    /// One address or session has too many.
    Crowded,
    /// The host let nobody in with that.
    Host,
    /// The host did not answer.
    Unreachable,
}

impl RelayRefused {
    /// Every label.
    pub const ALL: [Self; 7] = [
        Self::NoRoute,
        Self::Route,
        Self::Draining,
        Self::Full,
        Self::Crowded,
        Self::Host,
        Self::Unreachable,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::Route => "route",
            Self::Draining => "draining",
            Self::Full => "full",
            Self::Crowded => "crowded",
            Self::Host => "host",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How many players are carried.
pub fn relay_sessions(sessions: usize) {
    gauge!(RELAY_SESSIONS.name).set(f64::from(u32::try_from(sessions).unwrap_or(u32::MAX)));
}

/// A player is carried from here on.
pub fn relay_attached() {
    counter!(RELAY_ATTACHED.name).increment(1);
}

/// Somebody is not.
pub fn relay_refused(reason: RelayRefused) {
    counter!(RELAY_REFUSED.name, "reason" => reason.name()).increment(1);
}

/// What went through since the relay began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayTraffic {
    /// Bytes from players.
    pub bytes_up: u64,
    /// Bytes to players.
    pub bytes_down: u64,
    /// Datagrams over a limit, or that one side did not take in time.
    pub dropped: u64,
}

/// Once a second.
pub fn relay_traffic(traffic: RelayTraffic) {
    counter!(RELAY_CARRIED.name, "way" => "up").absolute(traffic.bytes_up);
    counter!(RELAY_CARRIED.name, "way" => "down").absolute(traffic.bytes_down);
    counter!(RELAY_DROPPED.name).absolute(traffic.dropped);
}
