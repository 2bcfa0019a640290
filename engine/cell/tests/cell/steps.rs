//! Placements one at a time: what a repetition, a refusal, a death at each step and a lost host come to.

use crate::bus::{BadBus, Weather};
use crate::host::{FakeHost, quality, wall};
use crate::world::{World, pass, session, wish};
use firstlight_cell::{ACCOUNTS_MAX, Error, Faults, Outcome, Start, Step, TitleTerms};
use firstlight_fleet::messages::{Channel, Report, SessionState, Signer};
use firstlight_fleet::{Bus, Expect, Key, LeaseState, Subject};
use firstlight_link::End;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

#[tokio::test(start_paused = true)]
async fn a_session_is_placed_once_however_often_it_is_asked_for() {
    let world = World::new(&[2, 2], 1).await;
    let (one, two) = (world.calm_cell().await, world.calm_cell().await);
    let wish = wish("p", "k");
    let (a, b, c) = tokio::join!(
        one.start(wish.clone()),
        two.start(wish.clone()),
        one.start(wish.clone())
    );
    let id = session(a);
    assert_eq!((session(b), session(c)), (id.clone(), id.clone()));
    assert_eq!(world.running().len(), 1);
    let lease = world.store.lease(&id).await.unwrap().unwrap();
    assert_eq!(lease.state, LeaseState::Confirmed);
    assert!(one.decision(&id).await.unwrap().unwrap().contains("best-overall"));
    assert!(one.ticket(&id, None).await.unwrap().contains(id.as_str()));
    // The other cell ends it, and the key then names a session that is over.
    two.end(&id, End::ByPlayer).await.unwrap();
    pass(500).await;
    assert!(one.session(&id).await.unwrap().view.state.is_over());
    assert!(matches!(one.start(wish).await, Err(Error::UnknownSession(_))));
    assert!(world.running().is_empty());
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_refuses_is_passed_over_and_its_slot_is_given_back() {
    let mut world = World::new(&[1], 2).await;
    let mut surly = FakeHost::new(9, 1, "here");
    surly.refuses = true;
    world.join(surly).await;
    let cell = world.calm_cell().await;
    for n in 0..2 {
        let outcome = cell.start(wish(&format!("p{n}"), "")).await;
        assert_eq!(outcome.is_ok(), n == 0, "{outcome:?}");
    }
    assert_eq!(world.store.live(&world.id(1)).await.unwrap(), []);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn what_failed_while_it_booted_was_nobody_s_session_and_its_key_is_good_for_another() {
    let mut world = World::new(&[], 2).await;
    let mut dud = FakeHost::new(9, 1, "here");
    // In two beats at least it names a session that is not ready yet.
    (dud.fails, dud.boot_ms) = (true, 2_500);
    world.join(dud).await;
    let cell = world.calm_cell().await;
    let failed = cell.start(wish("p", "k")).await;
    assert!(matches!(failed, Err(Error::Stillborn(_))), "{failed:?}");
    pass(1_000).await;
    assert_eq!(world.store.live(&world.id(0)).await.unwrap(), []);
    world.hosts[0].kill();
    world.hosts[0].fails = false;
    world.boot(0).await;
    pass(2_000).await;
    let id = session(cell.start(wish("p", "k")).await);
    assert!(world.running().contains(&id));
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn a_cell_may_die_after_any_step_and_a_repetition_elsewhere_finds_or_makes_the_session() {
    for step in Step::ALL {
        let mut world = World::new(&[1], 3).await;
        if step == Step::Released {
            let mut surly = FakeHost::new(9, 1, "here");
            surly.refuses = true;
            world.join(surly).await;
        }
        let fired = Arc::new(AtomicBool::new(false));
        let fires = Arc::clone(&fired);
        let faults = Faults::new(move |at| at == step && !fires.swap(true, Ordering::Relaxed));
        let clear = Arc::new(world.local.clone());
        let dying = world.cell(clear, faults).await;
        let other = world.calm_cell().await;
        let outcome = timeout(Duration::from_secs(5), dying.start(wish("p", "k"))).await;
        let died = fired.load(Ordering::Relaxed);
        assert_eq!(outcome.is_err(), died, "{step:?}: {outcome:?}");
        world.check("after the death").await;
        let id = session(other.start(wish("p", "k")).await);
        assert_eq!(
            world.running().into_iter().collect::<Vec<_>>(),
            std::slice::from_ref(&id),
            "{step:?}"
        );
        pass(30_000).await;
        world.check("later").await;
        let lease = world.store.lease(&id).await.unwrap().unwrap();
        assert_eq!(lease.state, LeaseState::Confirmed, "{step:?}");
        assert_eq!(world.store.all_live(None, 10).await.unwrap().len(), 1, "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_is_not_answered_takes_nothing_from_another_that_was() {
    let world = World::new(&[1], 15).await;
    let two = world.calm_cell().await;
    let nothing_passes = Weather {
        lost: 100,
        ..Weather::default()
    };
    let mute = BadBus::new(world.local.clone(), 15, nothing_passes);
    let one = world.cell(Arc::new(mute), Faults::default()).await;
    pass(1_500).await;
    let asks = one.clone();
    let asking = tokio::spawn(async move { asks.start(wish("p", "k")).await });
    pass(500).await;
    let id = session(two.start(wish("p", "k")).await);
    // For longer than a claim may take, and than a lease lasts that is not renewed.
    pass(20_000).await;
    assert!(matches!(asking.await.unwrap(), Err(Error::NoAnswer)));
    let lease = world.store.lease(&id).await.unwrap().unwrap();
    assert_eq!(lease.state, LeaseState::Confirmed);
    assert!(world.running().contains(&id));
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn a_slot_whose_cell_and_player_are_gone_is_free_after_its_lease() {
    let world = World::new(&[1], 4).await;
    let faults = Faults::new(|step| step == Step::Acquired);
    let dying = world.cell(Arc::new(world.local.clone()), faults).await;
    pass(1_500).await;
    let other = world.calm_cell().await;
    assert!(
        timeout(Duration::from_secs(1), dying.start(wish("p", "k")))
            .await
            .is_err()
    );
    assert!(matches!(other.start(wish("q", "k")).await, Err(Error::Full)));
    pass(70_000).await;
    session(other.start(wish("q", "k2")).await);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_away_for_longer_than_a_lease_costs_no_session() {
    let world = World::new(&[1], 14).await;
    let cell = world.calm_cell().await;
    let id = session(cell.start(wish("p", "k")).await);
    world.away.store(true, Ordering::Relaxed);
    // More than three leases.
    pass(30_000).await;
    assert!(!cell.session(&id).await.unwrap().lost, "nobody knows that it is");
    world.away.store(false, Ordering::Relaxed);
    pass(30_000).await;
    let lease = world.store.lease(&id).await.unwrap().unwrap();
    assert_eq!(lease.state, LeaseState::Confirmed);
    assert!(world.running().contains(&id));
    assert!(!cell.session(&id).await.unwrap().lost);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_host_is_noticed_and_its_player_is_placed_anew_under_the_same_key() {
    let mut world = World::new(&[1, 1], 5).await;
    let cell = world.calm_cell().await;
    let id = session(cell.start(wish("p", "k")).await);
    let lease = world.store.lease(&id).await.unwrap().unwrap();
    let at = world
        .hosts
        .iter()
        .position(|host| host.id == lease.slot.host)
        .unwrap();
    world.hosts[at].kill();
    let killed = Instant::now();
    while !cell.session(&id).await.unwrap().lost {
        pass(50).await;
    }
    let anew = session(cell.start(wish("p", "another")).await);
    assert_ne!(anew, id);
    // Simulated time, beats of a second.
    assert!(
        killed.elapsed() < Duration::from_secs(5),
        "{:?}",
        killed.elapsed()
    );
    // The record of what was lost survives, and its lease ends.
    pass(20_000).await;
    let lease = world.store.lease(&id).await.unwrap().unwrap();
    assert!(lease.is_over(), "{lease:?}");
    world.boot(at).await;
    pass(2_000).await;
    session(cell.start(wish("q", "k")).await);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_no_room_waits_in_turn_and_goes_on_after_a_restart() {
    let world = World::new(&[1], 6).await;
    let cell = world.calm_cell().await;
    let playing = session(cell.start(wish("a", "k")).await);
    let waits = |player: &str| Start {
        wait: true,
        ..wish(player, "k")
    };
    let mut entries = Vec::new();
    for (player, place) in [("b", 1), ("c", 2)] {
        let Ok(Outcome::Queued(queued)) = cell.start(waits(player)).await else {
            panic!("{player} does not wait")
        };
        assert_eq!(queued.place, place);
        assert!(queued.estimate.as_secs_f64() > 0.0);
        entries.push(queued.id);
    }
    // The same request again is the same place, and nobody fetches another's.
    let again = cell.start(waits("c")).await;
    assert!(matches!(again, Ok(Outcome::Queued(queued)) if queued.id == entries[1]));
    assert!(matches!(
        cell.turn(&entries[0], "c", Duration::ZERO).await,
        Err(Error::UnknownEntry)
    ));

    cell.kill();
    let cell = world.calm_cell().await;
    let later = cell.turn(&entries[1], "c", Duration::from_secs(1)).await;
    assert!(matches!(later, Ok(Outcome::Queued(queued)) if queued.place == 2));
    let (turn, ended) = tokio::join!(cell.turn(&entries[0], "b", Duration::from_secs(20)), async {
        pass(3_000).await;
        cell.end(&playing, End::ByPlayer).await
    });
    ended.unwrap();
    let next = session(turn);
    assert!(matches!(
        cell.turn(&entries[0], "b", Duration::ZERO).await,
        Err(Error::UnknownEntry)
    ));
    cell.leave_queue(&entries[1], "c").await.unwrap();
    assert_eq!(world.running().into_iter().collect::<Vec<_>>(), [next]);
    assert_eq!(cell.overview().queue, 0);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_held_and_not_fetched_goes_to_the_next() {
    let world = World::new(&[1], 7).await;
    let cell = world.calm_cell().await;
    let playing = session(cell.start(wish("a", "k")).await);
    let waits = |player: &str| Start {
        wait: true,
        ..wish(player, "k")
    };
    let mut entries = Vec::new();
    for player in ["b", "c"] {
        let Ok(Outcome::Queued(queued)) = cell.start(waits(player)).await else {
            panic!("{player} does not wait")
        };
        entries.push(queued.id);
    }
    cell.end(&playing, End::ByPlayer).await.unwrap();
    pass(1_500).await;
    // Nobody new gets in before them.
    assert!(matches!(cell.start(wish("d", "k")).await, Err(Error::Full)));
    let after = cell.turn(&entries[1], "c", Duration::from_secs(60)).await;
    // In the queue's own clock nothing has passed: the wait is real time's.
    assert!(matches!(after, Ok(Outcome::Queued(_))));
    session(cell.turn(&entries[0], "b", Duration::ZERO).await);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_his_turn_while_the_bus_is_away_keeps_it() {
    let world = World::new(&[1], 9).await;
    let cell = world.calm_cell().await;
    let playing = session(cell.start(wish("a", "k")).await);
    let waits = Start {
        wait: true,
        ..wish("b", "k")
    };
    let Ok(Outcome::Queued(queued)) = cell.start(waits).await else {
        panic!("b does not wait")
    };
    cell.end(&playing, End::ByPlayer).await.unwrap();
    pass(1_500).await;
    world.away.store(true, Ordering::Relaxed);
    assert!(matches!(
        cell.turn(&queued.id, "b", Duration::ZERO).await,
        Err(Error::Away)
    ));
    world.away.store(false, Ordering::Relaxed);
    session(cell.turn(&queued.id, "b", Duration::from_secs(20)).await);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_behind_those_who_want_what_is_not_free() {
    let mut world = World::new(&[1], 10).await;
    let mut other = FakeHost::new(2, 1, "here");
    other.title = "u";
    world.join(other).await;
    let cell = world.calm_cell().await;
    cell.set_title(&"u".parse().unwrap(), TitleTerms::default());
    pass(1_500).await;
    let wants = |player: &str, title: &str| Start {
        title: title.into(),
        wait: true,
        ..wish(player, "k")
    };
    session(cell.start(wants("other", "u")).await);
    let playing = session(cell.start(wants("a", "t")).await);
    for n in 0..100 {
        let queued = cell.start(wants(&format!("u{n}"), "u")).await;
        assert!(matches!(queued, Ok(Outcome::Queued(_))), "{queued:?}");
    }
    let Ok(Outcome::Queued(queued)) = cell.start(wants("t", "t")).await else {
        panic!("t does not wait")
    };
    assert_eq!(queued.place, 101);
    let (turn, ended) = tokio::join!(cell.turn(&queued.id, "t", Duration::from_secs(20)), async {
        pass(1_500).await;
        cell.end(&playing, End::ByPlayer).await
    });
    ended.unwrap();
    session(turn);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_offered_a_farther_region_that_is_free_and_gets_it_at_his_place() {
    let mut world = World::new(&[1], 8).await;
    world.join(FakeHost::new(2, 1, "there")).await;
    let cell = world.calm_cell().await;
    let from_here = |player: &str| Start {
        rtts_us: vec![("here".into(), 5_000), ("there".into(), 120_000)],
        wait: true,
        ..wish(player, "k")
    };
    session(cell.start(from_here("a")).await);
    let Ok(Outcome::Queued(queued)) = cell.start(from_here("b")).await else {
        panic!("b does not wait")
    };
    let offered = queued.alternative.unwrap();
    assert_eq!(
        (offered.region.as_ref(), offered.rtt.as_millis_f64()),
        ("there", 120.0)
    );
    // Not sent there unasked, however long he waits.
    assert!(matches!(
        cell.turn(&queued.id, "b", Duration::from_secs(5)).await,
        Ok(Outcome::Queued(_))
    ));
    assert!(matches!(
        cell.widen(&queued.id, "c").await,
        Err(Error::UnknownEntry)
    ));
    cell.widen(&queued.id, "b").await.unwrap();
    let id = session(cell.turn(&queued.id, "b", Duration::from_secs(5)).await);
    let lease = world.store.lease(&id).await.unwrap().unwrap();
    assert_eq!(lease.slot.host, world.id(1));
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn the_nearest_region_is_near_enough_however_far_it_is() {
    let mut world = World::new(&[1], 9).await;
    world.join(FakeHost::new(2, 1, "there")).await;
    let cell = world.calm_cell().await;
    let from_afar = |player: &str| Start {
        rtts_us: vec![("here".into(), 95_000), ("there".into(), 140_000)],
        wait: true,
        ..wish(player, "k")
    };
    let id = session(cell.start(from_afar("a")).await);
    let lease = world.store.lease(&id).await.unwrap().unwrap();
    assert_eq!(lease.slot.host, world.id(0));
    // Farther than that is offered, as ever.
    let second = cell.start(from_afar("b")).await;
    assert!(matches!(second, Ok(Outcome::Queued(queued)) if queued.alternative.is_some()));
}

#[tokio::test(start_paused = true)]
async fn how_a_session_was_is_kept_for_every_cell_and_counted_for_its_host_once() {
    let world = World::new(&[2, 2], 4).await;
    let (one, two) = (world.calm_cell().await, world.calm_cell().await);
    let id = session(one.start(wish("p", "k")).await);
    let host = one.session(&id).await.unwrap().host;
    two.end(&id, End::ByPlayer).await.unwrap();
    pass(2_000).await;
    for cell in [&one, &two] {
        let kept = cell.quality(&id).await.unwrap();
        // Whose it is, the cell knows itself.
        assert_eq!(
            (kept.player.as_str(), kept.report["session"].as_str()),
            ("p", Some(id.as_str()))
        );
        let rows = cell.hosts(None, 9).rows;
        let row = rows.iter().find(|row| row.host == host.as_str()).unwrap();
        assert_eq!((row.minutes, row.score), (3, Some(90.0)));
    }
    // A cell that comes later finds it in the store.
    let late = world.calm_cell().await;
    pass(2_000).await;
    assert!(late.quality(&id).await.is_ok());
    assert_eq!(
        late.hosts(None, 9)
            .rows
            .iter()
            .map(|row| row.minutes)
            .sum::<u64>(),
        3
    );
    let nobody = "nobody".parse().unwrap();
    assert!(matches!(
        late.quality(&nobody).await,
        Err(Error::UnknownSession(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_host_tells_of_its_own_sessions_only() {
    let world = World::new(&[1, 1], 5).await;
    let cell = world.calm_cell().await;
    let id = session(cell.start(wish("p", "k")).await);
    let running = cell.session(&id).await.unwrap();
    let liar = world.hosts.iter().find(|host| host.id != running.host).unwrap();
    let signer = Signer::new(Key::from_seed(&liar.disk.lock().unwrap().key), 99);
    let mut report = Report::new(running.view.clone());
    report.session.state = SessionState::Ended {
        reason: End::ByPlayer,
        detail: String::new(),
        exit_code: None,
        tail: Vec::new(),
    };
    report.quality = Some(Box::new(quality(&id)));
    let sealed = signer.seal(Channel::Report, &report.write(), wall());
    world
        .local
        .publish(&Subject::report(&liar.id), sealed)
        .await
        .unwrap();
    pass(2_000).await;
    assert!(!cell.session(&id).await.unwrap().view.state.is_over());
    assert!(world.store.get("accounts", id.as_str()).await.unwrap().is_none());
    assert!(cell.hosts(None, 9).rows.iter().all(|row| row.minutes == 0));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_report_goes_when_there_are_too_many() {
    let world = World::new(&[1], 6).await;
    for n in 0..ACCOUNTS_MAX {
        let old = format!("old{n}");
        let order = format!("{n:020}-{old}");
        let put = |bucket, key: String, body: String| {
            let store = Arc::clone(&world.store);
            async move { store.put(bucket, &key, Expect::Absent, body).await.unwrap() }
        };
        put("accounts", old.clone(), "{}".into()).await;
        put("accounts-by-end", order, old).await;
    }
    let cell = world.calm_cell().await;
    let id = session(cell.start(wish("p", "k")).await);
    cell.end(&id, End::ByPlayer).await.unwrap();
    pass(2_000).await;
    assert!(cell.quality(&id).await.is_ok());
    assert!(world.store.get("accounts", "old0").await.unwrap().is_none());
    assert!(world.store.get("accounts", "old1").await.unwrap().is_some());
    let listed = world
        .store
        .list("accounts-by-end", None, 2 * ACCOUNTS_MAX)
        .await
        .unwrap();
    assert_eq!(listed.len(), ACCOUNTS_MAX);
}
