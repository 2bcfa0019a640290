//! Sender and receiver over an emulated path, in simulated time. `FIRSTLIGHT_SEED=n` runs one seed, which a failure prints.
//!
//! In every run the world checks what must always hold: what reaches the decoder is whole, byte for byte what was encoded, in
//! order, and its reference was decoded before it; audio frames come once; nothing spins.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may panic, and cuts numbers on purpose"
)]

mod app;
mod hostile;
mod steps;
mod world;

use firstlight_netem::{Bursts, Chance, Config, Outage, Schedule};
use firstlight_units::{Bitrate, Micros};
use world::{Setup, World};

fn ms(n: u64) -> Micros {
    Micros::from_millis(n)
}

fn s(n: u64) -> Micros {
    Micros::from_secs(n)
}

fn seeds() -> Vec<u64> {
    match std::env::var("FIRSTLIGHT_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => vec![1, 2],
    }
}

/// A path of `rate` and `rtt` on whose way down everything else happens.
fn path(setup: &mut Setup, rate: Bitrate, rtt: Micros) {
    let one_way = rtt.scale(1, 2);
    setup.down = setup.down.clone().rate(Schedule::constant(rate)).delay(one_way);
    setup.up = setup.up.clone().delay(one_way);
    setup.rtt = rtt;
}

/// 50 Mbit/s and 20 ms, and `change` on the way down.
fn impaired(seed: u64, span: Micros, change: impl Fn(Config) -> Config) -> World {
    let mut setup = Setup::new(seed);
    path(&mut setup, Bitrate::mbps(50), ms(20));
    setup.down = change(setup.down);
    let mut world = World::new(setup);
    world.run(span);
    let (sent, got) = (world.sent_stats(), world.got_stats());
    assert_eq!(
        (sent.malformed, sent.forged, got.malformed, sent.overflowed),
        (0, 0, 0, 0)
    );
    assert!(world.receiver.held() < 1 << 20);
    world
}

#[test]
fn on_a_fast_path_a_frame_waits_for_nothing() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(2_000), ms(1));
        let mut world = World::new(setup);
        world.run(s(5));
        let (sent, got) = (world.sent_stats(), world.got_stats());
        // 0.5 ms of path and 0.1 ms on the wire; the first trains are still paced.
        assert!(
            world.age(ms(200), s(5), 99) < Micros::new(800),
            "{}",
            world.age(ms(200), s(5), 99)
        );
        assert!(world.age(ms(0), s(5), 100) < ms(30));
        assert_eq!((world.skipped, world.shown.len()), (0, 300));
        assert_eq!(
            (got.nacks, sent.repeated, sent.lost, sent.starvations),
            (0, 0, 0, 0)
        );
        assert_eq!(sent.idr_requests, 1);
        assert!(world.reaches(s(0), Bitrate::mbps(19)).unwrap() < s(3));
    }
}

#[test]
fn a_scheduler_that_hiccups_does_not_cut_the_rate() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(2_000), ms(1));
        setup.hiccup = ms(50);
        let mut world = World::new(setup);
        world.run(s(20));
        let least = world.targets.iter().map(|(_, target)| *target).min().unwrap();
        assert!(least >= Bitrate::mbps(8), "{least}");
        // A client that sleeps for 50 ms shows nothing meanwhile: a frame that isn't encoded then is missed by nobody.
        assert!(world.skipped < 15, "{}", world.skipped);
        assert_eq!(world.sent_stats().repeated, 0);
        assert!(world.longest_freeze(ms(100), s(20)) < ms(90));
        assert!(world.age(ms(200), s(20), 90) < ms(20));
    }
}

/// Two minutes over 15 Mbit/s, 50 ms each way and 0.3 % of random loss. A sender that held a first request against its smoothed round
/// trip refused one in ten, and each refusal was a freeze of two round trips: 27 in these two minutes.
#[test]
fn a_long_path_that_loses_a_little_never_freezes() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(15), ms(100));
        setup.down = setup.down.loss(Chance::ppm(3_000));
        let mut world = World::new(setup);
        world.run(s(120));
        let (sent, got) = (world.sent_stats(), world.got_stats());
        let longest = world.longest_freeze(s(3), s(120));
        eprintln!(
            "longest {longest}, {} over 100 ms, lost {}, nacks {}, repeated {}, parity {}",
            world.freezes(s(3), s(120), ms(100)),
            got.lost,
            got.nacks,
            sent.repeated,
            sent.parity,
        );
        assert!(got.lost > 300, "{}", got.lost);
        assert_eq!(world.freezes(s(3), s(120), ms(150)), 0, "{longest}");
    }
}

