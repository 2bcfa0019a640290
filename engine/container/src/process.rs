//! A session's processes: starting them, and finding what they became.

use crate::cgroup::Cgroups;
use crate::ffi::Entry;
use crate::ipc::Memory;
use crate::keeper::Keeper;
use crate::run_dir::Register;
use crate::tail::Tail;
use crate::{Error, clock, ffi, sandbox};
use firstlight_units::{Micros, Timestamp};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::PipeReader;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// Starts the processes of one session, in its cgroup and bound to its keeper.
#[derive(Debug)]
pub(crate) struct Launcher {
    pub(crate) keeper: Keeper,
    pub(crate) cgroups: Option<Cgroups>,
    pub(crate) memory: Memory,
    pub(crate) register: Register,
}

/// What a process is to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The title's own; its standard output goes to its tail.
    App,
    /// The X server; its standard output goes to the caller.
    Display,
    /// The sound server.
    Sound,
    /// Its recorder; its standard output goes to the caller.
    Recorder,
}

/// A running process and the last lines it wrote. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    exit: Option<ExitStatus>,
    tail: Tail,
}

impl Launcher {
    /// What a sandbox for app or display must do about shared memory.
    pub(crate) fn memory(&self) -> sandbox::Memory {
        if self.memory.is_shared() {
            sandbox::Memory::Session
        } else {
            sandbox::Memory::Own
        }
    }

    pub(crate) fn launch(
        &self,
        what: &'static str,
        mut command: Command,
        role: Role,
    ) -> Result<(Process, Option<PipeReader>), Error> {
        let (reader, writer) = std::io::pipe().map_err(Error::start(what))?;
        command.stderr(writer.try_clone().map_err(Error::start(what))?);
        let stdout = match role {
            Role::App | Role::Sound => {
                command.stdout(writer);
                None
            }
            Role::Display | Role::Recorder => {
                let (stdout, writer) = std::io::pipe().map_err(Error::start(what))?;
                command.stdout(writer);
                Some(stdout)
            }
        };
        let groups = self.cgroups.as_ref();
        let door = groups.map(|groups| groups.of(role).door()).transpose()?;
        let shares = matches!(role, Role::App | Role::Display);
        let entry = if shares { self.memory.entry()? } else { Entry::Stay };
        command.env(MARK, self.register.mark());
        ffi::bind_to_thread(&mut command, door.into_iter().collect(), entry);
        let tail = Tail::follow(reader)?;
        let child = self.keeper.spawn(command).map_err(Error::start(what))?;
        let process = Process {
            child,
            exit: None,
            tail,
        };
        if shares {
            self.memory.on_started(&process.child)?;
        }
        self.register.add(process.id())?;
        Ok((process, stdout))
    }
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// How it ended, if it has.
    pub(crate) fn poll_exit(&mut self) -> Option<ExitStatus> {
        if self.exit.is_none() {
            self.exit = self.child.try_wait().unwrap_or_default();
        }
        self.exit
    }

    /// Waits for its end, at most until `deadline`.
    pub(crate) fn wait_exit(&mut self, deadline: Timestamp) -> Option<ExitStatus> {
        while self.poll_exit().is_none() && clock::now() < deadline {
            std::thread::sleep(LOOK_AGAIN);
        }
        self.exit
    }

    /// Kills it and everything in its sandbox: bubblewrap's death takes the sandbox's first process along, and that one's
    /// the whole process namespace.
    pub(crate) fn kill(&mut self) -> Option<ExitStatus> {
        if self.poll_exit().is_none() {
            if let Err(error) = self.child.kill() {
                tracing::debug!(%error, "a process was gone before it was killed");
            }
            self.exit = self.child.wait().ok();
        }
        if !self.tail.wait_end(clock::now() + END_MAX) {
            tracing::warn!(pid = self.child.id(), "a killed process still holds its output");
        }
        self.exit
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends `signal` to a process that may have ended by itself: that is as good.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let sent = i32::try_from(pid).map(|pid| kill(Pid::from_raw(pid), signal));
    if let Ok(Err(error)) = sent {
        tracing::debug!(pid, %error, "a process was gone before its signal");
    }
}

/// Kills every process that was started with `mark` in its environment and is left; `true` if none is.
///
/// bubblewrap binds the sandbox's first process to its own life only some moments after its birth: killed before that, it
/// leaves an orphan that waits for it for ever. The environment of that process is still the one that was given.
pub(crate) fn end_marked(mark: &str) -> bool {
    let entry = format!("{MARK}={mark}");
    let carries = |pid: &u32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|e| e == entry.as_bytes())
    };
    let deadline = clock::now() + END_MAX;
    loop {
        let left: Vec<u32> = all().filter(carries).collect();
        if left.is_empty() {
            return true;
        }
        if clock::now() >= deadline {
            return false;
        }
        for pid in left {
            signal(pid, Signal::SIGKILL);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// The processes `roots` and all that descend from them, parents before children.
pub(crate) fn descendants(roots: &[u32]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in all() {
        if let Some(parent) = stat(pid).map(|s| s.parent) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found: Vec<u32> = roots.iter().copied().filter(|pid| stat(*pid).is_some()).collect();
    let mut seen: BTreeSet<u32> = found.iter().copied().collect();
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        let born = children
            .get(pid)
            .into_iter()
            .flatten()
            .copied()
            .filter(|child| seen.insert(*child));
        let born: Vec<u32> = born.collect();
        found.extend(born);
        next += 1;
    }
    found
}

/// The threads of a process.
pub(crate) fn threads(pid: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// What `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// `R`, `S`, `T`, `Z`, …
    pub(crate) state: char,
    pub(crate) parent: u32,
    /// Clock ticks that it had a processor for, threads included.
    pub(crate) spent: u64,
    /// Clock ticks after boot; with the pid it names a process for good.
    pub(crate) started: u64,
}

/// `None` if there is no such process.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(line: &str) -> Option<Stat> {
    // The name, in parentheses, may hold anything, parentheses included.
    let mut fields = line.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // Fields 14, 15 and 22; `state` is field 3.
    let user: u64 = fields.nth(9)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let started = fields.nth(6)?.parse().ok()?;
    Some(Stat {
        state,
        parent,
        spent: user.saturating_add(system),
        started,
    })
}

fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The variable that marks a session's processes.
const MARK: &str = "FIRSTLIGHT_CONTAINER";
/// A killed process lets go of its pipes within a scheduler round or two; this is for a machine in trouble.
const END_MAX: Micros = Micros::from_secs(1);
/// Between two looks at a child that is about to end: `SIGCHLD` belongs to the whole process, not to this crate.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_hides_nothing() {
        let line = "7 (a) b) c) T 3 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4242 9 9";
        assert_eq!(
            parse_stat(line),
            Some(Stat {
                state: 'T',
                parent: 3,
                spent: 11,
                started: 4242
            })
        );
        assert_eq!(parse_stat("7 (x"), None);
    }

    #[test]
    fn this_process_descends_from_its_parent() {
        let me = std::process::id();
        let parent = stat(me).unwrap().parent;
        let family = descendants(&[parent]);
        assert_eq!(family.first(), Some(&parent));
        assert!(family.contains(&me));
    }
}
