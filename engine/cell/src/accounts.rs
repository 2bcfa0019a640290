//! How sessions were: the last of them kept in the store, and each counted for its host once.

use crate::inner::{Inner, wall_now};
use crate::{Error, cases};
use firstlight_checker::Score;
use firstlight_checker::host::Record;
use firstlight_fleet::messages::Quality;
use firstlight_fleet::{Expect, Store, Swapped};
use firstlight_units::{HostId, SessionId};
use std::sync::atomic::Ordering;

/// A host says how a session of its own was that has ended. Said twice, it counts once.
pub(crate) async fn keep(inner: &Inner, host: &HostId, id: &SessionId, quality: &Quality) {
    // The cell knows whose session it is; a host speaks of its own ones only.
    let known = {
        let state = inner.state();
        let known = state.sessions.get(id).filter(|known| known.host == *host);
        known.map(|known| known.view.player.clone())
    };
    let Some(player) = known else { return };
    let quality = Quality {
        player,
        ..quality.clone()
    };
    match write(inner, id, &quality).await {
        Ok(true) => {
            count(inner, host, &quality.minutes).await;
            cases::told(inner, id, &quality).await;
            if let Some(ended) = &inner.settings.ended
                && ended.try_send(quality.report.clone()).is_err()
            {
                tracing::debug!(session = %id, "a report is not exported: too many wait");
            }
        }
        // Another cell has it, or this one had it before.
        Ok(false) => recall(inner, host).await,
        Err(error) => tracing::warn!(session = %id, %error, "how a session was is not kept"),
    }
}

/// Whether it was not there yet.
async fn write(inner: &Inner, id: &SessionId, quality: &Quality) -> Result<bool, firstlight_fleet::Error> {
    let store = &inner.settings.store;
    let body = serde_json::to_string(quality).unwrap_or_default();
    let put = store.put(ACCOUNTS, id.as_str(), Expect::Absent, body).await?;
    if matches!(put, Swapped::Conflict(_)) {
        return Ok(false);
    }
    let order = format!("{:020}-{id}", wall_now().as_micros());
    store.put(BY_END, &order, Expect::Any, id.to_string()).await?;
    let before = inner.accounts.fetch_add(1, Ordering::Relaxed);
    if before.is_multiple_of(TIDY_EVERY) {
        tidy(store.as_ref()).await?;
    }
    Ok(true)
}

/// Removes the oldest where there are too many: a look at all of them, and so now and then.
async fn tidy(store: &dyn Store) -> Result<(), firstlight_fleet::Error> {
    let kept = store.list(BY_END, None, ACCOUNTS_MAX + SURPLUS_MAX).await?;
    let surplus = kept.len().saturating_sub(ACCOUNTS_MAX);
    for oldest in kept.into_iter().take(surplus) {
        store.remove(ACCOUNTS, &oldest.body, Expect::Any).await?;
        store.remove(BY_END, &oldest.key, Expect::Any).await?;
    }
    Ok(())
}

/// A session that has ended, if it is kept.
pub(crate) async fn find(inner: &Inner, id: &SessionId) -> Result<Option<Quality>, Error> {
    let kept = inner.settings.store.get(ACCOUNTS, id.as_str()).await?;
    Ok(kept.and_then(|kept| serde_json::from_str(&kept.body).ok()))
}

/// Adds a session's minutes to its host's record.
async fn count(inner: &Inner, host: &HostId, minutes: &[u16]) {
    change(inner, host, |record| {
        minutes
            .iter()
            .for_each(|score| record.on_minute(Score::new(*score)));
    })
    .await;
}

/// A committee has found against the host.
pub(crate) async fn lower(inner: &Inner, host: &HostId) {
    change(inner, host, Record::on_found_bad).await;
}

async fn change(inner: &Inner, host: &HostId, how: impl Fn(&mut Record)) {
    let store = &inner.settings.store;
    for _ in 0..ROUNDS_MAX {
        let kept = match store.get(RECORDS, host.as_str()).await {
            Ok(kept) => kept,
            Err(error) => return tracing::warn!(%host, %error, "a host's record is not read"),
        };
        let expect = kept
            .as_ref()
            .map_or(Expect::Absent, |kept| Expect::Revision(kept.revision));
        let mut record = read(kept.as_ref());
        how(&mut record);
        let body = serde_json::to_string(&record).unwrap_or_default();
        match store.put(RECORDS, host.as_str(), expect, body).await {
            Ok(Swapped::Done(_)) => return learn(inner, host, record),
            // Another cell changed it at the same moment.
            Ok(Swapped::Conflict(_)) => {}
            Err(error) => return tracing::warn!(%host, %error, "a host's record is not kept"),
        }
    }
    tracing::warn!(%host, "a host's record is not changed");
}

/// What the store knows of a host, for placement.
pub(crate) async fn recall(inner: &Inner, host: &HostId) {
    match inner.settings.store.get(RECORDS, host.as_str()).await {
        Ok(None) => {}
        Ok(kept) => learn(inner, host, read(kept.as_ref())),
        Err(error) => tracing::warn!(%host, %error, "a host's record is not read"),
    }
}

fn read(kept: Option<&firstlight_fleet::Record>) -> Record {
    kept.and_then(|kept| serde_json::from_str(&kept.body).ok())
        .unwrap_or_default()
}

fn learn(inner: &Inner, host: &HostId, record: Record) {
    let mut state = inner.state();
    state.records.insert(host.clone(), record);
    if let Some(routing) = record.routing() {
        // Thousandths there.
        state.registry.set_score(host.as_str(), routing.get() / 10);
    }
}

/// As many sessions can be read after their end, and for a while a few more; some 15 KB each.
pub const ACCOUNTS_MAX: usize = 1_000;
const TIDY_EVERY: u32 = 16;
/// More than come between two looks of a few indexers; what failures left over is removed in pieces.
const SURPLUS_MAX: usize = 64;
/// Cells that count for one host at the same moment.
const ROUNDS_MAX: usize = 8;
const ACCOUNTS: &str = "accounts";
/// Keys in the order of the ends.
const BY_END: &str = "accounts-by-end";
const RECORDS: &str = "host-records";
