//! The sandbox: app process, display, capture, audio, input.
//!
//! ```text
//!          display <──────── Input         app, sound and X servers each in a sandbox of its own,
//!           ^    │                         all children of the worker's keeper thread
//! app ──────┤    ├───────────> Capture
//!           │    ├───────────> Clipboard, and back
//!           │    └───────────> Cursor
//!           ├─> PulseAudio ── parec ───> Audio
//!           └── /dev/input ──────────── Gamepads
//! ```
//!
//! A display is an X server (`x11`: Xvfb, seen through its own memory, DAMAGE, XTEST, XFixes and RECORD) or a Wayland compositor
//! (`wayland`: a thread of this process, with Xwayland for X11 programs).
//!
//! Invariants: whatever way this process dies, everything it started dies with it; a session sees nothing of another; nothing is
//! written outside the run folder, the cgroup and the manifest's persistent paths. What the app sees of the machine is listed in
//! `sandbox` and `app`.
//!
//! - **Reach.** The display's sockets lie in the run folder; they are bound into the app's sandbox and nowhere else. There is no
//!   TCP, no abstract socket, and an X server asks for the session's cookie all the same.
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
mod clipboard;
mod clock;
mod coalesce;
mod container;
mod cursor;
mod display;
mod error;
mod ffi;
mod fingers;
mod frame_clock;
mod freezer;
mod gamepad;
mod home;
mod input;
mod ipc;
mod isolate;
mod keeper;
mod layout;
mod pace;
mod pauses;
mod process;
mod resizer;
mod run_dir;
mod sandbox;
mod socket;
mod sound;
mod sound_clock;
mod tail;
mod timetable;
mod tools;
mod waker;
mod wayland;
mod work;
mod x11;

pub use capture::{Capture, Grab, Wait};
pub use clipboard::{CLIPBOARD_BYTES_MAX, Clipboard, ClipboardEvent, Paster};
pub use clock::now;
pub use container::{Container, Exit, Part, Spec, step_back, step_forward};
pub use cursor::{Cursor, CursorEvent};
pub use error::Error;
pub use frame_clock::FrameClock;
pub use gamepad::{Gamepads, PadState, Rumble, Rumbles, Way};
pub use home::{keep as keep_home, persistent};
pub use input::{Input, InputEvent, Touch, TouchPhase};
pub use isolate::{Grant, Isolation, isolate};
pub use layout::Layout;
pub use resizer::Resizer;
pub use run_dir::{Swept, sweep};
pub use sound::Audio;
pub use waker::Waker;
