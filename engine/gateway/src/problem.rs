//! Errors as RFC 9457 problem details.

use crate::titles::with_causes;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, in a word that programs may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Full,
    UnknownTitle,
    UnknownSession,
    NotFound,
    Method,
    MediaType,
    BadRequest,
    Unauthorized,
    ForbiddenOrigin,
    ForbiddenHost,
    ForbiddenTicket,
    ForbiddenSave,
    UnknownSave,
    SaveSuperseded,
    SaveInUse,
    BadOffer,
    TooLarge,
    TooMany,
    TooSlow,
    Stopping,
    Away,
    Engine,
}

impl Kind {
    #[expect(clippy::too_many_lines, reason = "a line or three for each kind")]
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "full", "Every place is taken"),
            Self::UnknownTitle => (StatusCode::NOT_FOUND, "unknown-title", "There is no such title"),
            Self::UnknownSession => (
                StatusCode::NOT_FOUND,
                "unknown-session",
                "There is no such session",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is nothing here"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method", "This is not done here"),
            Self::MediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "The body is of another kind",
            ),
            Self::BadRequest => (
                StatusCode::BAD_REQUEST,
                "bad-request",
                "The request is not understood",
            ),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A key is needed"),
            Self::ForbiddenOrigin => (
                StatusCode::FORBIDDEN,
                "forbidden-origin",
                "Another site may not do this",
            ),
            Self::ForbiddenHost => (
                StatusCode::FORBIDDEN,
                "forbidden-host",
                "The engine has another name",
            ),
            Self::ForbiddenTicket => (
                StatusCode::FORBIDDEN,
                "forbidden-ticket",
                "The ticket is not honoured",
            ),
            Self::ForbiddenSave => (StatusCode::FORBIDDEN, "forbidden-save", "The saves are another's"),
            Self::UnknownSave => (StatusCode::NOT_FOUND, "unknown-save", "There is no such save"),
            Self::SaveSuperseded => (
                StatusCode::CONFLICT,
                "save-superseded",
                "A later session has the saves",
            ),
            Self::SaveInUse => (StatusCode::CONFLICT, "save-in-use", "The title is played"),
            Self::BadOffer => (
                StatusCode::BAD_REQUEST,
                "bad-offer",
                "The offer cannot be answered",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large",
            ),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many at once"),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                "The request took too long",
            ),
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                "engine",
                "The engine is stopping",
            ),
            Self::Away => (
                StatusCode::SERVICE_UNAVAILABLE,
                "engine",
                "The engine is without its store or its bus",
            ),
            Self::Engine => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "engine",
                "The engine had a fault",
            ),
        }
    }
}

/// An error on its way to whoever asked.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    retry_after_s: Option<u32>,
    elsewhere: Option<String>,
}

/// Problem details, RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// `urn:firstlight:problem:<word>`.
    #[serde(rename = "type")]
    #[schema(example = "urn:firstlight:problem:full")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// This case in words.
    detail: String,
    /// Another gateway of the fleet, that has room: scheme, name and port. The same request is welcome there.
    #[serde(skip_serializing_if = "Option::is_none")]
    elsewhere: Option<String>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            retry_after_s: None,
            elsewhere: None,
        }
    }

    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after_s: Some(seconds),
            ..self
        }
    }

    fn away() -> Self {
        Self::new(Kind::Away, "Nobody can be placed here for the moment.").retry_after(RETRY_STOPPING_S)
    }

    /// Another gateway has room, where this is for want of it here, or of a store or bus.
    pub(crate) fn or_at(self, origin: String) -> Self {
        let unable = matches!(self.kind, Kind::Full | Kind::Stopping | Kind::Engine | Kind::Away);
        Self {
            elsewhere: unable.then_some(origin),
            ..self
        }
    }

    pub(crate) const fn is_sent_on(&self) -> bool {
        self.elsewhere.is_some()
    }

    pub(crate) fn unknown_session() -> Self {
        Self::new(
            Kind::UnknownSession,
            "It never was, ended more than an hour ago, or is not yours.",
        )
    }
}

