//! The title's frame clock, in the hands of who knows the player's screen.

use crate::timetable::Timetable;
use crate::{Error, wayland};
use firstlight_title::Run;
use firstlight_units::Ticks;

/// When the app is told that it may draw the next picture. By itself it goes at the title's rate, in the app's own phase.
///
/// A Wayland display tells its clients, who have asked; a library that holds an app to its rate reads it from a file. What does neither draws
/// when it likes, and has no such clock.
#[derive(Clone, Debug)]
pub struct FrameClock {
    display: Option<wayland::FrameClock>,
    /// Of an app that is held to its rate.
    timetable: Option<Timetable>,
}

impl FrameClock {
    /// `None` where nothing of it would be heard.
    pub(crate) fn of(display: Option<wayland::FrameClock>, run: &Run, timetable: &Timetable) -> Option<Self> {
        let timetable = run.env.contains_key(PACED).then(|| timetable.clone());
        (display.is_some() || timetable.is_some()).then_some(Self { display, timetable })
    }

    /// Lets the app be told by these ticks from here on; `None`: as by itself. While an app draws it goes over to them by a half percent of
    /// the period at most, each time ([`Ticks::approach`]).
    ///
    /// # Errors
    /// [`Error::Closed`] when the display has ended.
    pub fn follow(&self, ticks: Option<Ticks>) -> Result<(), Error> {
        if let Some(timetable) = &self.timetable {
            timetable.tell(ticks);
        }
        self.display
            .as_ref()
            .map_or(Ok(()), |display| display.follow(ticks))
    }

    /// How often the app was told, because it had asked, since the display started: what draws without asking does not heed the clock.
    /// `None` where that cannot be seen.
    #[must_use]
    pub fn answered(&self) -> Option<u64> {
        match (&self.display, &self.timetable) {
            (Some(display), None) => Some(display.answered()),
            _ => None,
        }
    }
}

/// The variable by which a title says that it is held to a rate: see `titles/pace`.
const PACED: &str = "PACE_FPS";
