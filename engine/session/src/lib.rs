//! The worker: joins container, encoder and transport into one live stream.
//!
//! ```text
//! stdin: orders ----+                          +--> reports: stdout
//!                   v                          |
//! Container -> [media] -> units (bounded) -> [net: Worker] -> datagrams -> player
//!          \-> [audio] -> packets ---------->   |  ^  ^
//!          \-> [cursor] -> events ---------->   |  |  +--- control stream
//!     Input <-- injected on the net thread <----+  +------ input, feedback, clock requests
//! ```
//!
//! One process, one session. What is decided is decided by pure parts: `lifecycle` (how long the session lives), `admission`
//! and `knocks` (who may attach), `pictures` (what is captured and encoded when), `quality` (in which size, and how many of them), `encoders` (by which
//! encoder),
//! `firstlight-proto` (what is sent when). The threads only carry it out. When standard input ends, so does the session: an engine that died takes its sessions along.
//!
//! It refuses to queue pictures: before the encoder the newest replaces what was not taken, after it nothing is dropped.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod admission;
mod audio;
mod chain;
mod clipboard;
mod clock;
mod cursor;
mod drawing;
mod echo;
mod encoders;
mod error;
mod ffi;
mod knocks;
mod layouts;
mod lifecycle;
mod lineup;
mod link;
mod media;
mod orders;
mod pictures;
mod played;
mod player;
mod quality;
mod resize;
mod rumble;
mod run;
mod sealing;
mod shared;
mod silence;
mod tally;
mod threads;
mod trace;
mod window;
mod words;
mod worker;

pub use error::Error;
pub use run::run;
