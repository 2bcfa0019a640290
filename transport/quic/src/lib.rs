//! Thin tokio driver: WebTransport on quinn.
//!
//! ```text
//! UDP sockets -> [Listener] -> Attempt (path, origin) -> accept -> Link -> datagrams, one control stream
//!                    ^ Identity (certificates, renewed while running)
//! ```
//!
//! It moves bytes and decides nothing: who may attach, what is sent and how fast is the caller's. quinn's own congestion
//! window and pacer are opened wide (see `window.rs`), since the rate is ruled by `firstlight-proto` above it.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod alarm;
mod dial;
mod error;
mod ffi;
mod identity;
mod link;
mod listener;
mod peek;
mod trust;
mod window;

pub use alarm::Alarm;
pub use dial::Dial;
pub use error::Error;
pub use identity::{BACKDATED, Certificates, Fingerprint, Identity, RENEW_AFTER, VALIDITY};
pub use link::{CONTROL_BYTES_MAX, CloseCode, ControlReader, ControlWriter, Link};
pub use listener::{Attempt, Listener, Refusal, transport};
pub use peek::{Shown, peek};
