//! When a session's app is to show its pictures, where the app can read it.
//!
//! An X server has no clock that an app could ask for. A library that holds an app to its rate (`titles/pace`) finds the ticks that it is to
//! keep to here, and keeps to its own where there are none.

use crate::Error;
use firstlight_units::Ticks;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// See the module. Clones share the file.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    file: Arc<File>,
}

impl Timetable {
    /// Where the file of a session is, outside its sandbox.
    pub(crate) fn path(run_dir: &Path) -> PathBuf {
        run_dir.join("ticks")
    }

    /// Makes the file, without ticks.
    pub(crate) fn make(run_dir: &Path) -> Result<Self, Error> {
        let path = Self::path(run_dir);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&path);
        let written = file.and_then(|file| file.write_all_at(&encoded(None), 0).map(|()| file));
        let file = written.map_err(|source| Error::RunDir { path, source })?;
        Ok(Self { file: Arc::new(file) })
    }

    /// The app keeps to these from its next picture on; `None`: to its own.
    pub(crate) fn tell(&self, ticks: Option<Ticks>) {
        if let Err(error) = self.file.write_all_at(&encoded(ticks), 0) {
            tracing::debug!(%error, "the app is not told when to show its pictures");
        }
    }
}

/// The period and one tick in nanoseconds of `CLOCK_MONOTONIC`, little-endian; a period of 0: there are none. Whoever maps the file may
/// see one of them before the other: for a picture, the ticks are then others, which it approaches by a half percent of the period.
fn encoded(ticks: Option<Ticks>) -> [u8; 16] {
    let period = ticks.map_or(0, |ticks| ticks.period().as_nanos());
    let tick = ticks.map_or(0, |ticks| ticks.one().as_micros().saturating_mul(1_000));
    let mut bytes = [0; 16];
    let (first, second) = bytes.split_at_mut(8);
    first.copy_from_slice(&u64::try_from(period).unwrap_or(0).to_le_bytes());
    second.copy_from_slice(&tick.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use firstlight_units::Timestamp;
    use std::time::Duration;

    #[test]
    fn the_ticks_are_in_the_file_until_there_are_none() {
        let dir = tempfile::tempdir().unwrap();
        let timetable = Timetable::make(dir.path()).unwrap();
        let read = || {
            let bytes = std::fs::read(Timetable::path(dir.path())).unwrap();
            let number = |from: usize| u64::from_le_bytes(bytes[from..from + 8].try_into().unwrap());
            (number(0), number(8), bytes.len())
        };
        assert_eq!(read(), (0, 0, 16));
        timetable.tell(Ticks::new(
            Timestamp::from_micros(5_000_000),
            Duration::from_nanos(16_666_667),
        ));
        assert_eq!(read(), (16_666_667, 5_000_000_000, 16));
        timetable.tell(None);
        assert_eq!(read().0, 0);
    }
}
