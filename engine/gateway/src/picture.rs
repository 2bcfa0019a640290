//! A title's picture, from the publisher's folder.

use crate::problem::{Kind, Problem};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// The picture of the title in `dir`; 304 where the client has it.
pub(crate) fn answer(dir: &Path, have: Option<&HeaderValue>) -> Result<Response, Problem> {
    let missing = || Problem::new(Kind::UnknownTitle, "This title has no picture.");
    let path = firstlight_title::picture(dir).ok_or_else(missing)?;
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => "image/png",
        Some("jpg") => "image/jpeg",
        Some("svg") => "image/svg+xml",
        Some("webp") => "image/webp",
        _ => return Err(missing()),
    };
    let file = File::open(&path).map_err(|_| missing())?;
    let facts = file.metadata().map_err(|_| missing())?;
    let changed = facts
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
        .unwrap_or_default();
    let tag = format!("\"{:x}-{:x}\"", changed.as_nanos(), facts.len());
    let headers = [
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::ETAG, tag.clone()),
        // A publisher's SVG may hold scripts, and it is opened like a page when its address is typed in.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; sandbox".to_owned(),
        ),
    ];
    if have.is_some_and(|have| have.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let mut bytes = Vec::new();
    file.take(PICTURE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(|_| missing())?;
    Ok((headers, [(header::CONTENT_TYPE, kind)], bytes).into_response())
}

/// A library's picture; what is longer is cut and shows as broken to the publisher who put it there.
const PICTURE_BYTES_MAX: u64 = 4 << 20;
