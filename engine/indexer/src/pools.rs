//! Which hosts are to keep more copies of a title parked than they do by themselves.
//!
//! ```text
//! sessions that begin -> Warm: copies wanted in a region
//!                          - what its hosts keep by themselves (the manifest's least)
//!                          = a surplus, shared among the hosts that the next players would be sent to -> Park, again and again
//! ```
//!
//! An ask is good for [`LAPSE`] and is repeated while it stands, so that an indexer that dies leaves no copies behind. A host keeps the
//! highest number that it was asked for and that has not lapsed: several indexers need not agree, and a pool falls slowly.

use crate::index::RegionId;
use crate::registry::Registry;
use crate::warm::{Bounds, Costs, Warm};
use firstlight_units::{Micros, Timestamp, TitleId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A host is to keep so many copies of a title parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Park {
    /// Which host.
    pub host: Arc<str>,
    /// Of which title.
    pub title: TitleId,
    /// How many, its own included.
    pub copies: u16,
    /// For how long.
    pub lapse: Micros,
}

/// A pool as it stands, for operators.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The title.
    pub title: TitleId,
    /// The region.
    pub region: Arc<str>,
    /// Sessions that are expected to begin in a minute.
    pub per_minute: f64,
    /// Copies that hosts were asked for beyond what they keep by themselves.
    pub asked: u32,
}

/// A host that could keep more copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Berth {
    pub(crate) host: Arc<str>,
    /// Slots that a copy could go to.
    pub(crate) free: u16,
}

/// Demand, and what was asked for because of it.
#[derive(Debug, Default)]
pub struct Pools {
    warm: Warm,
    /// How long copies take to boot, by title.
    boots: BTreeMap<u32, Micros>,
    asked: BTreeMap<(u32, RegionId), BTreeMap<Arc<str>, Asked>>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    /// The host's own included.
    copies: u16,
    own: u16,
    at: Timestamp,
}

impl Pools {
    /// A session of the title began on the host.
    pub fn record(&mut self, registry: &Registry, now: Timestamp, title: &TitleId, host: &str) {
        let known = registry.by_title.get(title).zip(registry.region_of_host(host));
        if let Some((title, region)) = known {
            self.warm.record(now, *title, region);
        }
    }

    /// A copy of the title takes so long to be ready, as one of its hosts says. The average follows whoever speaks.
    pub fn boots(&mut self, registry: &Registry, title: &TitleId, boot: Micros) {
        let Some(title) = registry.by_title.get(title) else {
            return;
        };
        let known = self.boots.entry(*title).or_insert(boot);
        let sum = known.as_micros().saturating_mul(BOOTS_OVER - 1) + boot.as_micros();
        *known = Micros::new(sum / BOOTS_OVER);
    }

    /// What hosts are to be asked now. To be called every [`PLAN_EVERY`].
    pub fn plan(&mut self, registry: &Registry, now: Timestamp) -> Vec<Park> {
        self.forget(now);
        let mut asks = Vec::new();
        for (title, region) in self.warm.demanded(now) {
            let Some(of) = registry.titles.get(title as usize) else {
                continue;
            };
            let (bounds, costs) = (of.terms.parked, Costs::of(of.terms.policy));
            if bounds.max <= bounds.min {
                continue;
            }
            let boot = self.boots.get(&title).copied().unwrap_or(BOOT_UNKNOWN);
            let hosts = registry.having(title, region);
            let of_hosts = |each: u16| hosts.saturating_mul(each.into()).try_into().unwrap_or(u16::MAX);
            let region_bounds = Bounds {
                min: of_hosts(bounds.min),
                max: of_hosts(bounds.max),
            };
            let target = self.warm.target(now, (title, region), boot, costs, region_bounds);
            let surplus = target - region_bounds.min;
            let asked = self.asked.entry((title, region)).or_default();
            let most = usize::from(surplus) + asked.len();
            let berths = registry.berths(title, region, most.min(HOSTS_MAX));
            for (host, copies) in share(surplus, bounds, &berths, asked) {
                let ask = Asked {
                    copies,
                    own: bounds.min,
                    at: now,
                };
                let due = asked
                    .get(&host)
                    .is_none_or(|before| copies > before.copies || now.since(before.at) >= REPEAT);
                if due {
                    asked.insert(Arc::clone(&host), ask);
                    asks.push(Park {
                        host,
                        title: of.id.clone(),
                        copies,
                        lapse: LAPSE,
                    });
                }
            }
        }
        asks
    }

