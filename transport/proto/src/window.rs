//! Minima and rates over the last seconds, in constant space.

use firstlight_units::{Bitrate, ByteCount, Micros};

/// The smallest value of the last one to two spans: two buckets that take turns, so that an old minimum is forgotten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowedMin<T> {
    span: Micros,
    begun: Option<u64>,
    current: Option<T>,
    previous: Option<T>,
}

impl<T: Copy + Ord> WindowedMin<T> {
    pub(crate) const fn new(span: Micros) -> Self {
        Self {
            span,
            begun: None,
            current: None,
            previous: None,
        }
    }

    /// `at` in microseconds of any one clock.
    pub(crate) fn update(&mut self, at: u64, value: T) {
        let begun = *self.begun.get_or_insert(at);
        if at.saturating_sub(begun) >= self.span.as_micros() {
            self.previous = self.current.take();
            self.begun = Some(at);
        }
        self.current = Some(self.current.map_or(value, |least| least.min(value)));
    }

    pub(crate) fn least(&self) -> Option<T> {
        match (self.current, self.previous) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

/// Bytes of the last [`BUCKETS`] times [`BUCKET_US`] microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    /// Number of the newest bucket.
    newest: u64,
    bytes: [u64; BUCKETS],
    /// Number of the first bucket that was ever used.
    first: Option<u64>,
}

impl Meter {
    pub(crate) const fn new() -> Self {
        Self {
            newest: 0,
            bytes: [0; BUCKETS],
            first: None,
        }
    }

    /// `at` in microseconds of any one clock.
    pub(crate) fn add(&mut self, at: u64, bytes: u64) {
        let bucket = at / BUCKET_US;
        self.first.get_or_insert(bucket);
        self.advance(bucket);
        if self.newest.saturating_sub(bucket) < BUCKETS as u64
            && let Some(slot) = self.bytes.get_mut(index(bucket))
        {
            *slot = slot.saturating_add(bytes);
        }
    }

    /// The rate over the last `span` before `at`, rounded to whole buckets, the running one left out.
    pub(crate) fn rate(&mut self, at: u64, span: Micros) -> Bitrate {
        let end = at / BUCKET_US;
        self.advance(end);
        let most = (span.as_micros() / BUCKET_US).clamp(1, BUCKETS as u64 - 1);
        let known = self.first.map_or(0, |first| end.saturating_sub(first));
        let count = most.min(known.max(1));
        let sum = (1..=count)
            .filter_map(|back| end.checked_sub(back))
            .filter_map(|bucket| self.bytes.get(index(bucket)))
            .fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
        ByteCount::new(sum).per(Micros::new(count * BUCKET_US))
    }

    fn advance(&mut self, bucket: u64) {
        if bucket <= self.newest {
            return;
        }
        let stale = (bucket - self.newest).min(BUCKETS as u64);
        for step in 0..stale {
            if let Some(slot) = self.bytes.get_mut(index(bucket - step)) {
                *slot = 0;
            }
        }
        self.newest = bucket;
    }
}

const fn index(bucket: u64) -> usize {
    // The remainder of a small number fits.
    #[expect(clippy::cast_possible_truncation, reason = "below BUCKETS")]
    let index = (bucket % BUCKETS as u64) as usize;
    index
}

/// Finer than a report every 20 ms, coarse enough that a packet more or less does not matter.
const BUCKET_US: u64 = 25_000;
/// 800 ms: longer than anything asked for.
const BUCKETS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_minimum_is_forgotten() {
        let mut min = WindowedMin::new(Micros::from_secs(5));
        min.update(0, 3);
        min.update(6_000_000, 9);
        assert_eq!(min.least(), Some(3));
        min.update(12_000_000, 8);
        assert_eq!(min.least(), Some(8));
    }

    #[test]
    fn a_steady_flow_is_measured_and_silence_is_seen() {
        let mut meter = Meter::new();
        for ms in 0..1_000u64 {
            meter.add(ms * 1_000, 1_000);
        }
        assert_eq!(meter.rate(1_000_000, Micros::from_millis(200)), Bitrate::mbps(8));
        assert_eq!(meter.rate(1_100_000, Micros::from_millis(200)), Bitrate::mbps(4));
        assert_eq!(meter.rate(9_000_000, Micros::from_millis(200)), Bitrate::ZERO);
        meter.add(9_000_100, 5);
        meter.add(1, 5_000_000);
        assert_eq!(meter.rate(9_000_200, Micros::from_millis(200)), Bitrate::ZERO);
    }
}
