//! When what a running session has saved is put away. Pure.

use firstlight_units::{Micros, Timestamp};

/// What was seen of a home; `S`: how it was.
#[derive(Clone, Debug)]
pub(super) struct Rhythm<S> {
    /// As the cell has it, as far as that is known.
    stored: Option<S>,
    /// As it was at the last look.
    seen: Option<S>,
    tried: Timestamp,
}

impl<S: Copy + PartialEq> Rhythm<S> {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            stored: None,
            seen: None,
            tried: now,
        }
    }

    /// Whether it is to be put away. `still`: nothing writes to it.
    pub(super) fn look(&mut self, now: Timestamp, at: S, still: bool) -> bool {
        let quiet = still || self.seen == Some(at);
        self.seen = Some(at);
        let since = now.since(self.tried);
        let due = self.stored != Some(at) && (still || (quiet && since >= EVERY) || since >= ANYWAY);
        if due {
            self.tried = now;
        }
        due
    }

    pub(super) fn on_stored(&mut self, at: S) {
        self.stored = Some(at);
    }
}

/// What a player loses at the most when a machine dies, besides what was being written in that moment; and what a game that saves all the
/// time costs.
const EVERY: Micros = Micros::from_secs(10);
/// A game that never stops writing is taken in the middle of it; what is not whole is tried again.
const ANYWAY: Micros = Micros::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_micros(1) + Micros::from_secs(s)
    }

    #[test]
    fn what_changed_is_put_away_once_it_is_quiet_and_not_too_often() {
        let mut rhythm = Rhythm::new(at(0));
        assert!(!rhythm.look(at(2), 0, false), "too soon");
        assert!(rhythm.look(at(12), 0, false), "nobody knows what the cell has");
        rhythm.on_stored(0);
        assert!(!rhythm.look(at(20), 0, false), "nothing has changed");
        assert!(!rhythm.look(at(22), 1, false), "it is being written");
        assert!(rhythm.look(at(24), 1, false));
        rhythm.on_stored(1);
        assert!(!rhythm.look(at(26), 2, false));
        assert!(!rhythm.look(at(28), 2, false), "too soon");
        assert!(rhythm.look(at(34), 2, false));
    }

    #[test]
    fn a_session_that_stands_still_is_put_away_at_once_and_a_restless_one_once_a_minute() {
        let mut rhythm = Rhythm::new(at(0));
        assert!(rhythm.look(at(1), 1, true));
        // It failed: the next look tries again.
        assert!(rhythm.look(at(3), 1, true));
        rhythm.on_stored(1);
        let due = (4..=130).filter(|s| rhythm.look(at(*s), *s, false)).count();
        assert_eq!(due, 2);
    }
}
