//! What encodes: libx264, set up as the session's configuration says.

use crate::rules::Broken;
use firstlight_nvenc_sys as sys;
use firstlight_nvenc_sys::value::{h264, picture, rate_control, status};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut};
use x264_sys as x264;

/// An open encoder, closed when dropped.
pub(crate) struct Video {
    encoder: NonNull<x264::x264_t>,
    parameters: Box<x264::x264_param_t>,
    /// Number of the next picture: the time that libx264 knows it by.
    next: i64,
    /// Lowest QP that the configuration allows.
    qp_min: u32,
    before: Vec<u8>,
}

// SAFETY: libx264 binds an encoder to no thread, and a session is locked while it is used.
unsafe impl Send for Video {}

/// A picture in one of the formats of [`crate::rules::FORMATS`].
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) pitch: usize,
    pub(crate) height: usize,
    pub(crate) format: u32,
}

/// What a picture came to.
pub(crate) struct Coded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: u32,
    /// What [`Video::forget`] knows it by.
    pub(crate) number: i64,
}

impl Video {
    pub(crate) fn open(p: &sys::InitializeParams, c: &sys::Config) -> Result<Self, Broken> {
        Self::try_open(p, c).ok_or_else(|| Broken {
            status: status::UNSUPPORTED_PARAM,
            rule: "this double: libx264 does not take this configuration".to_owned(),
        })
    }

    fn try_open(p: &sys::InitializeParams, c: &sys::Config) -> Option<Self> {
        let mut parameters = parameters(p, c)?;
        // SAFETY: the parameters were filled by the library and changed within documented ranges; it copies them.
        let encoder = NonNull::new(unsafe { x264::x264_encoder_open(&raw mut *parameters) })?;
        Some(Self {
            encoder,
            parameters,
            next: 0,
            qp_min: qp_min(&c.rc_params),
            before: Vec::new(),
        })
    }

    /// SPS and PPS.
    pub(crate) fn headers(&mut self) -> Vec<u8> {
        let (mut nals, mut count) = (null_mut(), 0);
        // SAFETY: the encoder is open; the places are valid for writing.
        let size =
            unsafe { x264::x264_encoder_headers(self.encoder.as_ptr(), &raw mut nals, &raw mut count) };
        if size < 0 { Vec::new() } else { gather(nals, count) }
    }

    pub(crate) fn encode(&mut self, raw: Raw<'_>, idr: bool) -> Option<Coded> {
        let mut input = MaybeUninit::<x264::x264_picture_t>::zeroed();
        // SAFETY: the library fills the place it is given.
        unsafe { x264::x264_picture_init(input.as_mut_ptr()) };
        // SAFETY: filled just before.
        let mut input = unsafe { input.assume_init() };
        planes(raw, &mut input.img)?;
        let number = self.next;
        input.i_pts = number;
        input.i_type = c(if idr {
            x264::X264_TYPE_IDR
        } else {
            x264::X264_TYPE_AUTO
        });
        // A rate control has nothing to spend on a picture that is the one before, but on making it as good as it may be.
        let still = self.before == raw.bytes;
        if still && !idr {
            input.i_qpplus1 = c_int::try_from(self.qp_min + 1).ok()?;
        } else if !still {
            self.before.clear();
            self.before.extend_from_slice(raw.bytes);
        }
        let mut output = MaybeUninit::<x264::x264_picture_t>::zeroed();
        let (mut nals, mut count) = (null_mut(), 0);
        // SAFETY: the encoder is open; `input` points to planes of the size it was opened for (checked in `planes`), which
        // the library only reads, before it returns: nothing is looked ahead at.
        let size = unsafe {
            x264::x264_encoder_encode(
                self.encoder.as_ptr(),
                &raw mut nals,
                &raw mut count,
                &raw mut input,
                output.as_mut_ptr(),
            )
        };
        if size <= 0 {
            return None;
        }
        self.next += 1;
        // SAFETY: it was zeroed, which is valid for each of its fields, and filled by the library.
        let output = unsafe { output.assume_init() };
        let kind = match u32::try_from(output.i_type).unwrap_or(0) {
            x264::X264_TYPE_IDR => picture::TYPE_IDR,
            x264::X264_TYPE_I => picture::TYPE_I,
            _ => picture::TYPE_P,
        };
        Some(Coded {
            bytes: gather(nals, count),
            kind,
            number,
        })
    }

