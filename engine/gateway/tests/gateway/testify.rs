//! What players and checkers say of sessions: who may say what.

use crate::rig::{Rig, player, request};
use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

async fn put(rig: &Rig, path: &str, key: &str, body: &Value) -> (StatusCode, String) {
    let request = request("PUT", path, key, &[]).header("content-type", "application/json");
    let answer = rig.ask(request.body(Body::from(body.to_string())).unwrap()).await;
    let problem = if answer.status.is_success() {
        String::new()
    } else {
        answer.problem()
    };
    (answer.status, problem)
}

#[tokio::test]
async fn a_players_word_is_taken_of_his_own_session_alone() {
    let rig = Rig::new(2).await;
    let started = rig.start(&player(0), "attached").await.json();
    let path = format!("/v1/sessions/{}/account", started["session"].as_str().unwrap());
    let account = json!({ "seconds": 40, "units": 2_400 });
    let unknown = (StatusCode::NOT_FOUND, "unknown-session".to_owned());
    // The operator neither: he did not play.
    for key in [player(1), rig.operator()] {
        assert_eq!(put(&rig, &path, &key, &account).await, unknown);
    }
    let nowhere = "/v1/sessions/nowhere/account";
    assert_eq!(put(&rig, nowhere, &player(0), &account).await, unknown);
    assert_eq!(
        put(&rig, &path, "", &account).await,
        (StatusCode::UNAUTHORIZED, "unauthorized".to_owned())
    );
    for absurd in [
        json!({ "seconds": 1u64 << 60, "units": 1 }),
        json!({ "seconds": -1, "units": 1 }),
        json!({ "units": 1 }),
    ] {
        let (status, problem) = put(&rig, &path, &player(0), &absurd).await;
        assert_eq!(
            (status, problem.as_str()),
            (StatusCode::BAD_REQUEST, "bad-request"),
            "{absurd}"
        );
    }
    let (status, _) = put(&rig, &path, &player(0), &account).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_testimony_has_the_form_of_one_and_operators_say_who_may_give_it() {
    let rig = Rig::new(2).await;
    let key = json!({ "key": "ab".repeat(32) });
    assert_eq!(
        rig.post("/v1/checkers", &player(0), &[], &key).await.status,
        StatusCode::UNAUTHORIZED
    );
    let none = json!({ "key": "ab" });
    assert_eq!(
        rig.post("/v1/checkers", &rig.operator(), &[], &none)
            .await
            .problem(),
        "bad-request"
    );
    assert_eq!(
        rig.post("/v1/checkers", &rig.operator(), &[], &key).await.status,
        StatusCode::NO_CONTENT
    );

    let whole = json!({ "session": "nowhere", "checker": "ab".repeat(32), "seen": { "seconds": 40 }, "signed": "A".repeat(86) });
    let with = |name: &str, value: Value| {
        let mut body = whole.clone();
        body[name] = value;
        body
    };
    for (body, problem) in [
        (whole.clone(), "unknown-session"),
        (with("checker", json!("ab")), "bad-request"),
        (with("signed", json!("A".repeat(85))), "bad-request"),
        (with("seen", json!({ "seconds": 1u64 << 60 })), "bad-request"),
        (with("service", json!({ "drawn": 1u64 << 60 })), "bad-request"),
    ] {
        let answer = rig.post("/v1/testimonies", "", &[], &body).await;
        assert_eq!(answer.problem(), problem, "{body}");
    }
}
