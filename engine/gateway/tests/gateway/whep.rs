//! WHEP as a player sees it.

use crate::rig::{Answer, Rig, request};
use axum::body::Body;
use axum::http::StatusCode;

const KEY: &str = "flp_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const SDP: (&str, &str) = ("content-type", "application/sdp");

async fn offer(rig: &Rig, url: &str, token: Option<&str>, kind: (&str, &str), sdp: &str) -> Answer {
    let mut headers = vec![kind];
    let bearer = token.map(|token| format!("Bearer {token}"));
    let request = match &bearer {
        Some(bearer) => {
            headers.push(("authorization", bearer));
            request("POST", url, "", &headers)
        }
        None => request("POST", url, "", &headers),
    };
    rig.ask(request.body(Body::from(sdp.to_owned())).unwrap()).await
}

async fn endpoint(rig: &Rig) -> String {
    let started = rig.start(KEY, "plain").await.json();
    let whep = &started["endpoints"][1];
    assert_eq!(whep["kind"], "whep");
    assert_eq!(whep["ice_servers"].as_array().unwrap().len(), 1);
    let url = whep["url"].as_str().unwrap();
    url.strip_prefix("http://localhost:8080").unwrap().to_owned()
}

#[tokio::test]
async fn an_offer_with_a_ticket_is_answered_and_the_attachment_can_be_ended() {
    let rig = Rig::new(4).await;
    let url = endpoint(&rig).await;
    let answer = offer(&rig, &url, Some("v4.public.good"), SDP, "v=0").await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::CREATED, "v=0")
    );
    assert_eq!(answer.headers["content-type"], "application/sdp");
    assert_eq!(answer.headers["firstlight-resume"], "fresh");
    assert_eq!(
        answer.headers["link"],
        "<stun:stun.example:3478>; rel=\"ice-server\""
    );
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    assert!(location.starts_with(&format!("{url}/")));

    let ask = |method: &'static str, path: &str, kind: (&'static str, &'static str)| {
        let asked = request(method, path, "", &[kind]).body(Body::from("a=mid:0\r\n"));
        rig.ask(asked.unwrap())
    };
    let fragment = ("content-type", "application/trickle-ice-sdpfrag");
    assert_eq!(
        ask("PATCH", &location, fragment).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(ask("PATCH", &location, SDP).await.problem(), "media-type");
    assert_eq!(
        ask("PATCH", &format!("{url}/nobody"), fragment).await.problem(),
        "unknown-session"
    );
    assert_eq!(ask("DELETE", &location, fragment).await.status, StatusCode::OK);

    let by_query = offer(&rig, &format!("{url}?resume=good"), None, SDP, "v=0").await;
    assert_eq!(by_query.status, StatusCode::CREATED);
}

#[tokio::test]
async fn what_is_not_an_offer_of_the_player_is_refused_in_words() {
    let rig = Rig::new(4).await;
    let url = endpoint(&rig).await;
    let bad = offer(&rig, &url, Some("good"), SDP, "bad").await;
    assert_eq!(
        (bad.status, bad.problem().as_str()),
        (StatusCode::BAD_REQUEST, "bad-offer")
    );
    assert_eq!(bad.json()["detail"], "The offer is not SDP.");
    assert_eq!(
        offer(&rig, &url, Some("stranger"), SDP, "v=0").await.problem(),
        "forbidden-ticket"
    );
    assert_eq!(
        offer(&rig, &url, None, SDP, "v=0").await.problem(),
        "unauthorized"
    );
    let json = ("content-type", "application/json");
    assert_eq!(
        offer(&rig, &url, Some("good"), json, "v=0").await.problem(),
        "media-type"
    );
    let elsewhere = "/v1/sessions/aaaaaaaaaaaaaaaaaaaa/whep";
    assert_eq!(
        offer(&rig, elsewhere, Some("good"), SDP, "v=0").await.problem(),
        "unknown-session"
    );
    let long = "v".repeat(20_000);
    assert_eq!(
        offer(&rig, &url, Some("good"), SDP, &long).await.problem(),
        "too-large"
    );
}
