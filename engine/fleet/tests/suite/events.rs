//! What happened, in order.

use super::{Fixture, TTL, acquire, host, number, session, slot};
use firstlight_fleet::{Cause, Cursor, Event, LeaseChange, LeaseState, NewEvent, Store, TOPIC_LEASE};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Everything from `cursor` on that can be read.
async fn rest(store: &Arc<dyn Store>, cursor: &mut Cursor) -> Vec<Event> {
    let mut all = Vec::new();
    loop {
        let events = store.read(*cursor, 7).await.unwrap();
        let Some(last) = events.last() else { return all };
        assert!(events.is_sorted_by_key(|event| event.cursor));
        *cursor = last.cursor;
        all.extend(events);
    }
}

pub(crate) async fn a_sessions_events_come_in_order(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let mut cursor = Cursor::START;
    rest(&store, &mut cursor).await;
    let lease = acquire(&store, vec![slot(&host(), 0)]).await;
    store.confirm(session(&lease), lease.fence, TTL).await.unwrap();
    store.confirm(session(&lease), lease.fence, TTL).await.unwrap();
    store
        .release(session(&lease), lease.fence, Cause::Released)
        .await
        .unwrap();
    let events = rest(&store, &mut cursor).await;
    let changes = events
        .iter()
        .filter(|event| event.topic == TOPIC_LEASE && event.key == lease.session.as_str());
    let changes: Vec<LeaseChange> = changes.map(|event| LeaseChange::read(event).unwrap()).collect();
    let states: Vec<LeaseState> = changes.iter().map(|change| change.state).collect();
    let ended = LeaseState::Ended {
        cause: Cause::Released,
    };
    assert_eq!(states, [LeaseState::Granted, LeaseState::Confirmed, ended]);
    let last = changes.last().unwrap();
    assert_eq!(
        (&last.slot, last.fence, &last.player),
        (&lease.slot, lease.fence, &lease.player)
    );
    // A cursor can be written down and read back.
    assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
    assert!(store.read(cursor, 10).await.unwrap().is_empty());
}

pub(crate) async fn a_reader_misses_nothing_that_is_written_meanwhile(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let topic = format!("topic{}", number());
    let mut cursor = Cursor::START;
    rest(&store, &mut cursor).await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, topic) = (Arc::clone(&store), topic.clone());
            tokio::spawn(async move {
                for n in 0..20 {
                    let event = NewEvent {
                        topic: topic.clone(),
                        key: writer.to_string(),
                        body: n.to_string(),
                        dedupe: Some(format!("{topic} {writer} {n}")),
                    };
                    store.append(event.clone()).await.unwrap();
                    // A retry whose first try was carried out.
                    store.append(event).await.unwrap();
                }
            })
        })
        .collect();
    let mut read = Vec::new();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        read.extend(rest(&store, &mut cursor).await);
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    read.extend(rest(&store, &mut cursor).await);
    let mine: Vec<&Event> = read.iter().filter(|event| event.topic == topic).collect();
    let different: BTreeSet<(&str, &str)> = mine.iter().map(|e| (e.key.as_str(), e.body.as_str())).collect();
    assert_eq!((mine.len(), different.len()), (160, 160));
    for writer in 0..8 {
        let own = mine.iter().filter(|event| event.key == writer.to_string());
        let own: Vec<u32> = own.map(|event| event.body.parse().unwrap()).collect();
        assert!(own.is_sorted(), "writer {writer}: {own:?}");
    }
}
