//! How many copies of a title to keep booted and frozen in a region.
//!
//! ```text
//! arrivals a minute -> level and trend -> expected arrivals while a copy boots -> so many that the chance of one too few
//!                                                                                 is worth what one too many costs
//! ```

use crate::cost::Policy;
use crate::index::RegionId;
use firstlight_units::{Micros, Timestamp};
use std::collections::BTreeMap;

/// What the publisher allows: of each host, or of all those of a region together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Always kept.
    pub min: u16,
    /// Never more.
    pub max: u16,
}

/// What speaks for more and for fewer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Costs {
    /// A player who has to wait for a boot.
    pub(crate) miss: f64,
    /// A copy that is kept for as long as one takes to boot.
    pub(crate) idle: f64,
}

impl Default for Costs {
    /// A wait is worth twenty copies in vain.
    fn default() -> Self {
        Self {
            miss: 20.0,
            idle: 1.0,
        }
    }
}

impl Costs {
    /// What counts for a title's publisher counts here, too.
    pub(crate) fn of(policy: Policy) -> Self {
        let miss = match policy {
            Policy::Cheapest => 5.0,
            Policy::BestExperience => 50.0,
            Policy::BestOverall => return Self::default(),
        };
        Self {
            miss,
            ..Self::default()
        }
    }
}

/// Demand, by title and region.
#[derive(Debug, Default)]
pub(crate) struct Warm {
    demand: BTreeMap<(u32, RegionId), Demand>,
}

#[derive(Clone, Copy, Debug)]
struct Demand {
    /// The minute that is being counted.
    minute: u64,
    count: u32,
    /// Arrivals a minute, smoothed, and by how many they rise each minute.
    level: f64,
    trend: f64,
}

impl Warm {
    /// A player asked for the title with this number, of a region.
    pub(crate) fn record(&mut self, now: Timestamp, title: u32, region: RegionId) {
        if self.demand.len() >= DEMANDS_MAX && !self.demand.contains_key(&(title, region)) {
            self.demand
                .retain(|_, demand| demand.level > NOTHING || demand.count > 0);
            if self.demand.len() >= DEMANDS_MAX {
                return;
            }
        }
        let demand = self.demand.entry((title, region)).or_insert_with(|| Demand {
            minute: minute(now),
            count: 0,
            level: 0.0,
            trend: 0.0,
        });
        demand.roll(now);
        demand.count = demand.count.saturating_add(1);
    }

    /// How many copies to keep, when one takes `boot` to be ready.
    pub(crate) fn target(
        &mut self,
        now: Timestamp,
        (title, region): (u32, RegionId),
        boot: Micros,
        costs: Costs,
        bounds: Bounds,
    ) -> u16 {
        let expected = self.per_minute(now, (title, region)) * (boot.as_secs_f64() / 60.0);
        enough(expected, costs).clamp(bounds.min, bounds.max.max(bounds.min))
    }

    /// Arrivals that are to be expected in a minute.
    pub(crate) fn per_minute(&mut self, now: Timestamp, of: (u32, RegionId)) -> f64 {
        self.demand.get_mut(&of).map_or(0.0, |demand| {
            demand.roll(now);
            demand.per_minute(now)
        })
    }

    /// The titles and regions that there is demand for. Those that there is none for any more are forgotten.
    pub(crate) fn demanded(&mut self, now: Timestamp) -> Vec<(u32, RegionId)> {
        self.demand.retain(|_, demand| {
            demand.roll(now);
            demand.level > NOTHING || demand.count > 0
        });
        self.demand.keys().copied().collect()
    }
}

impl Demand {
    /// Closes the minutes that have passed.
    fn roll(&mut self, now: Timestamp) {
        let now = minute(now);
        // After a day of silence nothing is left of it either way.
        let mut passed = now.saturating_sub(self.minute).min(1440);
        while passed > 0 {
            let before = self.level;
            let told = (self.level + self.trend).max(0.0);
            self.level = SMOOTH * f64::from(self.count) + (1.0 - SMOOTH) * told;
            self.trend = SMOOTH_TREND * (self.level - before) + (1.0 - SMOOTH_TREND) * self.trend;
            self.count = 0;
            passed -= 1;
        }
        self.minute = self.minute.max(now);
    }

