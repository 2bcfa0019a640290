//! Numbers that are random enough, the same for a seed.

/// `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`, which is not 0.
    pub(crate) const fn below(&mut self, n: u32) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "below n")]
        let below = (self.next() % n as u64) as u32;
        below
    }

    /// From `low` up to `high`, both included.
    pub(crate) const fn within(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// True in so many of a hundred cases.
    pub(crate) const fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// Below `n`, the low ones much more often: a title's rank when players pick (about Zipf's law).
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "below n"
    )]
    pub(crate) fn rank(&mut self, n: u32) -> u32 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        let rank = (f64::from(n) + 1.0).powf(unit) - 1.0;
        (rank as u32).min(n - 1)
    }
}
