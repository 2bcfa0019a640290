//! When pictures are taken: a policy without a clock.

use crate::coalesce::{Coalescer, Verdict};
use crate::pace::Pace;
use firstlight_units::Timestamp;

/// When what was committed becomes a picture.
///
/// A native client's commit is a whole picture, and is taken at once while it keeps to the title's rate. What comes through the X
/// server may be a part of one, as on any X server: the same rule as there holds the parts together. While a picture waits for its
/// time, what is committed goes into it: the freshest wins.
#[derive(Debug)]
pub(super) struct Schedule {
    pace: Pace,
    coalescer: Coalescer,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    committed: Timestamp,
    due: Timestamp,
    /// It is made of parts, and the pace would let it go at this moment.
    parts: Option<Timestamp>,
}

impl Schedule {
    pub(super) fn new(fps: u16) -> Self {
        Self {
            pace: Pace::new(fps),
            coalescer: Coalescer::new(),
            waiting: None,
        }
    }

    /// Something that is seen was committed at `at`, `by_parts` if it may be a part of a picture.
    pub(super) fn on_commit(&mut self, at: Timestamp, by_parts: bool) {
        let Some(waiting) = &mut self.waiting else {
            self.waiting = Some(self.begin(at, by_parts));
            return;
        };
        match waiting.parts {
            Some(paced) => waiting.due = due(self.coalescer.more(at), paced),
            // Seen as it is when it is taken, which is as it was committed last.
            None => waiting.committed = at,
        }
    }

    fn begin(&mut self, at: Timestamp, by_parts: bool) -> Waiting {
        let paced = self.pace.begin(at);
        if !by_parts {
            return Waiting {
                committed: at,
                due: paced,
                parts: None,
            };
        }
        // Of the server's own clock only the milliseconds matter.
        let ms = u32::try_from(at.as_micros() / 1_000 % u64::from(u32::MAX)).unwrap_or_default();
        Waiting {
            committed: at,
            due: due(self.coalescer.begin(at, ms), paced),
            parts: Some(paced),
        }
    }

    /// The picture that is to be taken now: when it was committed.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.waiting
            .take_if(|waiting| waiting.due <= now)
            .map(|waiting| waiting.committed)
    }

    /// When there will be one.
    pub(super) fn timeout(&self) -> Option<Timestamp> {
        self.waiting.map(|waiting| waiting.due)
    }
}

fn due(verdict: Verdict, paced: Timestamp) -> Timestamp {
    match verdict {
        Verdict::Whole => paced,
        Verdict::WaitUntil(until) => until.max(paced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000 + us)
    }

    #[test]
    fn a_native_commit_is_taken_at_once() {
        let mut schedule = Schedule::new(60);
        for n in 0..600 {
            let now = at(n * 16_667);
            schedule.on_commit(now, false);
            assert_eq!(schedule.take(now), Some(now), "{n}");
            assert_eq!(schedule.timeout(), None);
        }
    }

    #[test]
    fn a_thousand_commits_a_second_are_sixty_pictures_and_each_is_the_freshest() {
        let mut schedule = Schedule::new(60);
        let mut taken = Vec::new();
        for n in 0..10_000 {
            let now = at(n * 1_000);
            schedule.on_commit(now, false);
            if let Some(committed) = schedule.take(now) {
                assert_eq!(committed, now);
                taken.push(committed);
            }
        }
        assert!((580..=625).contains(&taken.len()), "{}", taken.len());
    }

    #[test]
    fn parts_become_one_picture_at_the_last_of_them() {
        let mut schedule = Schedule::new(60);
        let mut play = |from: u64| {
            let mut taken = Vec::new();
            for n in 0..200 {
                for offset in [0, 300] {
                    let now = at(from + n * 16_667 + offset);
                    schedule.on_commit(now, true);
                    taken.extend(schedule.take(now).map(|committed| (n, offset, committed)));
                }
                let late = at(from + n * 16_667 + 2_000);
                taken.extend(schedule.take(late).map(|committed| (n, 2_000, committed)));
            }
            taken
        };
        play(0);
        let taken = play(10_000_000);
        assert_eq!(taken.len(), 200);
        assert!(
            taken
                .iter()
                .all(|(n, offset, committed)| *offset == 300 && *committed == at(10_000_000 + n * 16_667))
        );
    }
}
