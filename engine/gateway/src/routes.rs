//! The API's routes.

use crate::access::Authority;
use crate::api::{
    Health, HostList, HostsWanted, NewSession, NewTicket, RegionList, RegionView, SessionList, SessionView,
    SessionsWanted, Started, TicketWanted, Timing, TitleList, TitleView, endpoints,
};
use crate::extract::{Asked, Body, Id};
use crate::gateway::Inner;
use crate::keys::{Caller, caller, require_operator};
use crate::neighbours::AWAY_FOR;
use crate::picture;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::seat::Seat;
use crate::throttle::PeerAddress;
use crate::titles::Listed;
use crate::{fleet, operate, queue, report, saves, testify, whep};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, patch, post, put};
use axum::{Json, Router};
use firstlight_cell::{Outcome, Start};
use firstlight_host::Session;
use firstlight_link::End;
use firstlight_units::SessionId;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

pub(crate) type Shared = State<Arc<Inner>>;

/// Every route of the API with what answers it. `/v1/openapi.json` describes each; a test compares.
pub(crate) fn all() -> Vec<(&'static str, MethodRouter<Arc<Inner>>)> {
    vec![
        ("/v1/titles", get(titles)),
        ("/v1/titles/{id}/picture", get(title_picture)),
        ("/v1/sessions", get(sessions).post(start_session)),
        ("/v1/sessions/{id}", get(session).delete(end_session)),
        ("/v1/sessions/{id}/tickets", post(new_ticket)),
        (
            "/v1/sessions/{id}/save",
            post(saves::open)
                .get(saves::read)
                .put(saves::write)
                .delete(saves::close),
        ),
        ("/v1/sessions/{id}/media", get(crate::media::media)),
        ("/v1/sessions/{id}/whep", post(whep::whep)),
        (
            "/v1/sessions/{id}/whep/{attachment}",
            patch(whep::trickle).delete(whep::hang_up),
        ),
        ("/v1/sessions/{id}/decision", get(operate::decision)),
        ("/v1/sessions/{id}/report", get(report::report)),
        ("/v1/sessions/{id}/trace", get(report::trace)),
        ("/v1/saves", get(saves::list)),
        ("/v1/saves/{title}", get(saves::export).delete(saves::erase)),
        ("/v1/saves/{title}/restore", post(saves::restore)),
        ("/v1/sessions/{id}/account", put(testify::account)),
        ("/v1/testimonies", post(testify::testimony)),
        ("/v1/checkers", post(testify::register)),
        ("/v1/queue/{id}", get(queue::turn).delete(queue::leave)),
        ("/v1/hosts", get(hosts)),
        ("/v1/hosts/enrol", post(fleet::enrol)),
        ("/v1/hosts/tokens", post(fleet::token)),
        ("/v1/hosts/{id}/drain", post(fleet::drain)),
        ("/v1/hosts/{id}/cordon", post(fleet::cordon)),
        ("/v1/hosts/{id}/evidence", get(fleet::evidence)),
        ("/v1/overview", get(operate::overview)),
        ("/v1/regions", get(regions)),
        ("/v1/summary", get(summary)),
        ("/v1/openapi.json", get(openapi)),
        ("/metrics", get(metrics)),
        ("/healthz", get(healthz)),
    ]
}

/// The paths of the API, as `/v1/openapi.json` describes them.
#[must_use]
pub fn api_paths() -> Vec<&'static str> {
    all().into_iter().map(|(path, _)| path).collect()
}

pub(crate) fn router() -> Router<Arc<Inner>> {
    all().into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(path, methods)
    })
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Firstlight", version = "1", description = "Start, see and end game sessions.",
        license(name = "MIT OR Apache-2.0")),
    paths(titles, title_picture, sessions, start_session, session, end_session, new_ticket, whep::whep, whep::trickle,
        whep::hang_up, crate::media::media, operate::decision, report::report, report::trace, testify::account,
        testify::testimony, testify::register, queue::turn, queue::leave, hosts,
        saves::open, saves::read, saves::write, saves::close, saves::list, saves::export, saves::erase, saves::restore,
        fleet::enrol, fleet::token, fleet::drain, fleet::cordon, fleet::evidence, operate::overview, regions, summary, openapi,
        metrics, healthz),
    components(schemas(ProblemBody)),
    modifiers(&Keys),
    tags((name = "play", description = "For players"), (name = "operate", description = "For the operator")),
)]
pub(crate) struct Description;

