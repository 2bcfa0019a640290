//! Somebody is killed after each step of a placement; the player asks again with his key, and gets one session.

use crate::rig::{Answer, Rig, start, until};
use std::fs::{self, File};
use std::thread;

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// The gateway that the player asked, with its indexer.
    Gateway,
    /// The host that is to have the session, or will not.
    Host,
    Postgres,
    Nats,
}

/// When: after a step of the gateway's, or while the host boots.
const STEPS: [&str; 6] = [
    "Ranked",
    "Acquired",
    "Booting",
    "Claimed",
    "Confirmed",
    "Released",
];

fn at_each_step(victim: Victim) {
    let mut rig = Rig::new();
    for (player, step) in (0..).zip(STEPS) {
        eprintln!("{victim:?} after {step}");
        killed_at(&mut rig, victim, player, step);
    }
}

/// Asks for a session in the background. A gateway that has not heard of the last victim again yet may refuse: as a page does, it is asked
/// again.
fn ask(port: u16, player: u32, key: String, title: &'static str) -> thread::JoinHandle<Answer> {
    let ask = move || match start(port, player, &key, title) {
        Answer::Refused(_) => None,
        answer @ (Answer::Started(_) | Answer::Elsewhere(_) | Answer::Lost) => Some(answer),
    };
    thread::spawn(move || until("the gateway takes the request", ask))
}

fn killed_at(rig: &mut Rig, victim: Victim, player: u32, step: &str) {
    let (hold, dud) = (rig.folder.path().join("hold"), rig.folder.path().join("dud-done"));
    drop(fs::remove_file(dud));
    let title = match step {
        "Booting" => "held",
        // The first host that is asked fails.
        "Released" => "dud",
        _ => "plain",
    };
    if title == "held" {
        File::create(&hold).unwrap();
    } else {
        rig.gateways[0].process.tell(&format!("hold {step}"));
        rig.gateways[0].process.heard("held");
    }
    let (port, key) = (rig.gateway(0), format!("k{player}"));
    let first = ask(port, player, key.clone(), title);
    if title == "held" {
        until("a host boots", || (!rig.running().is_empty()).then_some(()));
    } else {
        assert_eq!(rig.gateways[0].process.heard("at"), step);
    }
    let host = rig.live().unwrap().first().map_or(0, |lease| {
        rig.ids.iter().position(|id| *id == lease.slot.host).unwrap()
    });
    match victim {
        Victim::Gateway => rig.gateways[0].process.kill(),
        Victim::Host => rig.hosts[host].kill(),
        Victim::Postgres => rig.postgres.kill(),
        Victim::Nats => rig.nats.kill(),
    }
    drop(fs::remove_file(hold));
    if victim != Victim::Gateway && title != "held" {
        rig.gateways[0].process.tell("go");
    }
    match victim {
        // The player is served without them.
        Victim::Gateway | Victim::Host => {}
        Victim::Postgres => rig.postgres.restart().unwrap(),
        Victim::Nats => rig.nats.restart().unwrap(),
    }
    let asked = if victim == Victim::Gateway {
        &[1][..]
    } else {
        &[1, 0]
    };
    let session = rig.insist(asked, player, &key, title);
    let told = [Answer::Started(session.clone()), first.join().unwrap()];
    match victim {
        Victim::Gateway => rig.restart_gateway(0),
        Victim::Host => rig.restart_host(host),
        Victim::Postgres | Victim::Nats => {}
    }
    // One session of the key, whoever was told of it when.
    let settled = rig.settle(1);
    let lasting = rig.insist(&[1, 0], player, &key, title);
    assert!(settled.contains(&lasting), "{settled:?}, {lasting}");
    for answer in told {
        let Answer::Started(told) = answer else { continue };
        let lease = rig.lease(&told).unwrap_or_else(|| panic!("{told} is forgotten"));
        assert!(lease.key.contains(&format!(" {key}#")), "{lease:?}");
        // Only a session whose host died is over.
        assert!(
            told == lasting || victim == Victim::Host,
            "{told} is not {lasting}"
        );
    }
    rig.clear(&[(player, lasting)]);
}

#[test]
fn a_gateway_killed_after_any_step_costs_no_session_and_no_slot() {
    at_each_step(Victim::Gateway);
}

#[test]
fn a_host_killed_after_any_step_costs_its_session_and_its_player_is_placed_anew() {
    at_each_step(Victim::Host);
}

#[test]
fn postgres_killed_after_any_step_costs_no_session_and_no_slot() {
    at_each_step(Victim::Postgres);
}

#[test]
fn nats_killed_after_any_step_costs_no_session_and_no_slot() {
    at_each_step(Victim::Nats);
}

#[test]
fn a_slot_whose_gateway_and_player_are_gone_is_free_after_its_lease() {
    let mut rig = Rig::new();
    rig.gateways[0].process.tell("hold Acquired");
    rig.gateways[0].process.heard("held");
    let port = rig.gateway(0);
    let gone = thread::spawn(move || start(port, 1, "k", "plain"));
    rig.gateways[0].process.heard("at");
    rig.gateways[0].process.kill();
    assert_eq!(gone.join().unwrap(), Answer::Lost);
    // Both slots, though nobody has ended anything.
    let two = rig.insist(&[1], 2, "k", "plain");
    let three = rig.insist(&[1], 3, "k", "plain");
    assert_eq!(rig.settle(2), [two, three].into());
}
