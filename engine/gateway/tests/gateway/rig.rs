//! A gateway with its host, in a folder of its own, and how to ask it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use firstlight_gateway::{Gateway, Metrics, OperatorKey, Settings};
use firstlight_host::agent::Agent;
use firstlight_host::{Config, Host};
use firstlight_link::IceServer;
use firstlight_test_cell::Alone;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// What hosts that join are told; nobody listens there.
pub(crate) const BUS: &str = "nats://bus.example:4222";

pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) host: Host,
    _agent: Agent,
    pub(crate) gateway: Gateway,
    pub(crate) router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The problem's word; checks that it is one, as it should be.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{}",
            self.text
        );
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        assert!(body["title"].is_string() && body["detail"].is_string());
        body["type"]
            .as_str()
            .unwrap()
            .strip_prefix("urn:firstlight:problem:")
            .unwrap()
            .to_owned()
    }
}

impl Rig {
    pub(crate) async fn new(slots: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for id in ["plain", "waiting", "cut", "attached", "stillborn", "keeps"] {
            let dir = folder.path().join("titles").join(id);
            fs::create_dir_all(&dir).unwrap();
            let manifest = format!(
                "id = \"{id}\"\nname = \"{id}\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n{}",
                if id == "keeps" {
                    "persist = [\"save\"]\n"
                } else {
                    ""
                }
            );
            fs::write(dir.join("title.toml"), manifest).unwrap();
        }
        fs::write(folder.path().join("titles/plain/picture.svg"), "<svg/>").unwrap();
        let data = folder.path().join("data");
        let worker = PathBuf::from(env!("CARGO_BIN_EXE_firstlight-gateway-fake-worker"));
        let config = Config::builder(data.clone(), folder.path().join("run"), vec![worker])
            .media_ports(media_ports())
            .ice_servers(ice_servers())
            .slots(Some(slots))
            .sessions_per_player(2)
            .yield_after(Duration::from_secs(60));
        let host = Host::open(config.build().unwrap()).unwrap();
        let alone = Alone::open(&data, ice_servers()).await.unwrap();
        let gateway = Gateway::open(Settings {
            cell: alone.cell.clone(),
            host: Some(host.clone()),
            bus: Some(BUS.to_owned()),
            titles: folder.path().join("titles"),
            operator: OperatorKey::open(&data).unwrap(),
            names: vec!["play.example".to_owned()],
            port: 8080,
            secure: false,
            metrics: Metrics::install().unwrap(),
        })
        .unwrap()
        .with_saves(alone.keeper.clone());
        let agent = alone.employ(&host, folder.path().join("titles")).await.unwrap();
        let router = gateway.router();
        Self {
            folder,
            host,
            _agent: agent,
            gateway,
            router,
        }
    }

    pub(crate) fn operator(&self) -> String {
        fs::read_to_string(self.folder.path().join("data/operator.key"))
            .unwrap()
            .trim()
            .to_owned()
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        Answer {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str, key: &str) -> Answer {
        self.ask(request("GET", path, key, &[]).body(Body::empty()).unwrap())
            .await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let request = request("POST", path, key, headers).header("content-type", "application/json");
        self.ask(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(crate) async fn start(&self, key: &str, title: &str) -> Answer {
        self.post("/v1/sessions", key, &[], &json!({ "title": title }))
            .await
    }

    pub(crate) async fn delete(&self, path: &str, key: &str) -> Answer {
        self.ask(request("DELETE", path, key, &[]).body(Body::empty()).unwrap())
            .await
    }
}

fn ice_servers() -> Vec<IceServer> {
    vec![IceServer {
        urls: vec!["stun:stun.example:3478".to_owned()],
        ..IceServer::default()
    }]
}

pub(crate) fn request(
    method: &str,
    path: &str,
    key: &str,
    headers: &[(&str, &str)],
) -> axum::http::request::Builder {
    let mut builder = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        builder = builder.header("host", "localhost:8080");
    }
    if !key.is_empty() {
        builder = builder.header("authorization", format!("Bearer {key}"));
    }
    headers
        .iter()
        .fold(builder, |builder, (name, value)| builder.header(*name, *value))
}

pub(crate) fn player(n: u8) -> String {
    format!("flp_{}", char::from(b'A' + n).to_string().repeat(43))
}

/// Media ports of this test's own: workers of tests that run side by side would take each other's between a host's look and
/// the worker's bind.
fn media_ports() -> std::ops::RangeInclusive<u16> {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let turn = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 20;
    let process = u16::try_from(std::process::id() % 100).unwrap();
    let first = 20_000 + process * 400 + turn * 20;
    first..=first + 19
}
