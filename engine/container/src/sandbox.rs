//! What a process of a session may see: the arguments for bubblewrap.
//!
//! Nothing of the machine is visible but its programs and libraries, read-only; no process, socket, network or shared memory of
//! anybody else. What a process gets beyond that is bound in one by one.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A sandbox under construction.
#[derive(Debug)]
pub(crate) struct Sandbox {
    args: Vec<OsString>,
}

/// Who a process believes to be inside its sandbox; outside it is always the engine's own user, without privileges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// The X server insists that root owns its socket folder.
    Root,
    /// Everybody else: uid 1000.
    Player,
}

/// What shared memory a process sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The session's: app and display draw through it.
    Session,
    /// Its own.
    Own,
}

impl Sandbox {
    /// Programs and libraries, `/proc`, `/dev` and an empty `/tmp`; no network.
    pub(crate) fn new(user: User, memory: Memory) -> Self {
        let mut sandbox = Self {
            args: Vec::with_capacity(128),
        };
        let id = if user == User::Root { "0" } else { "1000" };
        sandbox.arg([
            "--die-with-parent",
            "--new-session",
            "--unshare-user",
            "--uid",
            id,
            "--gid",
            id,
        ]);
        sandbox.arg([
            "--unshare-pid",
            "--unshare-uts",
            "--hostname",
            "firstlight",
            "--unshare-cgroup-try",
        ]);
        if memory == Memory::Own {
            sandbox.arg(["--unshare-ipc"]);
        }
        sandbox.arg(["--ro-bind", "/usr", "/usr"]);
        for folder in ROOT_FOLDERS {
            let path = Path::new(folder);
            match fs::read_link(path) {
                Ok(target) => sandbox.arg([OsStr::new("--symlink"), target.as_os_str(), path.as_os_str()]),
                Err(_) if path.is_dir() => sandbox.arg(["--ro-bind", folder, folder]),
                Err(_) => {}
            }
        }
        sandbox.arg(["--proc", "/proc", "--dev", "/dev"]);
        sandbox.tmpfs("/dev/shm", 256);
        sandbox.tmpfs("/tmp", 512);
        sandbox.env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/games:/usr/local/games");
        sandbox.env("LANG", "C.UTF-8");
        sandbox
    }

    /// Adds arguments of bubblewrap.
    pub(crate) fn arg<T: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = T>) {
        self.args
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
    }

    /// Memory-backed files, at most `mib` MiB.
    pub(crate) fn tmpfs(&mut self, at: &str, mib: u64) {
        self.arg([
            "--perms",
            "1777",
            "--size",
            &(mib << 20).to_string(),
            "--tmpfs",
            at,
        ]);
    }

    /// Makes `source` visible at `at`, read-only.
    pub(crate) fn show(&mut self, source: &Path, at: impl AsRef<OsStr>) {
        self.arg([OsStr::new("--ro-bind"), source.as_os_str(), at.as_ref()]);
    }

    /// Makes `path` visible where it is, read-only, if it exists.
    pub(crate) fn show_if_there(&mut self, path: &str) {
        self.arg(["--ro-bind-try", path, path]);
    }

    /// Makes the device `source` usable at `at`.
    pub(crate) fn device(&mut self, source: &Path, at: impl AsRef<OsStr>) {
        self.arg([OsStr::new("--dev-bind"), source.as_os_str(), at.as_ref()]);
    }

    /// Makes `source` writable at `at`.
    pub(crate) fn share(&mut self, source: &Path, at: impl AsRef<OsStr>) {
        self.arg([OsStr::new("--bind"), source.as_os_str(), at.as_ref()]);
    }

    /// Sets a variable of the environment inside. bubblewrap itself never sees it: a title's `LD_PRELOAD` must not run outside.
    pub(crate) fn env(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        self.arg([OsStr::new("--setenv"), name.as_ref(), value.as_ref()]);
    }

    /// The command that runs `program` inside.
    pub(crate) fn command<T: AsRef<OsStr>>(
        mut self,
        bwrap: &Path,
        program: &OsStr,
        args: impl IntoIterator<Item = T>,
    ) -> Command {
        // Everything a process may write to has a size; the root of the sandbox has none.
        self.arg(["--remount-ro", "/", "--"]);
        let mut command = Command::new(bwrap);
        command.args(self.args).arg(program).args(args);
        command.env_clear();
        command.stdin(Stdio::null()).current_dir("/");
        command
    }
}

/// Folders of the root that hold programs and libraries, symbolic links into /usr on a merged system.
const ROOT_FOLDERS: [&str; 6] = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// Whether a program at this absolute path is visible inside.
pub(crate) fn is_visible(program: &Path) -> bool {
    program.starts_with("/usr") || ROOT_FOLDERS.iter().any(|folder| program.starts_with(folder))
}
