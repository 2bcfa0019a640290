//! What can go wrong between a title and its player's senses.

use firstlight_title::DisplayKind;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a container could not be started, used or frozen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program of the system that every container needs is not installed.
    #[error("{program} is not installed: apt-get install {package}")]
    Missing {
        /// Its name.
        program: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// The title's program does not exist, cannot be run, or is outside what a title may see.
    #[error("the title's program {0} is missing or not executable")]
    ProgramMissing(PathBuf),
    /// The title wants a display that this build cannot make.
    #[error("a display of kind {0:?} is not supported")]
    DisplayKind(DisplayKind),
    /// The run folder's root cannot be read.
    #[error("the folder of run folders {path} cannot be read")]
    RunRoot {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// bubblewrap could not make the sandbox; carries its own words.
    #[error("the sandbox could not be made: {0}")]
    Sandbox(String),
    /// The X server ended or stayed silent; carries its last words.
    #[error("the display did not come up: {0}")]
    Display(String),
    /// The sound server ended or stayed silent; carries its last words.
    #[error("the sound server did not come up: {0}")]
    Sound(String),
    /// What was used is gone: the container was stopped, or its sound server ended.
    #[error("the container is closed")]
    Closed,
    /// The private folder is in use, not ours, or cannot be written.
    #[error("the run folder {path} cannot be used")]
    RunDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What persists of the player's home cannot be made or mounted.
    #[error("the player's folder {path} cannot be used")]
    Home {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A process or thread could not be started.
    #[error("cannot start {what}")]
    Start {
        /// Which.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The cgroup cannot be used.
    #[error("the cgroup {path} cannot be used")]
    Cgroup {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The processes did not stop, or not run on, in time.
    #[error("the container did not {what} within {within:?}")]
    Freezer {
        /// `freeze` or `thaw`.
        what: &'static str,
        /// How long was waited.
        within: Duration,
    },
    /// No connection to the display.
    #[error("cannot connect to the display")]
    Connect(#[from] x11rb::errors::ConnectError),
    /// The display is gone.
    #[error("the display is gone")]
    Connection(#[from] x11rb::errors::ConnectionError),
    /// The display refused a request.
    #[error("the display refused a request")]
    Request(#[from] x11rb::errors::ReplyError),
    /// The display has no more ids, or refused a request.
    #[error("the display refused a request")]
    RequestOrId(#[from] x11rb::errors::ReplyOrIdError),
    /// The display's pixels are not 32-bit BGRX.
    #[error("the display's pixels are not 32-bit BGRX")]
    PixelFormat,
    /// The X server's screen cannot be given another size.
    #[error(
        "the X server does not change its screen's size: say display.resize = \"fixed\" in the title's manifest"
    )]
    Resize,
    /// The compositor cannot be made, or cannot make a picture.
    #[error("the compositor: {0}")]
    Wayland(&'static str),
    /// A system call failed.
    #[error("{what} failed")]
    System {
        /// Which.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: the system call `what` failed.
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::System {
            what,
            source: source.into(),
        }
    }

    /// For `map_err`: `what` could not be started.
    pub(crate) fn start(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Start { what, source }
    }
}
