//! Writes a session down while it lasts.

use super::quantiles::Quantiles;
use super::timeline::{Recorder, Sum, second_of};
use super::view::{Click, Delay, Display, Ended, Frames, Happened, Reason, Report, Scores, Started, VERSION};
use super::{Sample, words};
use crate::Score;
use crate::quality::{Judged, judge};
use crate::session::{Exit, Tally};
use firstlight_units::{Class, Micros, Stage, Timestamp, WallTime};

/// Whose chronicle it is.
#[derive(Clone, Debug)]
pub struct Of {
    /// The session's id.
    pub session: String,
    /// The title's id.
    pub title: String,
    /// The title's class.
    pub class: Class,
    /// What the title draws.
    pub display: Display,
    /// When it began, for people.
    pub began: WallTime,
}

/// What happens to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Its player is attached, over what is named.
    Attached(String),
    /// Its player is gone and it waits.
    Away,
    /// How its start went.
    Started(Started),
    /// A second passed, as the player's page saw it.
    Second(Box<Sample>),
    /// It is over.
    Ended {
        /// As its player saw it.
        exit: Exit,
        /// For programs and for the player.
        ended: Ended,
    },
}

/// What a session was like so far: some 70 KB at the most, however long it lasts.
#[derive(Clone, Debug)]
pub struct Chronicle {
    of: Of,
    began: Timestamp,
    last: Timestamp,
    tally: Tally,
    recorder: Recorder,
    events: Vec<Happened>,
    events_left_out: u32,
    exit: Exit,
    ended: Option<Ended>,
    start: Option<Started>,
    frames: Frames,
    picture: Course,
    click: Course,
    minutes: Minutes,
    player: Player,
}

/// Where the player was when last heard of.
#[derive(Clone, Copy, Debug, Default)]
struct Player {
    /// When the last second that was told of ended.
    told: Option<Timestamp>,
    hidden: bool,
    attached: bool,
    size: (u32, u32),
}

/// A delay over the whole session.
#[derive(Clone, Debug, Default)]
struct Course {
    pictures: u64,
    sum: Sum,
    /// Of the seconds' medians or means.
    seconds: Quantiles,
    clock_error: Micros,
}

/// The mean scores of whole minutes.
#[derive(Clone, Debug, Default)]
struct Minutes {
    whole: Vec<Score>,
    sum: u64,
    seconds: u64,
}

impl Chronicle {
    /// A session begins.
    #[must_use]
    pub fn new(of: Of, now: Timestamp) -> Self {
        Self {
            of,
            began: now,
            last: now,
            tally: Tally::default(),
            recorder: Recorder::default(),
            events: Vec::new(),
            events_left_out: 0,
            exit: Exit::NotYet,
            ended: None,
            start: None,
            frames: Frames::default(),
            picture: Course::default(),
            click: Course::default(),
            minutes: Minutes::default(),
            player: Player::default(),
        }
    }

    /// Something happened. After the end, nothing does. The verdict on the second, if it was one that is judged.
    pub fn on(&mut self, now: Timestamp, event: Event) -> Option<Judged> {
        if self.ended.is_some() {
            return None;
        }
        self.last = now;
        match event {
            Event::Attached(over) => self.on_attached(now, &over),
            Event::Away => self.on_away(now),
            Event::Started(start) => self.on_started(now, start),
            Event::Second(sample) => return self.on_second(now, &sample),
            Event::Ended { exit, ended } => {
                self.note(now, "ended", ended.message.clone(), None);
                self.exit = exit;
                self.ended = Some(ended);
                self.minutes.finish();
            }
        }
        None
    }

    fn on_attached(&mut self, now: Timestamp, over: &str) {
        let gap = self.player.told.map_or(Micros::ZERO, |told| now.since(told));
        let seconds = second_of(gap);
        // A longer one is a player who left and came back; who could not see the page saw no interruption.
        if !self.player.hidden && (1..=crate::session::INTERRUPTED_MAX).contains(&seconds) {
            self.tally.on_interrupted(seconds);
            (0..seconds).for_each(|_| self.minutes.add(Score::NONE));
            self.frames.freezes += 1;
            self.frames.frozen_ms += gap.as_micros() / 1_000;
        }
        self.player.told = None;
        self.player.attached = true;
        let words = match over {
            "" => "Connected".to_owned(),
            over => format!("Connected over {over}"),
        };
        self.note(now, "attached", words, None);
    }

