//! How large the coded picture is and which pictures are coded: steps down where the rate, the player's decoder or this
//! machine cannot carry what there is, and back up where they can. Pure.
//!
//! ```text
//! coded pictures (QP, time) --> rate    --+
//! feedback, reports ----------> decoder --+--> Choice { scale, divisor }: the smallest size and rate that any demands
//! coded pictures (time) ------> machine --+
//! ```
//!
//! - *Rate*: the QP says what the bits make of this title's pictures, so a title that is easy to code keeps its size where a hard one
//!   does not. Size goes before frame rate: a game that stutters is worse than one that is soft. Only what the size cannot save at once is
//!   saved by coding fewer pictures ([`rate::divisor`]).
//! - *Decoder*: pictures that queue in it are late ones, so frame rate goes before size (AFR, NSDI'23).
//! - *Machine*: fewer pixels cost less time, so size goes before frame rate.
//!
//! No flapping: down and up are decided by different figures with a gap between; up takes seconds of evidence, and twice as many each
//! time that it turned out to be wrong. A size changes with an IDR: where one is made anyway, it takes a size that the rate carries.

mod evidence;

use evidence::{Doubt, Reports, Strain, Times, Window};
use firstlight_encoder::{Config, Scale, rate};
use firstlight_units::{Bitrate, Micros, Timestamp};

/// See the module.
#[derive(Debug)]
pub(crate) struct Quality {
    drawn: Config,
    interval: Micros,
    choice: Choice,
    /// The size that the rate carries.
    carried: Scale,
    /// Until then pictures are those after an IDR, which recover from it.
    settled_at: Timestamp,
    seen: Window,
    /// Of the newest window, as if every picture were coded.
    qp: Option<i32>,
    /// The target that it was seen at.
    qp_at: Bitrate,
    coarse: u8,
    fine_since: Option<Timestamp>,
    doubt: Doubt,
    decoder: Strain,
    reports: Reports,
    /// As the client said last.
    decode_slow: bool,
    /// Until then the decoder is still at what came before it was relieved.
    decoder_rests_until: Timestamp,
    machine: Strain,
    times: Times,
}

/// What is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) scale: Scale,
    /// One of so many pictures.
    pub(crate) divisor: u8,
}

/// A coded picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coded {
    pub(crate) qp: u8,
    /// To convert it, which takes as long in any size.
    pub(crate) convert: Micros,
    /// To encode it.
    pub(crate) encode: Micros,
    /// It did not change.
    pub(crate) still: bool,
    /// A decoder can start here: the QP says more of that than of the rate.
    pub(crate) idr: bool,
}

impl Choice {
    /// Every picture as it is drawn.
    pub(crate) const WHOLE: Self = Self {
        scale: Scale::Whole,
        divisor: 1,
    };
}

impl Quality {
    /// For pictures as they are drawn.
    pub(crate) fn new(drawn: Config) -> Self {
        Self {
            drawn,
            interval: Micros::new(1_000_000 / u64::from(drawn.fps().max(1))),
            choice: Choice::WHOLE,
            carried: Scale::Whole,
            settled_at: Timestamp::default(),
            seen: Window::default(),
            qp: None,
            qp_at: Bitrate::default(),
            coarse: 0,
            fine_since: None,
            doubt: Doubt::new(UP_AFTER),
            decoder: Strain::new(),
            reports: Reports::default(),
            decode_slow: false,
            decoder_rests_until: Timestamp::default(),
            machine: Strain::new(),
            times: Times::default(),
        }
    }

    /// Another client attached: nothing is known of its decoder, nor of its path but the target.
    pub(crate) fn attach(&mut self, now: Timestamp) {
        self.decoder = Strain::new();
        self.reports = Reports::default();
        self.doubt = Doubt::new(UP_AFTER);
        self.decode_slow = false;
        self.qp = None;
        self.look_anew(now);
        self.decoder_rests_until = now + DECODER_WARMS_UP;
    }

    /// Pictures are drawn in another size from here on, which an IDR begins: what the QP said was of the other.
    pub(crate) fn on_drawn(&mut self, now: Timestamp, target: Bitrate, drawn: Config) {
        self.drawn = drawn;
        (self.qp, self.carried) = (None, Scale::Whole);
        self.look_anew(now);
        self.on_target(now, target, true);
    }

    /// What holds at this moment, after whatever was told since.
    pub(crate) const fn choice(&self) -> Choice {
        self.choice
    }

