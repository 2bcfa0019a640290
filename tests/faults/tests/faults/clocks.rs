//! Everybody's clock is wrong by five seconds, in either direction.

use crate::rig::{LEASE, Rig};
use std::thread;

#[test]
fn clocks_that_are_ten_seconds_apart_cost_nothing() {
    let mut rig = Rig::with([5, -5, -5, 5], &[]);
    let one = rig.insist(&[0], 1, "k", "plain");
    let two = rig.insist(&[1], 2, "k", "plain");
    let both = [one.clone(), two.clone()].into();
    assert_eq!(rig.settle(2), both);
    // Renewed, by whichever gateway.
    thread::sleep(LEASE * 2);
    assert_eq!(rig.settle(2), both);
    assert_eq!(rig.insist(&[1], 1, "k", "plain"), one);
    // A gateway that starts anew with the other's clock behind it.
    rig.gateways[0].process.kill();
    rig.restart_gateway(0);
    assert_eq!(rig.insist(&[0], 2, "k", "plain"), two);
    rig.clear(&[(1, one), (2, two)]);
}
