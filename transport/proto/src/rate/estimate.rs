//! What the path carries: samples in, an estimate out.

use super::Features;
use super::train::Sample;
use firstlight_units::{Bitrate, Micros};

/// The estimate; falls at once on evidence, grows within a few frames.
#[derive(Debug)]
pub(crate) struct Estimate {
    features: Features,
    value: Bitrate,
    /// Every sample counts alike: they say what we get among others.
    even: bool,
    /// Slow samples in a row.
    slow: u32,
    /// The faster one of them.
    slow_best: Bitrate,
}

impl Estimate {
    pub(crate) const fn new(features: Features, start: Bitrate) -> Self {
        Self {
            features,
            value: start,
            even: false,
            slow: 0,
            slow_best: Bitrate::ZERO,
        }
    }

    pub(crate) const fn set_even(&mut self, even: bool) {
        self.even = even;
    }

    pub(crate) const fn value(&self) -> Bitrate {
        self.value
    }

    pub(crate) const fn set(&mut self, value: Bitrate) {
        self.value = value;
    }

    /// Takes a sample; `span` is the time since the one before it, `rtt` the smallest round trip.
    pub(crate) fn on_sample(&mut self, sample: &Sample, span: Micros, rtt: Micros) {
        if sample.at_least {
            self.slow = 0;
            if sample.rate > self.value {
                let grown = self.grown(span, rtt);
                self.value = sample.rate.min(grown);
            }
            return;
        }
        if self.even {
            self.value = mix(self.value, sample.rate, 1, EVEN);
            return;
        }
        if sample.rate < self.value.scale(SLOW, 100) {
            self.slow_best = if self.slow == 0 {
                sample.rate
            } else {
                self.slow_best.max(sample.rate)
            };
            self.slow += 1;
            let lost = sample.lossy && sample.waited > LOSS_QUEUE;
            let deep = sample.rate < self.value.scale(DEEP, 100) && sample.waited > DEEP_QUEUE;
            let needed = if lost || deep { 1 } else { 2 };
            if self.features.fast_drop && self.slow >= needed {
                self.value = self.slow_best;
                self.slow = 0;
            } else if !self.features.fast_drop {
                self.value = mix(self.value, sample.rate, 1, 8);
            }
            return;
        }
        self.slow = 0;
        if sample.rate < self.value {
            self.value = mix(self.value, sample.rate, DOWN, 100);
        } else if self.features.fast_growth {
            self.value = mix(self.value, sample.rate.min(self.value.scale(2, 1)), UP, 100);
        } else {
            self.value = sample.rate.min(self.grown(span, rtt));
        }
        self.value = self.value + self.more();
    }

    /// What is added with each sample. Where two flows meet, what the path carries of their trains is as their rates are, whatever
    /// these are: the smaller one must gain more in proportion.
    fn more(&self) -> Bitrate {
        MORE.scale(self.value.as_kbps().isqrt(), MORE_AT.as_kbps().isqrt())
    }

    /// 8 % more for each round trip.
    fn grown(&self, span: Micros, rtt: Micros) -> Bitrate {
        let rtt = rtt.max(RTT_LEAST).as_micros();
        let span = span.min(SPAN_MAX).as_micros();
        self.value.scale(100 * rtt + GROWTH * span, 100 * rtt)
    }
}

/// `a` moved towards `b` by `num / den`.
fn mix(a: Bitrate, b: Bitrate, num: u64, den: u64) -> Bitrate {
    a.scale(den - num, den) + b.scale(num, den)
}

/// Per cent of the way to a faster sample: most of it in twenty, a sixth of a second, so that a moment's luck is not believed. 25 % used a
/// hundredth more of the path, and over cells had 0.4 points more time with a stale picture.
const UP: u64 = 12;
/// Added with each sample at [`MORE_AT`]; at other rates it goes with the square root. It lifts the estimate by 1 % there and by 7 % at 1 Mbit/s.
const MORE: Bitrate = Bitrate::kbps(100);
const MORE_AT: Bitrate = Bitrate::mbps(30);
/// Two frames of two samples each.
const EVEN: u64 = 8;
/// Per cent of the way to a slower one.
const DOWN: u64 = 33;
/// Per cent of the estimate below which a sample is a drop and no noise.
const SLOW: u64 = 70;
/// Per cent of the estimate below which one sample is enough, if it stood in such a queue: chance does not hold a train up for two frames.
const DEEP: u64 = 35;
const DEEP_QUEUE: Micros = Micros::from_millis(15);
/// Per cent per round trip.
const GROWTH: u64 = 8;
/// A pause in the samples is not made up for by a leap.
const SPAN_MAX: Micros = Micros::from_millis(250);
/// On a fast path the encoder is the slower one: a frame at 60 fps.
const RTT_LEAST: Micros = Micros::from_millis(16);
/// Loss in front of such a queue is a full one.
const LOSS_QUEUE: Micros = Micros::from_millis(15);

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_units::RemoteTime;

    const RTT: Micros = Micros::from_millis(20);
    const FRAME: Micros = Micros::from_millis(17);

    fn sample(mbps: u64, at_least: bool) -> Sample {
        Sample {
            rate: Bitrate::mbps(mbps),
            at_least,
            at: RemoteTime::default(),
            waited: Micros::ZERO,
            lossy: false,
        }
    }

    fn after(samples: &[Sample]) -> Estimate {
        let mut estimate = Estimate::new(Features::ALL, Bitrate::mbps(40));
        for sample in samples {
            estimate.on_sample(sample, FRAME, RTT);
        }
        estimate
    }

    #[test]
    fn one_slow_train_is_chance_and_two_are_a_drop() {
        assert_eq!(after(&[sample(8, false)]).value(), Bitrate::mbps(40));
        assert_eq!(
            after(&[sample(8, false), sample(9, false)]).value(),
            Bitrate::mbps(9)
        );
        let apart = [sample(8, false), sample(41, false), sample(8, false)];
        assert!(after(&apart).value() >= Bitrate::mbps(40));
    }

    #[test]
    fn loss_behind_a_queue_needs_only_one() {
        let full = Sample {
            waited: Micros::from_millis(30),
            lossy: true,
            ..sample(8, false)
        };
        assert_eq!(after(&[full]).value(), Bitrate::mbps(8));
    }

    #[test]
    fn a_train_that_met_no_limit_never_lowers_it() {
        assert_eq!(after(&[sample(3, true); 50]).value(), Bitrate::mbps(40));
        assert!(after(&[sample(80, true); 30]).value() > Bitrate::mbps(79));
    }
}
