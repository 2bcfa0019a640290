//! Which backend encodes a session: pure.
//!
//! What is forced is all that is looked at. Else those fall away that the player does not decode, that have no slot left, and that are
//! too slow for this size and rate on this machine; of the rest AV1 comes first where the line is thin, H.264 where it is not, and of
//! one codec the hardware before the processor and the faster before the slower. The order is also who follows when one fails.

use crate::Error;
use firstlight_encoder::Codec;
use firstlight_units::{Bitrate, Micros};
use std::fmt;

/// A backend, as this machine has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its word.
    pub word: &'static str,
    /// What it encodes to.
    pub codec: Codec,
    /// It is a part of the machine's hardware.
    pub hardware: bool,
    /// It may be taken without being asked for by name.
    pub automatic: bool,
    /// What a picture of 1280 by 720 takes here; none: it does not work.
    pub took: Option<Micros>,
    /// How many more streams it takes; none: as many as the machine carries.
    pub slots: Option<u32>,
}

/// Which codecs a player decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codecs {
    /// H.264.
    pub h264: bool,
    /// AV1.
    pub av1: bool,
}

impl Codecs {
    /// What everyone decodes who has said nothing yet.
    pub const UNKNOWN: Self = Self {
        h264: true,
        av1: false,
    };

    /// Of codec strings (RFC 6381), as a player's page has tried them.
    pub fn of<'a>(strings: impl IntoIterator<Item = &'a str>) -> Self {
        let mut codecs = Self {
            h264: false,
            av1: false,
        };
        for string in strings {
            match Codec::of(string) {
                Some(Codec::H264) => codecs.h264 = true,
                Some(Codec::Av1) => codecs.av1 = true,
                None => {}
            }
        }
        codecs
    }

    const fn has(self, codec: Codec) -> bool {
        match codec {
            Codec::H264 => self.h264,
            Codec::Av1 => self.av1,
        }
    }
}

/// What an operator or a title asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// This backend, and no other.
    Backend(&'static str),
    /// Any of this codec.
    Codec(Codec),
}

impl Force {
    /// Reads a word: a backend's, or a codec's.
    ///
    /// # Errors
    /// When this build has none of that name.
    pub fn read(word: &str) -> Result<Self, Error> {
        match word {
            "h264" => Ok(Self::Codec(Codec::H264)),
            "av1" => Ok(Self::Codec(Codec::Av1)),
            _ => crate::find(word).map(|known| Self::Backend(known.word)),
        }
    }

    fn allows(self, candidate: &Candidate) -> bool {
        match self {
            Self::Backend(word) => candidate.word == word,
            Self::Codec(codec) => candidate.codec == codec,
        }
    }
}

impl fmt::Display for Force {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backend(word) => word,
            Self::Codec(codec) => codec.word(),
        })
    }
}

/// What is to be encoded, for whom.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Pictures a second.
    pub fps: u16,
    /// What the player decodes.
    pub decodes: Codecs,
    /// What the line carries.
    pub line: Bitrate,
    /// What is asked for, if anything.
    pub force: Option<Force>,
    /// What encodes at this moment: leaving AV1 takes a better line than coming to it.
    pub current: Option<Codec>,
}

/// The order, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Words, the first choice first; never empty. Who follows takes over when one fails.
    pub order: Vec<&'static str>,
    /// Of each candidate, in the order in which they were given.
    pub reasons: Vec<(&'static str, Reason)>,
}

impl Choice {
    /// The first of the order.
    #[must_use]
    pub fn first(&self) -> &'static str {
        self.order.first().copied().unwrap_or_default()
    }
}

/// Why a candidate is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is in the order, at this place from 1.
    Place(usize),
    /// It does not work here.
    Broken,
    /// Something else was asked for.
    NotAsked,
    /// Only for those who ask for it by name.
    ByNameOnly,
    /// The player does not decode it.
    NotDecoded,
    /// All its streams are taken.
    NoSlot,
    /// A picture takes longer than it may.
    TooSlow {
        /// What it takes in this size.
        took: Micros,
        /// What it may take.
        most: Micros,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Place(1) => f.write_str("first choice"),
            Self::Place(n) => write!(f, "takes over as number {n}"),
            Self::Broken => f.write_str("does not work here"),
            Self::NotAsked => f.write_str("something else is asked for"),
            Self::ByNameOnly => f.write_str("only where it is asked for by name"),
            Self::NotDecoded => f.write_str("the player does not decode it"),
            Self::NoSlot => f.write_str("all its streams are taken"),
            Self::TooSlow { took, most } => write!(
                f,
                "too slow: {:.1} ms a picture, of {:.1} ms",
                took.as_millis_f64(),
                most.as_millis_f64()
            ),
        }
    }
}

