//! What is kept of how a session was: fed by what its worker reports, read by whoever may know.

use crate::session::{Ended, message};
use crate::telemetry;
use firstlight_checker::quality::{Factor, Judged, Picture, Second};
use firstlight_checker::report::{self, Chronicle, Event, Of, Sample};
use firstlight_checker::session::{Exit, GOOD};
use firstlight_fleet::messages::{Quality, Told};
use firstlight_link::{End, Played, Report, StartTrace, Transport};
use firstlight_telemetry::Lacking;
use firstlight_title::Title;
use firstlight_units::{Bitrate, Class, Micros, SessionId, Timestamp, WallTime};

/// A session's, from the moment that it has its player.
#[derive(Debug)]
pub(crate) struct Account {
    player: String,
    link: String,
    class: Class,
    display: report::Display,
    counted: Counted,
    state: State,
}

/// What this host counts itself, whatever the player's page tells.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    /// Since when it has its player.
    attached: Option<Timestamp>,
    played: Micros,
    units: u64,
    bytes: u64,
}

impl Counted {
    fn on_report(&mut self, now: Timestamp, report: &Report) {
        match report {
            Report::Attached { .. } => self.attached = self.attached.or(Some(now)),
            Report::Waiting { .. } => self.on_away(now),
            Report::Stats(stats) => {
                self.units += u64::from(stats.encoded);
                self.bytes += stats.sent_bps / 8;
            }
            Report::Started(_)
            | Report::Played(_)
            | Report::Ready { .. }
            | Report::Parked { .. }
            | Report::Certificate { .. }
            | Report::FirstPicture { .. }
            | Report::Answer { .. }
            | Report::Ended { .. } => {}
        }
    }

    fn on_away(&mut self, now: Timestamp) {
        if let Some(since) = self.attached.take() {
            self.played += now.since(since);
        }
    }

    fn told(mut self, now: Timestamp) -> Told {
        self.on_away(now);
        Told {
            seconds: self.played.as_micros() / 1_000_000,
            units: self.units,
            bytes: self.bytes,
            signed: String::new(),
        }
    }
}

#[derive(Debug)]
enum State {
    Open(Box<Chronicle>),
    /// The session is over: a tenth of the memory.
    Closed(Box<Quality>),
}

impl Account {
    /// `link`: what lets others read it, not to be guessed.
    pub(crate) fn new(
        session: &SessionId,
        player: &str,
        title: &Title,
        link: String,
        (now, wall): (Timestamp, WallTime),
    ) -> Self {
        let display = report::Display {
            width: title.display.width.into(),
            height: title.display.height.into(),
            fps: title.display.fps.into(),
            steady: title.score.steady,
        };
        let class = title.score.class;
        let of = Of {
            session: session.to_string(),
            title: title.id.to_string(),
            class,
            display,
            began: wall,
        };
        Self {
            player: player.to_owned(),
            link,
            class,
            display,
            counted: Counted::default(),
            state: State::Open(Box::new(Chronicle::new(of, now))),
        }
    }

    /// The worker said something.
    pub(crate) fn on_report(&mut self, now: Timestamp, report: &Report) {
        let State::Open(chronicle) = &mut self.state else {
            return;
        };
        self.counted.on_report(now, report);
        let event = match report {
            Report::Attached { transport, .. } => {
                Event::Attached(transport.map_or("", Transport::word).to_owned())
            }
            Report::Waiting { .. } => Event::Away,
            Report::Started(start) => Event::Started(started(*start)),
            Report::Played(played) => {
                telemetry::played(played);
                Event::Second(Box::new(sample(played, self.display)))
            }
            Report::Ready { .. }
            | Report::Parked { .. }
            | Report::Certificate { .. }
            | Report::FirstPicture { .. }
            | Report::Answer { .. }
            | Report::Stats(_)
            | Report::Ended { .. } => return,
        };
        if let Some(judged) = chronicle.on(now, event) {
            firstlight_telemetry::second_judged(self.class, lacking(&judged));
        }
    }

    /// It is over; only the first word on that counts.
    pub(crate) fn close(&mut self, now: Timestamp, ended: &Ended) {
        let State::Open(chronicle) = &mut self.state else {
            return;
        };
        let event = Event::Ended {
            exit: exit(ended.reason),
            ended: report::Ended {
                reason: telemetry::end(ended.reason).name().to_owned(),
                message: message(ended.reason).to_owned(),
            },
        };
        chronicle.on(now, event);
        let told = tell(chronicle, (&self.player, &self.link), self.counted, now);
        if let Some(score) = chronicle.report(now).scores.whole {
            firstlight_telemetry::session_score(self.class, f64::from(score) / 1e4);
        }
        self.state = State::Closed(Box::new(told));
    }

    /// How it was so far.
    pub(crate) fn quality(&self, now: Timestamp) -> Quality {
        match &self.state {
            State::Open(chronicle) => tell(chronicle, (&self.player, &self.link), self.counted, now),
            State::Closed(quality) => (**quality).clone(),
        }
    }
}

fn tell(chronicle: &Chronicle, (player, link): (&str, &str), counted: Counted, now: Timestamp) -> Quality {
    Quality {
        player: player.to_owned(),
        link: link.to_owned(),
        minutes: chronicle.minutes().iter().map(|score| score.get()).collect(),
        report: serde_json::to_value(chronicle.report(now)).unwrap_or_default(),
        told: Some(counted.told(now)),
    }
}

