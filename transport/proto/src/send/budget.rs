//! How much may be repeated.

use firstlight_units::{Bitrate, ByteCount, Micros, Timestamp};

/// Bytes that may be spent at a rate, saved up for a while.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    credit: ByteCount,
    at: Timestamp,
}

impl Budget {
    /// Spends `bytes` if they are there.
    pub(crate) fn take(&mut self, now: Timestamp, rate: Bitrate, bytes: usize) -> bool {
        let most = rate.bytes_in(SAVED).max(SAVED_MIN);
        self.credit = (self.credit + rate.bytes_in(now.since(self.at).min(SAVED))).min(most);
        self.at = now;
        let bytes = ByteCount::from(bytes);
        let enough = self.credit >= bytes;
        if enough {
            self.credit = self.credit.saturating_sub(bytes);
        }
        enough
    }
}

/// A burst of loss of two receivers' patience may be repaired at once.
const SAVED: Micros = Micros::from_millis(500);
/// A frame of a low rate.
const SAVED_MIN: ByteCount = ByteCount::new(6_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_at_the_rate() {
        let mut budget = Budget::default();
        let at = |ms: u64| Timestamp::from_micros(10_000_000 + ms * 1_000);
        let rate = Bitrate::mbps(8);
        assert!(budget.take(at(0), rate, 500_000));
        assert!(!budget.take(at(0), rate, 1));
        assert!(!budget.take(at(1), rate, 1_001));
        assert!(budget.take(at(1), rate, 1_000));
    }
}
