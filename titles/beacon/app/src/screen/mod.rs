//! What the beacon is seen on: an X server, or a Wayland compositor.

mod wayland;
mod x11;

use crate::barcode;
use crate::canvas::Canvas;
use crate::error::Error;
use crate::inputs::Inputs;
use crate::options::{Clock, Kind, Options};
use crate::panel::KeyNames;

/// A window that is seen and has the keyboard.
pub(crate) enum Screen {
    X11(Box<x11::Screen>),
    Wayland(Box<wayland::Screen>),
}

impl Screen {
    pub(crate) fn open(options: &Options) -> Result<Self, Error> {
        let kind = options.display.unwrap_or_else(|| {
            if std::env::var_os("WAYLAND_DISPLAY").is_some() {
                Kind::Wayland
            } else {
                Kind::X11
            }
        });
        match kind {
            Kind::X11 if options.clock == Clock::Display => Err(Error::NoClock),
            Kind::X11 => x11::Screen::open(options).map(|screen| Self::X11(Box::new(screen))),
            Kind::Wayland => wayland::Screen::open(options).map(|screen| Self::Wayland(Box::new(screen))),
        }
    }

    pub(crate) fn width(&self) -> usize {
        match self {
            Self::X11(screen) => screen.width(),
            Self::Wayland(screen) => screen.width(),
        }
    }

    pub(crate) fn height(&self) -> usize {
        match self {
            Self::X11(screen) => screen.height(),
            Self::Wayland(screen) => screen.height(),
        }
    }

    /// Takes the size that the display has asked for since, if it is another; nothing is drawn in it then. Not while the display still
    /// reads the picture.
    pub(crate) fn follow(&mut self) -> Result<bool, Error> {
        match self {
            Self::X11(screen) => screen.follow(),
            Self::Wayland(screen) => screen.follow(),
        }
    }

    /// The picture to draw into and the names of the keys; not while the display still reads it: see [`Screen::put`].
    pub(crate) fn canvas(&mut self) -> (Canvas<'_>, &KeyNames) {
        match self {
            Self::X11(screen) => screen.canvas(),
            Self::Wayland(screen) => screen.canvas(),
        }
    }

    /// Shows the whole picture at once.
    pub(crate) fn put(&mut self) -> Result<(), Error> {
        match self {
            Self::X11(screen) => Ok(screen.put()?),
            Self::Wayland(screen) => screen.put(),
        }
    }

    /// Waits until the display has read the picture; input that arrives meanwhile is noted.
    pub(crate) fn wait_read(&mut self, inputs: &mut Inputs) -> Result<bool, Error> {
        match self {
            Self::X11(screen) => Ok(screen.wait_read(inputs)?),
            // It has a copy of its own.
            Self::Wayland(screen) => screen.note_input(inputs),
        }
    }

    /// Waits until the display says that it is time to draw, or a signal comes; input that arrives meanwhile is noted.
    pub(crate) fn wait_turn(&mut self, inputs: &mut Inputs) -> Result<(), Error> {
        match self {
            Self::X11(_) => Err(Error::NoClock),
            Self::Wayland(screen) => screen.wait_turn(inputs),
        }
    }

    /// Notes all input that has arrived; says whether the picture changes by it.
    pub(crate) fn note_input(&mut self, inputs: &mut Inputs) -> Result<bool, Error> {
        match self {
            Self::X11(screen) => Ok(screen.note_input(inputs)?),
            Self::Wayland(screen) => screen.note_input(inputs),
        }
    }
}

/// The size to take: what is asked for, where it is another and there is room to draw in.
fn another(asked: Option<(u16, u16)>, now: (u16, u16), options: Held) -> Option<(u16, u16)> {
    let (width, height) = asked?;
    let size = (options.0.unwrap_or(width), options.1.unwrap_or(height));
    (size != now && require_room(size.0, size.1).is_ok()).then_some(size)
}

/// Sides that were given, and are kept.
type Held = (Option<u16>, Option<u16>);

fn require_room(width: u16, height: u16) -> Result<(), Error> {
    let least = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let (least_width, least_height) = (least(barcode::WIDTH), least(barcode::HEIGHT));
    if width >= least_width && height >= least_height {
        return Ok(());
    }
    Err(Error::TooSmall {
        width,
        height,
        least_width,
        least_height,
    })
}
