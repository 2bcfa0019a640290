//! The sending end.

use super::{Controller, Fate, Kind, Media, PAYLOAD, Part, Probe, RTP, Repair, Report, Sending, on_wire};
use crate::source::Encoded;
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use std::collections::{BTreeMap, VecDeque};

#[derive(Debug)]
pub(super) struct Host {
    controller: Box<dyn Controller>,
    repair: Repair,
    queue: VecDeque<(Kind, ByteCount)>,
    queued: ByteCount,
    again: VecDeque<u64>,
    history: BTreeMap<u64, (Part, ByteCount)>,
    flight: VecDeque<Flying>,
    in_flight: ByteCount,
    seq: u64,
    rtp: u64,
    idr: bool,
    free_at: Timestamp,
    tick_at: Timestamp,
    rtt_min: Option<Micros>,
    probe: Option<Running>,
}

#[derive(Clone, Copy, Debug)]
struct Flying {
    seq: u64,
    sent_at: Timestamp,
    size: ByteCount,
    probe: Option<Probe>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    probe: Probe,
    packets: u32,
    bytes: ByteCount,
}

impl Host {
    pub(super) fn new(controller: Box<dyn Controller>, repair: Repair) -> Self {
        Self {
            controller,
            repair,
            queue: VecDeque::new(),
            queued: ByteCount::ZERO,
            again: VecDeque::new(),
            history: BTreeMap::new(),
            flight: VecDeque::new(),
            in_flight: ByteCount::ZERO,
            seq: 0,
            rtp: 0,
            idr: true,
            free_at: Timestamp::default(),
            tick_at: Timestamp::default(),
            rtt_min: None,
            probe: None,
        }
    }

    pub(super) fn target(&self) -> Bitrate {
        self.controller.target()
    }

    pub(super) fn take_idr(&mut self) -> bool {
        std::mem::take(&mut self.idr)
    }

    pub(super) fn queue_time(&self) -> Micros {
        self.controller.pacing().time_for(self.queued)
    }

    pub(super) fn is_starved(&self, now: Timestamp) -> bool {
        let patience = if self.queue.is_empty() {
            STARVED
        } else {
            STARVED_QUEUED
        };
        let rtt = self.rtt_min.unwrap_or(RTT_UNKNOWN);
        self.flight
            .front()
            .is_some_and(|oldest| now.since(oldest.sent_at) > rtt + patience)
    }

    pub(super) fn push(&mut self, encoded: Encoded) {
        let count = encoded.size.as_u64().div_ceil(PAYLOAD).max(1);
        let part = |rtp, index| Part {
            rtp,
            frame: encoded.frame,
            idr: encoded.idr,
            index: u16::try_from(index).unwrap_or(u16::MAX),
            count: u16::try_from(count).unwrap_or(u16::MAX),
            again: false,
        };
        let mut left = encoded.size.as_u64();
        for index in 0..count {
            self.rtp += 1;
            let part = part(self.rtp, index);
            let size = ByteCount::new(left.min(PAYLOAD) + RTP);
            left = left.saturating_sub(PAYLOAD);
            self.history.insert(self.rtp, (part, size));
            self.enqueue(Kind::Part(part), size);
        }
        if let Repair::Parity(percent) = self.repair {
            let parity = (count * u64::from(percent)).div_ceil(100).max(PARITY_MIN);
            for index in count..count + parity {
                let size = ByteCount::new(encoded.size.as_u64().min(PAYLOAD) + RTP);
                self.enqueue(Kind::Parity(part(0, index)), size);
            }
        }
        while self.history.len() > HISTORY {
            self.history.pop_first();
        }
    }

    fn enqueue(&mut self, kind: Kind, size: ByteCount) {
        self.queue.push_back((kind, size));
        self.queued += on_wire(size);
    }

