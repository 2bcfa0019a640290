//! The fencing epoch of each slot: rises with every session, also across restarts, and is on disk before it is used.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The epochs of all slots.
#[derive(Debug)]
pub(crate) struct Leases {
    path: PathBuf,
    stored: Stored,
    /// Epochs that are on disk and that nobody has: a claim need not wait for the disk. After a crash they are left out.
    prepared: BTreeMap<u32, u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    version: u32,
    epochs: BTreeMap<u32, u64>,
}

impl Leases {
    /// Reads `path`; a missing file is a host that never held a lease.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let damaged = |why: String| Error::Leases {
            path: path.clone(),
            why,
        };
        let stored = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Stored {
                version: VERSION,
                epochs: BTreeMap::new(),
            },
            Err(source) => return Err(Error::Path { path, source }),
        };
        if stored.version != VERSION {
            return Err(damaged(format!(
                "it has version {}, expected {VERSION}",
                stored.version
            )));
        }
        Ok(Self {
            path,
            stored,
            prepared: BTreeMap::new(),
        })
    }

    /// The next epoch of `slot`. Blocks until it is on disk, unless it was prepared.
    pub(crate) fn claim(&mut self, slot: u32) -> Result<u64, Error> {
        match self.prepared.remove(&slot) {
            Some(epoch) => Ok(epoch),
            None => self.next(slot),
        }
    }

    /// Puts the next epoch of `slot` on disk ahead of its claim. Blocks, for the disk may be busy.
    pub(crate) fn prepare(&mut self, slot: u32) -> Result<(), Error> {
        if !self.prepared.contains_key(&slot) {
            let epoch = self.next(slot)?;
            self.prepared.insert(slot, epoch);
        }
        Ok(())
    }

    fn next(&mut self, slot: u32) -> Result<u64, Error> {
        let epoch = self.stored.epochs.get(&slot).copied().unwrap_or(0) + 1;
        self.stored.epochs.insert(slot, epoch);
        let bytes = serde_json::to_vec(&self.stored).unwrap_or_default();
        replace(&self.path, &bytes).map_err(Error::path(&self.path))?;
        Ok(epoch)
    }
}

/// Writes a file so that after a power cut there is the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_rise_per_slot_and_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        let mut leases = Leases::open(path.clone()).unwrap();
        assert_eq!(
            (
                leases.claim(0).unwrap(),
                leases.claim(0).unwrap(),
                leases.claim(1).unwrap()
            ),
            (1, 2, 1)
        );
        let mut again = Leases::open(path).unwrap();
        assert_eq!((again.claim(0).unwrap(), again.claim(1).unwrap()), (3, 2));
    }

    #[test]
    fn a_prepared_epoch_is_on_disk_and_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        let mut leases = Leases::open(path.clone()).unwrap();
        leases.prepare(0).unwrap();
        leases.prepare(0).unwrap();
        let written = fs::read(&path).unwrap();
        assert_eq!(leases.claim(0).unwrap(), 1);
        assert_eq!(
            fs::read(&path).unwrap(),
            written,
            "the claim does not touch the disk"
        );
        assert_eq!(leases.claim(0).unwrap(), 2);
        leases.prepare(0).unwrap();
        // Whoever had it when the engine died is behind the next one.
        assert_eq!(Leases::open(path).unwrap().claim(0).unwrap(), 4);
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        for text in ["", "{\"version\":2,\"epochs\":{}}", "[]"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(Leases::open(path.clone()), Err(Error::Leases { .. })));
        }
    }
}
