//! The bus as `deploy/nats` sets it up: what gateways and hosts need is allowed, and nothing else of ours.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use firstlight_fleet::{Bus, BusError, NatsBus, Subject};
use firstlight_test_servers as servers;
use std::path::Path;
use std::time::Duration;

struct Site {
    server: servers::Nats,
}

impl Site {
    fn start() -> Self {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/nats/nats.conf");
        // What an address has to escape.
        let passwords = [
            ("FIRSTLIGHT_GATEWAY_PASSWORD", "g@te:way"),
            ("FIRSTLIGHT_HOST_PASSWORD", "h+st"),
        ];
        let server = servers::Nats::configured(&config, &passwords).unwrap();
        Self { server }
    }

    async fn bus(&self, login: &str) -> NatsBus {
        let url = self.server.url().replace("nats://", &format!("nats://{login}@"));
        NatsBus::connect(&url).await.unwrap()
    }
}

async fn connected(bus: &NatsBus) -> bool {
    for _ in 0..200 {
        if bus.is_connected() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    false
}

fn subject(text: &str) -> Subject {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_hear_and_ask_hosts_who_hear_nothing_but_what_they_are_asked() {
    let site = Site::start();
    let gateway = site.bus("gateway:g%40te%3Away").await;
    let (host, curious) = (site.bus("host:h+st").await, site.bus("host:h+st").await);
    for bus in [&gateway, &host, &curious] {
        assert!(connected(bus).await);
    }
    let mut beats = gateway.subscribe(&Subject::beats()).await.unwrap();
    let mut overheard = curious.subscribe(&Subject::beats()).await.unwrap();
    let mut asks = host.subscribe(&subject("fl.ask.h")).await.unwrap();
    tokio::spawn(async move {
        while let Some(ask) = asks.next().await {
            drop(ask.answer(Bytes::from("yes")).await);
        }
    });
    let within = Duration::from_secs(10);
    let mut answer = Err(BusError::Disconnected);
    for _ in 0..100 {
        answer = gateway
            .request(&subject("fl.ask.h"), Bytes::from("there?"), within)
            .await;
        // Its subscription may be on its way.
        if !matches!(answer, Err(BusError::NobodyListens(_))) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(answer.unwrap(), "yes");
    host.publish(&subject("fl.beat.h"), Bytes::from("one"))
        .await
        .unwrap();
    let beat = tokio::time::timeout(within, beats.next()).await.unwrap().unwrap();
    assert_eq!(beat.body, "one");
    // It would have come to the curious one by now: the server hands a message to all who may have it at once.
    assert!(overheard.try_next().is_none());
    // Hosts ask nobody.
    let asked = curious
        .request(
            &subject("fl.ask.h"),
            Bytes::from("you?"),
            Duration::from_millis(500),
        )
        .await;
    assert!(asked.is_err(), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_password_is_not_let_in() {
    let site = Site::start();
    let right = site.bus("gateway:g%40te%3Away").await;
    let (wrong, nobody) = (
        site.bus("gateway:guess").await,
        NatsBus::connect(&site.server.url()).await.unwrap(),
    );
    assert!(connected(&right).await);
    // They go on trying, and are turned away each time.
    assert_eq!(
        tokio::join!(connected(&wrong), connected(&nobody)),
        (false, false)
    );
}
