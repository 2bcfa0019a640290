//! An append-only log: nothing can be left out of it or put into it afterwards without changing every root from there on.
//!
//! Records of an epoch are the leaves of a Merkle tree, hashed as in RFC 6962 (section 2.1), so that a leaf is never taken for a node. An
//! epoch names the one before it, and is signed by the checker: whoever holds one root has all of the past.

use super::{Signed, holds};
use crate::Error;
use crate::codec::{Reader, Writer};
use crate::hash::{Digest, digest};

/// The records of the present epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    leaves: Vec<Digest>,
}

/// What an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Counted from 0.
    pub number: u64,
    /// How many records it has.
    pub records: u32,
    /// Of the tree of their digests.
    pub root: Digest,
    /// [`Epoch::digest`] of the epoch before; zeros for the first.
    pub before: Digest,
}

/// That a record is in an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Which of the epoch's records it is, from 0.
    pub at: u32,
    /// Of how many.
    pub of: u32,
    /// The neighbours, from the leaf up.
    pub path: Vec<Digest>,
}

impl Log {
    /// Adds a record by its digest. `false`: the epoch is full and has to be closed first.
    pub fn append(&mut self, record: Digest) -> bool {
        let room = self.leaves.len() < RECORDS_MAX;
        if room {
            self.leaves.push(record);
        }
        room
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Of the tree; an empty one has the digest of nothing.
    #[must_use]
    pub fn root(&self) -> Digest {
        root(&self.leaves)
    }

    /// That the record at `at` is in the tree. [`None`]: there is none.
    #[must_use]
    pub fn prove(&self, at: usize) -> Option<Inclusion> {
        (at < self.leaves.len()).then(|| {
            let mut path = Vec::new();
            prove(&self.leaves, at, &mut path);
            Inclusion {
                at: u32::try_from(at).unwrap_or(u32::MAX),
                of: u32::try_from(self.leaves.len()).unwrap_or(u32::MAX),
                path,
            }
        })
    }

    /// Closes the epoch that follows `before`; the log is empty then.
    pub fn close(&mut self, before: Option<&Epoch>) -> Epoch {
        let leaves = std::mem::take(&mut self.leaves);
        Epoch {
            number: before.map_or(0, |before| before.number + 1),
            records: u32::try_from(leaves.len()).unwrap_or(u32::MAX),
            root: root(&leaves),
            before: before.map_or([0; 32], Epoch::digest),
        }
    }
}

impl Inclusion {
    /// Whether a record with this digest is in this epoch.
    #[must_use]
    pub fn holds(&self, record: &Digest, epoch: &Epoch) -> bool {
        self.of == epoch.records && self.at < self.of && self.climb(record) == Some(epoch.root)
    }

    /// RFC 9162, section 2.1.3.2.
    fn climb(&self, record: &Digest) -> Option<Digest> {
        let (mut at, mut last) = (self.at, self.of - 1);
        let mut hash = leaf(record);
        for neighbour in &self.path {
            if last == 0 {
                return None;
            }
            if at & 1 == 1 || at == last {
                hash = node(neighbour, &hash);
                while at & 1 == 0 && at != 0 {
                    (at, last) = (at >> 1, last >> 1);
                }
            } else {
                hash = node(&hash, neighbour);
            }
            (at, last) = (at >> 1, last >> 1);
        }
        (last == 0).then_some(hash)
    }
}

impl Epoch {
    /// The one way to write it.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        to.u64(self.number)
            .u32(self.records)
            .bytes(&self.root)
            .bytes(&self.before);
        to.done()
    }

    /// Reads it.
    ///
    /// # Errors
    /// Whatever [`Self::write`] would not write.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut from = Reader::new(bytes);
        let epoch = Self {
            number: from.u64()?,
            records: from.u32()?,
            root: from.array()?,
            before: from.array()?,
        };
        from.end()?;
        Ok(epoch)
    }

    /// What the next one names it by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&[b"firstlight epoch\0", &self.write()])
    }

    /// What the checker signs.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        [b"firstlight epoch 1\0".as_slice(), &self.write()].concat()
    }

    /// Whether the checker with this key has signed it, and it follows `before`.
    #[must_use]
    pub fn follows(&self, before: Option<&Self>, checker: &[u8; 32], signed: &Signed) -> bool {
        let number = before.map_or(Some(0), |before| before.number.checked_add(1));
        number == Some(self.number)
            && self.before == before.map_or([0; 32], Self::digest)
            && holds(checker, &self.statement(), signed)
    }
}

fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => digest(&[]),
        [one] => leaf(one),
        more => {
            let (left, right) = more.split_at(half(more.len()));
            node(&root(left), &root(right))
        }
    }
}

fn prove(leaves: &[Digest], at: usize, path: &mut Vec<Digest>) {
    if leaves.len() < 2 {
        return;
    }
    let (left, right) = leaves.split_at(half(leaves.len()));
    if at < left.len() {
        prove(left, at, path);
        path.push(root(right));
    } else {
        prove(right, at - left.len(), path);
        path.push(root(left));
    }
}

/// The largest power of two below `len`, which is at least 2.
const fn half(len: usize) -> usize {
    len.next_power_of_two() / 2
}

fn leaf(record: &Digest) -> Digest {
    digest(&[&[0], record])
}

fn node(left: &Digest, right: &Digest) -> Digest {
    digest(&[&[1], left, right])
}

/// A day of a thousand hosts, each checked some dozens of times.
const RECORDS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(n: usize) -> Digest {
        digest(&[&n.to_be_bytes()])
    }

    fn log(len: usize) -> Log {
        Log {
            leaves: (0..len).map(record).collect(),
        }
    }

    #[test]
    fn an_empty_tree_and_one_of_one_are_rfc_6962s() {
        let hex = |digest: Digest| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(log(0).root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        // The digest of one zero byte and nothing else would be that of an empty leaf.
        assert_eq!(log(1).root(), digest(&[&[0], &record(0)]));
    }

    #[test]
    fn every_record_of_every_size_is_proven_and_no_other_is() {
        for len in 1..40 {
            let mut log = log(len);
            let proofs: Vec<Inclusion> = (0..len).map(|at| log.prove(at).unwrap()).collect();
            assert_eq!(log.prove(len), None);
            let epoch = log.close(None);
            assert!(log.is_empty());
            for (at, proof) in proofs.iter().enumerate() {
                assert!(proof.holds(&record(at), &epoch), "{at} of {len}");
                assert!(!proof.holds(&record(at + 1), &epoch), "{at} of {len}");
                let moved = Inclusion {
                    at: proof.at ^ 1,
                    ..proof.clone()
                };
                assert!(!moved.holds(&record(at), &epoch), "{at} of {len}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_proof_that_was_changed_anywhere_proves_nothing(len in 2usize..60, at in 0usize..60, part in 0usize..8, bit in 0usize..256) {
            let mut log = log(len);
            let mut proof = log.prove(at % len).unwrap();
            let epoch = log.close(None);
            let parts = proof.path.len();
            proof.path[part % parts][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!proof.holds(&record(at % len), &epoch));
        }

        #[test]
        fn no_path_however_long_is_a_panic(at: u32, of: u32, path in prop::collection::vec(any::<[u8; 32]>(), 0..80)) {
            let epoch = log(7).close(None);
            let proof = Inclusion { at, of, path };
            prop_assert!(!proof.holds(&record(0), &epoch));
        }
    }

    #[test]
    fn epochs_are_a_chain() {
        let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([3; 32]));
        let sign = |epoch: &Epoch| -> Signed { *pair.sk.sign(epoch.statement(), None) };
        let first = log(5).close(None);
        let second = log(3).close(Some(&first));
        let key: [u8; 32] = *pair.pk;
        assert!(first.follows(None, &key, &sign(&first)));
        assert!(second.follows(Some(&first), &key, &sign(&second)));
        assert!(!second.follows(None, &key, &sign(&second)));
        assert!(!second.follows(Some(&first), &key, &sign(&first)));
        let other = Epoch { records: 4, ..first };
        assert!(!second.follows(Some(&other), &key, &sign(&second)));
        assert_eq!(Epoch::read(&second.write()), Ok(second));
    }
}
