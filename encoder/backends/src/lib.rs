//! Every backend of this build: which there are, what each takes on this machine, and which one a session gets.
//!
//! ```text
//! catalogue ──measure──> Candidate, Candidate, … ──┐
//! player's codecs · line's rate · size · slots ────┴─ choose (pure) ──> an order, and why
//! ```
//!
//! `choose` decides, and knows no backend by name; `catalogue` knows them all, and decides nothing.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod catalogue;
mod choose;
mod error;
mod measure;

pub use catalogue::{Known, all, find, software};
pub use choose::{Candidate, Choice, Codecs, Force, Reason, Wanted, choose, pixels_max};
pub use error::Error;
pub use measure::{Speed, measure};
