//! The decision: which hosts a player's session should go to, the best first, and why.
//!
//! A host's cost is what it costs whoever plays there, which its buckets are sorted by, and what depends on the player, which is
//! the same for all hosts of a region and warmth. So the best host is the first of some bucket, and no bucket has to be read on
//! once its next host cannot be among the best [`CANDIDATES_MAX`]: a decision looks at some dozens of hosts out of a million.

use crate::bucket::Bucket;
use crate::cost::{Policy, Terms, Weights, own, share, start};
use crate::explain::{Explanation, Filtered, RunnerUp};
use crate::host::{Host, KEY_STEP_US, Status};
use crate::index::{FETCH_STEPS, RegionId, Title, TitleTerms, Warmth, class, unkey};
use crate::registry::Registry;
use firstlight_units::{Micros, TitleId};
use std::sync::Arc;

/// A player who wants to play.
#[derive(Clone, Debug, Default)]
pub struct Query<'a> {
    /// What.
    pub title: Option<&'a TitleId>,
    /// How far each region is, there and back, as far as that is known.
    pub rtts: &'a [(RegionId, Micros)],
    /// How far a region counts that is not among them.
    pub rtt_unknown: Micros,
    /// The most that an hour may cost, thousandths of a cent; none: whatever the title allows.
    pub price_max: Option<u32>,
    /// The farthest that a host may be, there and back; none: as far as the title allows.
    pub rtt_max: Option<Micros>,
    /// Hosts that refused this session.
    pub refused: &'a [Arc<str>],
}

/// A host that may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub host: Arc<str>,
    /// Where.
    pub region: RegionId,
    /// How soon the title runs there.
    pub warmth: Warmth,
    /// What speaks for and against it.
    pub terms: Terms,
    /// Predicted click-to-photon without the app.
    pub latency: Micros,
}

/// Hosts that may be asked, the best first, and why.
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    /// At most `CANDIDATES_MAX`.
    pub candidates: Vec<Candidate>,
    policy: Policy,
    filtered: Filtered,
    looked_at: u32,
    regions_farther: u32,
}

impl Registry {
    /// Ranks the hosts that `query` can be placed on. Empty: nobody can take it right now.
    #[must_use]
    pub fn place(&self, query: &Query<'_>) -> Ranking {
        let title = query.title.and_then(|id| self.by_title.get(id));
        let Some(title) = title.and_then(|at| Some((*at, self.titles.get(*at as usize)?))) else {
            return Ranking::default();
        };
        let mut search = Search::new(self, query, title.0, title.1);
        search.run();
        search.done()
    }

    /// The same ranking by looking at every host: what [`Self::place`] is tested and measured against.
    #[must_use]
    pub fn scan(&self, query: &Query<'_>) -> Ranking {
        let title = query.title.and_then(|id| self.by_title.get(id));
        let Some(title) = title.and_then(|at| Some((*at, self.titles.get(*at as usize)?))) else {
            return Ranking::default();
        };
        let mut search = Search::new(self, query, title.0, title.1);
        search.scan();
        search.done()
    }

    /// The reasons of a ranking, with names in place of numbers.
    #[must_use]
    pub fn explain(&self, ranking: &Ranking) -> Explanation {
        let named = |candidate: &Candidate| RunnerUp {
            host: candidate.host.to_string(),
            region: self
                .regions
                .get(candidate.region.index())
                .map_or_else(String::new, |region| region.name.to_string()),
            warmth: candidate.warmth,
            terms: candidate.terms,
            cost_us: candidate.terms.sum(),
        };
        Explanation {
            policy: ranking.policy,
            candidates: ranking.candidates.iter().map(named).collect(),
            filtered: ranking.filtered,
            looked_at: ranking.looked_at,
            regions_farther: ranking.regions_farther,
        }
    }

    /// Whether somebody could be placed right now who is near everything and pays any price: whoever is not is left to [`Self::place`].
    #[must_use]
    pub fn has_room(&self, title: &TitleId) -> bool {
        let anybody = Query {
            title: Some(title),
            ..Query::default()
        };
        !self.place(&anybody).candidates.is_empty()
    }

    /// Whether any host that is there has the title or could fetch it, were it free.
    #[must_use]
    pub fn could_ever(&self, title: &TitleId) -> bool {
        self.nearest(title, &[], Micros::ZERO).is_some()
    }

