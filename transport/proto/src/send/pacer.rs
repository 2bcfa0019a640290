//! When the next packet may go.
//!
//! A frame is a packet train. It is spread at twice the target over about half a frame interval on a path that nothing is known about,
//! and faster as trains show that the path carries it: each train that arrives as compact as it was sent doubles the rate, two in
//! a row that were stretched set it to what they arrived at (as ACE-N sizes its bucket, SIGCOMM'25). A single stretched train is a
//! hiccup of somebody's scheduler and changes nothing. On a fast path a whole frame goes at once.
//!
//! Unless packets are lost, no train is slower than one of the highest target: two streams over one path then measure the path, and not
//! what their own paces make of it, so that the one that has more has no advantage.

use crate::rate::Arrival;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, RemoteTime, Timestamp};

#[derive(Debug)]
pub(crate) struct Pacer {
    /// What trains have shown the path to carry in a burst.
    shown: Bitrate,
    floor: Bitrate,
    /// As fast as a frame of the highest target goes at the floor, whatever the target is.
    quick: Bitrate,
    /// Trains for which `quick` is too much: packets were lost.
    careful: u32,
    fixed: Option<Bitrate>,
    /// When what was sent so far has gone, at the pacing rate.
    free_at: Timestamp,
    /// A burst is going on.
    open: bool,
    train: Train,
    stretched: u32,
}

/// A train whose packets are being reported.
#[derive(Clone, Copy, Debug, Default)]
struct Train {
    frame: FrameId,
    packets: u32,
    /// Without the first packet's.
    bytes: ByteCount,
    sent: (Timestamp, Timestamp),
    came: (RemoteTime, RemoteTime),
}

impl Pacer {
    pub(crate) fn new(target: Bitrate, most: Bitrate) -> Self {
        Self {
            shown: target.scale(START_FACTOR, 1),
            floor: target.scale(FLOOR_FACTOR, 1),
            quick: most.scale(FLOOR_FACTOR, 1),
            careful: 0,
            fixed: None,
            free_at: Timestamp::default(),
            open: false,
            train: Train::default(),
            stretched: 0,
        }
    }

    /// Packets go at exactly this rate until it is told otherwise.
    pub(crate) const fn set_fixed(&mut self, fixed: Option<Bitrate>) {
        self.fixed = fixed;
    }

    pub(crate) fn set_target(&mut self, target: Bitrate) {
        let floor = target.scale(FLOOR_FACTOR, 1);
        if floor < self.floor.scale(9, 10) {
            // Congestion: what trains showed before is not so any more.
            self.shown = floor;
        }
        self.floor = floor;
    }

    pub(crate) fn rate(&self) -> Bitrate {
        let quick = if self.careful > 0 {
            Bitrate::ZERO
        } else {
            self.quick
        };
        self.fixed
            .unwrap_or_else(|| self.shown.max(self.floor).max(quick))
    }

    /// Whether the next packet may go. Where one may, those that follow it within [`AHEAD`] go with it: a driver that is woken for
    /// each would spend more on waking up than on sending, and have no batch to hand to the system.
    pub(crate) fn may_send(&mut self, now: Timestamp) -> bool {
        // A rate that is told is part of what a train measures: bursts of it would find another share of the path.
        let ahead = self.open && self.fixed.is_none();
        let until = if ahead { now + AHEAD } else { now };
        self.open = self.free_at <= until;
        self.open
    }

    /// When the next packet may go: now, if it is in the past.
    pub(crate) const fn free_at(&self) -> Timestamp {
        self.free_at
    }

    pub(crate) fn on_sent(&mut self, now: Timestamp, bytes: usize) {
        let time = self.rate().time_for(ByteCount::from(bytes));
        self.free_at = self.free_at.max(now.before(BURST)) + time;
    }

    /// Packets that came, in order of sending.
    pub(crate) fn on_arrivals(&mut self, arrivals: &[Arrival]) {
        for arrival in arrivals.iter().filter(|arrival| arrival.train.get() != 0) {
            if arrival.train != self.train.frame {
                self.judge();
                self.train = Train {
                    frame: arrival.train,
                    packets: 1,
                    bytes: ByteCount::ZERO,
                    sent: (arrival.sent_at, arrival.sent_at),
                    came: (arrival.arrived_at, arrival.arrived_at),
                };
            } else {
                let train = &mut self.train;
                train.packets += 1;
                train.bytes += arrival.bytes;
                train.sent.1 = train.sent.1.max(arrival.sent_at);
                train.came.1 = train.came.1.max(arrival.arrived_at);
            }
        }
    }

    /// Packets were lost: a burst may have been too much for a small buffer.
    pub(crate) fn on_lost(&mut self, packets: u32) {
        if packets >= LOST_MANY {
            self.shown = self.shown.scale(1, 2).max(self.floor);
            self.careful = CAREFUL;
        }
    }

    fn judge(&mut self) {
        self.careful = self.careful.saturating_sub(1);
        if self.train.packets < TRAIN_PACKETS_MIN {
            return;
        }
        let sent = self.train.sent.1 - self.train.sent.0;
        let came = self.train.came.1 - self.train.came.0;
        let excess = came.saturating_sub(sent);
        if excess <= COMPACT {
            self.stretched = 0;
            self.shown = self.rate().scale(2, 1).min(RATE_MAX);
        } else if excess > STRETCHED {
            self.stretched += 1;
            if self.stretched >= STRETCHED_MANY {
                self.shown = self.train.bytes.per(came).max(self.floor);
            }
        }
    }
}

/// Half a frame interval for a frame of average size.
const FLOOR_FACTOR: u64 = 2;
/// The first IDR is many times an average frame and somebody waits for it.
const START_FACTOR: u64 = 4;
/// A frame of 17 KB goes in 0.14 ms: faster than the socket takes it.
const RATE_MAX: Bitrate = Bitrate::mbps(1_000);
/// What may go at once: two ticks of a driver's timer, which counts milliseconds.
const BURST: Micros = Micros::from_millis(2);
/// How far ahead of its time a packet may go with those before it: half of what may go at once, so that it adds little to a queue.
const AHEAD: Micros = Micros::from_millis(1);
/// Fewer packets say nothing (SQP and BurstRTC ignore them too).
const TRAIN_PACKETS_MIN: u32 = 5;
/// A train within this of how it was sent met no queue worth speaking of.
const COMPACT: Micros = Micros::from_millis(2);
/// A train that takes this much longer than it was sent in filled a queue.
const STRETCHED: Micros = Micros::from_millis(4);
const STRETCHED_MANY: u32 = 2;
/// Two seconds at 60 fps.
const CAREFUL: u32 = 120;
/// One packet is lost to chance; several in one report more likely to a buffer.
const LOST_MANY: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_go_in_bursts_and_no_faster_than_the_rate() {
        // 20 Mbit/s paced: a packet of 1250 bytes each half millisecond.
        let mut pacer = Pacer::new(Bitrate::mbps(5), Bitrate::mbps(5));
        let begun = Timestamp::from_micros(1_000_000);
        let (mut now, mut sent, mut wakes) = (begun, 0, 0);
        while sent < 400 {
            wakes += 1;
            while pacer.may_send(now) {
                pacer.on_sent(now, 1_250);
                sent += 1;
            }
            assert!(pacer.free_at() > now, "a wake-up for nothing");
            now = pacer.free_at();
        }
        assert!(wakes * 2 <= sent, "{wakes} wake-ups for {sent} packets");
        let took = now.since(begun).as_micros();
        assert!((197_000..=200_000).contains(&took), "{took} us");
    }
}
