//! From an archive to a home.

use super::walk::{is_plain, long};
use super::{Bounds, DEPTH_MAX, PATH_BYTES_MAX};
use crate::Error;
use flate2::read::GzDecoder;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tar::{Archive, Entry, EntryType};

/// Unpacks an archive into `to`, a folder that is empty and nobody else's; returns how many files there are. After an error the folder is
/// to be thrown away.
///
/// # Errors
/// [`Error::Archive`] for what no host packs: links, devices, names that lead elsewhere or come twice, what is cut off;
/// [`Error::TooLarge`]; [`Error::Path`] when a file cannot be written.
pub fn unpack(from: impl Read, to: &Path, bounds: Bounds) -> Result<u64, Error> {
    // Whatever it says of itself, no more comes out of it.
    let mut archive = Archive::new(GzDecoder::new(from).take(bounds.tar_bytes()));
    let mut count = Count {
        bounds,
        bytes: 0,
        entries: 0,
        files: 0,
    };
    for entry in archive.entries().map_err(|_| damaged())? {
        put(entry.map_err(|_| damaged())?, to, &mut count)?;
    }
    Ok(count.files)
}

struct Count {
    bounds: Bounds,
    bytes: u64,
    entries: u64,
    files: u64,
}

fn put(mut entry: Entry<'_, impl Read>, to: &Path, count: &mut Count) -> Result<(), Error> {
    let path = entry.path().map_err(|_| damaged())?.into_owned();
    if !is_plain(&path) {
        return Err(Error::Archive("a name leads out of the home"));
    }
    let size = entry.header().size().map_err(|_| damaged())?;
    let kind = entry.header().entry_type();
    count.add(&path, if kind == EntryType::Regular { size } else { 0 })?;
    let whole = to.join(&path);
    if kind == EntryType::Directory {
        private(&whole)
    } else if kind == EntryType::Regular {
        count.files += 1;
        write(&mut entry, &whole, size)
    } else {
        Err(Error::Archive("it holds something that is no file and no folder"))
    }
}

impl Count {
    fn add(&mut self, path: &Path, bytes: u64) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.entries += 1;
        let checks = [
            ("the archive's bytes", self.bytes, self.bounds.bytes),
            (
                "the archive's files and folders",
                self.entries,
                self.bounds.entries,
            ),
            (
                "a path's bytes",
                long(path.as_os_str().len()),
                long(PATH_BYTES_MAX),
            ),
            // As many as a home has, and those of the manifest's own path.
            (
                "folders in each other",
                long(path.components().count()),
                long(2 * DEPTH_MAX),
            ),
        ];
        match checks.into_iter().find(|(_, given, most)| given > most) {
            Some((what, given, most)) => Err(Error::TooLarge { what, given, most }),
            None => Ok(()),
        }
    }
}

fn write(entry: &mut Entry<'_, impl Read>, path: &Path, size: u64) -> Result<(), Error> {
    if let Some(above) = path.parent() {
        private(above)?;
    }
    let may_run = entry.header().mode().unwrap_or_default() & 0o100 != 0;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(if may_run { 0o700 } else { 0o600 })
        .open(path)
        .map_err(twice(path))?;
    let copied = copy(entry, &mut file, path)?;
    if copied != size {
        return Err(damaged());
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(entry.header().mtime().unwrap_or_default()));
    if let Some(at) = at
        && let Err(error) = file.set_modified(at)
    {
        // A year that this file system has not.
        tracing::debug!(path = %path.display(), %error, "a saved file's time was not kept");
    }
    Ok(())
}

/// What cannot be read is the archive's fault, and what cannot be written this machine's.
fn copy(from: &mut impl Read, to: &mut fs::File, path: &Path) -> Result<u64, Error> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut copied = 0;
    loop {
        let read = from.read(&mut buffer).map_err(|_| damaged())?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(copied);
        }
        io::Write::write_all(to, bytes).map_err(Error::path(path))?;
        copied += long(read);
    }
}

fn private(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(twice(path))
}

/// In a folder that was empty, what is there already came out of the same archive.
fn twice(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path: PathBuf = path.to_owned();
    move |error| {
        use io::ErrorKind as Kind;
        let kind = error.kind();
        if matches!(
            kind,
            Kind::AlreadyExists | Kind::NotADirectory | Kind::IsADirectory
        ) {
            Error::Archive("a name comes twice")
        } else if matches!(kind, Kind::InvalidInput | Kind::InvalidFilename) {
            Error::Archive("a name is none")
        } else {
            Error::path(path)(error)
        }
    }
}

const fn damaged() -> Error {
    Error::Archive("it cannot be read")
}

const BUFFER_BYTES: usize = 64 * 1024;
