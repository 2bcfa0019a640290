//! The sandbox: app process, display, capture, audio, input.
//!
//! ```text
//!            Xvfb <── XTEST ── Input          each of these in a sandbox of its own,
//!           ^    │                            all children of the worker's keeper thread
//! app ──────┤    └── MIT-SHM, DAMAGE ──> Capture
//!           │    └── XFixes, RECORD ───> Cursor
//!           └─> PulseAudio ── parec ───> Audio
//! ```
//!
//! Invariants: whatever way this process dies, everything it started dies with it; a session sees nothing of another; nothing is
//! written outside the run folder, the cgroup and the manifest's persistent paths. What the app sees of the machine is listed in
//! `sandbox` and `app`.
//!
//! This room decides nothing about sessions: when to freeze, capture or stop is the worker's business.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")
)]

mod app;
mod capture;
mod cgroup;
mod clock;
mod coalesce;
mod container;
mod cursor;
mod display;
mod error;
mod ffi;
mod freezer;
mod input;
mod ipc;
mod isolate;
mod keeper;
mod pace;
mod process;
mod run_dir;
mod sandbox;
mod socket;
mod sound;
mod sound_clock;
mod tail;
mod tools;
mod waker;

pub use capture::{Capture, Grab, Wait};
pub use clock::now;
pub use container::{Container, Exit, Part, Spec};
pub use cursor::{Cursor, CursorEvent};
pub use error::Error;
pub use input::{Input, InputEvent};
pub use isolate::{Grant, Isolation, isolate};
pub use run_dir::{Swept, sweep};
pub use sound::Audio;
pub use waker::Waker;
