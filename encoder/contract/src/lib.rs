//! What every backend must do: one body of tests, run on each by name.
//!
//! ```text
//! firstlight_encoder_contract::contract!(module, terms, open);
//! ```
//!
//! A claim returns what it found wrong, so that a fake backend that breaks the contract shows that the claims see it.
//! Pictures are decoded by the `ffmpeg` program. A backend that is named and cannot be opened fails its tests.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a part of tests, which may panic and know their numbers; a claim's name is what it claims"
)]

pub mod claims;
mod decode;
mod source;
mod stream;

use firstlight_encoder::{Abilities, Codec, Config, Encoder};

/// Opens a backend for a configuration.
pub type Open = fn(Config) -> Encoder;

/// What a backend is held to, where backends differ.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What it says of itself.
    pub abilities: Abilities,
    /// Most bytes of an access unit, in per cent of the plan's cap, five pictures after a change of the rate.
    pub cap_percent: u64,
    /// What a stream of noise comes to, in per cent of the target.
    pub rate_percent: std::ops::RangeInclusive<u64>,
    /// How like the source a still picture is when it falls silent, in decibels of luma.
    pub still_db: f64,
    /// When it is silent at the latest, in milliseconds.
    pub still_ms: u64,
    /// How like the source a moving picture is, in decibels of luma. One that was predicted from a wrong picture is under 25 dB here.
    pub clean_db: f64,
    /// What is opened and closed before a leak would show.
    pub openings: u32,
}

impl Terms {
    /// Of H.264 with everything this engine asks for.
    #[must_use]
    pub const fn full() -> Self {
        Self {
            abilities: Abilities {
                codec: Codec::H264,
                recovers: true,
                caps: true,
                refines: true,
            },
            cap_percent: 105,
            rate_percent: 75..=110,
            still_db: 45.0,
            still_ms: 1_000,
            clean_db: 33.0,
            openings: 1_000,
        }
    }

    /// Of a backend that predicts from its newest picture and holds to a rate, and no more.
    #[must_use]
    pub const fn plain(codec: Codec) -> Self {
        Self {
            abilities: Abilities {
                codec,
                recovers: false,
                caps: false,
                refines: false,
            },
            // It sharpens as its rate control comes to it; the policy gives up after this.
            still_ms: 1_400,
            ..Self::full()
        }
    }
}

/// Runs a claim about the whole process in a process of its own: other tests share this one under plain `cargo test`.
///
/// # Errors
/// What the claim found, or why it could not be run.
pub fn alone(name: &str, claim: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    const ALONE: &str = "FIRSTLIGHT_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return claim();
    }
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let run = std::process::Command::new(program)
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .map_err(|e| e.to_string())?;
    let printed = String::from_utf8_lossy(&run.stdout);
    if run.status.success() && printed.contains("1 passed") {
        Ok(())
    } else {
        Err(format!("{printed}{}", String::from_utf8_lossy(&run.stderr)))
    }
}

/// The tests of one backend: `$terms` is what it is held to, `$open` opens it.
///
/// What a backend says that it cannot do is asked of it as [`Abilities`](firstlight_encoder::Abilities) has it; that it says so is a test of its own.
#[macro_export]
macro_rules! contract {
    ($module:ident, $terms:expr, $open:expr) => {
        mod $module {
            use super::*;
            use $crate::claims;

            #[test]
            fn it_says_what_it_can() {
                claims::abilities($open, &$terms).unwrap();
            }

            #[test]
            fn each_picture_gives_its_own_access_unit_at_once() {
                claims::one_in_one_out($open, &$terms).unwrap();
            }

            #[test]
            fn an_idr_comes_first_and_on_request_with_its_parameter_sets() {
                claims::idr_only_on_request($open, &$terms).unwrap();
            }

            #[test]
            fn a_new_bitrate_holds_within_five_pictures() {
                claims::rate_step($open, &$terms).unwrap();
            }

            #[test]
            fn sizes_come_out_as_they_went_in() {
                claims::sizes($open, &$terms).unwrap();
            }

            #[test]
            fn a_loss_is_followed_by_a_clean_picture() {
                claims::recovery($open, &$terms).unwrap();
            }

            #[test]
            fn more_lost_than_is_kept_gives_an_idr() {
                claims::recovery_by_idr($open, &$terms).unwrap();
            }

            #[test]
            fn a_still_picture_becomes_sharp_within_a_second_and_then_silent() {
                claims::still($open, &$terms).unwrap();
            }

            #[test]
            fn an_access_unit_holds_to_a_cap_of_its_own() {
                claims::capped($open, &$terms).unwrap();
            }

            #[test]
            fn a_picture_under_a_cap_is_whole() {
                claims::capped_whole($open, &$terms).unwrap();
            }

            #[test]
            fn another_size_is_one_idr() {
                claims::resize($open, &$terms).unwrap();
            }

            #[test]
            fn pictures_of_another_size_are_one_idr() {
                claims::redraw($open, &$terms).unwrap();
            }

            #[test]
            fn a_frame_that_does_not_rise_is_refused() {
                claims::order($open, &$terms).unwrap();
            }

            #[test]
            fn many_encoders_leave_nothing_behind() {
                let name = concat!(stringify!($module), "::many_encoders_leave_nothing_behind");
                $crate::alone(name, || claims::open_and_close($open, &$terms)).unwrap();
            }
        }
    };
}
