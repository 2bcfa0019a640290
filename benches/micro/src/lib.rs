//! Micro benches of the hot path: what each call of the cores takes, in time and in allocations.
//!
//! ```text
//! access units -> Sender -> (a line without hardware) -> Receiver -> access units
//!                    ^------------- feedback ---------------'      each call through a Meter
//! keys -> InputSender -> InputReceiver -> injections, acknowledgements
//! ```
//!
//! Time is simulated, so that the same calls are made in the same order on any machine; only how long they take is measured.
//! Whoever counts allocations installs [`Counting`] as the global allocator.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod ffi;
mod input;
mod media;
mod meter;

pub use ffi::{Counting, allocations};
pub use input::play_input;
pub use media::{Line, play_media};
pub use meter::{Meter, Op, Taken};
