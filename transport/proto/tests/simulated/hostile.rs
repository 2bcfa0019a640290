//! Clients that say nothing, or lie.

use super::world::{START, Setup, World};
use super::{ms, path, s, seeds};
use firstlight_netem::{Chance, Random};
use firstlight_proto::send::{SendEvent, Sender, SenderConfig, VideoUnit};
use firstlight_units::{Bitrate, FrameId, Micros};
use firstlight_wire::{FeedbackFlags, Nack, WriteFeedback};

#[test]
fn a_client_that_never_reports_stops_the_encoder_and_costs_next_to_nothing() {
    for seed in seeds() {
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(50), ms(20));
        setup.reports = false;
        setup.audio = false;
        let mut world = World::new(setup);
        world.run(s(60));
        let sent = world.sent_stats();
        assert!(world.app.count(|_| true) < 40, "{}", world.app.count(|_| true));
        // A probe of 40 bytes per frame for three seconds, then ten a second.
        assert!((600..1_000).contains(&sent.padding), "{}", sent.padding);
        assert!(sent.bytes.as_u64() < 1 << 20, "{}", sent.bytes.as_u64());
        assert_eq!((sent.repeated, sent.queued.as_u64()), (0, 0));
    }
}

#[test]
fn forged_feedback_neither_breaks_nor_grows_anything() {
    for seed in seeds() {
        let mut random = Random::new(seed);
        let mut setup = Setup::new(seed);
        path(&mut setup, Bitrate::mbps(50), ms(20));
        setup.down = setup.down.loss(Chance::percent(1));
        let mut world = World::new(setup);
        for _ in 0..300 {
            world.run(ms(10));
            for _ in 0..10 {
                let datagram = forged(&mut random);
                world.sender.handle_feedback(world.now, &datagram);
                world.settle();
            }
        }
        // What was a lie about times is forgotten with the first true word.
        world.run(s(1));
        let before = world.shown.len();
        world.run(s(1));
        let after = world.shown.len() - before;
        assert!(after > 50, "{after} pictures in the second second after the lies");
        let sent = world.sent_stats();
        assert!(
            sent.forged + sent.malformed > 1_000,
            "{} {}",
            sent.forged,
            sent.malformed
        );
        // Repeats are within their budget, half of the target.
        assert!(
            sent.repeated * 1_200 * 8 < 3 * 10_000_000 + 4_000_000,
            "{}",
            sent.repeated
        );
        assert!(!world.shown.is_empty());
    }
}

/// Bytes of every kind of wrong: random, mutated, well formed but impossible, well formed and greedy.
fn forged(random: &mut Random) -> Vec<u8> {
    let mut out = Vec::new();
    if random.below(4) == 0 {
        out.push(0x19);
        out.extend((0..random.below(300)).map(|_| random.bits() as u8));
        return out;
    }
    let arrivals: Vec<Option<u64>> = (0..random.below(512))
        .map(|_| (random.below(2) == 0).then(|| random.below(3_000_000)))
        .collect();
    let nacks: Vec<Nack> = (0..random.below(64))
        .map(|_| Nack {
            frame: random.below(400) as u32,
            unit: [0, 1, Nack::ALL_UNITS, random.bits() as u8][random.below(4) as usize],
            track: random.below(2) as u8,
            fragment: [0, 1, Nack::ALL_FRAGMENTS, random.bits() as u16][random.below(4) as usize],
        })
        .collect();
    let any = |random: &mut Random| match random.below(3) {
        0 => random.bits() as u32,
        1 => random.below(400) as u32,
        _ => 0,
    };
    WriteFeedback {
        flags: FeedbackFlags {
            want_idr: random.below(2) == 0,
            want_recovery: random.below(2) == 0,
        },
        report: random.bits() as u16,
        base_seq: any(random),
        base_time: random.bits(),
        decoded: any(random),
        decoded_set: random.bits() as u32,
        decode_queue: random.bits() as u8,
        lost: random.bits() as u32,
        late: 0,
        dropped: 0,
        arrivals: &arrivals,
        nacks: &nacks,
    }
    .write(&mut out);
    if random.below(4) == 0 {
        let at = random.below(out.len() as u64) as usize;
        out[at] ^= random.bits() as u8;
    }
    out
}

