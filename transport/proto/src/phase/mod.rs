//! When a title is to draw, so that its pictures reach the player's screen just before it takes the next.
//!
//! ```text
//! page: waits of decoded pictures, refresh -> ScreenReport -> Screen -> PhaseLock -> Ticks -> the display's frame callbacks
//! ```
//!
//! A screen takes a picture at its refreshes and at no other time. A picture that is decoded at any moment of the period waits half of
//! one on average, and where two come between two refreshes, one was drawn for nothing. Here the display's frame clock takes the
//! screen's rate, and is turned until a picture's wait is what its way varies by and no more.
//!
//! - **Only waits count.** How long a decoded picture waited is measured by one clock, the player's. That wait, modulo the refresh, is how
//!   much later the title could have drawn; neither the offset of the two clocks nor the length of the way is needed. What the clocks
//!   drift apart by, and what the way grows by, is in the next second's waits.
//! - **The margin** is how much earlier than its median one of a hundred pictures has to be there: taken from a ring of the last quarter
//!   of a minute, so that a way that gets worse is believed within a few seconds, and one that gets better after a dozen.
//!   Where pictures miss their refresh all the same, it grows.
//! - **Gently.** Who follows [`Ticks`] turns by a half percent of the period at most: [`Ticks::approach`].
//! - **It lets go** when reports stop, when the screen's rate and the title's do not go together, when pictures come so unsteadily
//!   that waiting for the refresh costs no more, and when the title does not heed the frame clock.

mod circle;
mod screen;
#[cfg(test)]
mod tests;

pub use screen::Screen;

use circle::{Circle, nanos};
use firstlight_units::{Micros, Pacing, Ticks, Timestamp};
use screen::Picture;
use std::collections::VecDeque;
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub struct PhaseLock {
    /// Between two pictures, as the title has it.
    interval: Duration,
    state: Pacing,
    lock: Option<Lock>,
    /// When something that could be used was told.
    heard: Timestamp,
    /// Not again before then: what did not go well would go the same way.
    rests_until: Timestamp,
}

/// A frame clock that follows a screen.
#[derive(Debug)]
struct Lock {
    refresh: Duration,
    ticks: Ticks,
    /// Pictures captured from then on were drawn by these ticks.
    settled: Timestamp,
    /// How much later than the median of their second pictures could have been drawn; nanoseconds, the newest last.
    deviations: VecDeque<i64>,
    guard: Duration,
    /// From a tick to the picture that is drawn for it: the last second's median.
    lead: Option<i64>,
    /// Seconds in a row that it moved in.
    strayed: u8,
    /// Seconds in a row that were too unsteady.
    loose: u8,
}

impl PhaseLock {
    /// For a title that draws `fps` pictures a second.
    #[must_use]
    pub fn new(fps: u16) -> Self {
        Self {
            interval: Duration::from_secs(1) / u32::from(fps.max(1)),
            state: Pacing::Unknown,
            lock: None,
            heard: Timestamp::default(),
            rests_until: Timestamp::default(),
        }
    }

    /// What the display's frame clock is to follow; `None`: nothing but itself.
    #[must_use]
    pub fn ticks(&self) -> Option<Ticks> {
        self.lock.as_ref().map(|lock| lock.ticks)
    }

    /// What holds at this moment; never [`Pacing::Off`].
    #[must_use]
    pub const fn state(&self) -> Pacing {
        self.state
    }

    /// Nobody sees the pictures, or somebody else will: what was known of the screen is nothing worth.
    pub fn forget(&mut self) {
        self.let_go(Pacing::Unknown);
        self.rests_until = Timestamp::default();
    }

    /// The client told of its screen. `answered`: how often since the last time the title was told that it may draw, because it had
    /// asked; `None` where that cannot be seen.
    pub fn on_screen(&mut self, now: Timestamp, screen: &Screen, answered: Option<u64>) {
        let Some(refresh) = screen.refresh else {
            return self.let_go(Pacing::Unknown);
        };
        let Some(period) = self.period(refresh) else {
            return self.let_go(Pacing::Apart);
        };
        let drawn = screen.pictures.len();
        if drawn < PICTURES_MIN {
            // A still title, or a page that is not seen: what holds goes on for a while.
            return;
        }
        let least = u64::try_from(drawn / 2).unwrap_or(u64::MAX);
        if answered.is_some_and(|answered| answered < least) {
            return self.let_go(Pacing::Own);
        }
        if now.since(self.heard) < APART_MIN {
            return;
        }
        self.heard = now;
        let kept = self.lock.take().filter(|lock| lock.is_of(refresh));
        let rates = (refresh, period);
        let steered = match kept {
            Some(lock) => lock.steer(now, rates, &screen.pictures).inspect_err(|_| {
                self.rests_until = now + RESTS;
            }),
            None if now < self.rests_until => return,
            None => Lock::begin(now, rates, &screen.pictures),
        };
        match steered {
            Ok(lock) => {
                self.state = lock.state(now);
                self.lock = Some(lock);
            }
            Err(why) => self.let_go(why),
        }
    }

