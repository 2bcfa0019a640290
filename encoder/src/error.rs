//! What can go wrong.

use firstlight_units::{Bitrate, FrameId};

/// What can go wrong in this crate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A side of the picture is out of range.
    #[error("a picture of {width}x{height} cannot be encoded: each side must be 16 to 4096 pixels")]
    Size {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// The frame rate is out of range.
    #[error("{0} frames a second cannot be encoded: it must be 1 to 240")]
    Fps(u16),
    /// The bitrate is out of range.
    #[error("a bitrate of {0} cannot be held: it must be 0.1 to 200 Mbit/s")]
    Bitrate(Bitrate),
    /// Too many threads, or none.
    #[error("an encoder of {0} threads cannot be opened: it must be 1 to 16")]
    Threads(u8),
    /// Too many slices, or none.
    #[error("{0} slices cannot be made: it must be 1 to 16, and each at least one row of blocks")]
    Slices(u8),
    /// The picture's bytes do not cover its size.
    #[error("a picture of {bytes} bytes, {stride} a row, does not cover {width}x{height}")]
    Picture {
        /// Bytes given.
        bytes: usize,
        /// Bytes a row.
        stride: usize,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// There is nothing to encode before the first picture was loaded.
    #[error("no picture was loaded before the first encode")]
    NoPicture,
    /// Frame ids must rise.
    #[error("frame {frame} does not come after frame {newest}")]
    Order {
        /// The id given.
        frame: FrameId,
        /// The newest encoded.
        newest: FrameId,
    },
    /// This build has no backend.
    #[error("this build has no video encoder: it was built without the feature `x264`")]
    NoBackend,
    /// A backend cannot be opened here; in its own words.
    #[error("{backend} cannot be opened: {words}")]
    Unavailable {
        /// Which.
        backend: &'static str,
        /// Why.
        words: String,
    },
    /// A backend that was open failed; in its own words.
    #[error("{backend} failed: {words}")]
    Failed {
        /// Which.
        backend: &'static str,
        /// Why.
        words: String,
    },
    /// The library refused to open an encoder.
    #[error("libx264 refused to open an encoder of {width}x{height}")]
    Open {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// The library failed at one picture.
    #[error("the encoder failed at frame {0}")]
    Encode(FrameId),
    /// The library kept a picture back, or gave a NAL unit that is none.
    #[error("the encoder broke its contract: {0}")]
    Contract(&'static str),
    /// The library refused new settings.
    #[error("the encoder refused the bitrate {0}")]
    Reconfigure(Bitrate),
    /// The SPS could not be read.
    #[error("the stream's SPS cannot be read: {0}")]
    Sps(&'static str),
}