    /// What is to be expected: the forecast, or what is coming in right now where that is more.
    fn per_minute(&self, now: Timestamp) -> f64 {
        let forecast = (self.level + self.trend.max(0.0)).max(0.0);
        let since = now.as_micros() % MINUTE.as_micros();
        let elapsed = Micros::new(since).as_secs_f64().max(20.0);
        forecast.max(f64::from(self.count) * 60.0 / elapsed)
    }
}

/// The smallest number of copies that leaves a chance of a miss below `idle / (miss + idle)`, with arrivals at random around
/// `expected` (Poisson): the newsvendor's rule.
fn enough(expected: f64, costs: Costs) -> u16 {
    if expected < NOTHING {
        return 0;
    }
    let wanted = costs.miss / (costs.miss + costs.idle).max(f64::MIN_POSITIVE);
    // Where sums of many small terms would be lost to rounding, the normal distribution is as good.
    if expected > 200.0 {
        let most = expected + 3.0 * expected.sqrt();
        return floor(most);
    }
    let mut term = (-expected).exp();
    let mut sum = term;
    let mut copies = 0u16;
    while sum < wanted && copies < COPIES_MAX {
        copies += 1;
        term *= expected / f64::from(copies);
        sum += term;
    }
    copies
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the type"
)]
fn floor(n: f64) -> u16 {
    n.clamp(0.0, f64::from(COPIES_MAX)) as u16
}

const fn minute(now: Timestamp) -> u64 {
    now.as_micros() / MINUTE.as_micros()
}

const MINUTE: Micros = Micros::from_secs(60);
/// A change of demand shows after about five minutes; longer than any boot, shorter than any evening.
const SMOOTH: f64 = 0.2;
const SMOOTH_TREND: f64 = 0.1;
/// An arrival in a thousand boots.
const NOTHING: f64 = 1e-3;
const COPIES_MAX: u16 = 10_000;
/// 2,000 titles in 30 regions.
const DEMANDS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FREE: Bounds = Bounds { min: 0, max: 1000 };
    const HERE: (u32, RegionId) = (1, RegionId(0));

    fn at(s: u64) -> Timestamp {
        Timestamp::from_micros(s * 1_000_000)
    }

    fn target(warm: &mut Warm, s: u64) -> u16 {
        warm.target(at(s), HERE, Micros::from_secs(30), Costs::default(), FREE)
    }

    #[test]
    fn the_pool_follows_demand_up_and_down() {
        let mut warm = Warm::default();
        assert_eq!(target(&mut warm, 0), 0);
        for s in 0..1200 {
            if s % 3 == 0 {
                warm.record(at(s), HERE.0, HERE.1);
            }
        }
        // Ten arrive while one boots.
        let busy = target(&mut warm, 1200);
        assert!((12..=20).contains(&busy), "{busy}");
        let evening = target(&mut warm, 1200 + 600);
        assert!(evening < busy);
        assert_eq!(target(&mut warm, 1200 + 7200), 0);
    }

    #[test]
    fn a_rush_is_answered_within_its_first_minute() {
        let mut warm = Warm::default();
        for s in 0..30 {
            warm.record(at(s), HERE.0, HERE.1);
        }
        assert!(target(&mut warm, 30) >= 30);
    }

    #[test]
    fn the_publishers_bounds_hold() {
        let mut warm = Warm::default();
        let bounds = Bounds { min: 2, max: 3 };
        let of = |warm: &mut Warm| warm.target(at(60), HERE, Micros::from_secs(30), Costs::default(), bounds);
        assert_eq!(of(&mut warm), 2);
        for s in 0..60 {
            warm.record(at(s), HERE.0, HERE.1);
        }
        assert_eq!(of(&mut warm), 3);
    }

    proptest! {
        #[test]
        fn more_demand_or_a_dearer_miss_never_means_fewer(expected in 0.0f64..300.0, more in 0.0f64..50.0, miss in 1.0f64..100.0) {
            let costs = |miss| Costs { miss, idle: 1.0 };
            prop_assert!(enough(expected, costs(miss)) <= enough(expected + more, costs(miss)));
            if expected < 200.0 {
                prop_assert!(enough(expected, costs(miss)) <= enough(expected, costs(miss * 2.0)));
            }
        }
    }
}
