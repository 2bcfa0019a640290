//! What the interface demands of a client, rule by rule. Pure.
//!
//! Each is a line of `nvEncodeAPI.h` 11.1 or of NVIDIA's Video Codec SDK guide for NVENC, named in what is said when it is
//! broken.

use firstlight_nvenc_sys::value::{h264, picture, rate_control, session, status};
use firstlight_nvenc_sys::{self as sys, Guid};

/// A rule that is broken: the driver's answer, and the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) status: u32,
    pub(crate) rule: String,
}

pub(crate) type Checked = Result<(), Broken>;

/// The rule holds, or this is what is said.
pub(crate) fn demand(holds: bool, status: u32, rule: &str) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Broken {
            status,
            rule: rule.to_owned(),
        })
    }
}

/// "Struct version. Must be set to NV_ENC_…_VER."
pub(crate) fn version(given: u32, expected: u32, structure: &str) -> Checked {
    let rule = format!(
        "nvEncodeAPI.h, {structure}::version: must be {structure}_VER ({expected:#x}), not {given:#x}"
    );
    demand(given == expected, status::INVALID_VERSION, &rule)
}

/// What the card is: the ranges that are checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Card {
    pub(crate) least: (u32, u32),
    pub(crate) most: (u32, u32),
}

/// `NV_ENC_INITIALIZE_PARAMS`, without its configuration.
pub(crate) fn initialize(p: &sys::InitializeParams, card: Card) -> Checked {
    version(
        p.version,
        sys::InitializeParams::VERSION,
        "NV_ENC_INITIALIZE_PARAMS",
    )?;
    demand(
        p.encode_guid == sys::CODEC_H264,
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NV_ENC_INITIALIZE_PARAMS::encodeGUID: must be one that NvEncGetEncodeGUIDs gave",
    )?;
    demand(
        sys::PRESETS.contains(&p.preset_guid),
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NvEncInitializeEncoder: the preset GUID must be one that NvEncGetEncodePresetGUIDs gave",
    )?;
    demand(
        within((p.encode_width, p.encode_height), card),
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CAPS_WIDTH_MIN to NV_ENC_CAPS_HEIGHT_MAX: the size must be within what the card encodes",
    )?;
    demand(
        p.encode_width.is_multiple_of(2) && p.encode_height.is_multiple_of(2),
        status::INVALID_PARAM,
        "SDK guide, input formats: sides of 4:2:0 are even",
    )?;
    demand(
        p.frame_rate_num > 0 && p.frame_rate_den > 0,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_INITIALIZE_PARAMS::frameRateNum, frameRateDen: a rate of frames is needed",
    )?;
    demand(
        p.enable_encode_async == 0,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NvEncInitializeEncoder: asynchronous mode is not supported on Linux",
    )?;
    demand(
        p.enable_ptd == 1,
        status::UNSUPPORTED_PARAM,
        "this double: NV_ENC_INITIALIZE_PARAMS::enablePTD must be 1, it takes no types of pictures",
    )?;
    demand(
        (1..=4).contains(&p.tuning_info),
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_INITIALIZE_PARAMS::tuningInfo: presets P1 to P7 go with a tuning",
    )?;
    demand(
        p.max_encode_width == 0 && p.max_encode_height == 0
            || (p.max_encode_width >= p.encode_width && p.max_encode_height >= p.encode_height),
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_INITIALIZE_PARAMS::maxEncodeWidth, maxEncodeHeight: 0, or at least the size",
    )?;
    let reserved = p.flags & !session::FLAGS == 0
        && p.priv_data_size == 0
        && p.priv_data.is_null()
        && p.reserved.iter().all(|&word| word == 0);
    demand(
        reserved,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_INITIALIZE_PARAMS: what is reserved must be 0",
    )
}

fn within(size: (u32, u32), card: Card) -> bool {
    (card.least.0..=card.most.0).contains(&size.0) && (card.least.1..=card.most.1).contains(&size.1)
}

/// `NV_ENC_CONFIG`.
pub(crate) fn config(c: &sys::Config) -> Checked {
    version(c.version, sys::Config::VERSION, "NV_ENC_CONFIG")?;
    demand(
        c.profile_guid == sys::PROFILE_AUTOSELECT || is_profile(c.profile_guid),
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG::profileGUID: must be one of the codec's",
    )?;
    demand(
        c.gop_length != session::INFINITE_GOP || c.frame_interval_p == 1,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG::frameIntervalP: must be 1 where gopLength is NVENC_INFINITE_GOPLENGTH",
    )?;
    demand(
        c.frame_interval_p == 1 || c.frame_interval_p == 0,
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NV_ENC_CAPS_NUM_MAX_BFRAMES: this card makes no B frames",
    )?;
    demand(
        c.frame_field_mode == session::FRAME_MODE,
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NV_ENC_CAPS_SUPPORT_FIELD_ENCODING: this card codes frames only",
    )?;
    rate(&c.rc_params)?;
    codec(&c.codec.h264, c.gop_length)
}

