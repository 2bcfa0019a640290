//! What players have saved: brought to hosts and taken from them, and shown to whose it is.
//!
//! ```text
//! host ──POST, GET, PUT, DELETE /v1/sessions/{id}/save, signed──> Keeper
//! player, operator ──GET, DELETE /v1/saves, POST …/restore──────> Keeper
//! ```
//!
//! An archive passes in pieces: of each transfer a mebibyte or two are in memory, and so many transfers go on at once.

use crate::extract::{Asked, Body, Id};
use crate::gateway::Inner;
use crate::keys::caller;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::routes::Shared;
use axum::Json;
use axum::body::Body as Raw;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firstlight_fleet::messages::{SaveAsk, SaveVerb, Written};
use firstlight_saves::{Error, HEADER, Held, Keeper, Newest, Reading, Shelf};
use firstlight_units::{HostId, Micros, TitleId, WallTime};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

/// Where archives are taken and given.
#[derive(Debug)]
pub(crate) struct Counter {
    keeper: Keeper,
    /// Of hosts.
    transfers: Arc<Semaphore>,
    /// Of players: one who reads slowly keeps no host waiting.
    exports: Arc<Semaphore>,
}

impl Counter {
    pub(crate) fn new(keeper: Keeper) -> Self {
        Self {
            keeper,
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
        }
    }

    fn transfer(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Self::place(&self.transfers)
    }

    fn place(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(of).try_acquire_owned();
        place.map_err(|_| {
            Problem::new(Kind::TooMany, "As many saves as may be are on their way.").retry_after(RETRY_S)
        })
    }
}

/// What is kept of a player's saves.
#[derive(Serialize, ToSchema)]
pub(crate) struct SaveList {
    /// Bytes of all of it.
    bytes: u64,
    /// Bytes that it may have.
    bytes_max: u64,
    /// By title.
    titles: Vec<TitleSaves>,
}

/// What is kept of a title.
#[derive(Serialize, ToSchema)]
struct TitleSaves {
    /// The title's id.
    title: String,
    /// The newest first: one of each of the last sessions.
    versions: Vec<SaveVersion>,
}

/// A version.
#[derive(Serialize, ToSchema)]
struct SaveVersion {
    version: u64,
    /// The session that it was saved in.
    session: String,
    /// When it was, in milliseconds since 1970.
    at_ms: u64,
    /// Bytes of its archive.
    bytes: u64,
}

/// Whose saves.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Whose {
    player: Option<String>,
}

/// A version of a title's saves.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct VersionWanted {
    version: u64,
}

/// What became the newest.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionMade {
    version: u64,
}

/// A host asks what is newest of a session's player and title.
#[utoipa::path(post, path = "/v1/sessions/{id}/save", tag = "operate", security(("host" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = Object, description = "`{version, sha256, bytes, settled}`; version 0: nothing was ever saved; no digest: nothing is kept; not settled: the session before is about to be put away"),
        (status = 403, body = ProblemBody, description = "`forbidden-save`: the host does not hold the session"),
        (status = 404, body = ProblemBody, description = "`unknown-session`, or `not-found` where saves are not kept")))]
pub(crate) async fn open(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Json<Newest>, Problem> {
    let (counter, host, held, ask) = asked(&gateway, &id, &headers)?;
    require(ask.verb == SaveVerb::Open)?;
    let newest = counter.keeper.open(&host, &held).await.map_err(refused)?;
    Ok(Json(newest))
}

/// A host takes a version's archive.
#[utoipa::path(get, path = "/v1/sessions/{id}/save", tag = "operate", security(("host" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, description = "A tar of files and folders, compressed with gzip", content_type = "application/gzip"),
        (status = 403, body = ProblemBody, description = "`forbidden-save`"),
        (status = 404, body = ProblemBody, description = "`unknown-session`, `unknown-save`"),
        (status = 429, body = ProblemBody, description = "`too-many`; see `Retry-After`")))]
pub(crate) async fn read(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (counter, host, held, ask) = asked(&gateway, &id, &headers)?;
    let SaveVerb::Read { version } = ask.verb else {
        return Err(other_verb());
    };
    let place = counter.transfer()?;
    let reading = counter
        .keeper
        .read(&host, &held, version)
        .await
        .map_err(refused)?;
    Ok(archive(reading, place))
}

