//! Hosts' numbers by their ids.
#![expect(
    clippy::disallowed_types,
    reason = "nothing goes through all of it, so that its order decides nothing"
)]

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// By the digest of the id: one read of cold memory, where texts all over the memory are twenty.
///
/// Ids are themselves digests of keys: two with the same digest here don't happen by chance, and the second gains nothing by it, since
/// whoever looks a number up compares the whole id.
#[derive(Debug, Default)]
pub(crate) struct Numbers(HashMap<u64, u32, BuildHasherDefault<Digested>>);

impl Numbers {
    pub(crate) fn get(&self, id: &str) -> Option<u32> {
        self.0.get(&digest(id)).copied()
    }

    pub(crate) fn insert(&mut self, id: &str, number: u32) {
        self.0.insert(digest(id), number);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(&digest(id));
    }
}

/// Takes what is a digest as it is.
#[derive(Debug, Default)]
pub(crate) struct Digested(u64);

impl Hasher for Digested {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |digest, byte| step(digest, *byte));
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// FNV-1a.
fn digest(id: &str) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

fn step(digest: u64, byte: u8) -> u64 {
    (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}
