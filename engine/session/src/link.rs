//! A player's link, whatever transport it came over.
//!
//! Every transport carries the same three things: datagrams both ways (docs/PROTOCOL.md), one reliable stream of control
//! messages, and an end with a code. What differs is hidden here; the worker never asks which it is, save for statistics.

use crate::sealing::Sealing;
use bytes::{Bytes, BytesMut};
use firstlight_link::Transport;
use firstlight_quic::{CloseCode, Error as QuicError};
use firstlight_rtc::Error as RtcError;
use firstlight_seal::DATAGRAM_OVERHEAD_BYTES;
use std::net::SocketAddr;
use std::sync::Arc;

/// An attached client. Clones share the connection.
#[derive(Clone, Debug)]
pub(crate) enum Link {
    /// WebTransport straight from the player.
    Quic(firstlight_quic::Link),
    /// WebTransport of which everything is sealed to the player, whoever carries it.
    Sealed(firstlight_quic::Link, Arc<Sealing>, Transport),
    /// WebRTC.
    Rtc(firstlight_rtc::Link),
}

/// Why a link did not do what it was told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The datagram is larger than the path takes.
    #[error("a datagram does not fit the path")]
    TooLarge,
    /// A control message is over the limit, or is not what the player sealed: the peer broke the protocol.
    #[error("{0}")]
    Violation(String),
    /// The client gave it up, and may attach anew in a moment.
    #[error("the client gave the link up")]
    Cut,
    /// Anything else: this datagram or message is lost, and the link perhaps with it.
    #[error("the link failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<QuicError> for LinkError {
    fn from(error: QuicError) -> Self {
        if matches!(error, QuicError::TooLarge { .. }) {
            Self::TooLarge
        } else if matches!(error, QuicError::ControlTooLong { .. }) {
            Self::Violation(error.to_string())
        } else if error
            .closed_with()
            .is_some_and(|(code, _)| code == CloseCode::Cut as u32)
        {
            Self::Cut
        } else {
            Self::Failed(Box::new(error))
        }
    }
}

impl From<RtcError> for LinkError {
    fn from(error: RtcError) -> Self {
        if matches!(error, RtcError::TooLarge { .. }) {
            Self::TooLarge
        } else if matches!(error, RtcError::ControlTooLong { .. }) {
            Self::Violation(error.to_string())
        } else {
            Self::Failed(Box::new(error))
        }
    }
}

