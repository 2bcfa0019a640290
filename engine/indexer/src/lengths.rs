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

    /// How long until `wanted` sessions have ended where sessions with these `ages` run, in the middle of what is likely; never
    /// longer than `HORIZON`.
    ///
    /// Whoever's session ends is followed by somebody who waits ahead, and whose session ends in its turn.
    #[must_use]
    pub fn until_ended(&self, ages: &[Micros], wanted: usize) -> Micros {
        if wanted == 0 {
            return Micros::ZERO;
        }
        let goal = to_f64(wanted) - 0.5;
        let mean_s = self.mean().as_secs_f64().max(1.0);
        // By session: the chance that it is still there. And how many that followed are, in the mean.
        let mut there = vec![1.0f64; ages.len()];
        let (mut at, mut ended, mut followers) = (0.0f64, 0.0f64, 0.0f64);
        while ended < goal && at < HORIZON.as_secs_f64() && !ages.is_empty() {
            let pace = (at / 20.0).clamp(1.0, 60.0);
            let again = followers * (1.0 - (-pace / mean_s).exp());
            let mut first = 0.0;
            for (age, there) in ages.iter().zip(&mut there) {
                let hazard = self.hazard_per_s(*age + seconds(at));
                let ends = *there * (1.0 - (-hazard * pace).exp());
                *there -= ends;
                first += ends;
            }
            followers += first;
            ended += first + again;
            at += pace;
        }
        if ages.is_empty() {
            HORIZON
        } else {
            seconds(at).min(HORIZON)
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
    match i32::try_from(step) {
        Ok(0) | Err(_) => 0.0,
        Ok(step) => FIRST_S * 2f64.powi(step - 1),
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
fn seconds(s: f64) -> Micros {
    Micros::new((s.clamp(0.0, 1e9) * 1e6) as u64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of sessions")]
const fn to_f64(n: usize) -> f64 {
    n as f64
}

const STEPS: usize = 12;
const FIRST_S: f64 = 15.0;
/// As if so many sessions had been seen before.
const PRIOR_SESSIONS: f64 = 3.0;
/// The mean length of those: half an hour.
const PRIOR_MEAN_S: f64 = 1800.0;
/// Nobody is told to wait longer.
pub(crate) const HORIZON: Micros = Micros::from_secs(4 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    #[test]
    fn an_estimate_gets_better_with_every_session() {
        let truth = 300.0;
        let mut lengths = Lengths::default();
        let mut errors = Vec::new();
        for n in 0..100 {
            if n % 25 == 0 {
                let told = lengths.until_ended(&[Micros::ZERO], 1).as_secs_f64();
                errors.push((told - truth).abs());
            }
            lengths.record(s(300));
        }
        assert!(errors.windows(2).all(|pair| pair[1] <= pair[0]), "{errors:?}");
        assert!(errors[3] < truth / 3.0, "{errors:?}");
    }

    #[test]
    fn nobody_playing_ends_nothing() {
        let lengths = Lengths::default();
        assert_eq!(lengths.until_ended(&[], 1), HORIZON);
        assert_eq!(lengths.until_ended(&[], 0), Micros::ZERO);
    }

    proptest! {
        #[test]
        fn the_wait_rises_with_the_place_and_falls_with_the_slots(
            ages in prop::collection::vec(0u64..7200, 1..20),
            place in 1usize..30,
            lengths_s in prop::collection::vec(1u64..9000, 0..50),
        ) {
            let mut lengths = Lengths::default();
            for length in lengths_s {
                lengths.record(s(length));
            }
            let ages: Vec<Micros> = ages.into_iter().map(s).collect();
            let wait = |place| lengths.until_ended(&ages, place);
            prop_assert!(wait(place) <= wait(place + 1));
            let twice: Vec<Micros> = ages.iter().chain(&ages).copied().collect();
            prop_assert!(lengths.until_ended(&twice, place) <= wait(place));
        }
    }
}
