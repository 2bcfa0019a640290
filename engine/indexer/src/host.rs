//! What is kept of a host.

use crate::beat::{Spec, State};
use crate::cost::{Figures, Policy, own};
use crate::file::Filed;
use crate::index::RegionId;
use firstlight_units::{Micros, Timestamp, TitleId};
use std::sync::Arc;

/// A host as it stands, for whoever shows it.
#[derive(Clone, Debug)]
pub struct HostView {
    /// Its id.
    pub host: Arc<str>,
    /// Where it stands.
    pub region: Arc<str>,
    /// By its own word.
    pub state: State,
    /// The operator lets nothing new onto it.
    pub cordoned: bool,
    /// It missed its beats.
    pub lost: bool,
    /// Sessions that it has room for at most.
    pub slots: u16,
    /// Of those, not taken, and promised to nobody.
    pub free: u16,
    /// What one more session can be given.
    pub spec: Spec,
    /// What it adds to every click.
    pub stages: Micros,
    /// How busy its cores are, thousandths.
    pub load: u16,
    /// Thousandths of a cent an hour.
    pub price: u32,
    /// The checker's score, thousandths.
    pub score: u16,
    /// Its titles and how many copies of each are parked.
    pub titles: Vec<(TitleId, u8)>,
}

/// A host. A million of these are kept: nothing in it that is not needed for a decision.
///
/// A decision looks at a dozen of them that lie all over the memory, so that what it needs of one is in one line of a cache.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Host {
    pub(crate) id: Arc<str>,
    /// In the order of the titles' numbers.
    pub(crate) entries: Entries,
    pub(crate) spec: Spec,
    pub(crate) stages_us: u32,
    pub(crate) price: u32,
    pub(crate) region: RegionId,
    pub(crate) slots: u16,
    pub(crate) free: u16,
    /// Promised to sessions that no beat tells of yet.
    pub(crate) promised: u16,
    pub(crate) load: u16,
    pub(crate) score: u16,
    pub(crate) standing: Standing,
    pub(crate) cordoned: bool,
    /// Something that no key shows has changed since it was filed.
    pub(crate) changed: bool,
    // The second line: what beats and filing go by.
    pub(crate) boot: u64,
    pub(crate) seq: u64,
    /// When it is overdue; when it is forgotten, once it is lost.
    pub(crate) deadline: Timestamp,
    /// Under which keys it is in its region's and titles' buckets, by policy.
    pub(crate) keys: [u32; Policy::COUNT],
    /// As its region counts it.
    pub(crate) filed: Filed,
}

/// The two lines, and that one that isn't there takes no more.
const _: () = assert!(size_of::<Option<Host>>() == 128);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Admitted, and not heard of yet.
    Silent,
    Open,
    Draining,
    Lost,
}

/// A title on a host: eight bytes, of which there are millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) title: u32,
    pub(crate) parked: u8,
    /// How it is tallied; also which bucket it is in.
    pub(crate) status: Status,
}

/// The titles of a host.
pub(crate) type Entries = Box<[Entry]>;

/// Whether a title can be played on a host right now, and what is in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Status {
    /// In no bucket and no tally.
    #[default]
    Out,
    Parked,
    Installed,
    /// Every slot is taken or promised.
    Full,
    /// Draining or cordoned.
    Closed,
    /// Measured to be weaker than the title needs.
    Weak,
    /// Above the publisher's price cap.
    Dear,
}

impl Status {
    /// How many there are.
    pub(crate) const COUNT: usize = 7;
}

impl Host {
    pub(crate) fn new(id: Arc<str>, deadline: Timestamp, score: u16) -> Self {
        Self {
            id,
            boot: 0,
            seq: 0,
            deadline,
            entries: Box::default(),
            spec: Spec::default(),
            stages_us: 0,
            price: 0,
            keys: [0; Policy::COUNT],
            region: RegionId::NONE,
            slots: 0,
            free: 0,
            promised: 0,
            load: 0,
            score,
            standing: Standing::Silent,
            cordoned: false,
            changed: true,
            filed: Filed::default(),
        }
    }

    /// Not taken, and promised to nobody.
    pub(crate) const fn available(&self) -> u16 {
        self.free.saturating_sub(self.promised)
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Open) && !self.cordoned
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            stages: Micros::new(self.stages_us.into()),
            price: self.price,
            score: self.score,
            load: self.load,
            slots: self.slots,
            free: self.available(),
        }
    }

    /// Its place in sorted buckets: its own cost in steps of [`KEY_STEP_US`], so that small changes move nothing.
    pub(crate) fn wanted_keys(&self) -> [u32; Policy::COUNT] {
        let figures = self.figures();
        Policy::ALL.map(|policy| own(&policy.weights(), &figures).sum() / KEY_STEP_US)
    }
}

/// Hosts whose cost differs by less than this are as good as each other.
pub(crate) const KEY_STEP_US: u32 = 250;
