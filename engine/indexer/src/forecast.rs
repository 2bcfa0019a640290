//! How many sessions will have ended by when: what whoever waits for a place is told.

use crate::lengths::{Lengths, seconds};
use firstlight_units::Micros;
use std::collections::BTreeMap;

/// When how many sessions will have ended, in the middle of what is likely.
///
/// Whoever's session ends is followed by somebody who waits ahead, and whose session ends in its turn.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    /// Ends by a moment, and that moment from now on; both rise.
    ends: Vec<(f64, Micros)>,
}

/// Sessions of about the same age.
struct Group {
    age_s: f64,
    /// How many are still there, in the mean.
    there: f64,
}

impl Forecast {
    /// Of sessions with these `ages`, which last as `lengths` says. Thousands are as quick as dozens: those of an age go together.
    #[must_use]
    pub fn new(lengths: &Lengths, ages: impl IntoIterator<Item = Micros>) -> Self {
        let mut groups = groups(ages);
        if groups.is_empty() {
            return Self::default();
        }
        let mean_s = lengths.mean().as_secs_f64().max(1.0);
        let mut ends = Vec::new();
        let (mut at, mut ended, mut followers) = (0.0f64, 0.0f64, 0.0f64);
        while at < HORIZON.as_secs_f64() {
            let pace = (at / 20.0).clamp(1.0, 60.0);
            let again = followers * (1.0 - (-pace / mean_s).exp());
            let mut first = 0.0;
            for group in &mut groups {
                let hazard = lengths.hazard_per_s(seconds(group.age_s + at));
                let ends = group.there * (1.0 - (-hazard * pace).exp());
                group.there -= ends;
                first += ends;
            }
            followers += first;
            ended += first + again;
            at += pace;
            ends.push((ended, seconds(at).min(HORIZON)));
        }
        Self { ends }
    }

    /// How long until `wanted` of them have ended; never longer than four hours.
    #[must_use]
    pub fn until(&self, wanted: usize) -> Micros {
        if wanted == 0 {
            return Micros::ZERO;
        }
        let goal = to_f64(wanted) - 0.5;
        let reached = self.ends.partition_point(|(ended, _)| *ended < goal);
        self.ends.get(reached).map_or(HORIZON, |(_, at)| *at)
    }
}

/// An eighth of a doubling apart: within it the chance to end is the same, or nearly.
fn groups(ages: impl IntoIterator<Item = Micros>) -> Vec<Group> {
    let mut sums: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for age in ages {
        let age_s = age.as_secs_f64();
        let (sum, n) = sums.entry(eighth(age_s)).or_default();
        *sum += age_s;
        *n += 1.0;
    }
    sums.into_values()
        .map(|(sum, n)| Group {
            age_s: sum / n,
            there: n,
        })
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the logarithm of a second and more"
)]
fn eighth(age_s: f64) -> u64 {
    ((1.0 + age_s).log2() * 8.0) as u64
}

#[expect(clippy::cast_precision_loss, reason = "counts of sessions")]
const fn to_f64(n: usize) -> f64 {
    n as f64
}

/// Nobody is told to wait longer.
pub(crate) const HORIZON: Micros = Micros::from_secs(4 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn s(n: u64) -> Micros {
        Micros::from_secs(n)
    }

    fn until(lengths: &Lengths, ages: &[Micros], wanted: usize) -> Micros {
        Forecast::new(lengths, ages.iter().copied()).until(wanted)
    }

    /// Each session by itself, as the forecast would be without groups.
    fn one_by_one(lengths: &Lengths, ages: &[Micros], wanted: usize) -> f64 {
        let mean_s = lengths.mean().as_secs_f64().max(1.0);
        let mut there = vec![1.0; ages.len()];
        let (mut at, mut ended, mut followers) = (0.0f64, 0.0, 0.0);
        while ended < to_f64(wanted) - 0.5 && at < HORIZON.as_secs_f64() {
            ended += followers * (1.0 - (-1.0 / mean_s).exp());
            for (age, there) in ages.iter().zip(&mut there) {
                let hazard = lengths.hazard_per_s(*age + seconds(at));
                let ends = *there * (1.0 - (-hazard).exp());
                *there -= ends;
                (followers, ended) = (followers + ends, ended + ends);
            }
            at += 1.0;
        }
        at
    }

    #[test]
    fn groups_come_to_what_the_sessions_would() {
        let mut lengths = Lengths::default();
        for n in 0..200u64 {
            lengths.record(s(60 + n * 37 % 3_000));
        }
        let ages: Vec<Micros> = (0..300u64).map(|n| s(n * n * 31 % 6_000)).collect();
        for wanted in [1, 10, 100, 400] {
            let (told, exact) = (
                until(&lengths, &ages, wanted).as_secs_f64(),
                one_by_one(&lengths, &ages, wanted),
            );
            // A step is up to a twentieth of the time.
            assert!(
                (told - exact).abs() <= exact * 0.08 + 1.0,
                "{wanted}: {told} for {exact}"
            );
        }
    }

    #[test]
    fn an_estimate_gets_better_with_every_session() {
        let truth = 300.0;
        let mut lengths = Lengths::default();
        let mut errors = Vec::new();
        for n in 0..100 {
            if n % 25 == 0 {
                let told = until(&lengths, &[Micros::ZERO], 1).as_secs_f64();
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
        assert_eq!(until(&lengths, &[], 1), HORIZON);
        assert_eq!(until(&lengths, &[], 0), Micros::ZERO);
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
            let wait = |place| until(&lengths, &ages, place);
            prop_assert!(wait(place) <= wait(place + 1));
            let twice: Vec<Micros> = ages.iter().chain(&ages).copied().collect();
            prop_assert!(until(&lengths, &twice, place) <= wait(place));
        }
    }
}
