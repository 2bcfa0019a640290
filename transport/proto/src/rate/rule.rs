//! The rule: each frame is a packet train that measures the path.
//!
//! See docs/decisions/0005 and 0012 for why each part is as it is.

use super::compete::Compete;
use super::delay::Delay;
use super::estimate::Estimate;
use super::train::{Sample, Trains};
use super::{Arrival, Features, RateLimits, RateRule, Report};
use firstlight_units::{Bitrate, ByteCount, Micros, RemoteTime, Timestamp};

/// See the module.
#[derive(Debug)]
pub struct TrainRule {
    limits: RateLimits,
    features: Features,
    delay: Delay,
    compete: Compete,
    trains: Trains,
    estimate: Estimate,
    sampled_at: RemoteTime,
    /// When the last report came that held a sample.
    learnt_at: Timestamp,
    target: Bitrate,
    /// What the newest packet that came waited.
    waited: Micros,
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
            compete: Compete::default(),
            trains: Trains::new(features.loss_counted),
            estimate: Estimate::new(features, limits.start.scale(1_000, USE_MOST)),
            sampled_at: RemoteTime::default(),
            learnt_at: Timestamp::default(),
            target: limits.start,
            waited: Micros::ZERO,
            silence: None,
        }
    }

    fn take(&mut self, now: Timestamp, arrival: &Arrival, rtt: Micros) {
        if self.delay.contradicts(now, arrival) {
            self.delay = Delay::new();
            self.trains = Trains::new(self.features.loss_counted);
            self.sampled_at = arrival.arrived_at;
        }
        self.delay.on_arrival(arrival);
        self.waited = self.delay.over_least(arrival);
        if let Some(sample) = self.trains.on_arrival(arrival, &self.delay) {
            self.learn(now, &sample, rtt);
        }
    }

    fn learn(&mut self, now: Timestamp, sample: &Sample, rtt: Micros) {
        let span = sample.at.since(self.sampled_at);
        self.sampled_at = self.sampled_at.max(sample.at);
        self.learnt_at = now;
        self.estimate.on_sample(sample, span, rtt);
        let most = self.limits.max.scale(CAPACITY_MOST, 1);
        let least = self.limits.min;
        self.estimate.set(self.estimate.value().clamp(least, most));
    }

    fn update(&mut self) {
        let used = if self.compete.is_on() {
            SHARE
        } else {
            USE_MOST.saturating_sub(self.drain()).max(USE_DRAINING)
        };
        self.target = self
            .estimate
            .value()
            .scale(used, 1_000)
            .clamp(self.limits.min, self.limits.max);
    }

    /// Thousandths of the estimate that drain what stands within [`DRAIN`].
    fn drain(&self) -> u64 {
        if !self.features.drain {
            return 0;
        }
        let over = self.delay.standing().saturating_sub(QUEUE_FREE);
        over.as_micros().saturating_mul(1_000) / DRAIN.as_micros()
    }
}

impl RateRule for TrainRule {
    fn attach(&mut self, now: Timestamp) {
        *self = Self::new(self.limits, self.features);
        self.learnt_at = now;
    }

    fn on_sent(&mut self, _now: Timestamp, bytes: ByteCount) {
        self.compete.on_sent(bytes);
    }

    fn on_report(&mut self, now: Timestamp, report: &Report<'_>) {
        let rtt = report.rtt_min.unwrap_or(RTT_UNKNOWN);
        for arrival in report.arrivals {
            self.take(now, arrival, rtt);
        }
        if let Some(sample) = self.trains.enough() {
            self.learn(now, &sample, rtt);
        }
        if report.arrivals.is_empty() {
            return;
        }
        self.silence = None;
        if self.features.compete {
            let capacity = self.estimate.value();
            self.compete.on_report(now, self.delay.standing(), capacity);
            // At the lowest rate there is nothing to give up, and so nothing to tell whose queue it is by.
            if capacity.scale(SHARE, 1_000) <= self.limits.min {
                self.compete = Compete::default();
            }
            self.trains.set_apart(self.compete.is_on());
            self.estimate.set_even(self.compete.is_on());
        }
        self.update();
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

    fn waited(&self) -> Micros {
        self.waited.saturating_sub(self.foreign())
    }

    fn foreign(&self) -> Micros {
        if self.compete.is_on() {
            self.delay.standing()
        } else {
            Micros::ZERO
        }
    }

    fn pacing(&self) -> Option<Bitrate> {
        self.compete.is_on().then(|| self.target.scale(PACE, 1))
    }

    fn queue(&self) -> Micros {
        self.delay.standing()
    }
}

/// Thousandths of the estimate that are used where no queue stands: all of it. What an encoder leaves of its target is the reserve, and a frame
/// that finds a queue is cut to what fits behind it.
const USE_MOST: u64 = 1_000;
/// Three frames: what two flows that both see the whole path make together must go before it is felt.
const DRAIN: Micros = Micros::from_millis(50);
/// Thousandths of what a train gets that leave a flow that fills the rest as much as we take, at [`PACE`]: a train of twice the rate r beside c − r
/// is carried at 2rc / (c + r), and three quarters of that are r where r = c / 2 (SQP, arXiv 2207.11857).
const SHARE: u64 = 750;
const PACE: u64 = 2;
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
