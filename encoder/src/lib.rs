//! Frame in, access unit out: rate policy, [`Backend`] trait, software backend.
//!
//! ```text
//! Picture (BGRX) -> [Surface, I420, Scale] -> Backend -> Unit, Unit, … -> AccessUnit
//!                        |                ^ rate::plan(target)
//!                        |                ^ How: IDR, or a step of still::Still, or less than the plan's cap
//!                        kept: may be encoded again at any time
//! ```
//!
//! - One in, one out: each call of [`Encoder::encode`] yields exactly one access unit, and a decoder shows it at once.
//! - An IDR comes only where it was asked for, or where nothing that the receiver holds is left to predict from.
//! - [`AccessUnit::reference`] is true: it is what the access unit was predicted from, also after
//!   [`Encoder::invalidate`].
//! - After [`Encoder::open`] this crate allocates nothing, but where the size changes ([`Encoder::set_scale`]).
//!
//! Nothing here reads a clock, waits for a tick or owns a queue.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::cast_possible_truncation,
        reason = "a test may panic, and knows its numbers"
    )
)]

mod av1;
mod backend;
mod config;
mod encoder;
mod error;
#[cfg(feature = "fuzzing")]
mod fuzzing;
pub mod h264;
mod latest;
pub mod rate;
mod reading;
mod references;
mod scale;
#[cfg(feature = "x264")]
mod software;
pub mod still;
mod surface;

pub use backend::{Abilities, AccessUnit, Backend, Codec, How, Refine, Sink, Unit};
pub use config::{Builder, Config, Preset};
pub use encoder::{Encoder, Picture, software};
pub use error::Error;
#[cfg(feature = "fuzzing")]
pub use fuzzing::{fuzz_access_unit, fuzz_h264};
pub use latest::Latest;
pub use reading::{Reading, Said, likely_qp};
pub use scale::Scale;
pub use surface::Surface;
