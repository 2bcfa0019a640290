//! Hosts and operators: who joins, how they are, what they are told.

use crate::extract::{Body, Id};
use crate::keys::require_operator;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::routes::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use firstlight_fleet::JoinError;
use firstlight_fleet::messages::{Enrol, Enrolled, VERSION};
use firstlight_units::{HostId, Micros, WallTime};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use utoipa::ToSchema;

/// A token that hosts join with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(default)]
pub(crate) struct TokenWanted {
    /// How many hosts may join with it: 1 to 10,000.
    uses: u32,
    /// Seconds that it is good for: at most a year.
    expires_in_s: u64,
}

impl Default for TokenWanted {
    fn default() -> Self {
        Self {
            uses: 1,
            expires_in_s: 86_400,
        }
    }
}

/// A token that hosts join with.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenMade {
    /// For `firstlight host --token`; it is shown once.
    token: String,
}

/// Whether something is so.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Switch {
    /// It is.
    #[serde(default = "on")]
    on: bool,
}

const fn on() -> bool {
    true
}

/// A host joins, with a key of its own and a token; or comes back with its key alone.
#[utoipa::path(post, path = "/v1/hosts/enrol", tag = "operate", request_body = Object,
    responses((status = 200, body = Object, description = "Where the bus is, and whose asks are genuine"), (status = 400, body = ProblemBody),
        (status = 403, body = ProblemBody, description = "`forbidden-ticket`: the token is not honoured, or the host was expelled"),
        (status = 404, body = ProblemBody, description = "`not-found`: this engine has no bus that other machines reach")))]
pub(crate) async fn enrol(
    State(gateway): Shared,
    Body(enrol): Body<Enrol>,
) -> Result<Json<Enrolled>, Problem> {
    // Before a use of the token is spent.
    let bus = gateway.bus.clone().ok_or_else(|| {
        Problem::new(
            Kind::NotFound,
            "This engine has no bus that other machines reach: start it with --bus nats://HOST:PORT.",
        )
    })?;
    let member = gateway
        .cell
        .roster()
        .join(&enrol, wall_now())
        .await
        .map_err(refused)?;
    gateway.cell.admit(&member.host);
    let cell_keys = gateway.cell.roster().cell_keys().await;
    Ok(Json(Enrolled {
        v: VERSION,
        host: member.host,
        bus,
        cell_keys: cell_keys.map_err(|error| unwritten(&error.into()))?,
        beat_ms: 1_000,
        saves: gateway.saves.get().is_some(),
    }))
}

fn refused(error: JoinError) -> Problem {
    match error {
        JoinError::Refused(refusal) => Problem::new(
            Kind::BadRequest,
            format!("The wish to join is not taken: {refusal}."),
        ),
        JoinError::Token => Problem::new(
            Kind::ForbiddenTicket,
            "The join token is unknown, used up or too old.",
        ),
        JoinError::Expelled => Problem::new(Kind::ForbiddenTicket, "This host was expelled."),
        JoinError::Store(_) => unwritten(&error),
        _ => unwritten(&error),
    }
}

fn unwritten(error: &JoinError) -> Problem {
    tracing::error!(%error, "a host could not join");
    Problem::new(Kind::Engine, "The host could not be written down.")
}

/// Makes a token that hosts join with.
#[utoipa::path(post, path = "/v1/hosts/tokens", tag = "operate", request_body = TokenWanted, security(("operator" = [])),
    responses((status = 201, body = TokenMade), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody)))]
pub(crate) async fn token(
    State(gateway): Shared,
    headers: HeaderMap,
    Body(wanted): Body<TokenWanted>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    require_operator(&headers, &gateway.operator)?;
    if !(1..=USES_MAX).contains(&wanted.uses) || wanted.expires_in_s > YEAR_S {
        return Err(Problem::new(
            Kind::BadRequest,
            "A token has 1 to 10,000 uses and is good for a year at most.",
        ));
    }
    let expires = wall_now() + Micros::from_secs(wanted.expires_in_s);
    let token = gateway.cell.roster().token(wanted.uses, expires).await;
    let token = token.map_err(|error| Problem::from(firstlight_cell::Error::from(error)))?;
    Ok((StatusCode::CREATED, Json(TokenMade { token })))
}

/// Tells a host to take nothing new and to finish what runs, or to take sessions again.
#[utoipa::path(post, path = "/v1/hosts/{id}/drain", tag = "operate", request_body = Switch, security(("operator" = [])),
    params(("id" = String, Path, description = "The host's id")),
    responses((status = 204, description = "It was told, and says so with its next beat"), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`not-found`")))]
pub(crate) async fn drain(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
    Body(switch): Body<Switch>,
) -> Result<StatusCode, Problem> {
    require_operator(&headers, &gateway.operator)?;
    gateway.cell.drain(&host(&id)?, switch.on).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets nothing new onto a host, whatever the host says, or lets it again. It is written down: it holds at the other gateways of the
/// store within a second, and after a restart.
#[utoipa::path(post, path = "/v1/hosts/{id}/cordon", tag = "operate", request_body = Switch, security(("operator" = [])),
    params(("id" = String, Path, description = "The host's id")),
    responses((status = 204, description = "It is so"), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`not-found`")))]
pub(crate) async fn cordon(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
    Body(switch): Body<Switch>,
) -> Result<StatusCode, Problem> {
    require_operator(&headers, &gateway.operator)?;
    gateway.cell.cordon(&host(&id)?, switch.on).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The records that are kept of a host's checks, one a line: `firstlight checker verify` judges each again.
#[utoipa::path(get, path = "/v1/hosts/{id}/evidence", tag = "operate", security(("operator" = [])),
    params(("id" = String, Path, description = "The host's id")),
    responses((status = 200, body = String, content_type = "text/plain", description = "Empty: it was not checked yet"), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`not-found`")))]
pub(crate) async fn evidence(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<String, Problem> {
    require_operator(&headers, &gateway.operator)?;
    Ok(gateway.cell.evidence(&host(&id)?).await?)
}

fn host(id: &str) -> Result<HostId, Problem> {
    id.parse()
        .map_err(|_| Problem::new(Kind::NotFound, "There is no such host."))
}

fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

const USES_MAX: u32 = 10_000;
const YEAR_S: u64 = 366 * 86_400;
