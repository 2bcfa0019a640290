//! Sans-IO link emulator: rate, delay, jitter, bursty loss, duplication, reordering, queue, L4S marks, outages, trace replay.
//!
//! ```text
//! send -> [outage?] -> drop-tail queue -> [mark?] -> bottleneck (Schedule) -> [loss?] -> delay + jitter -> poll
//! ```
//!
//! A [`Link`] is one direction; a path is two of them. Everything follows from the seed and the calls: the same calls give the
//! same packets at the same microsecond on every machine. It reads no clock and refuses to guess one: `now` is the caller's.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod config;
mod error;
mod link;
mod random;
mod schedule;
mod trace;

pub use config::{Bursts, Config, Outage, Queue, Ramp};
pub use error::Error;
pub use link::{Fate, Link, Packet, Stats};
pub use random::{Chance, Random};
pub use schedule::{Schedule, Step};
pub use trace::{Row, Trace, TraceError};
