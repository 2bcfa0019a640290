//! The calls to libx264.
//!
//! The only place with `unsafe`. A [`Handle`] owns the library's encoder and what the library is given pointers to.

use super::gather::{Gather, START_CODE, Slice};
use super::settings::{Rate, Settings};
use crate::h264::{NalType, Sps, init_qp};
use crate::references::REFERENCES;
use crate::{Config, Error, How, Sink, Surface, rate};
use firstlight_units::FrameId;
use std::any::Any;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, PoisonError};
use x264_sys as x264;

/// An open encoder.
pub(super) struct Handle {
    encoder: Encoder,
    parameters: Box<x264::x264_param_t>,
    gather: Gather,
    config: Config,
}

// SAFETY: libx264 binds an encoder to no thread; it must only not be used from two at once, and `Handle` is not `Sync`
// and gives out no pointer. The raw pointers inside `parameters` are null or point to the library's constants.
unsafe impl Send for Handle {}

/// The library's encoder, closed when dropped.
struct Encoder(NonNull<x264::x264_t>);

impl Encoder {
    fn open(parameters: &mut x264::x264_param_t) -> Option<Self> {
        // SAFETY: `parameters` was filled by the library and changed only within documented ranges; the library copies
        // it. A refusal is a null pointer.
        NonNull::new(unsafe { x264::x264_encoder_open(&raw mut *parameters) }).map(Self)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the encoder is open, and nobody uses it after this.
        unsafe { x264::x264_encoder_close(self.0.as_ptr()) }
    }
}

/// What came of one picture.
#[derive(Debug)]
pub(super) struct Made<'a> {
    pub(super) bytes: usize,
    first_slice: &'a [u8],
}

impl Made<'_> {
    /// The beginning of the first slice, without its start code.
    pub(super) const fn first_slice(&self) -> &[u8] {
        self.first_slice
    }
}

/// What the callback works on while one picture is being encoded.
struct Work<'a, 'b> {
    gather: &'a mut Gather,
    sink: &'a mut Sink<'b>,
    panic: Option<Box<dyn Any + Send>>,
}

impl Handle {
    pub(super) fn open(config: &Config, settings: &Settings) -> Result<Self, Error> {
        let refused = Error::Open {
            width: config.width,
            height: config.height,
        };
        let mut parameters = parameters(config, settings).ok_or_else(|| refused.clone())?;
        parameters.nalu_process = Some(on_nal);
        let encoder = Encoder::open(&mut parameters).ok_or(refused)?;
        let blocks = u32::from(config.width.div_ceil(16)) * u32::from(config.height.div_ceil(16));
        let slices = usize::try_from(settings.slices).unwrap_or(1);
        Ok(Self {
            encoder,
            parameters,
            gather: Gather::new(slices, blocks),
            config: *config,
        })
    }

