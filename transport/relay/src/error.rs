//! What can go wrong, and why somebody is not carried.

use firstlight_quic::Refusal;
use firstlight_telemetry::RelayRefused;

/// A relay that cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A UDP port, or its certificate.
    #[error("the relay's UDP side cannot be opened")]
    Quic(#[source] firstlight_quic::Error),
    /// A TCP port.
    #[error("cannot open TCP {address}")]
    Tcp {
        /// The one asked for.
        address: std::net::SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Without one it would carry nobody.
    #[error("a relay needs the key of one gateway at least")]
    NoKey,
    /// There is no address to listen on.
    #[error("a relay needs an address to listen on")]
    NoAddress,
}

/// Why somebody is not carried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Another path, or no route.
    #[error("no route was shown")]
    NoRoute,
    /// A route that is not honoured.
    #[error("the route is refused")]
    Route(#[source] firstlight_ticket::Error),
    /// The relay is about to leave.
    #[error("the relay is draining")]
    Draining,
    /// All places are taken.
    #[error("all {most} places are taken")]
    Full {
        /// How many there are.
        most: usize,
    },
    /// Too many from one address.
    #[error("one address has {most} places already")]
    Crowded {
        /// How many it may have.
        most: usize,
    },
    /// Too many of one session.
    #[error("one session has {most} places already")]
    Doubled {
        /// How many it may have.
        most: usize,
    },
    /// The host takes no such ticket or secret.
    #[error("the host refused with status {0}")]
    Host(u16),
    /// The host does not answer.
    #[error("the host does not answer")]
    Unreachable(#[source] firstlight_quic::Error),
}

impl Refused {
    /// As a metric's label.
    pub(crate) const fn label(&self) -> RelayRefused {
        match self {
            Self::NoRoute => RelayRefused::NoRoute,
            Self::Route(_) => RelayRefused::Route,
            Self::Draining => RelayRefused::Draining,
            Self::Full { .. } => RelayRefused::Full,
            Self::Crowded { .. } | Self::Doubled { .. } => RelayRefused::Crowded,
            Self::Host(_) => RelayRefused::Host,
            Self::Unreachable(_) => RelayRefused::Unreachable,
        }
    }

    /// As the answer to a CONNECT.
    pub(crate) const fn refusal(&self) -> Refusal {
        match self {
            Self::NoRoute | Self::Host(400) => Refusal::BadRequest,
            Self::Route(_) | Self::Host(_) => Refusal::Forbidden,
            Self::Draining | Self::Full { .. } => Refusal::Unavailable,
            Self::Crowded { .. } | Self::Doubled { .. } => Refusal::TooMany,
            Self::Unreachable(_) => Refusal::Unreachable,
        }
    }

    /// As an HTTP status.
    pub(crate) const fn status(&self) -> u16 {
        match self.refusal() {
            Refusal::BadRequest => 400,
            Refusal::Forbidden => 403,
            Refusal::TooMany => 429,
            Refusal::Unavailable => 503,
            Refusal::Unreachable => 502,
        }
    }
}
