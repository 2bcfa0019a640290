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
    assert!(decision.text.contains(&id), "{}", decision.text);
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