    /// The target changed, or an IDR was asked for.
    pub(crate) fn on_target(&mut self, now: Timestamp, target: Bitrate, idr: bool) {
        // A title that is easy to code has a small IDR too.
        if idr && self.qp.is_none_or(|qp| qp > QP_WANTED) {
            let fits = self.carries(target);
            if fits > self.carried {
                self.carried = fits;
                self.doubt.on_down(now);
                self.look_anew(now);
            }
        }
        self.choose(now, target);
    }

    /// A picture was coded.
    pub(crate) fn on_coded(&mut self, now: Timestamp, target: Bitrate, coded: Coded) {
        if coded.idr {
            self.settled_at = self.settled_at.max(now + SETTLES);
        }
        if now >= self.settled_at {
            self.judge_rate(now, target, coded);
        }
        if !coded.still && !coded.idr {
            let frame = self.interval.scale(self.choice.divisor.into(), 1);
            let scale = self.choice.scale;
            let larger = coded.convert + coded.encode.scale(scale.larger().area(), scale.area());
            if let Some((took, larger)) = self.times.add(coded.convert + coded.encode, larger, frame) {
                let strained = took > frame.scale(MACHINE_FULL, 100);
                self.machine
                    .judge(now, strained, larger < frame.scale(MACHINE_SPARE, 100));
            }
        }
        self.choose(now, target);
    }

    /// What the client says is in its decoder.
    pub(crate) fn on_decode_queue(&mut self, now: Timestamp, target: Bitrate, queue: u8) {
        if now < self.decoder_rests_until {
            return;
        }
        if let Some((strained, calm)) = self.reports.add(now, queue) {
            let slow = self.decode_slow;
            self.judge_decoder(now, target, strained || slow, calm && !slow);
        }
    }

    /// What decoding took over a second, as the client says.
    pub(crate) fn on_decode_time(&mut self, now: Timestamp, target: Bitrate, took: Micros) {
        if now < self.decoder_rests_until {
            return;
        }
        let frame = self.interval.scale(self.choice.divisor.into(), 1);
        self.decode_slow = took > frame.scale(DECODE_MOST, 1);
        // A browser's own decoder tells nothing but this.
        if self.reports.begun.is_none() {
            self.judge_decoder(now, target, self.decode_slow, took < frame);
        }
    }

    fn judge_decoder(&mut self, now: Timestamp, target: Bitrate, strained: bool, calm: bool) {
        if self.decoder.judge(now, strained, calm) {
            self.reports = Reports::default();
            self.decoder_rests_until = now + DECODER_RECOVERS;
        }
        self.choose(now, target);
    }

    /// The largest size that gets bits enough for an IDR that is not seconds long.
    fn carries(&self, target: Bitrate) -> Scale {
        let fits = |scale: &Scale| rate::divisor(target, &self.coded(*scale), 1) == 1;
        Scale::ALL.into_iter().find(fits).unwrap_or(Scale::ThreeEighths)
    }

    /// What is coded at a scale; as drawn where the sides would be impossible.
    fn coded(&self, scale: Scale) -> Config {
        let (width, height) = (scale.side(self.drawn.width()), scale.side(self.drawn.height()));
        Config::builder()
            .size(width, height)
            .fps(self.drawn.fps())
            .slices(1)
            .build()
            .unwrap_or(self.drawn)
    }

    fn judge_rate(&mut self, now: Timestamp, target: Bitrate, coded: Coded) {
        if coded.still {
            // A still picture that is sharp, and small: there is room for a large one.
            let sharp = coded.qp <= QP_SHARP;
            self.rise_if(now, sharp, i32::from(coded.qp));
            return;
        }
        let Some(mean) = self.seen.add(now, coded.qp) else {
            return;
        };
        // As if every picture were coded.
        let qp = mean + per_divisor(self.choice.divisor);
        (self.qp, self.qp_at) = (Some(qp), target);
        // Pictures are left out only until the size has followed.
        let left_out = self.rate_divisor(target, self.carried) > 1;
        self.coarse = match qp {
            QP_MUSH.. => self.coarse + 2,
            QP_COARSE.. => self.coarse + 1,
            _ if left_out && qp > QP_ROOM => self.coarse + 1,
            _ => 0,
        };
        if self.coarse >= 2 && self.carried != Scale::ThreeEighths {
            let worth = |scale: &Scale| *scale > self.carried && qp - cost(self.carried, *scale) <= QP_WANTED;
            let smallest = Scale::ThreeEighths;
            self.carried = Scale::ALL.into_iter().find(worth).unwrap_or(smallest);
            self.doubt.on_down(now);
            self.look_anew(now);
            return;
        }
        let room = qp + cost(self.carried.larger(), self.carried) <= QP_ROOM;
        self.rise_if(now, room, qp);
    }

