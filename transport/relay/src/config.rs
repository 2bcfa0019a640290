//! How a relay is set up.

use crate::{Error, Relay};
use firstlight_ticket::RouteKey;
use firstlight_tls::Tls;
use firstlight_units::Bitrate;
use std::net::SocketAddr;
use std::time::Duration;

/// How a relay is set up. What is not set is right for a machine of two cores on a line of 1 Gbit/s.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) keys: Vec<RouteKey>,
    pub(crate) tls: Option<Tls>,
    pub(crate) sessions_max: usize,
    pub(crate) per_address_max: usize,
    pub(crate) rate_max: Bitrate,
    pub(crate) idle: Duration,
    pub(crate) drain: Duration,
}

impl Config {
    /// For the gateways with these keys, on these addresses: UDP, and TCP where there is a certificate.
    #[must_use]
    pub const fn new(listen: Vec<SocketAddr>, keys: Vec<RouteKey>) -> Self {
        Self {
            listen,
            keys,
            tls: None,
            sessions_max: 200,
            per_address_max: 32,
            rate_max: Bitrate::mbps(50),
            idle: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }

    /// A certificate that browsers trust by its name. Default: one that they trust by its hash, renewed by itself; over TCP
    /// they trust none by its hash, so there is no TCP then.
    #[must_use]
    pub fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Players at once. Default: 200. Each costs two copies of a stream, and some 200 KiB.
    #[must_use]
    pub const fn sessions_max(mut self, sessions: usize) -> Self {
        self.sessions_max = sessions;
        self
    }

    /// Players at once from one address; a household or a company has one. Default: 32.
    #[must_use]
    pub const fn per_address_max(mut self, sessions: usize) -> Self {
        self.per_address_max = sessions;
        self
    }

    /// Most bits per second to one player; what is over is dropped. Default: 50 Mbit/s.
    #[must_use]
    pub const fn rate_max(mut self, rate: Bitrate) -> Self {
        self.rate_max = rate;
        self
    }

    /// After how long without a datagram either way somebody is let go. Default: 30 s.
    #[must_use]
    pub const fn idle(mut self, idle: Duration) -> Self {
        self.idle = idle;
        self
    }

    /// How long players are carried on once the relay was told to stop. Default: 30 s.
    #[must_use]
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// Opens its ports; within a tokio runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(self) -> Result<Relay, Error> {
        Relay::open(self)
    }
}
