//! Walks what a player's app may be writing to.

use super::{Bounds, DEPTH_MAX, PATH_BYTES_MAX};
use crate::Error;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use ring::digest::{Context, SHA256};
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// What is found.
pub(super) enum Found<'a> {
    Folder(&'a FileStat),
    File(File, &'a FileStat),
}

/// Changes when a file's content most likely has: names, sizes and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp([u8; 32]);

/// How the files at `paths` of a home are.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Path`].
pub fn stamp(home: &Path, paths: &[PathBuf], bounds: Bounds) -> Result<Stamp, Error> {
    let mut context = Context::new(&SHA256);
    let mut walk = Walk::new(bounds, |path: &Path, found: Found<'_>| {
        let (Found::Folder(stat) | Found::File(_, stat)) = found;
        context.update(path.as_os_str().as_bytes());
        for number in [
            i64::from(stat.st_mode),
            stat.st_size,
            stat.st_mtime,
            stat.st_mtime_nsec,
        ] {
            context.update(&number.to_be_bytes());
        }
        Ok(())
    });
    walk.home(home, paths)?;
    let mut stamp = [0; 32];
    stamp.copy_from_slice(context.finish().as_ref());
    Ok(Stamp(stamp))
}

/// Hands each file and folder to `each`, folders before what is in them, in the order of their names.
pub(super) struct Walk<F> {
    bounds: Bounds,
    each: F,
    /// Of all files so far.
    bytes: u64,
    entries: u64,
    /// Links, devices, pipes and sockets.
    pub(super) left_out: u64,
}

impl<F: FnMut(&Path, Found<'_>) -> Result<(), Error>> Walk<F> {
    pub(super) const fn new(bounds: Bounds, each: F) -> Self {
        Self {
            bounds,
            each,
            bytes: 0,
            entries: 0,
            left_out: 0,
        }
    }

    /// What is not there is left out.
    pub(super) fn home(&mut self, home: &Path, paths: &[PathBuf]) -> Result<(), Error> {
        let name = CString::new(home.as_os_str().as_bytes()).map_err(|_| nameless(home))?;
        let root = open_folder(&AT_FDCWD, &name).map_err(failed(home))?;
        for path in paths {
            if !is_plain(path) {
                return Err(nameless(path));
            }
            self.below(&root, path)?;
        }
        Ok(())
    }

    /// Goes down to `path` without following a link, and walks what is there.
    fn below(&mut self, root: &OwnedFd, path: &Path) -> Result<(), Error> {
        let mut names = Vec::new();
        for part in path.components() {
            names.push(CString::new(part.as_os_str().as_bytes()).map_err(|_| nameless(path))?);
        }
        let Some(last) = names.pop() else { return Ok(()) };
        let mut folder = root.try_clone().map_err(Error::path(path))?;
        for name in names {
            folder = match open_folder(&folder, &name) {
                Ok(inner) => inner,
                Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR) => return Ok(()),
                Err(error) => return Err(failed(path)(error)),
            };
        }
        self.entry(&folder, &last, path, 0)
    }

    fn entry(&mut self, folder: &OwnedFd, name: &CStr, path: &Path, depth: usize) -> Result<(), Error> {
        let Some(seen) = there(fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW)).map_err(failed(path))?
        else {
            return Ok(());
        };
        match kind(&seen) {
            SFlag::S_IFDIR => self.folder(folder, name, path, depth),
            SFlag::S_IFREG => self.file(folder, name, path),
            _ => {
                self.left_out += 1;
                Ok(())
            }
        }
    }

    fn folder(&mut self, above: &OwnedFd, name: &CStr, path: &Path, depth: usize) -> Result<(), Error> {
        let Some(inner) = there(open_folder(above, name)).map_err(failed(path))? else {
            return Ok(());
        };
        let stat = fstat(&inner).map_err(failed(path))?;
        self.count(path, 0, depth)?;
        (self.each)(path, Found::Folder(&stat))?;
        let mut names = names(&inner).map_err(failed(path))?;
        names.sort();
        for name in names {
            let path = path.join(OsStr::from_bytes(name.to_bytes()));
            self.entry(&inner, &name, &path, depth + 1)?;
        }
        Ok(())
    }

    fn file(&mut self, above: &OwnedFd, name: &CStr, path: &Path) -> Result<(), Error> {
        // Should it have become a pipe in between, nobody is waited for.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let Some(file) = there(openat(above, name, flags, Mode::empty())).map_err(failed(path))? else {
            return Ok(());
        };
        let stat = fstat(&file).map_err(failed(path))?;
        if kind(&stat) != SFlag::S_IFREG {
            self.left_out += 1;
            return Ok(());
        }
        self.count(path, u64::try_from(stat.st_size).unwrap_or_default(), 0)?;
        (self.each)(path, Found::File(file.into(), &stat))
    }

    fn count(&mut self, path: &Path, bytes: u64, depth: usize) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries += 1;
        let checks = [
            ("the saves' bytes", self.bytes, self.bounds.bytes),
            ("the saves' files and folders", self.entries, self.bounds.entries),
            (
                "a path's bytes",
                long(path.as_os_str().len()),
                long(PATH_BYTES_MAX),
            ),
            ("folders in each other", long(depth), long(DEPTH_MAX)),
        ];
        match checks.into_iter().find(|(_, given, most)| given > most) {
            Some((what, given, most)) => Err(Error::TooLarge { what, given, most }),
            None => Ok(()),
        }
    }
}

/// Names alone: nothing that leads elsewhere.
pub(super) fn is_plain(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

pub(super) fn long(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
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

/// What has gone, or become something else, since its name was read is nothing.
fn there<T>(done: nix::Result<T>) -> nix::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR | Errno::ENXIO) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(path: &Path) -> impl FnOnce(Errno) -> Error {
    let path = path.to_owned();
    move |errno| Error::Path {
        path,
        source: errno.into(),
    }
}

fn nameless(path: &Path) -> Error {
    Error::path(path)(io::ErrorKind::InvalidInput.into())
}