/// What a second that was not good lacked most.
fn lacking(judged: &Judged) -> Lacking {
    if judged.score >= GOOD {
        return Lacking::Nothing;
    }
    match judged.factors.worst() {
        Factor::Delay => Lacking::Delay,
        Factor::Variation => Lacking::Variation,
        Factor::Freezes => Lacking::Freezes,
        Factor::Rate => Lacking::Rate,
        Factor::Picture => Lacking::Picture,
    }
}

fn started(start: StartTrace) -> report::Started {
    report::Started {
        parked: start.parked,
        placed_us: start.placed_us,
        connected_us: start.connected_us,
        thawed_us: start.thawed_us,
        first_frame_us: start.first_frame_us,
        shown_us: start.shown_us,
        total_us: start.total_us,
    }
}

const fn exit(reason: End) -> Exit {
    match reason {
        End::TitleExited | End::ByPlayer => Exit::Clean,
        End::NotResumed => Exit::Lost,
        End::ByOperator | End::EngineStopping | End::GaveWay => Exit::Cut,
        End::TitleCrashed | End::EngineFault => Exit::Broken,
    }
}

/// A worker's second as it is judged: `docs/QOE.md`, section 1.
fn sample(played: &Played, display: report::Display) -> Sample {
    let time = |us: u32| Micros::new(us.into());
    // Nothing was decoded yet, or nothing changed since the attach: no pixel is missing.
    // A display that follows the player's window is as large as that is.
    let drawn = match played.drawn_width.saturating_mul(played.drawn_height) {
        0 => display.width.saturating_mul(display.height),
        drawn => drawn,
    };
    let pixels = match played.width.saturating_mul(played.height) {
        0 => drawn,
        pixels => pixels,
    };
    Sample {
        second: Second {
            delay: (played.delay_us > 0).then(|| time(played.delay_us)),
            variation: time(played.variation_us),
            frozen: time(played.frozen_us),
            expected: expected(played, display),
            shown: played.shown,
            picture: Picture {
                pixels,
                drawn,
                fps: display.fps,
                held_to: held_to(played),
            },
        },
        hidden: played.hidden,
        clicks: played.clicks,
        rtt: time(played.rtt_us),
        clock_error: time(played.clock_error_us),
        received: Bitrate::bps(played.received_bps),
        target: Bitrate::bps(played.target_bps),
        size: (played.width, played.height),
        lost: played.lost,
        late: played.late,
        dropped: played.dropped,
        picture: parts(&played.stages_us),
        click: parts(&played.click_stages_us),
    }
}

fn parts(us: &[i32]) -> Option<report::Parts> {
    us.try_into().ok()
}

/// Pictures that there were to show: what the title drew, as far as this side knows.
fn expected(played: &Played, display: report::Display) -> u32 {
    let most = u64::from(display.fps) * played.span_us / 1_000_000;
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    if display.steady {
        return most;
    }
    let divisor = u32::from(played.divisor.max(1));
    // Where every second picture is coded and there is always one to code, the title draws twice as many.
    let saturated = divisor > 1 && u64::from(played.sent) * 10 >= u64::from(most / divisor) * 9;
    if saturated {
        return most;
    }
    played.sent.saturating_add(played.skipped).min(most)
}

/// A stream that uses less than 7/8 of what it may is not held to it.
fn held_to(played: &Played) -> Option<Bitrate> {
    let held =
        played.target_bps > 0 && played.video_bps.saturating_mul(8) >= played.target_bps.saturating_mul(7);
    held.then(|| Bitrate::bps(played.target_bps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn display(steady: bool) -> report::Display {
        report::Display {
            width: 1280,
            height: 720,
            fps: 60,
            steady,
        }
    }

    fn played() -> Played {
        Played {
            span_us: 1_000_000,
            sent: 60,
            shown: 60,
            divisor: 1,
            delay_us: 30_000,
            width: 1280,
            height: 720,
            video_bps: 5_000_000,
            target_bps: 8_000_000,
            ..Played::default()
        }
    }

    #[test]
    fn what_was_drawn_and_not_coded_was_to_be_shown_too() {
        let skipped = Played {
            sent: 40,
            skipped: 12,
            ..played()
        };
        assert_eq!(expected(&skipped, display(false)), 52);
        assert_eq!(expected(&skipped, display(true)), 60);
        let halved = Played {
            sent: 30,
            divisor: 2,
            ..played()
        };
        assert_eq!(expected(&halved, display(false)), 60);
        // It draws twenty, each of which was coded.
        let slow = Played {
            sent: 20,
            divisor: 2,
            ..played()
        };
        assert_eq!(expected(&slow, display(false)), 20);
    }

    #[test]
    fn only_who_uses_what_he_may_is_held_to_it() {
        assert_eq!(held_to(&played()), None);
        let held = Played {
            video_bps: 7_000_000,
            ..played()
        };
        assert_eq!(held_to(&held), Some(Bitrate::mbps(8)));
        assert_eq!(held_to(&Played::default()), None);
    }

    #[test]
    fn a_second_without_a_picture_lacks_no_pixel() {
        let nothing = Played {
            width: 0,
            height: 0,
            delay_us: 0,
            ..played()
        };
        let second = sample(&nothing, display(false)).second;
        assert_eq!((second.delay, second.picture.pixels), (None, 1280 * 720));
    }

    proptest! {
        #[test]
        fn no_more_was_to_be_shown_than_the_title_may_draw(
            sent: u32, skipped: u32, divisor: u8, span_us in 0u64..60_000_000, steady: bool
        ) {
            let played = Played { sent, skipped, divisor, span_us, ..played() };
            prop_assert!(u64::from(expected(&played, display(steady))) <= 60 * span_us / 1_000_000);
        }
    }
}
