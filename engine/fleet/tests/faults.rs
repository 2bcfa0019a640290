//! PostgreSQL and NATS are killed under load: nothing that was acknowledged is lost, callers are told, and go on by themselves.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use firstlight_fleet::{
    Acquire, Acquired, Bus, BusError, Cursor, EventLog, LeaseStore, NatsBus, Postgres, SlotRef, Subject,
};
use firstlight_test_servers as servers;
use firstlight_units::Micros;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn wish(client: u32, n: u32) -> Acquire {
    Acquire {
        key: format!("{client} {n}"),
        session: format!("s{client}x{n}").parse().unwrap(),
        player: "p".into(),
        title: "t".parse().unwrap(),
        // Several clients want the same slots.
        candidates: (0..4)
            .map(|slot| SlotRef {
                host: format!("h{n}").parse().unwrap(),
                slot,
            })
            .collect(),
        ttl: Micros::from_secs(600),
        decision: "x".repeat(200),
    }
}

#[derive(Default)]
struct Tally {
    placed: AtomicUsize,
    transient: AtomicUsize,
    stop: AtomicBool,
}

/// Asks until it has an answer, each time anew, as a gateway does; returns what was acknowledged.
async fn client(store: Arc<Postgres>, number: u32, tally: Arc<Tally>) -> BTreeMap<String, SlotRef> {
    let mut acknowledged = BTreeMap::new();
    let mut n = 0;
    while !tally.stop.load(Ordering::SeqCst) {
        match store.acquire(wish(number, n)).await {
            Ok(Acquired::Lease { lease, .. }) => {
                tally.placed.fetch_add(1, Ordering::SeqCst);
                acknowledged.insert(lease.session.to_string(), lease.slot);
                n += 1;
            }
            Ok(Acquired::NoneFree) => panic!("four clients, four slots"),
            Err(error) => {
                assert!(error.is_transient(), "{error:?}");
                tally.transient.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    acknowledged
}

async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_killed_in_mid_load_loses_nothing_that_was_acknowledged() {
    let mut server = servers::Postgres::start(servers::Safety::Process).unwrap();
    server.create("fleet").unwrap();
    let store = Arc::new(Postgres::connect(&server.url("fleet")).await.unwrap());
    let tally = Arc::new(Tally::default());
    let clients: Vec<_> = (0..4)
        .map(|n| tokio::spawn(client(Arc::clone(&store), n, Arc::clone(&tally))))
        .collect();
    let placed = || tally.placed.load(Ordering::SeqCst);
    for _ in 0..2 {
        let before = placed();
        until(|| placed() > before + 100).await;
        server.kill();
        let told = tally.transient.load(Ordering::SeqCst);
        until(|| tally.transient.load(Ordering::SeqCst) > told).await;
        server.restart().unwrap();
    }
    let before = placed();
    until(|| placed() > before + 100).await;
    tally.stop.store(true, Ordering::SeqCst);

    let mut acknowledged = BTreeMap::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    let mut live = Vec::new();
    loop {
        let after = live
            .last()
            .map(|lease: &firstlight_fleet::Lease| lease.session.clone());
        let page = store.all_live(after.as_ref(), 500).await.unwrap();
        if page.is_empty() {
            break;
        }
        live.extend(page);
    }
    let slots: BTreeSet<&SlotRef> = live.iter().map(|lease| &lease.slot).collect();
    assert_eq!(slots.len(), live.len(), "no slot twice");
    for (session, slot) in &acknowledged {
        let kept = live.iter().find(|lease| lease.session.as_str() == session);
        assert_eq!(
            kept.map(|lease| &lease.slot),
            Some(slot),
            "{session} was acknowledged"
        );
    }
    // Each lease has its event, and no event is without its lease.
    let (mut cursor, mut told) = (Cursor::START, BTreeSet::new());
    loop {
        let events = store.read(cursor, 1000).await.unwrap();
        let Some(last) = events.last() else { break };
        cursor = last.cursor;
        told.extend(events.into_iter().map(|event| event.key));
    }
    let sessions: BTreeSet<String> = live.iter().map(|lease| lease.session.to_string()).collect();
    assert_eq!(told, sessions);
}

async fn connected(bus: &NatsBus) {
    until(|| bus.is_connected()).await;
}

/// Asks until somebody answers: the server reads a subscription and a request from two connections in whichever order it likes.
async fn answered(bus: &NatsBus, subject: &Subject) {
    let ask = || bus.request(subject, Bytes::from("there?"), Duration::from_secs(5));
    while ask().await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_killed_in_mid_load_is_told_and_come_back_from() {
    let mut server = servers::Nats::start().unwrap();
    let (host, cell) = (
        NatsBus::connect(&server.url()).await.unwrap(),
        NatsBus::connect(&server.url()).await.unwrap(),
    );
    connected(&host).await;
    connected(&cell).await;
    let subject: Subject = "fl.ask.h".parse().unwrap();
    let nobody = cell
        .request(&subject, Bytes::from("?"), Duration::from_secs(5))
        .await;
    assert!(matches!(nobody, Err(BusError::NobodyListens(_))), "{nobody:?}");
    let mut asks = host.subscribe(&subject).await.unwrap();
    tokio::spawn(async move {
        while let Some(ask) = asks.next().await {
            let body = ask.body.clone();
            drop(ask.answer(body).await);
        }
    });
    answered(&cell, &subject).await;
    for _ in 0..2 {
        let answer = cell
            .request(&subject, Bytes::from("hello"), Duration::from_secs(10))
            .await
            .unwrap();
        assert_eq!(answer, "hello");
        server.kill();
        until(|| !cell.is_connected() && !host.is_connected()).await;
        let failed = cell
            .request(&subject, Bytes::from("lost"), Duration::from_secs(5))
            .await
            .unwrap_err();
        assert!(failed.is_transient(), "{failed:?}");
        assert!(matches!(
            cell.publish(&subject, Bytes::new()).await,
            Err(BusError::Disconnected)
        ));
        server.restart().unwrap();
        connected(&host).await;
        connected(&cell).await;
        // The subscription comes back with the connection, within moments of it.
        answered(&cell, &subject).await;
    }
}

#[tokio::test]
async fn a_bus_that_is_away_at_the_start_is_waited_for() {
    let mut server = servers::Nats::start().unwrap();
    server.kill();
    let bus = NatsBus::connect(&server.url()).await.unwrap();
    assert!(!bus.is_connected());
    let subject: Subject = "fl.beat.*".parse().unwrap();
    let mut beats = bus.subscribe(&subject).await.unwrap();
    server.restart().unwrap();
    connected(&bus).await;
    let to: Subject = "fl.beat.h".parse().unwrap();
    let too_large = bus.publish(&to, Bytes::from(vec![0; 1 << 20])).await;
    assert!(matches!(too_large, Err(BusError::TooLarge { .. })));
    // The subscription was queued while there was no server.
    let heard = loop {
        bus.publish(&to, Bytes::from("1")).await.unwrap();
        if let Ok(heard) = tokio::time::timeout(Duration::from_millis(100), beats.next()).await {
            break heard.unwrap();
        }
    };
    assert_eq!(
        (heard.subject.as_str(), &heard.body[..]),
        ("fl.beat.h", &b"1"[..])
    );
    assert!(!heard.wants_answer());
}
