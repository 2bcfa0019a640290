//! Moments that come at equal spans.

use crate::{Micros, Timestamp};
use std::time::Duration;

/// A timetable without an end: one of its moments, and the span between two.
///
/// The span counts in nanoseconds, because at 60 ticks a second a rounding to microseconds adds up to 20 us a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    at: Timestamp,
    period: Duration,
}

impl Ticks {
    /// A tick at `at`, and every `period` before and after; `None` where the span is under a microsecond or over an hour.
    #[must_use]
    pub fn new(at: Timestamp, period: Duration) -> Option<Self> {
        (PERIOD_MIN..=PERIOD_MAX)
            .contains(&period)
            .then_some(Self { at, period })
    }

    /// The span between two ticks.
    #[must_use]
    pub const fn period(self) -> Duration {
        self.period
    }

    /// One of them.
    #[must_use]
    pub const fn one(self) -> Timestamp {
        self.at
    }

    /// How long `moment` comes after the last tick before it: at most the period.
    #[must_use]
    pub fn since_tick(self, moment: Timestamp) -> Micros {
        micros(self.past(moment).unsigned_abs())
    }

    /// The tick that is nearest to `moment`.
    #[must_use]
    pub fn nearest(self, moment: Timestamp) -> Timestamp {
        let (past, period) = (self.past(moment), self.nanos());
        let off = if past * 2 >= period { past - period } else { past };
        earlier(moment, off)
    }

    /// When to go on instead of at `planned`, for who follows these ticks without a jump: nearer to the nearest tick, by at most a
    /// [`Self::SLEW`]th of the period.
    #[must_use]
    pub fn approach(self, planned: Timestamp) -> Timestamp {
        let (past, period) = (self.past(planned), self.nanos());
        let off = if past * 2 >= period { past - period } else { past };
        let most = period / i128::from(Self::SLEW);
        earlier(planned, off.clamp(-most, most))
    }

    /// How long who follows by [`Self::approach`] takes to turn by `shift`.
    #[must_use]
    pub fn approach_time(self, shift: Micros) -> Micros {
        shift.scale(Self::SLEW, 1)
    }

    /// Every tick `by` later, or earlier where it is negative; in nanoseconds.
    #[must_use]
    pub fn shifted(self, by: i64) -> Self {
        Self {
            at: earlier(self.at, -i128::from(by)),
            ..self
        }
    }

    /// `n` ticks in the time of one, one of them where the one was.
    #[must_use]
    pub fn divided(self, n: u32) -> Self {
        Self {
            period: (self.period / n.max(1)).max(PERIOD_MIN),
            ..self
        }
    }

    /// Nanoseconds since the last tick before `moment`: at least 0, less than the period.
    fn past(self, moment: Timestamp) -> i128 {
        let since = i128::from(moment.as_micros()) - i128::from(self.at.as_micros());
        (since * 1_000).rem_euclid(self.nanos())
    }

    fn nanos(self) -> i128 {
        i128::try_from(self.period.as_nanos()).unwrap_or(i128::MAX)
    }

    /// A half percent of a frame is less than the jitter of any app's own timer: neither a game's motion nor its sound's shows it.
    pub const SLEW: u64 = 200;
}

/// The moment `nanos` before `moment`, to the nearest microsecond; not before the clock's zero.
fn earlier(moment: Timestamp, nanos: i128) -> Timestamp {
    let span = micros(nanos.unsigned_abs());
    if nanos >= 0 {
        moment.before(span)
    } else {
        moment + span
    }
}

fn micros(nanos: u128) -> Micros {
    Micros::new(u64::try_from((nanos + 500) / 1_000).unwrap_or(u64::MAX))
}

const PERIOD_MIN: Duration = Duration::from_micros(1);
/// Far beyond anything that is shown; products with it stay far within their types.
const PERIOD_MAX: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use super::*;

    const SIXTIETH: Duration = Duration::from_nanos(16_666_667);

    fn at(us: u64) -> Timestamp {
        Timestamp::from_micros(us)
    }

    fn sixtieths(from_us: u64) -> Ticks {
        Ticks::new(at(from_us), SIXTIETH).expect("invariant: it is a span")
    }

    #[test]
    fn an_hour_of_ticks_does_not_drift() {
        let ticks = sixtieths(1_000_000);
        let hour = 3_600 * 60 * 16_666_667 / 1_000;
        assert_eq!(ticks.nearest(at(1_000_000 + hour + 3)), at(1_000_000 + hour));
        assert_eq!(ticks.nearest(at(1_000_000 + hour - 8_000)), at(1_000_000 + hour));
        assert_eq!(ticks.since_tick(at(1_000_000 + hour + 40)), Micros::new(40));
    }

    #[test]
    fn a_moment_before_the_first_has_its_tick_too() {
        let ticks = sixtieths(1_000_000);
        assert_eq!(ticks.nearest(at(983_300)), at(983_333));
        assert_eq!(ticks.since_tick(at(983_333 + 100)), Micros::new(100));
        assert_eq!(ticks.nearest(at(0)), at(0));
    }

    #[test]
    fn who_approaches_arrives_by_the_shorter_way_and_never_jumps() {
        for start in [0u64, 3_000, 8_000, 8_600, 12_000, 16_000] {
            let ticks = sixtieths(5_000_000);
            let mut moment = at(9_000_000 + start);
            let far = Micros::new(ticks.nearest(moment).as_micros().abs_diff(moment.as_micros()));
            for _ in 0..101 {
                let next = ticks.approach(moment + Micros::new(16_667));
                assert!((next - moment).as_micros().abs_diff(16_667) <= 84);
                moment = next;
            }
            let off = ticks.nearest(moment).as_micros().abs_diff(moment.as_micros());
            assert!(off <= 1, "{start}: {off}");
            assert!(ticks.approach_time(far) <= Micros::new(101 * 16_667), "{far}");
        }
    }

    #[test]
    fn a_shift_moves_every_tick_and_a_division_keeps_them() {
        let ticks = sixtieths(1_000_000);
        assert_eq!(ticks.shifted(-2_000_000).nearest(at(1_000_000)), at(998_000));
        assert_eq!(ticks.shifted(250_000).nearest(at(1_000_000)), at(1_000_250));
        let quarter = ticks.divided(4);
        assert_eq!(quarter.nearest(at(1_000_100)), at(1_000_000));
        assert_eq!(quarter.nearest(at(1_004_100)), at(1_004_167));
        assert_eq!(quarter.divided(0).period(), quarter.period());
    }

    #[test]
    fn a_span_that_is_none_makes_no_ticks() {
        assert_eq!(Ticks::new(at(1), Duration::ZERO), None);
        assert_eq!(Ticks::new(at(1), Duration::from_nanos(999)), None);
        assert_eq!(Ticks::new(at(1), Duration::from_secs(4_000)), None);
    }
}
