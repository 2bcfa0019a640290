//! What handlers take from a request: JSON bodies, bounded in size and time, and ids in paths.

use crate::problem::{Kind, Problem};
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A request's body, read as JSON.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let essence = kind
            .and_then(|kind| kind.split(';').next())
            .unwrap_or_default()
            .trim();
        // Also keeps out forms, which a page elsewhere could post without asking first.
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(
                Kind::MediaType,
                "Send it as `Content-Type: application/json`.",
            ));
        }
        let bytes = read(request).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Problem::new(
                Kind::BadRequest,
                format!("The body is not as described: {error}."),
            )
        })
    }
}

/// A request's body as text.
#[derive(Debug)]
pub(crate) struct Text(pub(crate) String);

impl<S: Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        String::from_utf8(bytes.into())
            .map(Self)
            .map_err(|_| Problem::new(Kind::BadRequest, "The body is not UTF-8."))
    }
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(READ_WITHIN, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
    read.map_err(|_| Problem::new(Kind::TooSlow, "The body did not come in time."))?
        .map_err(|_| too_large())
}

impl<S: Sync, T: DeserializeOwned> OptionalFromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(header::CONTENT_TYPE) {
            <Self as FromRequest<S>>::from_request(request, state)
                .await
                .map(Some)
        } else {
            Ok(None)
        }
    }
}

/// The id in a path.
#[derive(Debug)]
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(|_| Problem::new(Kind::BadRequest, "The path is not UTF-8."))?;
        Ok(Self(id))
    }
}

/// What a query asks for.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let refused = |error: axum::extract::rejection::QueryRejection| {
            Problem::new(
                Kind::BadRequest,
                format!("The query is not as described: {}.", error.body_text()),
            )
        };
        query.map(|Query(asked)| Self(asked)).map_err(refused)
    }
}

pub(crate) fn too_large() -> Problem {
    Problem::new(
        Kind::TooLarge,
        format!("A body has at most {BODY_BYTES_MAX} bytes."),
    )
}

/// The largest body is a browser's SDP offer: some six kilobytes.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(10);
