//! Two cells: whoever the first cannot have goes to the second.

use crate::rig::{Answer, Rig, start, until};
use firstlight_units::SessionId;

/// Asks the first cell until it sends the player on, and then the second.
fn sent_on(first: &Rig, second: &Rig, player: u32) -> SessionId {
    let origin = until("the first cell sends him on", || {
        match start(first.gateway(0), player, "k", "plain") {
            Answer::Elsewhere(origin) => Some(origin),
            Answer::Started(_) | Answer::Refused(_) | Answer::Lost => None,
        }
    });
    assert_eq!(origin, format!("http://127.0.0.1:{}", second.gateway(0)));
    second.insist(&[0], player, "k", "plain")
}

#[test]
fn a_cell_that_is_full_or_without_its_store_or_its_bus_sends_players_to_the_next() {
    let mut second = Rig::new();
    let mut first = Rig::with([0; 4], &[format!("http://127.0.0.1:{}", second.gateway(0))]);
    // It has room: nobody is sent anywhere.
    let playing = [
        (1, first.insist(&[0], 1, "k", "plain")),
        (2, first.insist(&[0], 2, "k", "plain")),
    ];
    let full = sent_on(&first, &second, 3);
    second.settle(1);
    first.nats.kill();
    let without_bus = sent_on(&first, &second, 4);
    second.clear(&[(3, full), (4, without_bus)]);
    first.nats.restart().unwrap();
    first.postgres.kill();
    let without_store = sent_on(&first, &second, 5);
    first.postgres.restart().unwrap();
    second.clear(&[(5, without_store)]);
    // What was played in the first cell went on meanwhile.
    assert_eq!(
        first.settle(2),
        playing.iter().map(|(_, session)| session.clone()).collect()
    );
    // Nobody is sent to a cell that does not answer.
    second.gateways[0].process.kill();
    until("the first cell keeps him", || {
        (start(first.gateway(0), 6, "k", "plain") == Answer::Refused(503)).then_some(())
    });
    first.clear(&playing);
}
