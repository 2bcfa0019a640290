//! A small deterministic generator and probabilities for it.

use firstlight_units::Micros;
use std::fmt;

/// splitmix64 (Steele, Lea, Flood 2014): one word of state, the same numbers on every machine.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A generator whose numbers follow from `seed` alone.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..end`; 0 when `end` is 0. The bias of the remainder is below 2^-32 for every `end` below 2^32.
    pub const fn below(&mut self, end: u64) -> u64 {
        match self.bits().checked_rem(end) {
            Some(n) => n,
            None => 0,
        }
    }

    /// Whether something of this probability happens.
    pub const fn happens(&mut self, chance: Chance) -> bool {
        self.below(1_000_000) < chance.0 as u64
    }

    /// A span in `0..end`.
    pub const fn span(&mut self, end: Micros) -> Micros {
        Micros::new(self.below(end.as_micros()))
    }
}

/// A probability in parts per million.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(1_000_000);

    /// `n` in a million, 0 to 1,000,000.
    #[must_use]
    pub const fn ppm(n: u32) -> Self {
        Self(n)
    }

    /// `n` in a hundred, 0 to 100.
    #[must_use]
    pub const fn percent(n: u32) -> Self {
        Self(n.saturating_mul(10_000))
    }

    /// From 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    pub(crate) fn is_valid(self) -> bool {
        self <= Self::ALWAYS
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        // The first output for seed 0 as published with the algorithm.
        assert_eq!(Random::new(0).bits(), 0xE220_A839_7B1D_CDAF);
        let (mut a, mut b) = (Random::new(7), Random::new(7));
        assert!((0..100).all(|_| a.bits() == b.bits()));
    }

    #[test]
    fn a_chance_happens_about_as_often_as_it_says() {
        let mut random = Random::new(1);
        let hits = (0..100_000)
            .filter(|_| random.happens(Chance::percent(3)))
            .count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!(!(0..1_000).any(|_| random.happens(Chance::NEVER)));
        assert!((0..1_000).all(|_| random.happens(Chance::ALWAYS)));
    }
}
