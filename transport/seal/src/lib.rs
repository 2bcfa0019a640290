//! Seals packets between a player and his host, so that nobody between reads or changes them.
//!
//! ```text
//! Keypair (host) + player's public key -> ECDH -+-> HKDF -> Seal: datagrams and control messages, each way a key of its own
//!                                  AttachmentId -+
//! ```
//!
//! Invariants: a nonce is a counter that never repeats under a key, and an attachment has keys that no other one has; what was
//! opened once is never opened again; what does not open changes nothing. Layout: docs/PROTOCOL.md, section 8.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod keys;
mod seal;
mod window;

pub use keys::{AttachmentId, Keypair, PublicKey};
pub use seal::{DATAGRAM_OVERHEAD_BYTES, Seal, Side};

/// Why something is not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system has no random numbers.
    #[error("the system gives no random bytes")]
    Random,
    /// Not a point on P-256 in uncompressed form, in base64url.
    #[error("not a public key")]
    Key,
    /// Not 16 bytes in base64url.
    #[error("not an attachment's id")]
    Attachment,
    /// A control message before it did not come.
    #[error("a message was left out")]
    Missing,
    /// Shorter than anything sealed, or not sealed at all.
    #[error("not sealed")]
    NotSealed,
    /// It was changed, or sealed with another key.
    #[error("not what was sealed")]
    Forged,
    /// It was opened before, or is too old to tell.
    #[error("opened before")]
    Replayed,
    /// A key has been used as often as it may be.
    #[error("the key is used up")]
    UsedUp,
}