impl From<firstlight_host::Error> for Problem {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what has no word of its own is the engine's fault"
    )]
    fn from(error: firstlight_host::Error) -> Self {
        use firstlight_host::Error;
        match error {
            Error::Full => Self::new(
                Kind::Full,
                "All of this machine's places are in use. Try again in a little while.",
            )
            .retry_after(RETRY_FULL_S),
            Error::TooMany(most) => Self::new(
                Kind::TooMany,
                format!("You have {most} sessions already; end one first."),
            )
            .retry_after(RETRY_FULL_S),
            Error::Stopping => {
                Self::new(Kind::Stopping, "No new sessions are started.").retry_after(RETRY_STOPPING_S)
            }
            Error::UnknownSession(_) => Self::unknown_session(),
            Error::NoAnswer => {
                Self::new(Kind::TooMany, "The session is busy; try again.").retry_after(RETRY_STOPPING_S)
            }
            error => {
                tracing::error!(error = with_causes(&error), "a request failed");
                Self::new(
                    Kind::Engine,
                    "The session could not be started. The operator finds the cause in the log.",
                )
            }
        }
    }
}

impl From<firstlight_cell::Error> for Problem {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what has no word of its own is the engine's fault"
    )]
    fn from(error: firstlight_cell::Error) -> Self {
        use firstlight_cell::Error;
        match error {
            Error::Full => Self::new(Kind::Full, "All places are in use. Try again in a little while.")
                .retry_after(RETRY_FULL_S),
            Error::Nowhere(_) => Self::new(
                Kind::Full,
                "No machine that has this game takes players at the moment. Try again in a little while.",
            )
            .retry_after(RETRY_FULL_S),
            Error::TooMany(most) => Self::new(
                Kind::TooMany,
                format!("You have {most} sessions already, or wait for as many; end one first."),
            )
            .retry_after(RETRY_FULL_S),
            Error::Stopping => {
                Self::new(Kind::Stopping, "No new sessions are started.").retry_after(RETRY_STOPPING_S)
            }
            Error::UnknownSession(_) => Self::unknown_session(),
            Error::Away => Self::away(),
            // The same request with the same key finds out what came of it.
            Error::Store(error) if error.is_transient() => {
                tracing::warn!(error = with_causes(&error), "the store does not answer");
                Self::away()
            }
            Error::Saves(detail) => {
                tracing::error!(detail, "a player's saves could not be brought");
                Self::new(
                    Kind::Away,
                    "Your saved games cannot be brought for the moment. Nothing is lost; try again in a little while.",
                )
                .retry_after(RETRY_STOPPING_S)
            }
            Error::UnknownEntry => Self::new(
                Kind::UnknownSession,
                "Nobody waits under this name, or it is not you.",
            ),
            Error::UnknownWitness => Self::new(
                Kind::ForbiddenTicket,
                "No operator has let this checker testify here, or the signature is not its own.",
            ),
            Error::UnknownHost => Self::new(Kind::NotFound, "There is no such host."),
            Error::KeyReused => Self::new(
                Kind::BadRequest,
                "This Idempotency-Key was used to start another title.",
            ),
            Error::NoAnswer => {
                Self::new(Kind::TooMany, "The session is busy; try again.").retry_after(RETRY_STOPPING_S)
            }
            error => {
                tracing::error!(error = with_causes(&error), "a request failed");
                Self::new(
                    Kind::Engine,
                    "The session could not be started. The operator finds the cause in the log.",
                )
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, word, title) = self.kind.parts();
        let body = ProblemBody {
            kind: format!("urn:firstlight:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            elsewhere: self.elsewhere,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Somebody may leave; asking more often helps nobody.
const RETRY_FULL_S: u32 = 15;
/// An engine that is restarted takes about that long.
const RETRY_STOPPING_S: u32 = 5;
