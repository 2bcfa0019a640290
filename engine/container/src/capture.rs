//! The picture: taken from the display when it changed, whatever kind of display that is.

use crate::{Error, Waker, wayland, x11};
use firstlight_units::Timestamp;

/// Pixels from the container's display. Frozen or not, the display answers: the last picture can always be taken.
#[derive(Debug)]
pub struct Capture(Source);

#[derive(Debug)]
enum Source {
    X11(Box<x11::capture::Capture>),
    Wayland(wayland::Capture),
}

/// Why [`Capture::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The app committed a picture.
    Damage {
        /// When it did. On Wayland, when the commit was read; on X11, when the picture's first damage event was, less what the server
        /// had worked for it. Whatever is waited for after it counts as capture.
        at: Timestamp,
    },
    /// The [`Waker`] was used.
    Woken,
    /// Nothing happened in time.
    Timeout,
}

/// What the display shows. On X11 it shows nothing else, and works for nobody, until this is dropped: look at it soon and briefly.
#[derive(Debug)]
pub struct Grab<'a> {
    /// Four bytes per pixel: blue, green, red, unused. `stride * height` bytes.
    pub pixels: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// When the app committed it: the time that [`Wait::Damage`] told, or the beginning of this grab if nothing had changed.
    pub committed_at: Timestamp,
    /// When the picture was at hand.
    pub grabbed_at: Timestamp,
    pub(crate) _held: Option<x11::capture::Held<'a>>,
}

impl Capture {
    pub(crate) fn x11(capture: x11::capture::Capture) -> Self {
        Self(Source::X11(Box::new(capture)))
    }

    pub(crate) fn wayland(capture: wayland::Capture) -> Self {
        Self(Source::Wayland(capture))
    }

    /// Width and height of the display in pixels.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        match &self.0 {
            Source::X11(capture) => capture.size(),
            Source::Wayland(capture) => capture.size(),
        }
    }

    /// Something another thread can wake [`Self::wait`] with.
    #[must_use]
    pub fn waker(&self) -> Waker {
        match &self.0 {
            Source::X11(capture) => capture.waker(),
            Source::Wayland(capture) => capture.waker(),
        }
    }

    /// Blocks until the app has committed a picture and it is time for it, `until` passes (`None`: never) or the waker is used.
    /// Damage comes before a wake-up, which then stays pending. Each picture is told of, whether the one before was grabbed or
    /// not; of several that came before anybody waited, the newest.
    ///
    /// # Errors
    /// [`Error::Connection`] or [`Error::Closed`] when the display is gone.
    pub fn wait(&mut self, until: Option<Timestamp>) -> Result<Wait, Error> {
        match &mut self.0 {
            Source::X11(capture) => capture.wait(until),
            Source::Wayland(capture) => capture.wait(until),
        }
    }

    /// Shows what the display shows now.
    ///
    /// # Errors
    /// [`Error::Connection`] or [`Error::Closed`] when the display is gone.
    pub fn grab(&mut self) -> Result<Grab<'_>, Error> {
        match &mut self.0 {
            Source::X11(capture) => capture.grab(),
            Source::Wayland(capture) => capture.grab(),
        }
    }
}
