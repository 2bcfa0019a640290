//! How long packets wait in the path: one-way delay over an adaptive minimum.
//!
//! One-way delays carry the unknown difference of two clocks, so only differences mean anything. Jitter delays single packets
//! and a frame waits behind itself: what *stands* is what even the luckiest packet of the last frames had to wait for.

use super::Arrival;
use crate::window::WindowedMin;
use firstlight_units::Micros;

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
/// One to two of these, so two to four frames at 60 fps: a frame's own packets queue behind each other, its first does not.
const RECENT_SPAN: Micros = Micros::from_millis(34);
