//! What a candidate costs a player, in microseconds of latency and what is worth as much. Pure.
//!
//! Everything that speaks for or against a host is expressed as latency, so that terms can be added, compared and shown.
//! What depends on the host alone ([`own`]) is the same for every player and can be sorted by; what depends on the player is
//! the same for all hosts of a region.

use crate::index::Warmth;
use firstlight_units::Micros;
use serde::{Deserialize, Serialize};

/// What the publisher of a title wants for its players.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The lowest price that is still playable.
    Cheapest,
    /// The shortest click-to-photon, whatever it costs.
    BestExperience,
    /// Something of both.
    #[default]
    BestOverall,
}

impl Policy {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;
    pub(crate) const ALL: [Self; Self::COUNT] = [Self::Cheapest, Self::BestExperience, Self::BestOverall];

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Cheapest => 0,
            Self::BestExperience => 1,
            Self::BestOverall => 2,
        }
    }

    pub(crate) const fn weights(self) -> Weights {
        match self {
            Self::Cheapest => Weights {
                latency: 250,
                price_us: 10,
                distrust_us: 100_000,
                installed_us: 5_000,
                fetch_us: 40_000,
                load_us: 5_000,
                packing_us: 4_000,
            },
            Self::BestExperience => Weights {
                latency: 1_000,
                price_us: 0,
                distrust_us: 200_000,
                installed_us: 10_000,
                fetch_us: 80_000,
                load_us: 10_000,
                packing_us: 1_000,
            },
            Self::BestOverall => Weights {
                latency: 1_000,
                price_us: 1,
                distrust_us: 200_000,
                installed_us: 10_000,
                fetch_us: 80_000,
                load_us: 10_000,
                packing_us: 3_000,
            },
        }
    }
}

/// How much each term counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// Thousandths of predicted latency.
    latency: u32,
    /// For a thousandth of a cent an hour.
    price_us: u32,
    /// For a host that no checker vouches for; less in proportion to its score.
    distrust_us: u32,
    /// To boot what is installed but not parked. A start takes seconds once, latency is felt all along: worth some milliseconds.
    installed_us: u32,
    /// To fetch it first: minutes.
    fetch_us: u32,
    /// With all cores busy; nothing up to [`LOAD_FREE`], in proportion above.
    load_us: u32,
    /// For an empty host: sessions go where sessions are, so that whole machines stay free for big titles or to be switched off.
    packing_us: u32,
}

/// What speaks for and against a candidate, each in microseconds of latency or what is worth as much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Predicted click-to-photon: to the region and back, and the host's own stages.
    pub latency_us: u32,
    /// Price.
    pub price_us: u32,
    /// What the checker's score lacks.
    pub distrust_us: u32,
    /// That it has to be booted or fetched.
    pub start_us: u32,
    /// Busy cores.
    pub load_us: u32,
    /// Room that it would break into.
    pub packing_us: u32,
}

impl Terms {
    /// All of it.
    #[must_use]
    pub fn sum(&self) -> u32 {
        [
            self.latency_us,
            self.price_us,
            self.distrust_us,
            self.start_us,
            self.load_us,
            self.packing_us,
        ]
        .into_iter()
        .fold(0, u32::saturating_add)
    }
}

/// The figures of a host that count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) stages: Micros,
    pub(crate) price: u32,
    /// The checker's, thousandths.
    pub(crate) score: u16,
    pub(crate) load: u16,
    pub(crate) slots: u16,
    pub(crate) free: u16,
}

/// What depends on the host alone.
pub(crate) fn own(weights: &Weights, figures: &Figures) -> Terms {
    let scale = |worth: u32, part: u32, whole: u32| {
        let scaled = u64::from(worth) * u64::from(part.min(whole)) / u64::from(whole.max(1));
        u32::try_from(scaled).unwrap_or(u32::MAX)
    };
    let busy = u32::from(figures.load.saturating_sub(LOAD_FREE));
    let empty = figures.free >= figures.slots;
    let half = weights.packing_us / 2;
    Terms {
        latency_us: share(weights, figures.stages),
        price_us: figures.price.saturating_mul(weights.price_us),
        distrust_us: scale(
            weights.distrust_us,
            u32::from(1000u16.saturating_sub(figures.score)),
            1000,
        ),
        start_us: 0,
        load_us: scale(weights.load_us, busy, u32::from(1000 - LOAD_FREE)),
        // An empty machine costs the whole of it; a used one the more, the more of it is free.
        packing_us: scale(half, u32::from(figures.free), u32::from(figures.slots))
            + if empty { half } else { 0 },
    }
}

/// What being that far away counts.
pub(crate) fn share(weights: &Weights, latency: Micros) -> u32 {
    latency.scale(u64::from(weights.latency), 1000).as_u32()
}

/// What being that cold counts.
pub(crate) const fn start(weights: &Weights, warmth: Warmth) -> u32 {
    match warmth {
        Warmth::Parked => 0,
        Warmth::Installed => weights.installed_us,
        Warmth::Fetch => weights.fetch_us,
    }
}

/// Cores that are less busy than this, in thousandths, delay no picture.
const LOAD_FREE: u16 = 700;

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            stages: Micros::from_millis(10),
            price: 20_000,
            score: 1000,
            load: 0,
            slots: 4,
            free: 2,
        }
    }

    fn cost(policy: Policy, figures: &Figures) -> u32 {
        own(&policy.weights(), figures).sum()
    }

    #[test]
    fn each_policy_has_its_own_favourite() {
        let near_and_dear = Figures {
            price: 60_000,
            ..figures()
        };
        let far_and_cheap = Figures {
            stages: Micros::from_millis(45),
            price: 5_000,
            ..figures()
        };
        assert!(cost(Policy::BestExperience, &near_and_dear) < cost(Policy::BestExperience, &far_and_cheap));
        assert!(cost(Policy::Cheapest, &near_and_dear) > cost(Policy::Cheapest, &far_and_cheap));
    }

    #[test]
    fn a_used_host_is_cheaper_than_an_empty_one_and_a_fuller_one_cheaper_still() {
        for policy in Policy::ALL {
            let with = |free| Figures { free, ..figures() };
            assert!(cost(policy, &with(1)) < cost(policy, &with(3)));
            assert!(cost(policy, &with(3)) < cost(policy, &with(4)));
        }
    }

    #[test]
    fn doubt_and_load_count_against_a_host() {
        for policy in Policy::ALL {
            assert!(
                cost(
                    policy,
                    &Figures {
                        score: 500,
                        ..figures()
                    }
                ) > cost(policy, &figures())
            );
            assert!(
                cost(
                    policy,
                    &Figures {
                        load: 950,
                        ..figures()
                    }
                ) > cost(policy, &figures())
            );
            assert_eq!(
                cost(
                    policy,
                    &Figures {
                        load: 600,
                        ..figures()
                    }
                ),
                cost(policy, &figures())
            );
        }
    }

    #[test]
    fn the_warmer_the_sooner() {
        for policy in Policy::ALL {
            let weights = policy.weights();
            let order = [Warmth::Parked, Warmth::Installed, Warmth::Fetch].map(|w| start(&weights, w));
            assert!(order.is_sorted() && order[0] < order[1] && order[1] < order[2]);
        }
    }
}
