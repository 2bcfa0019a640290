//! Why the beacon does not run.

use x11rb::errors::{ConnectError, ConnectionError, ReplyError, ReplyOrIdError};

/// What went wrong before the first frame. Later the end of the display is a normal end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No display.
    #[error("no display: {0}")]
    Connect(#[from] ConnectError),
    /// The display is gone.
    #[error("the display closed the connection: {0}")]
    Gone(#[from] ConnectionError),
    /// The display refused a request.
    #[error("the display refused a request: {0}")]
    Refused(#[from] ReplyError),
    /// The connection ran out of ids.
    #[error("the display gives no more ids: {0}")]
    Ids(#[from] ReplyOrIdError),
    /// No compositor.
    #[error("no Wayland display: {0}")]
    ConnectWayland(#[from] wayland_client::ConnectError),
    /// The compositor offers less than any does.
    #[error("the Wayland display lacks something: {0}")]
    Lacks(#[from] wayland_client::globals::BindError),
    /// The compositor did not say what it offers.
    #[error("the Wayland display does not answer: {0}")]
    Silent(#[from] wayland_client::globals::GlobalError),
    /// The compositor is gone.
    #[error("the Wayland display closed the connection: {0}")]
    GoneWayland(#[from] wayland_client::DispatchError),
    /// The compositor is gone.
    #[error("the Wayland display closed the connection: {0}")]
    Unsent(#[from] wayland_client::backend::WaylandError),
    /// Asked to draw by the display's clock, where there is none.
    #[error("an X server does not say when to draw: leave --clock at own, or use --display wayland")]
    NoClock,
    /// The window was closed.
    #[error("the window was closed")]
    Closed,
    /// Another pixel format.
    #[error("the display has depth {depth} with {bits} bits per pixel; the beacon draws 24 with 32 only")]
    Format {
        /// Bits that carry colour.
        depth: u8,
        /// Bits that are stored.
        bits: u8,
    },
    /// Too small for the barcode.
    #[error("the window is {width}x{height}; the barcode needs at least {least_width}x{least_height}")]
    TooSmall {
        /// Asked for.
        width: u16,
        /// Asked for.
        height: u16,
        /// Needed.
        least_width: u16,
        /// Needed.
        least_height: u16,
    },
    /// The system refused memory, a clock or a signal handler.
    #[error("the system refused: {0}")]
    System(#[from] nix::errno::Errno),
}
