//! What time does: hosts are lost, leases end, those who wait go.

use crate::inner::{Inner, Life};
use crate::{beats, cordon, pools, waiting};
use firstlight_indexer::PLAN_EVERY;
use firstlight_units::{HostId, Micros};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Begins to look after time.
pub(crate) fn run(inner: &Arc<Inner>) {
    tokio::spawn(tick(Arc::downgrade(inner)));
}

async fn tick(inner: Weak<Inner>) {
    let mut turn = 0u32;
    let mut deaf = 0u32;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if *inner.life.borrow() == Life::Dead {
            return;
        }
        // Whoever asks while it lasts is sent on without a wait of his own.
        inner.away_since();
        // While nothing can be heard nobody is overdue, and then hosts have some beats' time to say what they hold.
        deaf = if inner.settings.caller.bus().is_connected() {
            deaf.saturating_sub(1)
        } else {
            DEAF_FOR
        };
        if deaf == 0 {
            lose_hosts(&inner);
        }
        waiting::expire(&inner);
        turn = turn.wrapping_add(1);
        if deaf == 0 && turn.is_multiple_of(LEASES_EACH) {
            end_leases(&inner).await;
            if let Err(error) = cordon::read(&inner).await {
                tracing::warn!(%error, "what is cordoned was not read");
            }
        }
        if turn.is_multiple_of(POOLS_EACH) {
            pools::ask(&inner);
        }
        if turn.is_multiple_of(ROSTER_EACH) {
            if let Err(error) = beats::admit_all(&inner).await {
                tracing::warn!(%error, "the roster was not read");
            }
            if let Err(error) = inner.settings.store.sweep(KEPT).await {
                tracing::warn!(%error, "the store was not swept");
            }
        }
        // Whoever waits for a host's answer looks whether it is still there.
        inner.news.notify_waiters();
    }
}

/// Hosts that missed their beats: their sessions are over as far as their players are concerned, who may start anew.
fn lose_hosts(inner: &Inner) {
    let now = inner.now();
    let mut state = inner.state();
    for host in state.registry.expire(now) {
        let Ok(id) = host.parse::<HostId>() else { continue };
        let lost = state.sessions.lose(now, &id);
        if lost.is_empty() && state.has_left(&id) {
            tracing::info!(host = %id, "a host has left");
            continue;
        }
        tracing::warn!(host = %id, sessions = lost.len(), "a host is lost");
        firstlight_telemetry::host_lost();
    }
}

/// Leases that were neither confirmed nor renewed in time.
async fn end_leases(inner: &Inner) {
    let ended = match inner.settings.store.expire(Micros::ZERO, EXPIRED_MAX).await {
        Ok(ended) => ended,
        Err(error) => {
            tracing::warn!(%error, "leases were not looked after");
            return;
        }
    };
    if ended.is_empty() {
        return;
    }
    let now = inner.now();
    {
        let mut state = inner.state();
        for lease in &ended {
            tracing::info!(session = %lease.session, slot = %lease.slot, "a lease ended");
            state.sessions.lose_one(now, &lease.session);
            state.vacated(&lease.slot);
        }
    }
    waiting::dispatch(inner);
}

/// As fine as the registry's wheel.
const EVERY: Duration = Duration::from_millis(EVERY_MS);
const EVERY_MS: u64 = 250;
/// Three beats, and the time in which a host's connection is made again.
const DEAF_FOR: u32 = 20;
/// Every second; cordons too, which promise to hold within one.
const LEASES_EACH: u32 = 4;
/// As often as pools are to be looked at.
const POOLS_EACH: u32 = 20;
const _: () = assert!(POOLS_EACH as u64 * EVERY_MS * 1_000 == PLAN_EVERY.as_micros());
/// Every ten seconds.
const ROSTER_EACH: u32 = 40;
const EXPIRED_MAX: usize = 256;
/// How long what ended can be read.
const KEPT: Micros = Micros::from_secs(3600);
