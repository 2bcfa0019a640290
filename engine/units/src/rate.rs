//! Sizes and rates.

use crate::Micros;
use std::fmt;
use std::ops::{Add, AddAssign};

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteCount(u64);

impl ByteCount {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// `n` bytes.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// Bytes.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The difference, or zero where `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The rate that carries these bytes in `span`; [`Bitrate::MAX`] when `span` is zero.
    #[must_use]
    pub fn per(self, span: Micros) -> Bitrate {
        u128::from(self.0)
            .saturating_mul(8_000_000)
            .checked_div(u128::from(span.as_micros()))
            .map_or(Bitrate::MAX, |bps| {
                Bitrate::bps(u64::try_from(bps).unwrap_or(u64::MAX))
            })
    }
}

impl Add for ByteCount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for ByteCount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl From<usize> for ByteCount {
    fn from(n: usize) -> Self {
        Self(n as u64)
    }
}

/// Bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u64);

impl Bitrate {
    /// Nothing flows.
    pub const ZERO: Self = Self(0);
    /// Faster than anything.
    pub const MAX: Self = Self(u64::MAX);

    /// `n` bits per second.
    #[must_use]
    pub const fn bps(n: u64) -> Self {
        Self(n)
    }

    /// `n` thousand bits per second.
    #[must_use]
    pub const fn kbps(n: u64) -> Self {
        Self(n.saturating_mul(1_000))
    }

    /// `n` million bits per second.
    #[must_use]
    pub const fn mbps(n: u64) -> Self {
        Self(n.saturating_mul(1_000_000))
    }

    /// Bits per second.
    #[must_use]
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// Whole thousands of bits per second, rounded down.
    #[must_use]
    pub const fn as_kbps(self) -> u64 {
        self.0 / 1_000
    }

    /// The difference, or zero where `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What flows at this rate in `span`, rounded down.
    #[must_use]
    pub fn bytes_in(self, span: Micros) -> ByteCount {
        let bits = u128::from(self.0) * u128::from(span.as_micros()) / 8_000_000;
        ByteCount::new(u64::try_from(bits).unwrap_or(u64::MAX))
    }

    /// How long `size` takes at this rate, rounded up; [`Micros::MAX`] when nothing flows.
    #[must_use]
    pub fn time_for(self, size: ByteCount) -> Micros {
        if self.0 == 0 {
            return Micros::MAX;
        }
        let us = (u128::from(size.as_u64()) * 8_000_000).div_ceil(u128::from(self.0));
        Micros::new(u64::try_from(us).unwrap_or(u64::MAX))
    }

    /// `self * num / den`, saturating; zero when `den` is zero.
    #[must_use]
    pub fn scale(self, num: u64, den: u64) -> Self {
        (u128::from(self.0) * u128::from(num))
            .checked_div(u128::from(den))
            .map_or(Self::ZERO, |v| Self(u64::try_from(v).unwrap_or(u64::MAX)))
    }
}

impl Add for Bitrate {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} Mbit/s", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_times_time_is_size_and_back() {
        let rate = Bitrate::mbps(8);
        assert_eq!(rate.bytes_in(Micros::from_millis(1)), ByteCount::new(1_000));
        assert_eq!(rate.time_for(ByteCount::new(1_000)), Micros::from_millis(1));
        assert_eq!(ByteCount::new(1_000).per(Micros::from_millis(1)), rate);
    }

    #[test]
    fn a_dead_line_takes_for_ever() {
        assert_eq!(Bitrate::ZERO.time_for(ByteCount::new(1)), Micros::MAX);
        assert_eq!(ByteCount::new(1).per(Micros::ZERO), Bitrate::MAX);
    }
}
