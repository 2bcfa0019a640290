//! The receiver against a simple model: whatever order, loss and repetition, the same access units come out.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and cuts numbers on purpose"
)]

use firstlight_proto::receive::Receiver;
use firstlight_units::{FrameId, Micros, Timestamp};
use firstlight_wire::{Flags, Kind, MEDIA_HEADER_BYTES, MediaHeader};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// How an access unit is made.
#[derive(Clone, Debug)]
struct Plan {
    /// Fragments of each unit.
    units: Vec<u16>,
    idr: bool,
    /// How many frames back it refers to, if it is no IDR; more than one makes it a recovery.
    back: u64,
}

#[derive(Clone, Debug)]
struct Fragment {
    frame: usize,
    datagram: Vec<u8>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let units = vec(1u16..5, 1..4);
    let back = prop_oneof![6 => Just(1u64), 1 => 2u64..6];
    (units, prop::bool::weighted(0.1), back).prop_map(|(units, idr, back)| Plan { units, idr, back })
}

/// The first frame's number, near a wrap half of the time.
fn first() -> impl Strategy<Value = u64> {
    prop_oneof![1u64..100, (1u64 << 32) - 30..(1 << 32) + 3]
}

/// What happens to each fragment: when it comes first (lost: `None`), and whether it comes again.
fn fate() -> impl Strategy<Value = (Option<u16>, Option<u16>)> {
    let comes = prop_oneof![12 => (0u16..40).prop_map(Some), 1 => Just(None)];
    let again = prop_oneof![6 => Just(None), 1 => (0u16..60).prop_map(Some)];
    (comes, again)
}

fn reference(first: u64, index: usize, plan: &Plan) -> u64 {
    let frame = first + index as u64;
    if plan.idr || index == 0 {
        frame
    } else {
        frame - plan.back.min(index as u64)
    }
}

fn is_idr(index: usize, plan: &Plan) -> bool {
    plan.idr || index == 0
}

fn cut(first: u64, plans: &[Plan]) -> Vec<Fragment> {
    let mut out = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let last = plan.units.len() - 1;
        for (unit, count) in plan.units.iter().enumerate() {
            for fragment in 0..*count {
                let header = MediaHeader {
                    kind: Kind::Video,
                    flags: Flags {
                        idr: is_idr(index, plan),
                        last_unit: unit == last,
                        recovery: !is_idr(index, plan) && plan.back > 1,
                        ..Flags::default()
                    },
                    participant: 0,
                    track: 0,
                    packet_seq: 0,
                    sent_at: 1,
                    frame: FrameId::new(first + index as u64).low(),
                    reference: FrameId::new(reference(first, index, plan)).low(),
                    captured_at: 1_000 + index as u64,
                    key_epoch: 0,
                    unit: unit as u8,
                    fragment,
                    fragments: *count,
                };
                out.push(Fragment {
                    frame: index,
                    datagram: [&header.to_bytes(), payload(index, unit, fragment).as_slice()].concat(),
                });
            }
        }
    }
    out
}

/// The first fragment of a unit begins with the trace's length, none.
fn payload(index: usize, unit: usize, fragment: u16) -> Vec<u8> {
    let mut bytes = vec![index as u8, unit as u8, fragment as u8];
    if fragment == 0 {
        bytes.insert(0, 0);
    }
    bytes
}

fn nals(index: usize, plan: &Plan) -> Vec<u8> {
    let of_unit = |(unit, count): (usize, &u16)| {
        (0..*count)
            .flat_map(move |fragment| [index as u8, unit as u8, fragment as u8])
            .collect::<Vec<u8>>()
    };
    plan.units.iter().enumerate().flat_map(of_unit).collect()
}

/// `docs/PROTOCOL.md`, section 6, *Delivery*, as plainly as can be: sets and a search.
#[derive(Default)]
struct Model {
    came: BTreeSet<usize>,
    whole: BTreeSet<usize>,
    newest: Option<usize>,
    decoded: BTreeSet<usize>,
}