    fn on_away(&mut self, now: Timestamp) {
        if std::mem::take(&mut self.player.attached) {
            self.note(
                now,
                "away",
                "The connection was gone; the game waited".to_owned(),
                None,
            );
        }
    }

    fn on_started(&mut self, now: Timestamp, start: Started) {
        if self.start.is_some() {
            return;
        }
        self.tally.on_first_picture(Micros::new(start.total_us.into()));
        self.start = Some(start);
        let total = u64::from(start.total_us) / 1_000;
        let words = format!("First picture {total} ms after the click");
        self.note(now, "started", words, Some(total));
    }

    fn on_second(&mut self, now: Timestamp, sample: &Sample) -> Option<Judged> {
        self.note_changes(now, sample);
        self.player.told = Some(now);
        let judged = (!sample.hidden).then(|| judge(self.of.class, &sample.second));
        if let Some(judged) = &judged {
            self.tally.on_second(judged);
            self.minutes.add(judged.score);
        }
        // It ended now: it began a second ago.
        let at = second_of(now.since(self.began).saturating_sub(SECOND));
        self.recorder.add(at, sample, judged.map(|judged| judged.score));
        let frames = &mut self.frames;
        let second = &sample.second;
        frames.expected += u64::from(second.expected);
        frames.shown += u64::from(second.shown);
        frames.lost += u64::from(sample.lost);
        frames.late += u64::from(sample.late);
        frames.dropped += u64::from(sample.dropped);
        if judged.is_some() {
            frames.frozen_ms += second.frozen.as_micros() / 1_000;
            frames.freezes += u32::from(second.frozen > Micros::ZERO);
        }
        let measured = second.delay.filter(|_| sample.clicks > 0);
        self.click
            .add(sample, sample.click.as_ref(), sample.clicks, measured);
        let age = sample.picture.as_ref().map(whole);
        self.picture
            .add(sample, sample.picture.as_ref(), second.shown, age);
        judged
    }

    fn note_changes(&mut self, now: Timestamp, sample: &Sample) {
        let frozen = sample.second.frozen.as_micros() / 1_000;
        if frozen > 0 && !sample.hidden {
            let words = format!("The picture stood still for {frozen} ms");
            self.note(now, "frozen", words, Some(frozen));
        }
        if sample.hidden != std::mem::replace(&mut self.player.hidden, sample.hidden) {
            let (what, words) = if sample.hidden {
                ("hidden", "The page could not be seen")
            } else {
                ("seen", "The page was looked at again")
            };
            self.note(now, what, words.to_owned(), None);
        }
        let (width, height) = sample.size;
        if sample.size != (0, 0) && std::mem::replace(&mut self.player.size, sample.size) != sample.size {
            self.note(now, "resized", format!("Pictures of {width} × {height}"), None);
        }
    }

    fn note(&mut self, now: Timestamp, what: &str, words: String, lasted_ms: Option<u64>) {
        // The end is always told.
        if self.events.len() >= EVENTS_MAX && what != "ended" {
            self.events_left_out = self.events_left_out.saturating_add(1);
            return;
        }
        self.events.push(Happened {
            at_ms: now.since(self.began).as_micros() / 1_000,
            what: what.to_owned(),
            words,
            lasted_ms,
        });
    }

    /// Mean scores of the minutes so far, each whole, and of the last one if more than half of it was played.
    #[must_use]
    pub fn minutes(&self) -> &[Score] {
        &self.minutes.whole
    }

