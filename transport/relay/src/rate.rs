//! How much passes, and whether anything does.

use bytes::Bytes;
use firstlight_bridge::{Gate, Way};
use firstlight_units::Bitrate;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket of bytes that fills up by itself. Pure.
#[derive(Debug)]
struct Bucket {
    per_second: u64,
    most: u64,
    level: u64,
    at: Instant,
}

impl Bucket {
    fn new(now: Instant, rate: Bitrate, burst_min: u64) -> Self {
        let per_second = rate.as_bps() / 8;
        let most = (per_second / 2).max(burst_min);
        Self {
            per_second,
            most,
            level: most,
            at: now,
        }
    }

    fn take(&mut self, now: Instant, size: u64) -> bool {
        let micros = u64::try_from(now.saturating_duration_since(self.at).as_micros()).unwrap_or(u64::MAX);
        let gained = self.per_second.saturating_mul(micros) / 1_000_000;
        // Less than a byte is not lost: the clock stays where it is.
        if gained > 0 {
            self.level = self.level.saturating_add(gained).min(self.most);
            self.at = now;
        }
        let fits = size <= self.level;
        if fits {
            self.level -= size;
        }
        fits
    }
}

/// What one player may have carried. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Meter(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    down: Bucket,
    up: Bucket,
    last: Instant,
}

impl Meter {
    pub(crate) fn new(now: Instant, rate_max: Bitrate) -> Self {
        Self(Arc::new(Mutex::new(State {
            down: Bucket::new(now, rate_max, BURST_BYTES),
            up: Bucket::new(now, UP_MAX, 0),
            last: now,
        })))
    }

    fn passes(&self, now: Instant, way: Way, size: usize) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last = now;
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        match way {
            Way::ToPlayer => state.down.take(now, size),
            Way::ToHost => state.up.take(now, size),
        }
    }

    fn quiet_for(&self, now: Instant) -> Duration {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(state.last)
    }

    /// Ends when nothing has passed for that long.
    pub(crate) async fn silence(&self, idle: Duration) {
        loop {
            let left = idle.saturating_sub(self.quiet_for(Instant::now()));
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

impl Gate for Meter {
    fn datagram(&self, way: Way, datagram: Bytes) -> Option<Bytes> {
        self.passes(Instant::now(), way, datagram.len())
            .then_some(datagram)
    }
}

/// Input and feedback of a player are some 100 kbit/s.
const UP_MAX: Bitrate = Bitrate::mbps(2);
/// An IDR of the largest picture comes as one burst.
const BURST_BYTES: u64 = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_passes_than_the_rate_and_one_burst() {
        let start = Instant::now();
        let meter = Meter::new(start, Bitrate::mbps(8));
        let mut passed = 0;
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(ms);
            passed += (0..4).filter(|_| meter.passes(now, Way::ToPlayer, 1_000)).count();
        }
        // A megabyte a second, and two at the start.
        assert!((11_900..=12_200).contains(&passed), "{passed}");
        let up = (0..1_000)
            .filter(|_| meter.passes(start, Way::ToHost, 1_000))
            .count();
        assert_eq!(up, 125, "half a second of what a player may send");
    }

    #[test]
    fn silence_is_counted_from_the_last_datagram() {
        let start = Instant::now();
        let meter = Meter::new(start, Bitrate::mbps(8));
        meter.passes(start + Duration::from_secs(5), Way::ToHost, 1);
        assert_eq!(
            meter.quiet_for(start + Duration::from_secs(9)),
            Duration::from_secs(4)
        );
    }
}
