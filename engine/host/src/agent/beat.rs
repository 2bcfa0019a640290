//! The beat: all that there is to know of a host, once a second and whenever its state changes.

use super::{Inner, measure};
use crate::session::{Session, State};
use firstlight_fleet::Subject;
use firstlight_fleet::messages::{Beat, Channel, Held, HostState, Spec};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

pub(super) async fn run(inner: Arc<Inner>) {
    let mut ticks = tokio::time::interval(inner.settings.beat_every);
    // One that was missed is missed: the next tells all.
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut state = inner.state.subscribe();
    let mut heard = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            changed = state.changed() => if changed.is_err() { return },
        }
        let sent = send(&inner).await;
        if sent != heard {
            heard = sent;
            if sent {
                tracing::info!("the cell can be reached again");
            } else {
                tracing::warn!("the cell cannot be reached; sessions go on");
            }
        }
    }
}

/// Whether the bus took it.
pub(super) async fn send(inner: &Arc<Inner>) -> bool {
    let beat = {
        let inner = Arc::clone(inner);
        tokio::task::spawn_blocking(move || compose(&inner)).await
    };
    let Ok(beat) = beat else { return false };
    let to = Subject::beat(&inner.settings.signer.id());
    inner.send(Channel::Beat, &to, &beat.write()).await.is_ok()
}

/// Reads titles and memory: blocks for a millisecond.
fn compose(inner: &Inner) -> Beat {
    let settings = &inner.settings;
    let sessions = settings.host.sessions();
    let live = sessions.iter().filter(|session| is_live(session));
    let held: Vec<Held> = live
        .filter(|session| session.epoch > 0)
        .map(|session| Held {
            slot: session.slot,
            fence: session.epoch,
            session: session.id.clone(),
            rtt_us: rtt_us(session),
            starting: matches!(session.state, State::Starting),
        })
        .collect();
    let state = if settings.host.is_stopping() {
        HostState::Leaving
    } else {
        *inner.state.borrow()
    };
    Beat {
        name: settings.name.clone(),
        position: settings.position,
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        state,
        // What a proof uses is a player's as soon as one comes.
        slots: slots(
            &held,
            inner.proving.room().unwrap_or_else(|| settings.host.room()),
        ),
        held,
        titles: settings.titles.installed(&settings.host.warm()),
        spec: spec(inner, &sessions),
        addresses: settings.addresses.clone(),
        price_micros: settings.price_micros,
        ..Beat::new(settings.region.clone())
    }
}

fn is_live(session: &Session) -> bool {
    !matches!(session.state, State::Ended(_))
}

/// What its transport says, while its player is there.
fn rtt_us(session: &Session) -> u32 {
    let stats = session
        .stats
        .as_ref()
        .filter(|_| matches!(session.state, State::Attached));
    stats.map_or(0, |stats| {
        u32::try_from(stats.rtt_us).unwrap_or(u32::MAX).min(RTT_US_MAX)
    })
}

/// So many that `room` of them are free: a session that waits for its player gives way to a new one, which takes another slot.
fn slots(held: &[Held], room: u32) -> u32 {
    let taken: BTreeSet<u32> = held.iter().map(|held| held.slot).collect();
    let mut slots = 0;
    let mut free = 0;
    while free < room && slots < SLOTS_MAX {
        free += u32::from(!taken.contains(&slots));
        slots += 1;
    }
    slots
}

fn spec(inner: &Inner, sessions: &[Session]) -> Spec {
    let capacity = inner.settings.host.capacity();
    let (four, six) = measure::reachable();
    let stages = sessions.iter().filter_map(|session| session.stats.as_ref());
    let mut stages: Vec<u32> = stages
        .map(|stats| stats.capture_us + stats.convert_us + stats.encode_us + stats.pace_us)
        .filter(|us| *us > 0)
        .collect();
    stages.sort_unstable();
    Spec {
        cores: capacity.millicores / 1000,
        core_score: inner.core_score,
        memory_bytes: memory_total(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        memory_available_bytes: capacity.memory_available.as_u64(),
        millicores_charged: capacity.millicores_charged,
        encoders: inner.settings.encoders.clone(),
        // Before anybody has played, a slow machine is not to look like the fastest.
        stages_us: stages
            .get(stages.len() / 2)
            .copied()
            .unwrap_or(inner.settings.encode_us),
        ipv4: four.is_some(),
        ipv6: six.is_some(),
    }
}

fn memory_total(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

/// A beat names no longer one.
const RTT_US_MAX: u32 = 60_000_000;
/// As many as a beat may name.
const SLOTS_MAX: u32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_slots_are_numbered_around_those_that_are_held() {
        let held = |slots: &[u32]| -> Vec<Held> {
            let one = |slot: &u32| Held {
                slot: *slot,
                fence: 1,
                session: "s".parse().unwrap(),
                rtt_us: 0,
                starting: false,
            };
            slots.iter().map(one).collect()
        };
        assert_eq!(slots(&[], 3), 3);
        assert_eq!(slots(&held(&[0]), 1), 2);
        assert_eq!(slots(&held(&[1]), 1), 1);
        assert_eq!(slots(&held(&[0, 1]), 0), 0);
        assert_eq!(slots(&[], u32::MAX), SLOTS_MAX);
    }
}