/// A host brings an archive, in the place of what is newest.
#[utoipa::path(put, path = "/v1/sessions/{id}/save", tag = "operate", security(("host" = [])),
    request_body(content = String, content_type = "application/gzip", description = "As many bytes, with that digest, as the header says"),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = VersionMade), (status = 400, body = ProblemBody, description = "`bad-request`: not what the header says"),
        (status = 403, body = ProblemBody, description = "`forbidden-save`"), (status = 404, body = ProblemBody, description = "`unknown-session`"),
        (status = 409, body = ProblemBody, description = "`save-superseded`: the player has gone on in a later session"),
        (status = 413, body = ProblemBody, description = "`too-large`: one archive, or all of the player's"),
        (status = 429, body = ProblemBody, description = "`too-many`; see `Retry-After`")))]
pub(crate) async fn write(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
    body: Raw,
) -> Result<Json<VersionMade>, Problem> {
    let (counter, host, held, ask) = asked(&gateway, &id, &headers)?;
    let SaveVerb::Write(written) = ask.verb else {
        return Err(other_verb());
    };
    let _place = counter.transfer()?;
    let version = take(&counter.keeper, (&host, &held), written, body).await?;
    Ok(Json(VersionMade { version }))
}

async fn take(
    keeper: &Keeper,
    (host, held): (&HostId, &Held),
    written: Written,
    body: Raw,
) -> Result<u64, Problem> {
    let mut writing = keeper.write(host, held, written).await.map_err(refused)?;
    let mut pieces = body.into_data_stream();
    loop {
        let piece = match tokio::time::timeout(PIECE_WITHIN, pieces.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => return writing.finish().await.map_err(refused),
            Ok(Some(Err(_))) | Err(_) => {
                writing.abandon().await;
                return Err(Problem::new(
                    Kind::TooSlow,
                    "The archive did not come to its end.",
                ));
            }
        };
        if let Err(error) = writing.push(&piece).await {
            writing.abandon().await;
            return Err(refused(error));
        }
    }
}

/// A host says that nothing more comes of a session.
#[utoipa::path(delete, path = "/v1/sessions/{id}/save", tag = "operate", security(("host" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 204, description = "The next session need not wait for it"), (status = 403, body = ProblemBody, description = "`forbidden-save`"),
        (status = 404, body = ProblemBody, description = "`unknown-session`")))]
pub(crate) async fn close(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let (counter, host, held, ask) = asked(&gateway, &id, &headers)?;
    require(ask.verb == SaveVerb::Close)?;
    counter.keeper.close(&host, &held).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is kept of the player's saves; of any player's, for the operator.
#[utoipa::path(get, path = "/v1/saves", tag = "play", security(("player" = []), ("operator" = [])),
    params(("player" = Option<String>, Query, description = "Pseudonym of another player; for the operator")),
    responses((status = 200, body = SaveList), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody, description = "`not-found` where saves are not kept")))]
pub(crate) async fn list(
    State(gateway): Shared,
    headers: HeaderMap,
    Asked(whose): Asked<Whose>,
) -> Result<Json<SaveList>, Problem> {
    let (counter, player) = (counter(&gateway)?, player(&gateway, &headers, whose)?);
    let kept = counter.keeper.list(&player).await.map_err(refused)?;
    let titles = kept.into_iter().filter(|(_, shelf)| !shelf.kept.is_empty());
    let titles: Vec<TitleSaves> = titles
        .map(|(title, shelf)| TitleSaves::new(&title, &shelf))
        .collect();
    Ok(Json(SaveList {
        bytes: titles
            .iter()
            .flat_map(|title| &title.versions)
            .map(|version| version.bytes)
            .sum(),
        bytes_max: counter.keeper.limits().player_bytes,
        titles,
    }))
}

/// The newest of a title's saves, as an archive to keep.
#[utoipa::path(get, path = "/v1/saves/{title}", tag = "play", security(("player" = []), ("operator" = [])),
    params(("title" = String, Path, description = "The title's id"), ("player" = Option<String>, Query, description = "Pseudonym of another player; for the operator")),
    responses((status = 200, description = "A tar of files and folders, compressed with gzip", content_type = "application/gzip"),
        (status = 401, body = ProblemBody), (status = 404, body = ProblemBody, description = "`unknown-save`"),
        (status = 429, body = ProblemBody, description = "`too-many`; see `Retry-After`")))]
