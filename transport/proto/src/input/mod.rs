//! Input from the player's page to the app: every event once and in order, and no key that sticks.
//!
//! ```text
//! page -> InputSender -> datagrams, with all that is unacknowledged -> InputReceiver -> Injection -> app
//!              ^                                                            |
//!              +------------------------- InputAck -------------------------+
//! ```
//!
//! The layout and the rules are those of `docs/PROTOCOL.md`, section 3. [`InputReceiver`] runs beside the app;
//! [`InputSender`] does what the page does, for tests and probes. Both take time as a parameter and follow the drain rule:
//! after every mutation, poll until nothing comes.

pub(crate) mod bucket;
mod contacts;
mod held;
mod owed;
mod pads;
mod receiver;
mod sender;

pub use receiver::{Cause, Injection, InputReceiver, InputStats, Reason};
pub use sender::{InputSender, InputSenderStats, SendReason};
