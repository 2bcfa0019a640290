//! An imaginary fleet: hosts of every strength and price, popular and rare titles, regions on a map.

use crate::random::Random;
use firstlight_indexer::{Beat, BeatTitle, Policy, RegionId, Registry, Settings, Spec, State, TitleTerms};
use firstlight_units::{Micros, Timestamp, TitleId};
use std::sync::Arc;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) hosts: u32,
    pub(crate) regions: u16,
    pub(crate) titles: u32,
}

/// A fleet and what its hosts said last.
pub(crate) struct Fleet {
    pub(crate) registry: Registry,
    pub(crate) titles: Vec<TitleId>,
    pub(crate) regions: Vec<Arc<str>>,
    /// Where each region is, in kilometres.
    places: Vec<(f64, f64)>,
    /// By host.
    pub(crate) beats: Vec<Beat>,
    pub(crate) random: Random,
}

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);

impl Fleet {
    /// A fleet without hosts.
    pub(crate) fn empty(size: Size, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut registry = Registry::new(Settings {
            // Ten seconds and a million hosts make a hundred thousand beats a second.
            beat_every: Micros::from_secs(10),
            ..Settings::default()
        });
        let titles: Vec<TitleId> = (0..size.titles)
            .filter_map(|n| format!("title-{n}").parse().ok())
            .collect();
        for title in &titles {
            let policies = [Policy::Cheapest, Policy::BestExperience, Policy::BestOverall];
            registry.set_title(
                title,
                TitleTerms {
                    policy: policies[random.below(3) as usize],
                    need: Spec {
                        kilopixels_per_s: [27_648, 55_296, 124_416][random.below(3) as usize],
                        memory_mib: 1024,
                    },
                    rtt_max: Some(Micros::from_millis(150)),
                    fetchable: random.percent(80),
                    ..TitleTerms::default()
                },
            );
        }
        let regions: Vec<Arc<str>> = (0..size.regions).map(|n| format!("region-{n}").into()).collect();
        let places = regions
            .iter()
            .map(|_| (f64::from(random.below(12_000)), f64::from(random.below(8_000))))
            .collect();
        Self {
            registry,
            titles,
            regions,
            places,
            beats: Vec::new(),
            random,
        }
    }

    /// A host that was never there before.
    pub(crate) fn host(&mut self, n: u32) -> Beat {
        let random = &mut self.random;
        let slots = [1u16, 2, 4, 8, 16][random.below(5) as usize];
        let taken = random.within(0, u32::from(slots));
        // Some copies of popular titles and one or two rare ones.
        let most = u32::try_from(self.titles.len()).unwrap_or(1);
        let mut titles: Vec<u32> = (0..random.within(2, 8)).map(|_| random.rank(most)).collect();
        titles.sort_unstable();
        titles.dedup();
        let titles = titles.into_iter().map(|at| BeatTitle {
            title: self.titles[at as usize].clone(),
            parked: u8::from(random.percent(30)),
        });
        let titles = titles.collect();
        Beat {
            host: format!("{:032x}", u128::from(n) << 64 | u128::from(random.next())).into(),
            boot: 1,
            seq: 1,
            region: Arc::clone(
                &self.regions[random.below(u32::try_from(self.regions.len()).unwrap_or(1)) as usize],
            ),
            state: State::Open,
            slots,
            free: slots - u16::try_from(taken).unwrap_or(0),
            spec: Spec {
                kilopixels_per_s: [55_296, 124_416, 221_184][random.below(3) as usize],
                memory_mib: 4096,
            },
            stages: Micros::new(random.within(5_000, 25_000).into()),
            load: u16::try_from(random.below(950)).unwrap_or(0),
            price: random.within(5_000, 60_000),
            titles,
        }
    }

    /// Lets `hosts` join.
    pub(crate) fn fill(&mut self, hosts: u32) {
        self.beats = (0..hosts).map(|n| self.host(n)).collect();
        for beat in &self.beats {
            self.registry.admit(NOW, &beat.host);
            let taken = self.registry.handle_beat(NOW, beat);
            debug_assert_eq!(taken, Ok(()));
        }
    }

    /// A player somewhere, who has measured how far the regions are.
    pub(crate) fn rtts(&mut self) -> Vec<(RegionId, Micros)> {
        let at = (
            f64::from(self.random.below(12_000)),
            f64::from(self.random.below(8_000)),
        );
        let access = f64::from(self.random.within(2, 15));
        self.regions
            .iter()
            .zip(&self.places)
            .filter_map(|(name, place)| {
                let km = (place.0 - at.0).hypot(place.1 - at.1);
                // A hundred kilometres a millisecond there and back, and half as far again by cable.
                let ms = access + km / 100.0 * 1.5;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "some milliseconds"
                )]
                let rtt = Micros::new((ms * 1e3) as u64);
                Some((self.registry.region(name)?, rtt))
            })
            .collect()
    }

    /// What somebody plays.
    pub(crate) fn title(&mut self) -> TitleId {
        let most = u32::try_from(self.titles.len()).unwrap_or(1);
        let at = self.random.rank(most);
        self.titles[at as usize].clone()
    }
}
