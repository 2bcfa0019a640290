//! Joining, over the gateway's API. Blocking: it is asked at the start, and hardly ever again.

use crate::cli::GatewayUrl;
use crate::https;
use anyhow::{Context, Result, anyhow, bail};
use firstlight_fleet::messages::{Enrol, Enrolled};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use ureq::http::{Request, StatusCode};

/// A gateway's side of joining. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Gateway {
    agent: ureq::Agent,
    url: GatewayUrl,
}

/// RFC 9457.
#[derive(Deserialize)]
struct Problem {
    r#type: String,
    detail: String,
}

impl Gateway {
    /// `ca`: certificates that are trusted instead of the usual ones.
    pub(super) fn new(url: &GatewayUrl, ca: Option<&Path>) -> Result<Self> {
        Ok(Self {
            agent: https::agent(ca, CONNECT_WITHIN, ANSWER_WITHIN)?,
            url: url.clone(),
        })
    }

    /// Joins, or comes back.
    pub(super) fn enrol(&self, wish: &Enrol) -> Result<Enrolled> {
        let (status, body) = self.post("v1/hosts/enrol", serde_json::to_string(wish)?)?;
        if status.is_success() {
            return serde_json::from_str(&body).with_context(|| self.is_none(status));
        }
        let Ok(problem) = serde_json::from_str::<Problem>(&body) else {
            bail!("{}", self.is_none(status));
        };
        let advice = match problem.r#type.rsplit(':').next() {
            Some("forbidden-ticket") if wish.token.is_empty() => {
                " Give one with --token; the gateway's operator makes it with POST /v1/hosts/tokens."
            }
            Some("forbidden-ticket") => " The gateway's operator makes another with POST /v1/hosts/tokens.",
            _ => "",
        };
        Err(anyhow!(
            "{} does not let this machine join: {}{advice}",
            self.url,
            problem.detail
        ))
    }

    fn post(&self, path: &str, body: String) -> Result<(StatusCode, String)> {
        let failed = || format!("no gateway answers at {}", self.url);
        let request = Request::builder()
            .method("POST")
            .uri(self.url.path(path))
            .header("content-type", "application/json")
            .body(body)
            .with_context(failed)?;
        let mut answer = self.agent.run(request).with_context(failed)?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        Ok((status, body.read_to_string().with_context(failed)?))
    }

    fn is_none(&self, status: StatusCode) -> String {
        format!(
            "{} is no gateway of a fleet: it answered with status {}",
            self.url,
            status.as_u16()
        )
    }
}

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Keys of as many indexers as a cell has take a tenth of it.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
