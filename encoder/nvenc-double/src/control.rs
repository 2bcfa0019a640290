//! What the double is told, and what it tells: files beside the library.
//!
//! | line of `control` | meaning | without |
//! |---|---|---|
//! | `devices = 0` | cards that CUDA finds | 1 |
//! | `engine = none` | cards without an encoder, as data-centre cards are | one |
//! | `sessions = 1` | encoding sessions at once, of all processes | 8 |
//! | `lost_after = 120` | a session's card is lost after so many pictures were read | never |
//! | `lost = yes` | the card is lost | no |
//! | `slow_ms = 40` | each picture takes so much longer | 0 |
//! | `api = 11.0` | version of the interface that the driver speaks | 11.1 |
//! | `least = 16x16` | the smallest picture | 145x49, as cards of today have it |
//! | `lacks = 28` | an ability (`NV_ENC_CAPS`) that the card does not have | none |

use crate::folder::{CONTROL, LOG, REPORT};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// How to behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    pub(crate) devices: i32,
    pub(crate) engine: bool,
    pub(crate) sessions: usize,
    pub(crate) lost_after: Option<u64>,
    pub(crate) lost: bool,
    pub(crate) slow: Duration,
    pub(crate) api: (u32, u32),
    pub(crate) least: (u32, u32),
    pub(crate) lacks: Vec<u32>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            devices: 1,
            engine: true,
            sessions: 8,
            lost_after: None,
            lost: false,
            slow: Duration::ZERO,
            api: (11, 1),
            least: (145, 49),
            lacks: Vec::new(),
        }
    }
}

impl Control {
    /// As the file says at this moment.
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(place().join(CONTROL)).unwrap_or_default();
        Self::parse(&text).unwrap_or_else(|line| {
            broken(
                "control",
                &format!("the control file has a line that means nothing: {line}"),
            );
            Self::default()
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut control = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            control.set(line).ok_or_else(|| line.to_owned())?;
        }
        Ok(control)
    }

    fn set(&mut self, line: &str) -> Option<()> {
        let (key, value) = line.split_once('=')?;
        let value = value.trim();
        match key.trim() {
            "devices" => self.devices = value.parse().ok()?,
            "engine" => self.engine = value != "none",
            "sessions" => self.sessions = value.parse().ok()?,
            "lost_after" => self.lost_after = Some(value.parse().ok()?),
            "lost" => self.lost = value == "yes",
            "slow_ms" => self.slow = Duration::from_millis(value.parse().ok()?),
            "api" => self.api = pair(value, '.')?,
            "least" => self.least = pair(value, 'x')?,
            "lacks" => self.lacks.push(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

fn pair(value: &str, by: char) -> Option<(u32, u32)> {
    let (a, b) = value.split_once(by)?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

/// Notes a rule that a client broke.
pub(crate) fn broken(call: &str, rule: &str) {
    append(REPORT, &format!("{call}: {rule}"));
}

/// Notes what happened.
pub(crate) fn happened(what: &str) {
    append(LOG, what);
}

fn append(file: &str, line: &str) {
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .open(place().join(file));
    // A program whose folder is gone is at its end.
    if let Ok(mut file) = opened {
        drop(file.write_all(format!("{line}\n").as_bytes()));
    }
}

/// One of the card's sessions, of all processes; given back when dropped, and when the process ends however it ends.
#[derive(Debug)]
pub(crate) struct Slot {
    _held: File,
}

impl Slot {
    /// `None`: all are taken.
    pub(crate) fn take(of: usize) -> Option<Self> {
        (0..of).find_map(|n| {
            let file = File::create(place().join(format!("session-{n}"))).ok()?;
            lock(&file).then_some(Self { _held: file })
        })
    }
}

fn lock(file: &File) -> bool {
    #[expect(
        unsafe_code,
        reason = "the standard library has no lock that does not wait in this version"
    )]
    // SAFETY: the descriptor is open.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    result == 0
}

/// The folder this library was loaded from.
fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let own: fn() -> &'static Path = place;
        #[expect(unsafe_code, reason = "only the loader knows where this library came from")]
        // SAFETY: the structure is one of plain pointers that the call fills.
        let file = unsafe {
            let mut found: libc::Dl_info = std::mem::zeroed();
            if libc::dladdr(own as *const libc::c_void, &raw mut found) == 0 || found.dli_fname.is_null() {
                return PathBuf::from(".");
            }
            std::ffi::CStr::from_ptr(found.dli_fname)
                .to_string_lossy()
                .into_owned()
        };
        Path::new(&file)
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn a_control_file_says_what_differs() {
        let read = Control::parse("sessions = 1\nlost_after = 3\n\nleast = 16x16\napi=11.0\n").unwrap();
        let expected = Control {
            sessions: 1,
            lost_after: Some(3),
            least: (16, 16),
            api: (11, 0),
            ..Control::default()
        };
        assert_eq!(read, expected);
        assert_eq!(Control::parse("session = 1"), Err("session = 1".to_owned()));
    }
}
