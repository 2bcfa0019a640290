//! Scores sessions and hosts, and keeps evidence that anyone can verify again. Pure: time and samples come in.
//!
//! ```text
//! one second of a stream -> quality::judge -> Judged (score, factors)
//!                                                |
//!                      session::Tally <----------+------> host::Record
//!                      (start, middle, exit)              (routing, standing)
//!                             |
//! attach, wait, end ->  report::Chronicle -> Report (what happened, when, and why it scores as it does) -> trace
//! accounts of a session -> matter::Matter -> case::Case (committees) -> admission::Admission, host::Record
//! challenge, answer, reveal -> challenge::Verdict -> evidence::Record (signed) -> log (Merkle root per epoch)
//! ```
//!
//! Every figure is a whole number and every curve a published table (`docs/QOE.md`), so that whoever computes a score
//! again, on any machine and in any language, gets the same one. Nothing here measures, asks or stores anything.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod accounts;
pub mod admission;
pub mod case;
pub mod challenge;
mod codec;
mod curve;
mod error;
pub mod evidence;
mod hash;
pub mod host;
pub mod matter;
pub mod quality;
pub mod quorum;
pub mod report;
mod score;
pub mod session;
mod tables;

pub use codec::{from_text, to_text};
pub use curve::Curve;
pub use error::Error;
pub use hash::{Digest, secret_of};
pub use score::Score;
