//! The beacon: an app that draws a machine-readable barcode in every frame.
//!
//! ```text
//! tick -> count the input so far -> scene + panel + barcode(now) -> one XShmPutImage, or one commit
//!                 |
//!                 v  a key or button went down
//!               beep (a thread of its own)
//! ```
//!
//! The reference for tests and benches: what is drawn is known to the pixel, when it was drawn stands in the picture, and so
//! does what had arrived by then. It behaves like a game: a fixed tick, input looked at once per tick, one picture per tick.
//! The drawing never waits for the sound, and nothing is drawn late on purpose: a tick that was missed is left out.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod barcode;
mod beep;
mod canvas;
mod clock;
mod error;
mod ffi;
mod inputs;
mod options;
mod pads;
mod panel;
mod run;
mod scene;
mod screen;
pub mod staged;
mod texture;

pub use error::Error;
pub use options::{Clock, Kind, MicroHertz, Motion, Options, Switch};
pub use run::run;
