//! A timer that keeps to the microsecond: tokio's own rounds up to a millisecond, in which 15 Mbit/s sends two packets.

use crate::ffi;
use firstlight_units::Timestamp;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use tokio::io::unix::AsyncFd;

/// Rings once at the moment it was last set to.
pub(crate) struct Alarm {
    timer: AsyncFd<Timer>,
}

pub(crate) struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// Within a tokio runtime.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let timer = ffi::watch(Timer(timer))?;
        Ok(Self { timer })
    }

    /// Waits until `at`, for ever without one. Dropping the future loses nothing.
    pub(crate) async fn wait(&mut self, at: Option<Timestamp>) -> anyhow::Result<()> {
        let Some(at) = at else {
            return std::future::pending().await;
        };
        let expiration = Expiration::OneShot(time_spec(at));
        self.timer
            .get_ref()
            .0
            .set(expiration, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
        loop {
            let mut guard = self.timer.readable().await?;
            // Non-blocking: it takes the expiration away; without one it was woken for an alarm set before.
            let rung = guard.get_inner().0.wait().is_ok();
            guard.clear_ready();
            if rung {
                return Ok(());
            }
        }
    }
}

/// The clock of the links.
pub(crate) fn now() -> Timestamp {
    let spec = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap_or(TimeSpec::new(0, 0));
    let seconds = u64::try_from(spec.tv_sec()).unwrap_or(0);
    let micros = u64::try_from(spec.tv_nsec()).unwrap_or(0) / 1_000;
    Timestamp::from_micros(seconds * 1_000_000 + micros)
}

/// A moment that has passed rings at once; zero would disarm.
fn time_spec(at: Timestamp) -> TimeSpec {
    let micros = at.as_micros().max(1);
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    let nanos = i64::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
    TimeSpec::new(seconds, nanos)
}
