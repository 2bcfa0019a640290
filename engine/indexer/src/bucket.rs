//! Hosts in the order of their keys, with the first few at hand.

use std::collections::BTreeSet;

/// Keys of hosts, the best first. A decision looks at the first few of some buckets and goes past the others, and the host that it picks
/// comes back to about the same place: these lie in a row, where a tree's first leaf is three or four reads of cold memory away.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// In order and below all of `rest`; [`NONE`] behind the last. There is one where there are any.
    head: [u64; HEAD],
    rest: BTreeSet<u64>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            head: [NONE; HEAD],
            rest: BTreeSet::new(),
        }
    }
}

impl Bucket {
    pub(crate) fn insert(&mut self, key: u64) {
        let place = self.head.partition_point(|known| *known < key);
        // Behind the last of the head there is no telling what of the rest comes first.
        if place == HEAD || (self.head[place] == NONE && !self.rest.is_empty()) {
            self.rest.insert(key);
            return;
        }
        let last = self.head[HEAD - 1];
        self.head.copy_within(place..HEAD - 1, place + 1);
        self.head[place] = key;
        if last != NONE {
            self.rest.insert(last);
        }
    }

    pub(crate) fn remove(&mut self, key: u64) {
        let place = self.head.partition_point(|known| *known < key);
        if self.head.get(place) != Some(&key) {
            self.rest.remove(&key);
            return;
        }
        self.head.copy_within(place + 1.., place);
        self.head[HEAD - 1] = NONE;
        if self.head[0] == NONE {
            let first = std::iter::from_fn(|| self.rest.pop_first());
            for (place, key) in self.head.iter_mut().zip(first.take(REFILL)) {
                *place = key;
            }
        }
    }

    /// The best host's key.
    pub(crate) fn first(&self) -> Option<u64> {
        (self.head[0] != NONE).then_some(self.head[0])
    }

    /// Those that lie in a row.
    pub(crate) fn head(&self) -> impl Iterator<Item = &u64> {
        self.head.iter().take_while(|key| **key != NONE)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &u64> {
        self.head().chain(&self.rest)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.iter().count()
    }
}

/// No host has the highest cost and the highest number.
const NONE: u64 = u64::MAX;
/// A line of a cache.
const HEAD: usize = 8;
/// Room for those that come back.
const REFILL: usize = HEAD / 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_comes_and_goes_the_keys_are_those_of_a_set(steps in prop::collection::vec((any::<bool>(), 0u64..48), 0..400)) {
            let (mut bucket, mut set) = (Bucket::default(), BTreeSet::new());
            for (comes, key) in steps {
                if !comes {
                    bucket.remove(key);
                    set.remove(&key);
                } else if set.insert(key) {
                    bucket.insert(key);
                }
                prop_assert_eq!(bucket.first(), set.first().copied());
                prop_assert!(bucket.iter().eq(&set));
                prop_assert_eq!(bucket.len(), set.len());
            }
        }
    }
}
