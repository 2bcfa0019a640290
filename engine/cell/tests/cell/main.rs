//! Cells, hosts and a store in one process and in simulated time.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod bus;
mod cases;
mod checks;
mod cordons;
mod histories;
mod host;
mod learning;
mod proves;
mod random;
mod steps;
mod world;
