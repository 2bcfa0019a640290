//! What the binding has no safe call for: silence, and a new rate for a running encoder.

use firstlight_encoder::rate;
use openh264::encoder::Encoder;
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_TRACE_LEVEL,
    LAYER_NUM, SBitrateInfo, SPATIAL_LAYER_0, SPATIAL_LAYER_ALL, WELS_LOG_QUIET,
};
use std::ffi::c_int;

/// Keeps it from writing to the standard error. The binding does that as well, but after the encoder is open, which has said by then that
/// it may miss its rate where no picture is skipped.
pub(crate) fn silence(encoder: &mut Encoder) {
    let mut level = WELS_LOG_QUIET;
    // SAFETY: this option may be set before the encoder is open; it reads one integer during the call.
    unsafe {
        encoder
            .raw_api()
            .set_option(ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast())
    };
}

/// Whether the encoder takes the rate.
pub(crate) fn set_rate(encoder: &mut Encoder, plan: rate::Plan) -> bool {
    // What it was opened with is the most it would take otherwise.
    set(encoder, ENCODER_OPTION_MAX_BITRATE, SPATIAL_LAYER_0, MOST)
        && set(encoder, ENCODER_OPTION_BITRATE, SPATIAL_LAYER_ALL, bits(plan))
}

fn set(encoder: &mut Encoder, option: ENCODER_OPTION, layer: LAYER_NUM, bits: u32) -> bool {
    let mut rate = SBitrateInfo {
        iLayer: layer,
        iBitrate: c_int::try_from(bits).unwrap_or(c_int::MAX),
    };
    // SAFETY: the encoder is open; each of these options reads one `SBitrateInfo` during the call.
    let set = unsafe { encoder.raw_api().set_option(option, (&raw mut rate).cast()) };
    set == 0
}

/// What level 5.0 carries (H.264, table A-1: 135,000 times 1,200 bits a second): the level that it is opened with.
const MOST: u32 = 162_000_000;

/// What it is asked for: it comes to what it is asked for by itself.
pub(crate) fn bits(plan: rate::Plan) -> u32 {
    u32::try_from(plan.target.as_bps()).unwrap_or(u32::MAX)
}
