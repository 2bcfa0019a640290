//! Players who wait for a slot.

use crate::access::Authority;
use crate::extract::Id;
use crate::keys::caller;
use crate::problem::{Problem, ProblemBody};
use crate::routes::{Shared, started};
use axum::Json;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firstlight_cell::{Outcome, Queued};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// A place in the queue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queued)]
pub(crate) struct QueuedView {
    /// Ask `/v1/queue/{queue}` for the turn, every few seconds.
    queue: String,
    /// 1 is next.
    place: u32,
    /// Seconds that it will take, in the middle of what is likely.
    estimate_s: u64,
    /// A region farther away that would be sooner: ask for the turn with `?far=true` to go there.
    #[serde(skip_serializing_if = "Option::is_none")]
    sooner: Option<SoonerView>,
}

/// A region that would be sooner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sooner)]
struct SoonerView {
    region: String,
    /// How far it is, there and back.
    rtt_ms: f64,
    /// Seconds that it would take there.
    estimate_s: u64,
}

/// How the turn is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Turn {
    /// Regions farther away will do from here on; the place stays the same.
    far: bool,
}

/// 202 with the place.
pub(crate) fn queued(queued: &Queued) -> Response {
    let view = QueuedView {
        queue: queued.id.clone(),
        place: queued.place,
        estimate_s: queued.estimate.as_micros().div_ceil(1_000_000),
        sooner: queued.alternative.as_ref().map(|other| SoonerView {
            region: other.region.to_string(),
            rtt_ms: other.rtt.as_millis_f64(),
            estimate_s: other.estimate.as_micros().div_ceil(1_000_000),
        }),
    };
    let mut response = (StatusCode::ACCEPTED, Json(view)).into_response();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/queue/{}", queued.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// A waiting player's turn: its session, or its place. The answer is held back for some seconds while nothing changes; a
/// place that is free is held for who asks within fifteen seconds, and who does not ask for ninety seconds waits no longer.
#[utoipa::path(get, path = "/v1/queue/{id}", tag = "play", security(("player" = []), ("operator" = [])),
    params(("id" = String, Path, description = "From the `202` of `POST /v1/sessions`"), Turn),
    responses((status = 201, body = crate::api::Started, description = "It is its turn: as of `POST /v1/sessions`"),
        (status = 202, body = QueuedView), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-session`: nobody waits under this name, or it is somebody else")))]
pub(crate) async fn turn(
    State(gateway): Shared,
    Extension(at): Extension<Authority>,
    Id(id): Id,
    Query(turn): Query<Turn>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    if turn.far {
        gateway.cell.widen(&id, &caller.pseudonym).await?;
    }
    match gateway.cell.turn(&id, &caller.pseudonym, HELD_BACK).await? {
        Outcome::Started(session) => Ok(started(&gateway, &session, &at)),
        Outcome::Queued(place) => Ok(queued(&place)),
    }
}

/// A waiting player gives up.
#[utoipa::path(delete, path = "/v1/queue/{id}", tag = "play", security(("player" = []), ("operator" = [])),
    params(("id" = String, Path, description = "From the `202` of `POST /v1/sessions`")),
    responses((status = 204, description = "It waits no longer"), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn leave(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    gateway.cell.leave_queue(&id, &caller.pseudonym).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Long enough that a page learns of its turn at once, short enough for every proxy.
const HELD_BACK: Duration = Duration::from_secs(5);
