//! The embedded browser client.

use crate::problem::{Kind, Problem};
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri, header};
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
    if known {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let kind = [(header::CONTENT_TYPE, content_type(path))];
    Ok((common, kind, Body::from(file.data.into_owned())).into_response())
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

const HASHED: &str = "assets/";
