//! A download: as much as its control lets through, each packet acknowledged at once.

use crate::control::{Bbr, Cubic};
use crate::flow::Flow;
use crate::path::{Body, Class, Path};
use crate::rtp::{Controller, Fate, Kind, Media, Packet, Report, Sending};
use crate::source::Source;
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use std::collections::VecDeque;

/// See the module.
#[derive(Debug)]
pub struct Bulk {
    flow: usize,
    controller: Box<dyn Controller>,
    begins_at: Timestamp,
    flight: VecDeque<(u64, Timestamp)>,
    seq: u64,
    free_at: Timestamp,
}

impl Bulk {
    /// A Cubic flow.
    #[must_use]
    pub fn cubic(flow: usize, begins_at: Timestamp) -> Self {
        Self::new(flow, Box::new(Cubic::new()), begins_at)
    }

    /// A BBR flow.
    #[must_use]
    pub fn bbr(flow: usize, begins_at: Timestamp) -> Self {
        Self::new(flow, Box::new(Bbr::new()), begins_at)
    }

    fn new(flow: usize, controller: Box<dyn Controller>, begins_at: Timestamp) -> Self {
        Self {
            flow,
            controller,
            begins_at,
            flight: VecDeque::new(),
            seq: 0,
            free_at: begins_at,
        }
    }

    fn in_flight(&self) -> ByteCount {
        ByteCount::new(SIZE.as_u64() * self.flight.len() as u64)
    }

    fn handle(&mut self, now: Timestamp, report: &Report) {
        let up = now.since(report.sent_at);
        for &(newest, at) in &report.arrivals {
            let mut fates = Vec::new();
            while let Some((seq, sent_at)) = self.flight.pop_front_if(|(seq, _)| *seq <= newest) {
                fates.push(Fate {
                    seq,
                    sent_at,
                    size: SIZE,
                    arrived_at: (seq == newest).then_some(at),
                    rtt: at.since(sent_at) + up,
                    probe: None,
                });
            }
            self.controller.on_report(now, &fates, self.in_flight());
        }
    }

    fn has_room(&self) -> bool {
        self.controller
            .window()
            .is_none_or(|window| self.in_flight() + SIZE <= window)
    }

    fn send(&mut self, now: Timestamp, path: &mut Path) {
        // A tail that was lost as a whole is never reported: after a while it counts as gone.
        let gone = self
            .flight
            .back()
            .is_some_and(|(_, sent_at)| now.since(*sent_at) > TIMEOUT);
        if gone {
            self.flight.clear();
        }
        while self.free_at <= now && self.has_room() {
            self.seq += 1;
            let sending = Sending {
                seq: self.seq,
                size: SIZE,
                in_flight: self.in_flight(),
                probe: None,
                alone: false,
            };
            self.controller.on_sent(now, &sending);
            self.flight.push_back((self.seq, now));
            let time = self.controller.pacing().time_for(SIZE);
            self.free_at = self.free_at.max(now.before(Micros::from_millis(1))) + time;
            let media = Media {
                seq: self.seq,
                sent_at: now,
                kind: Kind::Padding,
                size: SIZE,
            };
            path.send_down(
                now,
                self.flow,
                Class::Media,
                SIZE,
                Body::Model(Packet::Media(media)),
            );
        }
    }
}

impl Flow for Bulk {
    fn capture(&mut self, _now: Timestamp, _source: &mut Source) {}

    fn step(&mut self, now: Timestamp, path: &mut Path, _source: &mut Source) {
        while let Some(body) = path.take_up(self.flow) {
            if let Body::Model(Packet::Report(report)) = body {
                self.handle(now, &report);
            }
        }
        if now >= self.begins_at {
            self.send(now, path);
        }
        while let Some(body) = path.take_down(self.flow) {
            let Body::Model(Packet::Media(media)) = body else {
                continue;
            };
            let report = Report {
                sent_at: now,
                arrivals: vec![(media.seq, now)],
                nacks: Vec::new(),
                pli: false,
            };
            path.send_up(
                now,
                self.flow,
                ByteCount::new(40),
                Body::Model(Packet::Report(report)),
            );
        }
    }

    fn next(&self) -> Option<Timestamp> {
        let timeout = self
            .flight
            .back()
            .map(|(_, sent_at)| *sent_at + TIMEOUT + Micros::new(1));
        let pace = self.has_room().then_some(self.free_at);
        [timeout, pace].into_iter().flatten().min()
    }

    fn target(&self) -> Bitrate {
        self.controller.target()
    }
}

/// Of a packet, on the line.
const SIZE: ByteCount = ByteCount::new(1_228);
const TIMEOUT: Micros = Micros::from_secs(1);
