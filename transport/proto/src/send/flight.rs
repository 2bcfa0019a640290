//! What was sent, and what the client says of it.
//!
//! Every packet up to the newest one reported as arrived is *covered*: it came, or it is missing. What is past it is in flight.

use super::REPORT_INTERVAL;
use crate::near;
use crate::rate::Arrival;
use crate::window::WindowedMin;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, PacketSeq, RemoteTime, Timestamp};
use firstlight_wire::{FEEDBACK_PACKETS_MAX, Feedback};

/// The packets of one attachment.
#[derive(Debug)]
pub(crate) struct Flight {
    ring: Vec<Packet>,
    /// Seq of the next packet.
    next: u64,
    /// Every packet up to here is covered.
    covered: u64,
    /// Every packet up to here is known to have come or to be lost.
    settled: u64,
    /// Bytes sent in this attachment.
    sent_bytes: u64,
    covered_bytes: u64,
    /// Sending of the newest packet that came.
    newest_sent_at: Timestamp,
    /// When the bottleneck will have sent all that was sent so far, in the time of sending: the fixed part of the way left out.
    free_at: Timestamp,
    /// By how much most reports come later than they are expected to.
    slack: Micros,
    rtt: Option<Micros>,
    rtt_min: WindowedMin<Micros>,
    arrivals: Vec<Arrival>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Packet {
    sent_at: Timestamp,
    /// Bytes sent up to and with this one.
    total: u64,
    /// The access unit, where the packet is part of its train.
    train: FrameId,
    /// Microseconds from its sending until it is expected to leave the bottleneck, as [`Flight::free_at`].
    stay: u32,
    /// Two packets share a cache line.
    bytes: u16,
    came: bool,
}

impl Packet {
    fn leaves_at(&self) -> Timestamp {
        self.sent_at + Micros::new(self.stay.into())
    }

    fn set_leaves_at(&mut self, at: Timestamp) {
        self.stay = u32::try_from(at.since(self.sent_at).as_micros()).unwrap_or(u32::MAX);
    }
}

/// What a report says beyond [`Flight::arrivals`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) packets: u32,
    pub(crate) lost: u32,
}

/// A report of packets that were never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

impl Flight {
    pub(crate) fn new() -> Self {
        Self {
            ring: vec![Packet::default(); RING],
            next: 1,
            covered: 0,
            settled: 0,
            sent_bytes: 0,
            covered_bytes: 0,
            newest_sent_at: Timestamp::default(),
            free_at: Timestamp::default(),
            slack: Micros::ZERO,
            rtt: None,
            rtt_min: WindowedMin::new(RTT_MIN_SPAN),
            arrivals: Vec::with_capacity(FEEDBACK_PACKETS_MAX),
        }
    }

    /// A new attachment, whose packets count from `first`.
    pub(crate) fn restart(&mut self, first: u64) {
        self.next = first;
        self.covered = first.saturating_sub(1);
        self.settled = self.covered;
        self.sent_bytes = 0;
        self.covered_bytes = 0;
        self.free_at = Timestamp::default();
        self.slack = Micros::ZERO;
        self.rtt = None;
        self.rtt_min = WindowedMin::new(RTT_MIN_SPAN);
        self.arrivals.clear();
    }

    /// The seq that [`Self::record`] will give.
    pub(crate) const fn next_seq(&self) -> PacketSeq {
        PacketSeq::new(self.next)
    }

    /// A packet was sent over a path that is thought to carry `capacity`.
    pub(crate) fn record(&mut self, now: Timestamp, bytes: usize, train: FrameId, capacity: Bitrate) {
        self.free_at = self.free_at.max(now) + capacity.time_for(ByteCount::from(bytes));
        self.sent_bytes += bytes as u64;
        // No datagram is larger.
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        let total = self.sent_bytes;
        if let Some(slot) = self.ring.get_mut(index(self.next)) {
            *slot = Packet {
                sent_at: now,
                total,
                train,
                stay: 0,
                bytes,
                came: false,
            };
            slot.set_leaves_at(self.free_at);
        }
        self.next += 1;
    }

