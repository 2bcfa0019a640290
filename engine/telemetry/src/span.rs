//! The spans that log lines are in: they carry identity, events carry facts.
//!
//! `session{session_id}` > `capture | encode | transport | input`, and `request{route}` in the gateway.

use tracing::{Span, debug_span, info_span};

/// Everything about one session.
#[must_use]
pub fn session(session_id: &str) -> Span {
    info_span!("session", session_id)
}

/// Taking pictures from the display.
#[must_use]
pub fn capture() -> Span {
    debug_span!("capture")
}

/// Making access units.
#[must_use]
pub fn encode() -> Span {
    debug_span!("encode")
}

/// Datagrams and streams to and from the player.
#[must_use]
pub fn transport() -> Span {
    debug_span!("transport")
}

/// The player's keys and pointer.
#[must_use]
pub fn input() -> Span {
    debug_span!("input")
}

/// One HTTP request; `route` is the pattern that matched, never the path, which may hold an id.
#[must_use]
pub fn request(route: &str) -> Span {
    debug_span!("request", route)
}
