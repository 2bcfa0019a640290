//! What the media thread does next: take a picture, encode the kept one again, or wait. Pure.
//!
//! The freshest picture wins: damage is a flag, not a queue, and what was not taken in time is replaced by what came after
//! it. An IDR or a recovery that was asked for is never held up by the frame rate, nor by a still screen.

use firstlight_encoder::Refine;
use firstlight_units::{FrameId, Micros, Timestamp};

/// See the module.
#[derive(Debug)]
pub(crate) struct Pictures {
    /// Shortest time between two pictures on average.
    interval: Micros,
    /// One of `divisor` pictures is taken.
    divisor: u8,
    /// When the next picture would be due if they came at exactly that rate.
    due: Timestamp,
    /// Something was drawn that has not been taken.
    dirty: bool,
    /// There is a picture that can be encoded again.
    kept: bool,
    asked: Asked,
    blocked: bool,
    /// Since when there is a picture that the sender does not take.
    held_since: Option<Timestamp>,
    skipped: u64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Take a picture and encode it.
    Grab,
    /// Encode the kept picture again, since it was asked for.
    Again,
    /// Encode the kept picture a step sharper.
    Refine(Refine),
    /// Wait for damage, a wish, or this moment.
    Wait(Option<Timestamp>),
}

/// What the still policy says at this moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StillStep {
    pub(crate) due: Option<Refine>,
    pub(crate) at: Option<Timestamp>,
}

/// What the next access unit must be; taken with [`Pictures::take_asked`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) idr: bool,
    pub(crate) recover: Option<FrameId>,
}

impl Asked {
    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        // The older of two losses includes the newer.
        let recover = match (self.recover, other.recover) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self {
            idr: self.idr || other.idr,
            recover,
        }
    }

    pub(crate) const fn is_any(self) -> bool {
        self.idr || self.recover.is_some()
    }
}

impl Pictures {
    /// Pictures of an app that draws `fps` times a second.
    pub(crate) fn new(fps: u16) -> Self {
        Self {
            interval: Micros::from_secs(1).scale(10, u64::from(fps.max(1)) * RATE_TENTHS),
            divisor: 1,
            due: Timestamp::default(),
            dirty: false,
            kept: false,
            asked: Asked::default(),
            blocked: false,
            held_since: None,
            skipped: 0,
        }
    }

    pub(crate) fn set_divisor(&mut self, divisor: u8) {
        self.divisor = divisor.max(1);
    }

    /// The app committed a picture. It may have committed more by the time this one is taken.
    pub(crate) fn on_damage(&mut self) {
        self.dirty = true;
    }

    /// Whether something was drawn that has not been taken.
    pub(crate) const fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Whether the sender takes an access unit at `now`.
    pub(crate) fn set_blocked(&mut self, now: Timestamp, blocked: bool) {
        self.blocked = blocked;
        // The display tells of no further damage until a picture is taken: what was drawn meanwhile is reckoned.
        if let Some(since) = &mut self.held_since {
            let frame = self.interval.scale(RATE_TENTHS, 10).max(Micros::new(1));
            let missed = (now - *since).as_micros() / frame.as_micros();
            *since += frame.scale(missed, 1);
            self.skipped += missed;
        }
        if blocked && self.dirty {
            self.held_since.get_or_insert(now);
        }
    }

    /// Something was asked for.
    pub(crate) fn ask(&mut self, asked: Asked) {
        self.asked = self.asked.and(asked);
    }

    /// What to do at `now`.
    pub(crate) fn next(&self, now: Timestamp, still: StillStep) -> Turn {
        if self.blocked {
            // Now and then, to reckon.
            return Turn::Wait(self.held_since.map(|since| since + RECKON));
        }
        let asked = self.asked.is_any();
        let fresh = self.dirty || (asked && !self.kept);
        let open = self.due.before(self.slack());
        match still.due {
            _ if fresh && (asked || now >= open) => Turn::Grab,
            _ if asked => Turn::Again,
            _ if fresh => Turn::Wait(Some(open)),
            Some(refine) => Turn::Refine(refine),
            None => Turn::Wait(still.at),
        }
    }

    /// A picture was taken.
    pub(crate) fn on_grab(&mut self, now: Timestamp) {
        self.dirty = false;
        self.kept = true;
        self.held_since = None;
        self.due = self.due.max(now) + self.interval.scale(self.divisor.into(), 1);
    }

    /// What the next access unit must be; it counts as done.
    pub(crate) fn take_asked(&mut self) -> Asked {
        std::mem::take(&mut self.asked)
    }

