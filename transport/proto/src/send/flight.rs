//! What was sent, and what the client says of it.
//!
//! Every packet up to the newest one reported as arrived is *covered*: it came, or it is missing. What is past it is in flight.

use crate::near;
use crate::rate::Arrival;
use crate::window::WindowedMin;
use firstlight_units::{ByteCount, FrameId, Micros, PacketSeq, RemoteTime, Timestamp};
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
    /// Two packets share a cache line.
    bytes: u32,
    came: bool,
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
        self.rtt = None;
        self.rtt_min = WindowedMin::new(RTT_MIN_SPAN);
        self.arrivals.clear();
    }

    /// The seq that [`Self::record`] will give.
    pub(crate) const fn next_seq(&self) -> PacketSeq {
        PacketSeq::new(self.next)
    }

    pub(crate) fn record(&mut self, now: Timestamp, bytes: usize, train: FrameId) {
        self.sent_bytes += bytes as u64;
        // No datagram comes near.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let total = self.sent_bytes;
        if let Some(slot) = self.ring.get_mut(index(self.next)) {
            *slot = Packet {
                sent_at: now,
                total,
                train,
                bytes,
                came: false,
            };
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
/// How far a packet may be overtaken before it counts as lost; twice a report's interval, more than Wi-Fi retries take.
const REORDER: Micros = Micros::from_millis(40);
