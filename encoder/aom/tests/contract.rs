//! The contract, run on libaom.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_encoder::{Abilities, Codec, Config, Encoder};
use firstlight_encoder_aom::Aom;
use firstlight_encoder_contract::{Terms, contract};

fn open(config: Config) -> Encoder {
    Encoder::with_backend(config, Box::new(Aom::open(&config).unwrap()))
}

/// It has no VBV, and of noise that is new in every picture even its coarsest is larger than the rate allows.
const TERMS: Terms = Terms {
    abilities: Abilities {
        refines: true,
        ..Terms::plain(Codec::Av1).abilities
    },
    cap_percent: 450,
    rate_percent: 55..=250,
    ..Terms::plain(Codec::Av1)
};

contract!(libaom, TERMS, open);