fn is_profile(guid: Guid) -> bool {
    sys::H264_PROFILES.contains(&guid)
}

fn rate(rc: &sys::RcParams) -> Checked {
    let known = [rate_control::CONSTQP, rate_control::VBR, rate_control::CBR];
    let mode = rc.rate_control_mode;
    demand(
        known.contains(&mode) || rate_control::DEPRECATED.contains(&mode),
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_RC_PARAMS::rateControlMode: must be one of NV_ENC_PARAMS_RC_MODE",
    )?;
    demand(
        mode != rate_control::CBR || rc.average_bit_rate > 0,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_RC_PARAMS::averageBitRate: CBR needs a rate",
    )?;
    demand(
        rc.vbv_initial_delay <= rc.vbv_buffer_size || rc.vbv_buffer_size == 0,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_RC_PARAMS::vbvInitialDelay: no more than the buffer holds",
    )?;
    let qps = [
        (rate_control::ENABLE_MIN_QP, rc.min_qp),
        (rate_control::ENABLE_MAX_QP, rc.max_qp),
        (u32::MAX, rc.const_qp),
    ];
    for (flag, qp) in qps {
        let used = if flag == u32::MAX {
            mode == rate_control::CONSTQP
        } else {
            rc.flags & flag != 0
        };
        let range = [qp.inter_p, qp.inter_b, qp.intra].iter().all(|&qp| qp <= QP_MAX);
        demand(
            !used || range,
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_QP: H.264 at eight bits has QPs from 0 to 51",
        )?;
    }
    demand(
        rc.multi_pass <= 2,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_RC_PARAMS::multiPass: must be one of NV_ENC_MULTI_PASS",
    )?;
    demand(
        rc.flags & !rate_control::FLAGS == 0,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_RC_PARAMS: what is reserved must be 0",
    )
}

fn codec(c: &sys::ConfigH264, gop: u32) -> Checked {
    demand(
        c.flags & !h264::FLAGS == 0,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG_H264: what is reserved must be 0",
    )?;
    demand(
        c.slice_mode <= h264::SLICES_BY_NUMBER,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG_H264::sliceMode: 0 to 3",
    )?;
    demand(
        c.max_num_ref_frames <= 16,
        status::INVALID_PARAM,
        "H.264, A.3.1: max_num_ref_frames is 16 at most",
    )?;
    demand(
        c.num_ref_l0 <= 7,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG_H264::numRefL0: must be one of NV_ENC_NUM_REF_FRAMES",
    )?;
    demand(
        c.entropy_coding_mode <= h264::CAVLC,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG_H264::entropyCodingMode: must be one of NV_ENC_H264_ENTROPY_CODING_MODE",
    )?;
    demand(
        c.chroma_format_idc <= 1,
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NV_ENC_CAPS_SUPPORT_YUV444_ENCODE: this card codes 4:2:0 only",
    )?;
    if c.flags & h264::ENABLE_INTRA_REFRESH == 0 {
        return Ok(());
    }
    demand(
        gop == session::INFINITE_GOP,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG_H264::intraRefreshPeriod: needs NVENC_INFINITE_GOPLENGTH",
    )?;
    demand(
        c.intra_refresh_cnt > 0 && c.intra_refresh_cnt < c.intra_refresh_period,
        status::INVALID_PARAM,
        "nvEncodeAPI.h, NV_ENC_CONFIG_H264::intraRefreshCnt: must be smaller than intraRefreshPeriod",
    )
}

/// What a reconfiguration must not change.
pub(crate) fn reconfigure(
    before: (&sys::InitializeParams, &sys::Config),
    after: (&sys::InitializeParams, &sys::Config),
) -> Checked {
    let ((p, c), (q, d)) = (before, after);
    demand(
        (c.gop_length, c.frame_interval_p) == (d.gop_length, d.frame_interval_p),
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NvEncReconfigureEncoder: the structure of GOPs cannot change",
    )?;
    demand(
        (p.enable_encode_async, p.enable_ptd) == (q.enable_encode_async, q.enable_ptd),
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NvEncReconfigureEncoder: neither the mode nor who decides of types can change",
    )?;
    demand(
        (p.max_encode_width, p.max_encode_height) == (q.max_encode_width, q.max_encode_height),
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NvEncReconfigureEncoder: maxEncodeWidth and maxEncodeHeight cannot change",
    )?;
    let same = (p.encode_width, p.encode_height) == (q.encode_width, q.encode_height);
    demand(
        same || (q.encode_width <= q.max_encode_width && q.encode_height <= q.max_encode_height),
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NvEncReconfigureEncoder: another size needs maxEncodeWidth and maxEncodeHeight from the beginning",
    )?;
    demand(
        p.encode_guid == q.encode_guid,
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NvEncReconfigureEncoder: the codec cannot change",
    )
}