    /// Lets go when nothing was told for long.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.lock.is_some() && now.since(self.heard) > SILENCE_MAX {
            self.let_go(Pacing::Unknown);
        }
    }

    fn let_go(&mut self, why: Pacing) {
        self.lock = None;
        self.state = why;
    }

    /// Between two pictures, as a multiple of the refresh; `None` where that is another rate than the title's.
    fn period(&self, refresh: Duration) -> Option<Duration> {
        let (interval, refresh_ns) = (self.interval.as_nanos(), refresh.as_nanos());
        let times = u32::try_from((interval + refresh_ns / 2) / refresh_ns.max(1)).ok()?;
        let period = refresh.checked_mul(times.max(1))?;
        let apart = period.abs_diff(self.interval);
        (apart <= self.interval / APART_PART).then_some(period)
    }
}

impl Lock {
    /// Ticks for a title that has drawn by none so far: as if it drew the moment that it is told to.
    fn begin(
        now: Timestamp,
        (refresh, period): (Duration, Duration),
        pictures: &[Picture],
    ) -> Result<Self, Pacing> {
        let newest = pictures.iter().map(|picture| picture.captured).max();
        let newest = newest.ok_or(Pacing::Unknown)?;
        let latest = |picture: &Picture| to_nanos(picture.wait) - to_nanos(newest.since(picture.captured));
        let circle = Circle::of(pictures.iter().map(latest), refresh).ok_or(Pacing::Unknown)?;
        let mut lock = Self {
            refresh,
            ticks: Ticks::new(newest, period).ok_or(Pacing::Apart)?,
            settled: now,
            deviations: VecDeque::with_capacity(DEVIATIONS),
            guard: GUARD,
            lead: None,
            strayed: 0,
            loose: 0,
        };
        lock.deviations.extend(circle.deviations());
        let margin = lock.margin();
        if circle.spread() > nanos(refresh) / 2 || margin > nanos(refresh) / 2 {
            return Err(Pacing::Loose);
        }
        // These are of the way alone; from here on the title's own time varies with it.
        lock.deviations.clear();
        lock.ticks = lock.ticks.shifted(circle.median() - margin);
        // Wherever the display's own clock stands: it is at most half a period away.
        lock.settled = now + TOLD + lock.ticks.approach_time(Micros::from(period / 2));
        Ok(lock)
    }

    /// Turns by what the pictures of the last second waited too long or too short.
    fn steer(
        mut self,
        now: Timestamp,
        (refresh, period): (Duration, Duration),
        pictures: &[Picture],
    ) -> Result<Self, Pacing> {
        let settled = self.settled;
        let drawn = || pictures.iter().filter(move |picture| picture.captured >= settled);
        if drawn().count() < PICTURES_MIN {
            return Ok(self);
        }
        let leads = drawn().map(|picture| to_nanos(self.ticks.since_tick(picture.captured)));
        let leads = Circle::of(leads, period).ok_or(Pacing::Unknown)?;
        self.look_after(&leads, nanos(period))?;

        let waits = Circle::of(drawn().map(|picture| to_nanos(picture.wait)), refresh);
        let waits = waits.ok_or(Pacing::Unknown)?;
        let half = nanos(refresh) / 2;
        let late = self.margin() + half;
        let missed = drawn().filter(|picture| to_nanos(picture.wait) > late).count();
        self.beware(missed, drawn().count());
        let over = (self.deviations.len() + drawn().count()).saturating_sub(DEVIATIONS);
        self.deviations.drain(..over.min(self.deviations.len()));
        self.deviations.extend(waits.deviations());
        let margin = self.margin();
        let loose = margin > half || waits.spread() > half;
        self.loose = if loose { self.loose + 1 } else { 0 };
        if self.loose >= LOOSE_MAX {
            return Err(Pacing::Loose);
        }

        let shift = waits.shorter(waits.median() - margin);
        // The median of a second is uncertain by tenths of a millisecond: half of what it says is on the way to what holds.
        let shift = if shift.abs() > ROUGHLY { shift } else { shift / 2 };
        let at = self.ticks.nearest(now);
        self.refresh = refresh;
        self.ticks = Ticks::new(at, period).ok_or(Pacing::Apart)?.shifted(shift);
        let far = Micros::from(Duration::from_nanos(shift.unsigned_abs()));
        self.settled = now + TOLD + self.ticks.approach_time(far);
        Ok(self)
    }

