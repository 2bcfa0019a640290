//! A display that is a Wayland compositor in this process.
//!
//! ```text
//! app ── wl_surface.commit ──> Compositor ── copy or compose ──> Shared ──> Capture, Cursor
//!  │                            ^      ^
//!  └── X11 ──> Xwayland ────────┘      └── Sink <── Input
//! ```
//!
//! The compositor is one thread, which owns all of the protocol's state and waits for clients, input and its own timetable in one
//! place. What a client commits is looked at when it commits it: a buffer that covers the screen is copied out of the client's memory
//! into a surface of ours, as it is; anything else is composed by pixman. Decision 0030 says why it is so.
//!
//! - **Reach.** The socket lies in the run folder; it is bound into the app's sandbox and nowhere else. The X server is a process
//!   in a sandbox of its own, connected by descriptors that nobody else has.
//! - **Hostile clients.** A client that breaks the protocol is disconnected; memory that it takes away while it is read costs it its
//!   connection, not ours; what it may have of anything is bounded in `clients`. The thread's end, whatever it comes from, is the
//!   display's end, and so the session's.
//! - **Freezing** stops clients, not the compositor: it has nothing to do then.

mod beat;
mod capture;
mod clients;
mod clipboard;
mod compositor;
mod cursor;
mod frame_clock;
mod keys;
mod painter;
mod protocols;
mod resize;
mod schedule;
mod seat;
mod shapes;
mod shared;
mod shell;
mod state;
mod surfaces;
#[cfg(test)]
mod tests;
mod text;
mod touch;
mod windows;
mod xwayland;
mod xwm;

pub(crate) use capture::{Capture, Cursor};
pub(crate) use frame_clock::FrameClock;

use crate::clipboard::Board;
use crate::input::Act;
use crate::process::{Launcher, Process};
use crate::sandbox::Sandbox;
use crate::{Clipboard, Error, Layout, Waker, socket};
use compositor::Setup;
use firstlight_title::{Clipboard as Allowed, Display as Wanted};
use firstlight_units::Ticks;
use shared::Shared;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use xwayland::Xwayland;

/// The programs that a display needs or could use.
#[derive(Debug)]
pub(crate) struct Programs<'a> {
    pub(crate) bwrap: &'a Path,
    /// Without it, X11 programs find no display.
    pub(crate) xwayland: Option<&'a Path>,
}

/// A running compositor. Dropping it ends its thread, and its X server.
#[derive(Debug)]
pub(crate) struct Display {
    xwayland: Option<Xwayland>,
    shared: Arc<Shared>,
    sink: Sink,
    board: Board,
    socket: PathBuf,
    thread: Option<JoinHandle<()>>,
    thread_id: u32,
}

/// What the compositor is told.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// The player did something.
    Act(Act),
    /// Clients are told by these ticks that they may draw.
    Follow(Option<Ticks>),
    /// The screen is to have so many pixels across and down.
    Resize((u16, u16)),
    /// This is on the clipboard.
    Clipboard(Arc<str>),
    /// The player typed this, which no key stands for.
    Text(Box<str>),
    /// The player's keyboard has this layout.
    Layout(Layout),
    /// The player has a touch screen, and so has the seat.
    Touchscreen,
    /// Nobody needs it any more.
    Stop,
}

/// Tells the compositor what the player did.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    orders: SyncSender<Order>,
    bell: Waker,
}

impl Sink {
    /// Lets it happen at once.
    ///
    /// # Errors
    /// [`Error::Closed`] when the compositor has ended.
    pub(crate) fn tell(&self, act: Act) -> Result<(), Error> {
        self.order(Order::Act(act))
    }

    /// Gives the screen another size, in pixels. The picture has it when the program on top has drawn one, or does not in time.
    ///
    /// # Errors
    /// As [`Self::tell`].
    pub(crate) fn resize(&self, size: (u16, u16)) -> Result<(), Error> {
        self.order(Order::Resize(size))
    }

    /// Gives the keyboard this layout.
    ///
    /// # Errors
    /// [`Error::Closed`] when the compositor has ended.
    pub(crate) fn set_layout(&self, layout: Layout) -> Result<(), Error> {
        self.order(Order::Layout(layout))
    }

    /// Types it.
    ///
    /// # Errors
    /// [`Error::Closed`] when the compositor has ended.
    pub(crate) fn type_text(&self, text: &str) -> Result<(), Error> {
        self.order(Order::Text(text.into()))
    }