    pub(super) fn handle_report(&mut self, now: Timestamp, report: &Report) {
        self.idr |= report.pli;
        self.again.extend(&report.nacks);
        let Some(&(newest, _)) = report.arrivals.last() else {
            return;
        };
        let up = now.since(report.sent_at);
        let mut arrivals = report.arrivals.iter().peekable();
        let mut fates = Vec::with_capacity(report.arrivals.len());
        while let Some(flying) = self.flight.pop_front_if(|flying| flying.seq <= newest) {
            while arrivals.next_if(|(seq, _)| *seq < flying.seq).is_some() {}
            let arrived_at = arrivals.next_if(|(seq, _)| *seq == flying.seq).map(|(_, at)| *at);
            let rtt = arrived_at.map_or(Micros::ZERO, |at| at.since(flying.sent_at) + up);
            if arrived_at.is_some() {
                self.rtt_min = Some(self.rtt_min.map_or(rtt, |least| least.min(rtt)));
            }
            self.in_flight = self.in_flight.saturating_sub(flying.size);
            fates.push(Fate {
                seq: flying.seq,
                sent_at: flying.sent_at,
                size: flying.size,
                arrived_at,
                rtt,
                probe: flying.probe,
            });
        }
        if !fates.is_empty() {
            self.controller.on_report(now, &fates, self.in_flight);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        if now >= self.tick_at {
            self.tick_at = now + TICK;
            self.controller.on_tick(now, self.queued);
        }
        if self.probe.is_none() && !self.queue.is_empty() {
            self.probe = self.controller.take_probe().map(|probe| Running {
                probe,
                packets: 0,
                bytes: ByteCount::ZERO,
            });
        }
    }

    /// The next packet to send at `now`.
    pub(super) fn poll(&mut self, now: Timestamp) -> Option<Media> {
        if self.free_at > now || !self.has_room() {
            return None;
        }
        let (kind, size) = self.take_again().or_else(|| self.take_queued()).or_else(|| {
            self.probe
                .is_some()
                .then_some((Kind::Padding, ByteCount::new(PAYLOAD)))
        })?;
        self.seq += 1;
        let wire = on_wire(size);
        let probe = self.probe.map(|running| running.probe);
        self.controller.on_sent(
            now,
            &Sending {
                seq: self.seq,
                size: wire,
                in_flight: self.in_flight,
                probe,
                alone: self.queue.is_empty(),
            },
        );
        let rate = probe.map_or_else(|| self.controller.pacing(), |probe| probe.rate);
        self.free_at = self.free_at.max(now) + rate.time_for(wire);
        self.count_probe(wire);
        self.flight.push_back(Flying {
            seq: self.seq,
            sent_at: now,
            size: wire,
            probe,
        });
        self.in_flight += wire;
        Some(Media {
            seq: self.seq,
            sent_at: now,
            kind,
            size,
        })
    }

    fn has_room(&self) -> bool {
        self.controller
            .window()
            .is_none_or(|window| self.in_flight < window)
    }

    fn take_again(&mut self) -> Option<(Kind, ByteCount)> {
        while let Some(rtp) = self.again.pop_front() {
            if let Some(&(part, size)) = self.history.get(&rtp) {
                return Some((Kind::Part(Part { again: true, ..part }), size));
            }
        }
        None
    }

    fn take_queued(&mut self) -> Option<(Kind, ByteCount)> {
        let (kind, size) = self.queue.pop_front()?;
        self.queued = self.queued.saturating_sub(on_wire(size));
        Some((kind, size))
    }

    fn count_probe(&mut self, wire: ByteCount) {
        if let Some(running) = &mut self.probe {
            running.packets += 1;
            running.bytes += wire;
            if running.packets >= running.probe.packets && running.bytes >= running.probe.bytes {
                self.probe = None;
            }
        }
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        let waits = !self.queue.is_empty() || !self.again.is_empty() || self.probe.is_some();
        let pace = (waits && self.has_room()).then_some(self.free_at);
        [pace, Some(self.tick_at)].into_iter().flatten().min()
    }
}

/// +75 ms over the smallest round trip, +40 ms while the pacer holds something.
const STARVED: Micros = Micros::from_millis(75);
const STARVED_QUEUED: Micros = Micros::from_millis(40);
const RTT_UNKNOWN: Micros = Micros::from_millis(100);
/// libwebrtc's process interval.
const TICK: Micros = Micros::from_millis(25);
/// Parts that can be sent again: two seconds at 50 Mbit/s.
const HISTORY: usize = 12_000;
/// What Moonlight's clients ask for.
const PARITY_MIN: u64 = 2;
