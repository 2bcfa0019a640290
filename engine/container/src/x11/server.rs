//! The session's X server.
//!
//! Xvfb runs in a sandbox of its own: its socket and lock exist only in the session's run folder, it has no network and so no
//! abstract socket anybody could reach, and only who holds the session's cookie gets in. Its keymap is evdev's, so a
//! Linux key code plus 8 is its key code.

use super::address::{AUTHORITY_INSIDE, Address, SOCKETS};
use super::capture::Capture;
use super::extent::Extent;
use super::framebuffer::{FOLDER, Framebuffer};
use super::resize::Resizer;
use crate::process::{Launcher, Process, Role};
use crate::sandbox::{Sandbox, User};
use crate::{Error, clock};
use firstlight_units::Timestamp;
use nix::poll::{PollFd, PollFlags};
use std::io::{self, PipeReader, Read};
use std::os::fd::AsFd;
use std::path::Path;

/// An X server that has been started and is not yet known to be ready.
#[derive(Debug)]
pub(crate) struct Starting {
    display: Server,
    ready: PipeReader,
}

/// A running X server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: Address,
    pub(crate) extent: Extent,
    framebuffer: Framebuffer,
    /// The screen's size may change, up to what there is memory for.
    resizes: bool,
}

impl Server {
    /// Its picture, over a connection of its own.
    pub(crate) fn capture(&self, fps: u16) -> Result<Capture, Error> {
        Capture::open((&self.address, &self.framebuffer), &self.extent, fps)
    }

    /// What changes its size, over a connection of its own; `None` where it has one size for ever.
    pub(crate) fn resizer(&self) -> Result<Option<Resizer>, Error> {
        self.resizes
            .then(|| Resizer::open(&self.address, &self.extent))
            .transpose()
    }
}

/// Starts Xvfb with one screen of that many pixels, 24 bits deep. With `most` it can be resized, up to that.
pub(crate) fn start(
    launcher: &Launcher,
    (bwrap, xvfb): (&Path, &Path),
    run_dir: &Path,
    (size, most): ((u16, u16), Option<(u16, u16)>),
) -> Result<Starting, Error> {
    let address = Address::make(run_dir)?;
    let mut sandbox = Sandbox::new(User::Root, launcher.memory());
    sandbox.arg(["--unshare-net", "--as-pid-1"]);
    sandbox.share(&address.folder, SOCKETS);
    address.show_authority(&mut sandbox);
    let framebuffer = Framebuffer::new()?;
    framebuffer.show(&mut sandbox);
    let (width, height) = most.unwrap_or(size);
    let (number, screen) = (address.name(), format!("{width}x{height}x24"));
    // -noreset: the server outlives its last client. -s 0: no screen saver.
    let args = [
        "-screen",
        "0",
        &screen,
        "-auth",
        AUTHORITY_INSIDE,
        "-displayfd",
        "1",
        "-fbdir",
        FOLDER,
    ];
    let quiet = [
        "-nolisten",
        "tcp",
        "-nolisten",
        "local",
        "-noreset",
        "-s",
        "0",
        "-dpms",
    ];
    let args = std::iter::once(number.as_str()).chain(args).chain(quiet);
    let mut command = sandbox.command(bwrap, xvfb.as_os_str(), args);
    framebuffer.hand_to(&mut command);
    let (process, ready) = launcher.launch("the display", command, Role::Display)?;
    let ready = ready.ok_or_else(|| Error::Display("no output".into()))?;
    Ok(Starting {
        display: Server {
            process,
            address,
            extent: Extent::new(size),
            framebuffer,
            resizes: most.is_some(),
        },
        ready,
    })
}

impl Starting {
    /// Waits for the server to write its number: it listens then.
    pub(crate) fn wait_ready(mut self, deadline: Timestamp) -> Result<Server, Error> {
        let mut line = Vec::new();
        while !line.contains(&b'\n') {
            let mut fds = [PollFd::new(self.ready.as_fd(), PollFlags::POLLIN)];
            clock::wait_ready(&mut fds, Some(deadline)).map_err(Error::system("poll"))?;
            let mut buffer = [0; 16];
            let readable = fds.iter().any(|fd| fd.any() == Some(true));
            match if readable {
                self.ready.read(&mut buffer)
            } else {
                Ok(0)
            } {
                Ok(0) if readable || clock::now() >= deadline => return Err(self.failed(readable)),
                Ok(n) => line.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::System { what: "read", source }),
            }
        }
        // Nobody else is there to see it as large as it was started.
        if let Some(mut resizer) = self.display.resizer()? {
            resizer.resize(self.display.extent.get())?;
        }
        Ok(self.display)
    }

    fn failed(mut self, ended: bool) -> Error {
        self.display.process.kill();
        let tail = self.display.process.tail();
        let line = tail.last_line(if ended {
            "Xvfb ended without a word"
        } else {
            "Xvfb did not answer in time"
        });
        if line.starts_with("bwrap: ") {
            Error::Sandbox(line)
        } else {
            Error::Display(line)
        }
    }
}
