//! Signed, single-use tickets, and routes through relays: issue and verify.
//!
//! ```text
//! gateway: Issuer (private key) -- token, within LIFE --> player --> worker: Verifier (public key, one session)
//! ```
//!
//! A ticket is a PASETO `v4.public` token (Ed25519). Whoever holds one may attach one player to one session, once:
//! - it names the player, the session and the lease epoch, and is refused anywhere else;
//! - the signature is checked before anything in it is looked at, over bytes with one spelling only;
//! - a [`Verifier`] remembers what was used until it has expired anyway, and forgets nothing sooner.
//!
//! Time is a parameter. Nothing here prints a key or a token: the caller must not either.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod claims;
mod error;
mod issue;
mod route;
mod verify;

pub use claims::Claims;
pub use error::Error;
pub use issue::Issuer;
pub use route::{ROUTE_BYTES_MAX, ROUTE_LIFE, Route, RouteKey};
pub use verify::Verifier;

use firstlight_units::Micros;

/// How long a ticket lives: enough to redeem it over a slow first connection, too short to be passed around.
pub const LIFE: Micros = Micros::from_secs(60);

#[cfg(test)]
mod tests;
