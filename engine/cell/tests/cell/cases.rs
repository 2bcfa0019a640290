//! Committees of a store's checkers, over sessions that a host tells wrongly of.

use crate::host::{FakeHost, PLAYED};
use crate::proves::Proves;
use crate::world::{World, pass, session, wish};
use firstlight_cell::{Cell, Error, Seen};
use firstlight_checker::accounts::Service;
use firstlight_checker::case::{Case, Outcome, Stage, Wanted, Word};
use firstlight_checker::evidence::Signed;
use firstlight_checker::matter::{Matter, Witness, session_digest};
use firstlight_checker::quorum::Finding;
use firstlight_checker::{from_text, to_text};
use firstlight_fleet::{Expect, Key, PublicKey};
use firstlight_link::End;
use firstlight_units::SessionId;

/// The canary's key.
fn canary() -> Key {
    Key::from_seed(&[77; 32])
}

async fn world(inflates: u64) -> World {
    let mut world = World::new(&[], 1).await;
    let mut host = FakeHost::new(1, 4, "here");
    host.proves = Proves::Honestly;
    host.inflates = Some(inflates);
    world.join(host).await;
    world
}

/// A session is played and ended, and its host tells of it.
async fn played(cell: &Cell, player: &str) -> SessionId {
    let id = session(cell.start(wish(player, "")).await);
    cell.end(&id, End::ByPlayer).await.unwrap();
    pass(200).await;
    id
}

async fn opened(cell: &Cell) {
    for _ in 0..600 {
        pass(100).await;
        if cell
            .hosts(None, 9)
            .rows
            .first()
            .is_some_and(|row| row.state == "open")
        {
            return;
        }
    }
    panic!("never open");
}

fn seen(id: &SessionId, service: Service) -> Seen {
    Seen {
        session: id.clone(),
        seen: PLAYED,
        service,
    }
}

fn testimony(seen: &Seen) -> (PublicKey, Signed) {
    let key = canary();
    let matter = Matter {
        host: [0; 32],
        session: session_digest(seen.session.as_str()),
        cell: [0; 32],
        placed: [0; 64],
        told: None,
        by: Witness::Checker,
        witness: *key.public().as_bytes(),
        seen: seen.seen,
        service: seen.service,
        signed: [0; 64],
    };
    (key.public(), key.sign(&matter.statement()))
}

async fn testify(cell: &Cell, seen: &Seen) -> Result<(), Error> {
    cell.testify(seen, Some(testimony(seen))).await
}

/// The cases that are closed, controls included, once there are `count` about the world's host.
async fn closed(world: &World, cell: &Cell, count: usize) -> Vec<Case> {
    for _ in 0..4_000 {
        pass(100).await;
        let text = cell.evidence(&world.id(0)).await.unwrap();
        let cases: Vec<Case> = text
            .lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        if cases.len() >= count {
            return cases;
        }
    }
    panic!("never {count} cases");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_counts_more_than_was_played_is_penalised_by_a_committee_and_the_case_judged_again() {
    let world = world(60).await;
    let cell = world.checking_cell().await;
    let others = [
        world.checker(31).await,
        world.checker(32).await,
        world.checker(33).await,
    ];
    opened(&cell).await;
    pass(12_000).await;
    cell.register(&canary().public()).await.unwrap();

    let id = played(&cell, "canary").await;
    testify(&cell, &seen(&id, Service::default())).await.unwrap();
    // Said again, it counts once.
    testify(&cell, &seen(&id, Service::default())).await.unwrap();
    let cases = closed(&world, &cell, 1).await;
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].verify(), Ok(Outcome::Penalised));
    let row = cell.hosts(None, 9).rows.remove(0);
    assert_eq!(row.state, "refused");
    let why = row.why.unwrap();
    assert!(
        why.starts_with("sessions: the host counted more seconds"),
        "{why}"
    );
    assert_eq!(row.score, Some(45.0), "half of what its minutes were");
    assert!(cell.start(wish("a", "")).await.is_err());
    // The others hear of it from the store.
    pass(11_000).await;
    assert_eq!(others[0].hosts(None, 9).rows[0].state, "refused");
}

