//! The calls to libaom.
//!
//! The only place with `unsafe`. A [`Handle`] owns the library's encoder.

use crate::NAME;
use firstlight_encoder::{Config, Error, Preset, rate};
use std::ffi::{CStr, c_int, c_uint};
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::null;

#[expect(
    dead_code,
    non_camel_case_types,
    unreachable_pub,
    reason = "written by bindgen"
)]
mod aom {
    include!(concat!(env!("OUT_DIR"), "/aom.rs"));
}

/// An open encoder.
pub(crate) struct Handle {
    /// Where it is stays the same: the library keeps pointers into it.
    context: Box<aom::aom_codec_ctx_t>,
    settings: aom::aom_codec_enc_cfg_t,
    /// The frame time in the units of the time base is 1.
    pictures: i64,
    config: Config,
}

// SAFETY: libaom binds an encoder to no thread; it must only not be used from two at once, and `Handle` is not `Sync` and gives out
// no pointer that outlives a call.
unsafe impl Send for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the encoder is open, and nobody uses it after this. It says nothing that could be acted on.
        unsafe { aom::aom_codec_destroy(&raw mut *self.context) };
    }
}

impl Handle {
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        let mut settings = settings(config)?;
        apply(&mut settings, rate::plan(config.bitrate(), config, 1));
        let mut context = Box::new(MaybeUninit::<aom::aom_codec_ctx_t>::zeroed());
        // SAFETY: the context is zeroed, as the library asks for; the settings were filled by the library and changed within documented
        // ranges, and outlive the call; the library checks that both sides mean the same by the version.
        let opened = unsafe {
            aom::aom_codec_enc_init_ver(
                context.as_mut_ptr(),
                aom::aom_codec_av1_cx(),
                &raw const settings,
                0,
                c(aom::FL_ENCODER_ABI_VERSION),
            )
        };
        if opened != aom::AOM_CODEC_OK {
            return Err(unavailable(opened));
        }
        // SAFETY: all of it was zeroed, and then filled by the library.
        let context = unsafe { Box::<MaybeUninit<_>>::assume_init(context) };
        let mut handle = Self {
            context,
            settings,
            pictures: 0,
            config: *config,
        };
        for (control, value) in controls(config) {
            handle.control(control, value)?;
        }
        Ok(handle)
    }

    pub(crate) fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        apply(&mut self.settings, plan);
        self.apply_settings()
    }

    fn apply_settings(&mut self) -> Result<(), Error> {
        // SAFETY: the encoder is open, and the settings are those it was opened with but for the rate and the coarsest quantizer.
        let set = unsafe { aom::aom_codec_enc_config_set(&raw mut *self.context, &raw const self.settings) };
        if set == aom::AOM_CODEC_OK {
            Ok(())
        } else {
            Err(self.failed())
        }
    }

    /// No coarser than this QP of H.264 from the next picture on; `None`: as the rate has it.
    pub(crate) fn hold_to_quality(&mut self, qp: Option<u8>) -> Result<(), Error> {
        let coarsest = qp.map_or(QUANTIZER_MAX, |qp| {
            (c_uint::from(qp) * 63 / 51).clamp(QUANTIZER_MIN, QUANTIZER_MAX)
        });
        if self.settings.rc_max_quantizer == coarsest {
            return Ok(());
        }
        self.settings.rc_max_quantizer = coarsest;
        self.apply_settings()
    }

    /// The quantizer of the newest picture, on the scale of H.264.
    pub(crate) fn quantizer(&mut self) -> Result<u8, Error> {
        let mut quantizer: c_int = 0;
        // SAFETY: the encoder is open; this control writes one `int` to where it is told.
        let got = unsafe {
            aom::aom_codec_control(
                &raw mut *self.context,
                c(aom::AOME_GET_LAST_QUANTIZER_64),
                &raw mut quantizer,
            )
        };
        if got != aom::AOM_CODEC_OK {
            return Err(self.failed());
        }
        Ok(u8::try_from(quantizer.clamp(0, 63) * 51 / 63).unwrap_or(51))
    }

    /// Encodes a picture of one grey; its temporal unit.
    pub(crate) fn grey(&mut self) -> Result<&[u8], Error> {
        let even = |side: u16| usize::from(side.next_multiple_of(2));
        let (width, height) = (even(self.config.width()), even(self.config.height()));
        let plane = vec![128; width * height];
        self.encode([&plane, &plane, &plane], (width, width / 2), true)
    }

    /// Encodes a picture of the size it was opened for; its temporal unit.
    pub(crate) fn encode(
        &mut self,
        planes: [&[u8]; 3],
        strides: (usize, usize),
        idr: bool,
    ) -> Result<&[u8], Error> {
        let image = self.image(planes, strides)?;
        let flags = if idr {
            i64::from(aom::FL_FORCE_KEY_FRAME)
        } else {
            0
        };
        // SAFETY: the encoder is open; the image points to planes of the size that it was opened for (checked in `image`), which outlive the
        // call, and the library only reads them.
        let encoded = unsafe {
            aom::aom_codec_encode(&raw mut *self.context, &raw const image, self.pictures, 1, flags)
        };
        self.pictures += 1;
        if encoded != aom::AOM_CODEC_OK {
            return Err(self.failed());
        }
        let mut iterator = null();
        // SAFETY: the encoder is open; the iterator begins as null, as the library asks for.
        let packet = unsafe { aom::aom_codec_get_cx_data(&raw mut *self.context, &raw mut iterator) };
        // SAFETY: null, or a packet that is valid until the next call to the library.
        let packet = unsafe { packet.as_ref() }.filter(|p| p.kind == aom::AOM_CODEC_CX_FRAME_PKT);
        let Some(packet) = packet else {
            return Err(broken("a picture went in and none came out"));
        };
        // SAFETY: of a packet of this kind the library fills this field.
        let frame = unsafe { packet.data.frame };
        if frame.buf.is_null() {
            return Err(broken("a temporal unit without bytes"));
        }
        // SAFETY: the library points to `sz` bytes that are valid until the next call to it, which takes `self` mutably as the slice does.
        Ok(unsafe { std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz) })
    }

    /// An image that borrows the planes.
    fn image(&self, planes: [&[u8]; 3], (luma, chroma): (usize, usize)) -> Result<aom::aom_image_t, Error> {
        let even = |side: u16| side.next_multiple_of(2);
        let (width, height) = (even(self.config.width()), even(self.config.height()));
        let covers = |plane: &[u8], stride: usize, width: u16, height: u16| {
            let (width, height) = (usize::from(width), usize::from(height));
            stride >= width && plane.len() >= stride * (height - 1) + width
        };
        let [y, u, v] = planes;
        let halves = (width / 2, height / 2);
        if !covers(y, luma, width, height)
            || !covers(u, chroma, halves.0, halves.1)
            || !covers(v, chroma, halves.0, halves.1)
        {
            return Err(broken("a picture of another size than it was opened for"));
        }
        let mut image = MaybeUninit::<aom::aom_image_t>::zeroed();
        // SAFETY: the library fills the place it is given. It only notes where the pixels are, and the planes are set below.
        let wrapped = unsafe {
            aom::aom_img_wrap(
                image.as_mut_ptr(),
                aom::AOM_IMG_FMT_I420,
                width.into(),
                height.into(),
                1,
                y.as_ptr().cast_mut(),
            )
        };
        if wrapped.is_null() {
            return Err(broken("it does not take the picture"));
        }
        // SAFETY: filled just before.
        let mut image = unsafe { image.assume_init() };
        let stride = |n: usize| c_int::try_from(n).unwrap_or(0);
        image.planes = [
            y.as_ptr().cast_mut(),
            u.as_ptr().cast_mut(),
            v.as_ptr().cast_mut(),
        ];
        image.stride = [stride(luma), stride(chroma), stride(chroma)];
        image.range = aom::AOM_CR_STUDIO_RANGE;
        Ok(image)
    }

    fn control(&mut self, control: c_uint, value: c_int) -> Result<(), Error> {
        // SAFETY: the encoder is open; each control of `controls` takes one `int` or `unsigned int`, which are passed alike.
        let set = unsafe { aom::aom_codec_control(&raw mut *self.context, c(control), value) };
        if set == aom::AOM_CODEC_OK {
            Ok(())
        } else {
            Err(unavailable(set))
        }
    }

    /// What the library says of the call that it refused.
    fn failed(&mut self) -> Error {
        // SAFETY: the encoder is open; the library answers with a constant string, or null.
        let words = unsafe { aom::aom_codec_error(&raw mut *self.context).as_ref() };
        // SAFETY: as above.
        let words = words.map(|words| unsafe { CStr::from_ptr(words) });
        broken(&words.unwrap_or_default().to_string_lossy())
    }
}

