//! Byte layouts: parse and serialize, nothing else.
//!
//! ```text
//! datagram -> Kind::of -> MediaHeader | Input | InputAck | Feedback | ClockRequest | ClockReply
//! media payload -> VideoTrace, AudioUnit          control stream -> FrameDecoder -> control::{ClientMessage, ServerMessage}
//! ```
//!
//! The layouts are those of `docs/PROTOCOL.md`. Parsers borrow, never allocate and never panic; a peer's bytes are either
//! understood or an [`Error`]. Counters stay the 32 bits they are on the wire: cores restore them.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic, and cuts numbers on purpose"
    )
)]

mod clock;
mod error;
mod feedback;
mod frame;
mod input;
mod kind;
mod media;
mod pad;
mod reader;
mod text;
mod touch;
mod unit;

pub use clock::{ClockReply, ClockRequest};
pub use error::Error;
pub use feedback::{
    Arrivals, FEEDBACK_NACKS_MAX, FEEDBACK_PACKETS_MAX, Feedback, FeedbackFlags, Nack, Nacks, WriteFeedback,
};
pub use frame::{FRAME_BYTES_MAX, FrameDecoder, write_frame};
pub use input::{
    Event, EventKind, Events, INPUT_BYTES_MAX, INPUT_EVENTS_MAX, INPUT_PRESSED_MAX, Input, InputAck,
    WriteInput,
};
pub use kind::{Kind, VERSION};
pub use media::{
    FRAGMENTS_MAX, Flags, MEDIA_HEADER_BYTES, MediaHeader, PARITY_DATA_MAX, PARITY_MAX, PARITY_PREFIX_BYTES,
    Parity, Track,
};
pub use pad::{PAD_BYTES, PADS_MAX, Pad};
pub use text::{TEXT_BYTES_MAX, Text};
pub use touch::{CONTACTS_MAX, Phase, Touch};
pub use unit::{AudioUnit, TRACE_BYTES, VideoTrace, split_video_unit};

/// The control messages, generated from `proto/control.proto`.
#[expect(missing_docs, reason = "generated; the .proto file documents the messages")]
pub mod control {
    include!(concat!(env!("OUT_DIR"), "/firstlight.control.v1.rs"));
}
