//! How good a session was, from its player's click to its end.
//!
//! ```text
//! start    from the time to the first picture                             15 %
//! middle   6 parts the mean second, 4 parts the mean of the worst tenth   80 %
//! exit     how it ended                                                    5 %
//! ```

use crate::quality::{Factor, Judged};
use crate::{Score, tables};
use firstlight_units::Micros;
use std::collections::BTreeMap;

/// How a session ended, as its player saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It goes on.
    NotYet,
    /// As the player or the title wanted.
    Clean,
    /// The player did not come back: by will or by a network that failed, nobody can tell.
    Lost,
    /// The engine or its operator ended it.
    Cut,
    /// The title or the engine broke.
    Broken,
}

impl Exit {
    /// What it is worth; nothing is taken off before the end.
    #[must_use]
    pub const fn score(self) -> Score {
        match self {
            Self::NotYet | Self::Clean => Score::FULL,
            Self::Lost => Score::new(7_000),
            Self::Cut => Score::new(4_000),
            Self::Broken => Score::NONE,
        }
    }
}

/// A session's score and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The whole.
    pub score: Score,
    /// From the click to the first picture.
    pub start: Score,
    /// [`Self::mean`] and [`Self::worst_decile`].
    pub middle: Score,
    /// Its end.
    pub exit: Score,
    /// Of all its seconds.
    pub mean: Score,
    /// Mean of the worst tenth of its seconds.
    pub worst_decile: Score,
    /// Seconds judged.
    pub seconds: u64,
    /// Of those, the ones at [`GOOD`] or above.
    pub good: u64,
    /// For each side of the experience the seconds below [`GOOD`] that it cost most in; the most first.
    pub reasons: Vec<(Factor, u64)>,
}

/// Adds up a session's seconds in 4 KiB, however long it lasts.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Seconds by their score, in steps of a thousandth of the whole.
    steps: Vec<u32>,
    reasons: BTreeMap<Factor, u64>,
    second_on: Option<Micros>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            steps: vec![0; STEPS],
            reasons: BTreeMap::new(),
            second_on: None,
        }
    }
}

impl Tally {
    /// The time from the player's click to the first picture; only the first call counts.
    pub fn on_first_picture(&mut self, after: Micros) {
        self.second_on.get_or_insert(after);
    }

    /// A second was judged.
    pub fn on_second(&mut self, judged: &Judged) {
        self.count(judged.score);
        if judged.score < GOOD {
            *self.reasons.entry(judged.factors.worst()).or_default() += 1;
        }
    }

    /// `seconds` passed in which the player, who had not left, saw nothing new: the attachment was lost and came back.
    pub fn on_interrupted(&mut self, seconds: u32) {
        let seconds = seconds.min(INTERRUPTED_MAX);
        (0..seconds).for_each(|_| self.count(Score::NONE));
        if seconds > 0 {
            *self.reasons.entry(Factor::Freezes).or_default() += u64::from(seconds);
        }
    }

    fn count(&mut self, score: Score) {
        if let Some(step) = self.steps.get_mut(usize::from(score.get() / STEP)) {
            *step = step.saturating_add(1);
        }
    }

    /// The verdict so far.
    #[must_use]
    pub fn verdict(&self, exit: Exit) -> Verdict {
        let seconds: u64 = self.steps.iter().map(|n| u64::from(*n)).sum();
        let mean = self.mean_of_worst(seconds);
        let worst_decile = self.mean_of_worst(seconds.div_ceil(10));
        let start = self
            .second_on
            .map_or(Score::FULL, |after| tables::SECOND_ON.at(after.as_u32() / 1_000));
        let middle = Score::mean([(mean, 6), (worst_decile, 4)]);
        let good_from = usize::from(GOOD.get() / STEP);
        let mut reasons: Vec<_> = self.reasons.iter().map(|(factor, n)| (*factor, *n)).collect();
        reasons.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        Verdict {
            score: Score::mean([(start, 15), (middle, 80), (exit.score(), 5)]),
            start,
            middle,
            exit: exit.score(),
            mean,
            worst_decile,
            seconds,
            good: self.steps.iter().skip(good_from).map(|n| u64::from(*n)).sum(),
            reasons,
        }
    }