#[tokio::test(start_paused = true)]
async fn an_honest_host_is_left_alone_and_what_a_line_looks_like_once_only_costs_rank() {
    let world = world(0).await;
    let cell = world.checking_cell().await;
    opened(&cell).await;
    cell.register(&canary().public()).await.unwrap();
    let id = played(&cell, "canary").await;
    testify(&cell, &seen(&id, Service::default())).await.unwrap();
    pass(60_000).await;
    assert!(!cell.evidence(&world.id(0)).await.unwrap().contains('{'));

    let throttled = Service {
        sent_bps: 300_000,
        allowed_bps: 20_000_000,
        drawn_pixels: 921_600,
        pixels: 230_400,
        ..Service::default()
    };
    for (nth, state) in [(1, "open"), (2, "refused")] {
        let id = played(&cell, "canary").await;
        testify(&cell, &seen(&id, throttled)).await.unwrap();
        closed(&world, &cell, nth).await;
        pass(1_000).await;
        let row = cell.hosts(None, 9).rows.remove(0);
        assert_eq!(row.state, state, "after {nth}");
        assert!(row.score < Some(60.0), "{:?}", row.score);
    }
}

#[tokio::test(start_paused = true)]
async fn one_players_word_opens_no_case_and_two_players_open_one_that_costs_the_host_nothing() {
    let world = world(60).await;
    let cell = world.checking_cell().await;
    opened(&cell).await;
    let told_by = async |player: &str| {
        let id = played(&cell, player).await;
        cell.testify(&seen(&id, Service::default()), None).await.unwrap();
    };
    told_by("one").await;
    told_by("one").await;
    pass(60_000).await;
    assert!(!cell.evidence(&world.id(0)).await.unwrap().contains('{'));
    told_by("two").await;
    let cases = closed(&world, &cell, 1).await;
    assert_eq!(cases[0].verify(), Ok(Outcome::Penalised));
    let row = cell.hosts(None, 9).rows.remove(0);
    assert_eq!(
        (row.state, row.score),
        ("open", Some(90.0)),
        "whoever plays is a name that anybody makes up"
    );
    // As many names as they like make no more of them today.
    for player in ["three", "four", "five"] {
        told_by(player).await;
    }
    pass(60_000).await;
    assert_eq!(closed(&world, &cell, 1).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_testifies_who_was_not_let_or_with_anothers_name() {
    let world = world(60).await;
    let cell = world.checking_cell().await;
    opened(&cell).await;
    let id = played(&cell, "canary").await;
    let seen = seen(&id, Service::default());
    assert!(matches!(testify(&cell, &seen).await, Err(Error::UnknownWitness)));
    cell.register(&canary().public()).await.unwrap();
    let (key, _) = testimony(&seen);
    let forged = cell.testify(&seen, Some((key, [1; 64]))).await;
    assert!(matches!(forged, Err(Error::UnknownWitness)));
    let nowhere = Seen {
        session: "nowhere".parse().unwrap(),
        ..seen
    };
    assert!(matches!(
        testify(&cell, &nowhere).await,
        Err(Error::UnknownSession(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_checker_killed_in_mid_check_goes_on_where_it_was_and_its_opener_is_not_waited_for() {
    let world = world(60).await;
    let cell = world.checking_cell().await;
    let mut others = Vec::new();
    for n in 31..36 {
        others.push(world.checker(n).await);
    }
    opened(&cell).await;
    pass(12_000).await;
    cell.register(&canary().public()).await.unwrap();
    let id = played(&cell, "canary").await;
    testify(&cell, &seen(&id, Service::default())).await.unwrap();
    // Findings are being committed to: the opener dies for good, and one of the committee comes back.
    loop {
        pass(100).await;
        let there = world.store.list("cases", None, 9).await.unwrap();
        let stages = there
            .iter()
            .map(|record| serde_json::from_str::<Case>(&record.body).unwrap().stage());
        if stages.into_iter().any(|stage| stage == Stage::Committing) {
            break;
        }
    }
    cell.kill();
    others.remove(0).kill();
    let back = world.checker(31).await;
    let cases = closed(&world, &back, 1).await;
    assert_eq!(cases[0].verify(), Ok(Outcome::Penalised));
    // Whoever of them did what follows, the others read it.
    pass(11_000).await;
    let rows = back.hosts(None, 9).rows;
    assert_eq!(rows[0].state, "refused");
}

/// A checker that does not look: it says what it is told to, whatever the case is.
struct Says {
    key: Key,
    /// None: it commits to what another has committed to.
    finding: Option<Finding>,
}

impl Says {
    /// Its part of every open case.
    async fn speak(&self, world: &World) {
        let me = *self.key.public().as_bytes();
        for record in world.store.list("cases", None, 9).await.unwrap() {
            let mut case: Case = serde_json::from_str(&record.body).unwrap();
            let Some(wanted) = case.wanted(&me) else { continue };
            let finding = self.finding.unwrap_or(Finding::Good);
            let word = match wanted {
                Wanted::Promise => {
                    let promise = case.promise(&me, &[5; 32]);
                    Word::Promise(promise, self.key.sign(&case.word_statement(None, &promise)))
                }
                Wanted::Number => Word::Number([5; 32]),
                Wanted::Commit(round) => {
                    let own = case.commitment(round, &me, finding, &[6; 32]);
                    let what = if self.finding.is_some() {
                        own
                    } else {
                        let Some(copied) = others_commitment(&record.body) else {
                            continue;
                        };
                        copied
                    };
                    Word::Commit(what, self.key.sign(&case.word_statement(Some(round), &what)))
                }
                Wanted::Open(_) => Word::Open(finding, [6; 32]),
            };
            if case.hear(&me, word).is_ok() {
                let body = serde_json::to_string(&case).unwrap();
                let expect = Expect::Revision(record.revision);
                world.store.put("cases", &record.key, expect, body).await.unwrap();
            }
        }
    }

    async fn appear(&self, world: &World, wall: u64) {
        let key = self.key.public().to_hex();
        let there = world.store.get("checkers", &key).await.unwrap();
        let mut sits: serde_json::Value = there.map_or_else(
            || serde_json::json!({}),
            |record| serde_json::from_str(&record.body).unwrap(),
        );
        sits["seen_at"] = wall.into();
        world
            .store
            .put("checkers", &key, Expect::Any, sits.to_string())
            .await
            .unwrap();
    }

    async fn controls(&self, world: &World) -> (u64, u64) {
        let there = world
            .store
            .get("checkers", &self.key.public().to_hex())
            .await
            .unwrap();
        let sits: serde_json::Value = serde_json::from_str(&there.unwrap().body).unwrap();
        let count = |what: &str| sits["controls"][what].as_u64().unwrap_or(0);
        (count("right"), count("all"))
    }
}

/// The first commitment in a case's last round.
fn others_commitment(body: &str) -> Option<[u8; 32]> {
    let case: serde_json::Value = serde_json::from_str(body).unwrap();
    let votes = case["rounds"].as_array()?.last()?["votes"].as_object()?;
    let first = votes.values().next()?["commitment"].as_str()?;
    from_text(first, 64).ok()?.try_into().ok()
}

#[tokio::test(start_paused = true)]
async fn who_copies_or_never_looks_is_outvoted_and_controls_keep_him_out_of_committees() {
    let world = world(60).await;
    let cell = world.checking_cell().await;
    let _others = [
        world.checker(31).await,
        world.checker(32).await,
        world.checker(33).await,
        world.checker(34).await,
    ];
    let copies = Says {
        key: Key::from_seed(&[61; 32]),
        finding: None,
    };
    let clears = Says {
        key: Key::from_seed(&[62; 32]),
        finding: Some(Finding::Good),
    };
    opened(&cell).await;
    pass(12_000).await;
    cell.register(&canary().public()).await.unwrap();
    // Once the host is refused nobody plays there, and what was played before can still be told of.
    let mut ids = Vec::new();
    for _ in 0..24 {
        ids.push(played(&cell, "canary").await);
    }
    let last = ids.remove(0);
    for id in ids {
        for liar in [&copies, &clears] {
            liar.appear(&world, checkers_clock(&world).await).await;
        }
        testify(&cell, &seen(&id, Service::default())).await.unwrap();
        while !world.store.list("cases", None, 9).await.unwrap().is_empty() {
            pass(100).await;
            copies.speak(&world).await;
            clears.speak(&world).await;
        }
        if copies.controls(&world).await.1 > 0 {
            break;
        }
    }
    let (right, all) = copies.controls(&world).await;
    assert!(
        right == 0 && all > 0,
        "what was copied cannot be opened: {right} of {all}"
    );
    for case in closed(&world, &cell, 1).await {
        assert_eq!(case.verify(), Ok(Outcome::Penalised));
    }
    // From here on nobody asks him.
    copies.appear(&world, checkers_clock(&world).await).await;
    testify(&cell, &seen(&last, Service::default())).await.unwrap();
    let key = to_text(copies.key.public().as_bytes());
    let open = world.store.list("cases", None, 9).await.unwrap();
    assert!(!open.is_empty());
    for record in open {
        assert!(!record.body.contains(&key), "he is asked again");
    }
}

/// When a checker of this store was last there.
async fn checkers_clock(world: &World) -> u64 {
    let there = world.store.list("checkers", None, 99).await.unwrap();
    let seen = there.iter().map(|record| {
        let sits: serde_json::Value = serde_json::from_str(&record.body).unwrap();
        sits["seen_at"].as_u64().unwrap_or(0)
    });
    seen.max().unwrap_or(0)
}
