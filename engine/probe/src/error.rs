//! What can go wrong, in words for whoever typed the command.

use std::io;

/// Why a probe saw nothing, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be read.
    #[error("{url:?} is no address of an engine: {expected}")]
    Url {
        /// As given.
        url: String,
        /// What would be one.
        expected: &'static str,
    },
    /// There are several titles, or the link and the option name two.
    #[error("name a title with --title: {offered}")]
    Title {
        /// What there is.
        offered: String,
    },
    /// The gateway cannot be reached.
    #[error("{url} cannot be reached")]
    Unreachable {
        /// The engine's address.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The gateway said no.
    #[error("the engine refused ({status}): {words}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said.
        words: String,
        /// When to ask again.
        retry_after_s: Option<u32>,
    },
    /// What the gateway said is not what the API describes.
    #[error("the engine's answer is not understood: {what}")]
    Answer {
        /// What is wrong.
        what: String,
    },
    /// The session offers no transport that this probe speaks.
    #[error("the session offers no WebTransport endpoint")]
    NoEndpoint,
    /// The media port cannot be reached.
    #[error("no answer on UDP from {at} within {within_s} s: is the port open?")]
    NoMedia {
        /// Host and port.
        at: String,
        /// How long was waited.
        within_s: u64,
    },
    /// The media port turned the ticket away.
    #[error("the media port {at} did not let the probe in")]
    NotAdmitted {
        /// Host and port.
        at: String,
        /// What the transport says.
        #[source]
        source: web_transport_quinn::ClientError,
    },
    /// A datagram or a message could not be sent.
    #[error("the connection to the session broke")]
    Broken(#[source] io::Error),
    /// The session came to its end before the probe did.
    #[error("the session ended: {words}")]
    Ended {
        /// The host's words.
        words: String,
    },
    /// Attached, but no picture came.
    #[error("no picture came within {within_s} s of attaching")]
    NoPicture {
        /// How long was waited.
        within_s: u64,
    },
    /// Pictures came, and then nothing at all.
    #[error("nothing came for {for_s} s")]
    Silence {
        /// How long.
        for_s: u64,
    },
    /// The decoder is not there.
    #[error("this machine's FFmpeg has no H.264 decoder")]
    NoCodec,
    /// The decoder cannot be opened.
    #[error("the H.264 decoder cannot be opened")]
    Codec(#[source] ffmpeg_next::Error),
    /// A thread or a random number is not to be had.
    #[error("the system refused")]
    System(#[source] io::Error),
}
