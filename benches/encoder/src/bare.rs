//! libx264 with the settings of our wrapper and nothing around it.

use anyhow::{Result, bail};
use firstlight_encoder::{Config, Preset, Surface, rate};
use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut};
use x264_sys as x264;

/// An open encoder.
pub(crate) struct Bare {
    encoder: NonNull<x264::x264_t>,
}

impl Drop for Bare {
    fn drop(&mut self) {
        // SAFETY: it is open, and nobody uses it after this.
        unsafe { x264::x264_encoder_close(self.encoder.as_ptr()) }
    }
}

impl Bare {
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let preset: &CStr = match config.preset() {
            Preset::Fastest => c"ultrafast",
            Preset::Fast => c"superfast",
        };
        let mut p = MaybeUninit::<x264::x264_param_t>::zeroed();
        // SAFETY: the library fills the place it is given; both names are C strings.
        let known = unsafe {
            x264::x264_param_default_preset(p.as_mut_ptr(), preset.as_ptr(), c"zerolatency".as_ptr())
        };
        if known < 0 {
            bail!("libx264 does not know the preset");
        }
        // SAFETY: filled just before.
        let mut p = unsafe { p.assume_init() };
        p.i_log_level = -1;
        (p.i_width, p.i_height) = (config.width().into(), config.height().into());
        p.i_csp = c_int::try_from(x264::X264_CSP_I420)?;
        (p.i_fps_num, p.i_fps_den, p.b_vfr_input) = (config.fps().into(), 1, 0);
        let threads = c_int::from(config.threads());
        (p.i_threads, p.b_sliced_threads, p.i_slice_count) = (threads, c_int::from(threads > 1), threads);
        (p.i_frame_reference, p.i_dpb_size) = (1, 16);
        p.i_keyint_max = c_int::try_from(x264::X264_KEYINT_MAX_INFINITE)?;
        (p.i_scenecut_threshold, p.i_bframe) = (0, 0);
        (p.b_annexb, p.b_repeat_headers, p.b_aud) = (1, 1, 0);
        (p.vui.i_colorprim, p.vui.i_transfer, p.vui.i_colmatrix) = (1, 1, 1);
        let plan = rate::plan(config.bitrate(), config, 1);
        let kilo = |n: u64| c_int::try_from(n.div_ceil(1000));
        p.rc.i_vbv_max_bitrate = kilo(plan.asked.as_bps())?;
        p.rc.i_vbv_buffer_size = kilo(plan.cap.as_u64() * 8)?;
        p.b_deblocking_filter = plan.deblock.into();
        p.rc.i_rc_method = c_int::try_from(x264::X264_RC_CRF)?;
        (p.rc.f_rf_constant, p.rc.i_qp_min, p.rc.i_qp_max) = (20.0, 12, 51);
        (p.rc.i_lookahead, p.rc.b_mb_tree) = (0, 0);
        // SAFETY: filled above; the name is a C string.
        if unsafe { x264::x264_param_apply_profile(&raw mut p, c"baseline".as_ptr()) } < 0 {
            bail!("libx264 does not take the profile");
        }
        // SAFETY: filled by the library and changed within documented ranges; the library copies it.
        match NonNull::new(unsafe { x264::x264_encoder_open(&raw mut p) }) {
            Some(encoder) => Ok(Self { encoder }),
            None => bail!("libx264 does not open"),
        }
    }

    /// Encodes a picture; its bytes.
    pub(crate) fn encode(&mut self, surface: &Surface, pts: i64) -> Result<usize> {
        let mut input = MaybeUninit::<x264::x264_picture_t>::zeroed();
        // SAFETY: the library fills the place it is given.
        unsafe { x264::x264_picture_init(input.as_mut_ptr()) };
        // SAFETY: filled just before.
        let mut input = unsafe { input.assume_init() };
        let (luma, chroma) = surface.strides();
        let (luma, chroma) = (c_int::try_from(luma)?, c_int::try_from(chroma)?);
        input.img.i_csp = c_int::try_from(x264::X264_CSP_I420)?;
        input.img.i_plane = 3;
        input.img.i_stride = [luma, chroma, chroma, 0];
        let [y, u, v] = surface.planes().map(|plane| plane.as_ptr().cast_mut());
        input.img.plane = [y, u, v, null_mut()];
        input.i_pts = pts;
        let mut output = MaybeUninit::<x264::x264_picture_t>::zeroed();
        let (mut nals, mut count) = (null_mut(), 0);
        // SAFETY: the encoder is open; the planes are of the size it was opened for, outlive the call and are only read.
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
            bail!("libx264 gave nothing out");
        }
        Ok(usize::try_from(size)?)
    }
}
