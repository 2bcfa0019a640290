//! The programs of the system that a container is made with.

use crate::Error;
use firstlight_title::DisplayKind;
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where they are.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) bwrap: PathBuf,
    pub(crate) display: DisplayTool,
    /// The sound server and its recorder, for titles with sound.
    pub(crate) sound: Option<Sound>,
}

/// What a display is made with.
#[derive(Debug)]
pub(crate) enum DisplayTool {
    /// An X server that is the display.
    Xvfb(PathBuf),
    /// One for X11 programs on a Wayland display, which goes without where it is not installed.
    Xwayland(Option<PathBuf>),
}

/// The sound server's programs.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) server: PathBuf,
    pub(crate) recorder: PathBuf,
}

impl Tools {
    /// Looks in the folders of `PATH`.
    ///
    /// # Errors
    /// [`Error::Missing`], or [`Error::DisplayKind`] for a kind of display that this build has not.
    pub(crate) fn find(kind: DisplayKind, sound: bool) -> Result<Self, Error> {
        Self::find_in(&env::var_os("PATH").unwrap_or_default(), kind, sound)
    }

    fn find_in(path: &OsStr, kind: DisplayKind, sound: bool) -> Result<Self, Error> {
        let look = |program, name, package| {
            env::split_paths(path)
                .map(|folder| folder.join(name))
                .find(|file| is_executable(file))
                .ok_or(Error::Missing { program, package })
        };
        let sound = if sound {
            let server = look("PulseAudio", "pulseaudio", "pulseaudio")?;
            Some(Sound {
                server,
                recorder: look("parec", "parec", "pulseaudio-utils")?,
            })
        } else {
            None
        };
        let bwrap = look("bubblewrap", "bwrap", "bubblewrap")?;
        let display = match kind {
            DisplayKind::X11 => DisplayTool::Xvfb(look("Xvfb", "Xvfb", "xvfb")?),
            DisplayKind::Wayland => DisplayTool::Xwayland(look("Xwayland", "Xwayland", "xwayland").ok()),
            DisplayKind::Android => return Err(Error::DisplayKind(kind)),
        };
        Ok(Self {
            bwrap,
            display,
            sound,
        })
    }
}

/// Warns of what this machine refuses, in one line and once per process.
pub(crate) fn say_once(line: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    // The lines are few and fixed but for an error's text; the bound is for a machine whose errors never repeat.
    if said.len() < SAID_MAX && said.insert(line.to_owned()) {
        tracing::warn!("{line}");
    }
}

/// See [`say_once`].
const SAID_MAX: usize = 16;

/// Whether `file` is a file that somebody may execute.
pub(crate) fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_missing_is_named_with_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let missing = |sound| {
            Tools::find_in(folder.path().as_os_str(), DisplayKind::X11, sound)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            missing(true),
            "PulseAudio is not installed: apt-get install pulseaudio"
        );
        assert_eq!(
            missing(false),
            "bubblewrap is not installed: apt-get install bubblewrap"
        );
        let bwrap = folder.path().join("bwrap");
        fs::write(&bwrap, "").unwrap();
        fs::set_permissions(&bwrap, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(missing(false), "Xvfb is not installed: apt-get install xvfb");
    }

    #[test]
    fn a_wayland_display_goes_without_an_x_server_and_an_android_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let file = folder.path().join(name);
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        };
        let find = |kind| Tools::find_in(folder.path().as_os_str(), kind, false);
        put("bwrap");
        let without = find(DisplayKind::Wayland).unwrap();
        assert!(matches!(without.display, DisplayTool::Xwayland(None)));
        put("Xwayland");
        let with = find(DisplayKind::Wayland).unwrap();
        assert!(matches!(with.display, DisplayTool::Xwayland(Some(_))));
        assert!(matches!(find(DisplayKind::Android), Err(Error::DisplayKind(_))));
    }
}
