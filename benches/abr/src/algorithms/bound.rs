//! What nobody can beat: it knows what the path will carry, nothing of its is lost, and it repairs nothing.
//!
//! A picture gets what the path carries until the next one, less what still waits. It is left out where the next one would
//! arrive as early: into an outage nothing is encoded. The encoder is everybody's, overshoot included.

use crate::flow::{Flow, UDP};
use crate::path::{Path, START};
use crate::source::{BITRATE_MIN, INTERVAL, Order, Source};
use firstlight_netem::{Schedule, Trace};
use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Bound {
    trace: Arc<Trace>,
    schedule: Schedule,
    /// When everything sent so far has left the bottleneck.
    busy_until: Timestamp,
    newest_arrival: Timestamp,
    on_the_way: VecDeque<(Timestamp, u64)>,
    target: Bitrate,
}

impl Bound {
    /// Over this path.
    #[must_use]
    pub fn new(trace: &Arc<Trace>) -> Self {
        Self {
            trace: Arc::clone(trace),
            schedule: trace.schedule(),
            busy_until: START,
            newest_arrival: START,
            on_the_way: VecDeque::new(),
            target: BITRATE_MIN,
        }
    }

    /// When a unit of `size` that enters at `now` has left the bottleneck.
    fn finish(&self, now: Timestamp, size: ByteCount) -> Timestamp {
        let from = self.busy_until.max(now);
        let wire = on_wire(size);
        let left = self.schedule.finish(from.since(START), wire);
        START + left.unwrap_or(Micros::from_secs(1_000_000))
    }
}

impl Flow for Bound {
    fn capture(&mut self, now: Timestamp, source: &mut Source) {
        let least = BITRATE_MIN.bytes_in(INTERVAL);
        let next = now + INTERVAL;
        if self.finish(next, least) <= self.finish(now, least) + SAME {
            return;
        }
        let carries = carried(&self.schedule, self.busy_until.max(now), next);
        self.target = carries.scale(PACKET, PACKET + UDP as u64);
        let encoded = source.encode(
            now,
            Order {
                bitrate: self.target,
                idr: false,
                reference: None,
                most: None,
            },
        );
        self.busy_until = self.finish(now, encoded.size);
        let rtt = self.trace.row(self.busy_until.since(START)).rtt;
        self.newest_arrival = self.newest_arrival.max(self.busy_until + rtt.scale(1, 2));
        self.on_the_way.push_back((self.newest_arrival, encoded.frame));
    }

    fn step(&mut self, now: Timestamp, _path: &mut Path, source: &mut Source) {
        while let Some((_, frame)) = self.on_the_way.pop_front_if(|(at, _)| *at <= now) {
            source.on_decoded(now, frame);
        }
    }

    fn next(&self) -> Option<Timestamp> {
        self.on_the_way.front().map(|(at, _)| *at)
    }

    fn target(&self) -> Bitrate {
        self.target
    }
}

/// What the path carries between two moments, as the rate of a picture's time.
fn carried(schedule: &Schedule, from: Timestamp, to: Timestamp) -> Bitrate {
    let steps = 16;
    let span = to.since(from);
    let sum: u64 = (0..steps)
        .map(|i| {
            let at = from.since(START) + span.scale(2 * i + 1, 2 * steps);
            schedule.rate(at).as_bps()
        })
        .sum();
    Bitrate::bps(sum / steps).scale(span.as_micros(), INTERVAL.as_micros())
}

fn on_wire(size: ByteCount) -> ByteCount {
    let packets = size.as_u64().div_ceil(PACKET);
    ByteCount::new(size.as_u64() + packets * UDP as u64)
}

/// Payload of a packet.
const PACKET: u64 = 1_200;
/// Two arrivals this near are one.
const SAME: Micros = Micros::from_millis(2);
