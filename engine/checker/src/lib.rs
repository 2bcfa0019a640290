//! Scores sessions and hosts, and keeps evidence that anyone can verify again. Pure: time and samples come in.
//!
//! ```text
//! one second of a stream -> quality::judge -> Judged (score, factors)
//!                                                |
//!                      session::Tally <----------+------> host::Record
//!                      (start, middle, exit)              (routing, standing)
//!                             |
//! attach, wait, end ->  report::Chronicle -> Report (what happened, when, and why it scores as it does) -> trace
//! challenge, answers, rule -> evidence::Verdict -> signed record -> log (Merkle root per epoch)
//! ```
//!
//! Every figure is a whole number and every curve a published table (`docs/QOE.md`), so that whoever computes a score
//! again, on any machine and in any language, gets the same one. Nothing here measures, asks or stores anything.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod curve;
pub mod host;
pub mod quality;
pub mod report;
mod score;
pub mod session;
mod tables;

pub use curve::Curve;
pub use score::Score;
