//! A title, a way and a screen in simulated time: three clocks, none of which knows the others.

use super::{PhaseLock, Screen};
use firstlight_units::{Micros, Pacing, Ticks, Timestamp};
use firstlight_wire::control::ScreenReport;
use proptest::prelude::*;
use std::time::Duration;

/// Random numbers that are the same for the same seed.
struct Chance(u64);

impl Chance {
    /// At least 0, less than 1.
    fn part(&mut self) -> f64 {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Of a tail that halves every 0.7 of `mean`.
    fn tail(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.part()).ln()
    }
}

/// How the world is.
#[derive(Clone, Copy, Debug)]
struct World {
    fps: u16,
    /// The screen's rate, by its own clock.
    screen_hz: f64,
    /// The player's clock against the host's.
    drift_ppm: f64,
    /// Mean of what the way takes beyond its least, us.
    jitter: f64,
    /// The title draws at this rate by its own clock; `None`: when it is told to.
    own_hz: Option<f64>,
    /// From being told to a picture, at least, us.
    work: f64,
    /// Whether it is seen that a title asks.
    is_seen: bool,
}

const HOME: World = World {
    fps: 60,
    screen_hz: 60.0,
    drift_ppm: 50.0,
    jitter: 400.0,
    own_hz: None,
    work: 700.0,
    is_seen: true,
};

/// What went by.
struct Play {
    world: World,
    chance: Chance,
    lock: PhaseLock,
    /// Of the display's frame clock: the next answer.
    next: f64,
    /// Pictures that were drawn and not reported.
    drawn: Vec<(f64, f64)>,
    answered: u64,
    reported_at: f64,
    /// The refresh up to which a picture was shown.
    shown: i64,
    waits: Vec<f64>,
    missed: usize,
    /// The longest change of the time between two answers, as a part of the period, while it followed.
    jolt: f64,
}

/// The player's clock began this much later.
const BEHIND_US: f64 = 7_123_456.0;
const START_US: f64 = 40_000_000.0;

impl Play {
    fn new(world: World, seed: u64) -> Self {
        eprintln!("seed {seed}, {world:?}");
        let mut chance = Chance(seed);
        let next = START_US + 20_000.0 * chance.part();
        Self {
            world,
            chance,
            lock: PhaseLock::new(world.fps),
            next,
            drawn: Vec::new(),
            answered: 0,
            reported_at: START_US,
            shown: 0,
            waits: Vec::new(),
            missed: 0,
            jolt: 0.0,
        }
    }

    fn now(&self) -> Timestamp {
        at(self.next)
    }

    /// What the player's clock says.
    fn local(&self, host: f64) -> f64 {
        (host - BEHIND_US) * (1.0 + self.world.drift_ppm / 1e6)
    }

    /// Plays for a number of seconds; forgets what went before.
    fn seconds(&mut self, seconds: f64) -> &mut Self {
        (self.waits, self.missed, self.jolt) = (Vec::new(), 0, 0.0);
        let until = self.next + seconds * 1e6;
        while self.next < until {
            self.draw();
            if self.next - self.reported_at > 1e6 {
                self.reported_at = self.next;
                let report = self.report();
                let screen = Screen::read(self.now(), &report).unwrap();
                let answered = std::mem::take(&mut self.answered);
                self.lock
                    .on_screen(self.now(), &screen, self.world.is_seen.then_some(answered));
            }
            self.lock.handle_timeout(self.now());
        }
        self
    }

    fn draw(&mut self) {
        let period = 1e6 / f64::from(self.world.fps);
        let told = self.next;
        let work = self.world.work + self.chance.tail(150.0);
        // The compositor's own thread wakes a little late.
        let captured = told
            + if self.world.own_hz.is_some() {
                0.0
            } else {
                work + self.chance.tail(40.0)
            };
        let way = 6_000.0 + self.chance.tail(self.world.jitter);
        self.drawn.push((captured, self.local(captured + way)));
        self.next = match (self.world.own_hz, self.lock.ticks()) {
            (Some(hz), _) => told + 1e6 / hz,
            (None, Some(ticks)) => {
                self.answered += 1;
                let planned = at(told) + Micros::from(ticks.period());
                let next = ticks.approach(planned).as_micros() as f64;
                let span = ticks.period().as_nanos() as f64 / 1e3;
                self.jolt = self.jolt.max(((next - told) / span - 1.0).abs());
                next
            }
            (None, None) => {
                self.answered += 1;
                told + period * 0.98
            }
        };
    }

