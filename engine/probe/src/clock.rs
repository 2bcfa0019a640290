//! This machine's clocks: everything else takes the time as a parameter.

use firstlight_units::{Timestamp, WallTime};
use nix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC`.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_micros(micros(ClockId::CLOCK_MONOTONIC))
}

/// `CLOCK_REALTIME`, which the barcode carries.
pub(crate) fn wall() -> WallTime {
    WallTime::from_micros(micros(ClockId::CLOCK_REALTIME))
}

fn micros(clock: ClockId) -> u64 {
    // Neither clock can fail on Linux.
    clock_gettime(clock).map_or(0, |t| {
        let seconds = u64::try_from(t.tv_sec()).unwrap_or(0);
        let nanos = u64::try_from(t.tv_nsec()).unwrap_or(0);
        seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
    })
}
