//! The gateway over a host with stand-in workers: what is answered, to whom, and how.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use firstlight_gateway::{Error, Gateway, Metrics, OperatorKey, Settings, listen, serve};
use firstlight_host::{Config, Host};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

struct Rig {
    folder: TempDir,
    host: Host,
    gateway: Gateway,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The problem's word; checks that it is one, as it should be.
    fn problem(&self) -> String {
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
    fn new(slots: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for id in ["plain", "waiting", "attached", "stillborn"] {
            let dir = folder.path().join("titles").join(id);
            fs::create_dir_all(&dir).unwrap();
            let manifest = format!(
                "id = \"{id}\"\nname = \"{id}\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n"
            );
            fs::write(dir.join("title.toml"), manifest).unwrap();
        }
        fs::write(folder.path().join("titles/plain/picture.svg"), "<svg/>").unwrap();
        let data = folder.path().join("data");
        let worker = PathBuf::from(env!("CARGO_BIN_EXE_firstlight-gateway-fake-worker"));
        let config = Config::builder(data.clone(), folder.path().join("run"), vec![worker])
            .media_ports(20_000..=60_000)
            .slots(Some(slots))
            .sessions_per_player(2);
        let host = Host::open(config.build().unwrap()).unwrap();
        let gateway = Gateway::open(Settings {
            host: host.clone(),
            titles: folder.path().join("titles"),
            operator: OperatorKey::open(&data).unwrap(),
            names: vec!["play.example".to_owned()],
            port: 8080,
            metrics: Metrics::install().unwrap(),
        })
        .unwrap();
        let router = gateway.router();
        Self {
            folder,
            host,
            gateway,
            router,
        }
    }

    fn operator(&self) -> String {
        fs::read_to_string(self.folder.path().join("data/operator.key"))
            .unwrap()
            .trim()
            .to_owned()
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        Answer {
            status,
            headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    async fn get(&self, path: &str, key: &str) -> Answer {
        self.ask(request("GET", path, key, &[]).body(Body::empty()).unwrap())
            .await
    }

    async fn post(&self, path: &str, key: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let request = request("POST", path, key, headers).header("content-type", "application/json");
        self.ask(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    async fn start(&self, key: &str, title: &str) -> Answer {
        self.post("/v1/sessions", key, &[], &json!({ "title": title }))
            .await
    }

    async fn delete(&self, path: &str, key: &str) -> Answer {
        self.ask(request("DELETE", path, key, &[]).body(Body::empty()).unwrap())
            .await
    }
}

fn request(method: &str, path: &str, key: &str, headers: &[(&str, &str)]) -> axum::http::request::Builder {
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

fn player(n: u8) -> String {
    format!("flp_{}", char::from(b'A' + n).to_string().repeat(43))
}

#[tokio::test]
async fn a_player_starts_sees_and_ends_a_session() {
    let rig = Rig::new(2);
    let started = rig.start(&player(0), "plain").await;
    assert_eq!(started.status, StatusCode::CREATED, "{}", started.text);
    let body = started.json();
    let id = body["session"].as_str().unwrap();
    assert!(body["ticket"].as_str().unwrap().starts_with("v4.public."));
    assert_eq!(body["title"], "plain");
    let endpoint = &body["endpoints"][0];
    assert_eq!(endpoint["kind"], "webtransport");
    let url = endpoint["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://localhost:") && url.ends_with("/v1/media"),
        "{url}"
    );
    assert_eq!(endpoint["cert_sha256"][0], "ab".repeat(32));
    assert!(body["timing"]["ready_ms"].as_f64().unwrap() > 0.0);

    let path = format!("/v1/sessions/{id}");
    let seen = rig.get(&path, &player(0)).await.json();
    assert_eq!(
        (seen["state"].as_str(), &seen["operator"]),
        (Some("ready"), &Value::Null)
    );
    let ticket = rig
        .post(&format!("{path}/tickets"), &player(0), &[], &json!({}))
        .await;
    assert_eq!(ticket.status, StatusCode::CREATED);
    assert_ne!(ticket.json()["ticket"], body["ticket"]);

    assert_eq!(rig.delete(&path, &player(0)).await.status, StatusCode::NO_CONTENT);
    let seen = rig.get(&path, &player(0)).await.json();
    assert_eq!(
        (&seen["state"], &seen["reason"]),
        (&json!("ended"), &json!("by_player"))
    );
    assert!(seen["message"].is_string() && seen["endpoints"] == json!([]));
    assert_eq!(rig.delete(&path, &player(0)).await.status, StatusCode::NO_CONTENT);
    let ticket = rig
        .post(&format!("{path}/tickets"), &player(0), &[], &json!({}))
        .await;
    assert_eq!(
        (ticket.status, ticket.problem().as_str()),
        (StatusCode::NOT_FOUND, "unknown-session")
    );
}

#[tokio::test]
async fn another_players_session_does_not_exist_and_the_operator_sees_all() {
    let rig = Rig::new(2);
    let id = rig.start(&player(0), "attached").await.json()["session"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/sessions/{id}");
    for answer in [
        rig.get(&path, &player(1)).await,
        rig.delete(&path, &player(1)).await,
        rig.post(&format!("{path}/tickets"), &player(1), &[], &json!({}))
            .await,
        rig.post(&format!("{path}/tickets"), &rig.operator(), &[], &json!({}))
            .await,
        rig.get("/v1/sessions/NoSuchThing", &player(0)).await,
    ] {
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "unknown-session")
        );
    }
    assert_eq!(
        rig.get("/v1/sessions", &player(1)).await.json(),
        json!({ "sessions": [] })
    );
    assert_eq!(
        rig.get("/v1/sessions", &player(0)).await.json()["sessions"][0]["session"],
        json!(id)
    );
    let all = rig.get("/v1/sessions", &rig.operator()).await.json();
    assert_eq!(
        all["sessions"][0]["operator"]["player"].as_str().unwrap().len(),
        32
    );
    assert_eq!(
        rig.delete(&path, &rig.operator()).await.status,
        StatusCode::NO_CONTENT
    );
    let seen = rig.get(&path, &rig.operator()).await.json();
    assert_eq!(
        (&seen["reason"], &seen["operator"]["exit_code"]),
        (&json!("by_operator"), &json!(3))
    );
    assert_eq!(seen["operator"]["tail"], json!(["a last line"]));
    let seen = rig.get(&path, &player(0)).await;
    assert!(
        !seen.text.contains("a last line") && !seen.text.contains("exit_code"),
        "{}",
        seen.text
    );
}

#[tokio::test]
async fn without_a_key_there_is_nothing_but_what_is_public() {
    let rig = Rig::new(1);
    for key in ["", "flp_short", "flo_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        for path in ["/v1/sessions", "/v1/sessions/a", "/v1/hosts", "/metrics"] {
            let answer = rig.get(path, key).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::UNAUTHORIZED, "unauthorized")
            );
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        assert_eq!(rig.start(key, "plain").await.status, StatusCode::UNAUTHORIZED);
    }
    for path in ["/v1/hosts", "/metrics"] {
        assert_eq!(rig.get(path, &player(0)).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(rig.get(path, &rig.operator()).await.status, StatusCode::OK);
    }
    for path in [
        "/",
        "/play/plain",
        "/v1/titles",
        "/v1/regions",
        "/v1/openapi.json",
        "/healthz",
    ] {
        assert_eq!(rig.get(path, "").await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_full_engine_says_when_to_ask_again() {
    let rig = Rig::new(1);
    assert_eq!(
        rig.start(&player(0), "attached").await.status,
        StatusCode::CREATED
    );
    let answer = rig.start(&player(1), "plain").await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "full")
    );
    assert!(
        answer.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
}

#[tokio::test]
async fn a_waiting_session_gives_way_and_its_player_can_read_why() {
    let rig = Rig::new(1);
    let away = rig.start(&player(0), "waiting").await.json()["session"]
        .as_str()
        .unwrap()
        .to_owned();
    let waits = |state: &firstlight_host::State| matches!(state, firstlight_host::State::Waiting { .. });
    rig.host.wait_until(&away.parse().unwrap(), waits).await.unwrap();
    let path = format!("/v1/sessions/{away}");
    let seen = rig.get(&path, &player(0)).await.json();
    assert_eq!(seen["state"], "waiting");
    assert!(seen["wait_left_s"].as_u64().unwrap() > 100 && seen["endpoints"][0]["url"].is_string());
    assert_eq!(rig.start(&player(1), "plain").await.status, StatusCode::CREATED);
    assert_eq!(rig.get(&path, &player(0)).await.json()["reason"], "gave_way");
}

#[tokio::test]
async fn one_player_cannot_take_every_place() {
    let rig = Rig::new(9);
    for _ in 0..2 {
        assert_eq!(rig.start(&player(0), "plain").await.status, StatusCode::CREATED);
    }
    let answer = rig.start(&player(0), "plain").await;
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "too-many")
    );
}

#[tokio::test]
async fn the_same_key_starts_one_session_also_at_the_same_time() {
    let rig = Rig::new(9);
    let key = [("idempotency-key", "k1")];
    let (body, me, other) = (json!({ "title": "plain" }), player(0), player(1));
    let (first, second) = tokio::join!(
        rig.post("/v1/sessions", &me, &key, &body),
        rig.post("/v1/sessions", &me, &key, &body)
    );
    assert_eq!(
        (first.status, second.status),
        (StatusCode::CREATED, StatusCode::CREATED)
    );
    assert_eq!(first.json()["session"], second.json()["session"]);
    assert_ne!(first.json()["ticket"], second.json()["ticket"]);
    let theirs = rig.post("/v1/sessions", &other, &key, &body).await;
    assert_ne!(theirs.json()["session"], first.json()["session"]);
    let changed = rig
        .post("/v1/sessions", &me, &key, &json!({ "title": "waiting" }))
        .await;
    assert_eq!(changed.problem(), "bad-request");
    let empty = rig
        .post("/v1/sessions", &me, &[("idempotency-key", "")], &body)
        .await;
    assert_eq!(empty.problem(), "bad-request");
}

#[tokio::test]
async fn a_page_of_another_site_can_do_nothing() {
    let rig = Rig::new(2);
    let body = json!({ "title": "plain" });
    let forged: [(&[(&str, &str)], &str); 5] = [
        (&[("host", "evil.example")], "forbidden-host"),
        (&[("host", "localhost.evil.example:8080")], "forbidden-host"),
        (&[("origin", "http://evil.example")], "forbidden-origin"),
        (&[("origin", "null")], "forbidden-origin"),
        (&[("sec-fetch-site", "cross-site")], "forbidden-origin"),
    ];
    for (headers, word) in forged {
        let answer = rig.post("/v1/sessions", &player(0), headers, &body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::FORBIDDEN, word)
        );
        for path in [
            "/",
            "/play/plain",
            "/v1/titles",
            "/v1/sessions",
            "/metrics",
            "/healthz",
            "/nothing",
            "/assets/x.js",
        ] {
            let answer = rig
                .ask(
                    request("GET", path, &player(0), headers)
                        .body(Body::empty())
                        .unwrap(),
                )
                .await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::FORBIDDEN, word),
                "{path}"
            );
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    let preflight = [
        ("origin", "http://evil.example"),
        ("access-control-request-method", "POST"),
    ];
    let answer = rig
        .ask(
            request("OPTIONS", "/v1/sessions", "", &preflight)
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(rig.host.sessions().is_empty());

    let own = [
        ("host", "play.example:8080"),
        ("origin", "http://play.example:8080"),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = rig.post("/v1/sessions", &player(0), &own, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    assert!(
        answer.json()["endpoints"][0]["url"]
            .as_str()
            .unwrap()
            .starts_with("https://play.example:")
    );
}

#[tokio::test]
async fn a_link_elsewhere_opens_the_page_and_starts_nothing() {
    let rig = Rig::new(1);
    let visit = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let answer = rig
        .ask(
            request("GET", "/play/plain?autostart=1", "", &visit)
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (StatusCode::SEE_OTHER, &"/play/plain".parse().unwrap())
    );
    let answer = rig
        .ask(
            request("GET", "/play/plain", "", &visit)
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn every_refusal_is_problem_details() {
    let rig = Rig::new(1);
    let me = player(0);
    let json_type = [("content-type", "application/json")];
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>| {
        request(method, path, &me, headers)
            .body(Body::from(body))
            .unwrap()
    };
    let cases = [
        (send("GET", "/nothing", &[], vec![]), 404, "not-found"),
        (send("GET", "/v1/nothing", &[], vec![]), 404, "not-found"),
        (send("PUT", "/v1/sessions", &[], vec![]), 405, "method"),
        (send("POST", "/", &[], vec![]), 405, "method"),
        (
            send("POST", "/v1/sessions", &json_type, b"{".to_vec()),
            400,
            "bad-request",
        ),
        (
            send("POST", "/v1/sessions", &json_type, b"{\"title\":7}".to_vec()),
            400,
            "bad-request",
        ),
        (
            send("POST", "/v1/sessions", &json_type, vec![0xff; 8]),
            400,
            "bad-request",
        ),
        (
            send(
                "POST",
                "/v1/sessions",
                &[("content-type", "text/plain")],
                b"{}".to_vec(),
            ),
            415,
            "media-type",
        ),
        (
            send("POST", "/v1/sessions", &[], b"{}".to_vec()),
            415,
            "media-type",
        ),
        (
            send("POST", "/v1/sessions", &json_type, vec![b' '; 100_000]),
            413,
            "too-large",
        ),
        (
            send(
                "POST",
                "/v1/sessions",
                &[("content-length", "99999999"), json_type[0]],
                vec![],
            ),
            413,
            "too-large",
        ),
        (
            send(
                "POST",
                "/v1/sessions",
                &json_type,
                b"{\"title\":\"../x\"}".to_vec(),
            ),
            404,
            "unknown-title",
        ),
        (
            send("GET", "/v1/titles/nope/picture", &[], vec![]),
            404,
            "unknown-title",
        ),
        (send("GET", "/v1/sessions/%ff", &[], vec![]), 400, "bad-request"),
    ];
    for (request, status, word) in cases {
        let name = format!("{} {}", request.method(), request.uri());
        let answer = rig.ask(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (status, word),
            "{name}"
        );
        if status == 405 {
            assert!(answer.headers.contains_key("allow"), "{name}");
        }
    }
    let answer = rig.start(&me, "stillborn").await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (500, "engine")
    );
    let only_rtc = json!({ "title": "plain", "client": { "transports": ["whep"] } });
    assert_eq!(
        rig.post("/v1/sessions", &me, &[], &only_rtc).await.problem(),
        "bad-request"
    );
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let rig = Rig::new(1);
    let description = rig.get("/v1/openapi.json", "").await.json();
    let described = description["paths"].as_object().unwrap();
    let served = firstlight_gateway::api_paths();
    assert_eq!(described.len(), served.len());
    for path in &served {
        let operations = described
            .get(*path)
            .unwrap_or_else(|| panic!("{path} is not described"));
        let real = path.replace("{id}", "x");
        for method in [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            let request = request(method.as_str(), &real, &player(0), &[])
                .body(Body::empty())
                .unwrap();
            let exists = rig.ask(request).await.status != StatusCode::METHOD_NOT_ALLOWED;
            let said = operations.get(method.as_str().to_lowercase()).is_some();
            assert_eq!(exists, said, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn titles_are_listed_as_they_are_on_disk() {
    let rig = Rig::new(1);
    let titles = rig.get("/v1/titles", "").await.json();
    let plain = titles["titles"]
        .as_array()
        .unwrap()
        .iter()
        .find(|title| title["id"] == "plain")
        .unwrap();
    let wanted = json!({
        "id": "plain", "name": "plain", "version": "1", "picture": "/v1/titles/plain/picture",
        "display": { "width": 1280, "height": 720, "fps": 60 }, "audio": true,
        "input": { "keyboard": true, "mouse": "absolute", "gamepads": 0, "touch": false },
    });
    assert_eq!(*plain, wanted);
    let picture = rig.get("/v1/titles/plain/picture", "").await;
    assert_eq!(
        (&picture.headers["content-type"], picture.text.as_str()),
        (&"image/svg+xml".parse().unwrap(), "<svg/>")
    );
    assert!(
        picture.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("sandbox")
    );
    let tag = picture.headers["etag"].to_str().unwrap();
    let again = request("GET", "/v1/titles/plain/picture", "", &[("if-none-match", tag)]);
    assert_eq!(
        rig.ask(again.body(Body::empty()).unwrap()).await.status,
        StatusCode::NOT_MODIFIED
    );
}

#[tokio::test]
async fn pages_come_with_their_guards() {
    let rig = Rig::new(1);
    let page = rig.get("/play/plain", "").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'self'",
        "connect-src 'self' https:",
        "frame-ancestors 'self'",
        "worker-src 'self' blob:",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
    assert_eq!(page.headers["cache-control"], "no-cache");
    assert!(!page.headers.contains_key("access-control-allow-origin"));
    let again = request(
        "GET",
        "/",
        "",
        &[("if-none-match", page.headers["etag"].to_str().unwrap())],
    );
    assert_eq!(
        rig.ask(again.body(Body::empty()).unwrap()).await.status,
        StatusCode::NOT_MODIFIED
    );
}

#[tokio::test]
async fn metrics_count_sessions_and_name_nobody() {
    let rig = Rig::new(1);
    let id = rig.start(&player(0), "plain").await.json()["session"]
        .as_str()
        .unwrap()
        .to_owned();
    let text = rig.get("/metrics", &rig.operator()).await.text;
    assert!(text.contains("host_sessions_started_total") && !text.contains(&id));
    let pseudonym = rig.host.sessions()[0].player.clone();
    assert!(!text.contains(&pseudonym));
}

#[tokio::test]
async fn a_stopping_engine_says_so_and_still_gives_reasons() {
    let rig = Rig::new(1);
    let id = rig.start(&player(0), "attached").await.json()["session"]
        .as_str()
        .unwrap()
        .to_owned();
    rig.host.stop().await;
    assert_eq!(
        rig.get("/healthz", "").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let answer = rig.start(&player(1), "plain").await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (503, "engine")
    );
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(
        rig.get(&format!("/v1/sessions/{id}"), &player(0)).await.json()["reason"],
        "engine_stopping"
    );
}

#[tokio::test]
async fn a_port_in_use_is_said_and_connections_are_served_until_the_stop() {
    let rig = Rig::new(1);
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let error = listen(address).unwrap_err();
    assert!(matches!(error, Error::PortInUse(_)));
    assert!(
        error
            .to_string()
            .contains(&format!("port {} is in use", address.port())),
        "{error}"
    );

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(serve(rig.gateway.clone(), vec![listener], async move {
        drop(stopped.await)
    }));
    let talk = |text: String| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // A server that refuses may close before everything was sent.
        drop(stream.read_to_string(&mut answer).await);
        answer
    };
    let own = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    assert!(talk(own).await.starts_with("HTTP/1.1 200 "));
    let rebound = "GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n".to_owned();
    assert!(talk(rebound).await.starts_with("HTTP/1.1 403 "));
    let endless = format!(
        "GET / HTTP/1.1\r\nhost: {address}\r\nx: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    assert!(!talk(endless).await.starts_with("HTTP/1.1 200 "));
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
