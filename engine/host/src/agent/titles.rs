//! The titles that this host has, read again when they may have changed.

use crate::Warm;
use firstlight_fleet::messages::Installed;
use firstlight_title::{MANIFEST, Title, catalogue};
use firstlight_units::TitleId;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A folder of titles.
#[derive(Debug)]
pub struct Titles {
    dir: PathBuf,
    read: Mutex<Option<(Instant, Known)>>,
}

type Known = Arc<BTreeMap<TitleId, (Title, PathBuf)>>;

impl Titles {
    /// Of this folder.
    #[must_use]
    pub const fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            read: Mutex::new(None),
        }
    }

    /// The title and its folder. Reads the disk at most once a second.
    #[must_use]
    pub fn get(&self, id: &TitleId) -> Option<(Title, PathBuf)> {
        self.all().get(id).cloned()
    }

    pub(crate) fn installed(&self, warm: &[Warm]) -> Vec<Installed> {
        let all = self.all();
        let titles = all.values().map(|(title, _)| {
            let warm = warm.iter().find(|warm| warm.title == title.id);
            let boot = warm
                .and_then(|warm| warm.boot)
                .map_or(0, |boot| boot.as_micros() / 1000);
            Installed {
                id: title.id.clone(),
                version: title.version.clone(),
                parked: warm.map_or(0, |warm| warm.parked.into()),
                boot_ms: u32::try_from(boot).unwrap_or(u32::MAX).min(BOOT_MS_MAX),
            }
        });
        titles.collect()
    }

    fn all(&self) -> Known {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, known)) = &*read
            && at.elapsed() < STALE
        {
            return Arc::clone(known);
        }
        // A worker runs elsewhere, and a parked copy is of a whole path: where this cannot be had, the catalogue says why.
        let dir = self.dir.canonicalize().unwrap_or_else(|_| self.dir.clone());
        let known = match (catalogue(&dir), read.take()) {
            (Ok(entries), _) => {
                // A folder without a manifest is something else that lies there.
                let entries = entries
                    .into_iter()
                    .filter(|entry| entry.dir.join(MANIFEST).exists());
                let titles = entries.filter_map(|entry| Some((entry.title.ok()?, entry.dir)));
                Arc::new(
                    titles
                        .map(|(title, dir)| (title.id.clone(), (title, dir)))
                        .collect(),
                )
            }
            // What became unreadable keeps its last state.
            (Err(error), before) => {
                tracing::warn!(%error, "the titles' folder cannot be read");
                before.map(|(_, known)| known).unwrap_or_default()
            }
        };
        *read = Some((Instant::now(), Arc::clone(&known)));
        known
    }
}

/// A beat names no more.
const BOOT_MS_MAX: u32 = 3_600_000;
/// Reading some folders takes a fraction of a millisecond.
const STALE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_found_by_whoever_runs_in_another_folder() {
        // Tests run in their crate's folder.
        let titles = Titles::new(PathBuf::from("../../titles"));
        let (title, dir) = titles.get(&"beacon".parse().unwrap()).unwrap();
        assert_eq!(title.id.as_str(), "beacon");
        assert_eq!(dir, dir.canonicalize().unwrap());
    }
}
