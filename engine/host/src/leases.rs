//! The fencing epoch of each slot: rises with every session, also across restarts, and is on disk before it is used.

use crate::Error;
use firstlight_units::SessionId;
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
    /// Whom this process gave each slot to last.
    holders: BTreeMap<u32, SessionId>,
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
            holders: BTreeMap::new(),
        })
    }

    /// Whether `session` may have `slot` under `fence`: it is higher than every one that anybody had, or its own.
    ///
    /// # Errors
    /// [`Error::StaleFence`].
    pub(crate) fn check(&self, slot: u32, fence: u64, session: &SessionId) -> Result<(), Error> {
        let last = match self.prepared.get(&slot) {
            Some(prepared) => prepared.saturating_sub(1),
            None => self.last(slot),
        };
        // A start whose parked copy failed goes on under the same lease.
        let own = fence == last && self.holders.get(&slot) == Some(session);
        if fence > last || own {
            return Ok(());
        }
        Err(Error::StaleFence {
            slot,
            given: fence,
            last,
        })
    }

    /// The next epoch of `slot`, or the one that a lease names. Blocks until it is on disk, unless it was prepared.
    ///
    /// # Errors
    /// [`Error::StaleFence`] when the lease's is not higher than every one that anybody had.
    pub(crate) fn claim(&mut self, slot: u32, fence: Option<u64>, session: &SessionId) -> Result<u64, Error> {
        if let Some(fence) = fence {
            self.check(slot, fence, session)?;
        }
        let prepared = self.prepared.remove(&slot);
        let epoch = fence
            .or(prepared)
            .unwrap_or_else(|| self.last(slot).saturating_add(1));
        if epoch > self.last(slot) {
            self.write(slot, epoch)?;
        }
        self.holders.insert(slot, session.clone());
        Ok(epoch)
    }

    /// Puts the next epoch of `slot` on disk ahead of its claim. Blocks, for the disk may be busy.
    pub(crate) fn prepare(&mut self, slot: u32) -> Result<(), Error> {
        if !self.prepared.contains_key(&slot) {
            let epoch = self.last(slot).saturating_add(1);
            self.write(slot, epoch)?;
            self.prepared.insert(slot, epoch);
        }
        Ok(())
    }

    fn last(&self, slot: u32) -> u64 {
        self.stored.epochs.get(&slot).copied().unwrap_or(0)
    }

    fn write(&mut self, slot: u32, epoch: u64) -> Result<(), Error> {
        let before = self.last(slot);
        self.stored.epochs.insert(slot, epoch);
        let bytes = serde_json::to_vec(&self.stored).unwrap_or_default();
        let written = replace(&self.path, &bytes).map_err(Error::path(&self.path));
        if written.is_err() {
            // What is not on the disk was not given.
            self.stored.epochs.insert(slot, before);
        }
        written
    }
}

/// Writes a file so that after a power cut there is the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
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

    fn session() -> SessionId {
        "s".parse().unwrap()
    }

    #[test]
    fn epochs_rise_per_slot_and_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        let mut leases = Leases::open(path.clone()).unwrap();
        assert_eq!(
            (
                leases.claim(0, None, &session()).unwrap(),
                leases.claim(0, None, &session()).unwrap(),
                leases.claim(1, None, &session()).unwrap()
            ),
            (1, 2, 1)
        );
        let mut again = Leases::open(path).unwrap();
        assert_eq!(
            (
                again.claim(0, None, &session()).unwrap(),
                again.claim(1, None, &session()).unwrap()
            ),
            (3, 2)
        );
    }

    #[test]
    fn a_fence_that_is_not_higher_is_refused_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        assert_eq!(
            Leases::open(path.clone())
                .unwrap()
                .claim(4, Some(7), &session())
                .unwrap(),
            7
        );
        let mut again = Leases::open(path).unwrap();
        for stale in [0, 6, 7] {
            let refused = again.claim(4, Some(stale), &session());
            assert!(
                matches!(refused, Err(Error::StaleFence { slot: 4, last: 7, .. })),
                "{refused:?}"
            );
        }
        assert_eq!(again.claim(4, Some(9), &session()).unwrap(), 9);
        // The same session, in the same process, goes on.
        assert_eq!(again.claim(4, Some(9), &session()).unwrap(), 9);
        let other = "other".parse().unwrap();
        assert!(again.claim(4, Some(9), &other).is_err());
    }

    #[test]
    fn a_prepared_epoch_is_on_disk_and_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        let mut leases = Leases::open(path.clone()).unwrap();
        leases.prepare(0).unwrap();
        leases.prepare(0).unwrap();
        let written = fs::read(&path).unwrap();
        assert_eq!(leases.claim(0, None, &session()).unwrap(), 1);
        assert_eq!(
            fs::read(&path).unwrap(),
            written,
            "the claim does not touch the disk"
        );
        assert_eq!(leases.claim(0, None, &session()).unwrap(), 2);
        leases.prepare(0).unwrap();
        // Whoever had it when the engine died is behind the next one.
        assert_eq!(Leases::open(path).unwrap().claim(0, None, &session()).unwrap(), 4);
    }

    #[test]
    fn a_lease_may_have_what_was_prepared_and_nobody_less() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("leases.json");
        let mut leases = Leases::open(path.clone()).unwrap();
        leases.claim(0, Some(4), &session()).unwrap();
        leases.prepare(0).unwrap();
        let written = fs::read(&path).unwrap();
        let other = "other".parse().unwrap();
        assert!(leases.claim(0, Some(4), &other).is_err());
        assert_eq!(leases.claim(0, Some(5), &other).unwrap(), 5);
        assert_eq!(fs::read(&path).unwrap(), written, "it was on the disk");
        assert!(leases.claim(0, Some(5), &session()).is_err());
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
