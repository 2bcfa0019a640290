//! The sandbox: app process, display, capture, audio, input.
//!
//! ```text
//!            Xvfb <── XTEST ── Input          each of these in a sandbox of its own,
//!           ^    │                            all children of the worker's keeper thread
//! app ──────┤    └── MIT-SHM, DAMAGE ──> Capture
//!           │    └── XFixes, RECORD ───> Cursor
//!           ├─> PulseAudio ── parec ───> Audio
//!           └── /dev/input ──────────── Gamepads
//! ```
//!
//! Invariants: whatever way this process dies, everything it started dies with it; a session sees nothing of another; nothing is
//! written outside the run folder, the cgroup and the manifest's persistent paths. What the app sees of the machine is listed in
//! `sandbox` and `app`.
//!
//! - **Reach.** The display's only socket lies in the run folder; it is bound into the app's sandbox and nowhere else. There is no
//!   TCP, no abstract socket, and the session's cookie is asked for all the same.
//! - **Shared memory.** App and display share an IPC namespace that is the session's alone (`ipc`); capture reads through a
//!   descriptor that the server passes, from outside of it.
//! - **Death.** Processes die with the keeper thread (parent-death signal), sandboxes with their bubblewrap, everything in a
//!   sandbox with its first process. Cgroup and register are the second net, which [`sweep`] draws in after a crash.
//! - **Freezing** stops app and sound, not the display: it has nothing to do then, and can show its last picture at once.
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
mod framebuffer;
mod freezer;
mod gamepad;
mod home;
mod input;
mod ipc;
mod isolate;
mod keeper;
mod pace;
mod pauses;
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
pub use container::{Container, Exit, Part, Spec, step_back, step_forward};
pub use cursor::{Cursor, CursorEvent};
pub use error::Error;
pub use gamepad::{Gamepads, PadState, Rumble, Rumbles, Way};
pub use input::{Input, InputEvent};
pub use isolate::{Grant, Isolation, isolate};
pub use run_dir::{Swept, sweep};
pub use sound::Audio;
pub use waker::Waker;
