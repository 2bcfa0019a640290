//! Leases.

use super::{Fixture, TTL, acquire, host, number, session, slot, wish};
use firstlight_fleet::{Acquired, Cause, Error, Lease, LeaseState, Renewal};
use firstlight_units::{Micros, SessionId};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) async fn eight_who_race_for_a_slot_are_one_who_has_it(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let host = host();
    for n in 0..25 {
        let racers: Vec<_> = (0..8)
            .map(|_| {
                let (store, wish) = (Arc::clone(&store), wish(vec![slot(&host, n)]));
                tokio::spawn(async move { store.acquire(wish).await.unwrap() })
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            won += usize::from(matches!(
                racer.await.unwrap(),
                Acquired::Lease { fresh: true, .. }
            ));
        }
        assert_eq!(won, 1, "slot {n}");
    }
    assert_eq!(store.live(&host).await.unwrap().len(), 25);
}

pub(crate) async fn the_same_key_gives_the_same_lease_also_at_once(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let host = host();
    let (key, player) = (format!("a key {}", number()), "anna");
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let mut wish = wish(vec![slot(&host, 0), slot(&host, 1)]);
            wish.key.clone_from(&key);
            player.clone_into(&mut wish.player);
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.acquire(wish).await.unwrap() })
        })
        .collect();
    let (mut leases, mut made) = (BTreeSet::new(), 0);
    for caller in callers {
        let Acquired::Lease { lease, fresh } = caller.await.unwrap() else {
            panic!("no lease");
        };
        made += usize::from(fresh);
        leases.insert(lease.session);
    }
    assert_eq!((leases.len(), made), (1, 1));
    assert_eq!(store.live(&host).await.unwrap().len(), 1);
    assert_eq!(
        store.lease_of_key(&key).await.unwrap().map(|lease| lease.session),
        leases.pop_first()
    );

    let mut other = wish(vec![slot(&host, 1)]);
    other.key = key;
    assert!(matches!(store.acquire(other).await, Err(Error::KeyReused)));
}

pub(crate) async fn the_first_free_candidate_is_taken(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let host = host();
    let all = || vec![slot(&host, 2), slot(&host, 0), slot(&host, 1)];
    for expected in [2, 0, 1] {
        assert_eq!(acquire(&store, all()).await.slot.slot, expected);
    }
    assert_eq!(store.acquire(wish(all())).await.unwrap(), Acquired::NoneFree);
    assert_eq!(store.acquire(wish(Vec::new())).await.unwrap(), Acquired::NoneFree);
    let live = store.live(&host).await.unwrap();
    store
        .release(session(&live[0]), live[0].fence, Cause::Released)
        .await
        .unwrap();
    assert_eq!(acquire(&store, all()).await.slot, live[0].slot);
}

pub(crate) async fn a_stale_fence_changes_nothing(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let lease = acquire(&store, vec![slot(&host(), 0)]).await;
    let stale = |done: Result<Lease, Error>| {
        assert!(
            matches!(
                done,
                Err(Error::StaleFence {
                    given: 7,
                    current: 1,
                    ..
                })
            ),
            "{done:?}"
        );
    };
    stale(store.confirm(session(&lease), 7, TTL).await);
    stale(store.release(session(&lease), 7, Cause::Released).await);
    assert_eq!(store.lease(session(&lease)).await.unwrap(), Some(lease));
    let nobody: SessionId = "nobody".parse().unwrap();
    assert!(matches!(
        store.confirm(&nobody, 1, TTL).await,
        Err(Error::UnknownLease(_))
    ));
    assert!(matches!(
        store.release(&nobody, 1, Cause::Released).await,
        Err(Error::UnknownLease(_))
    ));
}