    /// How far the nearest region is in which a host has the title or could fetch it, were it free; none: there is no such region.
    #[must_use]
    pub fn nearest(&self, title: &TitleId, rtts: &[(RegionId, Micros)], unknown: Micros) -> Option<Micros> {
        let at = *self.by_title.get(title)?;
        let title = self.titles.get(at as usize)?;
        let could = |region: &RegionId| {
            let here = title.regions.get(region.index());
            let has = here.is_some_and(|here| {
                let open = [Status::Parked, Status::Installed, Status::Full];
                open.into_iter().any(|status| here.tally[status as usize] > 0)
            });
            let room = self
                .regions
                .get(region.index())
                .is_some_and(|region| region.slots > 0);
            has || (title.terms.fetchable && room)
        };
        let rtt = |region| {
            let known = rtts.iter().find(|(known, _)| *known == region);
            known.map_or(unknown, |(_, rtt)| *rtt)
        };
        self.region_ids().filter(could).map(rtt).min()
    }
}

/// One decision on its way.
struct Search<'a> {
    registry: &'a Registry,
    query: &'a Query<'a>,
    title_at: u32,
    title: &'a Title,
    weights: Weights,
    /// By cost, the best first; at most [`CANDIDATES_MAX`].
    best: Vec<(u32, u32, Warmth, RegionId)>,
    filtered: Filtered,
    looked_at: u32,
    regions_farther: u32,
    /// Some host of the region that is looked at has the title.
    known_here: bool,
}

impl<'a> Search<'a> {
    fn new(registry: &'a Registry, query: &'a Query<'a>, title_at: u32, title: &'a Title) -> Self {
        Self {
            registry,
            query,
            title_at,
            title,
            weights: title.terms.policy.weights(),
            best: Vec::with_capacity(CANDIDATES_MAX + 1),
            filtered: Filtered::default(),
            looked_at: 0,
            regions_farther: 0,
            known_here: true,
        }
    }

    fn run(&mut self) {
        let known = self.registry.regions.len();
        let mut regions: Vec<(Micros, RegionId)> = (0u16..)
            .take(known)
            .map(|at| (self.query.rtt_unknown, RegionId(at)))
            .collect();
        for (region, rtt) in self.query.rtts {
            if let Some(slot) = regions.get_mut(region.index()) {
                slot.0 = *rtt;
            }
        }
        regions.sort_unstable();
        let terms = self.title.terms;
        for (n, (rtt, region)) in regions.iter().enumerate() {
            let bounds = [terms.rtt_max, self.query.rtt_max];
            if bounds.into_iter().flatten().any(|most| *rtt > most) {
                let far = regions.get(n..).unwrap_or_default();
                let hosts = far
                    .iter()
                    .filter_map(|(_, region)| self.registry.regions.get(region.index()));
                self.filtered.far = hosts.map(|region| region.hosts).sum();
                break;
            }
            let distance = share(&self.weights, *rtt);
            if self.is_beaten(distance) {
                self.regions_farther = u32::try_from(regions.len() - n).unwrap_or(u32::MAX);
                break;
            }
            self.region(*region, distance, &terms);
        }
    }

    fn scan(&mut self) {
        let terms = self.title.terms;
        let bounds = [terms.rtt_max, self.query.rtt_max];
        let mut rtts = vec![self.query.rtt_unknown; self.registry.regions.len()];
        for (region, rtt) in self.query.rtts {
            if let Some(slot) = rtts.get_mut(region.index()) {
                *slot = *rtt;
            }
        }
        for (at, host) in (0u32..).zip(&self.registry.hosts) {
            let Some(host) = host
                .as_ref()
                .filter(|host| host.is_open() && host.available() > 0)
            else {
                continue;
            };
            let Some(rtt) = rtts.get(host.region.index()) else {
                continue;
            };
            let warmth = match host.entry(self.title_at) {
                Some(entry) if entry.parked > 0 => Warmth::Parked,
                Some(_) => Warmth::Installed,
                None if terms.fetchable => Warmth::Fetch,
                None => continue,
            };
            let far = bounds.into_iter().flatten().any(|most| *rtt > most);
            if far || !host.spec.carries(terms.need) {
                continue;
            }
            let floor = share(&self.weights, *rtt).saturating_add(start(&self.weights, warmth));
            self.looked_at += 1;
            self.look(host, at, (warmth, host.region, floor));
        }
    }

    fn region(&mut self, region: RegionId, distance: u32, terms: &TitleTerms) {
        // Where nobody has it, nobody has to be asked.
        self.known_here = false;
        if let Some(here) = self.title.regions.get(region.index()) {
            let count = |status: Status| here.tally[status as usize];
            self.known_here = here.tally.iter().any(|hosts| *hosts > 0);
            self.filtered.full += count(Status::Full);
            self.filtered.closed += count(Status::Closed);
            self.filtered.weak += count(Status::Weak);
            self.filtered.dear += count(Status::Dear);
            self.bucket(&here.parked, Warmth::Parked, region, distance);
            self.bucket(&here.installed, Warmth::Installed, region, distance);
        }
        let Some(all) = self
            .registry
            .regions
            .get(region.index())
            .filter(|_| terms.fetchable)
        else {
            return;
        };
        let classes = &all.fetch[terms.policy.index()];
        for bucket in classes.iter().skip(class(terms.need)) {
            self.bucket(bucket, Warmth::Fetch, region, distance);
        }
    }

