//! Joins a fleet: over HTTP, once, and again at each start.

use anyhow::{Context, Result, bail};
use firstlight_fleet::messages::{Enrol, Enrolled};
use firstlight_fleet::{Key, PublicKey};
use firstlight_units::{Micros, Region, WallTime};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where to join, and as what.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) url: &'a str,
    pub(crate) token: &'a str,
    pub(crate) name: &'a str,
    pub(crate) region: &'a Region,
    pub(crate) insecure: bool,
}

/// What the gateway says when it does not let one in (RFC 9457).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    title: String,
}

/// Joins. A host that has joined before, and whose gateway is away, goes on with what it was told then. Blocks.
pub(crate) fn join(wish: &Wish<'_>, key: &Key, data: &Path) -> Result<Enrolled> {
    let kept = data.join("enrolment.json");
    match ask(wish, key) {
        Ok(enrolled) => {
            keep(&kept, &enrolled)?;
            Ok(enrolled)
        }
        Err(Failed::Refused(why)) => bail!("{} does not let this host in: {why}", wish.url),
        Err(Failed::Away(error)) => match read(&kept) {
            Some(enrolled) => {
                tracing::warn!(%error, "the gateway is away; going on with what it said before");
                Ok(enrolled)
            }
            None => Err(error).with_context(|| format!("cannot reach {}", wish.url)),
        },
    }
}

/// The keys of the cell.
pub(crate) fn cell_keys(enrolled: &Enrolled) -> Result<Vec<PublicKey>> {
    let keys = enrolled.cell_keys.iter().map(|key| PublicKey::from_hex(key));
    let keys: Option<Vec<PublicKey>> = keys.collect();
    keys.filter(|keys| !keys.is_empty())
        .context("the gateway named no key that the cell's asks are sealed with")
}

enum Failed {
    Refused(String),
    Away(anyhow::Error),
}

fn ask(wish: &Wish<'_>, key: &Key) -> Result<Enrolled, Failed> {
    let away = |error: ureq::Error| Failed::Away(error.into());
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = WallTime::from_micros(Micros::from(since_1970).as_micros());
    let enrol = Enrol::new(
        key,
        wish.token.to_owned(),
        wish.name.to_owned(),
        wish.region.clone(),
        now,
    );
    let body = serde_json::to_string(&enrol).map_err(|error| Failed::Away(error.into()))?;
    let tls = ureq::tls::TlsConfig::builder()
        .disable_verification(wish.insecure)
        .build();
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(ANSWER_WITHIN))
        .tls_config(tls)
        .build();
    let agent: ureq::Agent = config.into();
    let url = format!("{}/v1/hosts/enrol", wish.url.trim_end_matches('/'));
    let request = agent.post(&url).header("content-type", "application/json");
    let mut response = request.send(body).map_err(away)?;
    let status = response.status();
    let text = response
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string()
        .map_err(away)?;
    if status.is_success() {
        return serde_json::from_str(&text).map_err(|error| Failed::Away(error.into()));
    }
    let problem: Problem = serde_json::from_str(&text).unwrap_or_default();
    let words = [problem.detail, problem.title, status.to_string()];
    let words = words
        .into_iter()
        .find(|words| !words.is_empty())
        .unwrap_or_default();
    // A gateway that is starting, or behind a proxy that is, has not said no.
    if status.is_server_error() {
        Err(Failed::Away(anyhow::anyhow!("{words}")))
    } else {
        Err(Failed::Refused(words))
    }
}

fn keep(path: &PathBuf, enrolled: &Enrolled) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    // The bus's address may hold a password.
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    let text = serde_json::to_string(enrolled)?;
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn read(path: &Path) -> Option<Enrolled> {
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// A gateway that gives one answer.
    fn gateway(status: &'static str, body: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            let mut some = [0; 4096];
            // The request is read whole: its body is JSON and ends with a brace.
            while !heard.ends_with(b"}") {
                let n = stream.read(&mut some).unwrap();
                heard.extend_from_slice(&some[..n]);
            }
            let enrol = heard.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
            let enrol: Enrol = serde_json::from_slice(&heard[enrol..]).unwrap();
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            enrol
                .check(WallTime::from_micros(Micros::from(since_1970).as_micros()))
                .unwrap();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
            .unwrap();
        });
        url
    }

    fn wish<'a>(url: &'a str, region: &'a Region) -> Wish<'a> {
        Wish {
            url,
            token: "flj_x",
            name: "box",
            region,
            insecure: false,
        }
    }

    #[test]
    fn a_host_joins_and_goes_on_when_its_gateway_is_away() {
        let (dir, key) = (tempfile::tempdir().unwrap(), Key::from_seed(&[1; 32]));
        let region: Region = "eu".parse().unwrap();
        let enrolled = Enrolled {
            v: 1,
            host: key.public().id(),
            bus: "nats://127.0.0.1:4222".into(),
            cell_keys: vec![key.public().to_hex()],
            beat_ms: 1000,
        };
        let away = "http://127.0.0.1:9";
        assert!(join(&wish(away, &region), &key, dir.path()).is_err());
        let url = gateway("200 OK", serde_json::to_string(&enrolled).unwrap());
        assert_eq!(join(&wish(&url, &region), &key, dir.path()).unwrap(), enrolled);
        assert_eq!(join(&wish(away, &region), &key, dir.path()).unwrap(), enrolled);
        assert_eq!(cell_keys(&enrolled).unwrap().len(), 1);
        let url = gateway("403 Forbidden", r#"{"detail":"This host was expelled."}"#.into());
        let refused = join(&wish(&url, &region), &key, dir.path()).unwrap_err();
        assert!(refused.to_string().contains("expelled"), "{refused}");
        let url = gateway("503 Service Unavailable", String::new());
        assert_eq!(join(&wish(&url, &region), &key, dir.path()).unwrap(), enrolled);
    }
}
