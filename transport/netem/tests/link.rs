//! A link does what its configuration says, to the microsecond, and the same again for the same seed.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and cuts numbers on purpose"
)]

use firstlight_netem::{
    Bursts, Chance, Config, Error, Fate, Link, Outage, Packet, Queue, Ramp, Schedule, Step,
};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

const START: Timestamp = Timestamp::from_micros(1_000_000);

fn ms(n: u64) -> Timestamp {
    START + Micros::from_millis(n)
}

/// Sends `count` packets of 1000 bytes, numbered, one every `gap`; returns (number, arrival) in order of arrival.
fn pass(link: &mut Link, count: u32, gap: Micros) -> Vec<(u32, Timestamp)> {
    let mut out = Vec::new();
    let mut now = START;
    for n in 0..count {
        let mut packet = vec![0; 1_000];
        packet[..4].copy_from_slice(&n.to_be_bytes());
        link.send(now, packet);
        now += gap;
        drain(link, now, &mut out);
    }
    drain(link, now + Micros::from_secs(100), &mut out);
    out
}

fn drain(link: &mut Link, until: Timestamp, out: &mut Vec<(u32, Timestamp)>) {
    while let Some(at) = link.poll_timeout().filter(|at| *at <= until) {
        let packet = link.poll(at).unwrap();
        out.push((u32::from_be_bytes(packet[..4].try_into().unwrap()), at));
    }
}

#[test]
fn a_packet_takes_its_serialization_and_the_delay() {
    let mut link = Config::default()
        .rate(Schedule::constant(Bitrate::mbps(8)))
        .delay(Micros::from_millis(5))
        .build(START)
        .unwrap();
    let got = pass(&mut link, 3, Micros::ZERO);
    assert_eq!(got, [(0, ms(6)), (1, ms(7)), (2, ms(8))]);
}

#[test]
fn a_full_queue_drops_what_comes() {
    let rate = Schedule::constant(Bitrate::mbps(8));
    let bytes = Queue::Bytes(ByteCount::new(3_000));
    let mut link = Config::default()
        .rate(rate.clone())
        .queue(bytes)
        .build(START)
        .unwrap();
    assert_eq!(pass(&mut link, 10, Micros::ZERO).len(), 3);
    assert_eq!(link.stats().overflowed, 7);
    let time = Queue::Time(Micros::from_millis(4));
    let mut link = Config::default().rate(rate).queue(time).build(START).unwrap();
    assert_eq!(pass(&mut link, 10, Micros::ZERO).len(), 5);
    assert_eq!(link.stats().overflowed, 5);
}

#[test]
fn a_step_of_the_rate_slows_what_is_queued() {
    let steps = vec![
        Step {
            at: Micros::ZERO,
            rate: Bitrate::mbps(8),
        },
        Step {
            at: Micros::from_millis(2),
            rate: Bitrate::kbps(800),
        },
    ];
    let mut link = Config::default()
        .rate(Schedule::steps(steps))
        .delay(Micros::ZERO)
        .build(START)
        .unwrap();
    let got = pass(&mut link, 4, Micros::ZERO);
    assert_eq!(got, [(0, ms(1)), (1, ms(2)), (2, ms(12)), (3, ms(22))]);
}

#[test]
fn an_outage_loses_everything_within_it() {
    let outage = Outage {
        at: Micros::from_millis(10),
        length: Micros::from_millis(20),
    };
    let mut link = Config::default().outages(vec![outage]).build(START).unwrap();
    let got: Vec<u32> = pass(&mut link, 40, Micros::from_millis(1))
        .iter()
        .map(|p| p.0)
        .collect();
    assert_eq!(got, (0..10).chain(30..40).collect::<Vec<_>>());
    assert_eq!(link.stats().lost_in_outage, 20);
}

#[test]
fn uniform_loss_is_as_often_as_asked() {
    let mut link = Config::default().loss(Chance::percent(5)).build(START).unwrap();
    let got = pass(&mut link, 20_000, Micros::new(100)).len();
    assert!((18_800..19_200).contains(&got), "{got}");
}

