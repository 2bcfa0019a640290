//! What this machine grants for keeping sessions apart, and what takes its place where it does not.

use crate::ipc::Memory;
use crate::keeper::Keeper;
use crate::tools::{DisplayTool, Tools};
use firstlight_title::DisplayKind;
use nix::unistd::{AccessFlags, access};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What [`isolate`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolation {
    /// The programs that every container needs.
    pub programs: Grant,
    /// The sandbox: namespaces of users, processes and mounts.
    pub sandbox: Grant,
    /// Memory that a session's app and display share with nobody else.
    pub shared_memory: Grant,
    /// Programs for X11 on displays of Wayland, which show others without.
    pub xwayland: Grant,
    /// Groups of processes that are frozen and killed at once.
    pub cgroup: Grant,
    /// Where such groups may be made: one folder per session below it.
    pub cgroup_root: Option<PathBuf>,
}

/// Whether the machine grants something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// It does; how.
    Yes(String),
    /// It does not; why, and what is done instead.
    No(String),
}

impl Grant {
    /// Whether it does.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Yes(_))
    }

    /// How, or why not.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::Yes(words) | Self::No(words) => words,
        }
    }
}

impl Isolation {
    /// Whether a container can be started at all.
    #[must_use]
    pub fn can_start(&self) -> bool {
        self.programs.is_granted() && self.sandbox.is_granted()
    }
}

/// Finds out what this machine grants, by trying; takes some milliseconds.
#[must_use]
pub fn isolate() -> Isolation {
    let (cgroup, cgroup_root) = cgroup();
    let tools = match Tools::find(DisplayKind::X11, true) {
        Ok(tools) => tools,
        Err(error) => {
            let unknown = || Grant::No("not tried: a program is missing".into());
            return Isolation {
                programs: Grant::No(error.to_string()),
                sandbox: unknown(),
                shared_memory: unknown(),
                xwayland: xwayland(),
                cgroup,
                cgroup_root,
            };
        }
    };
    Isolation {
        programs: Grant::Yes("bubblewrap, Xvfb, PulseAudio".into()),
        sandbox: sandbox(&tools.bwrap),
        shared_memory: shared_memory(&tools.bwrap),
        xwayland: xwayland(),
        cgroup,
        cgroup_root,
    }
}

/// Makes the namespaces that every sandbox has, around a program that ends at once.
fn sandbox(bwrap: &Path) -> Grant {
    let mut command = Command::new(bwrap);
    command.args([
        "--unshare-user",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-ipc",
    ]);
    command.args(["--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--"]);
    command.arg(bwrap).arg("--version").stdin(Stdio::null());
    match command.output() {
        Ok(output) if output.status.success() => Grant::Yes("bubblewrap in namespaces of its own".into()),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            let line = words.lines().last().unwrap_or("it ended without a word");
            Grant::No(format!("{line}: no title can be started"))
        }
        Err(error) => Grant::No(format!("{error}: no title can be started")),
    }
}

fn shared_memory(bwrap: &Path) -> Grant {
    match Keeper::new().map(|keeper| Memory::find(&keeper, bwrap)) {
        Ok(Memory::Inherited) => Grant::Yes("an IPC namespace per session".into()),
        Ok(Memory::Joined(_)) => Grant::Yes("an IPC namespace per session, in a user namespace".into()),
        Ok(Memory::Apart) | Err(_) => {
            Grant::No("no IPC namespace: apps draw through their socket, which costs more".into())
        }
    }
}

fn xwayland() -> Grant {
    let tools = Tools::find(DisplayKind::Wayland, false).map(|tools| tools.display);
    match tools {
        Ok(DisplayTool::Xwayland(Some(_))) => Grant::Yes("a compositor of our own, and Xwayland for X11 programs".into()),
        Ok(_) => Grant::No(
            "a compositor of our own; Xwayland is not installed, so that X11 programs find no display there: apt-get install xwayland"
                .into(),
        ),
        Err(error) => Grant::No(error.to_string()),
    }
}

fn cgroup() -> (Grant, Option<PathBuf>) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    for (kind, folder) in candidates(&mounts, &own) {
        if let Some(words) = try_group(kind, &folder) {
            return (Grant::Yes(words), Some(folder));
        }
    }
    let words = "no cgroup may be made here: waiting sessions are frozen process by process";
    (Grant::No(words.into()), None)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Two,
    One,
}

/// This process's own groups that could hold others, best first.
fn candidates(mounts: &str, own: &str) -> Vec<(Kind, PathBuf)> {
    let mut found = Vec::new();
    for (kind, key) in [(Kind::Two, ""), (Kind::One, "freezer")] {
        let path = own.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            controllers.split(',').any(|c| c == key).then_some(path)
        });
        let mount = mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let [_, at, system, options, ..] = fields.as_slice() else {
                return None;
            };
            let fits = match kind {
                Kind::Two => *system == "cgroup2",
                Kind::One => *system == "cgroup" && options.split(',').any(|o| o == key),
            };
            fits.then_some(*at)
        });
        if let (Some(path), Some(mount)) = (path, mount) {
            found.push((kind, Path::new(mount).join(path.trim_start_matches('/'))));
        }
    }
    found
}

/// Makes a group, looks whether it can be frozen, and removes it.
fn try_group(kind: Kind, folder: &Path) -> Option<String> {
    // Processes are moved from here into groups below: that takes the right to write both.
    access(&folder.join("cgroup.procs"), AccessFlags::W_OK).ok()?;
    let probe = folder.join(format!("firstlight-probe-{}", std::process::id()));
    fs::create_dir(&probe).ok()?;
    let file = match kind {
        Kind::Two => "cgroup.freeze",
        Kind::One => "freezer.state",
    };
    let freezes = probe.join(file).exists();
    fs::remove_dir(&probe).ok()?;
    let words = match kind {
        Kind::Two => "cgroup v2",
        Kind::One => "cgroup v1 freezer",
    };
    freezes.then(|| words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_groups_are_found_in_each_layout() {
        let v2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        assert_eq!(
            candidates(v2, "0::/user.slice/a.scope\n"),
            [(Kind::Two, "/sys/fs/cgroup/user.slice/a.scope".into())]
        );
        let hybrid = "cgroup /sys/fs/cgroup/freezer cgroup rw,freezer 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(
            candidates(hybrid, "7:freezer:/x\n4:cpu,cpuacct:/\n0::/\n"),
            [
                (Kind::Two, "/sys/fs/cgroup/unified".into()),
                (Kind::One, "/sys/fs/cgroup/freezer/x".into())
            ]
        );
        assert_eq!(candidates("tmpfs /tmp tmpfs rw 0 0\n", "nonsense"), []);
    }
}
