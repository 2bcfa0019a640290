//! The session's display, of whatever kind.

use crate::process::{Launcher, Process};
use crate::sandbox::Sandbox;
use crate::tools::{DisplayTool, Tools};
use crate::{Capture, Clipboard, Cursor, Error, Input, Resizer, clock, wayland, x11};
use firstlight_title::{Clipboard as Allowed, Display as Wanted, Resize};
use firstlight_units::{Micros, Timestamp};
use std::path::Path;
use std::process::ExitStatus;

/// A running display.
#[derive(Debug)]
pub(crate) enum Display {
    /// An X server with a screen in memory.
    X11(x11::Server),
    /// A compositor in this process, with an X server for who needs one.
    Wayland(wayland::Display),
}

/// A display that has been started and is not yet known to be ready.
#[derive(Debug)]
pub(crate) enum Starting {
    X11(x11::server::Starting),
    Wayland(wayland::Display),
}

/// Starts what `wanted` says.
pub(crate) fn start(
    launcher: &Launcher,
    tools: &Tools,
    run_dir: &Path,
    wanted: Wanted,
) -> Result<Starting, Error> {
    match &tools.display {
        DisplayTool::Xvfb(xvfb) => {
            let size = (wanted.width, wanted.height);
            let most = (wanted.resize == Resize::Window).then_some((wanted.width_max, wanted.height_max));
            x11::server::start(launcher, (&tools.bwrap, xvfb), run_dir, (size, most)).map(Starting::X11)
        }
        DisplayTool::Xwayland(xwayland) => {
            let programs = wayland::Programs {
                bwrap: &tools.bwrap,
                xwayland: xwayland.as_deref(),
            };
            wayland::Display::start(launcher, &programs, run_dir, wanted).map(Starting::Wayland)
        }
    }
}

impl Starting {
    /// Waits until apps may connect.
    pub(crate) fn wait_ready(self, deadline: Timestamp) -> Result<Display, Error> {
        match self {
            Self::X11(starting) => starting.wait_ready(deadline).map(Display::X11),
            // It listens already.
            Self::Wayland(display) => Ok(Display::Wayland(display)),
        }
    }
}

impl Display {
    /// Lets an app find it and get in.
    pub(crate) fn show(&self, sandbox: &mut Sandbox) {
        match self {
            Self::X11(server) => server.address.show(sandbox),
            Self::Wayland(display) => display.show(sandbox),
        }
    }

    pub(crate) fn capture(&self, fps: u16) -> Result<Capture, Error> {
        match self {
            Self::X11(server) => server.capture(fps).map(Capture::x11),
            Self::Wayland(display) => display.capture().map(Capture::wayland),
        }
    }

    pub(crate) fn input(&self) -> Result<Input, Error> {
        match self {
            Self::X11(server) => x11::input::Sink::open(&server.address, &server.extent).map(Input::x11),
            Self::Wayland(display) => Ok(Input::wayland(display.sink())),
        }
    }

    pub(crate) fn cursor(&self) -> Result<Cursor, Error> {
        match self {
            Self::X11(server) => x11::cursor::Cursor::open(&server.address, &server.extent).map(Cursor::x11),
            Self::Wayland(display) => display.cursor().map(Cursor::wayland),
        }
    }

    /// Its frame clock; `None` where clients draw when they like.
    pub(crate) fn frame_clock(&self) -> Option<wayland::FrameClock> {
        match self {
            Self::X11(_) => None,
            Self::Wayland(display) => Some(display.frame_clock()),
        }
    }

    /// What changes its size; `None` where it has one for ever.
    pub(crate) fn resizer(&self) -> Result<Option<Resizer>, Error> {
        match self {
            Self::X11(server) => Ok(server.resizer()?.map(Resizer::x11)),
            Self::Wayland(display) => Ok(Some(Resizer::wayland(display.sink()))),
        }
    }

    /// Gives it a touch screen, where it can have one.
    pub(crate) fn add_touch(&self) -> Result<(), Error> {
        match self {
            Self::X11(_) => Ok(()),
            Self::Wayland(display) => display.add_touch(),
        }
    }

    /// What the programs on it copy and paste.
    pub(crate) fn clipboard(&self, allowed: Allowed) -> Result<Clipboard, Error> {
        match self {
            Self::X11(server) => Clipboard::x11(&server.address, allowed),
            Self::Wayland(display) => Ok(display.clipboard(allowed)),
        }
    }

    /// Its process, where it is one or has one.
    pub(crate) fn process(&self) -> Option<&Process> {
        match self {
            Self::X11(server) => Some(&server.process),
            Self::Wayland(display) => display.process(),
        }
    }

    /// The process that draws for its apps before their pictures are committed.
    pub(crate) fn painter(&self) -> Option<&Process> {
        match self {
            Self::X11(_) => None,
            Self::Wayland(display) => display.process(),
        }
    }

    /// The threads of this process that work for it.
    pub(crate) fn threads(&self) -> Option<u32> {
        match self {
            Self::X11(_) => None,
            Self::Wayland(display) => Some(display.thread()),
        }
    }

    /// Whether it has ended, and with what status where it is a process. Does not block.
    pub(crate) fn poll_end(&mut self) -> Option<Option<ExitStatus>> {
        match self {
            Self::X11(server) => server.process.poll_exit().map(Some),
            Self::Wayland(display) => display.poll_end(),
        }
    }

    /// The same of a display whose app has just ended: an app that lost its display ends before the display's own end shows, since
    /// its connections close first, then what it listens on, then it is gone.
    pub(crate) fn wait_end(&mut self) -> Option<Option<ExitStatus>> {
        if let Self::Wayland(display) = self
            && display.process().is_none()
        {
            return display.poll_end();
        }
        let listens = |display: &Self| match display {
            Self::X11(server) => server.address.is_listening(),
            Self::Wayland(display) => display.is_listening(),
        };
        if self.end_until(clock::now() + LAST_BREATH).is_none() && listens(self) {
            return None;
        }
        Some(self.end_until(clock::now() + LAST_WORDS_MAX).flatten())
    }

    fn end_until(&mut self, deadline: Timestamp) -> Option<Option<ExitStatus>> {
        let process = match self {
            Self::X11(server) => Some(&mut server.process),
            Self::Wayland(display) => display.process_mut(),
        };
        process?.wait_exit(deadline).map(Some)
    }
}

/// Between a killed display's first closed connection and its end; a busy machine takes some milliseconds.
const LAST_BREATH: Micros = Micros::from_millis(50);
/// The pipe is empty some microseconds after the last writer died.
pub(crate) const LAST_WORDS_MAX: Micros = Micros::from_millis(200);
