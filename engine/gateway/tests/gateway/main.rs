//! The gateway over a host with stand-in workers: what is answered, to whom, and how.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod hosts;
mod reports;
mod rig;
mod saves;
mod sessions;
mod testify;
mod whep;
