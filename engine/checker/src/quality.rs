//! How good one second of a stream was.
//!
//! ```text
//! score = delay × variation × freezes × rate × picture        each 0 to 1, each from a table of the title's class
//! ```
//!
//! A product, since no strength makes up for a weakness: a sharp picture is worth nothing while it stands still. Each factor
//! falls, or stays, as its impairment grows, so the score does too.

use crate::Score;
use crate::tables::{self, Tables};
use firstlight_units::{Bitrate, Class, Micros};

/// What is known of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Median from input to picture: click-to-photon, or glass-to-glass and a round trip where nobody pressed anything. None:
    /// nothing was shown to measure it by, which the other figures tell.
    pub delay: Option<Micros>,
    /// The 95th percentile of the delay less its median.
    pub variation: Micros,
    /// Time without a new picture past its time.
    pub frozen: Micros,
    /// Pictures that there were to show.
    pub expected: u32,
    /// Pictures shown.
    pub shown: u32,
    /// What was shown.
    pub picture: Picture,
}

/// The picture that was shown, beside the one that the title draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Pixels shown.
    pub pixels: u32,
    /// Pixels drawn.
    pub drawn: u32,
    /// Pictures a second at most.
    pub fps: u32,
    /// What the video was held to. None: it did not use what it had, so the line took nothing from the picture.
    pub held_to: Option<Bitrate>,
}

/// What each side of the experience left of the quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Factors {
    /// The delay.
    pub delay: Score,
    /// Its variation.
    pub variation: Score,
    /// Freezes.
    pub freezes: Score,
    /// The frame rate.
    pub rate: Score,
    /// Resolution and bitrate.
    pub picture: Score,
}

/// The verdict on a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The whole.
    pub score: Score,
    /// Its factors.
    pub factors: Factors,
}

/// A side of the experience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Factor {
    /// See [`Factors::delay`].
    Delay,
    /// See [`Factors::variation`].
    Variation,
    /// See [`Factors::freezes`].
    Freezes,
    /// See [`Factors::rate`].
    Rate,
    /// See [`Factors::picture`].
    Picture,
}

impl Factor {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Delay,
        Self::Variation,
        Self::Freezes,
        Self::Rate,
        Self::Picture,
    ];

    /// The name in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Variation => "variation",
            Self::Freezes => "freezes",
            Self::Rate => "rate",
            Self::Picture => "picture",
        }
    }
}

impl Factors {
    /// What `factor` left.
    #[must_use]
    pub const fn get(&self, factor: Factor) -> Score {
        match factor {
            Factor::Delay => self.delay,
            Factor::Variation => self.variation,
            Factor::Freezes => self.freezes,
            Factor::Rate => self.rate,
            Factor::Picture => self.picture,
        }
    }

    /// The one that cost most; of equals the first, which is the cause more often than the effect.
    #[must_use]
    pub fn worst(&self) -> Factor {
        Factor::ALL
            .into_iter()
            .min_by_key(|factor| self.get(*factor))
            .unwrap_or(Factor::Delay)
    }
}

/// Judges a second of a title of this class.
#[must_use]
pub fn judge(class: Class, second: &Second) -> Judged {
    let tables = tables::of(class);
    let factors = Factors {
        delay: second
            .delay
            .map_or(Score::FULL, |delay| tables.delay.at(millis(delay))),
        variation: tables.variation.at(millis(second.variation)),
        freezes: tables.frozen.at(millis(second.frozen)),
        rate: tables.missing.at(missing(second.expected, second.shown)),
        picture: picture(tables, second.picture),
    };
    let score = Factor::ALL
        .into_iter()
        .fold(Score::FULL, |score, factor| score.times(factors.get(factor)));
    Judged { score, factors }
}

/// Whole milliseconds, rounded down: a tenth of one is within the error of every measurement here.
fn millis(span: Micros) -> u32 {
    u32::try_from(span.as_micros() / 1_000).unwrap_or(u32::MAX)
}

/// Thousandths. One picture is forgiven: it may belong to the second before or after.
fn missing(expected: u32, shown: u32) -> u32 {
    let short = expected.saturating_sub(shown).saturating_sub(1);
    thousandths(short, expected)
}

fn picture(tables: &Tables, picture: Picture) -> Score {
    let coarse = thousandths(picture.drawn.saturating_sub(picture.pixels), picture.drawn);
    let sharp = tables.coarse.at(coarse);
    let Some(rate) = picture.held_to else {
        return sharp;
    };
    let pixels = u128::from(picture.pixels) * u128::from(picture.fps);
    let density = (u128::from(rate.as_bps()) * 1_000).checked_div(pixels);
    let density = density.map_or(u32::MAX, |bits| u32::try_from(bits).unwrap_or(u32::MAX));
    sharp.times(tables.density.at(density))
}

/// `part / whole`; 0 where there is no whole.
fn thousandths(part: u32, whole: u32) -> u32 {
    let n = (u64::from(part) * 1_000).checked_div(u64::from(whole));
    u32::try_from(n.unwrap_or(0)).unwrap_or(u32::MAX)
}