    /// Takes a report; what came newly is in [`Self::arrivals`] until the next one.
    pub(crate) fn handle_report(
        &mut self,
        now: Timestamp,
        feedback: &Feedback<'_>,
    ) -> Result<Settled, Forged> {
        self.arrivals.clear();
        let count = feedback.arrivals().count() as u64;
        if count == 0 {
            return Ok(Settled::default());
        }
        let base = near(self.next, feedback.base_seq);
        if base == 0 || base.saturating_add(count) > self.next {
            return Err(Forged);
        }
        // What no report speaks of because they were lost counts as having come: nothing is known of it.
        for seq in self.covered.max(self.next.saturating_sub(RING as u64)) + 1..base {
            if let Some(packet) = self.ring.get_mut(index(seq)) {
                packet.came = true;
            }
        }
        let oldest = self.next.saturating_sub(RING as u64).max(1);
        let mut newest_came = None;
        for (seq, arrival) in (base..).zip(feedback.arrivals()) {
            let (Some(after), Some(packet)) = (arrival, self.ring.get_mut(index(seq))) else {
                continue;
            };
            if seq < oldest {
                continue;
            }
            newest_came = Some(seq);
            if packet.came {
                continue;
            }
            packet.came = true;
            self.arrivals.push(Arrival {
                seq: PacketSeq::new(seq),
                train: packet.train,
                bytes: ByteCount::new(packet.bytes.into()),
                total: ByteCount::new(packet.total),
                sent_at: packet.sent_at,
                arrived_at: RemoteTime::from_micros(feedback.base_time.saturating_add(after)),
            });
        }
        if let Some(newest) = newest_came.filter(|newest| *newest > self.covered) {
            self.cover(now, newest);
        }
        Ok(self.settle())
    }

    /// What the last report told newly, in order of sending.
    pub(crate) fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    fn cover(&mut self, now: Timestamp, newest: u64) {
        let Some(packet) = self.ring.get(index(newest)) else {
            return;
        };
        self.covered = newest;
        self.covered_bytes = packet.total;
        self.newest_sent_at = packet.sent_at;
        let sample = now.since(packet.sent_at);
        self.rtt_min.update(now.as_micros(), sample);
        // Nine reports of ten are no later than this, whatever delays them: a lossy way back, a page that is busy.
        let expected = packet.leaves_at() + self.rtt_min.least().unwrap_or(sample) + REPORT_INTERVAL;
        self.slack = if now > expected + self.slack {
            (self.slack + SLACK_STEP.scale(9, 1)).min(SLACK_MOST)
        } else {
            self.slack.saturating_sub(SLACK_STEP)
        };
        // RFC 6298's gain of 1/8.
        self.rtt = Some(
            self.rtt
                .map_or(sample, |old| old.scale(7, 8) + sample.scale(1, 8)),
        );
    }

    fn settle(&mut self) -> Settled {
        let mut told = Settled::default();
        self.settled = self.settled.max(self.next.saturating_sub(RING as u64));
        while self.settled < self.covered {
            let Some(packet) = self.ring.get(index(self.settled + 1)) else {
                break;
            };
            if !packet.came && packet.sent_at + REORDER > self.newest_sent_at {
                break;
            }
            told.packets += 1;
            told.lost += u32::from(!packet.came);
            self.settled += 1;
        }
        told
    }

    /// Foresees anew how what is in flight passes the bottleneck: the newest packet that came waited `waited`, and what is behind it
    /// goes at `capacity`.
    pub(crate) fn foresee(&mut self, waited: Micros, capacity: Bitrate) {
        let mut free_at = self.newest_sent_at + waited;
        for seq in (self.covered + 1).max(self.next.saturating_sub(RING as u64))..self.next {
            if let Some(packet) = self.ring.get_mut(index(seq)) {
                free_at =
                    free_at.max(packet.sent_at) + capacity.time_for(ByteCount::new(packet.bytes.into()));
                packet.set_leaves_at(free_at);
            }
        }
        self.free_at = free_at;
    }

    /// When the newest packet that came was sent.
    pub(crate) const fn newest_came(&self) -> Timestamp {
        self.newest_sent_at
    }

    /// How long a packet that is sent at `now` waits for what was sent before it.
    pub(crate) fn wait(&self, now: Timestamp) -> Micros {
        self.free_at.since(now)
    }

    /// Bytes that a report should have covered by `now`, were the path as it is thought to be; `gap` is how much rarer than a client's the
    /// reports are.
    pub(crate) fn overdue(&self, now: Timestamp, gap: Micros) -> ByteCount {
        let Some(rtt) = self.rtt_min() else {
            return ByteCount::ZERO;
        };
        let late = rtt + REPORT_INTERVAL + LATE + self.slack + gap;
        let oldest = (self.covered + 1).max(self.next.saturating_sub(RING as u64));
        let packets = (oldest..self.next).filter_map(|seq| self.ring.get(index(seq)));
        packets
            .take_while(|packet| packet.leaves_at() + late < now)
            .fold(ByteCount::ZERO, |sum, packet| {
                sum + ByteCount::new(packet.bytes.into())
            })
    }

