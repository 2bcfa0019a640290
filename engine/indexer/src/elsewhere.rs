//! Which other cell a player goes to when his own cannot have him.

use firstlight_units::{Micros, TitleId};
use std::collections::{BTreeMap, BTreeSet};

/// What another cell said of itself last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Other {
    /// It takes sessions.
    pub open: bool,
    /// Free slots by region, roughly.
    pub free: BTreeMap<String, u64>,
    /// Titles that it can run.
    pub titles: BTreeSet<TitleId>,
}

impl Other {
    /// How far its nearest free slot is from a player who measured `rtts`; none: it has no room for the title. Regions that he did not
    /// measure count as `unknown`.
    fn distance(&self, title: &TitleId, rtts: &BTreeMap<&str, Micros>, unknown: Micros) -> Option<Micros> {
        if !self.open || !self.titles.contains(title) {
            return None;
        }
        let free = self.free.iter().filter(|(_, slots)| **slots > 0);
        free.map(|(region, _)| rtts.get(region.as_str()).copied().unwrap_or(unknown))
            .min()
    }
}

/// The number of the cell that a player goes to: the nearest that has the title and room, of those that are as near the first. None: no
/// cell has room. What cells say is some seconds old; one that is full by then says so itself.
pub fn elsewhere<'a>(
    others: impl IntoIterator<Item = Option<&'a Other>>,
    title: &TitleId,
    rtts: &BTreeMap<&str, Micros>,
    unknown: Micros,
) -> Option<usize> {
    let distance = |(at, other): (usize, Option<&Other>)| Some((other?.distance(title, rtts, unknown)?, at));
    let nearest = others.into_iter().enumerate().filter_map(distance).min();
    nearest.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn other(open: bool, free: &[(&str, u64)], titles: &[&str]) -> Other {
        Other {
            open,
            free: free
                .iter()
                .map(|(region, free)| ((*region).to_owned(), *free))
                .collect(),
            titles: titles.iter().map(|title| title.parse().unwrap()).collect(),
        }
    }

    const FAR: Micros = Micros::from_millis(200);

    fn choose(others: &[Option<Other>], rtts: &[(&'static str, u64)]) -> Option<usize> {
        let rtts = rtts
            .iter()
            .map(|(region, ms)| (*region, Micros::from_millis(*ms)))
            .collect();
        elsewhere(
            others.iter().map(Option::as_ref),
            &"doom".parse().unwrap(),
            &rtts,
            FAR,
        )
    }

    #[test]
    fn a_player_goes_to_the_nearest_that_has_the_title_and_room() {
        let cells = [
            None,
            Some(other(false, &[("eu", 8)], &["doom"])),
            Some(other(true, &[("eu", 8)], &["quake"])),
            Some(other(true, &[("eu", 0)], &["doom"])),
            Some(other(true, &[("us", 8), ("asia", 1)], &["doom"])),
            Some(other(true, &[("af", 8)], &["doom"])),
        ];
        assert_eq!(choose(&cells, &[("us", 90), ("af", 60), ("eu", 5)]), Some(5));
        assert_eq!(choose(&cells, &[("us", 90), ("asia", 30)]), Some(4));
        // Nothing measured: the first in the operator's order.
        assert_eq!(choose(&cells, &[]), Some(4));
        assert_eq!(choose(&cells[..4], &[("eu", 5)]), None);
    }

    proptest! {
        #[test]
        fn whoever_is_chosen_has_room_and_nobody_with_room_is_nearer(
            frees in proptest::collection::vec((any::<bool>(), 0u64..3, 0u64..3, any::<bool>()), 0..8),
            (eu, us) in (0u64..300, 0u64..300),
        ) {
            let cells: Vec<Option<Other>> = frees
                .iter()
                .map(|(open, eu, us, has)| {
                    Some(other(*open, &[("eu", *eu), ("us", *us)], if *has { &["doom"] } else { &[] }))
                })
                .collect();
            let reach = |at: usize| {
                let (open, in_eu, in_us, has) = frees[at];
                let there = [(in_eu, eu), (in_us, us)].into_iter().filter(|(free, _)| *free > 0);
                there.map(|(_, rtt)| rtt).min().filter(|_| open && has)
            };
            let chosen = choose(&cells, &[("eu", eu), ("us", us)]);
            let best = (0..cells.len()).filter_map(reach).min();
            prop_assert_eq!(chosen.and_then(reach), best);
        }
    }
}
