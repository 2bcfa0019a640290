//! The titles' folder, read again when it may have changed.

use crate::Error;
use firstlight_cell::{Bounds, Spec, TitleTerms};
use firstlight_title::{Entry, MANIFEST, Policy, Profile, Title, catalogue};
use firstlight_units::Micros;
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

impl Listed {
    /// What its publisher sets for where it is played.
    pub(crate) fn terms(&self) -> TitleTerms {
        let Title {
            display,
            place,
            run,
            warm,
            ..
        } = &self.title;
        let pixels = u64::from(display.width) * u64::from(display.height) * u64::from(display.fps);
        TitleTerms {
            policy: match place.policy {
                Policy::Cheapest => firstlight_cell::Policy::Cheapest,
                Policy::BestExperience => firstlight_cell::Policy::BestExperience,
                Policy::BestOverall => firstlight_cell::Policy::BestOverall,
            },
            need: Spec {
                kilopixels_per_s: u32::try_from(pixels / 1000).unwrap_or(u32::MAX),
                memory_mib: 0,
            },
            price_max: place.price_max_cents.map(|cents| cents.saturating_mul(1000)),
            rtt_max: place.rtt_max_ms.map(|ms| Micros::from_millis(ms.into())),
            fetchable: false,
            // One that must know its player when it boots is parked for nobody.
            parked: if run.profile == Profile::Boot {
                Bounds::default()
            } else {
                Bounds {
                    min: warm.parked,
                    max: warm.parked_max,
                }
            },
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(lines: &str) -> TitleTerms {
        let text =
            format!("id = \"a\"\nname = \"A\"\nversion = \"1\"\n[run]\ncommand = [\"/bin/true\"]\n{lines}");
        let title = firstlight_title::parse(&text, Path::new("title.toml")).unwrap();
        let dir = PathBuf::new();
        Listed { title, dir }.terms()
    }

    #[test]
    fn what_a_manifest_says_of_hosts_is_what_they_are_chosen_by() {
        let silent = TitleTerms {
            need: Spec {
                kilopixels_per_s: 55_296,
                memory_mib: 0,
            },
            ..TitleTerms::default()
        };
        assert_eq!(terms(""), silent);
        let said = terms(
            "[display]\nwidth = 1920\nheight = 1080\n[warm]\nparked = 2\n\
             [place]\npolicy = \"cheapest\"\nprice_max_cents = 40\nrtt_max_ms = 60\n",
        );
        assert_eq!(said.policy, firstlight_cell::Policy::Cheapest);
        assert_eq!(said.need.kilopixels_per_s, 124_416);
        assert_eq!(said.price_max, Some(40_000));
        assert_eq!(said.rtt_max, Some(Micros::from_millis(60)));
        assert_eq!(said.parked, Bounds { min: 2, max: 8 });
    }

    #[test]
    fn a_title_that_is_read_at_boot_is_kept_ready_nowhere() {
        assert_eq!(
            terms("profile = \"boot\"\n[warm]\nparked = 2\n").parked,
            Bounds::default()
        );
    }
}
