//! Which encoder this session should have at each moment: pure, but for what it is made of.
//!
//! Before a player has said what he decodes, what everyone decodes is made. A line that changes changes the codec only when it has
//! done so for a while: each change is an IDR. An encoder that failed is not asked again.

use firstlight_backends::{Candidate, Choice, Codecs, Error, Force, Wanted, choose, pixels_max};
use firstlight_encoder::{Codec, Config};
use firstlight_link::MeasuredEncoder;
use firstlight_units::{Bitrate, Micros, Timestamp};

/// Words, the one to encode with first, and then those who follow when it fails.
pub(crate) type Order = [Option<&'static str>; ORDER_MAX];

/// See the module.
#[derive(Debug)]
pub(crate) struct Encoders {
    candidates: Vec<Candidate>,
    wanted: Wanted,
    /// A browser's own stack carries H.264 alone.
    rtc: bool,
    order: Order,
    /// Another order, and since when it would be the better one.
    better: Option<(Order, Timestamp)>,
}

impl Encoders {
    /// Of what the host measured; of what this build has where it measured nothing.
    ///
    /// # Errors
    /// When what is forced is not there, or nothing is.
    pub(crate) fn new(
        measured: &[MeasuredEncoder],
        forced: Option<&str>,
        config: &Config,
    ) -> Result<Self, Error> {
        let known = firstlight_backends::all();
        let candidates = known.iter().map(|known| {
            let told = measured.iter().find(|one| one.word == known.word);
            // Of a build's own software it is known that it works.
            let assumed = (measured.is_empty() && !known.hardware).then_some(Micros::ZERO);
            let named = forced == Some(known.word);
            Candidate {
                word: known.word,
                codec: known.codec,
                hardware: known.hardware,
                automatic: known.automatic,
                took: match told {
                    Some(one) if one.picture_us > 0 => Some(Micros::new(one.picture_us.into())),
                    Some(_) => None,
                    None if named => Some(Micros::ZERO),
                    None => assumed,
                },
                // A figure of the host's start would be old: a full card shows when it is opened, and the next one is.
                slots: None,
            }
        });
        let force = forced.map(Force::read).transpose()?;
        let mut encoders = Self {
            candidates: candidates.collect(),
            wanted: Wanted {
                width: config.width(),
                height: config.height(),
                fps: config.fps(),
                decodes: Codecs::UNKNOWN,
                line: config.bitrate(),
                force,
                current: None,
            },
            rtc: false,
            order: Order::default(),
            better: None,
        };
        // What is forced is made for whoever comes: there is nothing else.
        if force.is_some() {
            encoders.wanted.decodes = EVERYTHING;
        }
        encoders.order = order_of(&encoders.choose()?);
        Ok(encoders)
    }

    /// What to encode with.
    pub(crate) const fn order(&self) -> Order {
        self.order
    }

    /// Whether a player who decodes `codecs` can be served at all.
    pub(crate) fn serves(&self, codecs: &[String]) -> bool {
        let decodes = Codecs::of(codecs.iter().map(String::as_str));
        let wanted = Wanted {
            decodes,
            ..self.wanted
        };
        choose(&self.candidates, &wanted).is_ok()
    }

    /// Whether a browser's own stack can be served.
    pub(crate) fn serves_rtc(&self) -> bool {
        let wanted = Wanted {
            decodes: Codecs::UNKNOWN,
            ..self.wanted
        };
        choose(&self.candidates, &wanted).is_ok()
    }

    /// The most pixels that a picture may have to be encoded in its time; `u64::MAX` where nothing was measured.
    pub(crate) fn pixels_max(&self) -> u64 {
        pixels_max(&self.candidates, &self.wanted)
    }

    /// Pictures have another size. Who encodes is judged anew with the next word of the line, and changes when that has lasted: a change
    /// of the size is an IDR, and another encoder would be one more.
    pub(crate) fn on_drawn(&mut self, (width, height): (u16, u16)) {
        (self.wanted.width, self.wanted.height) = (width, height);
    }

    /// A player comes, of whom nothing is known yet.
    pub(crate) fn attach(&mut self, rtc: bool) {
        self.rtc = rtc;
        if self.wanted.force.is_none() {
            self.wanted.decodes = Codecs::UNKNOWN;
        }
        self.settle();
    }

    /// A player says what he decodes.
    pub(crate) fn on_hello(&mut self, codecs: &[String], line: Bitrate) {
        self.wanted.line = line;
        // A page that says nothing is one of before there was anything to say.
        if !self.rtc && !codecs.is_empty() {
            self.wanted.decodes = Codecs::of(codecs.iter().map(String::as_str));
        }
        self.settle();
    }

    /// The line carries this.
    pub(crate) fn on_line(&mut self, now: Timestamp, line: Bitrate) {
        self.wanted.line = line;
        let Ok(order) = self.choose().map(|choice| order_of(&choice)) else {
            return;
        };
        let since = match self.better {
            _ if order == self.order => None,
            Some((better, since)) if better == order => Some(since),
            Some(_) | None => Some(now),
        };
        self.better = since.map(|since| (order, since));
        if since.is_some_and(|since| now.since(since) >= STEADY) {
            self.settle();
        }
    }

    /// One failed.
    pub(crate) fn on_broken(&mut self, word: &str) {
        for candidate in self.candidates.iter_mut().filter(|c| c.word == word) {
            candidate.took = None;
        }
        self.settle();
    }

    fn choose(&self) -> Result<Choice, Error> {
        let current = self.order.first().copied().flatten();
        let codec = |word| self.candidates.iter().find(|c| c.word == word).map(|c| c.codec);
        let wanted = Wanted {
            current: current.and_then(codec),
            ..self.wanted
        };
        choose(&self.candidates, &wanted)
    }

    /// Takes the choice of this moment; where there is none, all stays.
    fn settle(&mut self) {
        if let Ok(choice) = self.choose() {
            self.order = order_of(&choice);
        }
        self.better = None;
    }
}

/// The order of a choice.
fn order_of(choice: &Choice) -> Order {
    let mut order = Order::default();
    for (place, word) in order.iter_mut().zip(&choice.order) {
        *place = Some(*word);
    }
    order
}

/// Whether units of this codec go over a browser's own stack.
pub(crate) fn goes_by_rtc(codec: Codec) -> bool {
    codec == Codec::H264
}

const EVERYTHING: Codecs = Codecs {
    h264: true,
    av1: true,
};
/// More than ever follow each other: one for each failure.
const ORDER_MAX: usize = 6;
/// The rate has found its place on a new line by then, and one bad moment is over.
const STEADY: Micros = Micros::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(word: &str, picture_us: u32) -> MeasuredEncoder {
        MeasuredEncoder {
            word: word.to_owned(),
            picture_us,
        }
    }

    fn config() -> Config {
        Config::builder().build().unwrap()
    }

    fn both() -> Vec<String> {
        vec!["avc1.42E02A".to_owned(), "av01.0.08M.08".to_owned()]
    }

    fn first(encoders: &Encoders) -> &'static str {
        encoders.order()[0].unwrap()
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_micros(ms * 1_000)
    }

    #[test]
    fn a_thin_line_changes_the_codec_when_it_stays_thin() {
        let measured = [measured("x264", 3_000), measured("aom", 4_000)];
        let mut encoders = Encoders::new(&measured, None, &config()).unwrap();
        encoders.on_hello(&both(), Bitrate::mbps(8));
        assert_eq!(first(&encoders), "x264");
        encoders.on_line(at(0), Bitrate::mbps(1));
        encoders.on_line(at(4_000), Bitrate::mbps(1));
        assert_eq!(first(&encoders), "x264", "not yet");
        encoders.on_line(at(4_100), Bitrate::mbps(6));
        encoders.on_line(at(4_200), Bitrate::mbps(1));
        encoders.on_line(at(6_000), Bitrate::mbps(1));
        assert_eq!(first(&encoders), "x264", "it was better in between");
        encoders.on_line(at(9_200), Bitrate::mbps(1));
        assert_eq!(first(&encoders), "aom");
    }

    #[test]
    fn a_larger_picture_changes_who_encodes_only_when_it_lasts() {
        let measured = [measured("x264", 4_000), measured("aom", 2_000)];
        let mut encoders = Encoders::new(&measured, None, &config()).unwrap();
        // 10 ms of 16.7, at 4 ms for 720p; AV1 is not decoded yet.
        assert_eq!(encoders.pixels_max(), 1280 * 720 * 5 / 2);
        encoders.on_hello(&both(), Bitrate::kbps(2_400));
        assert_eq!(first(&encoders), "aom");
        encoders.on_drawn((1920, 1080));
        assert_eq!(first(&encoders), "aom");
        encoders.on_drawn((640, 360));
        encoders.on_line(at(0), Bitrate::kbps(2_400));
        assert_eq!(first(&encoders), "aom", "not at once");
        encoders.on_line(at(5_100), Bitrate::kbps(2_400));
        assert_eq!(first(&encoders), "x264", "a small picture's bits do for H.264");
    }

    #[test]
    fn whoever_comes_is_met_with_what_everyone_decodes() {
        let measured = [measured("x264", 3_000), measured("aom", 4_000)];
        let mut encoders = Encoders::new(&measured, None, &config()).unwrap();
        encoders.on_hello(&both(), Bitrate::mbps(1));
        assert_eq!(first(&encoders), "aom");
        encoders.attach(false);
        assert_eq!(first(&encoders), "x264");
        encoders.on_hello(&both(), Bitrate::mbps(1));
        encoders.attach(true);
        encoders.on_hello(&both(), Bitrate::mbps(1));
        assert_eq!(first(&encoders), "x264", "over WebRTC");
    }

    #[test]
    fn who_failed_is_followed_and_not_asked_again() {
        let measured = [measured("x264", 3_000), measured("aom", 4_000)];
        let mut encoders = Encoders::new(&measured, None, &config()).unwrap();
        encoders.on_hello(&both(), Bitrate::mbps(8));
        encoders.on_broken("x264");
        assert_eq!(first(&encoders), "aom");
        encoders.on_line(at(60_000), Bitrate::mbps(20));
        assert_eq!(first(&encoders), "aom");
    }

    #[test]
    fn what_is_forced_is_made_for_whoever_comes_and_refused_to_who_cannot_see_it() {
        let encoders = Encoders::new(&[measured("aom", 9_000)], Some("av1"), &config()).unwrap();
        assert_eq!(first(&encoders), "aom");
        assert!(encoders.serves(&both()));
        assert!(!encoders.serves(&["avc1.42E02A".to_owned()]));
        assert!(!encoders.serves_rtc());
        assert!(Encoders::new(&[], Some("nothing"), &config()).is_err());
    }
}
