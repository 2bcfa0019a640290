//! The contract, run on OpenH264.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_encoder::{Backend, Codec, Config, Encoder, rate};
use firstlight_encoder_contract::{Terms, contract};
use firstlight_encoder_openh264::Openh264;
use firstlight_units::Bitrate;

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

/// What the library takes for a size by itself carries 20 Mbit/s at 720p, and it refuses more.
#[test]
fn a_rate_may_rise_to_all_that_a_session_may_have() {
    let config = Config::builder().size(1280, 720).fps(60).build().unwrap();
    let mut encoder = Openh264::open(&config).unwrap();
    for mbps in [20, 1, 100] {
        let plan = rate::plan(Bitrate::mbps(mbps), &config, 1);
        assert_eq!(encoder.set_rate(plan), Ok(()), "{mbps} Mbit/s");
    }
}