    /// Mean of the `most` worst seconds.
    fn mean_of_worst(&self, most: u64) -> Score {
        let (mut left, mut sum) = (most, 0);
        for (step, n) in (0_u64..).zip(&self.steps) {
            let taken = left.min(u64::from(*n));
            sum += taken * step * u64::from(STEP);
            left -= taken;
        }
        Score::of(sum, most)
    }
}

/// A second from here on is one that a player has nothing to say about.
pub const GOOD: Score = Score::new(7_000);
/// A longer gap is a player who left and came back.
pub const INTERRUPTED_MAX: u32 = 10;
/// Tenths of a point: finer than anyone tells apart, and a session takes 4 KiB.
const STEP: u16 = 10;
const STEPS: usize = 1_001;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::{Second, judge};
    use firstlight_units::Class;
    use proptest::prelude::*;

    fn tally(scores: &[u16]) -> Tally {
        let mut tally = Tally::default();
        scores.iter().for_each(|score| tally.count(Score::new(*score)));
        tally
    }

    #[test]
    fn the_worst_tenth_shows_what_the_mean_hides() {
        let mut scores = [9_000; 20];
        scores[3] = 1_000;
        scores[11] = 0;
        let verdict = tally(&scores).verdict(Exit::Clean);
        assert_eq!(
            (verdict.mean, verdict.worst_decile),
            (Score::new(8_150), Score::new(500))
        );
        assert_eq!((verdict.seconds, verdict.good), (20, 18));
        assert_eq!(verdict.middle, Score::new(5_090));
        assert_eq!(verdict.score, Score::new(6_072));
    }

    #[test]
    fn a_session_of_no_seconds_is_judged_by_its_ends() {
        let mut tally = Tally::default();
        tally.on_first_picture(Micros::from_secs(30));
        assert_eq!(tally.verdict(Exit::Broken).score, Score::new(8_000));
        assert_eq!(Tally::default().verdict(Exit::NotYet).score, Score::FULL);
    }

    #[test]
    fn a_gap_counts_as_frozen_and_a_long_one_is_no_gap() {
        let mut tally = tally(&[10_000; 30]);
        tally.on_interrupted(u32::MAX);
        let verdict = tally.verdict(Exit::Clean);
        assert_eq!(verdict.seconds, 40);
        assert_eq!(verdict.worst_decile, Score::NONE);
        assert_eq!(verdict.reasons, [(Factor::Freezes, 10)]);
    }

    #[test]
    fn the_reasons_are_what_cost_most() {
        let mut tally = Tally::default();
        let slow = Second {
            delay: Some(Micros::from_millis(300)),
            ..Second::default()
        };
        let still = Second {
            frozen: Micros::from_millis(800),
            ..Second::default()
        };
        (0..3).for_each(|_| tally.on_second(&judge(Class::Action, &slow)));
        tally.on_second(&judge(Class::Action, &still));
        let reasons = tally.verdict(Exit::Clean).reasons;
        assert_eq!(reasons, [(Factor::Delay, 3), (Factor::Freezes, 1)]);
    }

    proptest! {
        #[test]
        fn a_worse_second_never_makes_a_better_session(
            mut scores in proptest::collection::vec(0u16..=10_000, 1..60), at: prop::sample::Index, less in 1u16..5_000
        ) {
            let before = tally(&scores).verdict(Exit::Clean);
            let at = at.index(scores.len());
            if let Some(score) = scores.get_mut(at) { *score = score.saturating_sub(less); }
            let after = tally(&scores).verdict(Exit::Clean);
            prop_assert!(after.score <= before.score && after.worst_decile <= before.worst_decile && after.mean <= before.mean);
            prop_assert!(after.worst_decile <= after.mean);
        }
    }
}
