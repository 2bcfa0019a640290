//! Hosts in the order of their keys, with the first at hand.

use std::collections::BTreeSet;
use std::collections::btree_set::Iter;

/// Keys of hosts, the best first. A decision goes past most buckets; their first keys lie in the open for it, where a tree's first
/// leaf is three or four reads of cold memory away.
#[derive(Debug)]
pub(crate) struct Bucket {
    keys: BTreeSet<u64>,
    /// The first of `keys`, or [`NONE`].
    first: u64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            keys: BTreeSet::new(),
            first: NONE,
        }
    }
}

impl Bucket {
    pub(crate) fn insert(&mut self, key: u64) {
        self.keys.insert(key);
        self.first = self.first.min(key);
    }

    pub(crate) fn remove(&mut self, key: u64) {
        self.keys.remove(&key);
        if key == self.first {
            self.first = self.keys.first().copied().unwrap_or(NONE);
        }
    }

    /// The best host's key.
    pub(crate) fn first(&self) -> Option<u64> {
        (self.first != NONE).then_some(self.first)
    }

    pub(crate) fn iter(&self) -> Iter<'_, u64> {
        self.keys.iter()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// No host has the highest cost and the highest number.
const NONE: u64 = u64::MAX;
