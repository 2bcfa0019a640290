//! What persists of a player's home: finding it, and moving a parked copy into it.
//!
//! ```text
//! cold:   keep(home, path)            -> folder of the player, bound into the sandbox at the start
//! parked: keep(scratch, path)         -> empty folder, bound at the boot
//!         move_in(scratch, home, path):  scratch/path -> home/path.next   (one rename: the mount follows the folder)
//!                                        home/path/*  -> home/path.next   (one rename each)
//!                                        home/path.next -> home/path      (one rename: nothing is left of the old one)
//! ```
//!
//! A mount holds on to the folder, not to its name: once the copy's folder has the player's name and content, what the app writes
//! lands with the player at once, as after a cold start. Nothing is copied, and nothing needs a privilege.
//!
//! Invariants: what the player saved is in `path` or in `path.next` at every moment, and [`keep`] finishes what a death interrupted; where
//! both have a file of one name, the player's stays. Links are moved as links and never followed: every step is relative to an open
//! folder. Nobody else may use the player's folder meanwhile, which the host sees to, and the app is frozen.

use crate::Error;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, Flock, FlockArg, OFlag, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::ffi::{CStr, CString, OsString};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

/// The persistent paths relative to the home: `home/.local` and `.local` are the same. A path below another one is left
/// out: it persists anyway, and the app, who owns what is above it, could put a link in its place.
#[must_use]
pub fn persistent<P: AsRef<Path>>(paths: &[P]) -> Vec<PathBuf> {
    let clean = |path: &P| -> PathBuf {
        let parts = path
            .as_ref()
            .components()
            .filter(|part| *part != Component::CurDir);
        let path: PathBuf = parts.collect();
        path.strip_prefix("home").map(Path::to_owned).unwrap_or(path)
    };
    let mut clean: Vec<PathBuf> = paths.iter().map(clean).collect();
    // Parents sort before what is below them.
    clean.sort();
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in clean {
        if !kept.iter().any(|above| path.starts_with(above)) {
            kept.push(path);
        }
    }
    kept
}

/// Makes a persistent folder and those above it, following no link, and finishes a move of a parked copy's files that was interrupted.
///
/// # Errors
/// [`Error::Home`] when it cannot be made.
pub fn keep(home: &Path, path: &Path) -> Result<PathBuf, Error> {
    let _turn = lock(home)?;
    let kept = make(home, path)?;
    let next = next(&kept);
    if fs::symlink_metadata(&next).is_ok() {
        finish(&kept, &next).map_err(failed(&kept))?;
    }
    Ok(kept)
}

/// Gives the folder that a frozen app has at `path` of `scratch` to the player, with what the player has there.
pub(crate) fn move_in(scratch: &Path, home: &Path, path: &Path) -> Result<(), Error> {
    let kept = keep(home, path)?;
    let _turn = lock(home)?;
    let next = next(&kept);
    let from = scratch.join(path);
    fs::rename(&from, &next).map_err(failed(&from))?;
    finish(&kept, &next).map_err(failed(&kept))
}

/// Makes the home and keeps other sessions from putting it in order at the same time: a second start of the same player waits for the
/// milliseconds that this takes.
fn lock(home: &Path) -> Result<Flock<File>, Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(home)
        .map_err(failed(home))?;
    let folder = File::open(home).map_err(failed(home))?;
    Flock::lock(folder, FlockArg::LockExclusive).map_err(|(_, error)| failed(home)(error.into()))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Home { path, source }
}

fn make(home: &Path, path: &Path) -> Result<PathBuf, Error> {
    let refuse = |path: &Path| failed(path)(io::ErrorKind::InvalidInput.into());
    if !path.components().all(|part| matches!(part, Component::Normal(_))) || path.as_os_str().is_empty() {
        return Err(refuse(path));
    }
    let mut kept = home.to_owned();
    for part in path.components() {
        kept.push(part);
        match DirBuilder::new().mode(0o700).create(&kept) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(failed(&kept)(source)),
        }
        if fs::symlink_metadata(&kept).is_ok_and(|m| m.is_symlink()) {
            return Err(refuse(&kept));
        }
    }
    Ok(kept)
}

