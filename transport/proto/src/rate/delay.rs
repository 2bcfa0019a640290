//! How long packets wait in the path: one-way delay over an adaptive minimum.
//!
//! One-way delays carry the unknown difference of two clocks, so only differences mean anything. Jitter delays single packets
//! and a frame waits behind itself: what *stands* is what even the luckiest packet of the last frames had to wait for.

use super::Arrival;
use crate::window::WindowedMin;
use firstlight_units::{Micros, Timestamp};

#[derive(Debug)]
pub(crate) struct Delay {
    least: WindowedMin<i64>,
    recent: WindowedMin<i64>,
}

impl Delay {
    pub(crate) const fn new() -> Self {
        Self {
            least: WindowedMin::new(LEAST_SPAN),
            recent: WindowedMin::new(RECENT_SPAN),
        }
    }

    pub(crate) fn on_arrival(&mut self, arrival: &Arrival) {
        let (at, delay) = (arrival.arrived_at.as_micros(), one_way(arrival));
        self.least.update(at, delay);
        self.recent.update(at, delay);
    }

    /// How much longer than the quickest packet of the last seconds this one took.
    pub(crate) fn over_least(&self, arrival: &Arrival) -> Micros {
        let delay = one_way(arrival);
        Micros::new(u64::try_from(delay.saturating_sub(self.least.least().unwrap_or(delay))).unwrap_or(0))
    }

    /// Whether this packet would have waited for longer than it and the report of it were on their way, which is timed by one clock, the
    /// sender's: the clock that arrivals are told by was set, or what is told is not true. What was learnt of it is nothing worth then.
    pub(crate) fn contradicts(&self, now: Timestamp, arrival: &Arrival) -> bool {
        self.over_least(arrival) > now.since(arrival.sent_at) + READING
    }

    /// What every packet of the last frames waited, at least.
    pub(crate) fn standing(&self) -> Micros {
        let recent = self.recent.least().unwrap_or(0);
        let least = self.least.least().unwrap_or(recent);
        Micros::new(u64::try_from(recent.saturating_sub(least)).unwrap_or(0))
    }
}

/// One-way delay, off by the difference of the clocks.
const fn one_way(arrival: &Arrival) -> i64 {
    arrival
        .arrived_at
        .as_micros()
        .wrapping_sub(arrival.sent_at.as_micros())
        .cast_signed()
}

/// Ten seconds at the most: past it a queue that never goes away counts as the path.
const LEAST_SPAN: Micros = Micros::from_secs(5);
/// What two clocks drift apart by in ten seconds, and what a report rounds: far less. What a queue holds that matters is as much.
const READING: Micros = Micros::from_millis(20);
/// One to two of these, so two to four frames at 60 fps: a frame's own packets queue behind each other, its first does not.
const RECENT_SPAN: Micros = Micros::from_millis(34);

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_units::{ByteCount, FrameId, PacketSeq, RemoteTime};

    /// Sent at `sent` ms by one clock, there at `arrived` ms by the other.
    fn arrival(sent: u64, arrived: u64) -> Arrival {
        Arrival {
            seq: PacketSeq::new(1),
            train: FrameId::new(1),
            bytes: ByteCount::new(1_200),
            total: ByteCount::new(1_200),
            sent_at: Timestamp::from_micros(sent * 1_000),
            arrived_at: RemoteTime::from_micros(arrived * 1_000),
        }
    }

    #[test]
    fn a_packet_waits_no_longer_than_it_was_on_its_way() {
        let at = |ms: u64| Timestamp::from_micros(ms * 1_000);
        let mut delay = Delay::new();
        delay.on_arrival(&arrival(1_000, 9_010));
        assert!(
            !delay.contradicts(at(1_220), &arrival(1_100, 9_220)),
            "110 ms of 120"
        );
        assert!(
            delay.contradicts(at(1_180), &arrival(1_100, 9_220)),
            "110 ms of 80"
        );
        // The other clock is set back, and what was the quickest by then is not to be believed.
        delay.on_arrival(&arrival(1_200, 2_000));
        assert!(delay.contradicts(at(1_320), &arrival(1_300, 9_310)));
    }
}
