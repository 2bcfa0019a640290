//! Carries a player's packets on between his connection and his host.
//!
//! ```text
//! player --(WebSocket | WebTransport)--> bridge --WebTransport--> host
//!                          Outbox <--------+ Gate
//! ```
//!
//! Invariants: it looks at nothing but the first byte of a datagram and the length of a control message; what the player's
//! side does not take in time is dropped, oldest first, and never kept for later: the host hears of it as loss.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod frame;
mod gate;
mod outbox;
mod quic;
mod upgrade;
mod websocket;

pub use frame::{Frame, Malformed};
pub use gate::{Gate, Open, Way};
pub use outbox::{Dropped, Outbox, Outgoing};
pub use quic::carry_quic;
pub use upgrade::{NotAnUpgrade, switch};
pub use websocket::{WebSocket, carry_websocket, keep_short};

use std::sync::atomic::{AtomicU64, Ordering};

/// What went through, of all bridges that share it.
#[derive(Debug, Default)]
pub struct Counters {
    /// Datagrams taken on to players.
    pub to_players: AtomicU64,
    /// Their bytes.
    pub bytes_to_players: AtomicU64,
    /// Datagrams taken on to hosts.
    pub to_hosts: AtomicU64,
    /// Their bytes.
    pub bytes_to_hosts: AtomicU64,
    /// Datagrams dropped because the other side took none in time, or over a limit.
    pub dropped: AtomicU64,
}

impl Counters {
    fn count(count: &AtomicU64, bytes: &AtomicU64, size: usize) {
        count.fetch_add(1, Ordering::Relaxed);
        bytes.fetch_add(u64::try_from(size).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}
