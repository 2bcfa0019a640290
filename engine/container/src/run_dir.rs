//! A session's private folder, and what is left when an engine was killed.

use crate::Error;
use crate::cgroup::Cgroups;
use crate::clock;
use crate::process::{end_marked, signal, stat};
use firstlight_units::Micros;
use nix::sys::signal::Signal;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder; removed with everything in it when dropped.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Takes possession of `path`, which must be missing or empty, and marks it.
    pub(crate) fn take(path: &Path, cgroup: Option<&Path>) -> Result<Self, Error> {
        let failed = |source| Error::RunDir {
            path: path.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(failed(io::ErrorKind::DirectoryNotEmpty.into()));
        }
        let marker = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path.join(MARKER));
        let mut marker = marker.map_err(failed)?;
        let dir = Self {
            path: path.to_owned(),
        };
        let owner = std::process::id();
        let started = stat(owner).map_or(0, |s| s.started);
        marker
            .write_all(format!("{owner} {started}\n").as_bytes())
            .map_err(failed)?;
        marker
            .write_all(cgroup.map_or(&b""[..], |path| path.as_os_str().as_bytes()))
            .map_err(failed)?;
        Ok(dir)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the run folder was not removed");
        }
    }
}

/// The processes that were started, by number and start time, and the mark that they and their children carry: a second net
/// below the kernel's, drawn in when it is dropped and by [`sweep`].
#[derive(Debug)]
pub(crate) struct Register {
    path: PathBuf,
    mark: String,
}

impl Register {
    pub(crate) fn new(run_dir: &Path) -> Result<Self, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Start {
            what: "the container",
            source: error
                .raw_os_error()
                .map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error),
        })?;
        let mark = format!("{:032x}", u128::from_be_bytes(random));
        let path = run_dir.join(MARK);
        fs::write(&path, &mark).map_err(|source| Error::RunDir { path, source })?;
        Ok(Self {
            path: run_dir.join(PROCESSES),
            mark,
        })
    }

    /// What the session's processes carry in their environment.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    pub(crate) fn add(&self, pid: u32) -> Result<(), Error> {
        let started = stat(pid).map_or(0, |s| s.started);
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path);
        file.and_then(|mut file| file.write_all(format!("{pid} {started}\n").as_bytes()))
            .map_err(|source| Error::RunDir {
                path: self.path.clone(),
                source,
            })
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        if !end_marked(&self.mark) {
            tracing::warn!("processes of the container are left");
        }
    }
}

/// What [`sweep`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Folders of dead sessions that were removed.
    pub removed: usize,
    /// Folders whose worker is alive: left alone.
    pub alive: usize,
    /// Folders or cgroups of dead sessions that could not be removed.
    pub stuck: usize,
}

/// Removes what sessions below `run_root` left whose worker is dead: their processes, their cgroups and their folders. Only touches
/// folders that carry a container's mark; a missing `run_root` holds none. Blocks for at most some seconds per session that
/// does not die.
///
/// # Errors
/// [`Error::RunRoot`] when `run_root` exists and cannot be read. What cannot be removed is counted and logged, not an error.
pub fn sweep(run_root: &Path) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    let entries = match fs::read_dir(run_root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(swept),
        Err(source) => {
            return Err(Error::RunRoot {
                path: run_root.to_owned(),
                source,
            });
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        // A link is not followed: it could point at anything.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let Some(mark) = Mark::read(&path) else { continue };
        if mark.is_alive() {
            swept.alive += 1;
        } else if end(&path, &mark) {
            swept.removed += 1;
        } else {
            swept.stuck += 1;
        }
    }
    Ok(swept)
}

/// Ends the dead session in `path`; `true` if nothing is left.
fn end(path: &Path, mark: &Mark) -> bool {
    // The group first: a frozen process does not even die before it is thawed.
    let ended = mark.cgroup.as_deref().is_none_or(Cgroups::sweep);
    let killed = kill_registered(path);
    let mark = fs::read_to_string(path.join(MARK)).unwrap_or_default();
    let unmarked = mark.is_empty() || end_marked(&mark);
    if !(ended && killed && unmarked) {
        tracing::warn!(path = %path.display(), "processes of a dead session are left");
        return false;
    }
    match fs::remove_dir_all(path) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a dead session's folder was not removed");
            false
        }
    }
}

