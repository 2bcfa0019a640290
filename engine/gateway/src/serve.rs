//! Listening, and the life of each connection.

use crate::{Error, Gateway};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
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

/// Serves until `stop` is done, then lets answers under way be finished, for two seconds at most.
pub async fn serve(gateway: Gateway, listeners: Vec<TcpListener>, stop: impl Future<Output = ()>) {
    let router = gateway.router();
    let graceful = Arc::new(GracefulShutdown::new());
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            tokio::spawn(accept(
                listener,
                router.clone(),
                Arc::clone(&graceful),
                Arc::clone(&places),
            ))
        })
        .collect();
    let folding = tokio::spawn(async move {
        let mut ticks = interval_at(Instant::now() + FOLD_EVERY, FOLD_EVERY);
        loop {
            ticks.tick().await;
            gateway.metrics().fold();
        }
    });
    stop.await;
    folding.abort();
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
    graceful: Arc<GracefulShutdown>,
    places: Arc<Semaphore>,
) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => converse(stream, router.clone(), &graceful, place),
            Err(error) => {
                // Out of file descriptors, most likely: some come back when a connection ends.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

fn converse(stream: TcpStream, router: Router, graceful: &GracefulShutdown, place: OwnedSemaphorePermit) {
    let local = stream
        .local_addr()
        .map(|address| LocalAddress(address.ip().to_canonical()))
        .ok();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small answers may be late");
    }
    let service =
        hyper_util::service::TowerToHyperService::new(tower::service_fn(move |request: Request<_>| {
            let mut request = request.map(Body::new);
            if let Some(local) = local {
                request.extensions_mut().insert(local);
            }
            router.clone().oneshot(request)
        }));
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection broke");
        }
        drop(place);
    });
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
