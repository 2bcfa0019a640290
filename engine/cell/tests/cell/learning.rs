//! What past sessions teach: copies to park, and how far players are.

use crate::host::FakeHost;
use crate::world::{World, pass, session, wish};
use firstlight_cell::{Bounds, Cell, Start, TitleTerms};
use firstlight_link::End;

/// Sessions begin and end, one a second.
async fn rush(cell: &Cell, seconds: u64, keys: &str) {
    for n in 0..seconds {
        let id = session(cell.start(wish(&format!("p{n}"), keys)).await);
        cell.end(&id, End::ByPlayer).await.unwrap();
        pass(700).await;
    }
}

fn keep(cell: &Cell, min: u16, max: u16) {
    let terms = TitleTerms {
        parked: Bounds { min, max },
        ..TitleTerms::default()
    };
    cell.set_title(&"t".parse().unwrap(), terms);
}

/// What a host was asked for since the last look.
fn asked(world: &World) -> Vec<(u32, u32)> {
    std::mem::take(&mut world.hosts[0].seen.lock().unwrap().asked)
}

#[tokio::test(start_paused = true)]
async fn hosts_are_asked_for_copies_while_there_is_demand_and_within_bounds() {
    let world = World::new(&[8], 21).await;
    let cell = world.calm_cell().await;
    keep(&cell, 1, 4);
    pass(20_000).await;
    assert_eq!(asked(&world), [], "nobody has come");
    rush(&cell, 60, "a").await;
    let most = asked(&world).into_iter().max();
    assert_eq!(most, Some((4, 300)), "the publisher's most, for five minutes");
    let pool = cell.overview().pools.remove(0);
    assert_eq!(
        (pool.title.as_str(), pool.region.as_str(), pool.asked),
        ("t", "here", 3)
    );
    // It is asked again before it lapses, and no longer once nobody comes.
    pass(120_000).await;
    assert!(!asked(&world).is_empty());
    pass(3_000_000).await;
    asked(&world);
    pass(600_000).await;
    assert_eq!(asked(&world), []);
    assert!(cell.overview().pools.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_placed_nobody_expects_as_many_as_the_one_that_did() {
    let world = World::new(&[8], 22).await;
    let (places, idles) = (world.calm_cell().await, world.calm_cell().await);
    for cell in [&places, &idles] {
        keep(cell, 0, 8);
    }
    rush(&places, 60, "a").await;
    let pools = [
        places.overview().pools.remove(0),
        idles.overview().pools.remove(0),
    ];
    assert!(pools[0].asked > 0);
    assert_eq!(pools[0].asked, pools[1].asked);
    places.kill();
    asked(&world);
    pass(90_000).await;
    assert!(!asked(&world).is_empty(), "the other one goes on asking");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_looks_near_and_plays_far_is_far_for_that_network() {
    let mut world = World::new(&[], 23).await;
    for (n, region, rtt_us) in [(1, "near", 120_000), (2, "next", 12_000)] {
        let mut host = FakeHost::new(n, 8, region);
        host.rtt_us = rtt_us;
        world.join(host).await;
    }
    let cell = world.calm_cell().await;
    let start = |player: &str, network: u64| Start {
        rtts_us: vec![("near".into(), 5_000), ("next".into(), 10_000)],
        network: Some(network),
        ..wish(player, "k")
    };
    let region = |cell: &Cell, id| {
        let cell = cell.clone();
        async move {
            let decision = cell.decision(&id).await.unwrap().unwrap();
            let why: serde_json::Value = serde_json::from_str(&decision).unwrap();
            why["candidates"][0]["region"].as_str().unwrap().to_owned()
        }
    };
    let first = session(cell.start(start("a", 7)).await);
    assert_eq!(region(&cell, first).await, "near");
    pass(40_000).await;
    let same = session(cell.start(start("b", 7)).await);
    assert_eq!(region(&cell, same).await, "next");
    let other = session(cell.start(start("c", 8)).await);
    assert_eq!(region(&cell, other).await, "near");
}
