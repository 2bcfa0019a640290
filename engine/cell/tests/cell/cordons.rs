//! What operators close stays closed: at every cell of the store, and whatever is started anew.

use crate::world::{World, pass, session, wish};
use firstlight_cell::{Error, Outcome, Start};
use firstlight_link::End;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_cordon_holds_at_every_cell_and_outlives_cells_and_hosts() {
    let mut world = World::new(&[2], 31).await;
    let (one, two) = (world.calm_cell().await, world.calm_cell().await);
    let host = world.id(0);
    one.cordon(&host, true).await.unwrap();
    assert!(matches!(one.start(wish("a", "k")).await, Err(Error::Nowhere(_))));
    // The other cell reads it within a second.
    pass(1_500).await;
    assert!(matches!(two.start(wish("b", "k")).await, Err(Error::Nowhere(_))));
    one.kill();
    two.kill();
    let three = world.calm_cell().await;
    assert!(matches!(
        three.start(wish("c", "k")).await,
        Err(Error::Nowhere(_))
    ));
    // A host that starts anew is as cordoned as before.
    world.hosts[0].kill();
    pass(4_000).await;
    world.boot(0).await;
    pass(2_000).await;
    assert!(matches!(
        three.start(wish("d", "k")).await,
        Err(Error::Nowhere(_))
    ));
    let row = three.hosts(None, 10).rows.remove(0);
    assert!(row.cordoned && row.state == "cordoned", "{row:?}");

    let four = world.calm_cell().await;
    three.cordon(&host, false).await.unwrap();
    session(three.start(wish("e", "k")).await);
    pass(1_500).await;
    session(four.start(wish("f", "k")).await);
    world.check("at the end").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_held_no_place_on_a_cordoned_host_and_gets_in_as_soon_as_it_is_lifted() {
    let world = World::new(&[1], 32).await;
    let cell = world.calm_cell().await;
    let host = world.id(0);
    let playing = session(cell.start(wish("a", "k")).await);
    let waits = Start {
        wait: true,
        ..wish("b", "k")
    };
    let Ok(Outcome::Queued(queued)) = cell.start(waits).await else {
        panic!("nobody waits")
    };
    cell.cordon(&host, true).await.unwrap();
    cell.end(&playing, End::ByPlayer).await.unwrap();
    pass(2_500).await;
    let waiting = cell.overview().waiting;
    assert_eq!(waiting.len(), 1);
    let first = &waiting[0];
    assert_eq!(
        (first.title.as_str(), first.place, first.held_at.as_ref()),
        ("t", 1, None)
    );
    cell.cordon(&host, false).await.unwrap();
    assert_eq!(cell.overview().waiting[0].held_at.as_deref(), Some(host.as_str()));
    session(cell.turn(&queued.id, "b", Duration::ZERO).await);
    assert!(cell.overview().waiting.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_host_that_is_there_is_cordoned() {
    let world = World::new(&[1], 33).await;
    let cell = world.calm_cell().await;
    let nobody = "nobody".parse().unwrap();
    assert!(matches!(
        cell.cordon(&nobody, true).await,
        Err(Error::UnknownHost)
    ));
    // Lifting what was never laid is no error.
    cell.cordon(&world.id(0), false).await.unwrap();
    session(cell.start(wish("a", "k")).await);
}

#[tokio::test(start_paused = true)]
async fn hosts_are_listed_in_pages() {
    let world = World::new(&[1, 2, 3], 34).await;
    let cell = world.calm_cell().await;
    let first = cell.hosts(None, 2);
    assert_eq!(first.rows.len(), 2);
    let after = first.next.unwrap();
    assert_eq!(after, first.rows[1].host);
    let second = cell.hosts(Some(&after), 2);
    assert_eq!((second.rows.len(), second.next), (1, None));
    let slots: u32 = first.rows.iter().chain(&second.rows).map(|row| row.slots).sum();
    assert_eq!(slots, 6);
}