fn settings(config: &Config) -> Result<aom::aom_codec_enc_cfg_t, Error> {
    let mut settings = MaybeUninit::<aom::aom_codec_enc_cfg_t>::zeroed();
    // SAFETY: the library fills the place it is given.
    let filled = unsafe {
        aom::aom_codec_enc_config_default(
            aom::aom_codec_av1_cx(),
            settings.as_mut_ptr(),
            aom::FL_USAGE_REALTIME,
        )
    };
    if filled != aom::AOM_CODEC_OK {
        return Err(unavailable(filled));
    }
    // SAFETY: filled just before.
    let mut s = unsafe { settings.assume_init() };
    let even = |side: u16| c_uint::from(side.next_multiple_of(2));
    (s.g_w, s.g_h) = (even(config.width()), even(config.height()));
    s.g_threads = config.threads().into();
    (s.g_timebase.num, s.g_timebase.den) = (1, config.fps().into());
    (s.g_pass, s.g_lag_in_frames, s.g_error_resilient) = (aom::AOM_RC_ONE_PASS, 0, 0);
    s.kf_mode = aom::AOM_KF_DISABLED;
    (s.rc_end_usage, s.rc_dropframe_thresh) = (aom::AOM_CBR, 0);
    (s.rc_min_quantizer, s.rc_max_quantizer) = (QUANTIZER_MIN, QUANTIZER_MAX);
    (s.rc_undershoot_pct, s.rc_overshoot_pct) = (50, 50);
    (s.rc_buf_sz, s.rc_buf_initial_sz, s.rc_buf_optimal_sz) = (BUFFER_MS * 2, BUFFER_MS, BUFFER_MS);
    Ok(s)
}

