//! Blobs in a folder: of one machine, or one that the gateways of a cell share.
//!
//! ```text
//! PATH/ab/BLOB/0, 1, 2 …       ab: two digits of the name's digest, so that no folder grows without end
//! ```

use super::{BlobEntry, Blobs, check, check_piece};
use crate::Error;
use crate::identity::hex;
use async_trait::async_trait;
use bytes::Bytes;
use firstlight_units::{Micros, WallTime};
use ring::digest::{SHA256, digest};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Blobs in a folder that only this user can read.
#[derive(Clone, Debug)]
pub struct FolderBlobs {
    path: PathBuf,
}

impl FolderBlobs {
    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when it cannot be used.
    pub async fn open(path: PathBuf) -> Result<Self, Error> {
        let made = path.clone();
        blocking(move || private(&made)).await?;
        Ok(Self { path })
    }

    fn folder(&self, blob: &str) -> PathBuf {
        let digest = hex(digest(&SHA256, blob.as_bytes()).as_ref());
        self.path.join(digest.get(..2).unwrap_or_default()).join(blob)
    }
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn write(&self, blob: &str, piece: u32, bytes: Bytes) -> Result<(), Error> {
        check_piece(blob, &bytes)?;
        let folder = self.folder(blob);
        blocking(move || {
            private(&folder)?;
            let (part, whole) = (
                folder.join(format!("{piece}.part")),
                folder.join(piece.to_string()),
            );
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&part)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&part, &whole)?;
            // The name is on the disk when its folder is, and the folder's when that above it is.
            File::open(&folder)?.sync_all()?;
            match folder.parent() {
                Some(above) if piece == 0 => File::open(above)?.sync_all(),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn read(&self, blob: &str, piece: u32) -> Result<Option<Bytes>, Error> {
        check(blob)?;
        let path = self.folder(blob).join(piece.to_string());
        blocking(move || found(fs::read(path)).map(|bytes| bytes.map(Bytes::from))).await
    }

    async fn remove(&self, blob: &str) -> Result<(), Error> {
        check(blob)?;
        let folder = self.folder(blob);
        blocking(move || found(fs::remove_dir_all(folder)).map(drop)).await
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<BlobEntry>, Error> {
        let (path, after) = (self.path.clone(), after.map(str::to_owned));
        blocking(move || {
            let mut names = Vec::new();
            for group in folders(&path)? {
                for blob in folders(&group)? {
                    let name = blob.file_name().and_then(|name| name.to_str()).map(str::to_owned);
                    let later = |name: &String| after.as_ref().is_none_or(|after| name > after);
                    names.extend(name.filter(later).map(|name| (name, blob)));
                }
            }
            names.sort();
            let entries = names.into_iter().take(limit).map(|(name, blob)| {
                Ok(BlobEntry {
                    name,
                    written_at: newest(&blob)?,
                })
            });
            entries.collect()
        })
        .await
    }

    async fn now(&self) -> Result<WallTime, Error> {
        Ok(wall(SystemTime::now()))
    }
}

fn private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What is not there is nothing.
fn found<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(entries) = found(fs::read_dir(path))? else {
        return Ok(Vec::new());
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// A rename into a folder is a change of it.
fn newest(blob: &Path) -> io::Result<WallTime> {
    let changed = found(fs::metadata(blob))?.map(|metadata| metadata.modified());
    changed.transpose().map(|at| at.map(wall).unwrap_or_default())
}

fn wall(at: SystemTime) -> WallTime {
    WallTime::from_micros(Micros::from(at.duration_since(UNIX_EPOCH).unwrap_or_default()).as_micros())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::Unreachable(Box::new(error))),
        Err(error) => Err(Error::Unreachable(Box::new(error))),
    }
}
