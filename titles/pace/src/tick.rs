//! When the next picture may begin: a pure function of the last tick and the time.

use firstlight_units::{Ticks, Timestamp};
use std::time::Duration;

/// The tick after `last`, in nanoseconds; both are 0 before the first picture. An app that is late by more than a period
/// begins a new series at `now`: ticks it missed are not made up for.
pub(crate) fn next(last: u64, now: u64, period: u64) -> u64 {
    let next = last.saturating_add(period);
    if last == 0 || next < now.saturating_sub(period) {
        now
    } else {
        next
    }
}

/// The same of an app that keeps to the ticks of the player's screen; nanoseconds as well.
pub(crate) fn keep(ticks: Ticks, last: u64, now: u64) -> u64 {
    let period = u64::try_from(ticks.period().as_nanos()).unwrap_or(u64::MAX);
    let planned = next(last, now, period);
    let at = |ns: u64| Timestamp::from_micros(ns / 1_000);
    let tick = if planned == now {
        // A new series begins with the tick that comes next.
        ticks.nearest(at(now.saturating_add(period / 2)))
    } else {
        ticks.approach(at(planned))
    };
    tick.as_micros().saturating_mul(1_000)
}

/// The ticks of which one is at `tick` and two are `period` apart, in nanoseconds.
pub(crate) fn ticks(period: u64, tick: u64) -> Option<Ticks> {
    Ticks::new(Timestamp::from_micros(tick / 1_000), Duration::from_nanos(period))
}

/// Nanoseconds between pictures at a rate written as a decimal; nothing if that is no rate.
pub(crate) fn period(fps: &str) -> Option<u64> {
    let fps: f64 = fps.parse().ok()?;
    if !(1.0..=1_000.0).contains(&fps) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Some((1e9 / fps).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u64 = 16_666_667;

    #[test]
    fn ticks_add_up_no_error() {
        let (mut last, mut now) = (0, 1_000);
        for _ in 0..60 {
            last = next(last, now, PERIOD);
            // Every picture is 3 ms late, and no tick moves for it.
            now = last + PERIOD + 3_000_000;
        }
        assert_eq!(last, 1_000 + 59 * PERIOD);
    }

    #[test]
    fn it_turns_to_the_screen_s_ticks_by_a_half_percent_and_keeps_to_them() {
        let screen = ticks(PERIOD, 5_000_000_000).expect("ticks");
        let mut last = next(0, 7_003_000_000, PERIOD);
        for _ in 0..300 {
            let then = keep(screen, last, last + 3_000_000);
            assert!((then - last).abs_diff(PERIOD) <= PERIOD / 200 + 2_000);
            last = then;
        }
        assert!(
            screen
                .since_tick(Timestamp::from_micros(last / 1_000 + 1))
                .as_micros()
                <= 2
        );
        let paused = last + 90 * PERIOD + 4_000_000;
        let first = keep(screen, last, paused);
        assert!(first >= paused && first - paused <= PERIOD);
        assert!(
            screen
                .since_tick(Timestamp::from_micros(first / 1_000 + 1))
                .as_micros()
                <= 2
        );
        assert_eq!(ticks(0, 5_000), None);
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        assert_eq!(next(1_000, 1_000 + 100 * PERIOD, PERIOD), 1_000 + 100 * PERIOD);
    }

    #[test]
    fn what_is_no_rate_holds_nobody() {
        assert_eq!(period("60"), Some(16_666_667));
        assert_eq!(period("59.83"), Some(16_714_023));
        for text in ["", "0", "-60", "fast", "NaN", "inf", "1001"] {
            assert_eq!(period(text), None, "{text}");
        }
    }
}
