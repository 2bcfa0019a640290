//! Who is answered at all, and in what form.

use crate::rig::{Rig, player, request};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use firstlight_gateway::{Error, listen, serve};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn without_a_key_there_is_nothing_but_what_is_public() {
    let rig = Rig::new(1).await;
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
        "/ops",
        "/v1/titles",
        "/v1/regions",
        "/v1/openapi.json",
        "/healthz",
    ] {
        assert_eq!(rig.get(path, "").await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_can_do_nothing() {
    let rig = Rig::new(2).await;
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
    let rig = Rig::new(1).await;
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
#[expect(clippy::too_many_lines, reason = "a table with a line per refusal")]
async fn every_refusal_is_problem_details() {
    let rig = Rig::new(1).await;
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
}

#[tokio::test]
async fn a_session_that_cannot_be_is_refused_in_words() {
    let rig = Rig::new(1).await;
    let me = player(0);
    let answer = rig.start(&me, "stillborn").await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (500, "engine")
    );
    let only_pigeons = json!({ "title": "plain", "client": { "transports": ["pigeon"] } });
    assert_eq!(
        rig.post("/v1/sessions", &me, &[], &only_pigeons).await.problem(),
        "bad-request"
    );
}

#[tokio::test]
async fn the_description_names_every_route_and_no_other() {
    let rig = Rig::new(1).await;
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
    let rig = Rig::new(1).await;
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
    let rig = Rig::new(1).await;
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
async fn the_operators_page_talks_to_nobody_else_and_is_shown_in_no_frame() {
    let rig = Rig::new(1).await;
    let page = rig.get("/ops", "").await;
    assert_eq!(
        (page.status, &page.headers["content-type"]),
        (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
    );
    let tag = page.headers["etag"].to_str().unwrap().to_owned();
    let again = request("GET", "/ops", "", &[("if-none-match", &tag)]);
    let again = rig.ask(again.body(Body::empty()).unwrap()).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    for answer in [page, again, rig.get("/ops.html", "").await] {
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        let parts: Vec<&str> = policy.split(';').map(str::trim).collect();
        for part in [
            "default-src 'none'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(parts.contains(&part), "{policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains("https:"),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn a_port_in_use_is_said_and_connections_are_served_until_the_stop() {
    let rig = Rig::new(1).await;
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
    let serving = tokio::spawn(serve(rig.gateway.clone(), vec![listener], None, async move {
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