impl Model {
    fn take(&mut self, fragments: &[Fragment], plans: &[Plan], which: usize) -> Vec<usize> {
        self.came.insert(which);
        let frame = fragments[which].frame;
        let all = (0..fragments.len()).filter(|at| fragments[*at].frame == frame);
        if all.into_iter().all(|at| self.came.contains(&at)) {
            self.whole.insert(frame);
        }
        let mut out = Vec::new();
        while let Some(next) = self.next(plans) {
            if is_idr(next, &plans[next]) {
                self.decoded.clear();
            }
            self.decoded.insert(next);
            self.newest = Some(next);
            out.push(next);
        }
        out
    }

    fn next(&self, plans: &[Plan]) -> Option<usize> {
        self.whole
            .iter()
            .copied()
            .filter(|frame| self.newest.is_none_or(|newest| *frame > newest))
            .find(|frame| {
                let plan = &plans[*frame];
                is_idr(*frame, plan) || self.decoded.contains(&(reference(0, *frame, plan) as usize))
            })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_access_units_come_out_as_of_the_model(
        first in first(),
        plans in vec(plan(), 1..40),
        fates in vec(fate(), 480),
    ) {
        let fragments = cut(first, &plans);
        let mut schedule: Vec<(usize, usize)> = Vec::new();
        for (at, (comes, again)) in fates.iter().enumerate().take(fragments.len()) {
            schedule.extend(comes.map(|delay| (at + usize::from(delay), at)));
            schedule.extend(again.map(|delay| (at + usize::from(delay), at)));
        }
        schedule.sort_unstable();
        let mut receiver = Receiver::new();
        receiver.attach();
        let mut model = Model::default();
        let (mut now, mut out) = (Timestamp::from_micros(1_000_000), Vec::new());
        for (seq, (_, which)) in (1u32..).zip(schedule) {
            now += Micros::new(500);
            let mut datagram = fragments[which].datagram.clone();
            datagram[4..8].copy_from_slice(&seq.to_be_bytes());
            prop_assert!(receiver.handle_datagram(now, &datagram));
            for expected in model.take(&fragments, &plans, which) {
                let unit = receiver.poll_unit(&mut out);
                prop_assert_eq!(unit.map(|unit| unit.frame.low()), Some(FrameId::new(first + expected as u64).low()));
                prop_assert_eq!(&out, &nals(expected, &plans[expected]));
            }
            prop_assert_eq!(receiver.poll_unit(&mut out), None);
        }
        let stats = receiver.stats();
        prop_assert_eq!(stats.malformed, 0);
        prop_assert!(stats.frames_lost + stats.frames_dropped + stats.delivered <= plans.len() as u64);
    }

    /// Mutated and random datagrams: nothing panics, and what is held stays within the bound.
    #[test]
    fn no_datagram_breaks_the_receiver(
        noise in vec((any::<prop::sample::Index>(), vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)), 1..300),
        plans in vec(plan(), 1..20),
    ) {
        let fragments = cut(1, &plans);
        let mut receiver = Receiver::new();
        receiver.attach();
        let (mut now, mut out) = (Timestamp::from_micros(1_000_000), Vec::new());
        for (which, changes) in noise {
            now += Micros::from_millis(1);
            let mut datagram = which.get(&fragments).datagram.clone();
            for (at, byte) in changes {
                let at = at.index(datagram.len());
                datagram[at] = byte;
            }
            receiver.handle_datagram(now, &datagram);
            while receiver.poll_unit(&mut out).is_some() {}
            while receiver.poll_feedback(now, &mut out) {
                prop_assert!(out.len() <= 1_200);
            }
            receiver.handle_timeout(now);
            prop_assert!(receiver.held() <= (8 << 20) + (64 << 10) + MEDIA_HEADER_BYTES);
        }
    }
}