    fn rise_if(&mut self, now: Timestamp, room: bool, qp: i32) {
        if !room || self.carried == Scale::Whole {
            self.fine_since = None;
            return;
        }
        let since = *self.fine_since.get_or_insert(now);
        if now.since(since) < self.doubt.wait {
            return;
        }
        let fits = |scale: &Scale| *scale < self.carried && qp + cost(*scale, self.carried) <= QP_ROOM;
        let up = Scale::ALL.into_iter().find(fits);
        self.carried = up.unwrap_or_else(|| self.carried.larger());
        self.doubt.on_up(now);
        self.look_anew(now);
    }

    /// What was seen was of another size.
    fn look_anew(&mut self, now: Timestamp) {
        self.settled_at = now + SETTLES;
        self.seen = Window::default();
        self.coarse = 0;
        self.fine_since = None;
        self.times = Times::default();
    }

    /// One of how many pictures the rate carries at a scale: of a title that is seen to be easy to code, all.
    fn rate_divisor(&self, target: Bitrate, scale: Scale) -> u8 {
        let as_seen = target.as_bps().saturating_mul(10) >= self.qp_at.as_bps().saturating_mul(7);
        // What was seen with some left out is a guess of what all would come to.
        let most = if self.choice.divisor == 1 {
            QP_WANTED
        } else {
            QP_ROOM
        };
        if as_seen && scale >= self.choice.scale && self.qp.is_some_and(|qp| qp <= most) {
            return 1;
        }
        rate::divisor(target, &self.coded(scale), self.choice.divisor)
    }

    fn choose(&mut self, now: Timestamp, target: Bitrate) {
        let (decoder, machine) = (self.decoder.level, self.machine.level);
        // Of the decoder's steps the first is half the pictures, of the machine's the first two are sizes.
        let scale = self
            .carried
            .max(steps(decoder.saturating_sub(1)))
            .max(steps(machine.min(2)));
        let halved = decoder >= 1 || machine > 2;
        let divisor = self.rate_divisor(target, scale).max(1 + u8::from(halved));
        if scale != self.choice.scale {
            self.look_anew(now);
        }
        self.choice = Choice { scale, divisor };
    }
}

const fn steps(n: u8) -> Scale {
    match n {
        0 => Scale::Whole,
        1 => Scale::ThreeQuarters,
        2 => Scale::Half,
        _ => Scale::ThreeEighths,
    }
}

/// How much lower the QP is at the smaller of two sizes, at the same rate.
fn cost(larger: Scale, smaller: Scale) -> i32 {
    let from_whole = |scale| match scale {
        Scale::Whole => 0,
        Scale::ThreeQuarters => 4,
        Scale::Half => 10,
        Scale::ThreeEighths => 14,
    };
    from_whole(smaller) - from_whole(larger)
}

/// How much lower the QP is with so many times the bits for each picture.
const fn per_divisor(divisor: u8) -> i32 {
    match divisor {
        0 | 1 => 0,
        2 => 5,
        3 => 8,
        _ => 10,
    }
}

/// From here on a moving picture is blocks, and more of them than detail.
const QP_COARSE: i32 = 40;
/// Mush: one look is enough.
const QP_MUSH: i32 = 47;
/// What a step down is to come to.
const QP_WANTED: i32 = 36;
/// A step up must not come to more than this: six below what brings the step down. Nor must all pictures, where some were left out.
const QP_ROOM: i32 = 34;
/// What refinement comes to (the encoder's QP at which nobody sees a difference), with room.
const QP_SHARP: u8 = 14;
/// An IDR within the cap is coarse, and the pictures after it make good for it.
const SETTLES: Micros = Micros::from_millis(250);
/// A line that opens is used within seconds; the QP is not fooled by a lull of a second.
const UP_AFTER: Micros = Micros::from_secs(2);
/// A decoder that takes three frame times has a queue of that length.
const DECODE_MOST: u64 = 3;
/// Opening a decoder, and a page that is still setting up.
const DECODER_WARMS_UP: Micros = Micros::from_secs(3);
/// Until what is queued is gone.
const DECODER_RECOVERS: Micros = Micros::from_secs(1);
/// Per cent of the frame time: a median above it means that pictures are left out.
const MACHINE_FULL: u64 = 95;
/// Per cent of the frame time that the next larger size would take at the most.
const MACHINE_SPARE: u64 = 80;

#[cfg(test)]
mod tests;
