//! What a host knows of a home of its own: which version it is, and whose session may have changed it since.

use crate::Error;
use firstlight_saves::{Held, Newest};
use firstlight_units::TitleId;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Written before a session may change the home, so that what a killed engine left is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Card {
    /// What the home was when it was last the same as the cell's.
    pub(super) version: u64,
    pub(super) sha256: String,
    /// The session that plays with it, or did last, under which fence.
    pub(super) session: String,
    pub(super) fence: u64,
    /// The session may have changed it, and the cell does not have that yet.
    pub(super) open: bool,
    /// What of the home persists.
    pub(super) paths: Vec<PathBuf>,
}

/// What a session that starts is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The home as it is here.
    Here,
    /// What the cell has.
    Fetch,
    /// Nothing: the player has removed it.
    Nothing,
}

/// Chooses between what is here and what the cell has. What is here is the newest, or came out of it, where the card says that it was;
/// and where the cell never had anything.
pub(super) fn choose(card: Option<&Card>, is_here: bool, newest: &Newest) -> Choice {
    let same = card.is_some_and(|card| card.version == newest.version && card.sha256 == newest.sha256);
    if newest.version == 0 || (same && (is_here || newest.sha256.is_empty())) {
        Choice::Here
    } else if newest.sha256.is_empty() {
        Choice::Nothing
    } else {
        Choice::Fetch
    }
}

impl Card {
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        match fs::read(path) {
            // One that is damaged says nothing: the cell's version is taken.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::path(path)(error)),
        }
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Error> {
        let next = path.with_extension("next");
        let body = serde_json::to_vec(self).unwrap_or_default();
        fs::write(&next, body).map_err(Error::path(&next))?;
        fs::rename(&next, path).map_err(Error::path(path))
    }

    pub(super) fn held(&self) -> Option<Held> {
        Some(Held {
            session: self.session.parse().ok()?,
            fence: self.fence,
        })
    }
}

/// All cards of a folder, with whose they are.
pub(super) fn all(folder: &Path) -> Vec<(String, TitleId, Card)> {
    let mut found = Vec::new();
    for player in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = player.file_name().into_string() else {
            continue;
        };
        for file in fs::read_dir(player.path()).into_iter().flatten().flatten() {
            let path = file.path();
            let is_card = path.extension().is_some_and(|extension| extension == "json");
            let title = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            let card = Card::read(&path).ok().flatten();
            if let (true, Some(title), Some(card)) = (is_card, title, card) {
                found.push((name.clone(), title, card));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(version: u64, sha256: &str) -> Newest {
        Newest {
            version,
            sha256: sha256.into(),
            bytes: 1,
            settled: true,
        }
    }

    fn card(version: u64, sha256: &str) -> Card {
        Card {
            version,
            sha256: sha256.into(),
            ..Card::default()
        }
    }

    #[test]
    fn what_is_here_is_taken_where_it_came_out_of_the_newest() {
        assert_eq!(choose(None, true, &newest(0, "")), Choice::Here);
        assert_eq!(choose(Some(&card(3, "a")), true, &newest(3, "a")), Choice::Here);
        // Of another cell's store, where numbers are the same.
        assert_eq!(choose(Some(&card(3, "b")), true, &newest(3, "a")), Choice::Fetch);
        assert_eq!(choose(Some(&card(2, "a")), true, &newest(3, "a")), Choice::Fetch);
        assert_eq!(choose(None, true, &newest(3, "a")), Choice::Fetch);
        // Somebody has emptied the folder.
        assert_eq!(choose(Some(&card(3, "a")), false, &newest(3, "a")), Choice::Fetch);
    }

    #[test]
    fn what_its_player_has_removed_does_not_come_back() {
        assert_eq!(choose(Some(&card(3, "a")), true, &newest(4, "")), Choice::Nothing);
        assert_eq!(choose(None, true, &newest(4, "")), Choice::Nothing);
        assert_eq!(choose(Some(&card(4, "")), true, &newest(4, "")), Choice::Here);
    }

    #[test]
    fn cards_are_read_as_they_were_written_and_damage_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("p1");
        fs::create_dir(&folder).unwrap();
        let (path, known) = (folder.join("doom.json"), card(3, "a"));
        assert_eq!(Card::read(&path).unwrap(), None);
        known.write(&path).unwrap();
        fs::write(folder.join("worse.json"), "{").unwrap();
        assert_eq!(Card::read(&path).unwrap(), Some(known.clone()));
        assert_eq!(
            all(dir.path()),
            [("p1".to_owned(), "doom".parse().unwrap(), known)]
        );
    }
}