fn apply(settings: &mut aom::aom_codec_enc_cfg_t, plan: rate::Plan) {
    let kbps = plan.target.as_bps().div_ceil(1000);
    settings.rc_target_bitrate = c_uint::try_from(kbps).unwrap_or(c_uint::MAX);
}

/// What libwebrtc sets for calls, at the speed that the preset asks for; and the colours of the surface.
fn controls(config: &Config) -> [(c_uint, c_int); 23] {
    let speed = match config.preset() {
        Preset::Fastest => 10,
        Preset::Fast => 9,
    };
    // Two tiles let two threads work side by side from the first block on.
    let tiles = c_int::from(config.threads() > 1 && config.width() >= 512);
    [
        (aom::AOME_SET_CPUUSED, speed),
        (aom::AV1E_SET_ROW_MT, c_int::from(config.threads() > 1)),
        (aom::AV1E_SET_TILE_COLUMNS, tiles),
        (aom::AOME_SET_MAX_INTRA_BITRATE_PCT, INTRA_PERCENT),
        (aom::AV1E_SET_MAX_INTER_BITRATE_PCT, INTER_PERCENT),
        (aom::AV1E_SET_AQ_MODE, 3),
        (aom::AV1E_SET_DELTAQ_MODE, 0),
        (aom::AV1E_SET_ENABLE_TPL_MODEL, 0),
        (aom::AV1E_SET_ENABLE_ORDER_HINT, 0),
        (aom::AV1E_SET_COEFF_COST_UPD_FREQ, 3),
        (aom::AV1E_SET_ENABLE_CDEF, 1),
        (aom::AV1E_SET_ENABLE_OBMC, 0),
        (aom::AV1E_SET_ENABLE_WARPED_MOTION, 0),
        (aom::AV1E_SET_ENABLE_GLOBAL_MOTION, 0),
        (aom::AV1E_SET_ENABLE_REF_FRAME_MVS, 0),
        (aom::AV1E_SET_ENABLE_CFL_INTRA, 0),
        (aom::AV1E_SET_ENABLE_SMOOTH_INTRA, 0),
        (aom::AV1E_SET_ENABLE_ANGLE_DELTA, 0),
        (aom::AV1E_SET_ENABLE_FILTER_INTRA, 0),
        (aom::AV1E_SET_ENABLE_PALETTE, 0),
        (aom::AV1E_SET_COLOR_PRIMARIES, c(aom::AOM_CICP_CP_BT_709)),
        (aom::AV1E_SET_TRANSFER_CHARACTERISTICS, c(aom::AOM_CICP_TC_BT_709)),
        (aom::AV1E_SET_MATRIX_COEFFICIENTS, c(aom::AOM_CICP_MC_BT_709)),
    ]
}

fn unavailable(code: aom::aom_codec_err_t) -> Error {
    Error::Unavailable {
        backend: NAME,
        words: format!("the library answers {code}"),
    }
}

fn broken(words: &str) -> Error {
    Error::Failed {
        backend: NAME,
        words: words.to_owned(),
    }
}

/// One of the library's constants, which bindgen makes unsigned and its functions take signed.
const fn c(constant: c_uint) -> c_int {
    #[expect(
        clippy::cast_possible_wrap,
        reason = "the library has none above i32::MAX in use here"
    )]
    let value = constant as c_int;
    value
}

/// Of 63. Below it nobody sees a difference.
const QUANTIZER_MIN: c_uint = 8;
/// The coarsest there is: a picture is whole, however little it may have.
const QUANTIZER_MAX: c_uint = 63;
/// How far the rate control may be behind, in milliseconds: a few pictures' bits.
const BUFFER_MS: c_uint = 60;
/// Most of one picture's share of the rate that a key frame may take, in per cent.
const INTRA_PERCENT: c_int = 150;
/// And any other.
const INTER_PERCENT: c_int = 120;
