//! How long sessions last: the chance that one ends soon, given how long it has run.
//!
//! Lengths are kept in steps that grow with length, with ends and survivors counted in each (the Kaplan-Meier estimate of a
//! hazard). A prior of a few sessions of half an hour speaks until there are some; so the estimate is there from the start and
//! gets better.

use firstlight_units::Micros;
use serde::{Deserialize, Serialize};

/// What is known of lengths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lengths {
    /// By step: sessions that ended in it.
    ended: Vec<f64>,
    /// By step: seconds that sessions spent in it, all together.
    exposed_s: Vec<f64>,
}

impl Default for Lengths {
    fn default() -> Self {
        let exposed_s: Vec<f64> = (0..STEPS).map(|step| PRIOR_SESSIONS * width_s(step)).collect();
        let ended = exposed_s.iter().map(|seconds| seconds / PRIOR_MEAN_S).collect();
        Self { ended, exposed_s }
    }
}

impl Lengths {
    /// A session ended after that long.
    pub fn record(&mut self, length: Micros) {
        let length = length.as_secs_f64();
        let last = step(length);
        for step in 0..=last {
            let within = (length - begin_s(step)).clamp(0.0, width_s(step));
            if let Some(exposed) = self.exposed_s.get_mut(step) {
                *exposed += within;
            }
        }
        if let Some(ended) = self.ended.get_mut(last) {
            *ended += 1.0;
        }
    }

    /// Ends to be expected in a second among sessions of that age, for each.
    #[must_use]
    pub fn hazard_per_s(&self, age: Micros) -> f64 {
        let step = step(age.as_secs_f64());
        match (self.ended.get(step), self.exposed_s.get(step)) {
            (Some(ended), Some(exposed)) if *exposed > 0.0 => ended / exposed,
            _ => 1.0 / PRIOR_MEAN_S,
        }
    }

    /// The mean length.
    #[must_use]
    pub fn mean(&self) -> Micros {
        let (mut there, mut mean) = (1.0f64, 0.0f64);
        for step in 0..STEPS {
            let hazard = self.hazard_per_s(seconds(begin_s(step)));
            let stays = (-hazard * width_s(step)).exp();
            mean += if hazard > 0.0 {
                there * (1.0 - stays) / hazard
            } else {
                there * width_s(step)
            };
            there *= stays;
        }
        seconds(mean)
    }
}

/// Steps double from a quarter of a minute; the last has no end.
fn step(length_s: f64) -> usize {
    (0..STEPS)
        .rev()
        .find(|step| length_s >= begin_s(*step))
        .unwrap_or(0)
}

fn begin_s(step: usize) -> f64 {
    match step.checked_sub(1) {
        None => 0.0,
        Some(doublings) => FIRST_S * f64::from(1u32 << doublings),
    }
}

fn width_s(step: usize) -> f64 {
    begin_s(step + 1) - begin_s(step)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds of a session, clamped"
)]
pub(crate) fn seconds(s: f64) -> Micros {
    Micros::new((s.clamp(0.0, 1e9) * 1e6) as u64)
}

const STEPS: usize = 12;
const FIRST_S: f64 = 15.0;
/// As if so many sessions had been seen before.
const PRIOR_SESSIONS: f64 = 3.0;
/// The mean length of those: half an hour.
const PRIOR_MEAN_S: f64 = 1800.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn s(n: u64) -> Micros {
        Micros::from_secs(n)
    }

    #[test]
    fn the_mean_goes_to_what_is_seen() {
        let mut lengths = Lengths::default();
        let prior = lengths.mean().as_secs_f64();
        assert!((1_500.0..2_100.0).contains(&prior), "{prior}");
        for _ in 0..200 {
            lengths.record(s(300));
        }
        let mean = lengths.mean().as_secs_f64();
        assert!((240.0..420.0).contains(&mean), "{mean}");
    }
}
