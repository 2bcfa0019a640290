//! The titles' folder, read again when it may have changed.

use crate::Error;
use firstlight_title::{Entry, MANIFEST, Title, catalogue};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A title and where it lies.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) title: Title,
    pub(crate) dir: PathBuf,
}

/// All titles of a folder.
#[derive(Debug)]
pub(crate) struct Titles {
    dir: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    at: Instant,
    titles: Arc<BTreeMap<String, Listed>>,
    refused: Vec<String>,
}

impl Titles {
    /// Reads the folder for the first time.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let dir = dir.canonicalize().map_err(|source| {
            Error::Titles(firstlight_title::Error::Read {
                file: dir.to_owned(),
                source,
            })
        })?;
        let entries = catalogue(&dir).map_err(Error::Titles)?;
        let (titles, refused) = sort(entries);
        let read = Read {
            at: Instant::now(),
            titles: Arc::new(titles),
            refused,
        };
        Ok(Self {
            dir,
            read: Mutex::new(read),
        })
    }

    /// The titles as they are on disk, at most [`STALE`] ago. What became unreadable keeps its last state.
    pub(crate) fn all(&self) -> Arc<BTreeMap<String, Listed>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.at.elapsed() >= STALE {
            read.at = Instant::now();
            match catalogue(&self.dir) {
                Ok(entries) => {
                    let (titles, refused) = sort(entries);
                    for line in refused.iter().filter(|line| !read.refused.contains(line)) {
                        tracing::warn!("{line}");
                    }
                    read.titles = Arc::new(titles);
                    read.refused = refused;
                }
                Err(error) => tracing::warn!(%error, "the titles' folder cannot be read"),
            }
        }
        Arc::clone(&read.titles)
    }

    /// Why some folders are no titles, one line each.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .refused
            .clone()
    }
}

fn sort(entries: Vec<Entry>) -> (BTreeMap<String, Listed>, Vec<String>) {
    let mut titles = BTreeMap::new();
    let mut refused = Vec::new();
    // A folder without a manifest is something else that lies there.
    for Entry { dir, title } in entries
        .into_iter()
        .filter(|entry| entry.dir.join(MANIFEST).exists())
    {
        match title {
            Ok(title) => {
                titles.insert(title.id.to_string(), Listed { title, dir });
            }
            Err(error) => refused.push(with_causes(&error)),
        }
    }
    (titles, refused)
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Reading some folders takes a fraction of a millisecond; more than one look a second shows nothing new to a person.
const STALE: Duration = Duration::from_secs(1);
