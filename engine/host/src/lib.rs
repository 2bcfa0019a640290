//! Supervises workers and slots.
//!
//! ```text
//! Request -> admission -> slot, port, epoch -> worker process (one per session) -> Placed
//!                ^                                 | reports      ^ orders
//!       cores, memory, who waits                   v              |
//!                                            table of sessions  <- gateway
//! ```
//!
//! Invariants: a slot has one live session, and its epoch is on disk before a worker hears of it; a worker that died, whatever
//! way, has nothing left on this machine when its session counts as gone; how a session ended can be read for an hour.
//!
//! What the host does not do: it knows no HTTP, and it never touches a picture.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod account;
mod admission;
pub mod agent;
mod config;
mod entry;
mod error;
mod folders;
mod host;
mod leases;
mod lines;
mod load;
mod park;
mod pool;
mod ports;
mod saves;
mod session;
mod start;
mod supervise;
mod table;
mod telemetry;
mod worker;

pub use admission::Cost;
pub use config::{Config, ConfigBuilder};
pub use error::Error;
pub use host::{Capacity, Grant, Host, Placed, Request};
pub use load::machine_size;
pub use pool::Warm;
pub use session::{Ended, Session, State, message};