#[test]
fn bursts_are_as_long_and_as_frequent_as_asked() {
    let bursts = Bursts {
        begin: Chance::percent(1),
        end: Chance::percent(20),
        loss: Chance::ALWAYS,
    };
    let mut link = Config::default().bursts(bursts).build(START).unwrap();
    let got: Vec<u32> = pass(&mut link, 50_000, Micros::new(100))
        .iter()
        .map(|p| p.0)
        .collect();
    let lost = 50_000 - got.len();
    // The chain is bad for 1 / (1 + 20) of the packets; a burst lasts 5 of them.
    assert!((2_000..2_800).contains(&lost), "{lost}");
    let count = got.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
    let mean = lost as f64 / count as f64;
    assert!((4.2..5.8).contains(&mean), "{mean}");
}

#[test]
fn jitter_keeps_the_order_and_reordering_does_not() {
    let jitter = Config::default().jitter(Micros::from_millis(8));
    let got = pass(&mut jitter.clone().build(START).unwrap(), 2_000, Micros::new(500));
    assert!(got.is_sorted());
    let spread: Vec<_> = got
        .iter()
        .map(|(n, at)| *at - (START + Micros::new(500 * u64::from(*n))))
        .collect();
    assert!(*spread.iter().max().unwrap() > Micros::from_millis(8));
    let mixed = Config::default().reorder(Chance::percent(10), Micros::from_millis(5));
    let got = pass(&mut mixed.build(START).unwrap(), 2_000, Micros::new(500));
    assert_eq!(got.len(), 2_000);
    assert!(!got.iter().map(|p| p.0).collect::<Vec<_>>().is_sorted());
}

#[test]
fn duplicates_come_twice() {
    let mut link = Config::default()
        .duplicate(Chance::percent(10))
        .build(START)
        .unwrap();
    let got = pass(&mut link, 1_000, Micros::from_millis(1));
    assert_eq!(got.len() as u64, 1_000 + link.stats().duplicated);
    assert!((60..140).contains(&link.stats().duplicated));
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let config = Config::default()
            .seed(seed)
            .jitter(Micros::from_millis(3))
            .loss(Chance::percent(2))
            .reorder(Chance::percent(2), Micros::from_millis(9));
        pass(&mut config.build(START).unwrap(), 1_000, Micros::from_millis(1))
    };
    assert_eq!(run(42), run(42));
    assert_ne!(run(42), run(43));
}

#[test]
fn impossible_links_are_refused() {
    let empty = Config::default()
        .rate(Schedule::steps(Vec::new()))
        .build::<Vec<u8>>(START);
    assert_eq!(empty.err(), Some(Error::NoRate));
    let over = Config::default()
        .loss(Chance::percent(101))
        .build::<Vec<u8>>(START);
    assert!(matches!(over.err(), Some(Error::Chance { .. })));
    let at = Micros::from_millis(5);
    let twice = vec![
        Step {
            at,
            rate: Bitrate::ZERO,
        },
        Step {
            at,
            rate: Bitrate::ZERO,
        },
    ];
    let twice = Config::default()
        .rate(Schedule::steps(twice))
        .build::<Vec<u8>>(START);
    assert_eq!(twice.err(), Some(Error::Order { at }));
}

#[derive(Clone)]
struct Probe {
    bytes: u64,
    marked: bool,
}

impl Packet for Probe {
    fn size(&self) -> ByteCount {
        ByteCount::new(self.bytes)
    }

    fn mark(&mut self) {
        self.marked = true;
    }
}

#[test]
fn marks_rise_with_the_wait() {
    let mut link = Config::default()
        .rate(Schedule::constant(Bitrate::mbps(8)))
        .delay(Micros::ZERO)
        .ramp(Ramp {
            from: Micros::from_millis(2),
            full: Micros::from_millis(10),
        })
        .build(START)
        .unwrap();
    let probe = Probe {
        bytes: 1_000,
        marked: false,
    };
    // At once: the n-th waits n milliseconds.
    for _ in 0..20 {
        assert_eq!(link.send(START, probe.clone()), Fate::OnTheWay);
    }
    let marked: Vec<bool> = std::iter::from_fn(|| link.poll(ms(30)))
        .map(|p| p.marked)
        .collect();
    assert!(marked[..3].iter().all(|m| !m), "up to 2 ms none");
    assert!(marked[10..].iter().all(|m| *m), "from 10 ms on all");
    assert_eq!(link.stats().marked, marked.iter().filter(|m| **m).count() as u64);
}