struct Keys;

impl Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = |what: &str| {
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some(what))
                    .build(),
            )
        };
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme(
            "player",
            scheme("`flp_` and 43 characters of base64url: a secret that the player's browser makes itself."),
        );
        components.add_security_scheme(
            "operator",
            scheme("`flo_` and 43 characters of base64url, from `operator.key`."),
        );
        components.add_security_scheme(
            "host",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                firstlight_saves::HEADER,
                "What a host asks, in base64url: signed by its key, for a session whose lease it has or had.",
            ))),
        );
        components.add_security_scheme(
            "link",
            scheme("`flr_` and 32 characters: what stands behind `#` in the link to a session's report."),
        );
    }
}

/// What can be played.
#[utoipa::path(get, path = "/v1/titles", tag = "play", responses((status = 200, body = TitleList)))]
async fn titles(State(gateway): Shared) -> Json<TitleList> {
    Json(TitleList {
        titles: gateway.titles.all().values().map(TitleView::new).collect(),
    })
}

/// A title's picture.
#[utoipa::path(get, path = "/v1/titles/{id}/picture", tag = "play", params(("id" = String, Path, description = "The title's id")),
    responses((status = 200, description = "PNG, JPEG, SVG or WebP", content_type = "image/*"),
        (status = 404, body = ProblemBody, description = "`unknown-title`, also when it has no picture")))]
async fn title_picture(State(gateway): Shared, Id(id): Id, headers: HeaderMap) -> Result<Response, Problem> {
    let titles = gateway.titles.all();
    let Listed { dir, .. } = titles.get(&id).ok_or_else(|| unknown_title(&id))?;
    picture::answer(dir, headers.get(header::IF_NONE_MATCH))
}

/// The player's own sessions, live and ended within an hour; all of them, for the operator. With `limit`, the newest come first.
#[utoipa::path(get, path = "/v1/sessions", tag = "play", security(("player" = []), ("operator" = [])),
    params(("live" = Option<bool>, Query, description = "Only those that have not ended"),
        ("limit" = Option<u32>, Query, description = "So many at most; `left_out` says how many more there are")),
    responses((status = 200, body = SessionList), (status = 401, body = ProblemBody)))]
async fn sessions(
    State(gateway): Shared,
    Extension(at): Extension<Authority>,
    headers: HeaderMap,
    Asked(wanted): Asked<SessionsWanted>,
) -> Result<Json<SessionList>, Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    let mut seats = gateway.seats();
    seats.retain(|seat| may_see(&caller, &seat.session) && !(wanted.live && seat.is_over()));
    let mut left_out = 0;
    if let Some(limit) = wanted.limit {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        seats.sort_by_cached_key(|seat| gateway.cell.known_for(&seat.session.id));
        left_out = seats.len().saturating_sub(limit);
        seats.truncate(limit);
    }
    let seats = seats.into_iter();
    Ok(Json(SessionList {
        sessions: seats
            .map(|s| SessionView::new(&gateway, s, &at, caller.operator))
            .collect(),
        left_out,
    }))
}

