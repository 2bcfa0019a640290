//! How often pictures are taken: the policy that holds an app to the title's rate.
//!
//! A virtual schedule runs at the title's rate, two percent fast, so that an app at 60.17 Hz is never a beat behind it. A picture
//! that comes up to half a period ahead of the schedule is taken at once: jitter costs nothing. An app that draws faster than its
//! rate waits for the schedule, and the picture that is taken then is the freshest.

use firstlight_units::{Micros, Timestamp};

/// See the module.
#[derive(Debug)]
pub(crate) struct Pace {
    period: Micros,
    /// When the schedule expects the next picture.
    next: Timestamp,
    /// The first event of the last picture; `None` after a straggler, or if it was held back.
    begun: Option<Timestamp>,
}

impl Pace {
    pub(crate) fn new(fps: u16) -> Self {
        Self {
            period: Micros::from_secs(1).scale(SPEED_UP.0, u64::from(fps.max(1)) * SPEED_UP.1),
            next: Timestamp::from_micros(0),
            begun: None,
        }
    }

    /// When to take the picture whose first event came at `at`, and notes that it is.
    ///
    /// What follows a picture within [`STRAGGLER`] belongs to it: the picture was torn, and is taken again at once. That happens
    /// once per picture, or an app that draws piece by piece would set the rate.
    pub(crate) fn begin(&mut self, at: Timestamp) -> Timestamp {
        if let Some(begun) = self.begun.take()
            && at.since(begun) <= STRAGGLER
        {
            return at;
        }
        let due = at.max(self.next.before(self.period.scale(1, 2)));
        self.next = self.next.max(due) + self.period;
        // What follows one that was held back is most likely the next frame of an app that draws too fast.
        self.begun = Some(at).filter(|at| *at == due);
        due
    }
}

/// The schedule's period is this part of the title's.
const SPEED_UP: (u64, u64) = (98, 100);
/// As long as `coalesce` believes two events to belong together.
const STRAGGLER: Micros = crate::coalesce::WINDOW_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `pictures` at `period_us`; returns how many were taken and the longest wait.
    fn play(fps: u16, pictures: u64, period_us: u64) -> (u64, u64) {
        let mut pace = Pace::new(fps);
        let (mut taken, mut longest, mut free) = (0, 0, 0);
        for n in 0..pictures {
            let at = 1_000_000 + n * period_us;
            if at < free {
                // Drawn while one was waiting: the waiting one shows it.
                continue;
            }
            let due = pace.begin(Timestamp::from_micros(at)).as_micros();
            taken += 1;
            longest = longest.max(due - at);
            free = due;
        }
        (taken, longest)
    }

    #[test]
    fn an_app_slightly_above_its_rate_is_never_held_back() {
        for period in [16_620, 16_667, 16_700, 20_000, 33_333] {
            assert_eq!(play(60, 6_000, period), (6_000, 0), "{period}");
        }
    }

    #[test]
    fn an_app_at_twice_or_many_times_the_rate_is_held_to_it() {
        for period in [8_333, 6_944, 4_000, 1_500] {
            let (taken, longest) = play(60, 10_000_000 / period, period);
            assert!((580..=615).contains(&taken), "{period}: {taken}");
            assert!(longest <= 16_667, "{period}: {longest}");
        }
    }

    #[test]
    fn jitter_up_to_half_a_period_costs_nothing() {
        let mut pace = Pace::new(60);
        for (n, early) in (1..1_000u64).zip([0, 7_000, 3_000, 0, 5_000].into_iter().cycle()) {
            let at = Timestamp::from_micros(1_000_000 + n * 16_667 - early);
            assert_eq!(pace.begin(at), at, "{n}");
        }
    }

    #[test]
    fn a_torn_picture_is_taken_again_at_once_but_only_once() {
        let mut pace = Pace::new(60);
        let at = |us: u64| Timestamp::from_micros(1_000_000 + us);
        assert_eq!(pace.begin(at(0)), at(0));
        assert_eq!(pace.begin(at(300)), at(300));
        assert!(pace.begin(at(600)) > at(7_000));
    }
}