/// Beside the folder, so that it is on the same file system; above it are only folders that no app can write to.
fn next(kept: &Path) -> PathBuf {
    let mut name: OsString = kept.file_name().unwrap_or_default().to_owned();
    name.push(NEXT);
    kept.with_file_name(name)
}

/// Moves all of `kept` into `next`, and `next` to its place.
fn finish(kept: &Path, next: &Path) -> io::Result<()> {
    let old = open_folder(&AT_FDCWD, &c_string(kept)?)?;
    let new = open_folder(&AT_FDCWD, &c_string(next)?)?;
    merge(&old, &new, 0)?;
    // An empty folder is replaced by a rename.
    fs::rename(next, kept)
}

/// Moves what is in `from` to `to`. Folders that both have become one; of two other things with one name, that of `from` stays.
fn merge(from: &OwnedFd, to: &OwnedFd, depth: usize) -> nix::Result<()> {
    for name in names(from)? {
        let both_folders = is_folder(from, &name)? == Some(true) && is_folder(to, &name)? == Some(true);
        if both_folders && depth < DEPTH_MAX {
            merge(&open_folder(from, &name)?, &open_folder(to, &name)?, depth + 1)?;
            unlinkat(from, name.as_c_str(), UnlinkatFlags::RemoveDir)?;
        } else {
            remove(to, &name, depth)?;
            renameat(from, name.as_c_str(), to, name.as_c_str())?;
        }
    }
    Ok(())
}

fn remove(folder: &OwnedFd, name: &CStr, depth: usize) -> nix::Result<()> {
    match is_folder(folder, name)? {
        None => Ok(()),
        Some(false) => unlinkat(folder, name, UnlinkatFlags::NoRemoveDir),
        Some(true) if depth >= DEPTH_MAX => Err(Errno::ELOOP),
        Some(true) => {
            let inner = open_folder(folder, name)?;
            for name in names(&inner)? {
                remove(&inner, &name, depth + 1)?;
            }
            unlinkat(folder, name, UnlinkatFlags::RemoveDir)
        }
    }
}

