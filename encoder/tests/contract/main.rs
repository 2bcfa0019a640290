//! The contract, run on this crate's own backends.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod fake;

use firstlight_encoder::{Config, Encoder};
use firstlight_encoder_contract::{Terms, claims, contract};

fn software(config: Config) -> Encoder {
    Encoder::open(config).unwrap()
}

fn slices(config: Config) -> Encoder {
    software(claims::slices(config, 4))
}

contract!(software_threads, Terms::full(), software);
contract!(software_slices, Terms::full(), slices);

#[test]
fn the_claims_catch_a_backend_that_holds_a_picture_back() {
    let found = claims::one_in_one_out(fake::late, &Terms::full()).unwrap_err();
    assert!(found.contains("shows another picture"), "{found}");
    assert!(claims::recovery(fake::late, &Terms::full()).is_err());
}