pub(crate) async fn export(
    State(gateway): Shared,
    Id(title): Id,
    headers: HeaderMap,
    Asked(whose): Asked<Whose>,
) -> Result<Response, Problem> {
    let (counter, player) = (counter(&gateway)?, player(&gateway, &headers, whose)?);
    let place = Counter::place(&counter.exports)?;
    let reading = counter
        .keeper
        .newest(&player, &named(&title)?)
        .await
        .map_err(refused)?;
    Ok(archive(reading, place))
}

/// Removes all that is kept of a title's saves. It does not come back from any host.
#[utoipa::path(delete, path = "/v1/saves/{title}", tag = "play", security(("player" = []), ("operator" = [])),
    params(("title" = String, Path, description = "The title's id"), ("player" = Option<String>, Query, description = "Pseudonym of another player; for the operator")),
    responses((status = 204, description = "Nothing is kept"), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody, description = "`unknown-save`"),
        (status = 409, body = ProblemBody, description = "`save-in-use`: a session of the title goes on")))]
pub(crate) async fn erase(
    State(gateway): Shared,
    Id(title): Id,
    headers: HeaderMap,
    Asked(whose): Asked<Whose>,
) -> Result<StatusCode, Problem> {
    let (counter, player) = (counter(&gateway)?, player(&gateway, &headers, whose)?);
    let was_there = counter
        .keeper
        .erase(&player, &named(&title)?)
        .await
        .map_err(refused)?;
    if was_there {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(refused(Error::UnknownVersion))
    }
}

