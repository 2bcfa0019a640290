//! Where sessions' private folders go: memory rather than disk, and closed to other users.

use nix::unistd::{AccessFlags, Uid, access};
use std::path::{Path, PathBuf};

/// The best place that this user may write to.
pub(crate) fn choose(data: &Path) -> PathBuf {
    if Uid::effective().is_root() && access("/run", AccessFlags::W_OK).is_ok() {
        return PathBuf::from("/run/firstlight");
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime
        .filter(|folder| folder.is_absolute() && access(folder, AccessFlags::W_OK).is_ok())
        .map_or_else(|| data.join("run"), |folder| folder.join("firstlight"))
}
