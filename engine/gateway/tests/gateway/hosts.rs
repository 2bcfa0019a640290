//! What operators do with hosts, and how hosts join.

use crate::rig::{BUS, Rig, player};
use axum::http::StatusCode;
use firstlight_fleet::Key;
use firstlight_fleet::messages::Enrol;
use firstlight_units::WallTime;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

fn wish(seed: u8, token: &str) -> Value {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = WallTime::from_micros(u64::try_from(since.as_micros()).unwrap());
    let key = Key::from_seed(&[seed; 32]);
    let wish = Enrol::new(
        &key,
        token.to_owned(),
        "box".to_owned(),
        "eu".parse().unwrap(),
        now,
    );
    serde_json::to_value(wish).unwrap()
}

#[tokio::test]
async fn a_host_joins_with_a_token_and_comes_back_with_its_key() {
    let rig = Rig::new(1).await;
    let wanted = json!({ "uses": 1 });
    let refused = rig.post("/v1/hosts/tokens", &player(0), &[], &wanted).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let none = rig
        .post("/v1/hosts/tokens", &rig.operator(), &[], &json!({ "uses": 0 }))
        .await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
    let made = rig.post("/v1/hosts/tokens", &rig.operator(), &[], &wanted).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let token = made.json()["token"].as_str().unwrap().to_owned();

    let joined = rig.post("/v1/hosts/enrol", "", &[], &wish(1, &token)).await;
    assert_eq!(joined.status, StatusCode::OK, "{}", joined.text);
    assert_eq!(joined.json()["bus"], BUS);
    assert_eq!(
        joined.json()["host"],
        Key::from_seed(&[1; 32]).public().id().as_str()
    );
    assert_eq!(joined.json()["cell_keys"].as_array().unwrap().len(), 1);
    // Its use is spent, on whoever comes next.
    let second = rig.post("/v1/hosts/enrol", "", &[], &wish(2, &token)).await;
    assert_eq!(
        (second.status, second.problem().as_str()),
        (StatusCode::FORBIDDEN, "forbidden-ticket")
    );
    let back = rig.post("/v1/hosts/enrol", "", &[], &wish(1, "")).await;
    assert_eq!(back.status, StatusCode::OK);

    let mut forged = wish(1, "");
    forged["region"] = json!("us");
    let forged = rig.post("/v1/hosts/enrol", "", &[], &forged).await;
    assert_eq!(
        (forged.status, forged.problem().as_str()),
        (StatusCode::BAD_REQUEST, "bad-request")
    );
}

#[tokio::test]
async fn nothing_new_goes_to_a_cordoned_host() {
    let rig = Rig::new(1).await;
    let hosts = rig.get("/v1/hosts", &rig.operator()).await.json();
    let id = hosts["hosts"][0]["host"].as_str().unwrap().to_owned();
    let cordon = async |on: bool| {
        let path = format!("/v1/hosts/{id}/cordon");
        rig.post(&path, &rig.operator(), &[], &json!({ "on": on }))
            .await
            .status
    };
    assert_eq!(cordon(true).await, StatusCode::NO_CONTENT);
    assert_eq!(
        rig.start(&player(0), "plain").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(cordon(false).await, StatusCode::NO_CONTENT);
    let started = rig.start(&player(0), "plain").await;
    assert_eq!(started.status, StatusCode::CREATED);

    let session = started.json()["session"].as_str().unwrap().to_owned();
    let path = format!("/v1/sessions/{session}/decision");
    assert_eq!(rig.get(&path, &player(0)).await.status, StatusCode::UNAUTHORIZED);
    let decision = rig.get(&path, &rig.operator()).await;
    assert_eq!(decision.status, StatusCode::OK, "{}", decision.text);
    let decision = decision.json();
    assert_eq!(decision["policy"], "best-overall");
    let chosen = &decision["candidates"][0];
    assert_eq!(
        (chosen["host"].as_str(), chosen["warmth"].as_str()),
        (Some(id.as_str()), Some("installed"))
    );
    let terms = chosen["terms"].as_object().unwrap();
    let sum: u64 = terms.values().map(|term| term.as_u64().unwrap()).sum();
    assert_eq!(chosen["cost_us"], sum);
    assert_eq!(decision["filtered"]["closed"], 0);
    let unknown = rig
        .post(
            "/v1/hosts/nobody/cordon",
            &rig.operator(),
            &[],
            &json!({ "on": true }),
        )
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn operators_see_hosts_sessions_and_who_waits() {
    let rig = Rig::new(1).await;
    let key = rig.operator();
    let id = rig.get("/v1/hosts", &key).await.json()["hosts"][0]["host"].clone();
    let session = rig.start(&player(0), "plain").await.json()["session"].clone();
    let wanted = json!({ "title": "plain", "wait": true });
    let queued = rig.post("/v1/sessions", &player(1), &[], &wanted).await;
    assert_eq!(queued.status, StatusCode::ACCEPTED, "{}", queued.text);

    let overview = rig.get("/v1/overview", &key).await.json();
    assert_eq!(
        (&overview["sessions"], &overview["queue"]),
        (&json!(1), &json!(1))
    );
    let waiting = &overview["waiting"][0];
    assert_eq!(
        (&waiting["title"], &waiting["place"]),
        (&json!("plain"), &json!(1))
    );
    assert_ne!(waiting["player"], json!(player(1)), "a pseudonym, not the key");
    assert_eq!(overview["regions"][0]["hosts"], 1);
    assert_eq!(
        rig.get("/v1/overview", &player(0)).await.status,
        StatusCode::UNAUTHORIZED
    );

    let listed = rig.get("/v1/sessions?live=true&limit=5", &key).await.json();
    assert_eq!(listed["sessions"][0]["session"], session);
    assert_eq!(listed["sessions"][0]["operator"]["host"], id);
    assert_eq!(listed["left_out"], Value::Null);
    let none = rig.get("/v1/sessions?limit=0", &key).await.json();
    assert_eq!((&none["sessions"], &none["left_out"]), (&json!([]), &json!(1)));
    // A player learns nothing of where he is.
    let own = rig.get("/v1/sessions", &player(0)).await.json();
    assert_eq!(own["sessions"][0]["operator"], Value::Null);

    let path = format!("/v1/sessions/{}", session.as_str().unwrap());
    assert_eq!(rig.delete(&path, &player(0)).await.status, StatusCode::NO_CONTENT);
    let live = rig.get("/v1/sessions?live=true", &key).await.json();
    assert!(!live.to_string().contains(session.as_str().unwrap()), "{live}");
}

#[tokio::test]
async fn pages_of_hosts_are_bounded() {
    let rig = Rig::new(1).await;
    let key = rig.operator();
    for wrong in ["limit=0", "limit=1001", "limit=all", "limit=-1"] {
        let answer = rig.get(&format!("/v1/hosts?{wrong}"), &key).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::BAD_REQUEST, "bad-request"),
            "{wrong}"
        );
    }
    let all = rig.get("/v1/hosts?limit=1", &key).await.json();
    assert_eq!(
        (all["hosts"].as_array().unwrap().len(), &all["next"]),
        (1, &Value::Null)
    );
    let id = all["hosts"][0]["host"].as_str().unwrap();
    let after = rig.get(&format!("/v1/hosts?after={id}"), &key).await.json();
    assert_eq!(after["hosts"], json!([]));
}
