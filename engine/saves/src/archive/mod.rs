//! Archives of saves: a tar of files and folders in the order of their names, compressed with gzip.
//!
//! ```text
//! home/PATH/… ──walk (no link is followed)──> tar ──gzip──> bytes + SHA-256
//! bytes ──gzip──> tar ──names and sizes checked──> files in an empty folder
//! ```
//!
//! The same files give the same bytes, on every machine with the same engine. A file keeps its content, its time in seconds and
//! whether it may be run; owners, links, devices, sockets and pipes are not kept. A player's app owns what is walked and may change
//! it meanwhile: every step is relative to an open folder, and follows nothing.

mod pack;
mod unpack;
mod walk;

pub use pack::{Packed, pack};
pub use unpack::unpack;
pub use walk::{Stamp, stamp};

/// How much is kept of one player and title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files and folders.
    pub entries: u64,
}

impl Default for Bounds {
    /// 64 MiB in 4,096 files: a hundred times what most games save.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            entries: 4_096,
        }
    }
}

impl Bounds {
    /// Bytes of a tar of as much: each entry has a block of its own, fills its last one, and may have its name in two more.
    pub(crate) const fn tar_bytes(self) -> u64 {
        self.bytes + self.entries * 4 * 512 + TAIL_BYTES
    }

    /// Bytes of an archive at the most: what cannot be compressed grows by less than a hundredth.
    #[must_use]
    pub const fn archive_bytes(self) -> u64 {
        self.tar_bytes() + self.tar_bytes() / 100 + TAIL_BYTES
    }
}

/// Two empty blocks end a tar; an empty gzip has some bytes.
const TAIL_BYTES: u64 = 4_096;
/// Of a path within the home. Saves are two or three folders deep; what is deeper belongs to somebody who tries something.
const DEPTH_MAX: usize = 32;
const PATH_BYTES_MAX: usize = 1_000;
