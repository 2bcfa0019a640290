//! What holds for every link: nothing is made up, nothing vanishes without being counted, and order is kept where it was not asked for
//! otherwise.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_netem::{Bursts, Chance, Config, Fate, Link, Outage, Queue, Ramp, Schedule};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use proptest::prelude::*;

const START: Timestamp = Timestamp::from_micros(5_000_000);

fn chance() -> impl Strategy<Value = Chance> {
    prop_oneof![Just(Chance::NEVER), (0..=1_000_000u32).prop_map(Chance::ppm)]
}

prop_compose! {
    fn config()(
        seed in any::<u64>(),
        kbps in prop::collection::vec(0..20_000u64, 1..8),
        sample in 1..200u64,
        delay in 0..80_000u64,
        jitter in 0..20_000u64,
        loss in chance(),
        bursts in prop::option::of((chance(), chance(), chance())),
        queue in prop_oneof![
            (0..200u64).prop_map(|ms| Queue::Time(Micros::from_millis(ms))),
            (0..100_000u64).prop_map(|n| Queue::Bytes(ByteCount::new(n))),
        ],
        ramp in prop::option::of((0..5_000u64, 0..20_000u64)),
        outage in prop::option::of((0..500u64, 0..500u64)),
        duplicate in chance(),
    ) -> Config {
        let rates: Vec<_> = kbps.into_iter().map(Bitrate::kbps).collect();
        let mut config = Config::default()
            .seed(seed)
            .rate(Schedule::trace(Micros::from_millis(sample), &rates))
            .delay(Micros::new(delay))
            .jitter(Micros::new(jitter))
            .loss(loss)
            .duplicate(duplicate)
            .queue(queue);
        if let Some((begin, end, loss)) = bursts {
            config = config.bursts(Bursts { begin, end, loss });
        }
        if let Some((from, span)) = ramp {
            config = config.ramp(Ramp { from: Micros::new(from), full: Micros::new(from + span) });
        }
        if let Some((at, length)) = outage {
            config = config.outages(vec![Outage { at: Micros::from_millis(at), length: Micros::from_millis(length) }]);
        }
        config
    }
}

/// (gap before it in µs, bytes) of each packet.
fn packets() -> impl Strategy<Value = Vec<(u64, usize)>> {
    prop::collection::vec((0..20_000u64, 4..1_500usize), 1..200)
}

/// Numbers of the packets that came, in order of arrival, with the time.
fn pass(link: &mut Link, packets: &[(u64, usize)]) -> Vec<(u32, Timestamp)> {
    let mut out = Vec::new();
    let mut now = START;
    for (n, (gap, size)) in packets.iter().enumerate() {
        now += Micros::new(*gap);
        drain(link, now, &mut out);
        let mut packet = vec![0; *size];
        packet[..4].copy_from_slice(&u32::try_from(n).unwrap().to_be_bytes());
        let before = link.on_the_way();
        let fate = link.send(now, packet);
        assert_eq!(fate == Fate::OnTheWay, link.on_the_way() > before);
        balances(link);
    }
    while let Some(at) = link.poll_timeout() {
        drain(link, at, &mut out);
    }
    balances(link);
    out
}

fn drain(link: &mut Link, until: Timestamp, out: &mut Vec<(u32, Timestamp)>) {
    while let Some(at) = link.poll_timeout().filter(|at| *at <= until) {
        let packet = link.poll(at).unwrap();
        out.push((u32::from_be_bytes(packet[..4].try_into().unwrap()), at));
    }
}

fn balances(link: &Link) {
    let s = link.stats();
    let gone = s.lost + s.lost_in_outage + s.overflowed;
    assert_eq!(
        s.sent + s.duplicated,
        s.delivered + gone + link.on_the_way() as u64
    );
}

proptest! {
    #[test]
    fn every_packet_is_accounted_for_and_none_comes_early(config in config(), packets in packets()) {
        let mut link = config.build(START).unwrap();
        let got = pass(&mut link, &packets);
        prop_assert_eq!(link.on_the_way(), 0);
        let sent_at: Vec<_> = packets
            .iter()
            .scan(START, |at, (gap, _)| { *at += Micros::new(*gap); Some(*at) })
            .collect();
        for (n, at) in got {
            prop_assert!(at >= sent_at[n as usize]);
        }
    }

    #[test]
    fn order_is_kept_without_reordering(config in config(), packets in packets()) {
        let got = pass(&mut config.duplicate(Chance::NEVER).build(START).unwrap(), &packets);
        prop_assert!(got.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
    }

    #[test]
    fn the_same_calls_give_the_same_run(config in config(), packets in packets()) {
        let run = |config: Config| {
            let mut link = config.reorder(Chance::percent(10), Micros::from_millis(4)).build(START).unwrap();
            (pass(&mut link, &packets), link.stats())
        };
        prop_assert_eq!(run(config.clone()), run(config));
    }

    #[test]
    fn a_queue_never_makes_a_packet_wait_longer_than_it_holds(kbps in 100..20_000u64, most in 0..200u64, packets in packets()) {
        let mut link: Link = Config::default()
            .rate(Schedule::constant(Bitrate::kbps(kbps)))
            .queue(Queue::Time(Micros::from_millis(most)))
            .build(START)
            .unwrap();
        let mut now = START;
        for (gap, size) in packets {
            now += Micros::new(gap);
            let waits = link.queueing(now);
            let fate = link.send(now, vec![0; size]);
            prop_assert_eq!(fate == Fate::Overflowed, waits > Micros::from_millis(most));
        }
    }
}
