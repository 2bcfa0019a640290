//! The gateway's API, as a page uses it. Blocking: a probe calls it before and after it plays, on a thread of its own.

use crate::{Error, Target};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use ureq::http::StatusCode;

/// A player's side of an engine's API.
#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    base: String,
    /// A secret of this probe's own making.
    key: String,
}

/// A session that can be attached to.
#[derive(Deserialize)]
pub(crate) struct Started {
    pub(crate) session: String,
    pub(crate) ticket: String,
    pub(crate) title: String,
    pub(crate) endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub(crate) timing: Timing,
}

/// Where to attach.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Endpoint {
    pub(crate) kind: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) cert_sha256: Vec<String>,
}

/// How long the start took the engine.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Timing {
    pub(crate) placed_ms: f64,
    pub(crate) ready_ms: f64,
}

#[derive(Deserialize)]
struct Titles {
    titles: Vec<Title>,
}

#[derive(Deserialize)]
struct Title {
    id: String,
}

/// RFC 9457.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    title: String,
}

impl Api {
    /// `insecure`: whatever certificate the gateway shows is good enough.
    pub(crate) fn new(target: &Target, insecure: bool) -> Result<Self, Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Error::System(std::io::Error::other(error)))?;
        let tls = ureq::tls::TlsConfig::builder()
            .disable_verification(insecure)
            .build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Media goes by UDP, past any proxy: what is probed must be reachable.
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_WITHIN))
            .timeout_global(Some(ANSWER_WITHIN))
            .tls_config(tls)
            .build();
        Ok(Self {
            agent: config.into(),
            base: target.base().to_owned(),
            key: format!("flp_{}", URL_SAFE_NO_PAD.encode(secret)),
        })
    }

    /// The title to play, where none is named: the beacon, or the only one.
    pub(crate) fn choose_title(&self) -> Result<String, Error> {
        let Titles { titles } = read(self.send("GET", "v1/titles", None)?)?;
        let ids: Vec<String> = titles.into_iter().map(|title| title.id).collect();
        let beacon = ids.iter().find(|id| *id == BEACON);
        match (beacon, ids.as_slice()) {
            (Some(id), _) | (None, [id]) => Ok(id.clone()),
            (None, []) => Err(Error::Title {
                offered: "the engine has none".to_owned(),
            }),
            (None, _) => Err(Error::Title {
                offered: ids.join(", "),
            }),
        }
    }

    /// Starts a session; answers when it can be attached to.
    pub(crate) fn start(&self, title: &str) -> Result<Started, Error> {
        let wanted = serde_json::json!({
            "title": title,
            "client": { "codecs": [crate::CODEC], "transports": [crate::WEBTRANSPORT] },
        });
        read(self.send("POST", "v1/sessions", Some(wanted.to_string()))?)
    }

    /// Ends a session.
    pub(crate) fn end(&self, session: &str) -> Result<(), Error> {
        let (status, body) = self.send("DELETE", &format!("v1/sessions/{session}"), None)?;
        if status.is_success() || status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        Err(refusal(status, &body, None))
    }

    fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<(StatusCode, String), Error> {
        let failed = |source: ureq::Error| Error::Unreachable {
            url: self.base.clone(),
            source: Box::new(source),
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(body.unwrap_or_default())
            .map_err(|error| failed(error.into()))?;
        let mut answer = self.agent.run(request).map_err(failed)?;
        let status = answer.status();
        let retry_after_s = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_string()
            .map_err(failed)?;
        if status.is_client_error() || status.is_server_error() {
            return Err(refusal(status, &text, retry_after_s));
        }
        Ok((status, text))
    }
}

fn refusal(status: StatusCode, body: &str, retry_after_s: Option<u32>) -> Error {
    let problem: Problem = serde_json::from_str(body).unwrap_or_default();
    let words = [problem.detail, problem.title]
        .into_iter()
        .find(|words| !words.trim().is_empty())
        .unwrap_or_else(|| "it did not say why".to_owned());
    Error::Refused {
        status: status.as_u16(),
        // One line, whatever answers at that address.
        words: words.split_whitespace().collect::<Vec<_>>().join(" "),
        retry_after_s,
    }
}

fn read<T: DeserializeOwned>((status, body): (StatusCode, String)) -> Result<T, Error> {
    serde_json::from_str(&body).map_err(|error| Error::Answer {
        what: format!("status {}, {error}", status.as_u16()),
    })
}

/// What draws the barcode.
const BEACON: &str = "beacon";
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A cold start on a loaded machine takes seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// A list of a thousand titles has half a megabyte.
const ANSWER_BYTES_MAX: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_whatever_it_says() {
        let problem = "{\"title\":\"Full\",\"detail\":\"All places\\nare in use.\"}";
        for (body, words) in [
            (problem, "All places are in use."),
            ("<html>", "it did not say why"),
            ("", "it did not say why"),
        ] {
            let error = refusal(StatusCode::SERVICE_UNAVAILABLE, body, Some(3)).to_string();
            assert_eq!(error, format!("the engine refused (503): {words}"));
        }
    }
}
