//! Sans-IO send and receive: packetizer, pacer, estimator, loss recovery, feedback.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod clock;
pub mod input;
