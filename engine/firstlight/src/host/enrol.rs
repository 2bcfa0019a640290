//! Joining, over the gateway's API. Blocking: it is asked at the start, and hardly ever again.

use crate::cli::GatewayUrl;
use anyhow::{Context, Result, anyhow, bail};
use firstlight_fleet::messages::{Enrol, Enrolled};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use ureq::http::{Request, StatusCode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

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
        let mut tls = TlsConfig::builder();
        if let Some(file) = ca {
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates(file)?));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_WITHIN))
            .timeout_global(Some(ANSWER_WITHIN))
            .tls_config(tls.build())
            .build();
        Ok(Self {
            agent: config.into(),
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

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>> {
    let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    // A key in the same file, as the gateway keeps it, is none of ours.
    let found: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    if found.is_empty() {
        bail!("{} holds no certificate in PEM", file.display());
    }
    Ok(found)
}

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Keys of as many indexers as a cell has take a tenth of it.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