/// Kills what the register names and is still the process it names; `true` if nothing of it is left.
fn kill_registered(run_dir: &Path) -> bool {
    let text = fs::read_to_string(run_dir.join(PROCESSES)).unwrap_or_default();
    let named = text.lines().filter_map(|line| {
        let (pid, started) = line.split_once(' ')?;
        Some((pid.parse::<u32>().ok()?, started.parse::<u64>().ok()?))
    });
    let lives = |(pid, started): &(u32, u64)| {
        stat(*pid).is_some_and(|s| s.started == *started && !matches!(s.state, 'Z' | 'X'))
    };
    let living: Vec<_> = named.filter(lives).collect();
    for (pid, _) in &living {
        signal(*pid, Signal::SIGKILL);
    }
    let deadline = clock::now() + END_MAX;
    while living.iter().any(lives) {
        if clock::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    true
}

/// What a marker says.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    owner: u32,
    started: u64,
    cgroup: Option<PathBuf>,
}

impl Mark {
    fn read(folder: &Path) -> Option<Self> {
        Self::parse(&fs::read(folder.join(MARKER)).ok()?)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|b| *b == b'\n')?;
        let (line, rest) = bytes.split_at(end);
        let (owner, started) = std::str::from_utf8(line).ok()?.split_once(' ')?;
        let path = rest.get(1..).filter(|path| !path.is_empty());
        let cgroup = path.map(|path| PathBuf::from(std::ffi::OsString::from_vec(path.to_vec())));
        Some(Self {
            owner: owner.parse().ok()?,
            started: started.parse().ok()?,
            cgroup,
        })
    }

    /// The worker lives: a process of its number that started when it did.
    fn is_alive(&self) -> bool {
        stat(self.owner).is_some_and(|s| s.started == self.started && s.state != 'Z')
    }
}

/// What makes a folder ours.
const MARKER: &str = ".firstlight-container";
/// The mark's file.
const MARK: &str = "mark";
/// The register's file.
const PROCESSES: &str = "processes";
/// Killed processes of a busy machine.
const END_MAX: Micros = Micros::from_secs(2);
/// A process that is not our child tells nobody here that it ended.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_folders_of_the_dead_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let mine = root.path().join("mine");
        let alive = RunDir::take(&mine, None).unwrap();
        for name in ["dead", "stranger", "spoilt"] {
            DirBuilder::new().create(root.path().join(name)).unwrap();
        }
        // No process starts at tick 1: that is the kernel's time.
        fs::write(
            root.path().join("dead").join(MARKER),
            format!("{} 1\n", std::process::id()),
        )
        .unwrap();
        fs::write(root.path().join("spoilt").join(MARKER), "what").unwrap();
        std::os::unix::fs::symlink(root.path().join("dead"), root.path().join("link")).unwrap();
        assert_eq!(
            sweep(root.path()).unwrap(),
            Swept {
                removed: 1,
                alive: 1,
                stuck: 0
            }
        );
        assert!(
            mine.exists() && root.path().join("stranger").exists() && root.path().join("spoilt").exists()
        );
        assert!(!root.path().join("dead").exists());
        drop(alive);
        assert!(!mine.exists());
        assert_eq!(sweep(&root.path().join("nowhere")).unwrap(), Swept::default());
    }

    #[test]
    fn a_folder_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x"), "").unwrap();
        assert!(matches!(
            RunDir::take(dir.path(), None),
            Err(Error::RunDir { .. })
        ));
        assert!(dir.path().join("x").exists());
    }

    #[test]
    fn a_mark_tells_owner_and_cgroup() {
        let mark = Mark::parse(b"12 345\n/sys/fs/cgroup/a b").unwrap();
        assert_eq!(
            mark,
            Mark {
                owner: 12,
                started: 345,
                cgroup: Some("/sys/fs/cgroup/a b".into())
            }
        );
        assert_eq!(Mark::parse(b"12 345\n").unwrap().cgroup, None);
    }
}
