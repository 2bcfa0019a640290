//! The host's folders: what lasts in the data folder, what does not below the run root.

use crate::Error;
use firstlight_units::TitleId;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The data folder, locked while this lives.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: Flock<File>,
}

impl DataFolder {
    /// Makes the folder if it is missing and takes it for this engine alone.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        private(path)?;
        // Workers have another working directory than the operator had when he named it.
        let path = path.canonicalize().map_err(Error::path(path))?;
        let file = path.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&file)
            .map_err(Error::path(file))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, _)| Error::InUse(path.clone()))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn leases(&self) -> PathBuf {
        self.path.join("leases.json")
    }

    /// Where parked copies keep what they write before they are anybody's: beside the players' homes, so that it can become one's.
    pub(crate) fn parked(&self) -> PathBuf {
        self.path.join("parked")
    }

    /// What is known of the players' homes, and what is on its way to or from the cell.
    pub(crate) fn saves(&self) -> PathBuf {
        self.path.join("saves")
    }

    /// What a player keeps of a title, made if it is missing.
    pub(crate) fn home(&self, player: &str, title: &TitleId) -> Result<PathBuf, Error> {
        let home = self.home_path(player, title);
        private(&home)?;
        Ok(home)
    }

    pub(crate) fn home_path(&self, player: &str, title: &TitleId) -> PathBuf {
        self.path.join("players").join(player).join(title.as_str())
    }
}

/// Makes `path` and what is missing above it, closed to other users.
pub(crate) fn private(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::path(path))
}

/// Removes a folder with everything in it, if it is there.
pub(crate) fn remove(path: &Path) {
    match fs::remove_dir_all(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "a session's folder was not removed"),
    }
}

/// Removes what sessions below `run_root` left whose worker is dead. Blocks.
pub(crate) fn sweep(run_root: &Path) {
    match firstlight_container::sweep(run_root) {
        Ok(swept) if swept.removed > 0 || swept.stuck > 0 => {
            tracing::info!(
                removed = swept.removed,
                stuck = swept.stuck,
                "removed what dead sessions left"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "what dead sessions left cannot be removed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_data_folder_serves_one_engine() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataFolder::open(dir.path()).unwrap();
        assert!(matches!(DataFolder::open(dir.path()), Err(Error::InUse(_))));
        drop(first);
        assert!(DataFolder::open(dir.path()).is_ok());
    }

    #[test]
    fn homes_are_closed_to_other_users() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataFolder::open(&dir.path().join("data")).unwrap();
        let home = data.home("p1", &"freedoom".parse().unwrap()).unwrap();
        assert!(home.ends_with("data/players/p1/freedoom"));
        assert_eq!(home.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
