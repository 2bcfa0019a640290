//! The rate rule on a path whose rate changes.

use super::world::{Setup, World};
use super::{ms, path, s, seeds};
use firstlight_netem::{Queue, Schedule, Step};
use firstlight_units::{Bitrate, ByteCount};

fn stepped(seed: u64, queue: Queue) -> World {
    let at = |at, rate| Step { at: s(at), rate };
    let mut setup = Setup::new(seed);
    path(&mut setup, Bitrate::mbps(5), ms(20));
    setup.down = setup.down.queue(queue).rate(Schedule::steps(vec![
        at(0, Bitrate::mbps(5)),
        at(8, Bitrate::kbps(500)),
        at(16, Bitrate::mbps(5)),
    ]));
    let mut world = World::new(setup);
    world.run(s(22));
    world
}

/// An IDR takes most of this queue, and the line a fifth of a second for it: long enough for a client to give up on it. On these paths it was
/// repeated into the queue, and what was asked for before it came led to the next, for seconds.
#[test]
fn an_idr_on_a_thin_line_is_followed_by_pictures() {
    for seed in [2, 10, 36, 40].into_iter().chain(seeds()) {
        let world = stepped(seed, Queue::Bytes(ByteCount::new(20_000)));
        let freeze = world.longest_freeze(ms(500), s(22));
        let goodput = world.goodput(s(10), s(16));
        eprintln!("freeze {freeze}, goodput {goodput}");
        assert!(freeze < s(1), "{freeze}");
        assert!(goodput > Bitrate::kbps(200), "{goodput}");
    }
}

#[test]
fn a_tenth_of_the_rate_and_back_freezes_less_than_two_seconds() {
    let queues = [
        Queue::Time(ms(100)),
        Queue::Bytes(ByteCount::new(20_000)),
        Queue::Bytes(ByteCount::new(64_000)),
        Queue::Bytes(ByteCount::new(250_000)),
    ];
    for seed in seeds() {
        for queue in queues {
            let world = stepped(seed, queue);
            let freeze = world.longest_freeze(ms(500), s(22));
            eprintln!(
                "{queue:?}: freeze {freeze}, goodput {} / {} / {}, age p95 {} / {} / {}, back after {:?}",
                world.goodput(s(2), s(8)),
                world.goodput(s(10), s(16)),
                world.goodput(s(19), s(22)),
                world.age(s(2), s(8), 95),
                world.age(s(10), s(16), 95),
                world.age(s(19), s(22), 95),
                world.reaches(s(16), Bitrate::kbps(3_500)),
            );
            assert!(freeze < ms(1_600), "{queue:?}: {freeze}");
            // Within half a second it sends less than the path carries, and the picture is fresh again within two.
            assert!(world.target_at(s(8) + ms(500)) < Bitrate::kbps(600), "{queue:?}");
            assert!(world.age(s(10), s(16), 95) < ms(250), "{queue:?}");
            // It uses most of what there is, before, in between and after.
            assert!(world.goodput(s(2), s(8)) > Bitrate::kbps(3_300), "{queue:?}");
            assert!(world.goodput(s(10), s(16)) > Bitrate::kbps(200), "{queue:?}");
            assert!(
                world
                    .reaches(s(16), Bitrate::kbps(3_500))
                    .is_some_and(|after| after < s(2)),
                "{queue:?}"
            );
        }
    }
}

#[test]
fn a_slow_path_from_the_start_is_found() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(2), ms(40));
        let mut world = World::new(setup);
        world.run(s(8));
        assert!(world.target_at(s(1)) < Bitrate::mbps(2));
        assert!(world.longest_freeze(ms(1_000), s(8)) < ms(400));
        assert!(world.age(s(2), s(8), 95) < ms(200));
        let goodput = world.goodput(s(2), s(8));
        assert!(goodput > Bitrate::kbps(1_000), "{goodput}");
    }
}

#[test]
fn a_title_that_needs_little_keeps_its_rate() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(100), ms(10));
        setup.load = 5;
        setup.hiccup = ms(50);
        let mut world = World::new(setup);
        world.run(s(10));
        let least = world.targets.iter().map(|(_, target)| *target).min().unwrap();
        assert!(least >= Bitrate::mbps(8), "{least}");
    }
}
