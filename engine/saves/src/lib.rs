//! What players have saved: packed by the host that they played on, kept by the cell, brought to the host that they play on next.
//!
//! ```text
//! host, session over, waiting, or quiet for a moment:
//!     home ──pack──> archive (tar, gzip, SHA-256) ──store──> Keeper ──pieces──> Blobs
//!                                                             └─────newest is──> Records (compare and swap)
//! next host, before the app starts:
//!     open ──> which version is newest ──fetch──> archive ──unpack──> home       nothing, where it is the one that is here
//! ```
//!
//! Invariants: the record is swapped once an archive is there as a whole, so that what is newest can always be read; a session
//! whose place a later one of the same player has taken changes nothing any more; the last few sessions' saves are kept; what is
//! unpacked is files and folders, within bounds, in a folder that was empty.
//!
//! Who may: a host, for a session whose lease it has or had ([`Held`]), with a signature of its own; the player and the operator,
//! through the gateway. The order of a player's sessions is that of their leases in the store: no clock of a host counts.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod archive;
mod error;
mod far;
mod keeper;
mod near;
mod order;
mod saves;
mod shelf;

pub use error::Error;
pub use far::Far;
pub use keeper::{Keeper, Limits, Reading, Writing};
pub use near::Near;
pub use saves::{HEADER, Held, Newest, Saves};
pub use shelf::{Kept, Shelf};
