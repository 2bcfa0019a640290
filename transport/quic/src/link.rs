//! An attached client: datagrams both ways, one control stream, a close with a code.

use crate::Error;
use bytes::{Bytes, BytesMut};
use firstlight_units::Micros;
use std::net::SocketAddr;
use web_transport_quinn::{RecvStream, SendStream, Session};

/// Why a session is closed (docs/PROTOCOL.md, section 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum CloseCode {
    /// Left; the session waits.
    Bye = 0,
    /// The session is over.
    Ended = 1,
    /// The same player attached from elsewhere.
    TakenOver = 2,
    /// The peer broke the protocol.
    Protocol = 3,
    /// The waiting session gave its room away.
    GaveWay = 4,
    /// The engine is stopping.
    Engine = 5,
    /// The client gives this attachment up; it may attach anew in a moment.
    Cut = 6,
}

/// An attached client. Clones share the connection.
#[derive(Clone)]
pub struct Link {
    session: Session,
    /// What WebTransport puts before a datagram: the session's number.
    prefix: Option<[u8; 1]>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(session: Session) -> Self {
        let own = session.max_datagram_size();
        let whole = quinn::Connection::max_datagram_size(&session).unwrap_or(own);
        // A session is named by the stream it was asked for on, the first of its connection: number 0, in one byte.
        let prefix = (whole == own + 1).then_some([0]);
        Self { session, prefix }
    }

    /// Queues a datagram. quinn sends it as soon as this task yields, in batches where the system can.
    ///
    /// # Errors
    /// [`Error::Full`] when [`Self::send_space`] is used up: quinn would drop the oldest that waits without a word.
    /// [`Error::TooLarge`] when it does not fit the path, [`Error::Closed`] when the session is over.
    pub fn send(&self, datagram: Bytes) -> Result<(), Error> {
        use quinn::SendDatagramError as Cause;
        use web_transport_quinn::SessionError;
        let size = datagram.len();
        self.require_space(size)?;
        self.session.send_datagram(datagram).map_err(|error| match error {
            SessionError::SendDatagramError(Cause::TooLarge | Cause::UnsupportedByPeer | Cause::Disabled) => {
                Error::TooLarge {
                    size,
                    most: self.datagram_max(),
                }
            }
            other @ (SessionError::ConnectionError(_)
            | SessionError::WebTransportError(_)
            | SessionError::SendDatagramError(_)) => Error::Closed(other),
        })
    }

    /// As [`Self::send`], for the many: copies once, into `memory`, of which quinn keeps a part until it was sent.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_from(&self, memory: &mut BytesMut, datagram: &[u8]) -> Result<(), Error> {
        use quinn::SendDatagramError as Cause;
        let size = datagram.len();
        let Some(prefix) = self.prefix else {
            memory.extend_from_slice(datagram);
            return self.send(memory.split().freeze());
        };
        self.require_space(size)?;
        memory.extend_from_slice(&prefix);
        memory.extend_from_slice(datagram);
        let whole = memory.split().freeze();
        // By way of quinn's connection: the session would copy it once more to put the prefix before it.
        quinn::Connection::send_datagram(&self.session, whole).map_err(|error| match error {
            Cause::TooLarge | Cause::UnsupportedByPeer | Cause::Disabled => Error::TooLarge {
                size,
                most: self.datagram_max(),
            },
            Cause::ConnectionLost(lost) => Error::Closed(lost.into()),
        })
    }

    fn require_space(&self, size: usize) -> Result<(), Error> {
        let space = self.send_space();
        if size > space {
            return Err(Error::Full { size, space });
        }
        Ok(())
    }

    /// Bytes that may be queued now. Less than a few datagrams means that the system takes none: wait a moment before the
    /// next is made.
    #[must_use]
    pub fn send_space(&self) -> usize {
        self.session.datagram_send_buffer_space()
    }

    /// The next datagram of the client.
    ///
    /// # Errors
    /// [`Error::Closed`] when the session is over.
    pub async fn receive(&self) -> Result<Bytes, Error> {
        self.session.read_datagram().await.map_err(Error::Closed)
    }

    /// Largest datagram the path takes at present, in bytes. It starts at what every path takes, rises as QUIC finds out
    /// more within the first round trips, and falls if the path changes: ask again now and then.
    #[must_use]
    pub fn datagram_max(&self) -> usize {
        self.session.max_datagram_size()
    }

    /// QUIC's smoothed round trip.
    #[must_use]
    pub fn rtt(&self) -> Micros {
        self.session.rtt().into()
    }

    /// UDP datagrams that came from the client so far, whatever was in them: QUIC's own signs of life count.
    #[must_use]
    pub fn received(&self) -> u64 {
        // By way of quinn's connection: the session's own statistics are made for other purposes.
        quinn::Connection::stats(&self.session).udp_rx.datagrams
    }

    /// The client's address; it may change.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.session.remote_address()
    }

    /// The control stream, which the client opens.
    ///
    /// # Errors
    /// [`Error::Closed`] when the session ends first.
    pub async fn control(&self) -> Result<(ControlWriter, ControlReader), Error> {
        let (send, receive) = self.session.accept_bi().await.map_err(Error::Closed)?;
        Ok((ControlWriter { stream: send }, ControlReader { stream: receive }))
    }

    /// The control stream, where this end is the client.
    ///
    /// # Errors
    /// [`Error::Closed`] when the session ends first.
    pub async fn open_control(&self) -> Result<(ControlWriter, ControlReader), Error> {
        let (send, receive) = self.session.open_bi().await.map_err(Error::Closed)?;
        Ok((ControlWriter { stream: send }, ControlReader { stream: receive }))
    }

    /// Waits for the end, and says how it came.
    pub async fn closed(&self) -> Error {
        Error::Closed(self.session.closed().await)
    }

    /// Closes with any code, without waiting.
    pub fn close_with(&self, code: u32, reason: &str) {
        self.session.close(code, reason.as_bytes());
    }

    /// Closes with a code and a reason that a browser hands to the page, and waits until they left.
    pub async fn close(&self, code: CloseCode, reason: &str) {
        self.session.close(code as u32, reason.as_bytes());
        self.session.closed().await;
    }
}

