//! Players who wait: entered, granted, started, remembered over a restart.

use crate::Error;
use crate::cell::{Outcome, Queued, Start};
use crate::inner::{Inner, Life, wall_now};
use crate::place::{self, Ranked, ranked};
use firstlight_fleet::Expect;
use firstlight_indexer::{Alternative, Asked, Entry, Full, QueueState};
use std::time::Duration;
use tokio::time::Instant;

/// Takes up who waited before this process began.
pub(crate) async fn restore(inner: &Inner) -> Result<(), Error> {
    let mut entries = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = inner.settings.store.list(BUCKET, after.as_deref(), PAGE).await?;
        let last = page.last().map(|record| record.key.clone());
        entries.extend(
            page.iter()
                .filter_map(|record| serde_json::from_str::<Entry>(&record.body).ok()),
        );
        if page.len() < PAGE || last.is_none() {
            break;
        }
        after = last;
    }
    inner.state().queue.restore(wall_now(), QueueState { entries });
    Ok(())
}

/// The entry of a start that was made before with the same key.
pub(crate) fn waits_already(inner: &Inner, start: &Start) -> Option<String> {
    let key = start.key.as_ref()?;
    let state = inner.state();
    let mut same = state
        .queue
        .in_turn()
        .filter(|entry| entry.asked.player == start.player);
    let found = same.find(|entry| order(entry).is_some_and(|order| order.key.as_ref() == Some(key)));
    found.map(|entry| entry.asked.id.clone())
}

fn order(entry: &Entry) -> Option<Start> {
    serde_json::from_str(&entry.asked.order).ok()
}

/// Lets a player wait.
pub(crate) async fn enter(inner: &Inner, start: &Start) -> Result<Queued, Error> {
    let id = place::random_id()?;
    let now = wall_now();
    let entry = {
        let mut state = inner.state();
        let holds = u32::try_from(state.sessions.live_of(&start.player)).unwrap_or(u32::MAX);
        // A key of its own, so that its turn is one session however often it is fetched.
        let start = Start {
            key: Some(start.key.clone().unwrap_or_else(|| id.clone())),
            ..start.clone()
        };
        let asked = Asked {
            id: id.clone(),
            player: start.player.clone(),
            title: start.title.clone(),
            holds,
            order: serde_json::to_string(&start).unwrap_or_default(),
        };
        state.queue.enter(now, asked).map_err(|full| match full {
            Full::Queue => Error::Full,
            Full::Player => Error::TooMany(inner.settings.per_player),
        })?;
        state.queue.get(&id).cloned()
    };
    if let Some(entry) = entry {
        let body = serde_json::to_string(&entry).unwrap_or_default();
        inner.settings.store.put(BUCKET, &id, Expect::Any, body).await?;
    }
    firstlight_telemetry::queue_waiting(inner.state().queue.len());
    queued(inner, &id)
}

/// Where an entry stands.
fn queued(inner: &Inner, id: &str) -> Result<Queued, Error> {
    let now = inner.now();
    let state = inner.state();
    let entry = state.queue.get(id).ok_or(Error::UnknownEntry)?;
    let ages = state.sessions.ages(now);
    let place = state
        .queue
        .place(id, &ages, &state.lengths)
        .ok_or(Error::UnknownEntry)?;
    let start = order(entry).unwrap_or_default();
    let far = match entry
        .title()
        .map(|title| ranked(&state, &start, &title, &[], inner.settings.near))
    {
        Some(Ranked::Far(other)) => Alternative::best(place.estimate, [other]),
        Some(Ranked::Some(_) | Ranked::None) | None => None,
    };
    Ok(Queued {
        id: id.to_owned(),
        place: place.place,
        estimate: place.estimate,
        alternative: far,
    })
}

/// Holds places that are free for those whose turn it is.
pub(crate) fn dispatch(inner: &Inner) {
    let now = wall_now();
    let mut state = inner.state();
    if !state.queue.is_empty() {
        let waiting: Vec<Entry> = state
            .queue
            .in_turn()
            .filter(|entry| entry.granted.is_none())
            .take(LOOKS_MAX)
            .cloned()
            .collect();
        for entry in waiting {
            let (Some(title), Some(start)) = (entry.title(), order(&entry)) else {
                continue;
            };
            let Ranked::Some(ranking) = ranked(&state, &start, &title, &[], inner.settings.near) else {
                continue;
            };
            if let Some(first) = ranking.candidates.first() {
                state.registry.promise(&first.host, &title);
                state
                    .queue
                    .grant(now, &entry.asked.id, std::sync::Arc::clone(&first.host));
            }
        }
    }
    drop(state);
    inner.news.notify_waiters();
}

