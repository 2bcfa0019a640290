//! Sends what sessions were, as spans, to an OpenTelemetry collector over HTTP.

use anyhow::{Context, Result, bail};
use firstlight_checker::report::{Report, otlp};
use serde_json::Value;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;
use url::Url;

/// Begins to send to a collector; what is put into the channel is the report of a session that has ended.
pub(crate) fn sender(collector: &Url) -> Result<SyncSender<Value>> {
    if !matches!(collector.scheme(), "http" | "https") {
        bail!("--otlp {collector}: expected http:// or https://, such as http://localhost:4318");
    }
    let mut url = collector.clone();
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(WITHIN))
        .http_status_as_error(true)
        .build();
    let (to, reports) = sync_channel(WAITING_MAX);
    thread::Builder::new()
        .name("otlp".to_owned())
        .spawn(move || send_all(&config.into(), &url, &reports))
        .context("the thread for --otlp cannot be started")?;
    Ok(to)
}

fn send_all(agent: &ureq::Agent, url: &Url, reports: &Receiver<Value>) {
    for report in reports {
        let Ok(report) = serde_json::from_value::<Report>(report) else {
            tracing::warn!("a report cannot be read, and is not exported");
            continue;
        };
        let body = otlp::of(&report).to_string();
        let sent = agent
            .post(url.as_str())
            .header("content-type", "application/json")
            .send(body);
        if let Err(error) = sent {
            tracing::warn!(%url, %error, "the spans of a session were not taken");
        }
    }
}

/// Sessions that end while the collector is slow; the newest are left out.
const WAITING_MAX: usize = 64;
const WITHIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn a_session_that_has_ended_reaches_the_collector() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let to = sender(&url.parse().unwrap()).unwrap();
        let report = Report {
            session: "abc".to_owned(),
            ..Report::default()
        };
        to.send(serde_json::to_value(report).unwrap()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut heard = String::new();
        let mut buffer = [0; 4096];
        while !heard.ends_with("]}]}") {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "{heard}");
            heard.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            .unwrap();
        assert!(heard.starts_with("POST /v1/traces "), "{heard}");
        assert!(heard.contains("\"service.name\""), "{heard}");
    }

    #[test]
    fn what_is_no_address_of_a_collector_is_refused_in_a_line() {
        let error = sender(&"ftp://there".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("http://localhost:4318"), "{error}");
    }
}
