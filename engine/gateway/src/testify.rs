//! What players and checkers say of sessions, on a way that their hosts are not on.

use crate::extract::{Body, Id};
use crate::keys::{caller, require_operator};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::routes::Shared;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use firstlight_cell::Seen;
use firstlight_checker::accounts::{Account, Service};
use firstlight_checker::from_text;
use firstlight_fleet::PublicKey;
use firstlight_units::SessionId;
use serde::Deserialize;
use utoipa::ToSchema;

/// What a player's page counted of a session that it played from begin to end.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = PlayerAccount)]
pub(crate) struct AccountTold {
    /// Seconds that were played.
    seconds: u64,
    /// Access units that came or are known to be lost.
    units: u64,
    /// Bytes of media.
    #[serde(default)]
    bytes: u64,
}

/// A checker's testimony.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Testimony {
    /// Of which session.
    session: String,
    /// Public key of the checker, 64 hexadecimal digits.
    checker: String,
    /// `seconds`, `units` and `bytes` that it saw.
    #[schema(value_type = Object)]
    seen: Account,
    /// What it was like: docs/QOE.md, section 5. What is left out was not looked at.
    #[serde(default)]
    #[schema(value_type = Object)]
    service: Service,
    /// Its signature of all that, in base64: docs/QOE.md, section 5.
    signed: String,
}

/// A checker that may testify.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CheckerKey {
    /// Its public key, 64 hexadecimal digits.
    key: String,
}

/// A session's player says what he got. It is compared with what the host counts; the first word counts.
#[utoipa::path(put, path = "/v1/sessions/{id}/account", tag = "play", security(("player" = [])),
    params(("id" = String, Path, description = "The session's id")), request_body = AccountTold,
    responses((status = 204, description = "It is written down"), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-session`, also when it is somebody else's")))]
pub(crate) async fn account(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
    Body(told): Body<AccountTold>,
) -> Result<StatusCode, Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    let id: SessionId = id.parse().map_err(|_| Problem::unknown_session())?;
    let seat = gateway.seat(&id).await;
    // Not even the operator speaks for a player.
    if seat.is_none_or(|seat| seat.session.player != caller.pseudonym) {
        return Err(Problem::unknown_session());
    }
    let seen = Account {
        seconds: told.seconds,
        units: told.units,
        bytes: told.bytes,
    };
    let seen = Seen {
        session: id,
        seen: sensible(seen)?,
        service: Service::default(),
    };
    gateway.cell.testify(&seen, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A checker that played a session says what it saw.
#[utoipa::path(post, path = "/v1/testimonies", tag = "operate", request_body = Testimony,
    responses((status = 204, description = "It is written down, and compared with what the host says"), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody, description = "`forbidden-ticket`: no operator has let this checker testify, or the signature does not hold"),
        (status = 404, body = ProblemBody, description = "`unknown-session`")))]
pub(crate) async fn testimony(
    State(gateway): Shared,
    Body(told): Body<Testimony>,
) -> Result<StatusCode, Problem> {
    let key = public_key(&told.checker)?;
    let signed = from_text(&told.signed, SIGNATURE_CHARS)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    let signed = signed.ok_or_else(|| {
        Problem::new(
            Kind::BadRequest,
            "A signature is 64 bytes in base64 without padding.",
        )
    })?;
    let session: SessionId = told.session.parse().map_err(|_| Problem::unknown_session())?;
    if told.service.is_beyond(COUNTER_MAX) {
        return Err(beyond());
    }
    let seen = Seen {
        session,
        seen: sensible(told.seen)?,
        service: told.service,
    };
    gateway.cell.testify(&seen, Some((key, signed))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a checker testify of what it sees.
#[utoipa::path(post, path = "/v1/checkers", tag = "operate", request_body = CheckerKey, security(("operator" = [])),
    responses((status = 204, description = "It may"), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody)))]
pub(crate) async fn register(
    State(gateway): Shared,
    headers: HeaderMap,
    Body(checker): Body<CheckerKey>,
) -> Result<StatusCode, Problem> {
    require_operator(&headers, &gateway.operator)?;
    gateway.cell.register(&public_key(&checker.key)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn public_key(hex: &str) -> Result<PublicKey, Problem> {
    PublicKey::from_hex(hex)
        .ok_or_else(|| Problem::new(Kind::BadRequest, "A checker's key is 64 hexadecimal digits."))
}

fn sensible(account: Account) -> Result<Account, Problem> {
    let Account {
        seconds,
        units,
        bytes,
    } = account;
    if seconds.max(units).max(bytes) > COUNTER_MAX {
        return Err(beyond());
    }
    Ok(account)
}

fn beyond() -> Problem {
    Problem::new(Kind::BadRequest, "No session counts as much as this.")
}

/// 2^48: 280 terabytes.
const COUNTER_MAX: u64 = 1 << 48;
/// 64 bytes.
const SIGNATURE_CHARS: usize = 86;
