//! How much may be repeated.

use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

/// Bytes that may be spent at a rate, saved up for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    saved: Micros,
    credit: ByteCount,
    at: Timestamp,
}

impl Budget {
    /// What is not spent is kept for so long.
    pub(crate) const fn saving(saved: Micros) -> Self {
        Self {
            saved,
            credit: ByteCount::ZERO,
            at: Timestamp::from_micros(0),
        }
    }

    /// Spends `bytes` if they are there.
    pub(crate) fn take(&mut self, now: Timestamp, rate: Bitrate, bytes: usize) -> bool {
        self.credit = self.there(now, rate);
        self.at = now;
        let bytes = ByteCount::from(bytes);
        let enough = self.credit >= bytes;
        if enough {
            self.credit = self.credit.saturating_sub(bytes);
        }
        enough
    }

    /// How much is there of what can be saved up, in thousandths.
    pub(crate) fn fullness(&self, now: Timestamp, rate: Bitrate) -> u64 {
        let there = self.there(now, rate).as_u64() * 1_000;
        there.checked_div(self.most(rate).as_u64()).unwrap_or(0)
    }

    fn there(&self, now: Timestamp, rate: Bitrate) -> ByteCount {
        let earned = rate.bytes_in(now.since(self.at).min(self.saved));
        (self.credit + earned).min(self.most(rate))
    }

    fn most(&self, rate: Bitrate) -> ByteCount {
        rate.bytes_in(self.saved).max(SAVED_MIN)
    }
}

/// A frame of a low rate.
const SAVED_MIN: ByteCount = ByteCount::new(6_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_at_the_rate() {
        let mut budget = Budget::saving(Micros::from_millis(500));
        let at = |ms: u64| Timestamp::from_micros(10_000_000 + ms * 1_000);
        let rate = Bitrate::mbps(8);
        assert!(budget.take(at(0), rate, 500_000));
        assert!(!budget.take(at(0), rate, 1));
        assert!(!budget.take(at(1), rate, 1_001));
        assert!(budget.take(at(1), rate, 1_000));
    }

    #[test]
    fn it_says_how_full_it_is() {
        let mut budget = Budget::saving(Micros::from_secs(5));
        let at = |ms: u64| Timestamp::from_micros(10_000_000 + ms * 1_000);
        let rate = Bitrate::mbps(8);
        assert_eq!(budget.fullness(at(0), rate), 1_000);
        assert!(budget.take(at(0), rate, 4_000_000));
        assert_eq!(budget.fullness(at(0), rate), 200);
        assert_eq!(budget.fullness(at(1_000), rate), 400);
        assert_eq!(budget.fullness(at(60_000), rate), 1_000);
    }
}