/// Chooses.
///
/// # Errors
/// When nothing works, or what is forced does not work or is not decoded.
pub fn choose(candidates: &[Candidate], wanted: &Wanted) -> Result<Choice, Error> {
    let mut reasons: Vec<Reason> = candidates.iter().map(|c| judge(c, wanted)).collect();
    if !reasons.contains(&Reason::Place(0)) {
        match fallback(&reasons, candidates) {
            Some(index) => {
                if let Some(reason) = reasons.get_mut(index) {
                    *reason = Reason::Place(0);
                }
            }
            None => return Err(why_none(&reasons, candidates, wanted)),
        }
    }
    let mut taken: Vec<(usize, &Candidate)> = candidates
        .iter()
        .enumerate()
        .filter(|(index, _)| reasons.get(*index) == Some(&Reason::Place(0)))
        .collect();
    let first_codec = if is_thin(wanted) { Codec::Av1 } else { Codec::H264 };
    taken.sort_by_key(|(_, c)| (c.codec != first_codec, !c.hardware, !c.automatic, c.took));
    for (place, (index, _)) in taken.iter().enumerate() {
        if let Some(reason) = reasons.get_mut(*index) {
            *reason = Reason::Place(place + 1);
        }
    }
    let words = candidates.iter().map(|c| c.word);
    Ok(Choice {
        order: taken.iter().map(|(_, c)| c.word).collect(),
        reasons: words.zip(reasons).collect(),
    })
}

/// `Place(0)`: it may be taken.
fn judge(candidate: &Candidate, wanted: &Wanted) -> Reason {
    // A card that is full does not open either, and is not broken.
    if candidate.slots == Some(0) {
        return Reason::NoSlot;
    }
    let Some(took) = candidate.took else {
        return Reason::Broken;
    };
    let named = matches!(wanted.force, Some(Force::Backend(_)));
    if wanted.force.is_some_and(|force| !force.allows(candidate)) {
        return Reason::NotAsked;
    }
    if !wanted.decodes.has(candidate.codec) {
        return Reason::NotDecoded;
    }
    // What was asked for by name is taken as it is.
    if named {
        return Reason::Place(0);
    }
    if !candidate.automatic {
        return Reason::ByNameOnly;
    }
    let area = u64::from(wanted.width) * u64::from(wanted.height);
    let took = took.scale(area, MEASURED_AREA);
    let most = time_for(candidate, wanted.fps);
    if took > most {
        return Reason::TooSlow { took, most };
    }
    Reason::Place(0)
}

/// What a picture may take.
fn time_for(candidate: &Candidate, fps: u16) -> Micros {
    let share = match (candidate.hardware, candidate.codec) {
        (true, _) => HARDWARE_SHARE,
        (false, Codec::Av1) => AV1_SHARE,
        (false, Codec::H264) => SOFTWARE_SHARE,
    };
    Micros::from_secs(1).scale(share, u64::from(fps.max(1)) * 100)
}

/// The most pixels that a picture may have to be encoded in its time here, by the best of what may be taken: `wanted.width` and
/// `wanted.height` do not matter. `u64::MAX` where nothing was measured, 0 where nothing may be taken.
#[must_use]
pub fn pixels_max(candidates: &[Candidate], wanted: &Wanted) -> u64 {
    let tiny = Wanted {
        width: 1,
        height: 1,
        ..*wanted
    };
    let taken = candidates.iter().filter(|c| judge(c, &tiny) == Reason::Place(0));
    let pixels = taken.map(|candidate| {
        let took = candidate.took.unwrap_or_default().as_micros();
        let time = time_for(candidate, wanted.fps).as_micros();
        (time * MEASURED_AREA).checked_div(took).unwrap_or(u64::MAX)
    });
    pixels.max().unwrap_or(0)
}

