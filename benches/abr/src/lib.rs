//! Transport bench: our sender and receiver beside other algorithms, over simulated paths, with one encoder model for all.
//!
//! ```text
//! Source (encoder model) -> Flow (host) -> Path (netem, trace) -> Flow (player) -> Source::on_decoded -> metrics
//!                              ^------------- feedback ---------------+
//! ```
//!
//! Everything follows from the seed; nothing here reads a clock.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod algorithms;
pub mod bulk;
pub mod cases;
pub mod control;
pub mod encoder;
pub mod flow;
pub mod made;
pub mod metrics;
pub mod path;
pub mod plot;
pub mod report;
pub mod rtp;
pub mod scenarios;
pub mod source;
pub mod summary;
pub mod world;
