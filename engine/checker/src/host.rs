//! What a host's sessions say of it: a fast figure to route by, a slow one to judge by.
//!
//! The fast one forgets within the hour and says where to send the next player. The slow one is the lower end of Wilson's 95 %
//! interval over months: a new host stands low because little is known of it, an old one is not ruined by a handful of bad
//! minutes in ten thousand, and none can stand higher than its record proves.

use crate::Score;
use serde::{Deserialize, Serialize};

/// A host's record, of fixed size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// [`None`] before the first minute.
    fast: Option<u32>,
    good: u64,
    all: u64,
}

impl Record {
    /// A session had a minute of this mean score on the host.
    pub fn on_minute(&mut self, score: Score) {
        let new = u32::from(score.get()) * FINE;
        let fast = self.fast.map_or(new, |old| old - old / MEMORY + new / MEMORY);
        self.fast = Some(fast);
        if self.all >= MINUTES_MAX {
            self.all /= 2;
            self.good /= 2;
        }
        self.all += 1;
        self.good += u64::from(score >= crate::session::GOOD);
    }

    /// A committee has found that it does worse than it says: what it was good for counts half, until players say otherwise.
    pub fn on_found_bad(&mut self) {
        let full = u32::from(Score::FULL.get()) * FINE;
        self.fast = Some(self.fast.unwrap_or(full) / 2);
    }

    /// How good it is at present, for placement. [`None`]: nothing is known.
    #[must_use]
    pub fn routing(&self) -> Option<Score> {
        let fast = self.fast? / FINE;
        Some(Score::new(u16::try_from(fast).unwrap_or(u16::MAX)))
    }

    /// The part of its minutes that are good, as far as the record proves it.
    #[must_use]
    pub fn standing(&self) -> Score {
        wilson(self.good, self.all)
    }

    /// Good minutes, and all that count.
    #[must_use]
    pub const fn minutes(&self) -> (u64, u64) {
        (self.good, self.all)
    }
}

/// The lower end of Wilson's 95 % score interval for `good` of `all`, rounded down; nothing proves nothing.
///
/// Plus, minus, times, divide and the square root are exact to the last bit in IEEE 754, so this is the same everywhere.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "a record is halved long before 2^53 minutes"
)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=10000 before"
)]
pub fn wilson(good: u64, all: u64) -> Score {
    if all == 0 {
        return Score::NONE;
    }
    let n = all as f64;
    let p = good.min(all) as f64 / n;
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let lower = (centre - half) / (1.0 + z2 / n);
    Score::new((lower * 10_000.0).clamp(0.0, 10_000.0).floor() as u16)
}

/// Of a normal distribution, 95 % lie within.
const Z: f64 = 1.96;
/// Each minute moves the fast figure by a sixteenth: it has forgotten half after 11.
const MEMORY: u32 = 16;
/// Steps below a ten-thousandth, so that the last bit moves too.
const FINE: u32 = 65_536;
/// 69 days of one full slot; then the old half counts half.
const MINUTES_MAX: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bound_is_wilsons() {
        for (good, all, lower) in [
            (10, 10, 7_224),
            (59, 59, 9_388),
            (100, 100, 9_630),
            (300, 300, 9_873),
            (11_891, 11_906, 9_979),
        ] {
            assert_eq!(wilson(good, all), Score::new(lower), "{good} of {all}");
        }
        assert_eq!(wilson(0, 0), Score::NONE);
    }

    #[test]
    fn a_handful_of_failures_in_ten_thousand_ruins_nobody() {
        let mut record = Record::default();
        (0..10_000).for_each(|n| record.on_minute(if n % 2_000 == 0 { Score::NONE } else { Score::FULL }));
        assert!(record.standing() > Score::new(9_980), "{}", record.standing());
    }

    #[test]
    fn a_host_that_turns_bad_loses_its_route_in_a_quarter_of_an_hour() {
        let mut record = Record::default();
        assert_eq!(record.routing(), None);
        (0..40_000).for_each(|_| record.on_minute(Score::FULL));
        assert_eq!(record.routing(), Some(Score::FULL));
        (0..15).for_each(|_| record.on_minute(Score::NONE));
        assert!(
            record.routing() < Some(Score::new(4_000)),
            "{:?}",
            record.routing()
        );
        assert!(record.standing() > Score::new(9_980));
    }

    #[test]
    fn what_a_committee_finds_costs_the_route_and_good_minutes_win_it_back() {
        let mut record = Record::default();
        record.on_found_bad();
        assert_eq!(record.routing(), Some(Score::new(5_000)));
        record.on_found_bad();
        assert_eq!(record.routing(), Some(Score::new(2_500)));
        (0..60).for_each(|_| record.on_minute(Score::FULL));
        assert!(record.routing() > Some(Score::new(9_500)));
    }

    #[test]
    fn the_record_is_bounded() {
        let mut record = Record::default();
        (0..300_000).for_each(|_| record.on_minute(Score::FULL));
        assert!(record.minutes().1 <= MINUTES_MAX);
        assert_eq!(record.minutes().0, record.minutes().1);
    }

    proptest! {
        #[test]
        fn more_good_minutes_never_lower_it(good in 0u64..1_000_000, bad in 0u64..1_000_000) {
            prop_assert!(wilson(good + 1, good + 1 + bad) >= wilson(good, good + bad));
            prop_assert!(wilson(good, good + bad + 1) <= wilson(good, good + bad));
        }
    }
}