    /// What the page tells of the pictures that have been taken.
    fn report(&mut self) -> ScreenReport {
        let refresh = 1e6 / self.world.screen_hz;
        let now = self.local(self.next);
        let (told, kept): (Vec<_>, Vec<_>) = self
            .drawn
            .drain(..)
            .partition(|(_, decoded)| decoded + refresh < now);
        self.drawn = kept;
        let newest = told.iter().map(|(captured, _)| *captured).fold(0.0, f64::max);
        let mut report = ScreenReport {
            refresh_ns: (refresh * 1e3).round() as u32,
            captured_at_us: newest.round() as u64,
            ..ScreenReport::default()
        };
        for (captured, decoded) in told {
            let tick = (decoded / refresh).ceil();
            let wait = tick * refresh - decoded;
            if tick as i64 == self.shown {
                self.missed += 1;
            }
            self.shown = tick as i64;
            self.waits.push(wait);
            report.before_us.push((newest.round() - captured.round()) as u32);
            // As the page's clock reads.
            report.waits_us.push((wait / 100.0).round() as u32 * 100);
        }
        report
    }

    fn median_wait(&self) -> f64 {
        let mut waits = self.waits.clone();
        waits.sort_by(f64::total_cmp);
        waits[waits.len() / 2]
    }

    fn missed_part(&self) -> f64 {
        self.missed as f64 / self.waits.len() as f64
    }
}

fn at(us: f64) -> Timestamp {
    Timestamp::from_micros(us.round() as u64)
}

#[test]
fn at_home_a_picture_waits_for_what_its_way_varies_by_and_no_more() {
    for seed in 0..8 {
        let mut play = Play::new(HOME, seed);
        play.seconds(6.0);
        let play = play.seconds(60.0);
        assert_eq!(play.lock.state(), Pacing::Locked);
        assert!(play.median_wait() < 3_300.0, "{}", play.median_wait());
        assert!(play.missed_part() < 0.016, "{}", play.missed_part());
    }
}

#[test]
fn a_free_clock_waits_half_a_period() {
    let world = World {
        own_hz: Some(59.83),
        ..HOME
    };
    let mut play = Play::new(world, 1);
    play.seconds(60.0);
    assert_eq!((play.lock.state(), play.lock.ticks()), (Pacing::Own, None));
    assert!((7_500.0..9_200.0).contains(&play.median_wait()));
}

#[test]
fn a_title_that_does_not_heed_its_clock_is_found_out() {
    for own_hz in [59.83, 59.95, 60.2, 60.4] {
        let world = World {
            own_hz: Some(own_hz),
            is_seen: false,
            ..HOME
        };
        let mut play = Play::new(world, 9);
        let found = (0..40).any(|_| play.seconds(1.0).lock.state() == Pacing::Own);
        assert!(found && play.lock.ticks().is_none(), "{own_hz}");
    }
}

#[test]
fn no_answer_comes_sooner_or_later_than_a_half_percent() {
    for seed in 0..8 {
        let mut play = Play::new(HOME, seed);
        // The moment it is taken, the rate changes by what the free clock is fast.
        play.seconds(1.5);
        let play = play.seconds(120.0);
        // And the microsecond to which an answer is due.
        assert!(play.jolt <= 0.005 + 1e-4, "{}", play.jolt);
    }
}

