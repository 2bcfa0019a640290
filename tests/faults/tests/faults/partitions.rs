//! A line is cut after a step of a placement: nothing passes, nobody is told, and when it is whole again all that was sent arrives late.

use crate::rig::{Answer, LEASE, Rig, start};
use std::thread;

/// A line of the rig's, and whether it is the gateway's that the player asked first.
fn cut_at(line: usize) {
    let mut rig = Rig::new();
    for (player, step) in (0..).zip(["Ranked", "Acquired", "Claimed"]) {
        rig.gateways[0].process.tell(&format!("hold {step}"));
        rig.gateways[0].process.heard("held");
        let (port, key) = (rig.gateway(0), format!("k{player}"));
        let first = {
            let key = key.clone();
            thread::spawn(move || start(port, player, &key, "plain"))
        };
        rig.gateways[0].process.heard("at");
        rig.lines[line].cut(true);
        rig.gateways[0].process.tell("go");
        let session = rig.insist(&[1], player, &key, "plain");
        // Whatever was cut off is away for longer than a lease.
        thread::sleep(LEASE + LEASE / 2);
        assert!(rig.lease(&session).is_some());
        rig.lines[line].cut(false);
        let settled = rig.settle(1);
        let lasting = rig.insist(&[1], player, &key, "plain");
        assert!(settled.contains(&lasting), "{step}: {settled:?}, {lasting}");
        if let Answer::Started(told) = first.join().unwrap() {
            assert!(rig.lease(&told).is_some(), "{step}: {told} is forgotten");
        }
        rig.clear(&[(player, lasting)]);
    }
}

#[test]
fn a_gateway_cut_off_from_its_store_takes_nothing_from_anybody() {
    cut_at(0);
}

#[test]
fn a_gateway_cut_off_from_the_bus_takes_nothing_from_anybody() {
    cut_at(1);
}

#[test]
fn a_host_cut_off_from_the_bus_gives_its_slot_to_nobody_twice() {
    cut_at(2);
}
