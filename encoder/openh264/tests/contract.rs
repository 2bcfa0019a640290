//! The contract, run on OpenH264.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_encoder::{Codec, Config, Encoder};
use firstlight_encoder_contract::{Terms, contract};
use firstlight_encoder_openh264::Openh264;

fn open(config: Config) -> Encoder {
    Encoder::with_backend(config, Box::new(Openh264::open(&config).unwrap()))
}

/// Its rate control has no VBV: an IDR, and what comes after a cut, may be three times their share.
const TERMS: Terms = Terms {
    cap_percent: 300,
    rate_percent: 55..=110,
    ..Terms::plain(Codec::H264)
};

contract!(openh264, TERMS, open);
