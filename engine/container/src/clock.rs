//! This machine's monotonic clock.

use firstlight_units::{Micros, Timestamp};
use nix::errno::Errno;
use nix::poll::{PollFd, ppoll};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The present moment on `CLOCK_MONOTONIC`, which every process of this machine shares.
#[must_use]
pub fn now() -> Timestamp {
    // CLOCK_MONOTONIC cannot fail on Linux; zero would only make deadlines pass at once.
    Timestamp::from_micros(read(ClockId::CLOCK_MONOTONIC).map_or(0, Micros::as_micros))
}

/// What `clock` shows; nothing where it cannot be read, as that of a process which is gone.
pub(crate) fn read(clock: ClockId) -> Option<Micros> {
    let t = clock_gettime(clock).ok()?;
    let s = u64::try_from(t.tv_sec()).unwrap_or(0);
    let ns = u64::try_from(t.tv_nsec()).unwrap_or(0);
    Some(Micros::new(
        s.saturating_mul(1_000_000).saturating_add(ns / 1_000),
    ))
}

/// Waits until one of `fds` is ready, `deadline` passes (`None`: never) or a signal arrives; the caller looks which.
pub(crate) fn wait_ready(fds: &mut [PollFd<'_>], deadline: Option<Timestamp>) -> Result<(), Errno> {
    let left = deadline.map(|d| d.since(now()).min(WAIT_MAX));
    match ppoll(
        fds,
        left.map(|l| TimeSpec::from_duration(Duration::from(l))),
        None,
    ) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Keeps a far deadline within what the system call takes; callers come round again.
const WAIT_MAX: Micros = Micros::from_secs(600);