#[test]
fn two_clocks_that_drift_apart_are_followed_for_an_hour() {
    for drift_ppm in [-50.0, 50.0] {
        let mut play = Play::new(World { drift_ppm, ..HOME }, 3);
        play.seconds(10.0);
        for _ in 0..6 {
            play.seconds(600.0);
            assert_eq!(play.lock.state(), Pacing::Locked);
            assert!(play.missed_part() < 0.02, "{}", play.missed_part());
            assert!(play.median_wait() < 3_300.0, "{}", play.median_wait());
        }
    }
}

#[test]
fn a_way_that_varies_more_gets_a_larger_margin_within_seconds_and_a_smaller_one_later() {
    let mut play = Play::new(HOME, 5);
    let calm = play.seconds(30.0).median_wait();
    play.world.jitter = 1_200.0;
    play.seconds(10.0);
    let rough = play.seconds(30.0);
    assert!(rough.missed_part() < 0.025, "{}", rough.missed_part());
    assert!(rough.median_wait() > calm + 1_500.0);
    rough.world.jitter = 400.0;
    rough.seconds(60.0);
    let again = rough.seconds(10.0).median_wait();
    assert!(again < calm + 500.0, "{again} after {calm}");
}

#[test]
fn screens_that_go_with_a_title_are_followed_and_others_are_not() {
    for (fps, screen_hz, follows) in [
        (60, 60.0, true),
        (60, 59.94, true),
        (60, 120.0, true),
        (60, 240.0, true),
        (30, 60.0, true),
        (72, 144.0, true),
        (120, 120.0, true),
        (60, 50.0, false),
        (60, 75.0, false),
        (60, 144.0, false),
        (120, 60.0, false),
    ] {
        let world = World {
            fps,
            screen_hz,
            jitter: 200.0,
            ..HOME
        };
        let mut play = Play::new(world, 11);
        play.seconds(6.0);
        let play = play.seconds(20.0);
        let expected = if follows { Pacing::Locked } else { Pacing::Apart };
        assert_eq!(play.lock.state(), expected, "{fps} on {screen_hz}");
        if follows {
            let half = 5e5 / screen_hz;
            assert!(
                play.median_wait() < half,
                "{fps} on {screen_hz}: {}",
                play.median_wait()
            );
            assert!(play.missed_part() < 0.016, "{fps} on {screen_hz}");
        }
    }
}

#[test]
fn another_screen_is_another_lock() {
    let mut play = Play::new(HOME, 2);
    play.seconds(10.0);
    play.world.screen_hz = 144.0;
    play.seconds(3.0);
    assert_eq!((play.lock.state(), play.lock.ticks()), (Pacing::Apart, None));
    play.world.screen_hz = 120.0;
    play.seconds(8.0);
    assert_eq!(play.lock.state(), Pacing::Locked);
    assert!(play.seconds(20.0).median_wait() < 3_300.0);
}

#[test]
fn a_way_that_varies_by_the_whole_period_is_let_go_for_a_while() {
    let mut play = Play::new(HOME, 4);
    play.seconds(10.0);
    assert_eq!(play.lock.state(), Pacing::Locked);
    play.world.jitter = 9_000.0;
    play.seconds(12.0);
    assert_eq!((play.lock.state(), play.lock.ticks()), (Pacing::Loose, None));
    play.world.jitter = 400.0;
    play.seconds(2.0);
    assert_eq!(play.lock.state(), Pacing::Loose, "it rests");
    play.seconds(30.0);
    assert_eq!(play.lock.state(), Pacing::Locked);
}

#[test]
fn silence_lets_go_and_so_does_a_page_that_does_not_know() {
    let mut play = Play::new(HOME, 6);
    play.seconds(10.0);
    let then = play.now();
    play.lock.handle_timeout(then + Micros::from_secs(2));
    assert!(play.lock.ticks().is_some());
    play.lock.handle_timeout(then + Micros::from_secs(4));
    assert_eq!((play.lock.state(), play.lock.ticks()), (Pacing::Unknown, None));
    play.seconds(10.0);
    assert_eq!(play.lock.state(), Pacing::Locked);
    let unknown = Screen::read(play.now(), &ScreenReport::default()).unwrap();
    play.lock.on_screen(play.now(), &unknown, Some(60));
    assert_eq!((play.lock.state(), play.lock.ticks()), (Pacing::Unknown, None));
}

