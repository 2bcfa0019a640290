//! Sans-IO send and receive: packetizer, pacer, estimator, loss recovery, feedback.

pub mod input;
