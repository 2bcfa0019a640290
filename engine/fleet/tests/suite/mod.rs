//! What every store must do.

pub(crate) mod blobs;
mod events;
mod leases;
mod records;

use firstlight_fleet::{Acquire, Acquired, Lease, SlotRef, Store};
use firstlight_units::{HostId, Micros, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A store under test.
pub(crate) trait Fixture {
    /// The store.
    async fn store(&self) -> Arc<dyn Store>;
    /// The store when its clock shows so much more.
    async fn after(&self, span: Micros) -> Arc<dyn Store>;
    /// What is there once the process was killed in this instant. None: nothing, by design.
    async fn crashed(&self) -> Option<Arc<dyn Store>>;
}

pub(crate) async fn run(fixture: &impl Fixture) {
    leases::eight_who_race_for_a_slot_are_one_who_has_it(fixture).await;
    leases::the_same_key_gives_the_same_lease_also_at_once(fixture).await;
    leases::the_first_free_candidate_is_taken(fixture).await;
    leases::a_stale_fence_changes_nothing(fixture).await;
    leases::what_was_granted_survives_a_crash_before_it_is_confirmed(fixture).await;
    leases::an_overdue_lease_gives_way_and_its_fence_is_worth_nothing(fixture).await;
    leases::a_clock_five_seconds_off_ends_nothing_early(fixture).await;
    leases::renewals_prolong_revive_and_name_what_is_over(fixture).await;
    leases::releasing_twice_is_releasing_once(fixture).await;
    leases::a_refusal_ends_no_lease_that_is_confirmed(fixture).await;
    leases::fences_rise_for_ever(fixture).await;
    leases::of_several_who_expire_one_gets_each(fixture).await;
    leases::whatever_is_in_a_text_is_kept_or_refused(fixture).await;
    events::a_sessions_events_come_in_order(fixture).await;
    events::a_reader_misses_nothing_that_is_written_meanwhile(fixture).await;
    records::of_eight_who_swap_one_does(fixture).await;
    records::a_bucket_is_listed_in_order(fixture).await;
    leases::what_ended_long_ago_is_forgotten_and_fences_are_not(fixture).await;
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A number that no other call had.
pub(crate) fn number() -> u32 {
    NUMBER.fetch_add(1, Ordering::SeqCst)
}

pub(crate) fn host() -> HostId {
    format!("host{}", number()).parse().unwrap()
}

pub(crate) fn slot(host: &HostId, slot: u32) -> SlotRef {
    SlotRef {
        host: host.clone(),
        slot,
    }
}

pub(crate) fn wish(candidates: Vec<SlotRef>) -> Acquire {
    let n = number();
    Acquire {
        key: format!("key {n}"),
        session: format!("session{n}").parse().unwrap(),
        player: format!("player{n}"),
        title: "beacon".parse().unwrap(),
        candidates,
        ttl: TTL,
        decision: r#"{"why":"near"}"#.into(),
    }
}

pub(crate) async fn acquire(store: &Arc<dyn Store>, candidates: Vec<SlotRef>) -> Lease {
    match store.acquire(wish(candidates)).await.unwrap() {
        Acquired::Lease { lease, fresh: true } => *lease,
        other @ (Acquired::Lease { .. } | Acquired::NoneFree) => panic!("no fresh lease: {other:?}"),
    }
}

pub(crate) fn session(lease: &Lease) -> &SessionId {
    &lease.session
}

/// Long beside what a loaded machine takes from one call to the next.
pub(crate) const TTL: Micros = Micros::from_secs(60);
