//! Hosts that have to prove what they say before players come.

use crate::host::FakeHost;
use crate::proves::{InProcess, Proves};
use crate::world::{World, pass, session, wish};
use firstlight_cell::{Cell, HostRow};
use firstlight_checker::challenge::{Challenge, Decode, Part, Proof, Scene, Task, Verdict};
use firstlight_checker::evidence::Record;
use firstlight_units::{Micros, WallTime};
use std::path::Path;

async fn world(proves: Proves) -> World {
    let mut world = World::new(&[], 1).await;
    let mut host = FakeHost::new(1, 1, "here");
    host.proves = proves;
    world.join(host).await;
    world
}

fn row(cell: &Cell) -> HostRow {
    cell.hosts(None, 9).rows.remove(0)
}

/// Waits, in simulated time, until the host's row is as wanted.
async fn until(cell: &Cell, state: &str) -> HostRow {
    for _ in 0..6_000 {
        pass(100).await;
        if let Some(row) = cell.hosts(None, 9).rows.pop().filter(|row| row.state == state) {
            return row;
        }
    }
    panic!("never {state}: {:?}", row(cell));
}

async fn records(world: &World, cell: &Cell) -> Vec<Record> {
    let text = cell.evidence(&world.id(0)).await.unwrap();
    text.lines()
        .map(|line| Record::from_text(line).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_honest_host_is_admitted_by_proof_and_then_played_on() {
    let world = world(Proves::Honestly).await;
    let cell = world.checking_cell().await;
    let row = until(&cell, "open").await;
    assert_eq!(row.why, None);
    session(cell.start(wish("a", "")).await);

    let records = records(&world, &cell).await;
    let parts: Vec<Part> = records
        .iter()
        .map(|record| record.challenge.task.part())
        .collect();
    assert_eq!(parts, [Part::Compute, Part::Disk, Part::Encode, Part::Memory]);
    for record in &records {
        assert_eq!(record.verify(&InProcess), Ok(Verdict::Proven));
        assert_eq!(record.host(), world.id(0).to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn another_cell_of_the_store_knows_who_was_admitted() {
    let world = world(Proves::Honestly).await;
    let first = world.checking_cell().await;
    until(&first, "open").await;
    first.kill();
    let second = world.checking_cell().await;
    pass(1_500).await;
    assert_eq!(row(&second).state, "open");
}

#[tokio::test(start_paused = true)]
async fn a_liar_is_refused_and_told_why() {
    for (proves, why) in [
        (Proves::NoMemory, "memory: the host says that it cannot"),
        (Proves::MadeUp, "memory: part "),
        (Proves::OldPictures, "encode: picture 0 is off by "),
        (Proves::Slowly, "compute: the answer took "),
        (Proves::Nothing, "compute: no answer"),
    ] {
        let world = world(proves).await;
        let cell = world.checking_cell().await;
        let row = until(&cell, "refused").await;
        let said = row.why.unwrap_or_default();
        assert!(said.starts_with(why), "{proves:?}: {said}");
        assert!(cell.start(wish("a", "")).await.is_err(), "{proves:?}");
        let records = records(&world, &cell).await;
        let failed = records
            .iter()
            .filter(|record| matches!(record.verdict, Verdict::Failed(_)));
        assert!(failed.count() > 0, "{proves:?}");
        for record in records {
            assert_eq!(record.verify(&InProcess), Ok(record.verdict), "{proves:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_always_busy_is_never_admitted() {
    let world = world(Proves::Busy).await;
    let cell = world.checking_cell().await;
    pass(3_600_000).await;
    assert_eq!(row(&cell).state, "unproven");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_gone_in_mid_challenge_is_asked_again_when_it_is_back() {
    let mut world = world(Proves::GoneAt(Part::Memory)).await;
    let cell = world.checking_cell().await;
    pass(2_500).await;
    world.hosts[0].kill();
    until(&cell, "lost").await;
    let silent = records(&world, &cell).await;
    assert!(
        silent
            .iter()
            .any(|record| record.verdict != Verdict::Proven && record.answer.is_none())
    );
    world.hosts[0].proves = Proves::Honestly;
    world.boot(0).await;
    until(&cell, "open").await;
}

#[tokio::test(start_paused = true)]
async fn a_checker_killed_in_mid_check_leaves_the_host_to_another() {
    let world = world(Proves::GoneAt(Part::Disk)).await;
    let first = world.checking_cell().await;
    // Two challenges are answered, and the third is on its way.
    while records(&world, &first).await.len() < 2 {
        pass(50).await;
    }
    first.kill();
    let before = records(&world, &first).await;

    let mut world = world;
    world.hosts[0].kill();
    world.hosts[0].proves = Proves::Honestly;
    world.boot(0).await;
    let second = world.checking_cell().await;
    until(&second, "open").await;
    let after = records(&world, &second).await;
    assert!(after.len() >= 4, "{}", after.len());
    // What was recorded before holds as it did.
    for record in before.iter().chain(&after) {
        assert_eq!(record.verify(&InProcess), Ok(record.verdict));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_cells_one_checks() {
    let world = world(Proves::Honestly).await;
    let (one, two) = (world.checking_cell().await, world.checking_cell().await);
    until(&one, "open").await;
    until(&two, "open").await;
    let checks = world
        .store
        .get("checks", world.id(0).as_str())
        .await
        .unwrap()
        .unwrap();
    assert!(checks.body.contains("\"passed\":1"), "{}", checks.body);
}

#[test]
fn an_honest_encoder_leaves_a_third_of_the_tolerance() {
    let mut worst = 0;
    for seed in 0..4 {
        let challenge = Challenge {
            host: [0; 32],
            checker: [0; 32],
            at: WallTime::from_micros(0),
            seed: [seed; 32],
            promise: [0; 32],
            task: Task::Encode {
                width: 1280,
                height: 720,
                fps: 60,
                frames: 16,
            },
            within: Micros::from_secs(1),
        };
        let Ok(Proof::Units(units)) = firstlight_prover::prove(&challenge, Path::new("/")) else {
            panic!("a bitstream is units");
        };
        let mut scene = Scene::new(&challenge.seed, 1280, 720);
        for picture in InProcess.decode(&units).unwrap() {
            worst = worst.max(scene.error(&picture.luma));
            scene.advance();
        }
    }
    // 3,000 hundredths of a level are taken.
    assert!(worst < 2_000, "{worst}");
}
