//! How good sessions were.

use crate::catalogue::{CLICK_TO_PHOTON, SESSION_SCORE, SESSION_SECONDS};
use firstlight_units::Class;
use metrics::{counter, histogram};

/// What a second that was not good lacked most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// It was good.
    Nothing,
    /// The picture answered late.
    Delay,
    /// The delay went up and down.
    Variation,
    /// The picture stood still.
    Freezes,
    /// Pictures were left out.
    Rate,
    /// The picture was coarse.
    Picture,
}

impl Lacking {
    /// Every label.
    pub const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Delay,
        Self::Variation,
        Self::Freezes,
        Self::Rate,
        Self::Picture,
    ];

    /// The label's value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Delay => "delay",
            Self::Variation => "variation",
            Self::Freezes => "freezes",
            Self::Rate => "rate",
            Self::Picture => "picture",
        }
    }
}

/// A session ended that is worth so much, 0 to 1.
pub fn session_score(class: Class, score: f64) {
    histogram!(SESSION_SCORE.name, "class" => class.name()).record(score);
}

/// A second of a session was judged.
pub fn second_judged(class: Class, lacking: Lacking) {
    counter!(SESSION_SECONDS.name, "class" => class.name(), "lacking" => lacking.name()).increment(1);
}

/// A second had this median from an input to its picture.
pub fn click_to_photon_seconds(seconds: f64) {
    histogram!(CLICK_TO_PHOTON.name).record(seconds);
}
