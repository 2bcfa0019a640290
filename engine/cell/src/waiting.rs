//! Players who wait: entered, granted, started, remembered over a restart.

use crate::Error;
use crate::cell::{Outcome, Queued, Start};
use crate::inner::{Inner, Life, wall_now};
use crate::place::{self, Ranked, ranked};
use crate::state::State;
use firstlight_fleet::Expect;
use firstlight_indexer::{Alternative, Asked, Entry, Full, QueueState};
use firstlight_units::Micros;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
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
    let mut own = state.queue.of_player(&start.player);
    let found = own.find(|entry| order(entry).is_some_and(|order| order.key.as_ref() == Some(key)));
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
    let mut state = inner.state();
    let ends = state.forecast(now);
    let entry = state.queue.get(id).ok_or(Error::UnknownEntry)?;
    let place = state.queue.place(id, &ends).ok_or(Error::UnknownEntry)?;
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

/// Something may have become free.
pub(crate) fn dispatch(inner: &Inner) {
    hold(&mut inner.state(), inner.settings.near);
}

/// Holds places that are free for those whose turn it is, and tells those of them who ask.
pub(crate) fn hold(state: &mut State, near: Micros) {
    if state.queue.is_empty() {
        return;
    }
    let now = wall_now();
    let has_room = |title: &&str| title.parse().is_ok_and(|title| state.registry.has_room(&title));
    let open: Vec<String> = state.queue.titles().filter(has_room).map(str::to_owned).collect();
    let next = state.queue.next_of(&open, LOOKS_MAX);
    let next: Vec<Entry> = next.into_iter().cloned().collect();
    for entry in next {
        let (Some(title), Some(start)) = (entry.title(), order(&entry)) else {
            continue;
        };
        // Those before him may have had the last one.
        if !state.registry.has_room(&title) {
            continue;
        }
        let Ranked::Some(ranking) = ranked(state, &start, &title, &[], near) else {
            continue;
        };
        if let Some(first) = ranking.candidates.first() {
            state.registry.promise(&first.host, &title);
            state.queue.grant(now, &entry.asked.id, Arc::clone(&first.host));
            tell(state, &entry.asked.id);
        }
    }
}

/// Something has become of an entry: whoever asks for it looks.
fn tell(state: &State, id: &str) {
    if let Some(asking) = state.asking.get(id) {
        asking.notify_waiters();
    }
}

/// Drops who has gone, and hands on what was not fetched.
pub(crate) fn expire(inner: &Arc<Inner>) {
    let (gone, free) = {
        let mut state = inner.state();
        let (gone, free) = state.queue.expire(wall_now());
        for host in &free {
            state.registry.settle(host, false);
        }
        (gone, free)
    };
    if !gone.is_empty() || !free.is_empty() {
        dispatch(inner);
    }
    firstlight_telemetry::queue_waiting(inner.state().queue.len());
    if gone.is_empty() {
        return;
    }
    let inner = Arc::clone(inner);
    // Hundreds may go at once, and hosts that are lost are not to wait for the store meanwhile.
    tokio::spawn(async move {
        for entry in &gone {
            forget(&inner, &entry.asked.id).await;
        }
    });
}

async fn forget(inner: &Inner, id: &str) {
    if let Err(error) = inner.settings.store.remove(BUCKET, id, Expect::Any).await {
        tracing::warn!(%error, "one who waits no longer is still written down");
    }
}

/// A player asks for his turn.
pub(crate) async fn turn(inner: &Inner, id: &str, player: &str, within: Duration) -> Result<Outcome, Error> {
    let until = Instant::now() + within;
    let mut life = inner.life.subscribe();
    let asking = Asking::begin(inner, id);
    loop {
        if *life.borrow_and_update() != Life::Open {
            return Err(Error::Stopping);
        }
        let told = asking.told.notified();
        tokio::pin!(told);
        // From here on, so that nothing is missed between the look and the wait.
        told.as_mut().enable();
        adopt(inner, id).await?;
        if let Some(start) = heard(inner, id, player)? {
            if let Some(outcome) = fetch(inner, id, &start).await? {
                return Ok(outcome);
            }
            continue;
        }
        tokio::select! {
            () = told => {}
            _ = life.changed() => {}
            () = tokio::time::sleep_until(until) => return queued(inner, id).map(Outcome::Queued),
        }
    }
}

/// One who asks for his turn, from here on until this is dropped. Each is told of his own place alone: all of a long queue would look at each.
struct Asking<'a> {
    inner: &'a Inner,
    id: &'a str,
    told: Arc<Notify>,
}

impl<'a> Asking<'a> {
    fn begin(inner: &'a Inner, id: &'a str) -> Self {
        let told = Arc::clone(inner.state().asking.entry(id.to_owned()).or_default());
        Self { inner, id, told }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        // He may ask twice at once: of the last one, there is the map's share and this.
        if Arc::strong_count(&self.told) <= 2 {
            state.asking.remove(self.id);
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
    match &started {
        Ok(None) => return Ok(None),
        // The cell's trouble is not to cost the player his turn: he asks again.
        Err(Error::Away | Error::Store(_) | Error::Bus(_)) => return started.map(|_| None),
        Ok(Some(_)) | Err(_) => {}
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
        tell(&state, id);
    }
    forget(inner, id).await;
    dispatch(inner);
    Ok(())
}

const BUCKET: &str = "queue";
const PAGE: usize = 256;
/// Entries that one vacancy is offered to at most; the next one is looked for with the next vacancy.
const LOOKS_MAX: usize = 64;