/// Makes an older version of a title's saves the newest: the next session finds it.
#[utoipa::path(post, path = "/v1/saves/{title}/restore", tag = "play", request_body = VersionWanted, security(("player" = []), ("operator" = [])),
    params(("title" = String, Path, description = "The title's id"), ("player" = Option<String>, Query, description = "Pseudonym of another player; for the operator")),
    responses((status = 200, body = VersionMade), (status = 400, body = ProblemBody), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-save`"), (status = 409, body = ProblemBody, description = "`save-in-use`")))]
pub(crate) async fn restore(
    State(gateway): Shared,
    Id(title): Id,
    headers: HeaderMap,
    Asked(whose): Asked<Whose>,
    Body(wanted): Body<VersionWanted>,
) -> Result<Json<VersionMade>, Problem> {
    let (counter, player) = (counter(&gateway)?, player(&gateway, &headers, whose)?);
    let restored = counter
        .keeper
        .restore(&player, &named(&title)?, wanted.version)
        .await;
    let version = restored.map_err(refused)?;
    Ok(Json(VersionMade { version }))
}

impl TitleSaves {
    fn new(title: &TitleId, shelf: &Shelf) -> Self {
        let versions = shelf.kept.iter().map(|kept| SaveVersion {
            version: kept.version,
            session: kept.session.clone(),
            at_ms: kept.at / 1_000,
            bytes: kept.bytes,
        });
        Self {
            title: title.to_string(),
            versions: versions.collect(),
        }
    }
}

/// Whether an archive comes with it.
pub(crate) fn is_archive(method: &Method, path: &str) -> bool {
    method == Method::PUT && path.starts_with("/v1/sessions/") && path.ends_with("/save")
}

fn archive(reading: Reading, place: OwnedSemaphorePermit) -> Response {
    let length = reading.left();
    let pieces = stream::unfold((reading, place), |(mut reading, place)| async move {
        // An error ends the connection before the length is reached: nobody takes it for the whole.
        let next = reading.next().await.transpose()?;
        Some((next, (reading, place)))
    });
    let headers = [
        (header::CONTENT_TYPE, KIND.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"saves.tar.gz\"".to_owned(),
        ),
    ];
    (headers, Raw::from_stream(pieces)).into_response()
}

fn counter(gateway: &Inner) -> Result<&Counter, Problem> {
    let none = || Problem::new(Kind::NotFound, "This gateway keeps no saves.");
    gateway.saves.get().ok_or_else(none)
}

/// Who asks, and for which session: the signature is the host's, and says what the request says.
fn asked<'a>(
    gateway: &'a Inner,
    session: &str,
    headers: &HeaderMap,
) -> Result<(&'a Counter, HostId, Held, SaveAsk), Problem> {
    let counter = counter(gateway)?;
    let missing = || forbidden("Only a host asks this, with a header that it has signed.");
    let header = headers
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(missing)?;
    let read = SaveAsk::from_header(header).and_then(|ask| {
        let key = ask.check(wall_now())?;
        Ok((ask, key))
    });
    let (ask, key) =
        read.map_err(|refusal| forbidden(&format!("What the host asks is not taken: {refusal}.")))?;
    if ask.session.as_str() != session {
        return Err(forbidden("The host has signed for another session."));
    }
    let held = Held {
        session: ask.session.clone(),
        fence: ask.fence,
    };
    Ok((counter, key.id(), held, ask))
}

fn require(same: bool) -> Result<(), Problem> {
    if same { Ok(()) } else { Err(other_verb()) }
}

fn other_verb() -> Problem {
    forbidden("The host has signed for something else.")
}

fn forbidden(detail: &str) -> Problem {
    Problem::new(Kind::ForbiddenSave, detail)
}

/// The caller, or whom the operator names.
fn player(gateway: &Inner, headers: &HeaderMap, whose: Whose) -> Result<String, Problem> {
    let caller = caller(headers, &gateway.operator)?;
    let Some(player) = whose.player else {
        return Ok(caller.pseudonym);
    };
    if !caller.operator {
        return Err(Problem::new(
            Kind::Unauthorized,
            "Another player's saves are shown to the operator only.",
        ));
    }
    let plain = (1..=128).contains(&player.len())
        && player
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    let absurd = || {
        Problem::new(
            Kind::BadRequest,
            "A player's pseudonym has small letters and digits.",
        )
    };
    plain.then_some(player).ok_or_else(absurd)
}

fn named(title: &str) -> Result<TitleId, Problem> {
    title.parse().map_err(|_| refused(Error::UnknownVersion))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what has no word of its own is the engine's fault"
)]
fn refused(error: Error) -> Problem {
    match error {
        Error::NotHolder(why) => forbidden(&format!("It is not taken: {why}.")),
        Error::UnknownSession(_) => Problem::unknown_session(),
        Error::UnknownVersion => Problem::new(Kind::UnknownSave, "Nothing of that name or number is kept."),
        Error::Superseded => Problem::new(
            Kind::SaveSuperseded,
            "The player has gone on in a later session: what that one has counts.",
        ),
        Error::InUse => Problem::new(Kind::SaveInUse, "A session of this title goes on; end it first."),
        Error::Digest => Problem::new(Kind::BadRequest, "The archive is not the one that was promised."),
        Error::TooLarge { what, given, most } => Problem::new(
            Kind::TooLarge,
            format!(
                "{what}: {given}, at most {most}. Saves of titles that are not played any more can be removed."
            ),
        ),
        Error::Busy => {
            Problem::new(Kind::TooMany, "The saves are changed by others; try again.").retry_after(RETRY_S)
        }
        Error::Store(error) if error.is_transient() => {
            tracing::warn!(%error, "the store of saves does not answer");
            Problem::new(Kind::Away, "Saves cannot be reached for the moment.").retry_after(RETRY_S)
        }
        error => {
            tracing::error!(
                error = crate::titles::with_causes(&error),
                "saves were not brought or taken"
            );
            Problem::new(Kind::Engine, "The operator finds the cause in the log.")
        }
    }
}

fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

const KIND: &str = "application/gzip";
/// Of each, a piece is in memory and another may be on its way to the store: 64 MiB together.
const TRANSFERS_MAX: usize = 32;
/// Players who take their saves out at the same time.
const EXPORTS_MAX: usize = 8;
const RETRY_S: u32 = 2;
/// A host that sends nothing for so long has gone.
const PIECE_WITHIN: Duration = Duration::from_secs(20);
/// The largest archive over two megabits a second.
pub(crate) const TAKEN_WITHIN: Duration = Duration::from_secs(300);