#[test]
fn a_still_title_keeps_its_clock_for_some_seconds() {
    let mut play = Play::new(HOME, 7);
    play.seconds(10.0);
    let (now, kept) = (play.now(), play.lock.ticks());
    let still = ScreenReport {
        refresh_ns: 16_666_667,
        ..ScreenReport::default()
    };
    let still = Screen::read(now, &still).unwrap();
    assert_eq!(still.wait(), None);
    play.lock.on_screen(now + Micros::from_secs(1), &still, Some(0));
    assert_eq!(play.lock.ticks(), kept);
    play.lock.handle_timeout(now + Micros::from_secs(5));
    assert_eq!(play.lock.ticks(), None);
}

#[test]
fn what_cannot_be_is_not_read() {
    let now = Timestamp::from_micros(50_000_000);
    let report = |change: fn(&mut ScreenReport)| {
        let mut report = ScreenReport {
            refresh_ns: 16_666_667,
            captured_at_us: 49_990_000,
            before_us: vec![16_667, 0],
            waits_us: vec![3_000, 2_900],
        };
        change(&mut report);
        Screen::read(now, &report)
    };
    assert_eq!(report(|_| {}).unwrap().wait(), Some(Micros::new(3_000)));
    for change in [
        (|r| r.refresh_ns = 1) as fn(&mut ScreenReport),
        |r| r.refresh_ns = 2_000_000,
        |r| r.refresh_ns = 40_000_000,
        |r| r.refresh_ns = u32::MAX,
        |r| r.captured_at_us = 50_000_001,
        |r| r.captured_at_us = 39_000_000,
        |r| r.captured_at_us = u64::MAX,
        |r| r.before_us.push(0),
        |r| r.before_us[0] = u32::MAX,
        |r| r.waits_us[1] = 1_000_001,
        |r| (r.before_us, r.waits_us) = (vec![0; 257], vec![0; 257]),
    ] {
        assert_eq!(report(change), None);
    }
}

prop_compose! {
    fn any_report(now: u64)(
        refresh_ns in prop_oneof![Just(0u32), 2_000_000u32..36_000_000, any::<u32>()],
        captured_at_us in prop_oneof![(now - 11_000_000)..=(now + 5), any::<u64>()],
        pictures in prop::collection::vec((0u32..1_100_000, 0u32..40_000), 0..260),
    ) -> ScreenReport {
        let (before_us, waits_us) = pictures.into_iter().unzip();
        ScreenReport { refresh_ns, captured_at_us, before_us, waits_us }
    }
}

proptest! {
    /// Whatever a client says, the title's clock keeps the title's rate.
    #[test]
    fn a_hostile_client_neither_stops_nor_races_the_clock(
        fps in 1u16..=240,
        steps in prop::collection::vec((any_report(60_000_000), 0u64..3_000_000, prop::option::of(0u64..400)), 1..40),
    ) {
        let mut lock = PhaseLock::new(fps);
        let mut now = Timestamp::from_micros(60_000_000);
        let interval = Duration::from_secs(1) / u32::from(fps);
        for (report, passed, answered) in steps {
            now += Micros::new(passed);
            if let Some(screen) = Screen::read(now, &report) {
                lock.on_screen(now, &screen, answered);
            }
            lock.handle_timeout(now);
            if let Some(ticks) = lock.ticks() {
                prop_assert!(ticks.period().abs_diff(interval) <= interval / 25);
                let planned = now + Micros::from(interval);
                let moved = Ticks::approach(ticks, planned).as_micros().abs_diff(planned.as_micros());
                prop_assert!(u128::from(moved) <= ticks.period().as_micros() / 200 + 1);
            }
            prop_assert_eq!(lock.ticks().is_some(), matches!(lock.state(), Pacing::Turning | Pacing::Locked));
        }
    }
}
