//! The media port: who knocks, and the answer.

use crate::window::WideOpenFactory;
use crate::{Error, Identity, Link};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use web_transport_quinn::http::StatusCode;

/// The open media port of one session, on one or more addresses.
#[derive(Debug)]
pub struct Listener {
    endpoints: Vec<quinn::Endpoint>,
    attempts: mpsc::Receiver<Attempt>,
}

impl Listener {
    /// Opens every address of `listen`; must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Bind`] when a port cannot be opened, [`Error::Tls`] or [`Error::Quic`] when the identity is refused.
    pub fn open(listen: &[SocketAddr], identity: &Identity) -> Result<Self, Error> {
        Self::open_for(listen, identity, CONNECTIONS_MAX)
    }

    /// As [`Self::open`], for that many connections at once on each address.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_for(
        listen: &[SocketAddr],
        identity: &Identity,
        connections_max: usize,
    ) -> Result<Self, Error> {
        let config = server_config(identity)?;
        let (sender, attempts) = mpsc::channel(ATTEMPTS_MAX);
        let mut endpoints = Vec::with_capacity(listen.len());
        for &address in listen {
            let endpoint = open_endpoint(address, config.clone())?;
            tokio::spawn(accept_all(endpoint.clone(), sender.clone(), connections_max));
            endpoints.push(endpoint);
        }
        Ok(Self { endpoints, attempts })
    }

    /// The open addresses, in the order asked for; with the port the system chose where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.endpoints
            .iter()
            .filter_map(|endpoint| endpoint.local_addr().ok())
            .collect()
    }

    /// Uses another certificate for connections from here on; those that stand are not disturbed.
    ///
    /// # Errors
    /// [`Error::Tls`] or [`Error::Quic`] when the identity is refused.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), Error> {
        let config = server_config(identity)?;
        for endpoint in &self.endpoints {
            endpoint.set_server_config(Some(config.clone()));
        }
        Ok(())
    }

    /// The next client that asks to attach; `None` when the port was closed.
    pub async fn attempt(&mut self) -> Option<Attempt> {
        self.attempts.recv().await
    }

    /// Closes the port and waits until the peers were told, at most half a second.
    pub async fn close(self) {
        for endpoint in &self.endpoints {
            endpoint.close(0u32.into(), b"");
            // A peer that does not answer is not waited for.
            if tokio::time::timeout(GOODBYE, endpoint.wait_idle()).await.is_err() {
                tracing::debug!("a peer did not acknowledge the close");
            }
        }
    }
}

/// A client that asks to attach.
pub struct Attempt {
    request: web_transport_quinn::Request,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL holds a ticket or a secret.
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

/// Why a client is refused; the browser hides it from the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Unknown path, or neither a ticket nor a secret.
    BadRequest,
    /// Not allowed.
    Forbidden,
    /// Too many attempts.
    TooMany,
    /// No room, or about to leave.
    Unavailable,
    /// What was asked for lies further on, and does not answer.
    Unreachable,
}

impl Attempt {
    /// The path asked for.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request.url.path()
    }

    /// The value of a query parameter; the first where it is given more than once.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.request
            .url
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The query as it was sent.
    #[must_use]
    pub fn query_text(&self) -> &str {
        self.request.url.query().unwrap_or_default()
    }

    /// The page's origin, where the client is a browser. `Some("")` when it is not text.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.request
            .headers
            .get("origin")
            .map(|value| value.to_str().unwrap_or(""))
    }

    /// Who knocks.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.request.conn().remote_address()
    }

    /// Lets the client in.
    ///
    /// # Errors
    /// [`Error::Handshake`] when it is gone.
    pub async fn accept(self) -> Result<Link, Error> {
        self.request.ok().await.map(Link::new).map_err(Error::Handshake)
    }

    /// Turns the client away, and waits until it has read the answer, at most half a second.
    pub async fn refuse(self, refusal: Refusal) {
        let status = match refusal {
            Refusal::BadRequest => StatusCode::BAD_REQUEST,
            Refusal::Forbidden => StatusCode::FORBIDDEN,
            Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unreachable => StatusCode::BAD_GATEWAY,
        };
        // The last handle closes the connection when it is dropped, whatever the client has read by then.
        let connection = self.request.conn().clone();
        if let Err(error) = self.request.reject(status).await {
            tracing::debug!(%error, "a refused client left first");
            return;
        }
        if tokio::time::timeout(REFUSED_WITHIN, connection.closed())
            .await
            .is_err()
        {
            tracing::debug!("a refused client stayed");
        }
    }
}

