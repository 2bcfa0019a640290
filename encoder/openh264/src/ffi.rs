//! A new rate for a running encoder.

use firstlight_encoder::rate;
use openh264::encoder::Encoder;
use openh264_sys2::{ENCODER_OPTION_BITRATE, SBitrateInfo, SPATIAL_LAYER_ALL};
use std::ffi::c_int;

/// Whether the encoder takes the rate.
pub(crate) fn set_rate(encoder: &mut Encoder, plan: rate::Plan) -> bool {
    let mut rate = SBitrateInfo {
        iLayer: SPATIAL_LAYER_ALL,
        iBitrate: c_int::try_from(bits(plan)).unwrap_or(c_int::MAX),
    };
    // SAFETY: the encoder is open; this option reads one `SBitrateInfo` during the call.
    let set = unsafe {
        encoder
            .raw_api()
            .set_option(ENCODER_OPTION_BITRATE, (&raw mut rate).cast())
    };
    set == 0
}

/// What it is asked for: it comes to what it is asked for by itself.
pub(crate) fn bits(plan: rate::Plan) -> u32 {
    u32::try_from(plan.target.as_bps()).unwrap_or(u32::MAX)
}