pub(crate) async fn what_was_granted_survives_a_crash_before_it_is_confirmed(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let wish = wish(vec![slot(&host(), 0)]);
    let Acquired::Lease { lease, .. } = store.acquire(wish.clone()).await.unwrap() else {
        panic!("no lease");
    };
    let Some(store) = fixture.crashed().await else {
        return;
    };
    // Whoever asked had no answer, and asks again.
    let again = store.acquire(wish).await.unwrap();
    assert_eq!(
        again,
        Acquired::Lease {
            lease: lease.clone(),
            fresh: false
        }
    );
    let confirmed = store.confirm(session(&lease), lease.fence, TTL).await.unwrap();
    assert_eq!(confirmed.state, LeaseState::Confirmed);
    assert_eq!(store.live(&lease.slot.host).await.unwrap(), vec![confirmed]);
}

pub(crate) async fn an_overdue_lease_gives_way_and_its_fence_is_worth_nothing(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let place = slot(&host(), 0);
    let first = acquire(&store, vec![place.clone()]).await;
    assert_eq!(
        store.acquire(wish(vec![place.clone()])).await.unwrap(),
        Acquired::NoneFree
    );
    let store = fixture.after(TTL).await;
    let second = acquire(&store, vec![place.clone()]).await;
    assert_eq!(second.fence, first.fence + 1);
    let over = store.confirm(session(&first), first.fence, TTL).await;
    assert!(matches!(over, Err(Error::LeaseOver(_))), "{over:?}");
    let first = store.lease(session(&first)).await.unwrap().unwrap();
    assert_eq!(
        first.state,
        LeaseState::Ended {
            cause: Cause::Expired
        }
    );
    let renewal = Renewal {
        session: first.session.clone(),
        fence: first.fence,
    };
    let renewed = store.renew(&place.host, vec![renewal], TTL).await.unwrap();
    assert_eq!((renewed.kept, renewed.over), (0, vec![first.session]));
    assert_eq!(store.live(&place.host).await.unwrap().len(), 1);
}

/// A store moves to a machine whose clock is five seconds off, either way.
pub(crate) async fn a_clock_five_seconds_off_ends_nothing_early(fixture: &impl Fixture) {
    let off = Micros::from_secs(5);
    let store = fixture.store().await;
    let place = slot(&host(), 0);
    let lease = acquire(&store, vec![place.clone()]).await;
    store.confirm(session(&lease), lease.fence, TTL).await.unwrap();
    let ahead = fixture.after(off).await;
    assert_eq!(
        ahead.acquire(wish(vec![place.clone()])).await.unwrap(),
        Acquired::NoneFree
    );
    let lease = ahead.confirm(session(&lease), lease.fence, TTL).await.unwrap();
    // `store` is five seconds behind where the adapter has a clock per connection.
    assert_eq!(
        store.acquire(wish(vec![place.clone()])).await.unwrap(),
        Acquired::NoneFree
    );
    let renewal = Renewal {
        session: lease.session.clone(),
        fence: lease.fence,
    };
    assert_eq!(
        store.renew(&place.host, vec![renewal], TTL).await.unwrap().kept,
        1
    );
    let after = store.lease(session(&lease)).await.unwrap().unwrap();
    assert!(
        after.expires_at >= lease.expires_at,
        "a clock that is behind shortens nothing"
    );
    let expired = ahead.expire(off, 1000).await.unwrap();
    assert!(expired.iter().all(|expired| expired.session != lease.session));
}