    fn forget(&mut self, now: Timestamp) {
        self.asked.retain(|_, hosts| {
            hosts.retain(|_, asked| now.since(asked.at) < LAPSE);
            !hosts.is_empty()
        });
    }

    /// Every pool that there is demand for.
    pub fn pools(&mut self, registry: &Registry, now: Timestamp) -> Vec<Pool> {
        let mut pools = Vec::new();
        for of @ (title, region) in self.warm.demanded(now) {
            let Some(known) = registry.titles.get(title as usize) else {
                continue;
            };
            pools.push(Pool {
                title: known.id.clone(),
                region: registry.region_name(region),
                per_minute: self.warm.per_minute(now, of),
                asked: self
                    .asked
                    .get(&of)
                    .into_iter()
                    .flatten()
                    .map(|(_, asked)| asked.more())
                    .sum(),
            });
        }
        pools
    }

    /// Copies that hosts were asked for beyond what they keep by themselves.
    #[must_use]
    pub fn asked(&self) -> u32 {
        self.asked.values().flatten().map(|(_, asked)| asked.more()).sum()
    }
}

impl Asked {
    fn more(self) -> u32 {
        self.copies.saturating_sub(self.own).into()
    }
}

/// Who keeps how many: those who were asked before, so that a copy that boots is not in vain, then the hosts that players are sent to next.
fn share(
    mut surplus: u16,
    bounds: Bounds,
    berths: &[Berth],
    asked: &BTreeMap<Arc<str>, Asked>,
) -> Vec<(Arc<str>, u16)> {
    let mut order: Vec<&Berth> = berths.iter().collect();
    order.sort_by_key(|berth| !asked.contains_key(&berth.host));
    let mut shares = Vec::new();
    for berth in order {
        // What cannot be claimed for want of a slot is of no use.
        let more = surplus.min(bounds.max.min(berth.free).saturating_sub(bounds.min));
        if more > 0 {
            surplus -= more;
            shares.push((Arc::clone(&berth.host), bounds.min + more));
        }
    }
    shares
}

