//! The title as tests play it: its folder, with its program in it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the beacon, whose program is built and put there first where it is missing. One process at a time does that: tests
/// of several crates may begin side by side.
///
/// # Errors
/// When the folder cannot be locked or the program not be built.
pub fn folder() -> io::Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../..")
        .canonicalize()?;
    let folder = root.join("titles/beacon");
    // The manifest's own file: nothing is left behind, and whoever ends lets go.
    let lock = File::open(folder.join("title.toml"))?;
    lock.lock()?;
    if !folder.join("bin/beacon").exists() {
        let status = Command::new(root.join("scripts/stage-titles"))
            .arg("dev")
            .status()?;
        if !status.success() {
            return Err(io::Error::other("the beacon cannot be built"));
        }
    }
    Ok(folder)
}