    /// Another rate, without an IDR.
    pub(crate) fn set_rate(&mut self, rc: &sys::RcParams) -> bool {
        rate(&mut self.parameters, rc);
        self.qp_min = qp_min(rc);
        // SAFETY: the encoder is open; the parameters are those it was opened with but for its rate.
        unsafe { x264::x264_encoder_reconfig(self.encoder.as_ptr(), &raw mut *self.parameters) >= 0 }
    }

    /// The picture of this number, and what came after it, is not to be predicted from.
    pub(crate) fn forget(&mut self, number: i64) {
        // SAFETY: the encoder is open.
        unsafe { x264::x264_encoder_invalidate_reference(self.encoder.as_ptr(), number) };
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        // SAFETY: it is open, and nobody uses it after this.
        unsafe { x264::x264_encoder_close(self.encoder.as_ptr()) };
    }
}

fn parameters(p: &sys::InitializeParams, config: &sys::Config) -> Option<Box<x264::x264_param_t>> {
    let preset = PRESETS[sys::PRESETS.iter().position(|guid| *guid == p.preset_guid)?];
    let mut to = MaybeUninit::<x264::x264_param_t>::zeroed();
    // SAFETY: the library fills the place it is given; both names are C strings.
    let known =
        unsafe { x264::x264_param_default_preset(to.as_mut_ptr(), preset.as_ptr(), c"zerolatency".as_ptr()) };
    if known < 0 {
        return None;
    }
    // SAFETY: filled just before.
    let mut to = Box::new(unsafe { to.assume_init() });
    to.i_log_level = x264::X264_LOG_NONE;
    (to.i_width, to.i_height) = (c(p.encode_width), c(p.encode_height));
    to.i_csp = c(x264::X264_CSP_I420);
    (to.i_fps_num, to.i_fps_den, to.b_vfr_input) = (p.frame_rate_num, p.frame_rate_den, 0);
    (to.i_threads, to.b_sliced_threads) = (1, 0);
    (to.i_bframe, to.i_scenecut_threshold) = (0, 0);
    (to.rc.i_lookahead, to.rc.b_mb_tree) = (0, 0);
    // Beyond what H.264 knows the library has steps at which it leaves parts of a picture as they were.
    to.rc.i_qp_max = c(QP_MAX);
    let codec = &config.codec.h264;
    slices(&mut to, codec, p.encode_height.div_ceil(16));
    to.i_frame_reference = c(codec.num_ref_l0.max(1));
    to.i_dpb_size = c(codec.max_num_ref_frames.max(1));
    to.i_keyint_max = c(config.gop_length.min(x264::X264_KEYINT_MAX_INFINITE));
    if codec.flags & h264::ENABLE_INTRA_REFRESH != 0 {
        (to.b_intra_refresh, to.i_keyint_max) = (1, c(codec.intra_refresh_period));
    }
    (to.b_annexb, to.b_aud) = (1, c_int::from(codec.flags & h264::OUTPUT_AUD != 0));
    to.b_repeat_headers = c_int::from(codec.flags & h264::DISABLE_SPSPPS == 0);
    to.b_deblocking_filter = c_int::from(codec.disable_deblocking_filter_idc != 1);
    let profile = profile(config);
    to.b_cabac = c_int::from(codec.entropy_coding_mode != h264::CAVLC && profile != c"baseline");
    colours(&mut to, &codec.vui);
    rate(&mut to, &config.rc_params);
    // SAFETY: filled above; the name is a C string.
    let known = unsafe { x264::x264_param_apply_profile(&raw mut *to, profile.as_ptr()) };
    (known >= 0).then_some(to)
}

fn profile(config: &sys::Config) -> &'static CStr {
    match config.profile_guid {
        sys::PROFILE_H264_BASELINE => c"baseline",
        sys::PROFILE_H264_MAIN => c"main",
        _ => c"high",
    }
}

fn slices(to: &mut x264::x264_param_t, codec: &sys::ConfigH264, rows: u32) {
    let count = codec.slice_mode_data;
    match codec.slice_mode {
        h264::SLICES_OF_BLOCKS => to.i_slice_max_mbs = c(count),
        h264::SLICES_OF_BYTES => to.i_slice_max_size = c(count),
        h264::SLICES_OF_ROWS => to.i_slice_count = c(rows.div_ceil(count.max(1))),
        _ => to.i_slice_count = c(count.clamp(1, rows)),
    }
}

