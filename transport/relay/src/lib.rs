//! Carries players to hosts that they do not reach by themselves.
//!
//! ```text
//! player --(WebTransport | WebSocket over TLS)--> Relay --WebTransport--> the host that the route names
//!            ?route=TOKEN&ticket=...               | places, rate, silence
//!                                                  v
//!                                              telemetry
//! ```
//!
//! Invariants: it goes nowhere but where a route signed by one of its gateways leads; it holds no key with which anything that
//! passes could be opened, for hosts take nothing over a relay that is not sealed to the player; what does not fit is dropped,
//! and never kept for later. It knows no player: it counts by address and session while they are there, and forgets.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod admit;
mod config;
mod error;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod places;
mod rate;
mod relay;
mod web;

pub use config::Config;
pub use error::{Error, Refused};
#[cfg(feature = "fuzzing")]
pub use fuzzing::fuzz_query;
pub use relay::Relay;

/// Where a relay is asked to carry somebody (docs/PROTOCOL.md, section 9).
pub const PATH: &str = "/v1/relay";
