//! Saves of a host that has joined: over its gateway's HTTP.

use crate::archive::{Bounds, Packed};
use crate::saves::{HEADER, hex};
use crate::{Error, Held, Newest, Saves};
use async_trait::async_trait;
use firstlight_fleet::messages::{SaveAsk, SaveVerb, Signer, Written};
use firstlight_units::{Micros, WallTime};
use ring::digest::{Context, SHA256};
use serde::Deserialize;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use ureq::http::Response;
use ureq::{Agent, Body};

/// See the module. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Far {
    agent: Agent,
    origin: String,
    signer: Arc<Signer>,
}

/// RFC 9457.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    r#type: String,
    detail: String,
}

/// What a stored version is called.
#[derive(Deserialize)]
struct Stored {
    version: u64,
}

impl Far {
    /// At the gateway with this origin (scheme, name and port, no slash at the end). The agent must not take a status for an error.
    #[must_use]
    pub const fn new(agent: Agent, origin: String, signer: Arc<Signer>) -> Self {
        Self {
            agent,
            origin,
            signer,
        }
    }

    fn ask(&self, held: &Held, verb: SaveVerb) -> (String, String) {
        let ask = SaveAsk::new(
            self.signer.key(),
            held.session.clone(),
            held.fence,
            verb,
            wall_now(),
        );
        let url = format!("{}/v1/sessions/{}/save", self.origin, held.session);
        (url, ask.to_header())
    }

    /// Off the runtime's threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&this)).await;
        done.unwrap_or_else(|error| Err(Error::Away(error.to_string())))
    }
}

#[async_trait]
impl Saves for Far {
    async fn open(&self, held: &Held) -> Result<Newest, Error> {
        let held = held.clone();
        self.blocking(move |this| {
            let (url, ask) = this.ask(&held, SaveVerb::Open);
            let answer = this.agent.post(url).header(HEADER, ask).send_empty();
            json(&held, answer)
        })
        .await
    }

    async fn fetch(&self, held: &Held, newest: &Newest, to: &Path) -> Result<(), Error> {
        let (held, newest, to) = (held.clone(), newest.clone(), to.to_owned());
        self.blocking(move |this| {
            let verb = SaveVerb::Read {
                version: newest.version,
            };
            let (url, ask) = this.ask(&held, verb);
            let answer = well(&held, this.agent.get(url).header(HEADER, ask).call())?;
            bring(answer, &newest, &to)
        })
        .await
    }

    async fn store(&self, held: &Held, archive: &Path, packed: &Packed, last: bool) -> Result<u64, Error> {
        let verb = SaveVerb::Write(Written {
            bytes: packed.bytes,
            sha256: packed.sha256.clone(),
            last,
        });
        let (held, archive): (Held, PathBuf) = (held.clone(), archive.to_owned());
        self.blocking(move |this| {
            let (url, ask) = this.ask(&held, verb);
            let file = File::open(&archive).map_err(Error::path(&archive))?;
            let request = this.agent.put(url).header(HEADER, ask);
            let stored: Stored = json(
                &held,
                request
                .content_type(KIND)
                // Refused, it is not sent.
                .header("expect", "100-continue")
                .send(&file),
            )?;
            Ok(stored.version)
        })
        .await
    }

    async fn close(&self, held: &Held) -> Result<(), Error> {
        let held = held.clone();
        self.blocking(move |this| {
            let (url, ask) = this.ask(&held, SaveVerb::Close);
            well(&held, this.agent.delete(url).header(HEADER, ask).call()).map(drop)
        })
        .await
    }
}

/// Writes the body down; what is not the archive that was promised is none.
fn bring(answer: Response<Body>, newest: &Newest, to: &Path) -> Result<(), Error> {
    let most = Bounds::default().archive_bytes();
    let mut from = answer.into_body().into_with_config().limit(most).reader();
    let mut file = File::create(to).map_err(Error::path(to))?;
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = from.read(&mut buffer).map_err(away)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        context.update(bytes);
        file.write_all(bytes).map_err(Error::path(to))?;
    }
    if hex(context.finish().as_ref()) == newest.sha256 {
        Ok(())
    } else {
        Err(Error::Digest)
    }
}

fn json<T: for<'de> Deserialize<'de>>(
    held: &Held,
    answer: Result<Response<Body>, ureq::Error>,
) -> Result<T, Error> {
    let mut answer = well(held, answer)?;
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let body = body.read_to_string().map_err(away)?;
    serde_json::from_str(&body).map_err(away)
}

/// An answer that is none of a problem.
fn well(held: &Held, answer: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>, Error> {
    let mut answer = answer.map_err(away)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let problem: Problem =
        serde_json::from_str(&body.read_to_string().unwrap_or_default()).unwrap_or_default();
    Err(match problem.r#type.rsplit(':').next() {
        Some("forbidden-save") => {
            Error::NotHolder("the gateway says that this host does not hold the session")
        }
        Some("unknown-session") => Error::UnknownSession(held.session.clone()),
        Some("save-superseded") => Error::Superseded,
        Some("unknown-save") => Error::UnknownVersion,
        Some("too-large") => Error::NotTaken(problem.detail),
        _ if problem.detail.is_empty() => Error::Away(format!("status {}", status.as_u16())),
        _ => Error::Away(problem.detail),
    })
}

fn away(error: impl std::fmt::Display) -> Error {
    Error::Away(error.to_string())
}

fn wall_now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::from_micros(Micros::from(since_1970).as_micros())
}

const KIND: &str = "application/gzip";
const BUFFER_BYTES: usize = 64 * 1024;
/// A few numbers, or a problem.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;