/// Formats that this double takes.
pub(crate) fn format(format: u32) -> Checked {
    demand(
        FORMATS.contains(&format),
        status::UNSUPPORTED_PARAM,
        "nvEncodeAPI.h, NV_ENC_BUFFER_FORMAT: must be one that NvEncGetInputFormats gave",
    )
}

/// What `NvEncGetInputFormats` gives.
pub(crate) const FORMATS: [u32; 3] = [picture::FORMAT_NV12, picture::FORMAT_YV12, picture::FORMAT_IYUV];
const QP_MAX: u32 = 51;

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Card = Card {
        least: (145, 49),
        most: (4096, 4096),
    };

    fn good() -> (sys::InitializeParams, sys::Config) {
        let mut p = sys::InitializeParams::blank();
        (p.encode_guid, p.preset_guid) = (sys::CODEC_H264, sys::PRESETS[0]);
        (p.encode_width, p.encode_height) = (1280, 720);
        (p.frame_rate_num, p.frame_rate_den, p.enable_ptd, p.tuning_info) = (60, 1, 1, 3);
        let mut c = sys::Config::blank();
        (c.gop_length, c.frame_interval_p, c.frame_field_mode) = (session::INFINITE_GOP, 1, 1);
        c.profile_guid = sys::PROFILE_AUTOSELECT;
        (c.rc_params.rate_control_mode, c.rc_params.average_bit_rate) = (rate_control::CBR, 8_000_000);
        (p, c)
    }

    /// Each change breaks a rule that its words name.
    #[test]
    fn what_a_driver_would_refuse_is_refused_by_name() {
        let (p, c) = good();
        assert_eq!((initialize(&p, CARD), config(&c)), (Ok(()), Ok(())));
        type Change<T> = (fn(&mut T), &'static str);
        let wrong: [Change<sys::InitializeParams>; 8] = [
            (|p| p.version = 5, "version"),
            (|p| p.encode_guid = sys::CODEC_HEVC, "encodeGUID"),
            (|p| p.preset_guid = sys::CODEC_H264, "preset GUID"),
            (|p| p.encode_width = 64, "WIDTH_MIN"),
            (|p| p.encode_height = 719, "even"),
            (|p| p.enable_encode_async = 1, "Linux"),
            (|p| p.max_encode_width = 640, "maxEncodeWidth"),
            (|p| p.reserved[7] = 1, "reserved"),
        ];
        for (change, word) in wrong {
            let mut changed = p;
            change(&mut changed);
            let broken = initialize(&changed, CARD).expect_err(word);
            assert!(broken.rule.contains(word), "{broken:?}");
        }
        let wrong: [Change<sys::Config>; 8] = [
            (|c| c.version = 0, "version"),
            (|c| c.frame_interval_p = 2, "frameIntervalP"),
            (|c| c.frame_field_mode = 2, "FIELD"),
            (|c| c.rc_params.rate_control_mode = 5, "rateControlMode"),
            (|c| c.rc_params.average_bit_rate = 0, "averageBitRate"),
            (|c| c.codec.h264.slice_mode = 4, "sliceMode"),
            (|c| c.codec.h264.max_num_ref_frames = 17, "max_num_ref_frames"),
            (
                |c| c.codec.h264.flags = h264::ENABLE_INTRA_REFRESH,
                "intraRefreshCnt",
            ),
        ];
        for (change, word) in wrong {
            let mut changed = c;
            change(&mut changed);
            let broken = config(&changed).expect_err(word);
            assert!(broken.rule.contains(word), "{broken:?}");
        }
    }

    #[test]
    fn only_rates_and_sizes_can_change_while_it_runs() {
        let (p, c) = good();
        let (mut other, mut faster) = (p, c);
        faster.rc_params.average_bit_rate = 2;
        assert_eq!(reconfigure((&p, &c), (&p, &faster)), Ok(()));
        other.encode_width = 640;
        let refused = reconfigure((&p, &c), (&other, &c)).expect_err("no maximum was given");
        assert!(refused.rule.contains("maxEncodeWidth"));
        faster.gop_length = 60;
        assert!(reconfigure((&p, &c), (&p, &faster)).is_err());
    }
}