pub(crate) async fn renewals_prolong_revive_and_name_what_is_over(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let (host, other) = (host(), host());
    let granted = acquire(&store, vec![slot(&host, 0)]).await;
    let ended = acquire(&store, vec![slot(&host, 1)]).await;
    let foreign = acquire(&store, vec![slot(&other, 0)]).await;
    store
        .release(session(&ended), ended.fence, Cause::Released)
        .await
        .unwrap();
    // Overdue, and nobody else has taken the slot.
    let store = fixture.after(TTL).await;
    let held = [
        (&granted, granted.fence),
        (&ended, ended.fence),
        (&foreign, foreign.fence),
        (&granted, 9),
    ];
    let mut held: Vec<Renewal> = held
        .into_iter()
        .map(|(lease, fence)| Renewal {
            session: lease.session.clone(),
            fence,
        })
        .collect();
    held.pop();
    let renewed = store.renew(&host, held, TTL).await.unwrap();
    assert_eq!(
        (renewed.kept, renewed.over),
        (1, vec![ended.session, foreign.session])
    );
    let wrong = Renewal {
        session: granted.session.clone(),
        fence: 9,
    };
    assert_eq!(store.renew(&host, vec![wrong], TTL).await.unwrap().over.len(), 1);
    let kept = store.lease(session(&granted)).await.unwrap().unwrap();
    assert_eq!(
        kept.state,
        LeaseState::Confirmed,
        "a host that holds it has confirmed it"
    );
    assert!(kept.expires_at > granted.expires_at);
    assert_eq!(
        store.acquire(wish(vec![kept.slot])).await.unwrap(),
        Acquired::NoneFree
    );
}

pub(crate) async fn releasing_twice_is_releasing_once(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let wish = wish(vec![slot(&host(), 0)]);
    let Acquired::Lease { lease, .. } = store.acquire(wish.clone()).await.unwrap() else {
        panic!("no lease");
    };
    let once = store
        .release(session(&lease), lease.fence, Cause::Refused)
        .await
        .unwrap();
    assert_eq!(
        once.state,
        LeaseState::Ended {
            cause: Cause::Refused
        }
    );
    let twice = store
        .release(session(&lease), lease.fence, Cause::Released)
        .await
        .unwrap();
    assert_eq!(once, twice);
    // A retry of a call whose lease is over is told so, and is not given another slot behind its back.
    let again = store.acquire(wish.clone()).await.unwrap();
    assert_eq!(
        again,
        Acquired::Lease {
            lease: Box::new(once),
            fresh: false
        }
    );
    assert_eq!(store.of_player(&wish.player).await.unwrap().len(), 1);
}

/// Of two who claim the same lease one may hear nothing, give up, and must not take the session from under the other's player.
pub(crate) async fn a_refusal_ends_no_lease_that_is_confirmed(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let lease = acquire(&store, vec![slot(&host(), 0)]).await;
    store.confirm(session(&lease), lease.fence, TTL).await.unwrap();
    let after = store
        .release(session(&lease), lease.fence, Cause::Refused)
        .await
        .unwrap();
    assert_eq!(after.state, LeaseState::Confirmed);
    let lost = store
        .release(session(&lease), lease.fence, Cause::Expired)
        .await
        .unwrap();
    assert!(lost.is_over());
    // One that ended before anybody was told of it is one that was refused.
    let early = acquire(&store, vec![slot(&host(), 0)]).await;
    let early = store
        .release(session(&early), early.fence, Cause::Released)
        .await
        .unwrap();
    assert_eq!(
        early.state,
        LeaseState::Ended {
            cause: Cause::Refused
        }
    );
}

pub(crate) async fn fences_rise_for_ever(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let place = slot(&host(), 3);
    for expected in 1..=20 {
        let lease = acquire(&store, vec![place.clone()]).await;
        assert_eq!(lease.fence, expected);
        store
            .release(session(&lease), lease.fence, Cause::Released)
            .await
            .unwrap();
    }
    if let Some(store) = fixture.crashed().await {
        assert_eq!(acquire(&store, vec![place]).await.fence, 21);
    }
}

