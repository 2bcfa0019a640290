//! The display's size, changed while the app runs.

use crate::{Error, wayland, x11};

/// Gives the container's display another size.
#[derive(Debug)]
pub struct Resizer(Sink);

#[derive(Debug)]
enum Sink {
    X11(Box<x11::resize::Resizer>),
    Wayland(wayland::Sink),
}

impl Resizer {
    pub(crate) fn x11(resizer: x11::resize::Resizer) -> Self {
        Self(Sink::X11(Box::new(resizer)))
    }

    pub(crate) fn wayland(sink: wayland::Sink) -> Self {
        Self(Sink::Wayland(sink))
    }

    /// Gives the display so many pixels across and down, both even and within the manifest's bounds; apps are asked to fill it. Pictures
    /// have the size on X11 when this returns, on Wayland when the app has drawn one, or half a second later. Blocks on X11 while an app
    /// holds the server.
    ///
    /// # Errors
    /// [`Error::Request`] or [`Error::Resize`] when the display refuses, [`Error::Connection`] or [`Error::Closed`] when it is gone.
    pub fn resize(&mut self, width: u16, height: u16) -> Result<(), Error> {
        match &mut self.0 {
            Sink::X11(resizer) => resizer.resize((width, height)),
            Sink::Wayland(sink) => sink.resize((width, height)),
        }
    }
}
