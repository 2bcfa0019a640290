//! The unit of judgement.

use std::fmt;

/// How good something was: 0 (of no use) to 10 000 (nothing to wish for). People read it as 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Score(u16);

impl Score {
    /// Of no use.
    pub const NONE: Self = Self(0);
    /// Nothing to wish for.
    pub const FULL: Self = Self(10_000);

    /// `n` ten-thousandths, at most all of them.
    #[must_use]
    pub const fn new(n: u16) -> Self {
        Self(if n > Self::FULL.0 { Self::FULL.0 } else { n })
    }

    /// Ten-thousandths.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// 0 to 100, for people and JSON.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// The part `by` of it, rounded down.
    #[must_use]
    pub fn times(self, by: Self) -> Self {
        let product = u32::from(self.0) * u32::from(by.0) / u32::from(Self::FULL.0);
        Self(u16::try_from(product).unwrap_or(Self::FULL.0))
    }

    /// The weighted mean, rounded down; [`Self::FULL`] where nothing has weight.
    #[must_use]
    pub fn mean<const N: usize>(parts: [(Self, u32); N]) -> Self {
        let weights: u64 = parts.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let sum: u64 = parts
            .iter()
            .map(|(score, weight)| u64::from(score.0) * u64::from(*weight))
            .sum();
        Self::of(sum, weights)
    }

    /// `sum` over `count`, rounded down; [`Self::FULL`] where there is nothing to count.
    pub(crate) fn of(sum: u64, count: u64) -> Self {
        sum.checked_div(count).map_or(Self::FULL, |mean| {
            Self::new(u16::try_from(mean).unwrap_or(u16::MAX))
        })
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.percent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_better_than_full() {
        assert_eq!(Score::new(u16::MAX), Score::FULL);
        assert_eq!(Score::FULL.times(Score::FULL), Score::FULL);
        assert_eq!(Score::new(9_999).times(Score::new(1)), Score::NONE);
        assert_eq!(
            Score::mean([(Score::FULL, 3), (Score::NONE, 1)]),
            Score::new(7_500)
        );
        assert_eq!(Score::mean([(Score::NONE, 0)]), Score::FULL);
    }
}
