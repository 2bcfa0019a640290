//! Filing hosts in their buckets and tallies, and taking them out.
//!
//! What is filed is remembered with the host ([`Filed`], its keys and each entry's status), so that a change touches only what
//! differs and nothing is ever searched for.

use crate::beat::{Beat, State};
use crate::cost::Policy;
use crate::host::{Entries, Entry, Host, Standing, Status};
use crate::index::{FETCH_STEPS, Region, TitleTerms, class, key};
use crate::registry::Registry;

/// Filing hosts in their buckets.
impl Registry {
    /// Puts a host where it belongs by now; touches only what changes.
    pub(crate) fn refile(&mut self, at: u32) {
        let Self {
            hosts,
            titles,
            regions,
            ..
        } = self;
        let Some(host) = hosts[at as usize].as_mut() else {
            return;
        };
        let Some(region) = regions.get_mut(host.region.index()) else {
            return;
        };
        let (old, new) = (host.keys, host.wanted_keys());
        let was = host.filed;
        let is = Filed::of(host);
        if old == new && was == is && !host.changed {
            return;
        }
        host.changed = false;
        let ahead = host
            .entries
            .iter()
            .filter_map(|entry| titles.get(entry.title as usize));
        std::hint::black_box(
            ahead
                .map(|title| title.read_ahead(host.region))
                .fold(0, u64::wrapping_add),
        );
        was.leave(region);
        is.join(region);
        let was_fetching = was.fetches.then(|| usize::from(was.class));
        let fetching = is.fetches.then(|| usize::from(is.class));
        for policy in Policy::ALL.map(Policy::index) {
            let (from, to) = (old[policy] / FETCH_STEPS, new[policy] / FETCH_STEPS);
            if (was_fetching, from) == (fetching, to) {
                continue;
            }
            if let Some(class) = was_fetching {
                region.fetch[policy][class].remove(key(from, at));
            }
            if let Some(class) = fetching {
                region.fetch[policy][class].insert(key(to, at));
            }
        }
        for n in 0..host.entries.len() {
            let entry = host.entries[n];
            let title = &mut titles[entry.title as usize];
            let status = host.status(&entry, &title.terms);
            let policy = title.terms.policy.index();
            let (from, to) = (key(old[policy], at), key(new[policy], at));
            title
                .region(host.region)
                .shift((entry.status, from), (status, to));
            host.entries[n].status = status;
        }
        host.keys = new;
        host.filed = is;
    }

    /// Takes a host out of all buckets and tallies.
    pub(crate) fn withdraw(&mut self, at: u32) {
        let Self {
            hosts,
            titles,
            regions,
            ..
        } = self;
        let Some(host) = hosts[at as usize].as_mut() else {
            return;
        };
        let Some(region) = regions.get_mut(host.region.index()) else {
            return;
        };
        host.filed.leave(region);
        if host.filed.fetches {
            let class = usize::from(host.filed.class);
            for policy in Policy::ALL.map(Policy::index) {
                region.fetch[policy][class].remove(key(host.keys[policy] / FETCH_STEPS, at));
            }
        }
        host.filed = Filed::default();
        host.changed = true;
        for entry in &mut host.entries {
            let title = &mut titles[entry.title as usize];
            let from = key(host.keys[title.terms.policy.index()], at);
            title
                .region(host.region)
                .shift((entry.status, from), (Status::Out, from));
            entry.status = Status::Out;
        }
    }
}

/// What a host's region counts of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filed {
    present: bool,
    closed: bool,
    /// It is in the buckets of those that may fetch.
    fetches: bool,
    class: u8,
    slots: u16,
    free: u16,
}

impl Filed {
    fn of(host: &Host) -> Self {
        let open = host.is_open();
        Self {
            present: true,
            closed: !open,
            fetches: open && host.available() > 0,
            class: u8::try_from(class(host.spec)).unwrap_or(0),
            slots: if open { host.slots } else { 0 },
            free: if open { host.available() } else { 0 },
        }
    }

    fn join(self, region: &mut Region) {
        region.hosts += u32::from(self.present);
        region.closed += u32::from(self.closed);
        region.slots += u64::from(self.slots);
        region.free += u64::from(self.free);
    }

    fn leave(self, region: &mut Region) {
        region.hosts -= u32::from(self.present);
        region.closed -= u32::from(self.closed);
        region.slots -= u64::from(self.slots);
        region.free -= u64::from(self.free);
    }
}

impl Host {
    pub(crate) fn entry(&self, title: u32) -> Option<&Entry> {
        let found = self.entries.binary_search_by_key(&title, |entry| entry.title);
        found.ok().and_then(|at| self.entries.get(at))
    }

    pub(crate) fn entry_mut(&mut self, title: u32) -> Option<&mut Entry> {
        let found = self.entries.binary_search_by_key(&title, |entry| entry.title);
        found.ok().and_then(|at| self.entries.get_mut(at))
    }

    /// Believes a beat.
    pub(crate) fn hear(&mut self, beat: &Beat, entries: Option<Entries>) {
        if beat.boot != self.boot {
            self.promised = 0;
        }
        self.boot = beat.boot;
        self.seq = beat.seq;
        self.standing = match beat.state {
            State::Open => Standing::Open,
            State::Draining => Standing::Draining,
        };
        if let Some(entries) = entries {
            self.entries = entries;
        }
        self.changed |= self.spec != beat.spec || self.price != beat.price;
        self.spec = beat.spec;
        self.price = beat.price;
        // Measurements waver; what is less than this moves no host from its place.
        let stages = beat.stages.as_u32();
        if self.stages_us.abs_diff(stages) >= STAGES_WAVER_US {
            self.stages_us = stages;
        }
        if self.load.abs_diff(beat.load) >= LOAD_WAVER {
            self.load = beat.load;
        }
        self.slots = beat.slots;
        self.free = beat.free;
    }

    fn status(&self, entry: &Entry, terms: &TitleTerms) -> Status {
        if !self.is_open() {
            Status::Closed
        } else if !self.spec.carries(terms.need) {
            Status::Weak
        } else if terms.price_max.is_some_and(|most| self.price > most) {
            Status::Dear
        } else if self.available() == 0 {
            Status::Full
        } else if entry.parked > 0 {
            Status::Parked
        } else {
            Status::Installed
        }
    }
}

/// Half a millisecond: less is not felt.
const STAGES_WAVER_US: u32 = 500;
/// A tenth of the cores.
const LOAD_WAVER: u16 = 100;
