//! What players have saved: theirs to see, to have and to remove; and what a host may ask for it.

use crate::rig::{Answer, Rig, player, request};
use axum::body::Body;
use axum::http::StatusCode;
use firstlight_fleet::Key;
use firstlight_fleet::messages::{SaveAsk, SaveVerb, Written};
use firstlight_saves::HEADER;
use firstlight_units::{Micros, WallTime};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl Rig {
    async fn play(&self, key: &str) -> String {
        let started = self.start(key, "keeps").await;
        assert_eq!(started.status, StatusCode::CREATED, "{}", started.text);
        assert!(started.json()["timing"]["saves_ms"].as_f64().unwrap() > 0.0);
        started.json()["session"].as_str().unwrap().to_owned()
    }

    async fn end(&self, key: &str, session: &str) {
        let ended = self.delete(&format!("/v1/sessions/{session}"), key).await;
        assert_eq!(ended.status, StatusCode::NO_CONTENT);
    }

    /// Where the one player's home is on this machine.
    fn home(&self) -> PathBuf {
        let players = self.folder.path().join("data/players");
        let one = fs::read_dir(players).unwrap().next().unwrap().unwrap().path();
        one.join("keeps")
    }

    fn write(&self, content: &str) {
        fs::create_dir_all(self.home().join("save")).unwrap();
        fs::write(self.home().join("save/slot"), content).unwrap();
    }

    fn reads(&self) -> Option<String> {
        fs::read_to_string(self.home().join("save/slot")).ok()
    }

    /// Waits until so many versions are kept of the player.
    async fn kept(&self, key: &str, versions: usize) -> Value {
        loop {
            let list = self.get("/v1/saves", key).await.json();
            let kept = list["titles"][0]["versions"].as_array().map_or(0, Vec::len);
            if kept == versions {
                return list;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn what_is_saved_in_one_session_is_there_in_the_next_though_the_home_is_gone() {
    let rig = Rig::new(3).await;
    let key = player(0);
    for content in ["first", "second"] {
        let session = rig.play(&key).await;
        rig.write(content);
        rig.end(&key, &session).await;
        rig.kept(&key, if content == "first" { 1 } else { 2 }).await;
    }
    // As if the next session were placed on another machine.
    fs::remove_dir_all(rig.home()).unwrap();
    let session = rig.play(&key).await;
    assert_eq!(rig.reads().as_deref(), Some("second"));
    rig.end(&key, &session).await;

    let list = rig.kept(&key, 2).await;
    let oldest = &list["titles"][0]["versions"][1]["version"];
    let path = "/v1/saves/keeps/restore";
    let restored = rig.post(path, &key, &[], &json!({ "version": oldest })).await;
    assert_eq!(restored.status, StatusCode::OK, "{}", restored.text);
    let session = rig.play(&key).await;
    assert_eq!(rig.reads().as_deref(), Some("first"));
    rig.end(&key, &session).await;
}

#[tokio::test]
async fn saves_are_their_players_and_the_operators() {
    let rig = Rig::new(3).await;
    let (key, other) = (player(0), player(1));
    let session = rig.play(&key).await;
    rig.write("mine");
    let refused = rig.delete("/v1/saves/keeps", &key).await;
    assert_eq!(refused.problem(), "save-in-use");
    rig.end(&key, &session).await;
    rig.kept(&key, 1).await;
    let archive = rig.get("/v1/saves/keeps", &key).await;
    assert_eq!(archive.headers["content-type"], "application/gzip");

    let pseudonym = rig
        .home()
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let named = format!("/v1/saves?player={pseudonym}");
    assert_eq!(rig.get("/v1/saves", "").await.problem(), "unauthorized");
    assert_eq!(rig.get("/v1/saves", &other).await.json()["titles"], json!([]));
    assert_eq!(rig.get(&named, &other).await.problem(), "unauthorized");
    for path in ["/v1/saves/keeps", "/v1/saves/none", "/v1/saves/No!"] {
        assert_eq!(rig.get(path, &other).await.problem(), "unknown-save", "{path}");
    }
    let seen = rig.get(&named, &rig.operator()).await.json();
    assert_eq!(seen["titles"][0]["versions"].as_array().unwrap().len(), 1);
    let absurd = rig.get("/v1/saves?player=..%2F..", &rig.operator()).await;
    assert_eq!(absurd.problem(), "bad-request");

    let session = rig.play(&key).await;
    let refused = rig.delete("/v1/saves/keeps", &key).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::CONFLICT, "save-in-use")
    );
    rig.end(&key, &session).await;
    let removed = rig.delete("/v1/saves/keeps", &key).await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text);
    assert_eq!(
        rig.delete("/v1/saves/keeps", &key).await.problem(),
        "unknown-save"
    );
    // It does not come back from the machine that has it.
    assert_eq!(rig.reads().as_deref(), Some("mine"));
    let session = rig.play(&key).await;
    assert_eq!(rig.reads(), None);
    rig.end(&key, &session).await;
}

/// A host with the key of this seed; none: this machine's own.
fn host(rig: &Rig, seed: Option<u8>) -> Key {
    seed.map_or_else(
        || Key::open(&rig.folder.path().join("data/host.key")).unwrap(),
        |seed| Key::from_seed(&[seed; 32]),
    )
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    WallTime::from_micros(u64::try_from(since.as_micros()).unwrap())
}

async fn asks(rig: &Rig, method: &str, session: &str, ask: &SaveAsk, body: &'static [u8]) -> Answer {
    let path = format!("/v1/sessions/{session}/save");
    let header = ask.to_header();
    let request = request(method, &path, "", &[(HEADER, &header)]);
    rig.ask(request.body(Body::from(body)).unwrap()).await
}

fn archive(bytes: u64) -> SaveVerb {
    SaveVerb::Write(Written {
        bytes,
        sha256: "ab".repeat(32),
        last: false,
    })
}

#[tokio::test]
async fn a_host_gets_at_the_saves_of_its_own_sessions_and_at_no_others() {
    let rig = Rig::new(2).await;
    let session = rig.play(&player(0)).await;
    let id: firstlight_units::SessionId = session.parse().unwrap();
    let fence = rig.host.session(&id).unwrap().epoch;
    let ask = |seed, fence, verb, at| SaveAsk::new(&host(&rig, seed), id.clone(), fence, verb, at);

    let well = asks(
        &rig,
        "POST",
        &session,
        &ask(None, fence, SaveVerb::Open, now()),
        b"",
    )
    .await;
    assert_eq!(
        (well.status, well.json()["version"].as_u64()),
        (StatusCode::OK, Some(0))
    );

    let mut forged = ask(None, fence, SaveVerb::Open, now());
    forged.fence += 1;
    let early = now().before(Micros::from_secs(60));
    let wrong = [
        ("another host", ask(Some(9), fence, SaveVerb::Open, now())),
        ("another fence", ask(None, fence + 1, SaveVerb::Open, now())),
        ("a changed ask", forged),
        ("an old ask", ask(None, fence, SaveVerb::Open, early)),
        ("another verb", ask(None, fence, SaveVerb::Close, now())),
    ];
    for (what, ask) in &wrong {
        let refused = asks(&rig, "POST", &session, ask, b"").await;
        let found = (refused.status, refused.problem());
        assert_eq!(
            found,
            (StatusCode::FORBIDDEN, "forbidden-save".to_owned()),
            "{what}"
        );
    }
    let elsewhere = asks(
        &rig,
        "POST",
        "other",
        &ask(None, fence, SaveVerb::Open, now()),
        b"",
    )
    .await;
    assert_eq!(elsewhere.problem(), "forbidden-save");
    for header in [None, Some("e30"), Some("…")] {
        let headers: Vec<_> = header.map(|header| (HEADER, header)).into_iter().collect();
        let path = format!("/v1/sessions/{session}/save");
        let refused = rig
            .ask(request("POST", &path, "", &headers).body(Body::empty()).unwrap())
            .await;
        assert_eq!(refused.problem(), "forbidden-save", "{header:?}");
    }
    let unknown = SaveAsk::new(
        &host(&rig, None),
        "never".parse().unwrap(),
        1,
        SaveVerb::Open,
        now(),
    );
    let unknown = asks(&rig, "POST", "never", &unknown, b"").await;
    assert_eq!(unknown.problem(), "unknown-session");
}

#[tokio::test]
async fn an_archive_that_is_not_what_was_promised_is_refused_in_words() {
    let rig = Rig::new(1).await;
    let session = rig.play(&player(0)).await;
    let id: firstlight_units::SessionId = session.parse().unwrap();
    let fence = rig.host.session(&id).unwrap().epoch;
    let ask = |verb| SaveAsk::new(&host(&rig, None), id.clone(), fence, verb, now());
    for (bytes, sent, status, word) in [
        (1 << 40, &b"x"[..], StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        (
            4,
            b"more than was promised",
            StatusCode::BAD_REQUEST,
            "bad-request",
        ),
        (4, b"less", StatusCode::BAD_REQUEST, "bad-request"),
        (0, b"", StatusCode::BAD_REQUEST, "bad-request"),
    ] {
        let refused = asks(&rig, "PUT", &session, &ask(archive(bytes)), sent).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (status, word),
            "{sent:?}"
        );
    }
    let none = asks(&rig, "GET", &session, &ask(SaveVerb::Read { version: 1 }), b"").await;
    assert_eq!(none.problem(), "unknown-save");
    // Larger than any other body may be: an archive is not refused for its length alone.
    let large: &'static [u8] = Box::leak(vec![7; 100_000].into_boxed_slice());
    let read = asks(&rig, "PUT", &session, &ask(archive(100_000)), large).await;
    assert_eq!(read.problem(), "bad-request");
    assert_eq!(rig.get("/v1/saves", &player(0)).await.json()["titles"], json!([]));
}