#[test]
fn an_encoder_that_never_stops_is_bounded_and_asked_to_start_again() {
    let mut sender = Sender::new(SenderConfig::default());
    sender.attach(START, 1_200);
    let nals = vec![7; 300_000];
    let mut out = Vec::new();
    for n in 1..200u64 {
        let now = START + Micros::new(n);
        sender.push_video(now, unit(n, n == 1, &nals));
        while sender.poll_transmit(now, &mut out) {}
        assert!(sender.stats().queued.as_u64() <= 3 << 20);
    }
    assert!(sender.stats().overflowed > 100);
    let events: Vec<SendEvent> = std::iter::from_fn(|| sender.poll_event()).collect();
    assert!(
        events.iter().any(|event| matches!(event, SendEvent::NeedIdr(_))),
        "{events:?}"
    );
}

#[test]
fn a_unit_over_the_wire_s_limit_is_refused_whole() {
    let mut sender = Sender::new(SenderConfig::default());
    sender.attach(START, 1_200);
    let nals = vec![7; 1_160 * 1_024];
    sender.push_video(START, unit(1, true, &nals));
    let mut out = Vec::new();
    assert!(!sender.poll_transmit(START, &mut out));
    assert_eq!(sender.stats().overflowed, 1);
    sender.push_video(START, unit(2, true, &nals[..1_160 * 1_023]));
    assert!(sender.poll_transmit(START, &mut out));
}

#[test]
fn a_smaller_path_costs_an_idr_before_anything_is_acknowledged_and_every_datagram_fits() {
    let mut sender = Sender::new(SenderConfig::default());
    sender.attach(START, 1_400);
    let nals = vec![7; 50_000];
    let mut out = Vec::new();
    sender.push_video(START, unit(1, true, &nals));
    assert!(sender.poll_transmit(START, &mut out));
    assert!(out.len() <= 1_400);
    while sender.poll_event().is_some() {}
    sender.set_datagram_max(1_200);
    assert!(matches!(sender.poll_event(), Some(SendEvent::NeedIdr(_))));
    sender.push_video(START, unit(2, true, &nals));
    let later = START + s(1);
    let mut packets = 0;
    while sender.poll_transmit(later, &mut out) {
        assert!(out.len() <= 1_200, "{}", out.len());
        packets += 1;
    }
    assert!(packets > 3);
}

/// QUIC takes a burst of lost packets for a smaller path. That cost an IDR on the line that could carry it least.
#[test]
fn a_smaller_path_costs_no_idr_where_the_client_has_a_picture() {
    let mut sender = Sender::new(SenderConfig::default());
    sender.attach(START, 1_400);
    let nals = vec![7; 5_000];
    let mut out = Vec::new();
    for frame in 1..=3 {
        sender.push_video(START, unit(frame, frame == 1, &nals));
    }
    let later = START + s(1);
    while sender.poll_transmit(later, &mut out) {}
    let mut feedback = Vec::new();
    WriteFeedback {
        decoded: 2,
        decoded_set: 1,
        ..WriteFeedback::default()
    }
    .write(&mut feedback);
    sender.handle_feedback(later, &feedback);
    while sender.poll_event().is_some() {}
    sender.set_datagram_max(1_200);
    let wish = sender.poll_event();
    assert!(
        matches!(
            wish,
            Some(SendEvent::NeedRecovery { first_lost, acknowledged })
                if (first_lost, acknowledged) == (FrameId::new(3), FrameId::new(2))
        ),
        "{wish:?}"
    );
    // The rest of an access unit whose beginning was dropped asks for nothing more.
    let rest = VideoUnit {
        unit: 1,
        ..unit(4, false, &nals)
    };
    sender.push_video(later, rest);
    while let Some(wish) = sender.poll_event() {
        assert!(!matches!(wish, SendEvent::NeedIdr(_)), "{wish:?}");
    }
}

fn unit(frame: u64, idr: bool, nals: &[u8]) -> VideoUnit<'_> {
    VideoUnit {
        frame: FrameId::new(frame),
        reference: FrameId::new(if idr { frame } else { frame - 1 }),
        captured_at: START,
        idr,
        recovery: false,
        still: false,
        unit: 0,
        last: true,
        trace: None,
        nals,
    }
}
