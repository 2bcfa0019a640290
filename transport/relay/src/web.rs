//! The way in for networks without UDP: a WebSocket over TLS.

use crate::admit::{Asked, Carried, Desk};
use crate::relay::LEFT;
use firstlight_bridge::{WebSocket, carry_websocket, keep_short, switch};
use firstlight_quic::CloseCode;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(crate) async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(desk.config.sessions_max.saturating_add(SPARE)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, from)) => {
                let desk = Arc::clone(&desk);
                tokio::spawn(async move {
                    connection(stream, from.ip(), desk).await;
                    drop(place);
                });
            }
            // Of one connection, or no file is left: the next one may be taken.
            Err(error) => {
                tracing::debug!(%error, "a connection was not taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, from: IpAddr, desk: Arc<Desk>) {
    let Some(tls) = &desk.config.tls else { return };
    if let Err(error) = stream.set_nodelay(true).and_then(|()| keep_short(&stream)) {
        tracing::debug!(%error, "a connection is not as short as it could be");
    }
    let stream = match tls.accept(stream).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return;
        }
    };
    let answered = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| answer(request, from, Arc::clone(&desk))),
        )
        .with_upgrades()
        .await;
    if let Err(error) = answered {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn answer(
    request: Request<Incoming>,
    from: IpAddr,
    desk: Arc<Desk>,
) -> Result<Response<String>, Infallible> {
    if request.uri().path() == "/healthz" {
        let (status, word) = if desk.is_draining() {
            (503, "draining\n")
        } else {
            (200, "ok\n")
        };
        return Ok(plain(status, word));
    }
    Ok(attach(request, from, desk).await)
}

async fn attach(mut request: Request<Incoming>, from: IpAddr, desk: Arc<Desk>) -> Response<String> {
    let upgrade = switch(request.headers());
    let (Ok(upgrade), &Method::GET) = (upgrade, request.method()) else {
        return plain(400, "Only a WebSocket of version 13 is opened here.\n");
    };
    let origin = request.headers().get(header::ORIGIN);
    let asked = Asked {
        from,
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        origin: origin.map(|origin| origin.to_str().unwrap_or_default().to_owned()),
    };
    let carried = match desk.admit(asked).await {
        Ok(carried) => carried,
        Err(refused) => return plain(refused.status(), &format!("{refused}\n")),
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => carry(TokioIo::new(upgraded), carried, &desk).await,
            Err(error) => {
                tracing::debug!(%error, "a WebSocket was not taken up");
                carried.host.close_with(CloseCode::Bye as u32, "the player left");
            }
        }
    });
    let mut response = plain(101, "");
    response
        .headers_mut()
        .extend(upgrade.map(|(name, value)| (Some(name), value)));
    response
}

async fn carry(stream: TokioIo<hyper::upgrade::Upgraded>, carried: Carried, desk: &Desk) {
    let Carried {
        host,
        meter,
        mut over,
        place,
    } = carried;
    let socket = WebSocket::open(stream).await;
    let end = host.clone();
    tokio::select! {
        () = carry_websocket(socket, host, Arc::clone(&desk.counters), meter.clone()) => {}
        () = meter.silence(desk.config.idle) => {}
        _ = over.wait_for(|over| *over) => {}
    }
    // Of no effect on what was closed with a word of its own.
    end.close_with(CloseCode::Bye as u32, LEFT);
    drop(place);
}

fn plain(status: u16, words: &str) -> Response<String> {
    let mut response = Response::new(words.to_owned());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Connections beside those that are carried.
const SPARE: usize = 64;
const PAUSE: Duration = Duration::from_millis(100);
/// For the request, after TLS.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// A route and a ticket are 2 KiB at most, and the browser's own headers as much.
const HEAD_BYTES_MAX: usize = 16 << 10;
