//! The encoders of this machine: what each takes, measured and not looked up, and who would encode for whom.

use anyhow::{Result, bail};
use firstlight_backends::{Candidate, Choice, Codecs, Force, Known, Speed, Wanted, all, choose, measure};
use firstlight_link::MeasuredEncoder;
use firstlight_units::{Bitrate, Micros};

/// An encoder, and what came of trying it.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) known: Known,
    /// What it takes, or why it does not work.
    pub(crate) outcome: Result<Speed, firstlight_encoder::Error>,
    /// How many streams more it takes; none: as many as the machine carries.
    pub(crate) slots: Option<u32>,
}

/// Tries each encoder that `which` names. Blocks for a fraction of a second for each.
pub(crate) fn try_each(which: impl Fn(&Known) -> bool) -> Vec<Tried> {
    let tried = all().into_iter().filter(which).map(|known| Tried {
        outcome: known.installed().and_then(|()| measure(&known)),
        slots: known.slots(),
        known,
    });
    tried.collect()
}

/// What sessions may get: all that need not be asked for by name, and what is.
pub(crate) fn try_for_sessions(forced: Option<&str>) -> Vec<Tried> {
    try_each(|known| known.automatic || forced == Some(known.word))
}

/// Refuses an encoder that was asked for and does not work.
pub(crate) fn require(forced: &str) -> Result<()> {
    let force = Force::read(forced)?;
    let named = |known: &Known| match force {
        Force::Backend(word) => known.word == word,
        Force::Codec(codec) => known.automatic && known.codec == codec,
    };
    let tried = try_each(named);
    if tried.iter().any(|one| one.outcome.is_ok()) {
        return Ok(());
    }
    let words = tried.iter().filter_map(|one| one.outcome.as_ref().err());
    let words: Vec<String> = words.map(ToString::to_string).collect();
    bail!(
        "nothing encodes by {forced} on this machine: {} (firstlight doctor lists what does)",
        words.join("; ")
    )
}

impl Tried {
    /// As the choice takes it.
    pub(crate) fn candidate(&self) -> Candidate {
        let Known {
            word,
            codec,
            hardware,
            automatic,
            ..
        } = self.known;
        Candidate {
            word,
            codec,
            hardware,
            automatic,
            took: self.outcome.as_ref().ok().map(|speed| speed.picture),
            slots: self.slots,
        }
    }

    /// As workers are told.
    pub(crate) fn measured(&self) -> MeasuredEncoder {
        let picture = self.outcome.as_ref().map_or(Micros::ZERO, |speed| speed.picture);
        MeasuredEncoder {
            word: self.known.word.to_owned(),
            picture_us: picture.as_u32(),
        }
    }
}

/// The one that a player gets who says nothing of himself, with what it takes.
pub(crate) fn usual(tried: &[Tried]) -> Option<&Speed> {
    let choice = chosen(tried, &player(Codecs::UNKNOWN, THICK)).ok()?;
    let speeds = tried.iter().filter_map(|one| one.outcome.as_ref().ok());
    speeds.into_iter().find(|speed| speed.backend == choice.first())
}

/// What would be chosen.
pub(crate) fn chosen(tried: &[Tried], wanted: &Wanted) -> Result<Choice, firstlight_backends::Error> {
    let candidates: Vec<Candidate> = tried.iter().map(Tried::candidate).collect();
    choose(&candidates, wanted)
}

/// A player of a 720p60 game.
pub(crate) const fn player(decodes: Codecs, line: Bitrate) -> Wanted {
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

/// What a measured encoder takes, for people.
pub(crate) fn words(speed: &Speed) -> String {
    format!(
        "{} ({}): {:.1} ms per 1280x720 picture of a moving pattern, of 16.7 ms at 60 a second",
        speed.backend,
        speed.codec,
        speed.picture.as_millis_f64()
    )
}

/// A home's line, and one that is thin.
pub(crate) const THICK: Bitrate = Bitrate::mbps(8);
pub(crate) const THIN: Bitrate = Bitrate::mbps(1);
