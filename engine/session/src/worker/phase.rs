//! The player's screen and the title's frame clock: what the one says goes to the core, what the core says goes to the other.

use super::Worker;
use firstlight_container::FrameClock;
use firstlight_proto::phase::{PhaseLock, Screen};
use firstlight_units::{Micros, Pacing, Ticks, Timestamp};
use firstlight_wire::control::{FrameClock as Word, ScreenReport};

/// A frame clock that can be steered, and what is known of the screen that it is for.
#[derive(Debug)]
pub(super) struct Steering {
    clock: FrameClock,
    lock: PhaseLock,
    /// What the clock was told.
    told: Option<Ticks>,
    /// How often the title had been answered when the screen was told of last.
    answered: u64,
    /// How long pictures waited for the screen, as it was told last.
    wait: Option<Micros>,
}

impl Steering {
    pub(super) fn new(clock: FrameClock, fps: u16) -> Self {
        Self {
            clock,
            lock: PhaseLock::new(fps),
            told: None,
            answered: 0,
            wait: None,
        }
    }

    fn tell(&mut self) {
        let ticks = self.lock.ticks();
        if std::mem::replace(&mut self.told, ticks) == ticks {
            return;
        }
        if ticks.is_none() {
            tracing::debug!(why = self.lock.state().name(), "the frame clock is let go");
        }
        // The display is gone: the look at the container says so in a moment.
        if let Err(error) = self.clock.follow(ticks) {
            tracing::debug!(%error, "the frame clock was not told");
        }
    }
}

impl Worker {
    /// Steers the title's clock by what the client tells of its screen.
    pub(super) fn on_screen(&mut self, now: Timestamp, report: &ScreenReport) {
        let Some(screen) = Screen::read(now, report) else {
            self.malformed += 1;
            return;
        };
        let hidden = self.wants.hidden;
        let Some(phase) = self.phase.as_mut().filter(|_| !hidden) else {
            return;
        };
        let answered = phase.clock.answered();
        let before = std::mem::replace(&mut phase.answered, answered.unwrap_or_default());
        let since = answered.map(|answered| answered.saturating_sub(before));
        phase.wait = screen.wait();
        phase.lock.on_screen(now, &screen, since);
        phase.tell();
    }

    /// Nobody sees the pictures, or somebody else will.
    pub(super) fn forget_screen(&mut self) {
        if let Some(phase) = &mut self.phase {
            phase.lock.forget();
            phase.wait = None;
            phase.tell();
        }
    }

    /// Once a second: lets go when the client says nothing any more.
    pub(super) fn look_at_screen(&mut self, now: Timestamp) {
        if let Some(phase) = &mut self.phase {
            phase.lock.handle_timeout(now);
            phase.tell();
        }
    }

    /// What the frame clock goes by, and how long pictures waited for the screen; taken once.
    pub(super) fn take_pacing(&mut self) -> (Pacing, Option<Micros>) {
        self.phase.as_mut().map_or((Pacing::Off, None), |phase| {
            (phase.lock.state(), phase.wait.take())
        })
    }
}

/// As the client is told.
pub(super) const fn word(pacing: Pacing) -> Word {
    match pacing {
        Pacing::Off => Word::Off,
        Pacing::Unknown => Word::Unknown,
        Pacing::Apart => Word::Apart,
        Pacing::Loose => Word::Loose,
        Pacing::Own => Word::Own,
        Pacing::Turning => Word::Turning,
        Pacing::Locked => Word::Locked,
    }
}
