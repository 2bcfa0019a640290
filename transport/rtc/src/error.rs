//! What can go wrong in the driver.

/// A failure of the WebRTC driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The offer cannot be answered; the text says why, in words for whoever wrote the client.
    #[error("{0}")]
    Offer(String),
    /// A candidate cannot be read.
    #[error("{0}")]
    Candidate(String),
    /// The WebRTC library refused something that should work.
    #[error("cannot {what}: {source}")]
    Rtc {
        /// What was to be done.
        what: &'static str,
        /// What it said.
        source: webrtc::error::Error,
    },
    /// No address of this machine can be offered.
    #[error("there is no address to receive media on")]
    NoAddress,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(getrandom::Error),
    /// No way to the player was found, or it took too long.
    #[error("no path to the player was found")]
    NoPath,
    /// The connection is over.
    #[error("the connection is closed")]
    Closed,
    /// The datagram is larger than the path takes.
    #[error("a datagram of {size} bytes does not fit the path ({most})")]
    TooLarge {
        /// Bytes of the datagram.
        size: usize,
        /// Most bytes the path takes.
        most: usize,
    },
    /// Too much waits to be sent; nothing was queued.
    #[error("the send queue is full")]
    Full,
    /// A control message is too long.
    #[error("a control message of {size} bytes is over the limit of {most}")]
    ControlTooLong {
        /// Its bytes.
        size: usize,
        /// The limit.
        most: usize,
    },
}

impl Error {
    pub(crate) fn rtc(what: &'static str) -> impl FnOnce(webrtc::error::Error) -> Self {
        move |source| Self::Rtc { what, source }
    }
}
