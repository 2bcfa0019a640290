//! Buckets of hosts: by title, region and warmth, each sorted by what its hosts cost whoever plays there.
//!
//! A key is a host's own cost in its upper half and its number in the lower one, so that the first key of a bucket is its best
//! host. The buckets of titles are kept under the title's policy; those of hosts that could fetch a title, under each.

use crate::beat::Spec;
use crate::bucket::Bucket;
use crate::cost::Policy;
use crate::host::Status;
use crate::warm::Bounds;
use firstlight_units::{Micros, TitleId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A region that a registry knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegionId(pub(crate) u16);

impl RegionId {
    /// Of hosts that were not heard of yet.
    pub(crate) const NONE: Self = Self(u16::MAX);

    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// How soon a title runs on a host, the soonest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Warmth {
    /// A booted copy waits, frozen.
    Parked,
    /// It has to boot.
    Installed,
    /// It has to be fetched first.
    Fetch,
}

/// What the publisher of a title sets for it, and what it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TitleTerms {
    /// What the publisher wants.
    pub policy: Policy,
    /// What a host must have measured for one session.
    pub need: Spec,
    /// The most that an hour may cost, thousandths of a cent; none: whatever.
    pub price_max: Option<u32>,
    /// The farthest that a host may be, there and back; none: as far as it is.
    pub rtt_max: Option<Micros>,
    /// Hosts that don't have it can fetch it.
    pub fetchable: bool,
    /// Copies that each host keeps parked by itself, and the most that it may be asked for.
    pub parked: Bounds,
}

pub(crate) fn key(cost: u32, host: u32) -> u64 {
    u64::from(cost) << 32 | u64::from(host)
}

/// Cost and host of a key.
#[expect(clippy::cast_possible_truncation, reason = "the halves are what was packed")]
pub(crate) const fn unkey(key: u64) -> (u32, u32) {
    ((key >> 32) as u32, key as u32)
}

/// A title and where it can be played.
#[derive(Debug)]
pub(crate) struct Title {
    pub(crate) id: TitleId,
    pub(crate) terms: TitleTerms,
    /// By region.
    pub(crate) regions: Vec<TitleRegion>,
}

/// A title in one region.
#[derive(Debug, Default)]
pub(crate) struct TitleRegion {
    pub(crate) parked: Bucket,
    pub(crate) installed: Bucket,
    /// Hosts that have it, by [`Status`].
    pub(crate) tally: [u32; Status::COUNT],
}

impl Title {
    pub(crate) fn region(&mut self, region: RegionId) -> &mut TitleRegion {
        if self.regions.len() <= region.index() {
            self.regions.resize_with(region.index() + 1, TitleRegion::default);
        }
        &mut self.regions[region.index()]
    }

    /// Reads something of each line that moving a host in a region touches: what is read for several titles at once is answered side
    /// by side.
    pub(crate) fn read_ahead(&self, region: RegionId) -> u64 {
        self.regions
            .get(region.index())
            .map_or(0, TitleRegion::read_ahead)
    }
}

impl TitleRegion {
    fn read_ahead(&self) -> u64 {
        let firsts = [&self.parked, &self.installed].map(|bucket| bucket.first().unwrap_or(0));
        firsts[0] ^ firsts[1] ^ u64::from(self.tally[0])
    }

    /// Moves a host from one status to another.
    pub(crate) fn shift(&mut self, from: (Status, u64), to: (Status, u64)) {
        if from == to {
            return;
        }
        match from.0 {
            Status::Parked => self.parked.remove(from.1),
            Status::Installed => self.installed.remove(from.1),
            Status::Out | Status::Full | Status::Closed | Status::Weak | Status::Dear => {}
        }
        match to.0 {
            Status::Parked => self.parked.insert(to.1),
            Status::Installed => self.installed.insert(to.1),
            Status::Out | Status::Full | Status::Closed | Status::Weak | Status::Dear => {}
        }
        for (status, by) in [(from.0, -1), (to.0, 1)] {
            if status != Status::Out {
                let tally = &mut self.tally[status as usize];
                *tally = tally.saturating_add_signed(by);
            }
        }
    }
}

/// A region and its hosts that could fetch something.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) name: Arc<str>,
    /// By policy and class of strength.
    pub(crate) fetch: [[Bucket; CLASSES]; Policy::COUNT],
    /// Hosts that are there and not lost.
    pub(crate) hosts: u32,
    /// Of those, draining or cordoned.
    pub(crate) closed: u32,
    /// Slots of all its hosts that take sessions.
    pub(crate) slots: u64,
    /// Of those, not taken and promised to nobody.
    pub(crate) free: u64,
}

impl Region {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            fetch: Default::default(),
            hosts: 0,
            closed: 0,
            slots: 0,
            free: 0,
        }
    }
}

/// Whoever needs a class is carried by it, perhaps, and by those above, surely.
pub(crate) fn class(spec: Spec) -> usize {
    CLASS_KILOPIXELS
        .iter()
        .rposition(|least| spec.kilopixels_per_s >= *least)
        .unwrap_or(0)
}

/// Hosts that could fetch a title are sorted in steps so much coarser: whoever waits minutes for a fetch doesn't feel them, and
/// hosts keep their places for longer.
pub(crate) const FETCH_STEPS: u32 = 16;
pub(crate) const CLASSES: usize = 4;
/// 720p, 1080p and 1440p at 60 pictures a second.
const CLASS_KILOPIXELS: [u32; CLASSES] = [0, 55_296, 124_416, 221_184];
