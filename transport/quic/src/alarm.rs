//! A timer that keeps to the microsecond.
//!
//! tokio's own timers round up to a millisecond: at 720p60 that is half of what a picture spends in the pacer.

use crate::{Error, ffi};
use firstlight_units::Timestamp;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use tokio::io::unix::AsyncFd;

/// Rings at the moment it was last set to; perhaps for nothing before that, never after it.
#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<Timer>,
    set_to: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// Within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Timer`] when the system gives none.
    pub fn open() -> Result<Self, Error> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).map_err(|e| Error::Timer(e.into()))?;
        let timer = ffi::watch(Timer(timer)).map_err(Error::Timer)?;
        Ok(Self { timer, set_to: None })
    }

    /// Rings at `at`, or never. Whoever is woken looks at the time: one that moves away, as a deadline does that each report of a client
    /// renews, is not worth a call to the system each time. It rings once at the earlier moment, and is then set to the newest.
    pub fn set(&mut self, at: Option<Timestamp>) {
        let rings_first = |at| self.set_to.is_some_and(|set_to| set_to <= at);
        if at == self.set_to || at.is_some_and(rings_first) {
            return;
        }
        self.set_to = at;
        let timer = &self.timer.get_ref().0;
        let result = match at {
            // A moment that has passed rings at once; zero would disarm.
            Some(at) => timer.set(
                Expiration::OneShot(time_spec(at)),
                TimerSetTimeFlags::TFD_TIMER_ABSTIME,
            ),
            None => timer.unset(),
        };
        if let Err(error) = result {
            tracing::error!(%error, "the timer refuses");
        }
    }

    /// Waits for the moment. Dropping the future loses nothing.
    pub async fn ring(&mut self) {
        let Ok(mut guard) = self.timer.readable().await else {
            return std::future::pending().await;
        };
        // Non-blocking: it only takes the expiration away. Woken for nothing, the caller sets it again.
        if let Err(error) = guard.get_inner().0.wait() {
            tracing::trace!(%error, "woken for nothing");
        }
        guard.clear_ready();
        drop(guard);
        self.set_to = None;
    }
}

fn time_spec(at: Timestamp) -> TimeSpec {
    let micros = at.as_micros().max(1);
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    let nanos = i64::try_from(micros % 1_000_000 * 1_000).unwrap_or(0);
    TimeSpec::new(seconds, nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_units::Micros;

    fn now() -> Timestamp {
        let at = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();
        let (s, ns) = (at.tv_sec().cast_unsigned(), at.tv_nsec().cast_unsigned());
        Timestamp::from_micros(s * 1_000_000 + ns / 1_000)
    }

    #[tokio::test]
    async fn a_deadline_that_moves_away_is_met_by_who_sets_it_again() {
        let mut alarm = Alarm::open().unwrap();
        let early = now() + Micros::new(1_000);
        let late = early + Micros::new(3_000);
        alarm.set(Some(early));
        let mut rings = 0;
        while now() < late {
            alarm.set(Some(late));
            alarm.ring().await;
            rings += 1;
        }
        assert!(rings <= 2, "{rings}");
        // One that comes nearer is met at once.
        let begun = now();
        alarm.set(Some(begun + Micros::from_secs(600)));
        alarm.set(Some(begun + Micros::new(1_000)));
        alarm.ring().await;
        assert!(now() >= begun + Micros::new(1_000));
    }

    #[tokio::test]
    async fn it_rings_when_it_was_set_to_and_not_before() {
        let mut alarm = Alarm::open().unwrap();
        for _ in 0..5 {
            let at = now() + Micros::new(1_500);
            alarm.set(Some(at));
            alarm.ring().await;
            assert!(now() >= at);
        }
        alarm.set(Some(Timestamp::from_micros(0)));
        alarm.ring().await;
    }
}
