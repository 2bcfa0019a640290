//! Connecting to a socket in a folder, however long the folder's path is.

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Connects to `folder/name`. A socket's path holds at most 107 bytes, a run folder's may be longer: the way goes through
/// the folder's descriptor.
pub(crate) fn connect(folder: &Path, name: &OsStr) -> io::Result<UnixStream> {
    let folder = open(
        folder,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    UnixStream::connect(
        Path::new("/proc/self/fd")
            .join(folder.as_raw_fd().to_string())
            .join(name),
    )
}
