//! When is a picture whole? The policy that turns damage events into pictures.
//!
//! Most apps commit a picture with one request, and one damage event follows: it is taken at once. Some (Crispy Doom)
//! commit in several requests, 5 us to 0.5 ms apart; taken at the first, every picture would be taken twice and torn. The
//! policy notices that events come in pairs or more, learns how many belong together and how far they lie apart, and waits for the
//! last one, never longer than [`WINDOW_MAX`].

use firstlight_units::{Micros, Timestamp};

/// See the module.
#[derive(Debug)]
pub(crate) struct Coalescer {
    /// Rises when an event follows a picture so closely that it belonged to it; falls with each that stands alone.
    suspicion: u8,
    /// What is known while events are gathered; `None`: one event is one picture.
    group: Option<Group>,
    current: Current,
}

/// What has been learnt about pictures of several events.
#[derive(Debug)]
struct Group {
    seen: [Seen; SEEN],
    count: usize,
    /// Pictures in a row that had a single event.
    single: u8,
}

/// A picture, as its events told it.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    events: u8,
    span: Micros,
}

#[derive(Clone, Copy, Debug, Default)]
struct Current {
    first: Timestamp,
    server_first: Option<u32>,
    seen: Seen,
}

/// What to do after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The picture is whole: take it.
    Whole,
    /// More may come: wait for an event until this moment, then take it.
    WaitUntil(Timestamp),
}

impl Coalescer {
    pub(crate) fn new() -> Self {
        Self {
            suspicion: 0,
            group: None,
            current: Current::default(),
        }
    }

    /// The first event of a new picture came at `at`; `server_ms` is the X server's own time of it in milliseconds, which
    /// also holds when the event had to wait to be read.
    pub(crate) fn begin(&mut self, at: Timestamp, server_ms: u32) -> Verdict {
        let late = self
            .current
            .server_first
            .is_some_and(|first| server_ms.wrapping_sub(first) <= SPLIT_MS);
        self.learn(late);
        self.current = Current {
            first: at,
            server_first: Some(server_ms),
            seen: Seen {
                events: 1,
                span: Micros::ZERO,
            },
        };
        self.verdict()
    }

    /// Another event of the same picture came at `at`.
    pub(crate) fn more(&mut self, at: Timestamp) -> Verdict {
        let seen = &mut self.current.seen;
        seen.events = seen.events.saturating_add(1);
        seen.span = at.since(self.current.first);
        self.verdict()
    }

    fn verdict(&self) -> Verdict {
        let Some(group) = &self.group else {
            return Verdict::Whole;
        };
        let (events, window) = group.expected();
        if events == Some(self.current.seen.events) {
            return Verdict::Whole;
        }
        Verdict::WaitUntil(self.current.first + window)
    }

    /// Takes the picture before into account; `late`: the new event belonged to it.
    fn learn(&mut self, late: bool) {
        if self.current.server_first.is_none() {
            return;
        }
        self.suspicion = if late {
            self.suspicion.saturating_add(SUSPICION_RISE).min(SUSPICION_MAX)
        } else {
            self.suspicion.saturating_sub(1)
        };
        let last = self.current.seen;
        let acts = self.suspicion >= SUSPICION_ACTS;
        match &mut self.group {
            None if acts => self.begin_learning(),
            None => {}
            // What was learnt does not hold: start again with the widest window.
            Some(_) if late && acts => self.begin_learning(),
            Some(group) => {
                group.add(last);
                if group.single >= SINGLE_ENDS {
                    self.group = None;
                    self.suspicion = 0;
                }
            }
        }
    }

    fn begin_learning(&mut self) {
        self.group = Some(Group::new());
        self.suspicion = 0;
    }
}

impl Group {
    fn new() -> Self {
        Self {
            seen: [Seen::default(); SEEN],
            count: 0,
            single: 0,
        }
    }

    fn add(&mut self, seen: Seen) {
        if let Some(slot) = self.seen.get_mut(self.count % SEEN) {
            *slot = seen;
        }
        self.count = self.count.wrapping_add(1);
        self.single = if seen.events > 1 {
            0
        } else {
            self.single.saturating_add(1)
        };
    }

    /// How many events make a picture, if that is known, and how long to wait for them.
    fn expected(&self) -> (Option<u8>, Micros) {
        if self.count < SEEN {
            return (None, WINDOW_MAX);
        }
        let most = self
            .seen
            .iter()
            .map(|s| s.events)
            .max()
            .filter(|n| *n <= EVENTS_MAX);
        let span = self.seen.iter().map(|s| s.span).max().unwrap_or(WINDOW_MAX);
        (most, (span.scale(3, 2) + WINDOW_MARGIN).min(WINDOW_MAX))
    }
}

