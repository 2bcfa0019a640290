//! When apps may draw the next picture: a policy without a clock.

use firstlight_units::{Micros, Ticks, Timestamp};

/// When frame callbacks are answered: at once for who has been still, at the rate for who is not.
///
/// By itself the beat follows the app's own phase: a picture that is committed on time is answered on time, and no app waits for a tick
/// that has nothing to do with it. Where there are ticks that have (those of the player's screen), it goes over to them, without a jump
/// while an app draws, and keeps to them.
#[derive(Debug)]
pub(super) struct Beat {
    /// Of its own.
    period: Micros,
    ticks: Option<Ticks>,
    next: Timestamp,
}

impl Beat {
    /// `fps` answers a second, two percent fast for the same reason as [`Pace`].
    pub(super) fn new(fps: u32) -> Self {
        Self {
            period: Micros::from_secs(1).scale(98, u64::from(fps.max(1)) * 100),
            ticks: None,
            next: Timestamp::from_micros(0),
        }
    }

    /// Goes by these ticks from the next answer on; `None`: by its own rate.
    pub(super) fn follow(&mut self, ticks: Option<Ticks>) {
        self.ticks = ticks;
    }

    /// When the next answer may go.
    pub(super) fn due(&self) -> Timestamp {
        self.next
    }

    /// Answers go at `now`.
    pub(super) fn on_answered(&mut self, now: Timestamp) {
        let period = self.ticks.map_or(self.period, |ticks| ticks.period().into());
        // One that was a little late does not make all that follow late.
        let on_time = now.since(self.next) < period;
        let next = if on_time { self.next } else { now } + period;
        self.next = match self.ticks {
            None => next,
            Some(ticks) if on_time => ticks.approach(next),
            // Who was still sees no jump.
            Some(ticks) => ticks.nearest(next),
        };
    }
}

/// An X server posts what its clients draw in pieces and asks before each: this many a picture go through unhindered.
pub(super) const PIECES: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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

    fn ticks(from: u64) -> Ticks {
        Ticks::new(at(from), Duration::from_nanos(16_666_667)).unwrap()
    }

    /// Answers as they are due, each `late`; returns when.
    fn answers(beat: &mut Beat, count: usize, late: u64) -> Vec<Timestamp> {
        let answer = |_| {
            let now = beat.due() + Micros::new(late);
            beat.on_answered(now);
            now
        };
        (0..count).map(answer).collect()
    }

    #[test]
    fn it_turns_to_the_ticks_without_a_jump_and_stays_with_them() {
        for from in [0, 2_000, 8_000, 9_000, 15_000] {
            let mut beat = Beat::new(60);
            beat.on_answered(at(1_000_000));
            answers(&mut beat, 60, 0);
            beat.follow(Some(ticks(from)));
            let turning = answers(&mut beat, 110, 0);
            let spans = turning
                .windows(2)
                .skip(1)
                .map(|pair| (pair[1] - pair[0]).as_micros());
            assert!(spans.into_iter().all(|span| span.abs_diff(16_667) <= 84));
            for answer in answers(&mut beat, 3_600, 40) {
                let due = answer.before(Micros::new(40));
                assert!(ticks(from).nearest(due).as_micros().abs_diff(due.as_micros()) <= 1);
            }
        }
    }

    #[test]
    fn it_follows_ticks_that_move_and_goes_on_by_itself_when_they_end() {
        let mut beat = Beat::new(60);
        beat.follow(Some(ticks(0)));
        answers(&mut beat, 200, 0);
        beat.follow(Some(ticks(0).shifted(-1_000_000)));
        answers(&mut beat, 13, 0);
        let due = beat.due();
        assert_eq!(ticks(0).shifted(-1_000_000).nearest(due), due);
        beat.follow(None);
        let free = answers(&mut beat, 10, 0);
        assert!(
            free.windows(2)
                .skip(1)
                .all(|pair| pair[1] - pair[0] == Micros::new(16_333))
        );
    }

    #[test]
    fn who_was_still_is_answered_at_once_and_then_with_the_ticks() {
        let mut beat = Beat::new(60);
        beat.follow(Some(ticks(0)));
        answers(&mut beat, 200, 0);
        let again = at(60_000_000 + 5_000);
        assert!(beat.due() <= again);
        beat.on_answered(again);
        assert_eq!(ticks(0).nearest(beat.due()), beat.due());
        assert!((8_000..25_000).contains(&(beat.due() - again).as_micros()));
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
