//! Where a session's X server is, and how to get in.

use crate::sandbox::Sandbox;
use crate::{Error, socket};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use x11rb::rust_connection::{DefaultStream, RustConnection};

/// A connection to the session's X server.
pub(crate) type Connection = RustConnection<DefaultStream>;

/// Where and how to reach it.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(super) folder: PathBuf,
    pub(super) number: u32,
    authority: PathBuf,
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

impl Address {
    /// Makes the folder for the socket and the file with the cookie, in the run folder.
    pub(crate) fn make(run_dir: &Path) -> Result<Self, Error> {
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
        let address = Self {
            folder,
            number: number(),
            authority: run_dir.join(AUTHORITY),
            cookie: Cookie::random()?,
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&address.authority)
            .map_err(in_run_dir)?;
        file.write_all(&authority_entry(&address.cookie.0))
            .map_err(in_run_dir)?;
        Ok(address)
    }

    /// The value of `DISPLAY`.
    pub(crate) fn name(&self) -> String {
        format!(":{}", self.number)
    }

    /// Lets an app find the server and get in.
    pub(crate) fn show(&self, sandbox: &mut Sandbox) {
        let socket = self.socket_name();
        sandbox.show(&self.folder.join(&socket), Path::new(SOCKETS).join(&socket));
        self.show_authority(sandbox);
        sandbox.env("DISPLAY", self.name());
        sandbox.env("XAUTHORITY", AUTHORITY_INSIDE);
    }

    /// Shows the cookie alone.
    pub(crate) fn show_authority(&self, sandbox: &mut Sandbox) {
        sandbox.show(&self.authority, AUTHORITY_INSIDE);
    }

    /// Where a sandbox sees the cookie.
    pub(crate) const fn authority_inside() -> &'static str {
        AUTHORITY_INSIDE
    }

    /// Listens in the place of a server that takes the socket over.
    pub(crate) fn listen(&self) -> Result<UnixListener, Error> {
        socket::listen(&self.folder, OsStr::new(&self.socket_name())).map_err(Error::system("bind"))
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
const AUTHORITY: &str = "Xauthority";
/// And in a sandbox.
pub(super) const AUTHORITY_INSIDE: &str = "/run/firstlight/Xauthority";
/// Where X clients look for sockets.
pub(super) const SOCKETS: &str = "/tmp/.X11-unix";