/// Our half of the control stream.
#[derive(Debug)]
pub struct ControlWriter {
    stream: SendStream,
}

impl ControlWriter {
    /// Writes one message with its length before it.
    ///
    /// # Errors
    /// [`Error::ControlTooLong`] over [`CONTROL_BYTES_MAX`], [`Error::Control`] when the stream is gone.
    pub async fn write(&mut self, message: &[u8]) -> Result<(), Error> {
        let length = u32::try_from(message.len())
            .ok()
            .filter(|_| message.len() <= CONTROL_BYTES_MAX)
            .ok_or(Error::ControlTooLong {
                size: message.len(),
                most: CONTROL_BYTES_MAX,
            })?;
        self.stream
            .write_all(&length.to_be_bytes())
            .await
            .map_err(|e| Error::Control(std::io::Error::other(e)))?;
        self.stream
            .write_all(message)
            .await
            .map_err(|e| Error::Control(std::io::Error::other(e)))
    }

    /// Ends the stream and waits until the client has everything.
    ///
    /// # Errors
    /// [`Error::Control`] when the stream is gone, [`Error::Closed`] when the session is.
    pub async fn finish(&mut self) -> Result<(), Error> {
        self.stream
            .finish()
            .map_err(|e| Error::Control(std::io::Error::other(e)))?;
        self.stream.stopped().await.map(drop).map_err(Error::Closed)
    }
}

/// The client's half of the control stream.
#[derive(Debug)]
pub struct ControlReader {
    stream: RecvStream,
}

impl ControlReader {
    /// Reads one message; `None` when the client finished the stream.
    ///
    /// # Errors
    /// [`Error::ControlTooLong`] before anything of an oversized message is buffered, [`Error::Control`] when the stream breaks.
    pub async fn read(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut length = [0; 4];
        let mut filled = 0;
        while let Some(rest) = length.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self
                .stream
                .read(rest)
                .await
                .map_err(|e| Error::Control(std::io::Error::other(e)))?
            {
                Some(n) => filled += n,
                None if filled == 0 => return Ok(None),
                None => return Err(Error::Control(std::io::ErrorKind::UnexpectedEof.into())),
            }
        }
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if size > CONTROL_BYTES_MAX {
            return Err(Error::ControlTooLong {
                size,
                most: CONTROL_BYTES_MAX,
            });
        }
        let mut message = vec![0; size];
        self.stream
            .read_exact(&mut message)
            .await
            .map_err(|e| Error::Control(std::io::Error::other(e)))?;
        Ok(Some(message))
    }
}

/// Longest control message, as docs/PROTOCOL.md says; a 128×128 cursor is the largest there is.
pub const CONTROL_BYTES_MAX: usize = 65_536;