    /// Lets clients find this on the clipboard, before anything that is told later.
    ///
    /// # Errors
    /// [`Error::Closed`] when the compositor has ended.
    pub(crate) fn set_clipboard(&self, text: Arc<str>) -> Result<(), Error> {
        self.order(Order::Clipboard(text))
    }

    fn order(&self, order: Order) -> Result<(), Error> {
        self.orders.send(order).map_err(|_| Error::Closed)?;
        self.bell.wake();
        Ok(())
    }
}

impl Display {
    /// Starts it; clients may connect when this returns.
    pub(crate) fn start(
        launcher: &Launcher,
        programs: &Programs<'_>,
        run_dir: &Path,
        wanted: Wanted,
    ) -> Result<Self, Error> {
        let listener = socket::listen(run_dir, OsStr::new(SOCKET))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(Error::system("bind"))?;
        let started = programs
            .xwayland
            .map(|program| xwayland::start(launcher, (programs.bwrap, program), run_dir))
            .transpose()?;
        let (xwayland, ends) = started.unzip();
        let (orders, received) = sync_channel(ORDERS_MAX);
        let bell = Waker::new()?;
        let board = Board::new()?;
        let shared = Arc::new(Shared::new(wanted.width, wanted.height));
        let setup = Setup {
            listener,
            shared: Arc::clone(&shared),
            orders: received,
            bell: bell.clone(),
            board: board.clone(),
            fps: wanted.fps,
            xwayland: ends,
        };
        let (thread, thread_id) = compositor::spawn(setup)?;
        Ok(Self {
            xwayland,
            shared,
            sink: Sink { orders, bell },
            board,
            socket: run_dir.join(SOCKET),
            thread: Some(thread),
            thread_id,
        })
    }

    /// Lets an app find it, and the X server where there is one.
    pub(crate) fn show(&self, sandbox: &mut Sandbox) {
        sandbox.show(&self.socket, SOCKET_INSIDE);
        sandbox.env("WAYLAND_DISPLAY", SOCKET_INSIDE);
        sandbox.env("XDG_SESSION_TYPE", "wayland");
        if let Some(xwayland) = &self.xwayland {
            xwayland.address.show(sandbox);
        }
    }

    pub(crate) fn capture(&self) -> Result<Capture, Error> {
        Capture::open(&self.shared)
    }

    pub(crate) fn cursor(&self) -> Result<Cursor, Error> {
        Cursor::open(&self.shared)
    }

    pub(crate) fn frame_clock(&self) -> FrameClock {
        FrameClock::new(&self.sink, &self.shared)
    }

    pub(crate) fn clipboard(&self, allowed: Allowed) -> Clipboard {
        let x = self.xwayland.as_ref().map(|x| x.address.clone());
        Clipboard::wayland(self.board.clone(), self.sink(), x, allowed)
    }

    /// Gives it a touch screen, before anything that is told later.
    pub(crate) fn add_touch(&self) -> Result<(), Error> {
        self.sink.order(Order::Touchscreen)
    }

    pub(crate) fn sink(&self) -> Sink {
        self.sink.clone()
    }

    /// The X server's.
    pub(crate) fn process(&self) -> Option<&Process> {
        self.xwayland.as_ref().map(|xwayland| &xwayland.process)
    }

    pub(crate) fn process_mut(&mut self) -> Option<&mut Process> {
        self.xwayland.as_mut().map(|xwayland| &mut xwayland.process)
    }

    /// Whether the X server, where there is one, takes clients.
    pub(crate) fn is_listening(&self) -> bool {
        self.xwayland
            .as_ref()
            .is_none_or(|xwayland| xwayland.address.is_listening())
    }

    /// The compositor's.
    pub(crate) fn thread(&self) -> u32 {
        self.thread_id
    }

    /// Whether compositor or X server has ended, and with what status the latter.
    pub(crate) fn poll_end(&mut self) -> Option<Option<ExitStatus>> {
        if let Some(status) = self.process_mut().and_then(Process::poll_exit) {
            return Some(Some(status));
        }
        let ended = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        ended.then_some(None)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // An error is a thread that has ended.
        if let Err(error) = self.sink.order(Order::Stop) {
            tracing::debug!(%error, "the compositor had ended");
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the compositor's thread panicked");
        }
    }
}

/// The socket in the run folder.
const SOCKET: &str = "wayland-0";
/// And in the app's sandbox.
const SOCKET_INSIDE: &str = "/run/firstlight/wayland-0";
/// Input that waits for the compositor, which takes it within a millisecond. Who sends more waits; nothing is dropped.
const ORDERS_MAX: usize = 1_024;
