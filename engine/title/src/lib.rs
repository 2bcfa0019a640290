//! Reads and checks title manifests.
//!
//! ```text
//! titles/<id>/title.toml -> parse -> Title -> check on this machine -> Findings
//!        (catalogue: every folder)
//! ```
//!
//! A title is a folder with a `title.toml`; `docs/guides/publisher.md` explains every key. A [`Title`] that exists is valid:
//! what is refused is refused with file, line, key and what was expected. Whether its program is there depends on the machine
//! and is a [`Finding`] of [`check`]. Nothing here starts anything.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod catalogue;
mod check;
mod elf;
mod error;
mod manifest;
mod parse;
mod reader;

pub use catalogue::{Entry, MANIFEST, catalogue, load, picture};
pub use check::{Finding, check};
pub use error::Error;
pub use manifest::{
    Audio, Clipboard, Display, DisplayKind, Input, Mouse, Place, Policy, Profile, Ready, Resize, Run, Score,
    Title, Video, Warm,
};
pub use parse::parse;
