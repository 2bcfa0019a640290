//! A token bucket: how much of something a peer may do.

use firstlight_units::Timestamp;

/// Fills at a steady rate up to a burst. Starts full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    per_second: u64,
    /// Tokens times a million, so that a microsecond's worth is a whole number.
    filled: u64,
    full: u64,
    at: Option<Timestamp>,
}

impl Bucket {
    pub(crate) const fn new(per_second: u32, burst: u32) -> Self {
        let full = burst as u64 * TOKEN;
        Self {
            per_second: per_second as u64,
            filled: full,
            full,
            at: None,
        }
    }

    /// Takes a token if there is one.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        self.take_leaving(now, 0)
    }

    /// Takes a token if `reserve` of them stay for others.
    pub(crate) fn take_leaving(&mut self, now: Timestamp, reserve: u32) -> bool {
        self.refill(now);
        let enough = self.filled >= TOKEN + u64::from(reserve) * TOKEN;
        if enough {
            self.filled -= TOKEN;
        }
        enough
    }

    fn refill(&mut self, now: Timestamp) {
        let span = self.at.map_or(0, |at| now.since(at).as_micros());
        self.at = self.at.max(Some(now));
        self.filled = self
            .filled
            .saturating_add(span.saturating_mul(self.per_second))
            .min(self.full);
    }
}

const TOKEN: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_units::Micros;

    fn taken(bucket: &mut Bucket, now: Timestamp) -> usize {
        (0..1_000).filter(|_| bucket.take(now)).count()
    }

    #[test]
    fn it_gives_the_burst_then_the_rate() {
        let mut bucket = Bucket::new(100, 5);
        let start = Timestamp::from_micros(7);
        assert_eq!(taken(&mut bucket, start), 5);
        assert_eq!(taken(&mut bucket, start + Micros::from_millis(9)), 0);
        assert_eq!(taken(&mut bucket, start + Micros::from_millis(10)), 1);
        assert_eq!(taken(&mut bucket, start + Micros::from_secs(1_000_000)), 5);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let mut bucket = Bucket::new(100, 1);
        assert_eq!(taken(&mut bucket, Timestamp::from_micros(1_000_000)), 1);
        assert_eq!(taken(&mut bucket, Timestamp::from_micros(0)), 0);
        assert_eq!(taken(&mut bucket, Timestamp::from_micros(1_000_000)), 0);
    }

    #[test]
    fn a_reserve_is_left_alone() {
        let mut bucket = Bucket::new(0, 3);
        let now = Timestamp::from_micros(0);
        assert!(bucket.take_leaving(now, 2));
        assert!(!bucket.take_leaving(now, 2));
        assert_eq!(taken(&mut bucket, now), 2);
    }
}