async fn accept_all(endpoint: quinn::Endpoint, attempts: mpsc::Sender<Attempt>, connections_max: usize) {
    while let Some(incoming) = endpoint.accept().await {
        if endpoint.open_connections() > connections_max {
            incoming.refuse();
            continue;
        }
        let attempts = attempts.clone();
        tokio::spawn(async move {
            let shaken = tokio::time::timeout(HANDSHAKE, async {
                let connection = incoming.await.map_err(web_transport_quinn::ServerError::from)?;
                web_transport_quinn::Request::accept(connection).await
            });
            match shaken.await {
                // When attempts pile up the newest is dropped: its client tries again.
                Ok(Ok(request)) => {
                    if attempts.try_send(Attempt { request }).is_err() {
                        tracing::debug!("an attempt to attach was dropped");
                    }
                }
                Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
                Err(_) => tracing::debug!("a handshake took too long"),
            }
        });
    }
}

fn open_endpoint(address: SocketAddr, config: quinn::ServerConfig) -> Result<quinn::Endpoint, Error> {
    let bind = |source| Error::Bind { address, source };
    let socket = UdpSocket::bind(address).map_err(bind)?;
    quinn::Endpoint::new(
        quinn::EndpointConfig::default(),
        Some(config),
        socket,
        Arc::new(quinn::TokioRuntime),
    )
    .map_err(bind)
}

fn server_config(identity: &Identity) -> Result<quinn::ServerConfig, Error> {
    let tls: quinn::crypto::rustls::QuicServerConfig = identity.tls()?.try_into().map_err(Error::Quic)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    // A NAT that forgets its binding gives the client another port in mid-game: the connection goes on from there.
    config.migration(true).transport_config(Arc::new(transport()));
    Ok(config)
}

/// How QUIC is set up for media: its own congestion window and pacer wide open, short buffers. For whoever opens an endpoint of
/// its own beside a [`Listener`].
#[must_use]
pub fn transport() -> quinn::TransportConfig {
    let mut transport = quinn::TransportConfig::default();
    transport
        .congestion_controller_factory(Arc::new(WideOpenFactory))
        .datagram_send_buffer_size(SEND_BUFFER_BYTES)
        .datagram_receive_buffer_size(Some(RECEIVE_BUFFER_BYTES))
        .max_concurrent_bidi_streams(STREAMS_MAX.into())
        .max_concurrent_uni_streams(STREAMS_MAX.into())
        .stream_receive_window(STREAM_WINDOW_BYTES.into())
        .max_idle_timeout(Some(quinn::VarInt::from_u32(IDLE_MILLIS).into()))
        .keep_alive_interval(Some(KEEP_ALIVE));
    transport
}

/// Attempts waiting for an answer; one player needs one.
const ATTEMPTS_MAX: usize = 16;
/// Connections one media port serves at once: the player, the tab it left, and some room for knocking.
const CONNECTIONS_MAX: usize = 64;
/// A handshake on the worst line a game is playable on takes well under this.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a refused client may take to read why: some round trips of a slow line, or a machine that is busy.
const REFUSED_WITHIN: Duration = Duration::from_secs(2);
/// How long a closing port waits for its peers.
const GOODBYE: Duration = Duration::from_millis(500);
/// Half a second at 50 Mbit/s. The pacer above keeps it nearly empty; past it quinn drops the oldest.
const SEND_BUFFER_BYTES: usize = 3 << 20;
/// Input and feedback: a few kilobytes a second each; the rest is a flood and may be lost.
const RECEIVE_BUFFER_BYTES: usize = 256 << 10;
/// HTTP/3 needs three streams of its own each way, WebTransport one, control one.
const STREAMS_MAX: u32 = 8;
/// A control message is at most 64 KiB.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// The worker notices silence long before; this frees what is left.
const IDLE_MILLIS: u32 = 8_000;
/// Keeps NAT bindings open on a still, silent title.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
