//! How long a session's app was frozen, where the app can read it.
//!
//! A frozen app's clocks go on: when it is thawed, `CLOCK_MONOTONIC` has jumped, and the kernel cannot set it back for a process that
//! runs. A library that is preloaded into an app can take the jump off what the app reads; it finds the sum of all pauses here, written
//! before the app runs again.

use crate::Error;
use crate::clock;
use firstlight_units::{Micros, Timestamp};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug)]
pub(crate) struct Pauses {
    file: File,
    total: Micros,
    since: Option<Timestamp>,
}

impl Pauses {
    /// Where the file of a session is, outside its sandbox.
    pub(crate) fn path(run_dir: &Path) -> PathBuf {
        run_dir.join("pauses")
    }

    /// Makes the file.
    pub(crate) fn make(run_dir: &Path) -> Result<Self, Error> {
        let path = Self::path(run_dir);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path);
        let written = file.and_then(|file| file.write_all_at(&encoded(Micros::ZERO), 0).map(|()| file));
        let file = written.map_err(|source| Error::RunDir { path, source })?;
        Ok(Self {
            file,
            total: Micros::ZERO,
            since: None,
        })
    }

    /// The app has stopped.
    pub(crate) fn begin(&mut self) {
        self.since.get_or_insert_with(clock::now);
    }

    /// The app goes on as soon as this returns.
    pub(crate) fn end(&mut self) {
        let Some(since) = self.since.take() else { return };
        self.total += clock::now().since(since);
        if let Err(error) = self.file.write_all_at(&encoded(self.total), 0) {
            tracing::debug!(%error, "the app is not told how long it was frozen");
        }
    }
}

/// Nanoseconds, little-endian: read in one go by whoever maps the file.
fn encoded(total: Micros) -> [u8; 8] {
    total.as_micros().saturating_mul(1_000).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_add_up_and_the_sum_is_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut pauses = Pauses::make(dir.path()).unwrap();
        let read = || {
            u64::from_le_bytes(
                std::fs::read(Pauses::path(dir.path()))
                    .unwrap()
                    .try_into()
                    .unwrap(),
            )
        };
        assert_eq!(read(), 0);
        pauses.end();
        assert_eq!(read(), 0, "it never began");
        let mut before = 0;
        for _ in 0..2 {
            pauses.begin();
            let began = clock::now();
            while clock::now() == began {}
            pauses.end();
            assert!(read() > before);
            before = read();
        }
    }
}