pub(crate) async fn of_several_who_expire_one_gets_each(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let host = host();
    for n in 0..20 {
        acquire(&store, vec![slot(&host, n)]).await;
    }
    let early = store.expire(Micros::ZERO, 1000).await.unwrap();
    assert!(
        early.iter().all(|lease| lease.slot.host != host),
        "they are not due"
    );
    let store = fixture.after(TTL).await;
    let grace = store.expire(Micros::from_secs(30), 1000).await.unwrap();
    assert!(
        grace.iter().all(|lease| lease.slot.host != host),
        "they are within the grace"
    );
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.expire(Micros::ZERO, 1000).await.unwrap() })
        })
        .collect();
    let mut got = Vec::new();
    for caller in callers {
        got.extend(
            caller
                .await
                .unwrap()
                .into_iter()
                .filter(|lease| lease.slot.host == host),
        );
    }
    assert_eq!(got.len(), 20);
    assert!(got.iter().all(|lease| lease.state
        == LeaseState::Ended {
            cause: Cause::Expired
        }));
    assert!(store.live(&host).await.unwrap().is_empty());
}

pub(crate) async fn whatever_is_in_a_text_is_kept_or_refused(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let host = host();
    for (n, text) in (0..).zip([
        "'; DROP TABLE firstlight.leases; --",
        "$1",
        "%s \\x27 {}",
        "\"quoted\"",
    ]) {
        let mut odd = wish(vec![slot(&host, n)]);
        odd.key = format!("{text} {}", number());
        text.clone_into(&mut odd.player);
        text.clone_into(&mut odd.decision);
        let Acquired::Lease { lease, .. } = store.acquire(odd).await.unwrap() else {
            panic!("no lease");
        };
        let kept = store.lease(session(&lease)).await.unwrap().unwrap();
        assert_eq!((kept.player.as_str(), kept.decision.as_str()), (text, text));
        assert!(!store.of_player(text).await.unwrap().is_empty());
    }
    let refused = |change: fn(&mut firstlight_fleet::Acquire)| {
        let (store, mut wish) = (Arc::clone(&store), wish(vec![slot(&host, 50)]));
        change(&mut wish);
        async move { store.acquire(wish).await.unwrap_err() }
    };
    assert!(matches!(
        refused(|w| w.player = "a\r\nb".into()).await,
        Error::Invalid { .. }
    ));
    assert!(matches!(
        refused(|w| w.key = "\0".into()).await,
        Error::Invalid { .. }
    ));
    assert!(matches!(
        refused(|w| w.key = String::new()).await,
        Error::Invalid { .. }
    ));
    assert!(matches!(
        refused(|w| w.decision = "x".repeat(1 << 20)).await,
        Error::TooLarge { .. }
    ));
    assert!(matches!(
        refused(|w| w.ttl = Micros::MAX).await,
        Error::TooLarge { .. }
    ));
    let many = refused(|w| w.candidates = vec![w.candidates[0].clone(); 1000]).await;
    assert!(matches!(many, Error::TooLarge { .. }));
    let taken = acquire(&store, vec![slot(&host, 60)]).await;
    let mut reused = wish(vec![slot(&host, 61)]);
    reused.session = taken.session;
    assert!(matches!(
        store.acquire(reused).await,
        Err(Error::SessionReused(_))
    ));
}

pub(crate) async fn what_ended_long_ago_is_forgotten_and_fences_are_not(fixture: &impl Fixture) {
    let store = fixture.store().await;
    let host = host();
    let live = acquire(&store, vec![slot(&host, 0)]).await;
    let live = store
        .confirm(session(&live), live.fence, Micros::from_secs(80_000))
        .await
        .unwrap();
    let ended = acquire(&store, vec![slot(&host, 1)]).await;
    store
        .release(session(&ended), ended.fence, Cause::Released)
        .await
        .unwrap();
    let store = fixture.after(Micros::from_secs(3601)).await;
    while store.sweep(Micros::from_secs(3600)).await.unwrap() > 0 {}
    assert_eq!(store.lease(session(&ended)).await.unwrap(), None);
    assert_eq!(store.lease_of_key(&ended.key).await.unwrap(), None);
    assert_eq!(store.lease(session(&live)).await.unwrap(), Some(live));
    assert_eq!(acquire(&store, vec![ended.slot]).await.fence, ended.fence + 1);
}
