//! When the next picture may begin: a pure function of the last tick and the time.

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