    fn bucket(&mut self, bucket: &Bucket, warmth: Warmth, region: RegionId, distance: u32) {
        let floor = distance.saturating_add(start(&self.weights, warmth));
        let step = KEY_STEP_US * if warmth == Warmth::Fetch { FETCH_STEPS } else { 1 };
        let least = |key: u64| floor.saturating_add(unkey(key).0.saturating_mul(step));
        self.read_ahead(bucket.head().take_while(|key| !self.is_beaten(least(**key))));
        for (looks, key) in bucket.iter().enumerate() {
            if looks >= LOOKS_MAX || self.is_beaten(least(*key)) {
                return;
            }
            let at = unkey(*key).1;
            let host = self.registry.hosts.get(at as usize).and_then(Option::as_ref);
            if let Some(host) = host {
                self.looked_at += 1;
                self.look(host, at, (warmth, region, floor));
            }
        }
    }

    /// Reads something of each of these hosts, so that it is at hand when it is looked at: reads that don't wait for each other are
    /// answered side by side, where a look at a host waits for the one before it.
    fn read_ahead<'k>(&self, keys: impl Iterator<Item = &'k u64>) {
        let host = |key: &u64| self.registry.hosts.get(unkey(*key).1 as usize)?.as_ref();
        let read = keys.filter_map(host).map(|host| host.price);
        std::hint::black_box(read.fold(0, u32::wrapping_add));
    }

    fn look(&mut self, host: &Host, at: u32, (warmth, region, floor): (Warmth, RegionId, u32)) {
        if self.query.refused.contains(&host.id) {
            self.filtered.refused += 1;
            return;
        }
        let cap = [self.query.price_max, self.title.terms.price_max];
        if cap.into_iter().flatten().any(|most| host.price > most) {
            self.filtered.dear += 1;
            return;
        }
        if warmth == Warmth::Fetch {
            if self.known_here && host.entry(self.title_at).is_some() {
                return;
            }
            if !host.spec.carries(self.title.terms.need) {
                self.filtered.weak += 1;
                return;
            }
        }
        let cost = floor.saturating_add(own(&self.weights, &host.figures()).sum());
        let place = self.best.partition_point(|known| known.0 <= cost);
        if place < CANDIDATES_MAX {
            self.best.insert(place, (cost, at, warmth, region));
            self.best.truncate(CANDIDATES_MAX);
        }
    }

    /// Whether nothing that costs this much or more gets in.
    fn is_beaten(&self, cost: u32) -> bool {
        self.best.len() >= CANDIDATES_MAX && self.best.last().is_some_and(|worst| cost >= worst.0)
    }

    fn done(self) -> Ranking {
        let candidate = |&(_, at, warmth, region): &(u32, u32, Warmth, RegionId)| {
            let host = self.registry.hosts.get(at as usize)?.as_ref()?;
            let rtt = self.query.rtts.iter().find(|(known, _)| *known == region);
            let rtt = rtt.map_or(self.query.rtt_unknown, |(_, rtt)| *rtt);
            let own = own(&self.weights, &host.figures());
            Some(Candidate {
                host: Arc::clone(&host.id),
                region,
                warmth,
                terms: Terms {
                    latency_us: own.latency_us.saturating_add(share(&self.weights, rtt)),
                    start_us: start(&self.weights, warmth),
                    ..own
                },
                latency: rtt + Micros::new(host.stages_us.into()),
            })
        };
        // The counts of the ids' owners, side by side: taking a share of one waits until its memory is there.
        let hosts = self
            .best
            .iter()
            .filter_map(|best| self.registry.hosts.get(best.1 as usize)?.as_ref());
        std::hint::black_box(hosts.map(|host| Arc::strong_count(&host.id)).sum::<usize>());
        Ranking {
            candidates: self.best.iter().filter_map(candidate).collect(),
            policy: self.title.terms.policy,
            filtered: self.filtered,
            looked_at: self.looked_at,
            regions_farther: self.regions_farther,
        }
    }
}

/// Enough that the last is hardly ever needed: each is asked only when all before it refused or are silent.
pub(crate) const CANDIDATES_MAX: usize = 6;
/// Hosts of one bucket that are looked at. Only what no bucket is sorted by (a price cap of the player's own, hosts that
/// refused) can make a decision go this far.
const LOOKS_MAX: usize = 64;
