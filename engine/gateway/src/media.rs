//! Media over a WebSocket, for players whose network carries no UDP: the gateway attaches to the session in their place.
//!
//! ```text
//! page --WebSocket over TCP--> here --WebTransport on this machine--> worker
//! ```
//!
//! Whether the ticket is good is the worker's to say; nothing is answered before it has.

use crate::extract::Id;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::routes::Shared;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use firstlight_bridge::{Counters, Open, WebSocket, carry_websocket, switch};
use firstlight_host::Session;
use firstlight_quic::{Dial, Error};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The bridges of one gateway.
#[derive(Debug)]
pub(crate) struct Bridges {
    places: Arc<Semaphore>,
    counters: Arc<Counters>,
}

impl Default for Bridges {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(BRIDGES_MAX)),
            counters: Arc::default(),
        }
    }
}

/// Attaches over a WebSocket (docs/PROTOCOL.md, section 1.1): slower than UDP, and for networks that carry nothing else.
#[utoipa::path(get, path = "/v1/sessions/{id}/media", tag = "play",
    params(("id" = String, Path, description = "The session's id"),
        ("ticket" = Option<String>, Query, description = "A ticket, or"), ("resume" = Option<String>, Query, description = "a resume secret")),
    responses((status = 101, description = "Attached"), (status = 400, body = ProblemBody, description = "Not a WebSocket's request"),
        (status = 403, body = ProblemBody, description = "The session takes no such ticket"),
        (status = 404, body = ProblemBody, description = "`unknown-session`"),
        (status = 503, body = ProblemBody, description = "`full`: too many at once")))]
pub(crate) async fn media(
    State(gateway): Shared,
    Id(id): Id,
    mut request: Request,
) -> Result<Response, Problem> {
    let switch = switch(request.headers()).map_err(|_| not_an_upgrade())?;
    let id = id.parse().map_err(|_| Problem::unknown_session())?;
    let seat = gateway.seat(&id).await.ok_or_else(Problem::unknown_session)?;
    let place = Arc::clone(&gateway.bridges.places)
        .try_acquire_owned()
        .map_err(|_| Problem::new(Kind::Full, "Too many players are attached over WebSockets."))?;
    let dial = dial(&seat.session, gateway.media_address(&seat), &request);
    let host = dial.attach().await.map_err(|error| refused(&error))?;
    let counters = Arc::clone(&gateway.bridges.counters);
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => {
                let socket = WebSocket::open(TokioIo::new(upgraded)).await;
                carry_websocket(socket, host, counters, Open).await;
            }
            Err(error) => tracing::debug!(%error, "a WebSocket was not taken up"),
        }
        drop(place);
    });
    Ok((StatusCode::SWITCHING_PROTOCOLS, switch, Body::empty()).into_response())
}

fn dial(session: &Session, address: std::net::SocketAddr, request: &Request) -> Dial {
    let query = request.uri().query().unwrap_or_default();
    let origin = request.headers().get(header::ORIGIN);
    Dial {
        address,
        certificates: session.cert_sha256.iter().filter_map(|hex| digest(hex)).collect(),
        path: format!("/v1/media?via=websocket&{query}"),
        origin: origin.and_then(|origin| origin.to_str().ok()).map(str::to_owned),
        narrow: false,
    }
}

fn not_an_upgrade() -> Problem {
    Problem::new(Kind::BadRequest, "Only a WebSocket of version 13 is opened here.")
}

fn refused(error: &Error) -> Problem {
    if matches!(error, Error::Refused(400)) {
        return Problem::new(Kind::BadRequest, "Give a ticket or a resume secret.");
    }
    if matches!(error, Error::Refused(_)) {
        return Problem::new(Kind::Unauthorized, "The session takes no such ticket or secret.");
    }
    tracing::warn!(%error, "a session did not answer its gateway");
    Problem::unknown_session()
}

pub(crate) fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Each is a player in a session, and costs two copies of his stream.
const BRIDGES_MAX: usize = 128;
