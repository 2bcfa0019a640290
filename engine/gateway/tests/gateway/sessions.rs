//! The life of a session as its player, others and the operator see it.

use crate::rig::{Rig, player, request};
use axum::body::Body;
use axum::http::StatusCode;
use firstlight_gateway::PeerAddress;
use serde_json::{Value, json};

#[tokio::test]
async fn a_player_starts_sees_and_ends_a_session() {
    let rig = Rig::new(2).await;
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
    let rig = Rig::new(2).await;
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
async fn a_full_engine_says_when_to_ask_again() {
    let rig = Rig::new(1).await;
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
    let rig = Rig::new(1).await;
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
async fn who_was_cut_off_for_a_moment_keeps_his_place_from_all_and_who_left_from_those_in_line() {
    let rig = Rig::new(2).await;
    let waits = |state: &firstlight_host::State| matches!(state, firstlight_host::State::Waiting { .. });
    let mut away = Vec::new();
    for (n, title) in ["cut", "waiting"].into_iter().enumerate() {
        let key = player(u8::try_from(n).unwrap());
        let session = rig.start(&key, title).await.json()["session"].clone();
        let session = session.as_str().unwrap().to_owned();
        rig.host
            .wait_until(&session.parse().unwrap(), waits)
            .await
            .unwrap();
        away.push((format!("/v1/sessions/{session}"), key));
    }
    let wanted = json!({ "title": "plain", "wait": true });
    let queued = rig.post("/v1/sessions", &player(2), &[], &wanted).await;
    assert_eq!(queued.status, StatusCode::ACCEPTED, "{}", queued.text);
    for (path, key) in &away {
        assert_eq!(rig.get(path, key).await.json()["state"], "waiting");
    }
    // Who is before him would get what becomes free.
    let turn = queued.headers["location"].to_str().unwrap();
    assert_eq!(rig.delete(turn, &player(2)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(rig.start(&player(3), "plain").await.status, StatusCode::CREATED);
    assert_eq!(rig.start(&player(4), "plain").await.problem(), "full");
    let [(cut, cut_key), (left, left_key)] = [&away[0], &away[1]];
    assert_eq!(rig.get(cut, cut_key).await.json()["state"], "waiting");
    assert_eq!(rig.get(left, left_key).await.json()["reason"], "gave_way");
}

#[tokio::test]
async fn one_player_cannot_take_every_place() {
    let rig = Rig::new(9).await;
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
    let rig = Rig::new(9).await;
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
async fn metrics_count_sessions_and_name_nobody() {
    let rig = Rig::new(1).await;
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
    let rig = Rig::new(1).await;
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

/// Keys are free, so an address that made a new one for each start was limited by nothing.
#[tokio::test]
async fn starts_from_one_address_are_limited_and_the_operator_is_not() {
    let rig = Rig::new(1).await;
    let ask = async |key: &str, address: [u8; 4]| {
        let request = request("POST", "/v1/sessions", key, &[])
            .header("content-type", "application/json")
            .extension(PeerAddress(address.into()));
        rig.ask(request.body(Body::from("{\"title\":\"plain\"}")).unwrap())
            .await
    };
    let mut starts = 0;
    let refused = loop {
        let answer = ask(&player(starts % 20), [203, 0, 113, 9]).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        starts += 1;
        assert!(starts < 100, "nothing limits it");
    };
    assert_eq!(refused.problem(), "too-many");
    assert!(
        refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    assert!(starts >= 20, "{starts} starts in a row");
    let elsewhere = ask(&player(1), [203, 0, 113, 10]).await;
    assert_ne!(
        elsewhere.status,
        StatusCode::TOO_MANY_REQUESTS,
        "{}",
        elsewhere.text
    );
    let operator = ask(&rig.operator(), [203, 0, 113, 9]).await;
    assert_ne!(
        operator.status,
        StatusCode::TOO_MANY_REQUESTS,
        "{}",
        operator.text
    );
}
