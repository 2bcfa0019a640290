//! Thin tokio driver: WebRTC, answered in the WHEP way.
//!
//! ```text
//! SDP offer -> answer() -> Peer -> connected() -> Link -> the datagrams of docs/PROTOCOL.md, both ways
//!                                                   video, audio -> RTP        (packetize)
//!                                                   everything else -> data channel
//!                                                   transport-wide feedback -> feedback datagrams (feedback)
//! ```
//!
//! To its owner a [`Link`] looks like a WebTransport one: the same sender core cuts, paces and repeats, the same estimator
//! decides how fast. The driver translates its datagrams into RTP, and what the browser says of RTP packets back into
//! feedback on those datagrams. So the interceptor registry is made by hand: it has no pacer and no estimator of its own.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic, and cuts numbers on purpose"
    )
)]

mod addresses;
mod candidates;
mod error;
mod feedback;
#[cfg(feature = "fuzzing")]
mod fuzzing;
mod link;
mod media;
mod packetize;
mod peer;
mod taps;

pub use error::Error;
#[cfg(feature = "fuzzing")]
pub use fuzzing::{fuzz_reports, fuzz_trickle};
pub use link::{CONTROL_BYTES_MAX, ControlReader, ControlWriter, DATAGRAM_BYTES, Link};
pub use peer::{Config, IceServer, OFFER_BYTES_MAX, Peer, Trickle, answer, check};
