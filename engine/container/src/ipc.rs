//! One namespace of System V shared memory per session.
//!
//! MIT-SHM works only where app and X server share an IPC namespace; sessions must not share one with each other, nor with the
//! machine. Capture does not care: it works through passed descriptors.
//!
//! - With the privilege for it (root), the keeper thread leaves the machine's namespace, and what it starts is born in its own.
//! - An ordinary user gets one by way of a user namespace, which only a process with a single thread can enter: the display makes
//!   both between fork and exec, and the app joins the display's.
//! - Where user namespaces are refused, app and display get one each, and apps draw through their socket: correctly but slower.

use crate::ffi::Entry;
use crate::keeper::Keeper;
use crate::{Error, tools};
use nix::unistd::{getgid, getuid};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// How the session's processes get at their common shared memory.
#[derive(Debug)]
pub(crate) enum Memory {
    /// Every process is born in the session's namespace.
    Inherited,
    /// The first one makes it, the others join.
    Joined(OnceLock<Namespace>),
    /// There is none.
    Apart,
}

/// The namespaces that the display made.
#[derive(Debug)]
pub(crate) struct Namespace {
    user: File,
    ipc: File,
}

impl Memory {
    /// The best that this machine grants.
    pub(crate) fn find(keeper: &Keeper, bwrap: &Path) -> Self {
        if keeper.is_apart() {
            return Self::Inherited;
        }
        // bubblewrap stands for any program here: whether a process may make the namespaces shows before it begins.
        let mut probe = Command::new(bwrap);
        probe.arg("--version").stdin(Stdio::null());
        probe.stdout(Stdio::null()).stderr(Stdio::null());
        crate::ffi::bind_to_thread(&mut probe, Vec::new(), Self::make());
        match keeper.spawn(probe).and_then(|mut child| child.wait()) {
            Ok(_) => Self::Joined(OnceLock::new()),
            Err(error) => {
                tools::say_once(&format!(
                    "no shared memory between app and display ({error}): drawing costs more"
                ));
                Self::Apart
            }
        }
    }

    /// Whether app and display can share memory.
    pub(crate) fn is_shared(&self) -> bool {
        !matches!(self, Self::Apart)
    }

    /// The way in for the next process that belongs to it.
    pub(crate) fn entry(&self) -> Result<Entry, Error> {
        match self {
            Self::Inherited | Self::Apart => Ok(Entry::Stay),
            Self::Joined(made) => made.get().map_or_else(
                || Ok(Self::make()),
                |made| {
                    let user = made.user.try_clone().map_err(Error::system("dup"))?;
                    let ipc = made.ipc.try_clone().map_err(Error::system("dup"))?;
                    Ok(Entry::Join {
                        user: user.into(),
                        ipc: ipc.into(),
                    })
                },
            ),
        }
    }

    /// Notes that `child`, which belongs to it, was started.
    pub(crate) fn on_started(&self, child: &Child) -> Result<(), Error> {
        if let Self::Joined(made) = self
            && made.get().is_none()
        {
            let open = |kind| File::open(format!("/proc/{}/ns/{kind}", child.id()));
            let user = open("user").map_err(Error::system("open the user namespace"))?;
            let ipc = open("ipc").map_err(Error::system("open the IPC namespace"))?;
            drop(made.set(Namespace { user, ipc }));
        }
        Ok(())
    }

    fn make() -> Entry {
        let (uid, gid) = (getuid(), getgid());
        Entry::Make {
            uid_map: format!("{uid} {uid} 1"),
            gid_map: format!("{gid} {gid} 1"),
        }
    }
}
