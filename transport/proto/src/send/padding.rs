//! Packets that carry nothing: probes of a silent path, and trains that measure one on which too little goes.

use super::{Reports, Sender, write};
use firstlight_units::{FrameId, Micros, Timestamp};
use firstlight_wire::{Flags, Kind, MediaHeader, Track};

/// Padding that is sent as a train.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProbeTrain {
    count: u64,
    left: usize,
    size: usize,
    sent_at: Timestamp,
}

impl Sender {
    pub(super) fn take_probe(&mut self, now: Timestamp, out: &mut Vec<u8>) -> bool {
        if self.probe_at().is_none_or(|at| at > now) {
            return false;
        }
        self.probed_at = Some(now);
        self.write_padding(now, 0, out);
        true
    }

    /// When the next packet of a train of padding is due.
    pub(super) fn train_at(&self) -> Option<Timestamp> {
        if self.reports == Reports::Browser || !self.history.is_empty() || !self.flight.is_heard() {
            return None;
        }
        if self.probe.left > 0 {
            return Some(self.pacer.free_at());
        }
        let due = self.rule.probe_at()?.max(self.probe.sent_at + PROBE_AGAIN);
        let at = due.max(self.pacer.free_at());
        // A starved path gets other probes.
        let starves = self
            .flight
            .oldest_uncovered()
            .is_some_and(|sent| sent + self.patience() <= at);
        (!starves).then_some(at)
    }

    /// A packet of a train of padding: it measures the path while pictures are too small to do so.
    pub(super) fn take_train(&mut self, now: Timestamp, out: &mut Vec<u8>) -> Option<FrameId> {
        if self.train_at().is_none_or(|at| at > now) {
            return None;
        }
        if self.probe.left == 0 {
            let bytes = self.rule.capacity().bytes_in(PROBE_LENGTH).as_u64();
            let size = usize::try_from(bytes).unwrap_or(usize::MAX) / PROBE_PACKETS;
            self.probe = ProbeTrain {
                count: self.probe.count + 1,
                left: PROBE_PACKETS,
                size: size.clamp(PROBE_BYTES_MIN, self.history.payload_max().max(PROBE_BYTES_MIN)),
                sent_at: now,
            };
        }
        self.probe.left -= 1;
        self.write_padding(now, self.probe.size, out);
        Some(FrameId::new(PROBE_TRAINS + self.probe.count))
    }

    fn write_padding(&mut self, now: Timestamp, bytes: usize, out: &mut Vec<u8>) {
        self.stats.padding += 1;
        let header = MediaHeader {
            kind: Kind::Padding,
            flags: Flags::default(),
            participant: 0,
            track: Track::Video as u8,
            packet_seq: 0,
            sent_at: 0,
            frame: self.newest_sent.low(),
            reference: self.newest_sent.low(),
            captured_at: now.as_micros(),
            key_epoch: 0,
            unit: 0,
            fragment: 0,
            fragments: 1,
        };
        write(out, header, &[]);
        out.resize(out.len() + bytes, 0);
    }

    /// When the next probe is due, if no report comes.
    pub(super) fn probe_at(&self) -> Option<Timestamp> {
        let starved_at = self.flight.oldest_uncovered()? + self.patience();
        let interval = match self.probed_at {
            Some(at) if at.since(starved_at) > PROBE_OFTEN => PROBE_SELDOM,
            _ => self.interval(),
        };
        Some(
            self.probed_at
                .map_or(starved_at, |at| starved_at.max(at + interval)),
        )
    }
}

/// A train of padding takes about so long.
const PROBE_LENGTH: Micros = Micros::from_millis(5);
const PROBE_PACKETS: usize = 5;
/// At half a megabit five of these take 20 ms.
const PROBE_BYTES_MIN: usize = 200;
/// Its answer needs a round trip.
const PROBE_AGAIN: Micros = Micros::from_millis(150);
/// Trains of padding count from here, past any access unit's number.
const PROBE_TRAINS: u64 = 1 << 62;
/// After this long a probe per frame interval is a waste.
const PROBE_OFTEN: Micros = Micros::from_secs(3);
const PROBE_SELDOM: Micros = Micros::from_millis(100);
