//! The rule: each frame is a packet train that measures the path.
//!
//! See docs/decisions/0005 for why each part is as it is.

use super::delay::Delay;
use super::estimate::Estimate;
use super::train::Trains;
use super::{Arrival, Features, RateLimits, RateRule, Report};
use firstlight_units::{Bitrate, ByteCount, Micros, RemoteTime, Timestamp};

/// See the module.
#[derive(Debug)]
pub struct TrainRule {
    limits: RateLimits,
    features: Features,
    delay: Delay,
    trains: Trains,
    estimate: Estimate,
    sampled_at: RemoteTime,
    /// When the last report came that held a sample.
    learnt_at: Timestamp,
    target: Bitrate,
    silence: Option<Silence>,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    before: Bitrate,
    cut_at: Timestamp,
}

impl TrainRule {
    /// A rule that begins at `limits.start`.
    #[must_use]
    pub fn new(limits: RateLimits, features: Features) -> Self {
        Self {
            limits,
            features,
            delay: Delay::new(),
            trains: Trains::new(features.loss_counted),
            estimate: Estimate::new(features, limits.start.scale(1_000, USE_MOST)),
            sampled_at: RemoteTime::default(),
            learnt_at: Timestamp::default(),
            target: limits.start,
            silence: None,
        }
    }

    fn take(&mut self, now: Timestamp, arrival: &Arrival, rtt: Micros) {
        self.delay.on_arrival(arrival);
        if let Some(sample) = self.trains.on_arrival(arrival, &self.delay) {
            let span = sample.at.since(self.sampled_at);
            self.sampled_at = self.sampled_at.max(sample.at);
            self.learnt_at = now;
            self.estimate.on_sample(&sample, span, rtt);
            let most = self.limits.max.scale(CAPACITY_MOST, 1);
            let least = self.limits.min;
            self.estimate.set(self.estimate.value().clamp(least, most));
        }
    }

    fn update(&mut self) {
        let spread = if self.features.spread {
            self.estimate.spread()
        } else {
            0
        };
        let used = USE_MOST.saturating_sub(spread * SPREAD_WEIGHT).max(USE_LEAST);
        let drain = if self.features.drain {
            // What stands is gone in 100 ms.
            self.delay.standing().saturating_sub(QUEUE_FREE).as_micros() / 100
        } else {
            0
        };
        let used = used.saturating_sub(drain).max(USE_DRAINING);
        self.target = self
            .estimate
            .value()
            .scale(used, 1_000)
            .clamp(self.limits.min, self.limits.max);
    }
}

impl RateRule for TrainRule {
    fn attach(&mut self, now: Timestamp) {
        *self = Self::new(self.limits, self.features);
        self.learnt_at = now;
    }

    fn on_sent(&mut self, _now: Timestamp, _bytes: ByteCount) {}

    fn on_report(&mut self, now: Timestamp, report: &Report<'_>) {
        let rtt = report.rtt_min.unwrap_or(RTT_UNKNOWN);
        for arrival in report.arrivals {
            self.take(now, arrival, rtt);
        }
        if self.silence.take_if(|_| !report.arrivals.is_empty()).is_some() || !report.arrivals.is_empty() {
            self.update();
        }
    }

    fn on_silence(&mut self, now: Timestamp) {
        let before = self.target;
        let silence = self.silence.get_or_insert(Silence { before, cut_at: now });
        if now.since(silence.cut_at) >= SILENCE_STEP {
            silence.cut_at = now;
            let least = silence.before.scale(1, 8).max(self.limits.min);
            self.target = self.target.scale(7, 10).max(least).min(self.target);
        }
    }

    fn target(&self) -> Bitrate {
        self.target
    }

    fn capacity(&self) -> Bitrate {
        self.estimate.value()
    }

    fn probe_at(&self) -> Option<Timestamp> {
        let interval = if self.estimate.value() < SLOW_PATH {
            PROBE_SLOW
        } else {
            PROBE
        };
        self.features.probes.then(|| self.learnt_at + interval)
    }

    fn queue(&self) -> Micros {
        self.delay.standing()
    }
}

/// Thousandths of the estimate that are used on a path that does not change.
const USE_MOST: u64 = 930;
/// How many times the mean shortfall of the samples is left free.
const SPREAD_WEIGHT: u64 = 2;
/// However much the samples differ.
const USE_LEAST: u64 = 600;
/// However much there is to drain.
const USE_DRAINING: u64 = 300;
/// A queue that nobody feels: below the grain of a Wi-Fi link.
const QUEUE_FREE: Micros = Micros::from_millis(2);
/// Below this a frame has too few packets to be a train: what grows there grows by probes.
const SLOW_PATH: Bitrate = Bitrate::mbps(3);
const PROBE_SLOW: Micros = Micros::from_millis(150);
/// A still screen sends nothing for seconds (Vidaptive's dummy packets, SIGCOMM'22's ALR probes): twice a second is 1 % of a path.
const PROBE: Micros = Micros::from_millis(500);
/// The estimate is of no use past this many times the highest target.
const CAPACITY_MOST: u64 = 4;
const RTT_UNKNOWN: Micros = Micros::from_millis(100);
const SILENCE_STEP: Micros = Micros::from_millis(100);
