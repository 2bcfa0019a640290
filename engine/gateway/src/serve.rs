//! Listening, and the life of each connection.

use crate::throttle::PeerAddress;
use crate::{Error, Gateway, Metrics};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use firstlight_tls::Tls;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, interval_at, timeout};
use tower::ServiceExt as _;

/// The address that a connection came in on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalAddress(pub(crate) IpAddr);

/// Opens `address`; within a tokio runtime.
///
/// # Errors
/// [`Error::PortInUse`], or [`Error::Listen`] for other refusals.
pub fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let open = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // A port whose last connections linger is free; one that is listened on is not.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            Error::PortInUse(address)
        } else {
            Error::Listen { address, source }
        }
    })
}

/// Serves until `stop` is done, then lets answers under way be finished, for two seconds at most. With `tls`, nothing in the
/// clear.
pub async fn serve(
    gateway: Gateway,
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
    stop: impl Future<Output = ()>,
) {
    let router = gateway.router();
    let graceful = Arc::new(GracefulShutdown::new());
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            tokio::spawn(accept(
                listener,
                router.clone(),
                tls.clone(),
                Arc::clone(&graceful),
                Arc::clone(&places),
            ))
        })
        .collect();
    let rereading = tls.map(|tls| tokio::spawn(reread(tls)));
    let metrics = gateway.metrics().clone();
    let folding = tokio::spawn(async move { keep_folding(&metrics).await });
    stop.await;
    folding.abort();
    if let Some(rereading) = rereading {
        rereading.abort();
    }
    for task in accepting {
        task.abort();
        // An aborted task gives its listener and its share of `graceful` back when it has ended.
        drop(task.await);
    }
    if let Some(graceful) = Arc::into_inner(graceful)
        && timeout(FINISH_WITHIN, graceful.shutdown()).await.is_err()
    {
        tracing::debug!("some connections were cut");
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    graceful: Arc<GracefulShutdown>,
    places: Arc<Semaphore>,
) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(converse(
                    stream,
                    tls.clone(),
                    router.clone(),
                    graceful.watcher(),
                    place,
                ));
            }
            Err(error) => {
                // Out of file descriptors, most likely: some come back when a connection ends.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    tls: Option<Tls>,
    router: Router,
    watcher: Watcher,
    place: OwnedSemaphorePermit,
) {
    let local = stream
        .local_addr()
        .map(|address| LocalAddress(address.ip().to_canonical()))
        .ok();
    let peer = stream.peer_addr().map(|address| PeerAddress(address.ip())).ok();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small answers may be late");
    }
    if let Err(error) = firstlight_bridge::keep_short(&stream) {
        tracing::debug!(%error, "pictures over this connection may be late");
    }
    match tls {
        None => answer(stream, (local, peer), router, watcher).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => answer(stream, (local, peer), router, watcher).await,
            Err(error) => tracing::debug!(%error, "a connection was not served"),
        },
    }
    drop(place);
}

async fn answer<S>(
    stream: S,
    (local, peer): (Option<LocalAddress>, Option<PeerAddress>),
    router: Router,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        hyper_util::service::TowerToHyperService::new(tower::service_fn(move |request: Request<_>| {
            let mut request = request.map(Body::new);
            if let Some(local) = local {
                request.extensions_mut().insert(local);
            }
            if let Some(peer) = peer {
                request.extensions_mut().insert(peer);
            }
            router.clone().oneshot(request)
        }));
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADER_BYTES_MAX);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Takes up certificates that were replaced on disk.
async fn reread(tls: Tls) {
    let mut ticks = interval_at(Instant::now() + REREAD_EVERY, REREAD_EVERY);
    loop {
        ticks.tick().await;
        let tls = tls.clone();
        match tokio::task::spawn_blocking(move || tls.refresh().map(|is_other| (is_other, tls))).await {
            Ok(Ok((true, tls))) => tracing::info!(sha256 = tls.fingerprint(), "a new certificate is in use"),
            Ok(Ok((false, _))) => {}
            Ok(Err(error)) => {
                let why = error.source().map(ToString::to_string);
                tracing::warn!(%error, why, "the certificate on disk is not used; the one before stays");
            }
            Err(error) => tracing::error!(%error, "the certificate could not be looked at"),
        }
    }
}

/// A page opens six; more players than that is another machine's business.
const CONNECTIONS_MAX: usize = 512;
const BACKLOG: u32 = 256;
/// Also how long an idle connection is kept.
const HEADERS_WITHIN: Duration = Duration::from_secs(30);
/// Browsers send two kilobytes.
const HEADER_BYTES_MAX: usize = 32 * 1024;
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
const FINISH_WITHIN: Duration = Duration::from_secs(2);
/// As the exporter's documentation advises.
const FOLD_EVERY: Duration = Duration::from_secs(5);
/// Whoever renews a certificate leaves days for it; a look costs two `stat`s.
const REREAD_EVERY: Duration = Duration::from_secs(10);

/// Serves nothing but `/metrics`, to whoever asks: for roles without a gateway. Ends with the listener only.
pub async fn serve_metrics(listener: TcpListener, metrics: Metrics) {
    let scraped = metrics.clone();
    let page = move || {
        let text = scraped.render();
        async move {
            (
                [(axum::http::header::CONTENT_TYPE, "text/plain; version=0.0.4")],
                text,
            )
        }
    };
    let router = axum::Router::new().route("/metrics", axum::routing::get(page));
    tokio::select! {
        ended = async { axum::serve(listener, router).await } => {
            if let Err(error) = ended {
                tracing::error!(%error, "metrics are not served any more");
            }
        }
        () = keep_folding(&metrics) => {}
    }
}

/// Until it is dropped: memory stays bounded when nobody scrapes.
async fn keep_folding(metrics: &Metrics) {
    let mut ticks = interval_at(Instant::now() + FOLD_EVERY, FOLD_EVERY);
    loop {
        ticks.tick().await;
        metrics.fold();
    }
}