/// `None`: there is nothing of this name.
fn is_folder(folder: &OwnedFd, name: &CStr) -> nix::Result<Option<bool>> {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => {
            let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
            Ok(Some(kind == SFlag::S_IFDIR))
        }
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn open_folder(at: &impl AsFd, name: &CStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

fn names(folder: &OwnedFd) -> nix::Result<Vec<CString>> {
    let again = open_folder(folder, c".")?;
    let mut found = Vec::new();
    for entry in Dir::from_fd(again)?.iter() {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            found.push(name);
        }
    }
    Ok(found)
}

fn c_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// What a folder is called until it has all that the player saved.
const NEXT: &str = ".firstlight-next";
/// A game's saved files are two or three deep; what is deeper belongs to somebody who tries something.
const DEPTH_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    #[test]
    fn persistent_paths_are_the_same_with_and_without_home() {
        let paths = ["home/.local", ".local/share", "./saves", "home/.config/x"].map(PathBuf::from);
        let expected = [".config/x", ".local", "saves"].map(PathBuf::from);
        assert_eq!(persistent(&paths), expected);
    }

    #[test]
    fn a_link_in_the_home_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        symlink("/etc", home.path().join("saves")).unwrap();
        for path in ["saves", "../x", ""] {
            assert!(matches!(
                keep(home.path(), Path::new(path)),
                Err(Error::Home { .. })
            ));
        }
        assert!(keep(home.path(), Path::new("a/b")).unwrap().is_dir());
    }

    /// A player's folder and a parked copy's, with files as `path = content`.
    struct Scene {
        root: TempDir,
    }

    impl Scene {
        fn new(player: &[(&str, &str)], copy: &[(&str, &str)]) -> Self {
            let scene = Self {
                root: tempfile::tempdir().unwrap(),
            };
            for (home, files) in [("player", player), ("copy", copy)] {
                keep(&scene.home(home), Path::new("a/saves")).unwrap();
                for (path, content) in files {
                    let file = scene.home(home).join("a/saves").join(path);
                    fs::create_dir_all(file.parent().unwrap()).unwrap();
                    fs::write(file, content).unwrap();
                }
            }
            scene
        }

        fn home(&self, name: &str) -> PathBuf {
            self.root.path().join(name)
        }

        fn move_in(&self) -> Result<(), Error> {
            move_in(&self.home("copy"), &self.home("player"), Path::new("a/saves"))
        }

        fn reads(&self, path: &str) -> Option<String> {
            fs::read_to_string(self.home("player").join("a/saves").join(path)).ok()
        }
    }

    #[test]
    fn the_player_s_files_win_and_what_only_the_copy_has_stays() {
        let scene = Scene::new(
            &[
                ("slot1", "mine"),
                ("deep/er/x", "mine"),
                ("was-file", "mine"),
                ("was-dir/y", "mine"),
            ],
            &[
                ("slot1", "boot"),
                ("deep/z", "boot"),
                ("was-file/in", "boot"),
                ("was-dir", "boot"),
                ("log", "boot"),
            ],
        );
        let held = File::open(scene.home("copy").join("a/saves")).unwrap();
        scene.move_in().unwrap();
        for path in ["slot1", "deep/er/x", "was-file", "was-dir/y"] {
            assert_eq!(scene.reads(path).as_deref(), Some("mine"), "{path}");
        }
        for path in ["deep/z", "log"] {
            assert_eq!(scene.reads(path).as_deref(), Some("boot"), "{path}");
        }
        assert!(!scene.home("copy").join("a/saves").exists());
        // What holds the copy's folder, as its mount does, holds the player's from here on.
        let inode = |m: fs::Metadata| std::os::unix::fs::MetadataExt::ino(&m);
        let kept = scene.home("player").join("a/saves").metadata().unwrap();
        assert_eq!(inode(held.metadata().unwrap()), inode(kept));
    }

    #[test]
    fn a_death_in_between_loses_nothing() {
        let scene = Scene::new(&[("slot1", "mine"), ("slot2", "mine")], &[("slot1", "boot")]);
        let kept = scene.home("player").join("a/saves");
        // As far as it came: the copy's folder is there, and half of the player's files are in it.
        fs::rename(scene.home("copy").join("a/saves"), next(&kept)).unwrap();
        fs::rename(kept.join("slot1"), next(&kept).join("slot1")).unwrap();
        keep(&scene.home("player"), Path::new("a/saves")).unwrap();
        assert_eq!(scene.reads("slot1").as_deref(), Some("mine"));
        assert_eq!(scene.reads("slot2").as_deref(), Some("mine"));
        assert!(!next(&kept).exists());
    }

    #[test]
    fn a_link_is_moved_and_never_followed() {
        let scene = Scene::new(&[], &[("dir/boot", "boot"), ("target/x", "boot")]);
        let outside = scene.root.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("x"), "secret").unwrap();
        symlink(&outside, scene.home("player").join("a/saves/target")).unwrap();
        symlink(&outside, scene.home("copy").join("a/saves/dir/out")).unwrap();
        fs::create_dir_all(scene.home("player").join("a/saves/dir/out")).unwrap();
        fs::write(scene.home("player").join("a/saves/dir/out/mine"), "mine").unwrap();
        scene.move_in().unwrap();
        assert_eq!(fs::read_to_string(outside.join("x")).unwrap(), "secret");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        let target = scene.home("player").join("a/saves/target");
        assert!(fs::symlink_metadata(target).unwrap().is_symlink());
        assert_eq!(scene.reads("dir/out/mine").as_deref(), Some("mine"));
    }

    #[test]
    fn folders_without_end_are_refused_and_nothing_is_lost() {
        let deep = "d/".repeat(DEPTH_MAX + 8) + "x";
        let scene = Scene::new(
            &[(deep.as_str(), "mine"), ("slot1", "mine")],
            &[(deep.as_str(), "boot")],
        );
        let moved = scene.move_in();
        assert!(moved.is_err());
        let next = next(&scene.home("player").join("a/saves"));
        assert!(next.join("slot1").exists() || scene.reads("slot1").is_some());
    }
}