/// Drops who has gone, and hands on what was not fetched.
pub(crate) async fn expire(inner: &Inner) {
    let (gone, free) = {
        let mut state = inner.state();
        let (gone, free) = state.queue.expire(wall_now());
        for host in &free {
            state.registry.settle(host, false);
        }
        (gone, free)
    };
    for entry in &gone {
        forget(inner, &entry.asked.id).await;
    }
    if !gone.is_empty() || !free.is_empty() {
        dispatch(inner);
    }
    firstlight_telemetry::queue_waiting(inner.state().queue.len());
}

async fn forget(inner: &Inner, id: &str) {
    if let Err(error) = inner.settings.store.remove(BUCKET, id, Expect::Any).await {
        tracing::warn!(%error, "one who waits no longer is still written down");
    }
}

/// A player asks for his turn.
pub(crate) async fn turn(inner: &Inner, id: &str, player: &str, within: Duration) -> Result<Outcome, Error> {
    let until = Instant::now() + within;
    loop {
        if *inner.life.borrow() != Life::Open {
            return Err(Error::Stopping);
        }
        let news = inner.news.notified();
        tokio::pin!(news);
        // From here on, so that nothing is missed between the look and the wait.
        news.as_mut().enable();
        adopt(inner, id).await?;
        let granted = heard(inner, id, player)?;
        if let Some(start) = granted {
            if let Some(outcome) = fetch(inner, id, &start).await? {
                return Ok(outcome);
            }
            continue;
        }
        let waited = tokio::time::timeout_at(until, news).await;
        if waited.is_err() {
            return queued(inner, id).map(Outcome::Queued);
        }
    }
}

/// One that waits at another cell, or did, waits here from here on: this is where its player asks.
async fn adopt(inner: &Inner, id: &str) -> Result<(), Error> {
    if inner.state().queue.get(id).is_some() {
        return Ok(());
    }
    let record = inner.settings.store.get(BUCKET, id).await?;
    let entry = record.and_then(|record| serde_json::from_str::<Entry>(&record.body).ok());
    let entry = entry
        .filter(|entry| entry.asked.id == id)
        .ok_or(Error::UnknownEntry)?;
    inner
        .state()
        .queue
        .restore(wall_now(), QueueState { entries: vec![entry] });
    dispatch(inner);
    Ok(())
}

/// Notes that the player was heard of. His order, if a place is held for him.
fn heard(inner: &Inner, id: &str, player: &str) -> Result<Option<Start>, Error> {
    let mut state = inner.state();
    let entry = state.queue.get(id).filter(|entry| entry.asked.player == player);
    let entry = entry.ok_or(Error::UnknownEntry)?;
    let granted = entry.granted.is_some();
    let start = order(entry);
    state.queue.seen(wall_now(), id);
    if !granted {
        return Ok(None);
    }
    // What was held is free for the moment in which it is ranked and promised again.
    if let Some(host) = state.queue.ungrant(id) {
        state.registry.settle(&host, false);
    }
    start.ok_or(Error::UnknownEntry).map(Some)
}

/// Starts the session whose turn it is. None: it goes on waiting.
async fn fetch(inner: &Inner, id: &str, start: &Start) -> Result<Option<Outcome>, Error> {
    let started = place::resume(inner, start).await;
    if matches!(started, Ok(None)) {
        return Ok(None);
    }
    // Placed, or it never will be: it waits no longer.
    inner.state().queue.leave(id);
    forget(inner, id).await;
    dispatch(inner);
    Ok(started?.map(|started| Outcome::Started(Box::new(started))))
}

/// A player takes farther regions, too.
pub(crate) async fn widen(inner: &Inner, id: &str, player: &str) -> Result<(), Error> {
    adopt(inner, id).await?;
    let entry = {
        let mut state = inner.state();
        let entry = state.queue.get(id).filter(|entry| entry.asked.player == player);
        let start = entry.and_then(order).ok_or(Error::UnknownEntry)?;
        if start.far {
            return Ok(());
        }
        let wider = Start { far: true, ..start };
        state
            .queue
            .reorder(id, serde_json::to_string(&wider).unwrap_or_default());
        state.queue.get(id).cloned()
    };
    if let Some(entry) = entry {
        let body = serde_json::to_string(&entry).unwrap_or_default();
        inner.settings.store.put(BUCKET, id, Expect::Any, body).await?;
    }
    dispatch(inner);
    Ok(())
}

/// A player gives up.
pub(crate) async fn leave(inner: &Inner, id: &str, player: &str) -> Result<(), Error> {
    adopt(inner, id).await?;
    {
        let mut state = inner.state();
        let own = state
            .queue
            .get(id)
            .is_some_and(|entry| entry.asked.player == player);
        let entry = own
            .then(|| state.queue.leave(id))
            .flatten()
            .ok_or(Error::UnknownEntry)?;
        if let Some((host, _)) = entry.granted {
            state.registry.settle(&host, false);
        }
    }
    forget(inner, id).await;
    dispatch(inner);
    Ok(())
}

const BUCKET: &str = "queue";
const PAGE: usize = 256;
/// Entries that one vacancy is offered to; the next one is looked for with the next vacancy.
const LOOKS_MAX: usize = 64;