    /// Pictures replaced by newer ones while the sender was blocked, since the last call.
    pub(crate) fn take_skipped(&mut self) -> u32 {
        u32::try_from(std::mem::take(&mut self.skipped)).unwrap_or(u32::MAX)
    }

    /// How much too early a picture may be: an app's ticks are uneven.
    fn slack(&self) -> Micros {
        self.interval.scale(1, 2)
    }
}

/// Pictures are taken at up to 1.1 times the title's rate: an app that draws at 60.2 Hz must not drift against ours and
/// wait for it.
const RATE_TENTHS: u64 = 11;

/// How often what a blocked sender misses is counted.
const RECKON: Micros = Micros::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    const STILL: StillStep = StillStep { due: None, at: None };
    const STEP: Refine = Refine { qp: 20, room: 1 };

    fn at(us: u64) -> Timestamp {
        Timestamp::from_micros(1_000_000 + us)
    }

    /// Pictures taken in a second of an app that draws every `gap` microseconds, and the longest one waited.
    fn watch(pictures: &mut Pictures, gap: u64) -> (usize, u64) {
        let (mut taken, mut waited) = (0, 0);
        let mut dirty_since = None;
        for us in (0..1_000_000).step_by(10) {
            if us % (gap / 10 * 10) == 0 {
                pictures.on_damage();
                dirty_since = Some(us);
            }
            if pictures.next(at(us), STILL) == Turn::Grab {
                pictures.on_grab(at(us));
                taken += 1;
                waited = waited.max(us - dirty_since.take().unwrap());
            }
        }
        (taken, waited)
    }

    #[test]
    fn an_app_a_little_faster_than_promised_never_waits() {
        let (taken, waited) = watch(&mut Pictures::new(60), 16_600);
        assert_eq!((taken, waited), (61, 0));
    }

    #[test]
    fn an_app_that_runs_wild_is_held_to_its_rate() {
        let (taken, _) = watch(&mut Pictures::new(60), 4_000);
        assert!((60..=67).contains(&taken), "{taken}");
    }

    #[test]
    fn at_low_rates_every_other_picture_is_taken() {
        let mut pictures = Pictures::new(60);
        pictures.set_divisor(2);
        let (taken, waited) = watch(&mut pictures, 16_600);
        assert!((29..=34).contains(&taken), "{taken}");
        assert!(waited < 16_600, "never longer than to the next picture: {waited}");
    }

    #[test]
    fn what_is_asked_for_waits_for_nothing() {
        let mut pictures = Pictures::new(60);
        pictures.on_damage();
        pictures.on_grab(at(0));
        assert_eq!(pictures.next(at(1), STILL), Turn::Wait(None));
        pictures.ask(Asked {
            idr: true,
            recover: None,
        });
        assert_eq!(pictures.next(at(1), STILL), Turn::Again);
        pictures.on_damage();
        assert_eq!(pictures.next(at(1), STILL), Turn::Grab);
    }

    #[test]
    fn the_first_player_gets_a_picture_of_what_there_is() {
        let mut pictures = Pictures::new(60);
        assert_eq!(pictures.next(at(0), STILL), Turn::Wait(None));
        pictures.ask(Asked {
            idr: true,
            recover: None,
        });
        assert_eq!(pictures.next(at(0), STILL), Turn::Grab);
    }

    #[test]
    fn a_blocked_sender_gets_nothing_and_then_the_newest() {
        let mut pictures = Pictures::new(60);
        pictures.on_damage();
        pictures.set_blocked(at(0), true);
        assert!(matches!(pictures.next(at(0), STILL), Turn::Wait(_)));
        pictures.set_blocked(at(52_000), false);
        assert_eq!(pictures.next(at(52_000), STILL), Turn::Grab);
        pictures.on_grab(at(52_000));
        assert_eq!((pictures.take_skipped(), pictures.take_skipped()), (3, 0));
    }

    #[test]
    fn of_two_losses_the_older_counts() {
        let mut pictures = Pictures::new(60);
        for lost in [7, 5, 9] {
            pictures.ask(Asked {
                idr: false,
                recover: Some(FrameId::new(lost)),
            });
        }
        assert_eq!(pictures.take_asked().recover, Some(FrameId::new(5)));
        assert!(!pictures.take_asked().is_any());
    }

    #[test]
    fn a_still_picture_is_refined_only_when_nothing_else_is_to_be_done() {
        let mut pictures = Pictures::new(60);
        pictures.on_damage();
        pictures.on_grab(at(0));
        let step = StillStep {
            due: Some(STEP),
            at: None,
        };
        assert_eq!(pictures.next(at(1), step), Turn::Refine(STEP));
        pictures.on_damage();
        assert!(matches!(pictures.next(at(1), step), Turn::Wait(Some(_))));
    }
}
