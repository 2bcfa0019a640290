//! What a host says of itself, and which of it is believed.

use firstlight_units::{Micros, TitleId};
use std::sync::Arc;

/// What one more session on a host can be given, measured by the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spec {
    /// Thousands of pixels that are captured and encoded in a second: 55,296 for 1280×720 at 60.
    pub kilopixels_per_s: u32,
    /// Memory of a session.
    pub memory_mib: u32,
}

impl Spec {
    /// Whether a host that has `self` carries a title that needs `need`.
    #[must_use]
    pub const fn carries(self, need: Self) -> bool {
        self.kilopixels_per_s >= need.kilopixels_per_s && self.memory_mib >= need.memory_mib
    }
}

/// Whether a host takes sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It does.
    #[default]
    Open,
    /// It finishes what runs and takes nothing new.
    Draining,
}

/// A title that a host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeatTitle {
    /// Which.
    pub title: TitleId,
    /// Booted and frozen copies.
    pub parked: u8,
}

/// A heartbeat.
#[derive(Clone, Debug)]
pub struct Beat {
    /// Whose. The caller has checked that it comes from the holder of this host's key.
    pub host: Arc<str>,
    /// Rises with every start of the host.
    pub boot: u64,
    /// Rises with every beat of one boot.
    pub seq: u64,
    /// Where it stands.
    pub region: Arc<str>,
    /// Whether it takes sessions.
    pub state: State,
    /// Sessions that it has room for at most.
    pub slots: u16,
    /// Of those, not taken.
    pub free: u16,
    /// What one more session can be given.
    pub spec: Spec,
    /// Median time from an input's arrival to the packet with its picture, without the app: what the host adds to every click.
    pub stages: Micros,
    /// How busy its cores are, thousandths.
    pub load: u16,
    /// What an hour costs, in thousandths of a cent.
    pub price: u32,
    /// Every title that it has, in any order.
    pub titles: Vec<BeatTitle>,
}

/// Why a beat changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// From a start of the host before the one that is known.
    OldBoot,
    /// Not newer than the last one: a duplicate, a latecomer or a replay.
    OldSeq,
    /// Of a host that was never admitted.
    Foreign,
    /// It says what cannot be: more free slots than slots, titles twice, figures out of range.
    Absurd,
}

/// How many beats were refused, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// [`Refusal::OldBoot`].
    pub old_boot: u64,
    /// [`Refusal::OldSeq`].
    pub old_seq: u64,
    /// [`Refusal::Foreign`].
    pub foreign: u64,
    /// [`Refusal::Absurd`].
    pub absurd: u64,
    /// Titles in accepted beats that no publisher has named here.
    pub unknown_titles: u64,
}

impl Refusals {
    pub(crate) const fn count(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::OldBoot => &mut self.old_boot,
            Refusal::OldSeq => &mut self.old_seq,
            Refusal::Foreign => &mut self.foreign,
            Refusal::Absurd => &mut self.absurd,
        };
        *counter += 1;
    }
}

impl Beat {
    /// Whether the figures can be true together. Titles in a row are sorted by the caller.
    pub(crate) fn is_sane(&self) -> bool {
        let named = |text: &str| (1..=TEXT_MAX).contains(&text.len());
        named(&self.host)
            && named(&self.region)
            && self.free <= self.slots
            && self.slots <= SLOTS_MAX
            && self.load <= 1000
            && self.titles.len() <= TITLES_MAX
            && self.stages <= STAGES_MAX
    }
}

/// No machine carries more sessions than this.
pub(crate) const SLOTS_MAX: u16 = 1024;
/// More titles than any disk holds; bounds what one host can make an indexer keep.
pub(crate) const TITLES_MAX: usize = 4096;
/// Names are short.
pub(crate) const TEXT_MAX: usize = 64;
/// A host that takes longer from click to packet carries no game.
const STAGES_MAX: Micros = Micros::from_secs(1);
