//! What NVENC is told, apart from how. Pure.

use crate::probe::Abilities;
use firstlight_encoder::{Config, rate};
use firstlight_nvenc_sys::value::{h264, rate_control, session};
use firstlight_nvenc_sys::{self as sys, Qp};

/// What a stream is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Index into [`sys::PRESETS`].
    pub(crate) preset: usize,
    /// Pictures that the encoder keeps, to go on from after a loss.
    pub(crate) references: u32,
    pub(crate) slices: u32,
    /// Intra refresh: in how many pictures, when one is asked for; 0 is none.
    pub(crate) refresh: u32,
}

impl Settings {
    pub(crate) fn of(config: &Config, preset: usize, abilities: &Abilities, refresh: u16) -> Self {
        let rows = u32::from(config.height().div_ceil(16));
        Self {
            preset,
            references: references(config, abilities),
            slices: u32::from(config.slices()).min(rows),
            refresh: if abilities.intra_refresh {
                refresh.into()
            } else {
                0
            },
        }
    }

    /// Changes the driver's own configuration of the preset to ours.
    pub(crate) fn apply(&self, to: &mut sys::Config, plan: rate::Plan, qp_min: u8) {
        to.profile_guid = sys::PROFILE_H264_HIGH;
        to.gop_length = session::INFINITE_GOP;
        to.frame_interval_p = 1;
        rate(&mut to.rc_params, plan, qp_min);
        let codec = &mut to.codec.h264;
        codec.idr_period = session::INFINITE_GOP;
        codec.flags |= h264::REPEAT_SPSPPS;
        codec.flags &= !(h264::OUTPUT_AUD | h264::ENABLE_LTR | h264::DISABLE_SPSPPS);
        (codec.slice_mode, codec.slice_mode_data) = (h264::SLICES_BY_NUMBER, self.slices);
        codec.max_num_ref_frames = self.references;
        // One reference for each picture: those before it are kept, and cost no search.
        codec.num_ref_l0 = 1;
        codec.chroma_format_idc = 1;
        if self.refresh > 0 {
            codec.flags |= h264::ENABLE_INTRA_REFRESH | h264::OUTPUT_RECOVERY_POINT_SEI;
            (codec.intra_refresh_period, codec.intra_refresh_cnt) = (self.refresh + 1, self.refresh);
        }
        colours(&mut codec.vui);
    }
}

/// What of it changes with the rate: CBR, a VBV of one frame, and no QP below `qp_min`.
pub(crate) fn rate(rc: &mut sys::RcParams, plan: rate::Plan, qp_min: u8) {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    rc.rate_control_mode = rate_control::CBR;
    (rc.average_bit_rate, rc.max_bit_rate) = (number(plan.asked.as_bps()), number(plan.asked.as_bps()));
    rc.vbv_buffer_size = number(plan.cap.as_u64().saturating_mul(8));
    rc.vbv_initial_delay = rc.vbv_buffer_size;
    rc.flags |= rate_control::ZERO_REORDER_DELAY | rate_control::ENABLE_MIN_QP;
    rc.flags &= !(rate_control::ENABLE_LOOKAHEAD | rate_control::ENABLE_MAX_QP);
    rc.lookahead_depth = 0;
    // An IDR as large as any other picture: it has one frame time to arrive in as well.
    rc.low_delay_key_frame_scale = 1;
    let qp = u32::from(qp_min);
    rc.min_qp = Qp {
        inter_p: qp,
        inter_b: qp,
        intra: qp,
    };
}

/// As many as there may be (H.264 allows sixteen): each is one lost picture more that costs no IDR.
fn references(config: &Config, abilities: &Abilities) -> u32 {
    if !abilities.invalidation || !abilities.several_references {
        return 1;
    }
    let blocks = u32::from(config.width().div_ceil(16)) * u32::from(config.height().div_ceil(16));
    (BUFFER_BLOCKS / blocks.max(1)).clamp(1, REFERENCES_MAX)
}

/// BT.709, limited range: what the conversion before it writes.
fn colours(vui: &mut sys::Vui) {
    vui.video_signal_type_present = 1;
    vui.video_format = UNSPECIFIED;
    vui.video_full_range = 0;
    vui.colour_description_present = 1;
    (
        vui.colour_primaries,
        vui.transfer_characteristics,
        vui.colour_matrix,
    ) = (BT709, BT709, BT709);
    // Says that nothing is reordered, without which some decoders wait for pictures that may come before.
    vui.bitstream_restriction = 1;
}

/// `MaxDpbMbs` of level 5.1 (H.264, table A-1), the highest that decoders commonly take.
const BUFFER_BLOCKS: u32 = 184_320;
/// `max_num_ref_frames` at most (H.264, A.3.1).
const REFERENCES_MAX: u32 = 16;
/// `colour_primaries`, `transfer_characteristics` and `matrix_coefficients` alike (H.264, E.2.1).
const BT709: u32 = 1;
/// `video_format` (H.264, table E-2).
const UNSPECIFIED: u32 = 5;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use firstlight_units::Bitrate;

    const ALL: Abilities = Abilities {
        width_min: 145,
        height_min: 49,
        width_max: 4096,
        height_max: 4096,
        bitrate_change: true,
        size_change: true,
        own_vbv: true,
        invalidation: true,
        several_references: true,
        intra_refresh: true,
        slices_as_ready: true,
        ten_bits: true,
        full_chroma: true,
        long_term: 8,
    };

    fn config(width: u16, height: u16) -> Config {
        Config::builder().size(width, height).build().unwrap()
    }

    #[test]
    fn the_vbv_is_one_frame_of_the_target() {
        let config = config(1280, 720);
        let mut rc = sys::RcParams::blank();
        rate(&mut rc, rate::plan(Bitrate::mbps(6), &config, 1).to_fill(), 12);
        assert_eq!(
            (rc.rate_control_mode, rc.average_bit_rate),
            (rate_control::CBR, 6_000_000)
        );
        assert_eq!(rc.vbv_buffer_size / 1000, 99, "a sixtieth of it, in bits");
        assert_eq!((rc.min_qp.inter_p, rc.low_delay_key_frame_scale), (12, 1));
    }

    #[test]
    fn as_many_references_as_the_level_and_the_card_allow() {
        assert_eq!(references(&config(1280, 720), &ALL), 16);
        assert_eq!(references(&config(3840, 2160), &ALL), 5);
        let one = Abilities {
            several_references: false,
            ..ALL
        };
        assert_eq!(references(&config(1280, 720), &one), 1);
    }

    #[test]
    fn what_the_preset_would_hold_back_is_off() {
        let mut of_driver = sys::Config::blank();
        of_driver.rc_params.flags = rate_control::ENABLE_LOOKAHEAD | rate_control::ENABLE_MAX_QP;
        of_driver.codec.h264.flags = h264::OUTPUT_AUD | h264::ENABLE_LTR;
        of_driver.frame_interval_p = 3;
        let config = config(1280, 720);
        let settings = Settings::of(&config, 0, &ALL, 0);
        settings.apply(&mut of_driver, rate::plan(Bitrate::mbps(8), &config, 1), 12);
        assert_eq!(
            (of_driver.frame_interval_p, of_driver.gop_length),
            (1, session::INFINITE_GOP)
        );
        assert_eq!(of_driver.rc_params.flags & rate_control::ENABLE_LOOKAHEAD, 0);
        assert_eq!(of_driver.codec.h264.flags, h264::REPEAT_SPSPPS);
        assert_eq!(
            (
                of_driver.codec.h264.slice_mode_data,
                of_driver.codec.h264.num_ref_l0
            ),
            (2, 1)
        );
    }
}
