//! The hosts of a cell, as their beats tell.

use crate::beat::{Beat, Refusal, Refusals, State, TEXT_MAX};
use crate::host::{Entries, Entry, Host, HostView, Standing, Status};
use crate::index::{Region, RegionId, Title, TitleTerms, unkey};
use crate::numbers::Numbers;
use crate::pools::Berth;
use crate::wheel::Wheel;
use firstlight_units::{Micros, Timestamp, TitleId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a registry is told at its start.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often hosts beat.
    pub beat_every: Micros,
    /// So many beats missed, and the host is lost.
    pub missed_max: u32,
    /// The score of a host that no checker has judged, thousandths.
    pub score_unknown: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            beat_every: Micros::from_secs(1),
            missed_max: 3,
            score_unknown: 800,
        }
    }
}

/// A region as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionView {
    /// Its name.
    pub region: Arc<str>,
    /// Hosts that are there.
    pub hosts: u32,
    /// Of those, draining or cordoned.
    pub closed: u32,
    /// Slots of those that take sessions.
    pub slots: u64,
    /// Of those, not taken.
    pub free: u64,
}

/// The hosts of a cell and where each title can be played.
#[derive(Debug)]
pub struct Registry {
    pub(crate) settings: Settings,
    pub(crate) hosts: Vec<Option<Host>>,
    pub(crate) titles: Vec<Title>,
    pub(crate) regions: Vec<Region>,
    pub(crate) by_title: BTreeMap<TitleId, u32>,
    by_id: Numbers,
    by_region: BTreeMap<Arc<str>, RegionId>,
    vacant: Vec<u32>,
    wheel: Wheel,
    refusals: Refusals,
}

