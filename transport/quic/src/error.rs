//! What can go wrong in the driver.

use std::io;
use std::net::SocketAddr;

/// A failure of the WebTransport driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The media port cannot be opened.
    #[error("cannot open UDP {address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system gives no timer.
    #[error("cannot open a timer")]
    Timer(#[source] io::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// The TLS library refused the certificate or the configuration.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The TLS configuration has no cipher suite that QUIC needs.
    #[error("cannot set up QUIC")]
    Quic(#[source] quinn::crypto::rustls::NoInitialCipherSuite),
    /// The peer's request failed before it was a session.
    #[error("the WebTransport handshake failed")]
    Handshake(#[source] web_transport_quinn::ServerError),
    /// The host said no, with this HTTP status.
    #[error("the host refused with status {0}")]
    Refused(u16),
    /// The host could not be attached to; nothing more is known where it did not answer.
    #[error("the host cannot be reached")]
    Unreachable(#[source] Option<web_transport_quinn::ClientError>),
    /// The session is over.
    #[error("the session is closed")]
    Closed(#[source] web_transport_quinn::SessionError),
    /// The datagram is larger than the path takes, or the peer takes none.
    #[error("a datagram of {size} bytes does not fit the path ({most})")]
    TooLarge {
        /// Bytes of the datagram.
        size: usize,
        /// Most bytes the path takes now.
        most: usize,
    },
    /// Too much waits to be sent; nothing was queued.
    #[error("a datagram of {size} bytes does not fit the send buffer ({space} bytes left)")]
    Full {
        /// Bytes of the datagram.
        size: usize,
        /// Bytes that may still be queued.
        space: usize,
    },
    /// The control stream failed.
    #[error("the control stream failed")]
    Control(#[source] io::Error),
    /// The peer announced a control message that is too long.
    #[error("a control message of {size} bytes is over the limit of {most}")]
    ControlTooLong {
        /// Announced bytes.
        size: usize,
        /// The limit.
        most: usize,
    },
}

impl Error {
    /// The code and the reason that the peer closed the session with.
    #[must_use]
    pub fn closed_with(&self) -> Option<(u32, String)> {
        use web_transport_quinn::{SessionError, WebTransportError};
        let Self::Closed(SessionError::WebTransportError(WebTransportError::Closed(code, reason))) = self
        else {
            return None;
        };
        Some((*code, reason.clone()))
    }
}