/// More is in flight than an encoder keeps: what is lost is repeated, and what is lost twice costs one IDR at once.
#[test]
fn a_path_of_400_ms_goes_on_after_a_loss() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(15), ms(400));
        setup.down = setup.down.loss(Chance::ppm(3_000));
        let mut world = World::new(setup);
        world.run(s(60));
        let longest = world.longest_freeze(s(3), s(60));
        eprintln!(
            "longest {longest}, {} over 450 ms, {} IDRs, {} recoveries",
            world.freezes(s(3), s(60), ms(450)),
            world.sent_stats().idr_requests,
            world.sent_stats().recovery_requests
        );
        assert!(longest < ms(800), "{longest}");
    }
}

#[test]
fn loss_is_repaired_in_a_round_trip_or_recovered_from() {
    for seed in seeds() {
        for percent in [1, 3, 10] {
            let world = impaired(seed, s(6), |down| down.loss(Chance::percent(percent)));
            let freeze = world.longest_freeze(ms(200), s(6));
            assert!(freeze < ms(250), "{percent} %: {freeze}");
            let shown = world.shown.len();
            assert!(shown > 320, "{percent} %: {shown} of 360");
            let idrs = world.sent_stats().idr_requests;
            assert!(idrs <= if percent < 10 { 1 } else { 2 }, "{percent} %: {idrs}");
            // What is asked for is what was lost, and little is sent twice for nothing.
            let (sent, got) = (world.sent_stats(), world.got_stats());
            assert!(
                sent.repeated <= got.lost + got.lost / 5 + 10,
                "{} of {}",
                sent.repeated,
                got.lost
            );
            // Where parity was quicker, what it gave back comes once more.
            let twice = got.restored.min(sent.repeated / 2);
            assert!(
                got.superfluous <= sent.repeated / 10 + 5 + twice,
                "{}",
                got.superfluous
            );
            // One frame of redundancy hides single losses of sound.
            assert!(world.audio_heard.len() as u64 * 100 >= world.audio_sent * 97);
            assert!(
                world.sender.target() > Bitrate::mbps(8),
                "loss by chance does not cut the rate"
            );
        }
    }
}

#[test]
fn bursts_of_loss_end_in_a_picture_soon() {
    let bursts = Bursts {
        begin: Chance::ppm(2_000),
        end: Chance::percent(10),
        loss: Chance::percent(80),
    };
    for seed in seeds() {
        let world = impaired(seed, s(6), |down| down.bursts(bursts));
        let freeze = world.longest_freeze(ms(200), s(6));
        assert!(freeze < ms(400), "{freeze}");
        assert!(world.shown.len() > 300, "{}", world.shown.len());
    }
}

#[test]
fn reordering_duplication_and_jitter_cost_no_picture() {
    for seed in seeds() {
        let world = impaired(seed, s(6), |down| {
            down.jitter(ms(8))
                .duplicate(Chance::percent(5))
                .reorder(Chance::percent(5), ms(10))
        });
        let got = world.got_stats();
        assert_eq!((got.frames_lost, got.frames_dropped), (0, 0));
        assert!(world.shown.len() > 350, "{}", world.shown.len());
        assert!(got.duplicates > 100);
        // The guard learns how far packets overtake each other here.
        assert!(
            got.superfluous < got.packets / 50,
            "{} of {}",
            got.superfluous,
            got.packets
        );
    }
}

#[test]
fn lost_feedback_loses_no_picture() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(50), ms(20));
        setup.down = setup.down.loss(Chance::percent(1));
        setup.up = setup
            .up
            .loss(Chance::percent(30))
            .reorder(Chance::percent(10), ms(30));
        let mut world = World::new(setup);
        world.run(s(6));
        let freeze = world.longest_freeze(ms(200), s(6));
        assert!(freeze < ms(400), "{freeze}");
        assert!(world.shown.len() > 300, "{}", world.shown.len());
        assert_eq!(world.sent_stats().forged, 0);
    }
}

