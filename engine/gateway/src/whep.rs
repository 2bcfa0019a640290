//! WHEP (draft-ietf-wish-whep): any WHEP player attaches to a session with an SDP offer. See docs/PROTOCOL.md, section 1.2.
//!
//! ```text
//! POST offer + ticket -> host -> worker -> answer, 201 with a Location;  PATCH candidates;  DELETE
//! ```
//!
//! What lets a client in is its ticket or resume secret, which the worker checks. The Location is not to be guessed, and all
//! that can be done with it is to end that one attachment or to help it to connect.

use crate::api::IceServerView;
use crate::extract::{Id, Text};
use crate::gateway::Inner;
use crate::problem::{Kind, Problem, ProblemBody};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use firstlight_link::{Answer, Credential, IceServer};
use firstlight_units::SessionId;
use serde::Deserialize;
use std::sync::Arc;

/// What may stand in the query in place of the header.
#[derive(Deserialize)]
pub(crate) struct Shown {
    ticket: Option<String>,
    resume: Option<String>,
}

/// Attaches a WHEP player; it replaces the one before.
#[utoipa::path(post, path = "/v1/sessions/{id}/whep", tag = "play",
    request_body(content = String, content_type = "application/sdp", description = "The offer"),
    params(("id" = String, Path, description = "The session's id"),
        ("Authorization" = Option<String>, Header, description = "`Bearer` and a ticket or a resume secret"),
        ("ticket" = Option<String>, Query, description = "A ticket, in place of the header"),
        ("resume" = Option<String>, Query, description = "A resume secret, in place of the header")),
    responses((status = 201, body = String, content_type = "application/sdp",
            description = "The answer; `Location` is the attachment, `Firstlight-Resume` a resume secret"),
        (status = 400, body = ProblemBody, description = "`bad-offer`: the offer cannot be answered"),
        (status = 401, body = ProblemBody), (status = 403, body = ProblemBody, description = "`forbidden-ticket`"),
        (status = 404, body = ProblemBody, description = "`unknown-session`"),
        (status = 413, body = ProblemBody), (status = 415, body = ProblemBody),
        (status = 429, body = ProblemBody), (status = 500, body = ProblemBody)))]
pub(crate) async fn whep(
    State(gateway): State<Arc<Inner>>,
    Id(id): Id,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
    Text(offer): Text,
) -> Result<Response, Problem> {
    require_type(&headers, "application/sdp")?;
    let session = session_id(&id)?;
    let credential = credential(&headers, shown)?;
    let (attachment, answer) = gateway.offer(&session, credential, offer).await?;
    let (sdp, resume) = match answer {
        Answer::Accepted { sdp, resume } => (sdp, resume),
        Answer::Forbidden => {
            return Err(Problem::new(
                Kind::ForbiddenTicket,
                "The ticket or resume secret is not honoured (any more); ask for a new ticket.",
            ));
        }
        Answer::TooMany => return Err(Problem::new(Kind::TooMany, "Wait a moment before the next try.")),
        Answer::BadOffer(words) => return Err(Problem::new(Kind::BadOffer, sentence(&words))),
        Answer::Failed(words) => return Err(Problem::new(Kind::Engine, sentence(&words))),
    };
    let mut response = (StatusCode::CREATED, sdp).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/sdp"));
    out.insert("accept-patch", HeaderValue::from_static(FRAGMENT));
    let location = format!("/v1/sessions/{session}/whep/{attachment}");
    for (name, value) in [("location", location), ("firstlight-resume", resume)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            out.insert(name, value);
        }
    }
    for server in gateway.cell.ice_servers() {
        for link in links(server) {
            out.append(header::LINK, link);
        }
    }
    Ok(response)
}

/// Hands on candidates of an attached player.
#[utoipa::path(patch, path = "/v1/sessions/{id}/whep/{attachment}", tag = "play",
    request_body(content = String, content_type = "application/trickle-ice-sdpfrag", description = "An SDP fragment"),
    params(("id" = String, Path, description = "The session's id"), ("attachment" = String, Path, description = "From the Location")),
    responses((status = 204, description = "They were handed on"), (status = 404, body = ProblemBody),
        (status = 413, body = ProblemBody), (status = 415, body = ProblemBody)))]
pub(crate) async fn trickle(
    State(gateway): State<Arc<Inner>>,
    Path((id, attachment)): Path<(String, String)>,
    headers: HeaderMap,
    Text(fragment): Text,
) -> Result<StatusCode, Problem> {
    require_type(&headers, FRAGMENT)?;
    let (session, attachment) = (session_id(&id)?, attachment_id(attachment)?);
    gateway.candidates(&session, attachment, fragment).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends an attachment; the session waits for its player.
#[utoipa::path(delete, path = "/v1/sessions/{id}/whep/{attachment}", tag = "play",
    params(("id" = String, Path, description = "The session's id"), ("attachment" = String, Path, description = "From the Location")),
    responses((status = 200, description = "It is told to end"), (status = 404, body = ProblemBody)))]
pub(crate) async fn hang_up(
    State(gateway): State<Arc<Inner>>,
    Path((id, attachment)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let (session, attachment) = (session_id(&id)?, attachment_id(attachment)?);
    gateway.hang_up(&session, attachment).await?;
    Ok(StatusCode::OK)
}

fn session_id(text: &str) -> Result<SessionId, Problem> {
    text.parse().map_err(|_| Problem::unknown_session())
}

fn attachment_id(text: String) -> Result<String, Problem> {
    let known = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    known.then_some(text).ok_or_else(Problem::unknown_session)
}

fn credential(headers: &HeaderMap, shown: Shown) -> Result<Credential, Problem> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().to_owned());
    match (shown.ticket, shown.resume, bearer) {
        (Some(ticket), _, _) => Ok(Credential::Ticket(ticket)),
        (None, Some(secret), _) => Ok(Credential::Resume(secret)),
        (None, None, Some(token)) if token.starts_with(TICKET) => Ok(Credential::Ticket(token)),
        (None, None, Some(token)) => Ok(Credential::Resume(token)),
        (None, None, None) => Err(Problem::new(
            Kind::Unauthorized,
            "Send `Authorization: Bearer` with a ticket, or a resume secret, of this session.",
        )),
    }
}

fn require_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Problem::new(
            Kind::MediaType,
            format!("Send it as `Content-Type: {wanted}`."),
        ))
    }
}

/// As WHEP has them, for players that read nothing else.
fn links(server: &IceServer) -> Vec<HeaderValue> {
    let credential = if server.username.is_empty() {
        String::new()
    } else {
        format!(
            "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
            server.username, server.credential
        )
    };
    let link = |url: &String| HeaderValue::try_from(format!("<{url}>; rel=\"ice-server\"{credential}")).ok();
    server.urls.iter().filter_map(link).collect()
}

/// What the endpoint's list shows.
pub(crate) fn views(servers: &[IceServer]) -> Vec<IceServerView> {
    servers
        .iter()
        .map(|server| IceServerView {
            urls: server.urls.clone(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        })
        .collect()
}

/// A library's words as a sentence.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Tickets are PASETO tokens of version 4.
const TICKET: &str = "v4.public.";
