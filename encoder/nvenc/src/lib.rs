//! The encoder of NVIDIA's graphics cards as a [`Backend`](firstlight_encoder::Backend).
//!
//! ```text
//! Surface -> [NV12 in the driver's buffer, or in CUDA memory] -> NVENC -> Stream -> units -> Sink
//!                                                  ^ settings: CBR, a VBV of one frame, no B frames
//! ```
//!
//! - The driver's libraries are opened at run time ([`Driver::open`]): a program with this crate starts on any machine, and
//!   says in one line why a machine has no NVENC.
//! - What the driver refuses is an [`Error`] with the driver's own words; nothing here panics.
//! - An IDR comes where it was asked for, after another size, and where a loss leaves nothing to predict from; a change of the
//!   rate makes none.
//! - Whether it predicts from what a loss left over is read from its slices, not believed.
//!
//! It codes H.264 from memory of the CPU. HEVC, AV1, ten bits, 4:4:4 and pictures that a GPU drew are told by [`probe`] where
//! a card has them, and not used.

mod backend;
#[expect(
    unsafe_code,
    reason = "CUDA is a C library; contexts and memory of it are held here"
)]
mod context;
#[expect(
    unsafe_code,
    reason = "the driver's libraries are opened, and their functions found, here"
)]
mod driver;
mod error;
mod nv12;
mod probe;
#[expect(
    unsafe_code,
    reason = "NVENC is a C library; all calls to it are in this module"
)]
mod session;
mod settings;

pub use backend::{Input, Nvenc, Options, Preset};
pub use driver::Driver;
pub use error::{Error, Status};
pub use probe::{Abilities, Codec, Device, free_sessions, probe};