#[test]
fn two_seconds_without_a_path_cost_two_seconds() {
    for seed in seeds() {
        let outage = Outage {
            at: s(2),
            length: s(2),
        };
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(50), ms(20));
        setup.down = setup.down.outages(vec![outage]);
        setup.up = setup.up.outages(vec![outage]);
        let mut world = World::new(setup);
        world.run(ms(2_300));
        let before = world.sent_stats().packets;
        world.run(ms(1_700));
        let in_vain = world.sent_stats().packets - before;
        world.run(s(4));
        let freeze = world.longest_freeze(ms(200), s(8));
        assert!(freeze < ms(2_200), "{freeze}");
        // It stops encoding into the void: what goes is audio, 100 packets a second, and 60 probes.
        assert!(in_vain < 300, "{in_vain}");
        assert!(world.sent_stats().starvations >= 1);
        // A recovery, or an IDR where the last acknowledged picture is too old, and one of them only.
        assert!(world.app.count(|e| e.recovery) + world.app.count(|e| e.idr) <= 4);
        assert!(world.reaches(s(4), Bitrate::mbps(8)).unwrap() < s(2));
    }
}

#[test]
fn wraps_of_every_counter_change_nothing() {
    let run = |first_seq, first_frame, first_report| {
        let mut setup = Setup::new(5);
        path(&mut setup, Bitrate::mbps(50), ms(20));
        setup.down = setup
            .down
            .loss(Chance::percent(3))
            .reorder(Chance::percent(3), ms(5));
        (setup.first_seq, setup.first_frame, setup.first_report) = (first_seq, first_frame, first_report);
        let mut world = World::new(setup);
        world.run(s(4));
        let (sent, got) = (world.sent_stats(), world.got_stats());
        assert!(sent.feedback > 180, "the report counter wraps as well");
        (world.shown.len(), got, sent.repeated, sent.lost, sent.forged)
    };
    let plain = run(1, 1, 0);
    let wrapping = run((1 << 32) - 500, (1 << 32) - 100, u16::MAX - 50);
    assert_eq!(plain, wrapping);
}

#[test]
fn another_page_starts_with_an_idr_at_once() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(50), ms(20));
        setup.down = setup.down.loss(Chance::percent(2));
        let mut world = World::new(setup);
        world.run(s(2));
        let before = world.shown.len();
        world.attach_again();
        world.run(s(2));
        let first = world.shown[before];
        assert!(first.unit.idr);
        assert!(first.at.since(world::START) < s(2) + ms(200));
        assert!(world.shown.len() - before > 110, "{}", world.shown.len() - before);
    }
}

#[test]
fn a_decoder_that_broke_gets_an_idr() {
    for seed in seeds() {
        let mut world = impaired(seed, s(1), |down| down);
        world.break_decoder();
        let before = world.shown.len();
        world.run(s(1));
        let first = world.shown[before];
        assert!(first.unit.idr);
        assert!(
            first.at.since(world::START) < s(1) + ms(80),
            "{}",
            first.at.since(world::START)
        );
        assert_eq!(
            world.sent_stats().idr_requests,
            2,
            "one for the attach, one for this"
        );
    }
}

#[test]
fn on_a_long_path_parity_repairs_what_a_repeat_would_bring_too_late() {
    for seed in seeds() {
        let run = |parity| {
            let mut setup = Setup::new(seed);
            path(&mut setup, Bitrate::mbps(50), ms(120));
            setup.config.features.parity = parity;
            setup.down = setup.down.loss(Chance::percent(2));
            let mut world = World::new(setup);
            world.run(s(8));
            (world.age(s(3), s(8), 95), world.got_stats(), world.sent_stats())
        };
        let (with, got, sent) = run(true);
        let (without, ..) = run(false);
        assert!(got.restored > 20, "{}", got.restored);
        assert!(
            sent.parity * 100 <= sent.packets * 15,
            "{} of {}",
            sent.parity,
            sent.packets
        );
        assert_eq!(got.malformed, 0);
        assert!(with + ms(40) < without, "{with} {without}");
    }
}
