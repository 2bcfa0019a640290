//! The session's cgroup: what freezes, counts and ends all its processes at once.
//!
//! Works with cgroup v2, alone or beside v1 controllers (`/sys/fs/cgroup/unified`), and with a v1 freezer. The container keeps
//! its processes in child groups of the one it is given: what a freeze stops (app and sound) in one, the display, which goes
//! on answering, in the other. The worker may live in the given one and is not frozen.

use crate::Error;
use crate::clock;
use crate::process::{Role, signal};
use firstlight_units::{Micros, Timestamp};
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::Signal;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The groups of one container.
#[derive(Debug)]
pub(crate) struct Cgroups {
    /// Stopped by a freeze.
    pub(crate) app: Cgroup,
    /// Never stopped.
    pub(crate) display: Cgroup,
}

impl Cgroups {
    /// Makes the groups in `parent`, which is made if it is missing and is ours.
    pub(crate) fn make(parent: &Path) -> Result<Self, Error> {
        make_folder(parent)?;
        Ok(Self {
            app: Cgroup::make(parent.join(APP))?,
            display: Cgroup::make(parent.join(DISPLAY))?,
        })
    }

    /// Where a process belongs.
    pub(crate) fn of(&self, role: Role) -> &Cgroup {
        match role {
            Role::App | Role::Sound | Role::Recorder => &self.app,
            Role::Display => &self.display,
        }
    }

    /// Kills every process in them and removes them. `true` if they are gone.
    pub(crate) fn end(&self) -> bool {
        let app = self.app.end();
        self.display.end() && app
    }

    /// Ends what a dead container left in `parent`, and `parent` if nothing else is in it. `true` if all is gone.
    pub(crate) fn sweep(parent: &Path) -> bool {
        let ended = [APP, DISPLAY].map(|name| {
            let folder = parent.join(name);
            !folder.exists() || Cgroup::open(folder).is_ok_and(|group| group.end())
        });
        ended == [true, true] && (!parent.exists() || fs::remove_dir(parent).is_ok())
    }
}

/// A cgroup that holds the processes of one container and nothing else.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// `cgroup.freeze`, `cgroup.events`, `cgroup.kill`.
    Two,
    /// `freezer.state`. A frozen process ignores even SIGKILL until it is thawed.
    One,
}

impl Cgroup {
    fn make(folder: PathBuf) -> Result<Self, Error> {
        make_folder(&folder)?;
        Self::open(folder)
    }

    fn open(folder: PathBuf) -> Result<Self, Error> {
        let version = if folder.join(V2_FREEZE).exists() {
            Version::Two
        } else if folder.join(V1_STATE).exists() {
            Version::One
        } else {
            return Err(Error::Cgroup {
                path: folder,
                source: io::ErrorKind::Unsupported.into(),
            });
        };
        Ok(Self { folder, version })
    }

    /// A process that writes `0` here joins.
    pub(crate) fn door(&self) -> Result<OwnedFd, Error> {
        let path = self.folder.join(PROCS);
        let file = OpenOptions::new().write(true).open(&path);
        file.map(OwnedFd::from)
            .map_err(|source| Error::Cgroup { path, source })
    }

    /// Stops every process; returns when all of them have stopped.
    pub(crate) fn freeze(&self) -> Result<(), Error> {
        self.turn("freeze", "1", "FROZEN", "frozen 1")
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) -> Result<(), Error> {
        self.turn("thaw", "0", "THAWED", "frozen 0")
    }

    fn turn(&self, what: &'static str, v2: &str, v1: &str, event: &str) -> Result<(), Error> {
        let deadline = clock::now() + FREEZE_MAX;
        let done = match self.version {
            Version::Two => {
                self.write(V2_FREEZE, v2)?;
                self.await_event(event, deadline)?
            }
            Version::One => {
                self.write(V1_STATE, v1)?;
                self.await_state(v1, deadline)?
            }
        };
        if done {
            Ok(())
        } else {
            Err(Error::Freezer {
                what,
                within: FREEZE_MAX.into(),
            })
        }
    }

    /// Kills every process in the group and removes it. `true` if it is gone.
    pub(crate) fn end(&self) -> bool {
        // Best effort: a group that cannot be killed cannot be removed either, and that is what the caller is told.
        if self.version == Version::One {
            drop(self.write(V1_STATE, "THAWED"));
        }
        if self.write(V2_KILL, "1").is_err() {
            self.kill_each();
        }
        let deadline = clock::now() + END_MAX;
        if self.version == Version::Two {
            drop(self.await_event("populated 0", deadline));
        }
        loop {
            match fs::remove_dir(&self.folder) {
                Ok(()) => return true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
                Err(_) if clock::now() < deadline => std::thread::sleep(LOOK_AGAIN),
                Err(_) => return false,
            }
        }
    }

    fn kill_each(&self) {
        let procs = fs::read_to_string(self.folder.join(PROCS)).unwrap_or_default();
        for pid in procs.lines().filter_map(|line| line.parse().ok()) {
            signal(pid, Signal::SIGKILL);
        }
    }

    fn write(&self, file: &str, value: &str) -> Result<(), Error> {
        let path = self.folder.join(file);
        let written = OpenOptions::new().write(true).open(&path).and_then(|mut f| {
            use std::io::Write;
            f.write_all(value.as_bytes())
        });
        written.map_err(|source| Error::Cgroup { path, source })
    }

    /// Waits until `cgroup.events` holds `line`; the kernel says when the file changes. `false` past the deadline.
    fn await_event(&self, line: &str, deadline: Timestamp) -> Result<bool, Error> {
        let path = self.folder.join("cgroup.events");
        let failed = |source| Error::Cgroup {
            path: path.clone(),
            source,
        };
        let mut file = File::open(&path).map_err(failed)?;
        loop {
            let mut text = String::new();
            file.rewind()
                .and_then(|()| file.read_to_string(&mut text))
                .map_err(failed)?;
            if text.lines().any(|l| l == line) {
                return Ok(true);
            }
            if clock::now() >= deadline {
                return Ok(false);
            }
            let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLPRI)];
            clock::wait_ready(&mut fds, Some(deadline)).map_err(|error| failed(error.into()))?;
        }
    }

    /// As [`Self::await_event`] for v1, which tells nobody: the state is looked at.
    fn await_state(&self, state: &str, deadline: Timestamp) -> Result<bool, Error> {
        let path = self.folder.join(V1_STATE);
        loop {
            let text = fs::read_to_string(&path).map_err(|source| Error::Cgroup {
                path: path.clone(),
                source,
            })?;
            if text.trim() == state {
                return Ok(true);
            }
            if clock::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    match fs::create_dir(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(Error::Cgroup {
            path: folder.to_owned(),
            source,
        }),
    }
}

/// Names of the groups below the one the host made.
const APP: &str = "app";
const DISPLAY: &str = "display";
const PROCS: &str = "cgroup.procs";
const V2_FREEZE: &str = "cgroup.freeze";
const V2_KILL: &str = "cgroup.kill";
const V1_STATE: &str = "freezer.state";
/// Freezing takes a millisecond or two; a process in an uninterruptible wait may need its device first.
const FREEZE_MAX: Micros = Micros::from_secs(2);
/// Killed processes of a busy machine.
const END_MAX: Micros = Micros::from_secs(2);
/// Only where the kernel offers nothing to wait on.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
