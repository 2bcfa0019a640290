//! From a home to an archive.

use super::Bounds;
use super::walk::{Found, Walk};
use crate::Error;
use flate2::Compression;
use flate2::write::GzEncoder;
use nix::sys::stat::FileStat;
use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use tar::{Builder, EntryType, Header};

/// An archive that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256, hex.
    pub sha256: String,
    /// Files in it.
    pub files: u64,
    /// Links, devices, pipes and sockets that are not.
    pub left_out: u64,
}

/// Packs what is at `paths` of a home into `to`.
///
/// # Errors
/// [`Error::TooLarge`]; [`Error::Changing`] when a file changed meanwhile; [`Error::Path`].
pub fn pack(home: &Path, paths: &[PathBuf], bounds: Bounds, to: impl Write) -> Result<Packed, Error> {
    let failed = || Error::path(home);
    // It writes no time and no name of its own.
    let mut tar = Builder::new(GzEncoder::new(Digesting::new(to), Compression::fast()));
    let mut files = 0;
    let mut walk = Walk::new(bounds, |path: &Path, found: Found<'_>| match found {
        Found::Folder(stat) => {
            let mut header = header(EntryType::Directory, stat, 0);
            tar.append_data(&mut header, path, io::empty())
                .map_err(Error::path(path))
        }
        Found::File(file, stat) => {
            files += 1;
            append(&mut tar, path, file, stat)
        }
    });
    walk.home(home, paths)?;
    let left_out = walk.left_out;
    let digesting = tar.into_inner().and_then(GzEncoder::finish).map_err(failed())?;
    let (bytes, sha256) = digesting.finish().map_err(failed())?;
    Ok(Packed {
        bytes,
        sha256,
        files,
        left_out,
    })
}

fn append<W: Write>(tar: &mut Builder<W>, path: &Path, file: File, stat: &FileStat) -> Result<(), Error> {
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    let mut header = header(EntryType::Regular, stat, size);
    let exactly = Exactly { file, left: size };
    tar.append_data(&mut header, path, exactly).map_err(|error| {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Error::Changing
        } else {
            Error::path(path)(error)
        }
    })
}

/// Nothing of the machine that it was packed on.
fn header(kind: EntryType, stat: &FileStat, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    let may_run = kind == EntryType::Directory || stat.st_mode & 0o100 != 0;
    header.set_mode(if may_run { 0o700 } else { 0o600 });
    // A folder's changes when it is unpacked.
    let at = if kind == EntryType::Directory {
        0
    } else {
        stat.st_mtime
    };
    header.set_mtime(u64::try_from(at).unwrap_or_default());
    header
}

/// As many bytes as the header says, or an error: a file that has become shorter.
struct Exactly {
    file: File,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || into.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.file.read(into.get_mut(..most).unwrap_or_default())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= super::walk::long(read);
        Ok(read)
    }
}

/// Counts and digests what is written.
struct Digesting<W> {
    to: W,
    bytes: u64,
    context: Context,
}

impl<W: Write> Digesting<W> {
    fn new(to: W) -> Self {
        Self {
            to,
            bytes: 0,
            context: Context::new(&SHA256),
        }
    }

    fn finish(mut self) -> io::Result<(u64, String)> {
        self.to.flush()?;
        Ok((self.bytes, crate::saves::hex(self.context.finish().as_ref())))
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.context.update(bytes.get(..written).unwrap_or_default());
        self.bytes += super::walk::long(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