impl Registry {
    /// An empty one.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            hosts: Vec::new(),
            titles: Vec::new(),
            regions: Vec::new(),
            by_title: BTreeMap::new(),
            by_id: Numbers::default(),
            by_region: BTreeMap::new(),
            vacant: Vec::new(),
            wheel: Wheel::new(),
            refusals: Refusals::default(),
        }
    }

    /// Lets a host beat from here on. It counts once it does.
    pub fn admit(&mut self, now: Timestamp, host: &str) {
        if self.by_id.get(host).is_some() || !(1..=TEXT_MAX).contains(&host.len()) {
            return;
        }
        let id: Arc<str> = host.into();
        let record = Host::new(Arc::clone(&id), now + FORGET_AFTER, self.settings.score_unknown);
        let at = if let Some(at) = self.vacant.pop() {
            self.hosts[at as usize] = Some(record);
            at
        } else {
            let Ok(at) = u32::try_from(self.hosts.len()) else {
                return;
            };
            self.hosts.push(Some(record));
            at
        };
        self.by_id.insert(&id, at);
        self.wheel.arm(at, now + FORGET_AFTER);
    }

    /// Takes a host out as if it had never been.
    pub fn dismiss(&mut self, host: &str) {
        if let Some(at) = self.at(host) {
            self.remove(at);
        }
    }

    /// Whether a host was admitted.
    #[must_use]
    pub fn knows(&self, host: &str) -> bool {
        self.at(host).is_some()
    }

    /// Names a title, or changes what is set for it.
    pub fn set_title(&mut self, id: &TitleId, terms: TitleTerms) {
        let Some(at) = self.by_title.get(id).copied() else {
            let Ok(at) = u32::try_from(self.titles.len()) else {
                return;
            };
            self.titles.push(Title {
                id: id.clone(),
                terms,
                regions: Vec::new(),
            });
            self.by_title.insert(id.clone(), at);
            return;
        };
        if self.titles[at as usize].terms == terms {
            return;
        }
        // Rare, and the keys of every host that has it change: out with the old ones, then in with the new.
        let having: Vec<u32> = (0..)
            .zip(&self.hosts)
            .filter(|(_, host)| host.as_ref().is_some_and(|host| host.entry(at).is_some()))
            .map(|(number, _)| number)
            .collect();
        for host in &having {
            self.withdraw(*host);
        }
        self.titles[at as usize].terms = terms;
        for host in having {
            self.refile(host);
        }
    }

    /// Takes a beat in.
    ///
    /// # Errors
    /// Why it changes nothing; it is counted.
    pub fn handle_beat(&mut self, now: Timestamp, beat: &Beat) -> Result<(), Refusal> {
        let taken = self.take(now, beat);
        if let Err(refusal) = taken {
            self.refusals.count(refusal);
        }
        taken
    }

    fn take(&mut self, now: Timestamp, beat: &Beat) -> Result<(), Refusal> {
        let at = self.at(&beat.host).ok_or(Refusal::Foreign)?;
        let host = self.hosts[at as usize].as_ref().ok_or(Refusal::Foreign)?;
        if beat.boot < host.boot {
            return Err(Refusal::OldBoot);
        }
        if beat.boot == host.boot && beat.seq <= host.seq {
            return Err(Refusal::OldSeq);
        }
        if !beat.is_sane() {
            return Err(Refusal::Absurd);
        }
        let (entries, unknown) = self.entries(beat, &host.entries)?;
        let was_in = host.region;
        let region = self.region_of(&beat.region).ok_or(Refusal::Absurd)?;
        self.refusals.unknown_titles += unknown;
        if entries.is_some() || region != was_in {
            self.withdraw(at);
        }
        let deadline = self.settings.deadline(now);
        let Some(host) = self.hosts[at as usize].as_mut() else {
            return Err(Refusal::Foreign);
        };
        if matches!(host.standing, Standing::Silent | Standing::Lost) {
            self.wheel.arm(at, deadline);
        }
        host.deadline = deadline;
        host.region = region;
        host.hear(beat, entries);
        self.refile(at);
        Ok(())
    }

    /// What the beat says of titles, or none where that is what is known; and how many of them nobody knows.
    fn entries(&self, beat: &Beat, known: &[Entry]) -> Result<(Option<Entries>, u64), Refusal> {
        let told = beat.titles.iter().filter_map(|told| {
            Some(Entry {
                title: *self.by_title.get(&told.title)?,
                parked: told.parked,
                status: Status::Out,
            })
        });
        let mut entries: Vec<Entry> = told.collect();
        let unknown = u64::try_from(beat.titles.len() - entries.len()).unwrap_or(0);
        entries.sort_unstable_by_key(|entry| entry.title);
        if entries.windows(2).any(|pair| pair[0].title == pair[1].title) {
            return Err(Refusal::Absurd);
        }
        let same = entries.len() == known.len()
            && entries
                .iter()
                .zip(known)
                .all(|(new, old)| (new.title, new.parked) == (old.title, old.parked));
        Ok(((!same).then(|| entries.into()), unknown))
    }

    fn region_of(&mut self, name: &Arc<str>) -> Option<RegionId> {
        if let Some(region) = self.by_region.get(name) {
            return Some(*region);
        }
        if self.regions.len() >= REGIONS_MAX {
            return None;
        }
        let region = RegionId(u16::try_from(self.regions.len()).ok()?);
        self.regions.push(Region::new(Arc::clone(name)));
        self.by_region.insert(Arc::clone(name), region);
        Some(region)
    }

    /// Moves time on. Returns the hosts that are lost by now.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Arc<str>> {
        let mut lost = Vec::new();
        for at in self.wheel.due(now) {
            let Some(host) = self.hosts.get_mut(at as usize).and_then(Option::as_mut) else {
                continue;
            };
            if host.deadline > now {
                self.wheel.arm(at, host.deadline);
                continue;
            }
            match host.standing {
                Standing::Open | Standing::Draining => {
                    self.withdraw(at);
                    if let Some(host) = self.hosts[at as usize].as_mut() {
                        lost.push(Arc::clone(&host.id));
                        host.standing = Standing::Lost;
                        host.promised = 0;
                        // Its boot and number are kept for a while: an old beat must not bring it back.
                        host.deadline = now + FORGET_AFTER;
                        self.wheel.arm(at, host.deadline);
                    }
                }
                Standing::Silent | Standing::Lost => self.remove(at),
            }
        }
        lost
    }

    /// When [`Self::expire`] is to be called next.
    #[must_use]
    pub fn expire_every(&self) -> Micros {
        crate::wheel::TICK
    }

    /// The operator's word: nothing new goes to the host, or it may again. `false`: there is no such host.
    pub fn cordon(&mut self, host: &str, cordoned: bool) -> bool {
        self.change(host, |host| host.cordoned = cordoned)
    }

    /// The checker's word on a host, thousandths.
    pub fn set_score(&mut self, host: &str, score: u16) -> bool {
        self.change(host, |host| host.score = score.min(1000))
    }

    /// A slot is promised to a session that no beat tells of yet; a parked copy goes with it, where there is one.
    pub fn promise(&mut self, host: &str, title: &TitleId) -> bool {
        let title = self.by_title.get(title).copied();
        self.change(host, |host| {
            host.promised = host.promised.saturating_add(1);
            if let Some(entry) = title.and_then(|title| host.entry_mut(title)) {
                entry.parked = entry.parked.saturating_sub(1);
                host.changed = true;
            }
        })
    }

    /// The promise was kept, and the slot is taken, or it was not.
    pub fn settle(&mut self, host: &str, taken: bool) -> bool {
        self.change(host, |host| {
            host.promised = host.promised.saturating_sub(1);
            if taken {
                host.free = host.free.saturating_sub(1);
            }
        })
    }

    /// A slot is free again, before a beat says so.
    pub fn vacated(&mut self, host: &str) -> bool {
        self.change(host, |host| host.free = (host.free + 1).min(host.slots))
    }

    fn change(&mut self, host: &str, change: impl FnOnce(&mut Host)) -> bool {
        let Some(at) = self.at(host) else {
            return false;
        };
        let Some(host) = self.hosts[at as usize].as_mut() else {
            return false;
        };
        change(host);
        if !matches!(host.standing, Standing::Silent | Standing::Lost) {
            self.refile(at);
        }
        true
    }

    /// What is refused, by reason.
    #[must_use]
    pub const fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// A region's number, for queries.
    #[must_use]
    pub fn region(&self, name: &str) -> Option<RegionId> {
        self.by_region.get(name).copied()
    }

    /// A region's name.
    #[must_use]
    pub fn region_name(&self, region: RegionId) -> Arc<str> {
        let region = self.regions.get(region.index());
        region.map_or_else(|| "".into(), |region| Arc::clone(&region.name))
    }

    /// Every region, in the order in which they appeared.
    pub fn regions(&self) -> impl Iterator<Item = RegionView> {
        self.regions.iter().map(|region| RegionView {
            region: Arc::clone(&region.name),
            hosts: region.hosts,
            closed: region.closed,
            slots: region.slots,
            free: region.free,
        })
    }

    /// A host.
    #[must_use]
    pub fn host(&self, host: &str) -> Option<HostView> {
        let at = self.at(host)?;
        self.hosts[at as usize].as_ref().map(|host| self.view(host))
    }

    /// Whether a host takes sessions and has a slot that is nobody's.
    #[must_use]
    pub fn is_free(&self, host: &str) -> bool {
        let host = self.at(host).and_then(|at| self.hosts[at as usize].as_ref());
        host.is_some_and(|host| host.is_open() && host.available() > 0)
    }

    /// Whether a host missed its beats, or was never there.
    #[must_use]
    pub fn is_gone(&self, host: &str) -> bool {
        let host = self.at(host).and_then(|at| self.hosts[at as usize].as_ref());
        host.is_none_or(|host| host.standing == Standing::Lost)
    }

    /// Every host's id, in no order that means anything.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.hosts.iter().flatten().map(|host| &host.id)
    }

    /// Every host, in no order that means anything.
    pub fn hosts(&self) -> impl Iterator<Item = HostView> {
        self.hosts.iter().flatten().map(|host| self.view(host))
    }

    /// The number of every region, in the order in which they appeared.
    pub fn region_ids(&self) -> impl Iterator<Item = RegionId> {
        (0..).take(self.regions.len()).map(RegionId)
    }

    /// Where a host stands, once it was heard of.
    #[must_use]
    pub fn region_of_host(&self, host: &str) -> Option<RegionId> {
        let region = self.hosts[self.at(host)? as usize].as_ref()?.region;
        (region != RegionId::NONE).then_some(region)
    }

    /// How many hosts of a region have the title and a slot for it.
    pub(crate) fn having(&self, title: u32, region: RegionId) -> u32 {
        let here = self
            .titles
            .get(title as usize)
            .and_then(|title| title.regions.get(region.index()));
        here.map_or(0, |here| {
            here.tally[Status::Parked as usize] + here.tally[Status::Installed as usize]
        })
    }

    /// Those hosts, at most `most`: the ones that players are sent to first, come first.
    pub(crate) fn berths(&self, title: u32, region: RegionId, most: usize) -> Vec<Berth> {
        let here = self
            .titles
            .get(title as usize)
            .and_then(|title| title.regions.get(region.index()));
        let keys = here
            .into_iter()
            .flat_map(|here| here.parked.iter().chain(here.installed.iter()));
        let berth = |key: &u64| {
            let host = self.hosts.get(unkey(*key).1 as usize)?.as_ref()?;
            Some(Berth {
                host: Arc::clone(&host.id),
                free: host.available(),
            })
        };
        keys.filter_map(berth).take(most).collect()
    }

    fn at(&self, host: &str) -> Option<u32> {
        let at = self.by_id.get(host)?;
        let found = self.hosts.get(at as usize).and_then(Option::as_ref)?;
        (&*found.id == host).then_some(at)
    }

    fn view(&self, host: &Host) -> HostView {
        let region = self.regions.get(host.region.index());
        HostView {
            host: Arc::clone(&host.id),
            region: region.map_or_else(|| "".into(), |region| Arc::clone(&region.name)),
            state: if host.standing == Standing::Draining {
                State::Draining
            } else {
                State::Open
            },
            cordoned: host.cordoned,
            lost: matches!(host.standing, Standing::Lost | Standing::Silent),
            slots: host.slots,
            free: host.available(),
            spec: host.spec,
            stages: Micros::new(host.stages_us.into()),
            load: host.load,
            price: host.price,
            score: host.score,
            titles: host
                .entries
                .iter()
                .map(|entry| (self.titles[entry.title as usize].id.clone(), entry.parked))
                .collect(),
        }
    }

    fn remove(&mut self, at: u32) {
        self.withdraw(at);
        if let Some(host) = self.hosts[at as usize].take() {
            self.by_id.remove(&host.id);
            self.vacant.push(at);
        }
    }
}

impl Settings {
    fn deadline(&self, now: Timestamp) -> Timestamp {
        now + self.beat_every.scale(u64::from(self.missed_max), 1)
    }
}

/// More places than any cell has.
const REGIONS_MAX: usize = 256;
/// How long a lost host's boot and number are remembered.
const FORGET_AFTER: Micros = Micros::from_secs(600);
