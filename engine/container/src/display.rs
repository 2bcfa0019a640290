//! The session's X server and connections to it.
//!
//! Xvfb runs in a sandbox of its own: its socket and lock exist only in the session's run folder, it has no network and so no
//! abstract socket anybody could reach, and only who holds the session's cookie gets in. Its keymap is evdev's, so a
//! Linux key code plus 8 is its key code.

use crate::framebuffer::{FOLDER, Framebuffer};
use crate::process::{Launcher, Process, Role};
use crate::sandbox::{Sandbox, User};
use crate::{Error, clock, socket};
use firstlight_units::Timestamp;
use nix::poll::{PollFd, PollFlags};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use x11rb::rust_connection::{DefaultStream, RustConnection};

/// A connection to the session's X server.
pub(crate) type Connection = RustConnection<DefaultStream>;

/// An X server that has been started and is not yet known to be ready.
#[derive(Debug)]
pub(crate) struct Starting {
    display: Display,
    ready: PipeReader,
}

/// A running X server.
#[derive(Debug)]
pub(crate) struct Display {
    pub(crate) process: Process,
    pub(crate) address: Address,
    pub(crate) framebuffer: Framebuffer,
}

/// Where and how to reach it.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    folder: PathBuf,
    number: u32,
    cookie: Cookie,
}

/// An MIT-MAGIC-COOKIE-1.
#[derive(Clone)]
struct Cookie([u8; 16]);

impl Cookie {
    fn random() -> Result<Self, Error> {
        let mut cookie = [0; 16];
        getrandom::fill(&mut cookie).map_err(|error| Error::Start {
            what: "the display",
            source: error
                .raw_os_error()
                .map_or_else(|| io::ErrorKind::Other.into(), io::Error::from_raw_os_error),
        })?;
        Ok(Self(cookie))
    }
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookie(..)")
    }
}

/// Starts Xvfb with one screen of `width` x `height` pixels, 24 bits deep.
pub(crate) fn start(
    launcher: &Launcher,
    (bwrap, xvfb): (&Path, &Path),
    run_dir: &Path,
    (width, height): (u16, u16),
) -> Result<Starting, Error> {
    let in_run_dir = |source| Error::RunDir {
        path: run_dir.to_owned(),
        source,
    };
    let folder = run_dir.join("display");
    DirBuilder::new()
        .mode(0o1777)
        .create(&folder)
        .map_err(in_run_dir)?;
    // The server refuses a socket folder that not everybody may write to; the run folder above keeps everybody out.
    fs::set_permissions(&folder, Permissions::from_mode(0o1777)).map_err(in_run_dir)?;
    let address = Address {
        folder,
        number: number(),
        cookie: Cookie::random()?,
    };
    let authority = run_dir.join(AUTHORITY);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&authority)
        .map_err(in_run_dir)?;
    file.write_all(&authority_entry(&address.cookie.0))
        .map_err(in_run_dir)?;

    let mut sandbox = Sandbox::new(User::Root, launcher.memory());
    sandbox.arg(["--unshare-net", "--as-pid-1"]);
    sandbox.share(&address.folder, SOCKETS);
    sandbox.show(&authority, "/run/firstlight/Xauthority");
    let framebuffer = Framebuffer::new()?;
    framebuffer.show(&mut sandbox);
    let (number, screen) = (format!(":{}", address.number), format!("{width}x{height}x24"));
    // -noreset: the server outlives its last client. -s 0: no screen saver.
    let args = [
        "-screen",
        "0",
        &screen,
        "-auth",
        "/run/firstlight/Xauthority",
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
        display: Display {
            process,
            address,
            framebuffer,
        },
        ready,
    })
}

impl Starting {
    /// Waits for the server to write its number: it listens then.
    pub(crate) fn wait_ready(mut self, deadline: Timestamp) -> Result<Display, Error> {
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

impl Address {
    /// The value of `DISPLAY`.
    pub(crate) fn name(&self) -> String {
        format!(":{}", self.number)
    }

    /// The server's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(self.socket_name())
    }

    /// The socket's path inside a sandbox.
    pub(crate) fn socket_inside(&self) -> PathBuf {
        Path::new(SOCKETS).join(self.socket_name())
    }

    fn socket_name(&self) -> String {
        format!("X{}", self.number)
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Result<Connection, Error> {
        let stream = socket::connect(&self.folder, OsStr::new(&self.socket_name()));
        let stream = stream
            .and_then(DefaultStream::from_unix_stream)
            .map_err(Error::system("connect"))?
            .0;
        let name = b"MIT-MAGIC-COOKIE-1".to_vec();
        Ok(RustConnection::connect_to_stream_with_auth_info(
            stream,
            0,
            name,
            self.cookie.0.to_vec(),
        )?)
    }

    /// Whether anybody listens: a server that has died refuses at once, however long its process takes to go.
    pub(crate) fn is_listening(&self) -> bool {
        socket::connect(&self.folder, OsStr::new(&self.socket_name())).is_ok()
    }
}

/// The number need only differ from displays that an app with network access could reach by an abstract socket, which are
/// desktops: low numbers.
fn number() -> u32 {
    1_000 + std::process::id() % 50_000
}

/// One entry of an Xauthority file: this cookie for every address and number (Xau: `FamilyWild`, empty strings).
fn authority_entry(cookie: &[u8; 16]) -> Vec<u8> {
    let mut entry = vec![0xff, 0xff, 0, 0, 0, 0, 0, 18];
    entry.extend_from_slice(b"MIT-MAGIC-COOKIE-1");
    entry.extend_from_slice(&[0, 16]);
    entry.extend_from_slice(cookie);
    entry
}

/// The cookie's file in the run folder.
pub(crate) const AUTHORITY: &str = "Xauthority";
/// Where X clients look for sockets.
const SOCKETS: &str = "/tmp/.X11-unix";
