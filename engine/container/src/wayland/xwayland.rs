//! The X server for X11 programs on a Wayland display.
//!
//! Xwayland runs in a sandbox of its own, as Xvfb does. It is a client of the compositor by a descriptor that it inherits, and the
//! compositor manages its windows through another; apps find it by a socket that is there before it is, so that nobody waits for its
//! start.

use crate::process::{Launcher, Process, Role};
use crate::sandbox::{Sandbox, User};
use crate::x11::Address;
use crate::{Error, ffi};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use smithay::reexports::wayland_server::Client;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

/// A running X server.
#[derive(Debug)]
pub(super) struct Xwayland {
    pub(super) process: Process,
    pub(super) address: Address,
}

/// The compositor's ends of its connections with it.
#[derive(Debug)]
pub(super) struct Ends {
    /// Its connection as a Wayland client, until that is made one.
    pub(super) wayland: Option<UnixStream>,
    /// And the client.
    pub(super) client: Option<Client>,
    /// For the window manager.
    pub(super) manager: UnixStream,
    /// Says a line when it is ready.
    ready: PipeReader,
}

/// Starts it; apps may connect when this returns.
pub(super) fn start(
    launcher: &Launcher,
    (bwrap, program): (&Path, &Path),
    run_dir: &Path,
) -> Result<(Xwayland, Ends), Error> {
    let address = Address::make(run_dir)?;
    let listener = address.listen()?;
    let pair = || UnixStream::pair().map_err(Error::system("socketpair"));
    let ((wayland, its_wayland), (manager, its_manager)) = (pair()?, pair()?);
    let handed: [Arc<OwnedFd>; 3] = [
        Arc::new(its_wayland.into()),
        Arc::new(its_manager.into()),
        Arc::new(listener.into()),
    ];
    let [socket, wm, listen] = handed.each_ref().map(|fd| fd.as_raw_fd().to_string());

    let mut sandbox = Sandbox::new(User::Root, launcher.memory());
    sandbox.arg(["--unshare-net", "--as-pid-1"]);
    address.show_authority(&mut sandbox);
    sandbox.env("WAYLAND_SOCKET", socket);
    let name = address.name();
    // -rootless: each window is a surface. -shm: memory that the compositor reads, not a GPU's. -noreset: it outlives its last client.
    let args = [
        name.as_str(),
        "-rootless",
        "-shm",
        "-noreset",
        "-auth",
        Address::authority_inside(),
        "-wm",
        &wm,
        "-listenfd",
        &listen,
        "-displayfd",
        "1",
    ];
    let mut command = sandbox.command(bwrap, program.as_os_str(), args);
    for fd in &handed {
        ffi::hand_down(&mut command, Arc::clone(fd));
    }
    let (process, ready) = launcher.launch("the X server", command, Role::Display)?;
    let ready = ready.ok_or_else(|| Error::Display("no output".into()))?;
    fcntl(&ready, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(Error::system("fcntl"))?;
    let ends = Ends {
        wayland: Some(wayland),
        client: None,
        manager,
        ready,
    };
    Ok((Xwayland { process, address }, ends))
}

impl Ends {
    /// What to wait for.
    pub(super) fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// Whether the server answers.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn is_ready(&mut self) -> Result<bool, Error> {
        let mut buffer = [0; 64];
        match self.ready.read(&mut buffer) {
            Ok(0) => Err(Error::Display("Xwayland ended before it was ready".into())),
            Ok(read) => Ok(buffer.iter().take(read).any(|byte| *byte == b'\n')),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(false)
            }
            Err(source) => Err(Error::System { what: "read", source }),
        }
    }
}