    /// When the oldest packet that no report covers was sent.
    pub(crate) fn oldest_uncovered(&self) -> Option<Timestamp> {
        let oldest = (self.covered + 1).max(self.next.saturating_sub(RING as u64));
        let packet = self.ring.get(index(oldest)).filter(|_| oldest < self.next)?;
        Some(packet.sent_at)
    }

    pub(crate) const fn in_flight(&self) -> ByteCount {
        ByteCount::new(self.sent_bytes.saturating_sub(self.covered_bytes))
    }

    /// Whether any report of this attachment covered anything.
    pub(crate) const fn is_heard(&self) -> bool {
        self.rtt.is_some()
    }

    pub(crate) const fn rtt(&self) -> Option<Micros> {
        self.rtt
    }

    pub(crate) fn rtt_min(&self) -> Option<Micros> {
        self.rtt_min.least()
    }
}

const fn index(seq: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "below RING")]
    let index = (seq % RING as u64) as usize;
    index
}

/// Packets remembered: four seconds at 20 Mbit/s. A report of what is older says nothing.
const RING: usize = 8_192;
/// Ten seconds at the most: a route change is followed, a passing queue is not.
const RTT_MIN_SPAN: Micros = Micros::from_secs(5);
/// What a report may be later than foreseen, beyond what most of them are, before the path is taken to be slower than it was.
const LATE: Micros = Micros::from_millis(3);
/// Down by one of these with each report in time, up by nine with each late one: what nine of ten keep.
const SLACK_STEP: Micros = Micros::new(300);
/// Past this the path counts as silent anyway.
const SLACK_MOST: Micros = Micros::from_millis(45);
/// How far a packet may be overtaken before it counts as lost; twice a report's interval, more than Wi-Fi retries take.
const REORDER: Micros = Micros::from_millis(40);

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Bitrate = Bitrate::mbps(8);
    const ROUND: Micros = Micros::from_millis(20);

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(10_000_000 + ms * 1_000)
    }

    /// Ten packets of 1 ms each were sent at 0 ms, and the first is reported after `ROUND`.
    fn flight() -> Flight {
        let mut flight = Flight::new();
        for _ in 0..10 {
            flight.record(at(0), 1_000, FrameId::new(1), CAPACITY);
        }
        flight.cover(at(0) + ROUND, 1);
        flight
    }

    #[test]
    fn what_is_sent_next_waits_for_what_the_path_has_not_carried() {
        let mut flight = flight();
        assert_eq!(flight.wait(at(4)), Micros::from_millis(6));
        // The first one waited 30 ms, and the other nine take four times as long as was thought.
        flight.foresee(Micros::from_millis(30), CAPACITY.scale(1, 4));
        assert_eq!(flight.wait(at(4)), Micros::from_millis(30 + 9 * 4 - 4));
        assert_eq!(flight.wait(at(70)), Micros::ZERO);
    }

    #[test]
    fn what_is_later_than_foreseen_is_overdue() {
        let flight = flight();
        // The last packet leaves at 10 ms; a round trip, a report's interval and 3 ms more are its time.
        assert_eq!(flight.overdue(at(33), Micros::ZERO), ByteCount::ZERO);
        assert_eq!(flight.overdue(at(38), Micros::ZERO), ByteCount::new(3_000));
        assert_eq!(flight.overdue(at(44), Micros::ZERO), ByteCount::new(9_000));
        assert_eq!(flight.overdue(at(44), ROUND), ByteCount::ZERO);
    }

    #[test]
    fn reports_that_are_late_as_a_rule_are_waited_for() {
        let mut flight = flight();
        for n in 1..100 {
            flight.record(at(n * 100), 1_000, FrameId::new(1 + n), CAPACITY);
            let newest = flight.next - 1;
            // One of three is 15 ms late.
            let late = if n % 3 == 0 { 15 } else { 0 };
            flight.cover(at(n * 100 + 31 + late), newest);
        }
        assert!(flight.slack > Micros::from_millis(10), "{:?}", flight.slack);
    }
}
