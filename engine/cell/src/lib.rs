//! Places players: drives the indexer, the store of leases and the bus to the hosts.
//!
//! ```text
//!              rank (indexer)      acquire (store, durable)    claim with the fence (bus)   confirm (store)
//! Start ─────> candidates ───────> lease + fence ────────────> host: session + ticket ────> Started
//!                 │ none                ▲ next candidate            │ refused, silent
//!                 v                     └───────── release <────────┘
//!              queue: place, estimate ── a slot is free ──> granted
//!
//! checks ──> challenges, records ──> which hosts are taken at all
//! testimonies ──> cases ──> committees ──> records (ranked lower), admissions (refused)
//! beats, reports ──> registry, sessions, round trips        sessions that begin ──> copies that hosts are asked to park
//! ends of sessions ──> accounts (in the store), the host's record ──> registry (its score)
//!                                              expired leases, lost hosts ──> sessions told over
//! ```
//!
//! Invariants: no session is answered whose lease is not confirmed in the store; a step that failed, or whose outcome is unknown,
//! is repeated under the same key or undone by the lease's end, so that a caller who repeats a request gets the same session
//! and a slot is never held for longer than its lease; whatever the store says, the host alone lets a session into a slot.
//!
//! Several cells may work on one store at once. None of them keeps anything that another could not find in the store or ask
//! the hosts for.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod accounts;
mod beats;
mod cases;
mod cell;
mod checks;
mod cordon;
mod error;
mod fault;
mod incoming;
mod inner;
mod lanes;
mod place;
mod pools;
mod reaper;
mod reports;
mod sessions;
mod state;
mod waiting;

pub use accounts::ACCOUNTS_MAX;
pub use cases::Seen;
pub use cell::{Cell, Outcome, Queued, Settings, Start, Started, Timing};
pub use checks::{Checks, Decoder};
pub use error::Error;
pub use fault::{Faults, Step};
pub use firstlight_indexer::{Bounds, Policy, Spec, TitleTerms};
pub use sessions::Session;
pub use state::{HostPage, HostRow, Overview, PoolRow, RegionRow, WaitingRow};
