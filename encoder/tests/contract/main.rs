//! What every backend must do: one body, run on each.
//!
//! A claim returns what it found wrong, so that a fake backend that breaks the contract shows that the claims see it.
//! Pictures are decoded by the `ffmpeg` program.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may panic, and knows its numbers"
)]

mod claims;
mod decode;
mod fake;
mod source;

use firstlight_encoder::{Config, Encoder};

/// Opens a backend for a configuration.
type Open = fn(Config) -> Encoder;

fn software(config: Config) -> Encoder {
    Encoder::open(config).unwrap()
}

/// Runs a claim about the whole process in a process of its own: other tests share this one under plain `cargo test`.
fn alone(name: &str, claim: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
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

macro_rules! contract {
    ($module:ident, $open:expr) => {
        mod $module {
            use super::*;

            #[test]
            fn each_picture_gives_its_own_access_unit_at_once() {
                claims::one_in_one_out($open).unwrap();
            }

            #[test]
            fn an_idr_comes_first_and_on_request_with_its_parameter_sets() {
                claims::idr_only_on_request($open).unwrap();
            }

            #[test]
            fn a_new_bitrate_holds_within_five_pictures() {
                claims::rate_step($open).unwrap();
            }

            #[test]
            fn sizes_come_out_as_they_went_in() {
                claims::sizes($open).unwrap();
            }

            #[test]
            fn a_loss_is_followed_by_a_clean_picture_without_an_idr() {
                claims::recovery($open).unwrap();
            }

            #[test]
            fn more_lost_than_is_kept_gives_an_idr() {
                claims::recovery_by_idr($open).unwrap();
            }

            #[test]
            fn a_still_picture_becomes_sharp_within_a_second_and_then_silent() {
                claims::still($open).unwrap();
            }

            #[test]
            fn an_access_unit_holds_to_a_cap_of_its_own() {
                claims::capped($open).unwrap();
            }

            #[test]
            fn a_picture_under_a_cap_is_whole() {
                claims::capped_whole($open).unwrap();
            }

            #[test]
            fn another_size_is_one_idr() {
                claims::resize($open).unwrap();
            }

            #[test]
            fn a_frame_that_does_not_rise_is_refused() {
                claims::order($open).unwrap();
            }

            #[test]
            fn a_thousand_encoders_leave_nothing_behind() {
                let name = concat!(
                    stringify!($module),
                    "::a_thousand_encoders_leave_nothing_behind"
                );
                alone(name, || claims::open_and_close($open)).unwrap();
            }
        }
    };
}

contract!(software_threads, software);
contract!(software_slices, |c| software(claims::slices(c, 4)));

#[test]
fn the_claims_catch_a_backend_that_holds_a_picture_back() {
    let found = claims::one_in_one_out(fake::late).unwrap_err();
    assert!(found.contains("shows another picture"), "{found}");
    assert!(claims::recovery(fake::late).is_err());
}
