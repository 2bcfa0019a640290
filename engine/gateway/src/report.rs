//! How a session was: its report and its trace, for its player, the operator, and whoever has the link.

use crate::extract::Id;
use crate::gateway::Inner;
use crate::keys::{Caller, caller};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::routes::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use firstlight_checker::report::{Report, trace};
use firstlight_fleet::messages::Quality;
use firstlight_units::SessionId;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A report on its way.
#[derive(Serialize)]
struct ReportView {
    /// The page that shows it, for whoever has this link.
    link: String,
    #[serde(flatten)]
    report: Report,
}

/// How a session was, from its player's click to its end, and what it is worth: `docs/QOE.md`. While it lasts, how it was so far. The last
/// thousand that ended are kept.
#[utoipa::path(get, path = "/v1/sessions/{id}/report", tag = "play", security(("player" = []), ("operator" = []), ("link" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = Object, description = "The report, version 1, as docs/QOE.md describes it in section 4"),
        (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-session`: there is no report, or it is not for whoever asks")))]
pub(crate) async fn report(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (report, link) = find(&gateway, &id, &headers).await?;
    let link = format!("/report/{}#{LINK}{link}", report.session);
    Ok(Json(ReportView { link, report }).into_response())
}

/// The same as a trace that Perfetto opens (ui.perfetto.dev).
#[utoipa::path(get, path = "/v1/sessions/{id}/trace", tag = "play", security(("player" = []), ("operator" = []), ("link" = [])),
    params(("id" = String, Path, description = "The session's id")),
    responses((status = 200, body = Object, description = "JSON trace events"), (status = 401, body = ProblemBody),
        (status = 404, body = ProblemBody, description = "`unknown-session`: there is no report, or it is not for whoever asks")))]
pub(crate) async fn trace(
    State(gateway): Shared,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (report, _) = find(&gateway, &id, &headers).await?;
    let mut response = Json(trace::of(&report)).into_response();
    // The id is letters and digits.
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename=\"{}.trace.json\"", report.session))
    {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Who asks for a report.
enum Asker {
    Caller(Caller),
    /// Whoever has its link.
    Link(String),
}

impl Asker {
    fn of(gateway: &Inner, headers: &HeaderMap) -> Result<Self, Problem> {
        let value = headers.get(header::AUTHORIZATION);
        let bearer = value.and_then(|value| value.to_str().ok()?.split_once(' '));
        let link = bearer
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .and_then(|(_, key)| key.trim().strip_prefix(LINK));
        match link {
            Some(link) => Ok(Self::Link(link.to_owned())),
            None => caller(headers, &gateway.operator).map(Self::Caller),
        }
    }

    fn may_read(&self, quality: &Quality) -> bool {
        match self {
            Self::Caller(caller) => caller.operator || caller.pseudonym == quality.player,
            // Digests are compared, so that how long it takes says nothing of the link.
            Self::Link(link) => Sha256::digest(link) == Sha256::digest(&quality.link),
        }
    }
}

async fn find(gateway: &Inner, id: &str, headers: &HeaderMap) -> Result<(Report, String), Problem> {
    let asker = Asker::of(gateway, headers)?;
    let id: SessionId = id.parse().map_err(|_| unknown())?;
    let quality = gateway.quality(&id).await?;
    if !asker.may_read(&quality) {
        return Err(unknown());
    }
    let report = serde_json::from_value(quality.report).map_err(|error| {
        tracing::error!(session = %id, %error, "a report cannot be read");
        Problem::new(Kind::Engine, "The report of this session cannot be read.")
    })?;
    Ok((report, quality.link))
}

fn unknown() -> Problem {
    Problem::new(
        Kind::UnknownSession,
        "There is no report of it: it never was, a thousand sessions ended since, or its report is not yours; its player can give you a link to it.",
    )
}

impl Inner {
    /// How a session was: on this machine's own host, which is asked directly, or from the cell.
    async fn quality(&self, id: &SessionId) -> Result<Quality, Problem> {
        if let Some(here) = self.host.as_ref().and_then(|host| host.quality(id)) {
            return Ok(here);
        }
        match self.cell.quality(id).await {
            Ok(quality) => Ok(quality),
            Err(firstlight_cell::Error::UnknownSession(_)) => Err(unknown()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the key of a link begins with; it goes with its page's address behind `#`, which no server is told.
const LINK: &str = "flr_";