fn colours(to: &mut x264::x264_param_t, vui: &sys::Vui) {
    if vui.colour_description_present != 0 {
        to.vui.i_colorprim = c(vui.colour_primaries);
        to.vui.i_transfer = c(vui.transfer_characteristics);
        to.vui.i_colmatrix = c(vui.colour_matrix);
        to.vui.b_fullrange = c(vui.video_full_range);
    }
}

/// A quality that is good enough, under the VBV that is asked for: what `firstlight-encoder` does with libx264.
fn rate(to: &mut x264::x264_param_t, rc: &sys::RcParams) {
    if rc.rate_control_mode == rate_control::CONSTQP {
        to.rc.i_rc_method = c(x264::X264_RC_CQP);
        to.rc.i_qp_constant = c(rc.const_qp.inter_p);
        return;
    }
    to.rc.i_rc_method = c(x264::X264_RC_CRF);
    to.rc.f_rf_constant = QUALITY;
    let most = if rc.rate_control_mode == rate_control::CBR {
        rc.average_bit_rate
    } else {
        rc.max_bit_rate.max(rc.average_bit_rate)
    };
    let kilo = |bits: u32| c(bits.div_ceil(1000));
    to.rc.i_vbv_max_bitrate = kilo(most);
    to.rc.i_vbv_buffer_size = if rc.vbv_buffer_size > 0 {
        kilo(rc.vbv_buffer_size)
    } else {
        kilo(most)
    };
}

fn qp_min(rc: &sys::RcParams) -> u32 {
    if rc.flags & rate_control::ENABLE_MIN_QP == 0 {
        0
    } else {
        rc.min_qp.inter_p.min(QP_MAX)
    }
}

/// Points to the planes of `raw`; `None` when it is too small for the picture.
fn planes(raw: Raw<'_>, to: &mut x264::x264_image_t) -> Option<()> {
    let Raw {
        bytes,
        pitch,
        height,
        format,
    } = raw;
    let luma = pitch * height;
    bytes.get(..luma + luma / 2)?;
    let at = |offset: usize| bytes.get(offset..).map(|plane| plane.as_ptr().cast_mut());
    let stride = |n: usize| c_int::try_from(n).ok();
    let (first, second) = (at(luma)?, at(luma + luma / 4)?);
    if format == picture::FORMAT_NV12 {
        (to.i_csp, to.i_plane) = (c(x264::X264_CSP_NV12), 2);
        to.i_stride = [stride(pitch)?, stride(pitch)?, 0, 0];
        to.plane = [at(0)?, first, null_mut(), null_mut()];
        return Some(());
    }
    let [u, v] = if format == picture::FORMAT_IYUV {
        [first, second]
    } else {
        [second, first]
    };
    (to.i_csp, to.i_plane) = (c(x264::X264_CSP_I420), 3);
    to.i_stride = [stride(pitch)?, stride(pitch / 2)?, stride(pitch / 2)?, 0];
    to.plane = [at(0)?, u, v, null_mut()];
    Some(())
}

/// The NAL units one after the other, without what libx264 says of itself.
fn gather(nals: *mut x264::x264_nal_t, count: c_int) -> Vec<u8> {
    let count = usize::try_from(count).unwrap_or(0);
    if nals.is_null() {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    // SAFETY: on success the library points to `count` NAL units, valid until the next call to it, which comes later.
    for nal in unsafe { std::slice::from_raw_parts(nals, count) } {
        let length = usize::try_from(nal.i_payload).unwrap_or(0);
        // SAFETY: as above: each payload is valid for its length.
        let payload = unsafe { std::slice::from_raw_parts(nal.p_payload, length) };
        let body = payload.iter().position(|&byte| byte == 1).map_or(0, |at| at + 1);
        let of_itself = matches!(payload.get(body..body + 2), Some([0x06, UNREGISTERED]));
        if !of_itself {
            bytes.extend_from_slice(payload);
        }
    }
    bytes
}

/// One of the library's small numbers, which are signed there.
fn c(number: u32) -> c_int {
    c_int::try_from(number).unwrap_or(c_int::MAX)
}

/// What libx264 calls something like each of P1 to P7, at a speed that tests bear.
const PRESETS: [&CStr; 7] = [
    c"ultrafast",
    c"superfast",
    c"veryfast",
    c"veryfast",
    c"faster",
    c"faster",
    c"faster",
];
const QUALITY: f32 = 20.0;
/// The highest QP of H.264 at eight bits.
const QP_MAX: u32 = 51;
/// `user_data_unregistered` (H.264, D.1).
const UNREGISTERED: u8 = 5;
