//! Points and spans of time, in whole microseconds.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A span of time in microseconds; never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(u64);

impl Micros {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span that can be written down.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of `us` microseconds.
    #[must_use]
    pub const fn new(us: u64) -> Self {
        Self(us)
    }

    /// A span of `ms` milliseconds, saturating.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(1_000))
    }

    /// A span of `s` seconds, saturating.
    #[must_use]
    pub const fn from_secs(s: u64) -> Self {
        Self(s.saturating_mul(1_000_000))
    }

    /// Microseconds.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Microseconds, capped at what 32 bits hold (71 minutes).
    #[must_use]
    pub fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// Milliseconds with fraction.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a span past 2^53 us is 285 years")]
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e3
    }

    /// Seconds with fraction.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a span past 2^53 us is 285 years")]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The difference, or zero where `other` is the longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self * num / den`, saturating; zero when `den` is zero.
    #[must_use]
    pub const fn scale(self, num: u64, den: u64) -> Self {
        match self.0.saturating_mul(num).checked_div(den) {
            Some(v) => Self(v),
            None => Self::ZERO,
        }
    }
}

impl Add for Micros {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Micros {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl From<std::time::Duration> for Micros {
    fn from(d: std::time::Duration) -> Self {
        Self(u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Micros> for std::time::Duration {
    fn from(m: Micros) -> Self {
        Self::from_micros(m.0)
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ms", self.as_millis_f64())
    }
}

macro_rules! instant {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The moment `us` microseconds after this clock's zero.
            #[must_use]
            pub const fn from_micros(us: u64) -> Self {
                Self(us)
            }

            /// Microseconds since this clock's zero.
            #[must_use]
            pub const fn as_micros(self) -> u64 {
                self.0
            }

            /// Time passed since `earlier`; zero if `earlier` is later.
            #[must_use]
            pub const fn since(self, earlier: Self) -> Micros {
                Micros::new(self.0.saturating_sub(earlier.0))
            }

            /// The moment `span` before this one, not before the clock's zero.
            #[must_use]
            pub const fn before(self, span: Micros) -> Self {
                Self(self.0.saturating_sub(span.as_micros()))
            }
        }

        impl Add<Micros> for $name {
            type Output = Self;
            fn add(self, span: Micros) -> Self {
                Self(self.0.saturating_add(span.as_micros()))
            }
        }

        impl AddAssign<Micros> for $name {
            fn add_assign(&mut self, span: Micros) {
                *self = *self + span;
            }
        }

        impl Sub for $name {
            type Output = Micros;
            fn sub(self, earlier: Self) -> Micros {
                self.since(earlier)
            }
        }
    };
}

instant! {
    /// A moment on this machine's monotonic clock (`CLOCK_MONOTONIC`), so that processes of one machine agree.
    Timestamp
}

instant! {
    /// A moment on a peer's clock, whose zero is unknown here.
    RemoteTime
}

instant! {
    /// A moment in UTC, microseconds since 1970.
    WallTime
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_never_wrap() {
        let a = Timestamp::from_micros(5);
        let b = Timestamp::from_micros(9);
        assert_eq!(b - a, Micros::new(4));
        assert_eq!(a - b, Micros::ZERO);
        assert_eq!(a.before(Micros::from_secs(1)), Timestamp::from_micros(0));
        assert_eq!(
            Timestamp::from_micros(u64::MAX) + Micros::new(1),
            Timestamp::from_micros(u64::MAX)
        );
    }

    #[test]
    fn scaling_by_zero_is_zero() {
        assert_eq!(Micros::from_millis(3).scale(1, 0), Micros::ZERO);
        assert_eq!(Micros::from_millis(3).scale(2, 3), Micros::from_millis(2));
    }
}
