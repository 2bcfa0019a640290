//! The store's clock.

use firstlight_units::{Micros, WallTime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall time that never goes backwards and never jumps: it is read once, and goes on with the monotonic clock. A machine whose
/// time is set, by hand or by NTP, neither ends leases early nor prolongs them.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    Running {
        began: Instant,
        /// Wall time at `began`.
        base: Mutex<WallTime>,
    },
    Set(AtomicU64),
}

impl Default for Clock {
    fn default() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::running_from(WallTime::from_micros(Micros::from(since_1970).as_micros()))
    }
}

impl Clock {
    /// A clock that is at `base` and goes on from there.
    #[must_use]
    pub fn running_from(base: WallTime) -> Self {
        Self(Arc::new(Inner::Running {
            began: Instant::now(),
            base: Mutex::new(base),
        }))
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn standing(at: WallTime) -> Self {
        Self(Arc::new(Inner::Set(AtomicU64::new(at.as_micros()))))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> WallTime {
        match &*self.0 {
            Inner::Running { began, base } => {
                *base.lock().unwrap_or_else(PoisonError::into_inner) + Micros::from(began.elapsed())
            }
            Inner::Set(at) => WallTime::from_micros(at.load(Ordering::SeqCst)),
        }
    }

    /// Moves it on, whichever kind it is.
    pub fn pass(&self, span: Micros) {
        match &*self.0 {
            Inner::Running { base, .. } => *base.lock().unwrap_or_else(PoisonError::into_inner) += span,
            Inner::Set(at) => drop(at.fetch_add(span.as_micros(), Ordering::SeqCst)),
        }
    }

    /// Never shows less than `least` from here on.
    pub(crate) fn not_before(&self, least: WallTime) {
        let behind = least.since(self.now());
        if behind > Micros::ZERO {
            self.pass(behind);
        }
    }
}