/// Slow is better than nothing: the fastest of H.264 that is merely slow, or else of any codec.
fn fallback(reasons: &[Reason], candidates: &[Candidate]) -> Option<usize> {
    let slow = reasons.iter().zip(candidates).enumerate();
    slow.filter(|(_, (reason, _))| matches!(reason, Reason::TooSlow { .. }))
        .min_by_key(|(_, (_, candidate))| (candidate.codec != Codec::H264, candidate.took))
        .map(|(index, _)| index)
}

fn why_none(reasons: &[Reason], candidates: &[Candidate], wanted: &Wanted) -> Error {
    let Some(force) = wanted.force else {
        return Error::None;
    };
    let allowed = reasons.iter().zip(candidates).filter(|(_, c)| force.allows(c));
    let undecoded = allowed.clone().any(|(reason, _)| *reason == Reason::NotDecoded);
    if undecoded {
        Error::Undecodable(force)
    } else {
        Error::Absent(force)
    }
}

/// Whether the line carries so little that AV1's better pictures are worth its time.
fn is_thin(wanted: &Wanted) -> bool {
    let blocks = u64::from(wanted.width.div_ceil(16)) * u64::from(wanted.height.div_ceil(16));
    let milli_bits = wanted
        .line
        .scale(1000, blocks * u64::from(wanted.fps.max(1)))
        .as_bps();
    let below = if wanted.current == Some(Codec::Av1) {
        THIN_STAYS
    } else {
        THIN_COMES
    };
    milli_bits < below
}