/// The longest that a picture waits for its last event. Crispy Doom's lie up to 0.5 ms apart on a busy machine.
pub(crate) const WINDOW_MAX: Micros = Micros::from_millis(1);
/// For the scheduler, beside half of the longest span seen.
const WINDOW_MARGIN: Micros = Micros::new(100);
/// Two events this far apart on the server's millisecond clock are one picture's: no title draws at 500 Hz.
const SPLIT_MS: u32 = 1;
/// Three doubled pictures within a handful are enough to act on.
const SUSPICION_RISE: u8 = 4;
const SUSPICION_ACTS: u8 = 8;
const SUSPICION_MAX: u8 = 12;
/// Half a second of pictures at 60 Hz: long enough to have seen the usual spread.
const SEEN: usize = 32;
/// An app with more events per picture than this draws piece by piece: only the window ends its pictures.
const EVENTS_MAX: u8 = 8;
/// After about two seconds of single events the app is believed to commit at once.
const SINGLE_ENDS: u8 = 120;

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays an app whose pictures consist of events at `offsets`; returns how often pictures were taken, and when.
    fn play(
        policy: &mut Coalescer,
        from_us: u64,
        pictures: u64,
        period_us: u64,
        offsets: &[u64],
    ) -> Vec<u64> {
        let mut taken = Vec::new();
        for picture in 0..pictures {
            let start = from_us + picture * period_us;
            let mut open = None;
            for offset in offsets {
                let at = Timestamp::from_micros(start + offset);
                if let Some(until) = open
                    && at > until
                {
                    taken.push(until.as_micros());
                    open = None;
                }
                let ms = u32::try_from(at.as_micros() / 1_000).unwrap();
                let verdict = if open.is_some() {
                    policy.more(at)
                } else {
                    policy.begin(at, ms)
                };
                open = match verdict {
                    Verdict::Whole => {
                        taken.push(at.as_micros());
                        None
                    }
                    Verdict::WaitUntil(until) => Some(until),
                };
            }
            taken.extend(open.map(Timestamp::as_micros));
        }
        taken
    }

    #[test]
    fn one_event_is_taken_at_once_for_ever() {
        let mut policy = Coalescer::new();
        let taken = play(&mut policy, 1_000_000, 1_000, 16_667, &[0]);
        assert_eq!(taken.len(), 1_000);
        assert!(
            taken
                .iter()
                .enumerate()
                .all(|(n, at)| *at == 1_000_000 + n as u64 * 16_667)
        );
    }

    #[test]
    fn two_events_are_learnt_and_then_taken_once_at_the_second() {
        let mut policy = Coalescer::new();
        let learning = play(&mut policy, 1_000_000, 40, 16_667, &[0, 300]);
        assert!(
            learning.len() <= 43,
            "at most three pictures are taken twice: {}",
            learning.len()
        );
        let taken = play(&mut policy, 3_000_000, 200, 16_667, &[0, 300]);
        assert_eq!(taken.len(), 200);
        assert!(
            taken
                .iter()
                .enumerate()
                .all(|(n, at)| *at == 3_000_300 + n as u64 * 16_667)
        );
    }

    #[test]
    fn no_picture_waits_longer_than_the_window() {
        let mut policy = Coalescer::new();
        play(&mut policy, 1_000_000, 100, 16_667, &[0, 300]);
        let taken = play(&mut policy, 5_000_000, 50, 16_667, &[0]);
        assert_eq!(taken.len(), 50);
        assert!(
            taken
                .iter()
                .enumerate()
                .all(|(n, at)| at - (5_000_000 + n as u64 * 16_667) <= 1_000)
        );
    }

    #[test]
    fn an_app_that_changes_its_ways_is_believed_after_two_seconds() {
        let mut policy = Coalescer::new();
        play(&mut policy, 1_000_000, 100, 16_667, &[0, 300]);
        play(&mut policy, 5_000_000, 160, 16_667, &[0]);
        let taken = play(&mut policy, 9_000_000, 10, 16_667, &[0]);
        assert!(
            taken
                .iter()
                .enumerate()
                .all(|(n, at)| *at == 9_000_000 + n as u64 * 16_667)
        );
    }

    #[test]
    fn a_third_event_is_learnt_too() {
        let mut policy = Coalescer::new();
        play(&mut policy, 1_000_000, 100, 16_667, &[0, 100]);
        play(&mut policy, 5_000_000, 100, 16_667, &[0, 100, 500]);
        let taken = play(&mut policy, 9_000_000, 100, 16_667, &[0, 100, 500]);
        assert_eq!(taken.len(), 100);
    }
}