impl From<firstlight_seal::Error> for LinkError {
    fn from(error: firstlight_seal::Error) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl Link {
    /// What it is called in statistics.
    pub(crate) const fn transport(&self) -> Transport {
        match self {
            Self::Quic(_) => Transport::WebTransport,
            Self::Sealed(_, _, transport) => *transport,
            Self::Rtc(_) => Transport::WebRtc,
        }
    }

    /// Whether the browser's own WebRTC is at the other end.
    pub(crate) const fn is_rtc(&self) -> bool {
        matches!(self, Self::Rtc(_))
    }

    /// Queues a datagram.
    pub(crate) fn send(&self, datagram: Bytes) -> Result<(), LinkError> {
        match self {
            Self::Quic(link) => Ok(link.send(datagram)?),
            Self::Sealed(link, sealing, _) => {
                sealing.sealed(&datagram, |sealed| Ok(link.send(Bytes::copy_from_slice(sealed))?))
            }
            Self::Rtc(link) => Ok(link.send(datagram)?),
        }
    }

    /// Queues a datagram that is copied into `memory`, a part of which is kept until it was sent.
    pub(crate) fn send_from(&self, memory: &mut BytesMut, datagram: &[u8]) -> Result<(), LinkError> {
        match self {
            Self::Quic(link) => Ok(link.send_from(memory, datagram)?),
            Self::Sealed(link, sealing, _) => {
                sealing.sealed(datagram, |sealed| Ok(link.send_from(memory, sealed)?))
            }
            // It copies what it makes of it anyway; the memory is given back at once.
            Self::Rtc(link) => {
                memory.extend_from_slice(datagram);
                Ok(link.send(memory.split().freeze())?)
            }
        }
    }

    /// The next datagram of the client; an error when the link is gone. What is not sealed as it must be never comes out.
    pub(crate) async fn receive(&self) -> Result<Bytes, LinkError> {
        match self {
            Self::Quic(link) => Ok(link.receive().await?),
            Self::Sealed(link, sealing, _) => loop {
                if let Some(opened) = sealing.opened(link.receive().await?) {
                    return Ok(opened);
                }
            },
            Self::Rtc(link) => Ok(link.receive().await?),
        }
    }

    /// Largest datagram the path takes at present, in bytes.
    pub(crate) fn datagram_max(&self) -> usize {
        match self {
            Self::Quic(link) => link.datagram_max(),
            Self::Sealed(link, ..) => link.datagram_max().saturating_sub(DATAGRAM_OVERHEAD_BYTES),
            Self::Rtc(link) => link.datagram_max(),
        }
    }

    /// Where the client is, where the transport says so; a NAT may change it under way.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        match self {
            Self::Quic(link) | Self::Sealed(link, ..) => Some(link.remote()),
            // ICE follows it by itself.
            Self::Rtc(_) => None,
        }
    }

    /// Rises whenever anything came from the client, signs of life of the transport itself included.
    pub(crate) fn received(&self) -> u64 {
        match self {
            Self::Quic(link) | Self::Sealed(link, ..) => link.received(),
            Self::Rtc(link) => link.received(),
        }
    }

    /// Packets of media that the transport sent again by itself, so far: WebRTC does; over the others the sender core repeats.
    pub(crate) fn repeated(&self) -> u64 {
        match self {
            Self::Quic(_) | Self::Sealed(..) => 0,
            Self::Rtc(link) => link.repeated(),
        }
    }

    /// The control stream, when the client has opened it.
    pub(crate) async fn control(&self) -> Result<(ControlWriter, ControlReader), LinkError> {
        match self {
            Self::Quic(link) => {
                let (writer, reader) = link.control().await?;
                Ok((ControlWriter::Quic(writer), ControlReader::Quic(reader)))
            }
            Self::Sealed(link, sealing, _) => {
                let (writer, reader) = link.control().await?;
                Ok((
                    ControlWriter::Sealed(writer, Arc::clone(sealing)),
                    ControlReader::Sealed(reader, Arc::clone(sealing)),
                ))
            }
            Self::Rtc(link) => {
                let (writer, reader) = link.control().await?;
                Ok((ControlWriter::Rtc(writer), ControlReader::Rtc(reader)))
            }
        }
    }

    /// Closes with a code and a reason, and waits until they left.
    pub(crate) async fn close(&self, code: CloseCode, reason: &str) {
        match self {
            Self::Quic(link) | Self::Sealed(link, ..) => link.close(code, reason).await,
            // WebRTC closes without a word; the control channel has said why.
            Self::Rtc(link) => link.close().await,
        }
    }
}

/// Our half of the control stream.
#[derive(Debug)]
pub(crate) enum ControlWriter {
    /// See [`Link::Quic`].
    Quic(firstlight_quic::ControlWriter),
    /// See [`Link::Sealed`].
    Sealed(firstlight_quic::ControlWriter, Arc<Sealing>),
    /// See [`Link::Rtc`].
    Rtc(firstlight_rtc::ControlWriter),
}

impl ControlWriter {
    /// Writes one message.
    pub(crate) async fn write(&mut self, message: &[u8]) -> Result<(), LinkError> {
        match self {
            Self::Quic(writer) => Ok(writer.write(message).await?),
            Self::Sealed(writer, sealing) => {
                let sealed = sealing.sealed_control(message)?;
                Ok(writer.write(&sealed).await?)
            }
            Self::Rtc(writer) => Ok(writer.write(message).await?),
        }
    }

    /// Ends the stream and waits until the client has everything.
    pub(crate) async fn finish(&mut self) -> Result<(), LinkError> {
        match self {
            Self::Quic(writer) | Self::Sealed(writer, _) => Ok(writer.finish().await?),
            Self::Rtc(writer) => Ok(writer.finish().await?),
        }
    }
}

/// The client's half of the control stream.
#[derive(Debug)]
pub(crate) enum ControlReader {
    /// See [`Link::Quic`].
    Quic(firstlight_quic::ControlReader),
    /// See [`Link::Sealed`].
    Sealed(firstlight_quic::ControlReader, Arc<Sealing>),
    /// See [`Link::Rtc`].
    Rtc(firstlight_rtc::ControlReader),
}

impl ControlReader {
    /// Reads one message; `None` when the client finished the stream.
    pub(crate) async fn read(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        match self {
            Self::Quic(reader) => Ok(reader.read().await?),
            Self::Sealed(reader, sealing) => match reader.read().await? {
                Some(message) => sealing.opened_control(message).map(Some),
                None => Ok(None),
            },
            Self::Rtc(reader) => Ok(reader.read().await?),
        }
    }
}
