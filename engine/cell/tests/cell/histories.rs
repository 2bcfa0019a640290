//! Many histories of cells, hosts and a bus that fail in every way, each from a seed: `HISTORY_SEED=N` replays one,
//! `HISTORIES=N` runs more.

use crate::bus::{BadBus, Weather};
use crate::random::Random;
use crate::world::{World, pass, wish};
use firstlight_cell::{Cell, Faults, Outcome};
use firstlight_fleet::LeaseState;
use firstlight_link::End;
use firstlight_units::SessionId;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

#[test]
fn no_history_gives_a_slot_twice_forgets_a_session_or_leaks_a_slot() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("HISTORY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HISTORIES").unwrap_or(200),
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(history(seed));
        });
        assert!(
            run.is_ok(),
            "history {seed} failed; HISTORY_SEED={seed} replays it"
        );
    }
}

/// Confirmed sessions as players were told of them.
type Told = Arc<Mutex<Vec<(String, SessionId)>>>;

async fn history(seed: u64) {
    let mut random = Random::new(seed);
    let slots: Vec<u32> = (0..2 + random.below(3))
        .map(|_| 1 + u32::try_from(random.below(2)).unwrap())
        .collect();
    let mut world = World::new(&slots, seed).await;
    let weather = Weather {
        lost: random.below(25),
        twice: random.below(30),
        late: random.below(20),
    };
    let mut cells = Vec::new();
    for n in 0..3 {
        cells.push(new_cell(&world, seed * 31 + n, weather).await);
    }
    pass(2_000).await;
    let told: Told = Arc::default();
    let mut players = JoinSet::new();
    for step in 0..30u64 {
        act(
            &mut world,
            &mut cells,
            (&mut random, seed * 1000 + step, weather),
            (&mut players, &told),
        )
        .await;
        pass(50 + random.below(700)).await;
        world.check("on the way").await;
        while players.try_join_next().is_some() {}
    }
    // The weather clears, everybody is up, and time goes on for longer than any lease.
    players.shutdown().await;
    for (_, bus) in &cells {
        bus.set(Weather::default());
    }
    for host in 0..world.hosts.len() {
        if !world.hosts[host].is_up() {
            world.boot(host).await;
        }
    }
    // Every cell may have died by now; somebody starts one.
    let last = world.calm_cell().await;
    pass(40_000).await;
    settle(&world, &told, seed).await;
    last.kill();
    for (cell, _) in &cells {
        cell.kill();
    }
}

async fn new_cell(world: &World, seed: u64, weather: Weather) -> (Cell, BadBus) {
    let bus = BadBus::new(world.local.clone(), seed, weather);
    let mut dice = Random::new(seed ^ 0xfa);
    let deaths = Mutex::new(move || dice.percent(3));
    let faults = Faults::new(move |_| (deaths.lock().unwrap())());
    (world.cell(Arc::new(bus.clone()), faults).await, bus)
}

async fn act(
    world: &mut World,
    cells: &mut [(Cell, BadBus)],
    (random, seed, weather): (&mut Random, u64, Weather),
    (players, told): (&mut JoinSet<()>, &Told),
) {
    let at = usize::try_from(random.below(cells.len() as u64)).unwrap();
    let host = usize::try_from(random.below(world.hosts.len() as u64)).unwrap();
    match random.below(20) {
        // A player asks two cells, with one key, and asks again until there is an answer.
        0..=10 => {
            let (player, key) = (format!("p{}", random.below(6)), format!("k{}", random.below(40)));
            let other = usize::try_from(random.below(cells.len() as u64)).unwrap();
            let pair = [cells[at].0.clone(), cells[other].0.clone()];
            let told = Arc::clone(told);
            players.spawn(async move { ask(pair, player, key, told).await });
        }
        11..=13 => {
            let known = told.lock().unwrap().last().cloned();
            if let Some((_, id)) = known {
                let cell = cells[at].0.clone();
                players.spawn(async move {
                    drop(timeout(Duration::from_secs(25), cell.end(&id, End::ByPlayer)).await);
                });
            }
        }
        14 | 15 => {
            if world.hosts[host].is_up() {
                world.hosts[host].kill();
            } else {
                world.boot(host).await;
            }
        }
        16 => {
            cells[at].0.kill();
            cells[at] = new_cell(world, seed, weather).await;
        }
        // A partition, and its end.
        17 => cells[at].1.set(Weather { lost: 100, ..weather }),
        _ => cells[at].1.set(weather),
    }
}

async fn ask(cells: [Cell; 2], player: String, key: String, told: Told) {
    for n in 0..3 {
        let cell = &cells[n % 2];
        let answer = timeout(Duration::from_secs(30), cell.start(wish(&player, &key))).await;
        if let Ok(Ok(Outcome::Started(started))) = answer {
            let id = started.session.view.session.clone();
            told.lock().unwrap().push((format!("{player} {key}"), id));
            return;
        }
    }
}

/// Once all is quiet.
async fn settle(world: &World, told: &Told, seed: u64) {
    world.check("at the end").await;
    let running = world.running();
    let live = world.store.all_live(None, 1000).await.unwrap();
    // Nothing leaked: what holds a lease runs, and what runs holds one.
    for lease in &live {
        assert_eq!(
            lease.state,
            LeaseState::Confirmed,
            "history {seed}: {lease:?} is still only granted"
        );
        assert!(
            running.contains(&lease.session),
            "history {seed}: {} leaks {}",
            lease.session,
            lease.slot
        );
    }
    for session in &running {
        let leased = live.iter().any(|lease| lease.session == *session);
        assert!(leased, "history {seed}: {session} runs without a lease");
    }
    // Nothing that a player was told of is forgotten, and one key was one session at a time.
    let told = told.lock().unwrap().clone();
    for (key, id) in told {
        let lease = world.store.lease(&id).await.unwrap();
        let lease = lease.unwrap_or_else(|| panic!("history {seed}: {id} was told and is forgotten"));
        assert!(
            lease.key.starts_with(&format!("{key}#")),
            "history {seed}: {id} has another key"
        );
    }
    let mut keys: Vec<&str> = live
        .iter()
        .filter_map(|lease| lease.key.rsplit_once('#'))
        .map(|(key, _)| key)
        .collect();
    keys.sort_unstable();
    let all = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), all, "history {seed}: a key has two sessions");
}
