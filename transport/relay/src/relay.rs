//! The relay as a whole.

use crate::admit::{Asked, Carried, Desk};
use crate::{Config, Error, web};
use firstlight_bridge::carry_quic;
use firstlight_quic::{Attempt, Certificates, CloseCode, Identity, Listener};
use firstlight_units::WallTime;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// A relay with open ports. It carries nobody before [`Self::run`].
#[derive(Debug)]
pub struct Relay {
    desk: Arc<Desk>,
    listener: Listener,
    tcp: Vec<TcpListener>,
    /// Its own, where nobody else's is used.
    certificates: Option<Certificates>,
}

impl Relay {
    pub(crate) fn open(config: Config) -> Result<Self, Error> {
        if config.keys.is_empty() {
            return Err(Error::NoKey);
        }
        if config.listen.is_empty() {
            return Err(Error::NoAddress);
        }
        let certificates = match &config.tls {
            Some(_) => None,
            None => Some(Certificates::generate(now()).map_err(Error::Quic)?),
        };
        let certified = config
            .tls
            .as_ref()
            .map(|tls| Identity::certified(tls.certified_key()));
        let identity = certified
            .as_ref()
            .or_else(|| certificates.as_ref().map(Certificates::current));
        let identity = identity.ok_or(Error::NoAddress)?;
        // Some for handshakes, and for those who are refused.
        let connections = config.sessions_max.saturating_add(SPARE);
        let listener = Listener::open_for(&config.listen, identity, connections).map_err(Error::Quic)?;
        let tcp = match &config.tls {
            Some(_) => open_tcp(&listener.addresses())?,
            None => Vec::new(),
        };
        Ok(Self {
            desk: Desk::new(config),
            listener,
            tcp,
            certificates,
        })
    }

    /// Where it listens, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listener.addresses()
    }

    /// Whether it is there for networks without UDP.
    #[must_use]
    pub fn has_tcp(&self) -> bool {
        !self.tcp.is_empty()
    }

    /// Carries players until `stop` ends; then takes nobody any more and waits for those who are there, as long as it is set up to.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let servers: Vec<_> = std::mem::take(&mut self.tcp)
            .into_iter()
            .map(|tcp| tokio::spawn(web::serve(tcp, Arc::clone(&self.desk))))
            .collect();
        tokio::pin!(stop);
        let mut renewal = tokio::time::interval(RENEWAL_EVERY);
        let mut second = tokio::time::interval(SECOND);
        loop {
            tokio::select! {
                () = &mut stop => break,
                attempt = self.listener.attempt() => match attempt {
                    Some(attempt) => drop(tokio::spawn(take_up(attempt, Arc::clone(&self.desk)))),
                    None => break,
                },
                _ = renewal.tick() => self.renew(),
                _ = second.tick() => self.desk.tell_traffic(),
            }
        }
        // Who knocks meanwhile is told so.
        tokio::select! {
            () = self.desk.drain() => {}
            () = refuse_all(&mut self.listener, &self.desk) => {}
        }
        for server in servers {
            server.abort();
        }
        self.listener.close().await;
    }

    fn renew(&mut self) {
        let renewed = match (&self.desk.config.tls, &mut self.certificates) {
            (Some(tls), _) => match tls.refresh() {
                Ok(false) => return,
                Ok(true) => self
                    .listener
                    .set_identity(&Identity::certified(tls.certified_key())),
                Err(error) => {
                    tracing::warn!(%error, "the certificate was not read again");
                    return;
                }
            },
            (None, Some(certificates)) => match certificates.renew(now()) {
                Ok(false) => return,
                Ok(true) => self.listener.set_identity(certificates.current()),
                Err(error) => Err(error),
            },
            (None, None) => return,
        };
        if let Err(error) = renewed {
            tracing::warn!(%error, "the certificate was not renewed");
        }
    }
}

async fn refuse_all(listener: &mut Listener, desk: &Arc<Desk>) {
    while let Some(attempt) = listener.attempt().await {
        tokio::spawn(take_up(attempt, Arc::clone(desk)));
    }
    std::future::pending().await
}

async fn take_up(attempt: Attempt, desk: Arc<Desk>) {
    let asked = Asked {
        from: attempt.remote().ip(),
        path: attempt.path(),
        query: attempt.query_text(),
        origin: attempt.origin().map(str::to_owned),
    };
    let Carried {
        host,
        meter,
        mut over,
        place,
    } = match desk.admit(asked).await {
        Ok(carried) => carried,
        Err(refused) => return attempt.refuse(refused.refusal()).await,
    };
    let player = match attempt.accept().await {
        Ok(player) => player,
        Err(error) => {
            tracing::debug!(%error, "an admitted player left first");
            host.close_with(CloseCode::Bye as u32, "the player left");
            return;
        }
    };
    let ends = (player.clone(), host.clone());
    let counters = Arc::clone(&desk.counters);
    tokio::select! {
        () = carry_quic(player, host, counters, meter.clone()) => {}
        () = meter.silence(desk.config.idle) => {}
        _ = over.wait_for(|over| *over) => {}
    }
    // Of no effect on what was closed with a word of its own.
    ends.0.close_with(CloseCode::Bye as u32, LEFT);
    ends.1.close_with(CloseCode::Bye as u32, LEFT);
    drop(place);
}

fn open_tcp(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, Error> {
    let open = |&address: &SocketAddr| {
        let refused = |source| Error::Tcp { address, source };
        let listener = std::net::TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        TcpListener::from_std(listener).map_err(refused)
    };
    addresses.iter().map(open).collect()
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

pub(crate) const LEFT: &str = "the relay left";
/// Connections beside those that are carried.
const SPARE: usize = 64;
const SECOND: Duration = Duration::from_secs(1);
/// Files change and certificates grow old slowly.
const RENEWAL_EVERY: Duration = Duration::from_secs(60);
