//! How far a player is from a region, from what its page measured and what past sessions saw.

use crate::index::RegionId;
use firstlight_units::Micros;
use std::collections::{BTreeMap, VecDeque};

/// Joins what a page measured against a beacon, if it did, and what `n` sessions of the same network saw, if any did.
///
/// A beacon is measured before the click, over the browser's idle line, a few times; a session is measured for minutes under
/// load. So sessions count as much as the beacon from the third on, and the larger of the two never loses against the smaller
/// by more than that: a region that looks near and plays far is far.
#[must_use]
pub fn predict(beacon: Option<Micros>, sessions: Option<(Micros, u32)>) -> Option<Micros> {
    match (beacon, sessions) {
        (None, None) => None,
        (Some(beacon), None) => Some(beacon),
        (None, Some((seen, _))) => Some(seen),
        (Some(beacon), Some((seen, n))) => {
            let n = u64::from(n.min(SESSIONS_COUNT_MAX));
            let sum = beacon.as_micros().saturating_mul(BEACON_WORTH) + seen.as_micros().saturating_mul(n);
            Some(Micros::new(sum / (BEACON_WORTH + n)))
        }
    }
}

/// What past sessions saw, by the player's network and the host's region. Bounded; the networks heard of longest ago go first.
#[derive(Debug, Default)]
pub struct Paths {
    seen: BTreeMap<(u64, RegionId), (Micros, u32)>,
    order: VecDeque<(u64, RegionId)>,
}

impl Paths {
    /// A session between them had this round trip. `network` is a pseudonym of the player's subnet.
    pub fn record(&mut self, network: u64, region: RegionId, rtt: Micros) {
        let key = (network, region);
        if let Some((mean, n)) = self.seen.get_mut(&key) {
            // An average over about eight sessions, so that a new line shows within a few.
            let weight = u64::from((*n).min(AVERAGE_OVER));
            let sum = mean
                .as_micros()
                .saturating_mul(weight)
                .saturating_add(rtt.as_micros());
            *mean = Micros::new(sum / (weight + 1));
            *n = n.saturating_add(1);
            return;
        }
        if self.order.len() >= PATHS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(key, (rtt, 1));
        self.order.push_back(key);
    }

    /// What is known: the average and of how many sessions.
    #[must_use]
    pub fn seen(&self, network: u64, region: RegionId) -> Option<(Micros, u32)> {
        self.seen.get(&(network, region)).copied()
    }
}

/// Sessions that a beacon weighs as much as.
const BEACON_WORTH: u64 = 3;
/// More are no better evidence.
const SESSIONS_COUNT_MAX: u32 = 9;
const AVERAGE_OVER: u32 = 7;
/// Some four megabytes.
const PATHS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sessions_correct_a_beacon_the_more_there_are() {
        let beacon = Some(Micros::from_millis(10));
        let of = |n| predict(beacon, Some((Micros::from_millis(50), n))).unwrap();
        assert_eq!(predict(beacon, None), beacon);
        assert!(of(1) < of(3) && of(3) < of(9) && of(9) == of(100));
        assert_eq!(of(3), Micros::from_millis(30));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut paths = Paths::default();
        for network in 0..PATHS_MAX as u64 + 10 {
            paths.record(network, RegionId(0), Micros::from_millis(1));
        }
        assert_eq!(paths.seen.len(), PATHS_MAX);
        assert!(paths.seen(0, RegionId(0)).is_none());
        assert!(paths.seen(20, RegionId(0)).is_some());
    }

    proptest! {
        #[test]
        fn a_prediction_lies_between_its_sources(beacon in 0u64..1_000_000, seen in 0u64..1_000_000, n in 0u32..100) {
            let told = predict(Some(Micros::new(beacon)), Some((Micros::new(seen), n))).unwrap().as_micros();
            prop_assert!(told >= beacon.min(seen) && told <= beacon.max(seen));
        }

        #[test]
        fn an_average_stays_within_what_was_seen(rtts in prop::collection::vec(1u64..500_000, 1..40)) {
            let mut paths = Paths::default();
            for rtt in &rtts {
                paths.record(1, RegionId(3), Micros::new(*rtt));
            }
            let (mean, n) = paths.seen(1, RegionId(3)).unwrap();
            prop_assert_eq!(n as usize, rtts.len());
            prop_assert!(mean.as_micros() <= *rtts.iter().max().unwrap() && mean.as_micros() + 8 >= *rtts.iter().min().unwrap());
        }
    }
}