    pub(super) fn encode(
        &mut self,
        surface: &Surface,
        frame: FrameId,
        how: How,
        sink: &mut Sink<'_>,
    ) -> Result<Made<'_>, Error> {
        let pts = i64::try_from(frame.get()).map_err(|_| Error::Encode(frame))?;
        self.gather.begin();
        let work = Mutex::new(Work {
            gather: &mut self.gather,
            sink,
            panic: None,
        });
        let mut input = picture(surface);
        input.i_pts = pts;
        input.i_type = c(if how.idr {
            x264::X264_TYPE_IDR
        } else {
            x264::X264_TYPE_AUTO
        });
        input.i_qpplus1 = how.refine.map_or(0, |r| c_int::from(r.qp) + 1);
        input.opaque = (&raw const work).cast_mut().cast();
        let mut output = MaybeUninit::<x264::x264_picture_t>::zeroed();
        let (mut nals, mut count) = (null_mut(), 0);
        // SAFETY: the encoder is open; `input` points to planes of the size the encoder was opened for, which `surface`
        // keeps alive, and the library only reads them. `work` outlives the call, and the library calls `on_nal` with
        // it only during the call: without lookahead and frame threads no picture is left inside (checked below).
        let size = unsafe {
            x264::x264_encoder_encode(
                self.encoder.0.as_ptr(),
                &raw mut nals,
                &raw mut count,
                &raw mut input,
                output.as_mut_ptr(),
            )
        };
        let panic = work.into_inner().unwrap_or_else(PoisonError::into_inner).panic;
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        if size < 0 {
            return Err(Error::Encode(frame));
        }
        if let Some(error) = self.gather.error.take() {
            return Err(error);
        }
        if !self.gather.is_whole() {
            return Err(Error::Contract("an access unit that is not whole"));
        }
        // SAFETY: it was zeroed, which is valid for each of its fields, and perhaps filled by the library since.
        let output = unsafe { output.assume_init() };
        if output.i_pts != pts {
            return Err(Error::Contract("another picture came out than went in"));
        }
        Ok(Made {
            bytes: self.gather.bytes,
            first_slice: self.gather.first_slice(),
        })
    }

    pub(super) fn set_rate(&mut self, plan: rate::Plan) -> Result<(), Error> {
        apply(&mut self.parameters, plan);
        // SAFETY: the encoder is open, and `parameters` are those it was opened with but for what `apply` changes.
        let result =
            unsafe { x264::x264_encoder_reconfig(self.encoder.0.as_ptr(), &raw mut *self.parameters) };
        if result < 0 {
            Err(Error::Reconfigure(plan.target))
        } else {
            Ok(())
        }
    }

    pub(super) fn invalidate(&mut self, first_lost: FrameId) -> Result<(), Error> {
        let pts = i64::try_from(first_lost.get()).map_err(|_| Error::Encode(first_lost))?;
        // SAFETY: the encoder is open.
        let result = unsafe { x264::x264_encoder_invalidate_reference(self.encoder.0.as_ptr(), pts) };
        if result < 0 {
            Err(Error::Encode(first_lost))
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The SPS that libx264 writes for this configuration, and the QP that its slices count from.
///
/// From an encoder of its own: one that hands on NAL units by callback crashes when it is asked for its headers before
/// its first picture (libx264 0.164, `nal_end` reads `h->fenc`).
pub(super) fn parameter_sets(config: &Config, settings: &Settings) -> Result<(Sps, i32), Error> {
    let refused = Error::Open {
        width: config.width,
        height: config.height,
    };
    let mut parameters = parameters(config, settings).ok_or_else(|| refused.clone())?;
    (parameters.i_threads, parameters.b_sliced_threads) = (1, 0);
    let encoder = Encoder::open(&mut parameters).ok_or(refused)?;
    let (mut nals, mut count) = (null_mut(), 0);
    // SAFETY: the encoder is open, and the two places are valid for writing.
    let size = unsafe { x264::x264_encoder_headers(encoder.0.as_ptr(), &raw mut nals, &raw mut count) };
    let count = usize::try_from(count)
        .ok()
        .filter(|_| size > 0 && !nals.is_null());
    // SAFETY: on success the library points to `count` NAL units that stay valid until the next call to it; none comes
    // before the end of the loop.
    let nals = unsafe { std::slice::from_raw_parts(nals, count.ok_or(Error::Sps("there is none"))?) };
    let (mut sps, mut qp) = (None, None);
    for nal in nals {
        // SAFETY: as above: each payload is valid for its length.
        let bytes = unsafe { payload(nal) }
            .get(START_CODE.len()..)
            .unwrap_or_default();
        match bytes.first().map_or(NalType::Other, |&b| NalType::of(b)) {
            NalType::Sps => sps = Some(Sps::parse(bytes)?),
            NalType::Pps => qp = init_qp(bytes),
            NalType::Slice | NalType::SliceIdr | NalType::Other => {}
        }
    }
    sps.zip(qp).ok_or(Error::Sps("it or the PPS is missing"))
}

/// The library's parameters for this configuration; `None` when it does not know the preset or the profile.
fn parameters(config: &Config, settings: &Settings) -> Option<Box<x264::x264_param_t>> {
    let mut p = MaybeUninit::<x264::x264_param_t>::zeroed();
    // SAFETY: the library fills the place it is given; both names are C strings.
    let known = unsafe {
        x264::x264_param_default_preset(p.as_mut_ptr(), settings.preset.as_ptr(), c"zerolatency".as_ptr())
    };
    if known < 0 {
        return None;
    }
    // SAFETY: filled just before.
    let mut p = Box::new(unsafe { p.assume_init() });
    p.i_log_level = x264::X264_LOG_NONE;
    (p.i_width, p.i_height) = (
        config.width.next_multiple_of(2).into(),
        config.height.next_multiple_of(2).into(),
    );
    p.i_csp = c(x264::X264_CSP_I420);
    (p.i_fps_num, p.i_fps_den) = (config.fps.into(), 1);
    p.b_vfr_input = 0;
    (p.i_threads, p.b_sliced_threads) = (settings.threads, c_int::from(settings.threads > 1));
    p.i_slice_count = settings.slices;
    p.i_frame_reference = 1;
    p.i_dpb_size = c_int::try_from(REFERENCES).ok()?;
    p.i_keyint_max = c(x264::X264_KEYINT_MAX_INFINITE);
    p.i_scenecut_threshold = 0;
    p.i_bframe = 0;
    (p.b_annexb, p.b_repeat_headers, p.b_aud) = (1, 1, 0);
    colours(&mut p);
    apply(&mut p, rate::plan(config.bitrate, config, 1));
    let rc = &mut p.rc;
    rc.i_rc_method = c(x264::X264_RC_CRF);
    rc.f_rf_constant = settings.crf;
    rc.i_qp_min = settings.qp_min;
    // Beyond what H.264 knows (51) the library has steps at which it leaves parts of the picture as they were.
    rc.i_qp_max = QP_MAX;
    (rc.i_lookahead, rc.b_mb_tree) = (0, 0);
    // SAFETY: filled above; the name is a C string.
    let known = unsafe { x264::x264_param_apply_profile(&raw mut *p, settings.profile.as_ptr()) };
    (known >= 0).then_some(p)
}

fn apply(p: &mut x264::x264_param_t, plan: rate::Plan) {
    let rate = Rate::from(plan);
    (p.rc.i_vbv_max_bitrate, p.rc.i_vbv_buffer_size) = (rate.rate_kbps, rate.size_kbit);
    p.b_deblocking_filter = rate.deblock;
}

/// BT.709, limited range: what the conversion writes, and what every decoder assumes of a picture of this size.
fn colours(p: &mut x264::x264_param_t) {
    p.vui.b_fullrange = 0;
    (p.vui.i_colorprim, p.vui.i_transfer, p.vui.i_colmatrix) = (BT709, BT709, BT709);
}

/// A picture that borrows the surface's planes.
fn picture(surface: &Surface) -> x264::x264_picture_t {
    let mut picture = MaybeUninit::<x264::x264_picture_t>::zeroed();
    // SAFETY: the library fills the place it is given.
    unsafe { x264::x264_picture_init(picture.as_mut_ptr()) };
    // SAFETY: filled just before.
    let mut picture = unsafe { picture.assume_init() };
    let (luma, chroma) = surface.strides();
    let stride = |n: usize| c_int::try_from(n).unwrap_or(0);
    picture.img.i_csp = c(x264::X264_CSP_I420);
    picture.img.i_plane = 3;
    picture.img.i_stride = [stride(luma), stride(chroma), stride(chroma), 0];
    let [y, u, v] = surface.planes().map(|plane| plane.as_ptr().cast_mut());
    picture.img.plane = [y, u, v, null_mut()];
    picture
}

/// Takes a NAL unit as soon as it is made, on whichever thread made it.
unsafe extern "C" fn on_nal(encoder: *mut x264::x264_t, nal: *mut x264::x264_nal_t, opaque: *mut c_void) {
    if opaque.is_null() || nal.is_null() {
        return;
    }
    // SAFETY: `opaque` is the `work` of the call of `encode` that this is called from; the lock makes it safe that
    // several of the library's threads do so at once. The lifetimes are those of that call, which outlasts this one.
    let work = unsafe { &*opaque.cast::<Mutex<Work<'_, '_>>>() };
    let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
    if work.panic.is_some() || work.gather.error.is_some() {
        return;
    }
    let work = &mut *work;
    // A panic must not cross the library's frames: it is carried past them and goes on in `encode`.
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the library passes a NAL unit that is valid during this call and its own encoder.
        unsafe { take(encoder, &mut *nal, work.gather, work.sink) }
    }));
    if let Err(panic) = result {
        work.panic = Some(panic);
    }
}

