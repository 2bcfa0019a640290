//! What can go wrong.

use std::io;

/// Why something cannot be proven here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The host's end of a pipe is gone.
    #[error("the host does not listen")]
    Pipe(#[source] io::Error),
    /// What was asked makes no sense.
    #[error("the challenge makes no sense: {0}")]
    Challenge(firstlight_checker::Error),
    /// There is not so much memory.
    #[error("there are no {0} MiB of memory")]
    Memory(u32),
    /// The file could not be written or read.
    #[error("the disk fails: {0}")]
    Disk(#[source] io::Error),
    /// The encoder refuses or fails.
    #[error("the encoder fails: {0}")]
    Encoder(#[from] firstlight_encoder::Error),
    /// The bitstream is larger than an answer may be.
    #[error("a bitstream of {0} bytes is more than an answer holds")]
    Bitstream(usize),
}
