//! The contract, run on the elements that need no hardware; they are named, and one that is missing fails.
//!
//! On a machine with hardware the example `contract` runs it on that.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_encoder::{Codec, Config, Encoder};
use firstlight_encoder_contract::{Terms, contract};
use firstlight_encoder_gstreamer::{ELEMENTS, Gstreamer};

fn open(word: &str, config: Config) -> Encoder {
    let element = ELEMENTS.iter().find(|element| element.word == word).unwrap();
    Encoder::with_backend(config, Box::new(Gstreamer::open(element, &config).unwrap()))
}

/// A pipeline is made of many parts, and takes its time. It cannot be asked for a QP: a still picture ends where the rate leads.
const X264: Terms = Terms {
    openings: 200,
    still_db: 43.0,
    ..Terms::plain(Codec::H264)
};

/// As OpenH264's own: its rate control has no VBV.
const OPENH264: Terms = Terms {
    openings: 200,
    cap_percent: 300,
    rate_percent: 55..=110,
    still_db: 43.0,
    ..Terms::plain(Codec::H264)
};
/// As libaom's own: what it cannot code with so few bits is larger.
const AV1: Terms = Terms {
    openings: 200,
    cap_percent: 450,
    rate_percent: 55..=250,
    still_db: 38.0,
    clean_db: 31.0,
    ..Terms::plain(Codec::Av1)
};

contract!(x264enc, X264, |c| open("gst-x264enc", c));
contract!(openh264enc, OPENH264, |c| open("gst-openh264enc", c));
contract!(av1enc, AV1, |c| open("gst-av1enc", c));
