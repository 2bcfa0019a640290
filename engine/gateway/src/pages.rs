//! The embedded browser client.

use crate::problem::{Kind, Problem};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// Everything that `client-web` builds.
#[derive(RustEmbed)]
#[folder = "$FIRSTLIGHT_CLIENT"]
struct Client;

/// Whether the client was built before the engine was.
#[must_use]
pub fn has_client() -> bool {
    Client::iter().any(|path| path.starts_with(HASHED))
}

/// The page; it decides by its own address whether it is the library or a player.
pub(crate) async fn page(headers: HeaderMap) -> Result<Response, Problem> {
    asset("index.html", &headers)
}

/// The operators' page: a page of its own, which talks to this gateway and to nobody else.
pub(crate) async fn operators(headers: HeaderMap) -> Result<Response, Problem> {
    asset(OPERATORS, &headers)
}

/// The page of a session's report: a document of its own.
pub(crate) async fn report_page(headers: HeaderMap) -> Result<Response, Problem> {
    asset("report.html", &headers)
}

/// The page of a player's saved games: a document of its own.
pub(crate) async fn saves_page(headers: HeaderMap) -> Result<Response, Problem> {
    asset("saves.html", &headers)
}

/// Whatever else the client consists of.
pub(crate) async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    asset(uri.path().trim_start_matches('/'), &headers)
}

fn asset(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let file =
        Client::get(path).ok_or_else(|| Problem::new(Kind::NotFound, "See /v1/openapi.json for what is."))?;
    let digest: String = file
        .metadata
        .sha256_hash()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{digest}\"");
    // The name of a file in there changes with its content.
    let cache = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|have| have.as_bytes() == tag.as_bytes());
    let common = [(header::CACHE_CONTROL, cache.to_owned()), (header::ETAG, tag)];
    let mut answer = if known {
        (StatusCode::NOT_MODIFIED, common).into_response()
    } else {
        let kind = [(header::CONTENT_TYPE, content_type(path))];
        (common, kind, Body::from(file.data.into_owned())).into_response()
    };
    // Also where nothing has changed: a browser takes what such an answer says for the page that it has.
    if path == OPERATORS {
        let policy = HeaderValue::from_static(OPERATORS_CSP);
        answer
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(answer)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("ico") => "image/vnd.microsoft.icon",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

const OPERATORS: &str = "ops.html";
/// The page holds the operator's key: nothing that it is made of comes from elsewhere, nothing it knows goes elsewhere, and nobody
/// shows it in a frame.
const OPERATORS_CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HASHED: &str = "assets/";