/// What `took` is measured on.
const MEASURED_AREA: u64 = 1280 * 720;
/// Per cent of the time between two pictures that a picture may take where the app needs the processor as well.
const SOFTWARE_SHARE: u64 = 60;
/// AV1 in software uses all cores for its time, and a host reckons its slots with H.264: only where there is plenty.
const AV1_SHARE: u64 = 35;
/// Where the app does not need what encodes.
const HARDWARE_SHARE: u64 = 90;
/// Thousandths of a bit a block of 16 by 16 pixels below which blocks show in H.264 (720p60: 2.6 Mbit/s; see `rate` of the encoder).
const THIN_COMES: u64 = 12_000;
/// A line that swings about the border does not swing the codec.
const THIN_STAYS: u64 = 18_000;

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Codecs = Codecs {
        h264: true,
        av1: true,
    };
    const H264: Codecs = Codecs::UNKNOWN;
    const AV1: Codecs = Codecs {
        h264: false,
        av1: true,
    };

    /// Word, codec, hardware, automatic, milliseconds (0: broken), slots.
    type Row = (&'static str, Codec, bool, bool, u64, Option<u32>);

    /// A machine with a card of one stream left, x264, a slow AV1 and GStreamer's own.
    const MACHINE: [Row; 4] = [
        ("card", Codec::H264, true, true, 3, Some(1)),
        ("x264", Codec::H264, false, true, 4, None),
        ("aom", Codec::Av1, false, true, 5, None),
        ("gst-x264enc", Codec::H264, false, false, 5, None),
    ];

    #[test]
    fn the_largest_picture_that_is_encoded_in_its_time() {
        let all = candidates(&MACHINE);
        let at = |fps, force| Wanted {
            fps,
            force,
            ..wanted(H264, Bitrate::mbps(8))
        };
        // The card: 15 ms of 16.7, at 3 ms for 720p; x264: 10 ms, at 4 ms.
        let areas = |fps, force| pixels_max(&all, &at(fps, force)) * 100 / (1280 * 720);
        assert_eq!(areas(60, None), 500);
        assert_eq!(areas(120, None), 250);
        assert_eq!(areas(60, Some(Force::Backend("x264"))), 250);
        let broken = [("x264", Codec::H264, false, true, 0, None)];
        assert_eq!(pixels_max(&candidates(&broken), &at(60, None)), 0);
        let unmeasured = Candidate {
            took: Some(Micros::ZERO),
            ..all[1]
        };
        assert_eq!(pixels_max(&[unmeasured], &at(60, None)), u64::MAX);
    }

    fn candidates(rows: &[Row]) -> Vec<Candidate> {
        let candidate = |&(word, codec, hardware, automatic, ms, slots): &Row| Candidate {
            word,
            codec,
            hardware,
            automatic,
            took: (ms > 0).then(|| Micros::from_millis(ms)),
            slots,
        };
        rows.iter().map(candidate).collect()
    }

    /// 720p60.
    fn wanted(decodes: Codecs, line: Bitrate) -> Wanted {
        Wanted {
            width: 1280,
            height: 720,
            fps: 60,
            decodes,
            line,
            force: None,
            current: None,
        }
    }

    #[test]
    fn the_table_of_choices() {
        let (thick, thin) = (Bitrate::mbps(8), Bitrate::mbps(1));
        let named = |word| Some(Force::Backend(word));
        let forced = |force, w: Wanted| Wanted { force, ..w };
        let table: [(&str, Wanted, &[&str]); 9] = [
            ("thick line", wanted(BOTH, thick), &["card", "x264", "aom"]),
            ("thin line", wanted(BOTH, thin), &["aom", "card", "x264"]),
            ("thin line, no AV1", wanted(H264, thin), &["card", "x264"]),
            ("AV1 alone", wanted(AV1, thick), &["aom"]),
            (
                "a codec",
                forced(Some(Force::Codec(Codec::Av1)), wanted(BOTH, thick)),
                &["aom"],
            ),
            (
                "by name",
                forced(named("gst-x264enc"), wanted(BOTH, thin)),
                &["gst-x264enc"],
            ),
            (
                "AV1 is too slow for 120 a second",
                Wanted {
                    fps: 120,
                    ..wanted(BOTH, thin)
                },
                &["card", "x264"],
            ),
            (
                "all are too slow: the fastest of H.264",
                Wanted {
                    width: 3840,
                    height: 2160,
                    ..wanted(BOTH, thick)
                },
                &["card"],
            ),
            (
                "by name, however slow",
                forced(
                    named("aom"),
                    Wanted {
                        fps: 240,
                        ..wanted(BOTH, thick)
                    },
                ),
                &["aom"],
            ),
        ];
        for (case, wanted, order) in table {
            let choice = choose(&candidates(&MACHINE), &wanted).unwrap();
            assert_eq!(choice.order, order, "{case}: {:?}", choice.reasons);
            assert_eq!(choice.first(), order[0]);
        }
    }

    #[test]
    fn a_card_whose_streams_are_taken_is_passed_over() {
        let mut rows = MACHINE;
        rows[0].5 = Some(0);
        let choice = choose(&candidates(&rows), &wanted(BOTH, Bitrate::mbps(8))).unwrap();
        assert_eq!(choice.order, ["x264", "aom"]);
        assert_eq!(choice.reasons[0], ("card", Reason::NoSlot));
        assert_eq!(choice.reasons[3], ("gst-x264enc", Reason::ByNameOnly));
    }

    #[test]
    fn what_is_forced_and_absent_is_said() {
        let force = |force| Wanted {
            force: Some(force),
            ..wanted(H264, Bitrate::mbps(8))
        };
        let choose = |w: &Wanted| choose(&candidates(&MACHINE[1..]), w).unwrap_err();
        let (card, av1) = (Force::Backend("card"), Force::Codec(Codec::Av1));
        assert_eq!(choose(&force(card)), Error::Absent(card));
        assert_eq!(choose(&force(av1)), Error::Undecodable(av1));
        assert_eq!(
            super::choose(&[], &wanted(BOTH, Bitrate::mbps(8))),
            Err(Error::None)
        );
    }

    #[test]
    fn the_codec_does_not_swing_with_the_line() {
        let at = |mbps_tenths: u64, current| {
            let wanted = Wanted {
                current: Some(current),
                ..wanted(BOTH, Bitrate::kbps(mbps_tenths * 100))
            };
            choose(&candidates(&MACHINE), &wanted).unwrap().first()
        };
        assert_eq!(at(30, Codec::H264), "card");
        assert_eq!(at(25, Codec::H264), "aom");
        assert_eq!(at(30, Codec::Av1), "aom");
        assert_eq!(at(40, Codec::Av1), "card");
    }

    #[test]
    fn a_page_says_what_it_decodes_in_codec_strings() {
        assert_eq!(Codecs::of(["avc1.42E02A", "av01.0.08M.08"]), BOTH);
        assert_eq!(Codecs::of(["avc1.42E02A", "vp09.00.10.08"]), H264);
    }
}