    /// Whether it is the same screen.
    fn is_of(&self, refresh: Duration) -> bool {
        refresh.abs_diff(self.refresh) <= self.refresh / SAME_PART
    }

    fn state(&self, now: Timestamp) -> Pacing {
        if self.settled > now + TOLD + self.ticks.approach_time(NEAR) {
            Pacing::Turning
        } else {
            Pacing::Locked
        }
    }

    /// How long the median picture is to wait: nanoseconds.
    fn margin(&self) -> i64 {
        let mut deviations: Vec<i64> = self.deviations.iter().copied().collect();
        let missed = deviations.len() / MISSED_PART;
        let late = if deviations.is_empty() {
            0
        } else {
            *deviations.select_nth_unstable(missed).1
        };
        nanos(self.guard) - late.min(0)
    }

    /// Pictures that came just after their refresh say that the margin is too small for what is not in it.
    fn beware(&mut self, missed: usize, of: usize) {
        self.guard = if missed * MISSED_PART > 2 * of {
            (self.guard + GUARD_STEP).min(self.refresh / 4)
        } else {
            self.guard.saturating_sub(GUARD_STEP / 8).max(GUARD)
        };
    }

    /// A title that heeds the ticks draws at the same moment after each. One that does not wanders.
    fn look_after(&mut self, leads: &Circle, period: i64) -> Result<(), Pacing> {
        let lead = leads.median();
        let moved = self
            .lead
            .replace(lead)
            .map_or(0, |before| leads.shorter(lead - before));
        let strayed = moved.abs() > period / STRAY_PART || leads.spread() > period / 2;
        self.strayed = if strayed { self.strayed + 1 } else { 0 };
        if self.strayed >= STRAYED_MAX {
            return Err(Pacing::Own);
        }
        Ok(())
    }
}

fn to_nanos(span: Micros) -> i64 {
    i64::try_from(span.as_micros().saturating_mul(1_000)).unwrap_or(i64::MAX)
}

/// A quarter of a second at 60 a second: fewer say too little of how their way varies.
const PICTURES_MIN: usize = 15;
/// A title is turned by 4 % at the most: a game that is meant for 60 pictures a second runs at 59.94 or 62, and at 50 it would not.
const APART_PART: u32 = 25;
/// Screens of one name differ by less than a hundredth; 60 and 59.94 Hz are one.
const SAME_PART: u32 = 100;
/// A quarter of a minute at 60 a second.
const DEVIATIONS: usize = 1_024;
/// One of so many pictures may miss its refresh: at 60 a second, 59.4 are seen.
const MISSED_PART: usize = 100;
/// The page's clock reads tenths of a millisecond, a thread that is due wakes one late; beyond that it is learnt.
const GUARD: Duration = Duration::from_micros(500);
const GUARD_STEP: Duration = Duration::from_micros(400);
/// The display has heard by then.
const TOLD: Micros = Micros::from_millis(50);
/// Who is this near is there.
const NEAR: Micros = Micros::from_millis(1);
/// In nanoseconds: past this a second's median is no noise.
const ROUGHLY: i64 = 1_000_000;
/// A title's work varies from second to second; one at 59.83 Hz by a sixth of the period.
const STRAY_PART: i64 = 20;
const STRAYED_MAX: u8 = 4;
const LOOSE_MAX: u8 = 3;
/// Reports come every second; what comes much more often says the same again.
const APART_MIN: Micros = Micros::from_millis(200);
const SILENCE_MAX: Micros = Micros::from_secs(3);
/// Before one that was lost is tried again.
const RESTS: Micros = Micros::from_secs(20);
