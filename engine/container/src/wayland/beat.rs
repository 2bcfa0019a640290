//! When apps may draw the next picture: a policy without a clock.

use firstlight_units::{Micros, Timestamp};

/// When frame callbacks are answered: at once for who has been still, at the rate for who is not.
///
/// The beat follows the app's own phase: a picture that is committed on time is answered on time, and no app waits for a tick that has
/// nothing to do with it.
#[derive(Debug)]
pub(super) struct Beat {
    period: Micros,
    next: Timestamp,
}

impl Beat {
    /// `fps` answers a second, two percent fast for the same reason as [`Pace`].
    pub(super) fn new(fps: u32) -> Self {
        Self {
            period: Micros::from_secs(1).scale(98, u64::from(fps.max(1)) * 100),
            next: Timestamp::from_micros(0),
        }
    }

    /// When the next answer may go.
    pub(super) fn due(&self) -> Timestamp {
        self.next
    }

    /// Answers go at `now`.
    pub(super) fn on_answered(&mut self, now: Timestamp) {
        // One that was a little late does not make all that follow late.
        let late = now.since(self.next);
        self.next = if late < self.period {
            self.next + self.period
        } else {
            now + self.period
        };
    }
}

/// An X server posts what its clients draw in pieces and asks before each: this many a picture go through unhindered.
pub(super) const PIECES: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000 + us)
    }

    #[test]
    fn who_was_still_is_answered_at_once_and_then_at_the_rate() {
        let mut beat = Beat::new(60);
        assert!(beat.due() <= at(0));
        let mut now = at(0);
        let mut answers = 0;
        while now < at(10_000_000) {
            beat.on_answered(now);
            answers += 1;
            now = beat.due();
        }
        assert!((600..=615).contains(&answers), "{answers}");
        beat.on_answered(at(60_000_000));
        assert!(beat.due() > at(60_000_000) && beat.due() < at(60_017_000));
    }

    #[test]
    fn a_late_answer_does_not_slow_the_beat() {
        let mut beat = Beat::new(60);
        beat.on_answered(at(0));
        let first = beat.due();
        beat.on_answered(first + Micros::from_millis(5));
        assert_eq!(beat.due(), first + Micros::new(16_333));
    }
}