/// Starts a session and answers when it can be attached to.
#[utoipa::path(post, path = "/v1/sessions", tag = "play", request_body = NewSession, security(("player" = []), ("operator" = [])),
    params(("Idempotency-Key" = Option<String>, Header,
        description = "1 to 255 visible characters. The same key within an hour gives the same session, with a new ticket, also from another gateway.")),
    responses((status = 201, body = Started),
        (status = 202, body = queue::QueuedView, description = "Every slot is taken, and `wait` was said: the place in the queue; `Location` is where to ask for the turn. The same request with the same key finds the same place."),
        (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-title`"),
        (status = 413, body = ProblemBody), (status = 415, body = ProblemBody),
        (status = 429, body = ProblemBody, description = "`too-many`: one player's sessions, or starts from one address; see `Retry-After`"),
        (status = 500, body = ProblemBody, description = "`engine`"),
        (status = 503, body = ProblemBody, description = "`full` or stopping; see `Retry-After`")))]
async fn start_session(
    State(gateway): Shared,
    Extension(at): Extension<Authority>,
    peer: Option<Extension<PeerAddress>>,
    headers: HeaderMap,
    Body(wanted): Body<NewSession>,
) -> Result<Response, Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    let key = idempotency_key(&headers)?;
    let listed = gateway
        .titles
        .all()
        .get(&wanted.title)
        .cloned()
        .ok_or_else(|| unknown_title(&wanted.title))?;
    require_common(&wanted)?;
    let start = order(&gateway, &caller, &at, (&listed, &wanted), key);
    let neighbours = gateway.neighbours.get();
    let elsewhere = neighbours.and_then(|others| others.choose(&listed.title.id, &start.rtts_us));
    let placing = place(&gateway, (&caller, &at), peer, (start, &listed));
    let Some(elsewhere) = elsewhere else {
        return placing.await;
    };
    let placed = tokio::select! {
        placed = placing => placed,
        // Whatever is under way here ends with its lease.
        () = gateway.cell.away(AWAY_FOR) => Err(firstlight_cell::Error::Away.into()),
    };
    placed.map_err(|problem| {
        let problem = problem.or_at(elsewhere);
        if problem.is_sent_on() {
            firstlight_telemetry::sent_elsewhere();
        }
        problem
    })
}

/// Places a session in this cell.
async fn place(
    gateway: &Inner,
    (caller, at): (&Caller, &Authority),
    peer: Option<Extension<PeerAddress>>,
    (mut start, listed): (Start, &Listed),
) -> Result<Response, Problem> {
    let address = peer.map(|Extension(PeerAddress(address))| address);
    let limit = || match address {
        Some(address) if !caller.operator => may_start(gateway, address),
        Some(_) | None => Ok(()),
    };
    let known = match &start.key {
        Some(key) => gateway.cell.is_known(&caller.pseudonym, key).await?,
        None => false,
    };
    if !known {
        limit()?;
        start.fresh = true;
    }
    start.network = address.and_then(|address| gateway.networks.pseudonym(address));
    gateway.cell.set_title(&listed.title.id, listed.terms());
    if gateway.is_stopping() {
        return Err(firstlight_cell::Error::Stopping.into());
    }
    match gateway.cell.start(start).await? {
        Outcome::Started(session) => Ok(started(gateway, &session, at)),
        Outcome::Queued(place) => Ok(queue::queued(&place)),
    }
}

fn may_start(gateway: &Inner, address: IpAddr) -> Result<(), Problem> {
    gateway.throttle.take(address, Instant::now()).map_err(|wait| {
        let seconds = u32::try_from(wait.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        Problem::new(Kind::TooMany, "Too many sessions were started from this address.").retry_after(seconds)
    })
}

fn order(
    gateway: &Inner,
    caller: &Caller,
    at: &Authority,
    (listed, wanted): (&Listed, &NewSession),
    key: Option<&str>,
) -> Start {
    let mut origins = gateway.origins.clone();
    // The page that asked, whatever address it came by; access control has let it through.
    let schemes = gateway.names.schemes().iter();
    origins.extend(schemes.map(|scheme| format!("{scheme}://{}", at.full)));
    origins.sort_unstable();
    origins.dedup();
    let measured = wanted.client.rtt_ms.iter().take(REGIONS_MAX);
    Start {
        player: caller.pseudonym.clone(),
        title: listed.title.id.to_string(),
        key: key.map(str::to_owned),
        fresh: false,
        origins,
        rtts_us: measured
            .filter(|(_, ms)| ms.is_finite() && (0.0..=RTT_MS_MAX).contains(*ms))
            .map(|(region, ms)| (region.clone(), micros(*ms)))
            .collect(),
        far: wanted.far,
        wait: wanted.wait,
        network: None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most ten seconds, and not negative"
)]
fn micros(ms: f64) -> u64 {
    (ms * 1e3) as u64
}

/// 201 with the session and how it is attached to.
pub(crate) fn started(gateway: &Inner, started: &firstlight_cell::Started, at: &Authority) -> Response {
    let seat = Seat::from(started.session.clone());
    let body = Started {
        session: seat.session.id.to_string(),
        ticket: started.ticket.clone(),
        title: seat.session.title.to_string(),
        endpoints: endpoints(gateway, &seat, at),
        timing: Timing {
            placed_ms: started.timing.placed.as_millis_f64(),
            ready_ms: started.timing.ready.as_millis_f64(),
            parked: started.timing.parked,
            saves_ms: started.timing.saves.as_millis_f64(),
        },
    };
    (StatusCode::CREATED, Json(body)).into_response()
}

/// A session.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "play", security(("player" = []), ("operator" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = SessionView), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-session`, also when it is somebody else's")))]
async fn session(
    State(gateway): Shared,
    Extension(at): Extension<Authority>,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Json<SessionView>, Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    let seat = find(&gateway, &caller, &id).await?;
    Ok(Json(SessionView::new(&gateway, seat, &at, caller.operator)))
}

/// Ends a session; answers when nothing of it is left. Ending it twice is no error.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "play", security(("player" = []), ("operator" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 204, description = "It is over"), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn end_session(State(gateway): Shared, Id(id): Id, headers: HeaderMap) -> Result<StatusCode, Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    let seat = find(&gateway, &caller, &id).await?;
    let own = seat.session.player == caller.pseudonym;
    let reason = if own { End::ByPlayer } else { End::ByOperator };
    gateway.cell.end(&seat.session.id, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A new ticket for a player who lost the resume secret.
#[utoipa::path(post, path = "/v1/sessions/{id}/tickets", tag = "play", security(("player" = []), ("operator" = [])),
    params(("id" = String, Path, description = "The session's id")), request_body = Option<TicketWanted>,
    responses((status = 201, body = NewTicket), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-session`, also when it is over")))]
async fn new_ticket(
    State(gateway): Shared,
    Extension(at): Extension<Authority>,
    Id(id): Id,
    headers: HeaderMap,
    wanted: Option<Body<TicketWanted>>,
) -> Result<(StatusCode, Json<NewTicket>), Problem> {
    let caller = caller(&headers, &gateway.operator)?;
    let seat = find(&gateway, &caller, &id).await?;
    // Not even the operator plays in somebody's place.
    let session = &seat.session;
    if session.player != caller.pseudonym {
        return Err(Problem::unknown_session());
    }
    let key = wanted.and_then(|Body(wanted)| wanted.client.key);
    let seal_key = key.is_some().then(|| session.seal_key.clone());
    let ticket = match key {
        // A point's length; whether it is one is the session's to say.
        Some(key) if key.len() != KEY_CHARS => {
            return Err(Problem::new(
                Kind::BadRequest,
                "A key has 87 characters of base64url.",
            ));
        }
        key => gateway.ticket(&session.id, key).await?,
    };
    Ok((
        StatusCode::CREATED,
        Json(NewTicket {
            seal_key,
            ticket,
            endpoints: endpoints(&gateway, &seat, &at),
        }),
    ))
}

/// The machines of this fleet, a page at a time.
#[utoipa::path(get, path = "/v1/hosts", tag = "operate", security(("operator" = [])),
    params(("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, description = "So many at most: 1 to 1000, which is the default")),
    responses((status = 200, body = HostList), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody)))]
async fn hosts(
    State(gateway): Shared,
    headers: HeaderMap,
    Asked(wanted): Asked<HostsWanted>,
) -> Result<Json<HostList>, Problem> {
    require_operator(&headers, &gateway.operator)?;
    let limit = wanted.limit.unwrap_or(HOSTS_PAGE);
    if !(1..=HOSTS_PAGE).contains(&limit) {
        return Err(Problem::new(Kind::BadRequest, "A page has 1 to 1000 hosts."));
    }
    let (hosts, next) = gateway.host_views(wanted.after.as_deref(), limit);
    Ok(Json(HostList { hosts, next }))
}

/// Where this fleet has machines.
#[utoipa::path(get, path = "/v1/regions", tag = "play", responses((status = 200, body = RegionList)))]
async fn regions(State(gateway): Shared) -> Json<RegionList> {
    let regions = gateway.cell.regions();
    let neighbours = gateway.neighbours.get();
    Json(RegionList {
        regions: regions.into_iter().map(RegionView::new).collect(),
        elsewhere: neighbours.map(|others| others.origins()).unwrap_or_default(),
    })
}

/// This cell in a few words, as the gateways of other cells ask for them each second.
#[utoipa::path(get, path = "/v1/summary", tag = "operate", responses((status = 200, body = Object,
    description = "Whether it takes sessions, roughly how many slots are free in which region, and what can be played")))]
async fn summary(State(gateway): Shared) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, gateway.cell.summary().write()).into_response()
}

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "play", responses((status = 200, body = Object)))]
async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}

/// Metrics for Prometheus; give it the operator's key as its bearer token.
#[utoipa::path(get, path = "/metrics", tag = "operate", security(("operator" = [])),
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4"), (status = 401, body = ProblemBody)))]
async fn metrics(State(gateway): Shared, headers: HeaderMap) -> Result<Response, Problem> {
    require_operator(&headers, &gateway.operator)?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, gateway.metrics.render()).into_response())
}

/// Whether the engine takes sessions.
#[utoipa::path(get, path = "/healthz", tag = "operate",
    responses((status = 200, body = Health), (status = 503, body = Health, description = "It is stopping")))]
async fn healthz(State(gateway): Shared) -> (StatusCode, Json<Health>) {
    if gateway.is_stopping() {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(Health { status: "stopping" }),
        )
    } else {
        (StatusCode::OK, Json(Health { status: "ok" }))
    }
}

/// What is not the caller's does not exist.
async fn find(gateway: &Inner, caller: &Caller, id: &str) -> Result<Seat, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::unknown_session())?;
    let seat = gateway.seat(&id).await;
    seat.filter(|seat| may_see(caller, &seat.session))
        .ok_or_else(Problem::unknown_session)
}

fn may_see(caller: &Caller, session: &Session) -> bool {
    caller.operator || session.player == caller.pseudonym
}

fn unknown_title(id: &str) -> Problem {
    let shown: String = id.chars().take(64).collect();
    Problem::new(
        Kind::UnknownTitle,
        format!("Nothing here is called {shown:?}; see /v1/titles."),
    )
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let refused = || {
        Problem::new(
            Kind::BadRequest,
            "An Idempotency-Key has 1 to 255 visible characters.",
        )
    };
    key.ok_or_else(refused).map(Some)
}

/// A client that says what it can do must be able to do what this engine does.
fn require_common(wanted: &NewSession) -> Result<(), Problem> {
    let named =
        |list: &[String], what: &str| list.is_empty() || list.iter().any(|item| item.starts_with(what));
    if !TRANSPORTS
        .iter()
        .any(|transport| named(&wanted.client.transports, transport))
    {
        return Err(Problem::new(
            Kind::BadRequest,
            format!(
                "This engine's media comes over {} only.",
                TRANSPORTS.join(" and ")
            ),
        ));
    }
    if !["avc", "h264"]
        .iter()
        .any(|codec| named(&wanted.client.codecs, codec))
    {
        return Err(Problem::new(
            Kind::BadRequest,
            "This engine's video begins as H.264 (avc1).",
        ));
    }
    Ok(())
}

/// A quarter of a megabyte of JSON.
const HOSTS_PAGE: u32 = 1000;
/// 65 bytes in base64url.
const KEY_CHARS: usize = 87;
/// More than any page measures.
const REGIONS_MAX: usize = 64;
/// Nothing farther away is played on.
const RTT_MS_MAX: f64 = 10_000.0;
/// Kinds of endpoint.
const TRANSPORTS: [&str; 4] = ["webtransport", "whep", "relay", "websocket"];
