//! How sessions were: who may read it, and how long.

use crate::rig::{Rig, player};
use axum::http::StatusCode;
use firstlight_units::SessionId;
use serde_json::{Value, json};

/// Plays a session of the stand-in worker, which tells of forty good seconds at once.
async fn played(rig: &Rig, key: &str) -> String {
    let started = rig.start(key, "attached").await.json();
    let id = started["session"].as_str().unwrap().to_owned();
    let session: SessionId = id.parse().unwrap();
    // The last second is in the table when the session is looked at after it.
    let told = |rig: &Rig| rig.host.quality(&session).unwrap().report["scores"]["seconds"] == 40;
    let mut changes = rig.host.changes();
    for _ in 0..500 {
        if told(rig) {
            break;
        }
        drop(tokio::time::timeout(std::time::Duration::from_millis(20), changes.changed()).await);
    }
    assert!(told(rig));
    id
}

#[tokio::test]
async fn a_report_tells_a_session_from_begin_to_exit() {
    let rig = Rig::new(2).await;
    let id = played(&rig, &player(0)).await;
    let path = format!("/v1/sessions/{id}/report");
    let live = rig.get(&path, &player(0)).await.json();
    assert_eq!((&live["ended"], &live["session"]), (&Value::Null, &json!(id)));
    rig.delete(&format!("/v1/sessions/{id}"), &player(0)).await;

    let report = rig.get(&path, &player(0)).await.json();
    assert_eq!(
        (&report["version"], &report["title"]),
        (&json!(1), &json!("attached"))
    );
    assert_eq!(
        report["ended"],
        json!({ "reason": "by_player", "message": "You ended the session." })
    );
    let scores = &report["scores"];
    assert_eq!(
        (&scores["seconds"], &scores["good"], &scores["exit"]),
        (&json!(40), &json!(40), &json!(10_000))
    );
    assert!(scores["whole"].as_u64().unwrap() > 9_000 && scores["words"].as_str().unwrap().len() > 10);
    let stages = report["click_to_photon"]["stages_us"].as_array().unwrap();
    assert_eq!(stages.iter().map(|us| us.as_i64().unwrap()).sum::<i64>(), 23_000);
    assert_eq!(stages[12], -1_000);

    let trace = rig.get(&format!("/v1/sessions/{id}/trace"), &player(0)).await;
    assert_eq!(
        trace.headers["content-disposition"],
        format!("attachment; filename=\"{id}.trace.json\"")
    );
    assert!(trace.json()["traceEvents"].as_array().unwrap().len() > 10);
}

#[tokio::test]
async fn a_report_is_for_its_player_the_operator_and_whoever_has_the_link() {
    let rig = Rig::new(2).await;
    let id = played(&rig, &player(0)).await;
    for what in ["report", "trace"] {
        let path = format!("/v1/sessions/{id}/{what}");
        for key in [player(0), rig.operator()] {
            assert_eq!(rig.get(&path, &key).await.status, StatusCode::OK);
        }
        let guessed = format!("flr_{}", "a".repeat(32));
        for key in [player(1), guessed, "flr_".to_owned()] {
            let answer = rig.get(&path, &key).await;
            assert_eq!(
                (answer.status, answer.problem().as_str()),
                (StatusCode::NOT_FOUND, "unknown-session"),
                "{key}"
            );
        }
        assert_eq!(rig.get(&path, "").await.problem(), "unauthorized");
    }
    let path = format!("/v1/sessions/{id}/report");
    let link = rig.get(&path, &player(0)).await.json()["link"]
        .as_str()
        .unwrap()
        .to_owned();
    let (page, key) = link.split_once('#').unwrap();
    assert_eq!(page, format!("/report/{id}"));
    assert_eq!(
        (key.len(), rig.get(&path, key).await.status),
        (36, StatusCode::OK)
    );
    // It lets nobody do anything else.
    assert_eq!(
        rig.get(&format!("/v1/sessions/{id}"), key).await.problem(),
        "unauthorized"
    );
    assert_eq!(
        rig.delete(&format!("/v1/sessions/{id}"), key).await.problem(),
        "unauthorized"
    );
}

#[tokio::test]
async fn a_session_that_never_was_has_no_report() {
    let rig = Rig::new(1).await;
    for id in ["nosuchsession", "No-Such"] {
        let answer = rig.get(&format!("/v1/sessions/{id}/report"), &player(0)).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "unknown-session")
        );
        assert!(
            answer.json()["detail"]
                .as_str()
                .unwrap()
                .starts_with("There is no report")
        );
    }
}

#[tokio::test]
async fn the_cell_keeps_the_report_and_counts_its_minute_for_the_host() {
    let rig = Rig::new(2).await;
    let id = played(&rig, &player(0)).await;
    rig.delete(&format!("/v1/sessions/{id}"), &player(0)).await;
    let hosts = || async { rig.get("/v1/hosts", &rig.operator()).await.json() };
    for _ in 0..500 {
        if hosts().await["hosts"][0]["minutes"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let host = &hosts().await["hosts"][0];
    assert_eq!((&host["minutes"], &host["score"]), (&json!(1), &json!(100.0)));
    assert!(
        host["standing"].as_f64().unwrap() < 30.0,
        "one minute proves little: {host}"
    );
}
