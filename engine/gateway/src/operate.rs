//! What operators see of a cell: how it stands, who waits, and why a session is where it is.

use crate::extract::Id;
use crate::keys::require_operator;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::routes::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use firstlight_cell::{Overview, PoolRow, RegionRow, WaitingRow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The whole cell.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Overview)]
pub(crate) struct OverviewView {
    regions: Vec<RegionTotals>,
    /// Warm pools, of each title in each region.
    pools: Vec<PoolView>,
    /// Sessions that run.
    sessions: usize,
    /// Requests that wait.
    queue: usize,
    /// The first fifty of them, in turn.
    waiting: Vec<WaitingView>,
    /// Mean length of a session, seconds.
    session_mean_s: f64,
    placed_ms: PlacedView,
    /// Messages of hosts that were refused since this gateway began, by why.
    refused: BTreeMap<&'static str, u64>,
}

/// What a region has.
#[derive(Debug, Serialize, ToSchema)]
struct RegionTotals {
    region: String,
    /// Machines that are heard of.
    hosts: u32,
    /// Of those, draining or cordoned.
    closed: u32,
    /// Slots of those that take sessions.
    slots: u64,
    /// Of those, not taken.
    free: u64,
}

/// A title's warm pool in a region.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pool)]
struct PoolView {
    /// The title's id.
    title: String,
    region: String,
    /// Sessions that are expected to begin in a minute.
    per_minute: f64,
    /// Parked copies that hosts were asked for beyond what they keep by themselves.
    asked: u32,
}

/// One who waits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
struct WaitingView {
    /// Pseudonym.
    player: String,
    /// The title's id.
    title: String,
    /// 1 is next.
    place: u32,
    /// Seconds that he has waited.
    waited_s: u64,
    /// Seconds that it will take, in the middle of what is likely.
    estimate_s: u64,
    /// The host at which a place is held for him.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_at: Option<String>,
}

/// From a request to a session that takes its player's ticket, milliseconds, of this gateway's last thousand.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Placed)]
struct PlacedView {
    p50: f64,
    p99: f64,
}

impl From<Overview> for OverviewView {
    fn from(of: Overview) -> Self {
        let (p50, p99) = of.placed_us;
        Self {
            regions: of.regions.into_iter().map(RegionTotals::from).collect(),
            pools: of.pools.into_iter().map(PoolView::from).collect(),
            sessions: of.sessions,
            queue: of.queue,
            waiting: of.waiting.into_iter().map(WaitingView::from).collect(),
            session_mean_s: of.session_mean_s,
            placed_ms: PlacedView {
                p50: millis(p50),
                p99: millis(p99),
            },
            refused: of.refused,
        }
    }
}

impl From<RegionRow> for RegionTotals {
    fn from(row: RegionRow) -> Self {
        Self {
            region: row.region,
            hosts: row.hosts,
            closed: row.closed,
            slots: row.slots,
            free: row.free,
        }
    }
}

impl From<PoolRow> for PoolView {
    fn from(row: PoolRow) -> Self {
        Self {
            title: row.title,
            region: row.region,
            per_minute: row.per_minute,
            asked: row.asked,
        }
    }
}

impl From<WaitingRow> for WaitingView {
    fn from(row: WaitingRow) -> Self {
        Self {
            player: row.player,
            title: row.title,
            place: row.place,
            waited_s: row.waited.as_micros() / 1_000_000,
            estimate_s: row.estimate.as_micros().div_ceil(1_000_000),
            held_at: row.held_at,
        }
    }
}

fn millis(us: u64) -> f64 {
    firstlight_units::Micros::new(us).as_millis_f64()
}

/// Why a session is where it is: what was weighed when it was placed. Times are in microseconds of latency, or what is worth as much.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Decision)]
pub(crate) struct DecisionView {
    /// What the publisher wants: `cheapest`, `best-experience` or `best-overall`.
    policy: String,
    /// In the order in which they were asked; the first was the choice. Not all that could have been, only the best.
    candidates: Vec<CandidateView>,
    filtered: FilteredView,
    /// Hosts that were looked at one by one.
    looked_at: u32,
    /// Regions that no host of could have been better.
    regions_farther: u32,
}

/// A host that could have been chosen.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Candidate)]
struct CandidateView {
    /// Its id.
    host: String,
    /// Its region.
    region: String,
    /// How soon the title runs there: `parked`, `installed` or `fetch`.
    warmth: String,
    terms: TermsView,
    /// The sum of the terms: the lowest was chosen.
    cost_us: u32,
}

/// What speaks against a candidate.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Terms)]
struct TermsView {
    /// Predicted click-to-photon: to the region and back, and the host's own stages.
    latency_us: u32,
    /// Its price.
    price_us: u32,
    /// What its checker's score lacks.
    distrust_us: u32,
    /// That the title has to be booted or fetched.
    start_us: u32,
    /// Busy cores.
    load_us: u32,
    /// Room that the session would break into.
    packing_us: u32,
}

/// Hosts that were out of the question, each under the first filter that it failed.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = Filtered)]
struct FilteredView {
    /// Every slot is taken or promised.
    full: u32,
    /// Draining or cordoned.
    closed: u32,
    /// Measured to be weaker than the title needs.
    weak: u32,
    /// Above the price cap.
    dear: u32,
    /// In regions farther than the title allows.
    far: u32,
    /// Refused this session before.
    refused: u32,
}

/// The whole cell: regions, sessions, the queue, how long placements take.
#[utoipa::path(get, path = "/v1/overview", tag = "operate", security(("operator" = [])),
    responses((status = 200, body = OverviewView), (status = 401, body = ProblemBody)))]
pub(crate) async fn overview(
    State(gateway): Shared,
    headers: HeaderMap,
) -> Result<Json<OverviewView>, Problem> {
    require_operator(&headers, &gateway.operator)?;
    Ok(Json(gateway.cell.overview().into()))
}

/// Why a session was placed where it was.
#[utoipa::path(get, path = "/v1/sessions/{id}/decision", tag = "operate", security(("operator" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = DecisionView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(crate) async fn decision(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Json<DecisionView>, Problem> {
    require_operator(&headers, &gateway.operator)?;
    let id = id.parse().map_err(|_| Problem::unknown_session())?;
    let text = gateway
        .cell
        .decision(&id)
        .await?
        .ok_or_else(Problem::unknown_session)?;
    serde_json::from_str(&text).map(Json).map_err(|error| {
        tracing::error!(%error, session = %id, "a decision cannot be read");
        Problem::new(
            Kind::Engine,
            "What was written down of this decision cannot be read.",
        )
    })
}
