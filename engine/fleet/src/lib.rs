//! What the indexers of a cell share: who holds which slot, what happened, and a bus to the hosts.
//!
//! ```text
//! cell ──acquire, confirm, renew, release──> LeaseStore ─┐
//!      <──read(cursor)──────────────────── EventLog    ├─ one Store: memory | redb:PATH | postgres://…
//!      ──get, put (compare and swap)────── Records     ─┘
//! saves ──pieces──> Blobs         folder:PATH | postgres://…
//!      ──ask──> Bus ──> host          local | nats://…
//!      <──beats, reports (Signed)──
//! ```
//!
//! Invariants: a slot has at most one lease that is not over, and its fences only rise; a lease and the event that tells of it
//! are written together or not at all; what was acknowledged survives the process and the machine. The clock is the store's:
//! no caller's clock decides whether a lease is over.
//!
//! What this room does not do: it places nobody, and it does not trust the bus. The last word on a slot is its host's.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod blobs;
mod bus;
mod clock;
mod error;
mod event;
mod identity;
mod lease;
pub mod messages;
mod record;
mod roster;
mod serde_text;
mod state;
mod store;

pub use blobs::{BlobEntry, Blobs, FolderBlobs, PIECE_BYTES_MAX, PostgresBlobs, open_blobs};
pub use bus::{BODY_BYTES_MAX, Bus, LocalBus, Message, NatsBus, Subject, Subscription, open_bus};
pub use clock::Clock;
pub use error::{BusError, Error, shown, without_login};
pub use event::{Cursor, Event, EventLog, LeaseChange, NewEvent, TOPIC_LEASE};
pub use identity::{Key, PublicKey};
pub use lease::{Acquire, Acquired, Cause, Lease, LeaseState, LeaseStore, Renewal, Renewed, SlotRef};
pub use record::{Expect, Record, Records, Swapped};
pub use roster::{JoinError, Member, Roster};
pub use store::{Embedded, Postgres, Store, open};
