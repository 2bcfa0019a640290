//! The two clocks: one that is written into the picture, one that the tick goes by.

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep};

/// `CLOCK_REALTIME` in microseconds.
pub(crate) fn wall_us() -> Result<u64, Errno> {
    Ok(nanos(clock_gettime(ClockId::CLOCK_REALTIME)?) / 1_000)
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub(crate) fn monotonic_ns() -> Result<u64, Errno> {
    Ok(nanos(clock_gettime(ClockId::CLOCK_MONOTONIC)?))
}

/// Sleeps until `CLOCK_MONOTONIC` reads `deadline`, or a signal comes: an absolute deadline adds up no errors.
pub(crate) fn sleep_until(deadline: u64) -> Result<(), Errno> {
    let seconds = i64::try_from(deadline / NANOS).unwrap_or(i64::MAX);
    let nanos = i64::try_from(deadline % NANOS).unwrap_or(0);
    let until = TimeSpec::new(seconds, nanos);
    match clock_nanosleep(
        ClockId::CLOCK_MONOTONIC,
        ClockNanosleepFlags::TIMER_ABSTIME,
        &until,
    ) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error),
    }
}

fn nanos(time: TimeSpec) -> u64 {
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    part(time.tv_sec()) * NANOS + part(time.tv_nsec())
}

const NANOS: u64 = 1_000_000_000;