/// # Safety
/// `encoder` and `nal` are what libx264 called the callback with.
unsafe fn take(
    encoder: *mut x264::x264_t,
    nal: &mut x264::x264_nal_t,
    gather: &mut Gather,
    sink: &mut Sink<'_>,
) {
    nal.b_long_startcode = 1;
    let number = |n: c_int| u32::try_from(n).unwrap_or(0);
    let slice = Slice {
        first_block: number(nal.i_first_mb),
        last_block: number(nal.i_last_mb),
    };
    match NalType::of(u8::try_from(nal.i_type).unwrap_or(0)) {
        NalType::Slice | NalType::SliceIdr => {
            let Some(buffer) = gather.slice(slice) else {
                gather.error = Some(Error::Contract("more slices than asked for"));
                return;
            };
            // SAFETY: as this function demands.
            unsafe { append(encoder, nal, buffer) };
            gather.end_slice(sink);
        }
        NalType::Sps | NalType::Pps | NalType::Other => {
            let buffer = gather.parameters();
            let from = buffer.len();
            // SAFETY: as this function demands.
            unsafe { append(encoder, nal, buffer) };
            gather.end_parameters(from);
        }
    }
}

/// Writes the NAL unit with start code and emulation prevention behind what `buffer` holds.
///
/// # Safety
/// As [`take`].
unsafe fn append(encoder: *mut x264::x264_t, nal: &mut x264::x264_nal_t, buffer: &mut Vec<u8>) {
    let raw = usize::try_from(nal.i_payload).unwrap_or(0);
    // What x264.h demands of the destination.
    buffer.reserve(raw * 3 / 2 + 5 + 64);
    let from = buffer.len();
    // SAFETY: the buffer has the room that x264.h demands behind `from`. The library sets `p_payload` to the
    // destination and `i_payload` to the bytes written, all of which are initialised then.
    unsafe {
        x264::x264_nal_encode(encoder, buffer.as_mut_ptr().add(from), nal);
        buffer.set_len(from + usize::try_from(nal.i_payload).unwrap_or(0));
    }
}

/// # Safety
/// `nal` comes from libx264 and is still valid.
unsafe fn payload(nal: &x264::x264_nal_t) -> &[u8] {
    let length = usize::try_from(nal.i_payload).unwrap_or(0);
    if nal.p_payload.is_null() {
        return &[];
    }
    // SAFETY: the library points to `i_payload` bytes.
    unsafe { std::slice::from_raw_parts(nal.p_payload, length) }
}

/// One of the library's small constants, which bindgen makes unsigned and its structs signed.
const fn c(constant: u32) -> c_int {
    #[expect(
        clippy::cast_possible_wrap,
        reason = "x264.h has none above i32::MAX in use here"
    )]
    let value = constant as c_int;
    value
}

/// `colour_primaries`, `transfer_characteristics` and `matrix_coefficients` alike (H.264, E.2.1).
const BT709: c_int = 1;
/// The highest QP of H.264 at eight bits.
const QP_MAX: c_int = 51;
