//! Sockets in a folder, however long the folder's path is.

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Connects to `folder/name`.
pub(crate) fn connect(folder: &Path, name: &OsStr) -> io::Result<UnixStream> {
    through(folder, name, |path| UnixStream::connect(path))
}

/// Listens at `folder/name`. Whoever gets into the folder may connect.
pub(crate) fn listen(folder: &Path, name: &OsStr) -> io::Result<UnixListener> {
    through(folder, name, |path| {
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o777))?;
        Ok(listener)
    })
}

/// A socket's path holds at most 107 bytes, a run folder's may be longer: the way goes through the folder's descriptor.
fn through<T>(folder: &Path, name: &OsStr, go: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = open(
        folder,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let held = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
    go(&held.join(name))
}