    /// The report so far.
    #[must_use]
    pub fn report(&self, now: Timestamp) -> Report {
        let until = if self.ended.is_some() { self.last } else { now };
        // A title may have begun with a picture a little before or after what is taken for it.
        let interval = Micros::from_secs(1).scale(1, self.of.display.fps.max(1).into());
        Report {
            version: VERSION,
            session: self.of.session.clone(),
            title: self.of.title.clone(),
            class: self.of.class.name().to_owned(),
            display: self.of.display,
            began_ms: self.of.began.as_micros() / 1_000,
            lasted_ms: until.since(self.began).as_micros() / 1_000,
            ended: self.ended.clone(),
            scores: self.scores(),
            start: self.start,
            click_to_photon: Click {
                means: words::MEANS.to_owned(),
                delay: self.click.view(interval),
            },
            glass_to_glass: self
                .picture
                .view(self.picture.clock_error + self.picture.within(Stage::Capture)),
            frames: self.frames,
            timeline: self.recorder.view(),
            events: self.events.clone(),
            events_left_out: self.events_left_out,
        }
    }

    fn scores(&self) -> Scores {
        let verdict = self.tally.verdict(self.exit);
        let reason = |(factor, seconds): &(crate::quality::Factor, u64)| Reason {
            factor: factor.name().to_owned(),
            seconds: *seconds,
            words: words::reason(*factor).to_owned(),
        };
        let mut scores = Scores {
            model: MODEL,
            whole: (verdict.seconds > 0).then(|| verdict.score.get()),
            start: verdict.start.get(),
            middle: verdict.middle.get(),
            exit: verdict.exit.get(),
            mean: verdict.mean.get(),
            worst_decile: verdict.worst_decile.get(),
            seconds: verdict.seconds,
            good: verdict.good,
            words: String::new(),
            reasons: verdict.reasons.iter().map(reason).collect(),
        };
        scores.words = words::summary(&scores);
        scores
    }
}

impl Course {
    fn add(&mut self, sample: &Sample, parts: Option<&super::Parts>, pictures: u32, second: Option<Micros>) {
        let (Some(parts), Some(second)) = (parts, second) else {
            return;
        };
        self.pictures += u64::from(pictures);
        self.sum.add(Some(parts), pictures);
        self.seconds.add(second);
        self.clock_error = self.clock_error.max(sample.clock_error);
    }

    /// The mean of a stage.
    fn within(&self, stage: Stage) -> Micros {
        let mut means = Stage::ALL.into_iter().zip(self.sum.mean());
        let mean = means.find(|(of, _)| *of == stage).map_or(0, |(_, us)| us);
        Micros::new(u64::try_from(mean).unwrap_or(0))
    }

    fn view(&self, error: Micros) -> Delay {
        Delay {
            pictures: self.pictures,
            p50_us: self.seconds.at(50).as_u32(),
            p95_us: self.seconds.at(95).as_u32(),
            stages_us: self.sum.mean(),
            error_us: error.as_u32(),
            stage_error_us: self.clock_error.as_u32(),
        }
    }
}

impl Minutes {
    fn add(&mut self, score: Score) {
        self.sum += u64::from(score.get());
        self.seconds += 1;
        if self.seconds >= MINUTE_S {
            self.close();
        }
    }

    /// The last one counts where most of it was played.
    fn finish(&mut self) {
        if self.seconds * 2 > MINUTE_S {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.whole.len() < MINUTES_MAX {
            self.whole.push(Score::of(self.sum, self.seconds));
        }
        (self.sum, self.seconds) = (0, 0);
    }
}

/// The parts are the whole.
fn whole(parts: &super::Parts) -> Micros {
    let sum: i64 = parts.iter().map(|part| i64::from(*part)).sum();
    Micros::new(u64::try_from(sum).unwrap_or(0))
}

/// Of `docs/QOE.md`.
const MODEL: u32 = 1;
const SECOND: Micros = Micros::from_secs(1);
const MINUTE_S: u64 = 60;
/// Half a day; a session that lasts longer has told enough.
pub const MINUTES_MAX: usize = 720;
/// 100 bytes of JSON each. The first: how it began to go wrong says more than how it went on.
const EVENTS_MAX: usize = 80;

#[cfg(test)]
mod tests;