/// How often [`Pools::plan`] is called: much sooner than a title boots.
pub const PLAN_EVERY: Micros = Micros::from_secs(5);
/// An ask that was lost is made up for by the next one in time.
const REPEAT: Micros = Micros::from_secs(60);
/// Longer than the forecast wavers, shorter than an evening.
const LAPSE: Micros = Micros::from_secs(300);
/// Of a title that no host has parked yet.
const BOOT_UNKNOWN: Micros = Micros::from_secs(20);
/// Hosts say it with each beat.
const BOOTS_OVER: u64 = 16;
/// Of one title and region; those beyond keep what they keep.
const HOSTS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beat::{Beat, BeatTitle, Spec, State};
    use crate::index::TitleTerms;
    use crate::registry::Settings;

    fn at(s: u64) -> Timestamp {
        Timestamp::from_micros(86_400_000_000 + s * 1_000_000)
    }

    fn title() -> TitleId {
        "t".parse().unwrap()
    }

    fn registry(hosts: &[(&str, u16)], bounds: Bounds) -> Registry {
        let mut registry = Registry::new(Settings::default());
        let terms = TitleTerms {
            parked: bounds,
            ..TitleTerms::default()
        };
        registry.set_title(&title(), terms);
        for (host, slots) in hosts {
            registry.admit(at(0), host);
            hear(&mut registry, host, *slots, 1);
        }
        registry
    }

    fn hear(registry: &mut Registry, host: &str, slots: u16, seq: u64) {
        let beat = Beat {
            host: host.into(),
            boot: 1,
            seq,
            region: "here".into(),
            state: State::Open,
            slots,
            free: slots,
            spec: Spec::default(),
            stages: Micros::ZERO,
            load: 0,
            price: 0,
            titles: vec![BeatTitle {
                title: title(),
                parked: 0,
            }],
        };
        registry.handle_beat(at(0), &beat).unwrap();
    }

    /// So many arrivals over a minute.
    fn arrive(pools: &mut Pools, registry: &Registry, from: u64, n: u64) {
        for k in 0..n {
            pools.record(registry, at(from + k * 60 / n), &title(), "a");
        }
    }

    fn asked(parks: &[Park]) -> BTreeMap<&str, u16> {
        parks.iter().map(|park| (&*park.host, park.copies)).collect()
    }

    const BOUNDS: Bounds = Bounds { min: 1, max: 4 };

    #[test]
    fn nobody_is_asked_for_what_hosts_keep_by_themselves() {
        let registry = registry(&[("a", 8), ("b", 8)], BOUNDS);
        let mut pools = Pools::default();
        assert_eq!(pools.plan(&registry, at(0)), []);
        arrive(&mut pools, &registry, 0, 2);
        assert_eq!(pools.plan(&registry, at(60)), []);
        assert_eq!(pools.asked(), 0);
    }

    #[test]
    fn a_rush_is_met_within_the_publishers_bounds_and_the_hosts_room() {
        let registry = registry(&[("a", 2), ("b", 8), ("c", 8)], BOUNDS);
        let mut pools = Pools::default();
        arrive(&mut pools, &registry, 0, 60);
        let parks = pools.plan(&registry, at(59));
        assert_eq!(asked(&parks), [("a", 2), ("b", 4), ("c", 4)].into());
        assert_eq!(pools.asked(), 1 + 3 + 3);
        let pool = pools.pools(&registry, at(59)).remove(0);
        assert_eq!((&*pool.region, pool.asked), ("here", 7));
        assert!(pool.per_minute > 10.0, "{pool:?}");
    }

    #[test]
    fn what_stands_is_repeated_before_it_lapses_and_ends_with_the_rush() {
        let registry = registry(&[("a", 8)], BOUNDS);
        let mut pools = Pools::default();
        arrive(&mut pools, &registry, 0, 60);
        let mut last = None;
        for s in (60..3600).step_by(5) {
            for park in pools.plan(&registry, at(s)) {
                if let Some(before) = last {
                    assert!(at(s).since(before) < park.lapse, "{s}");
                }
                last = Some(at(s));
            }
        }
        let quiet = at(3600).since(last.unwrap());
        assert!(quiet > LAPSE, "the rush is over for {quiet:?} only");
        assert_eq!(pools.asked(), 0);
    }

    #[test]
    fn whoever_boots_for_it_already_is_asked_again() {
        let mut registry = registry(&[("a", 8)], BOUNDS);
        let mut pools = Pools::default();
        arrive(&mut pools, &registry, 0, 6);
        let first = pools.plan(&registry, at(60));
        assert_eq!(asked(&first).keys().copied().collect::<Vec<_>>(), ["a"]);
        // A host that would be preferred comes: it has less room to spare.
        registry.admit(at(60), "z");
        hear(&mut registry, "z", 4, 1);
        arrive(&mut pools, &registry, 60, 6);
        let again = pools.plan(&registry, at(121));
        assert!(asked(&again).contains_key("a"), "{again:?}");
    }

    #[test]
    fn a_title_that_boots_slowly_needs_more() {
        let wanted = |boot: u64| {
            let bounds = Bounds { min: 0, max: 64 };
            let registry = registry(&[("a", 64)], bounds);
            let mut pools = Pools::default();
            for _ in 0..50 {
                pools.boots(&registry, &title(), Micros::from_secs(boot));
            }
            arrive(&mut pools, &registry, 0, 12);
            asked(&pools.plan(&registry, at(60)))
                .get("a")
                .copied()
                .unwrap_or(0)
        };
        assert!(wanted(2) < wanted(20) && wanted(20) < wanted(60));
    }
}
