//! One encoding session: the calls to NVENC.
//!
//! ```text
//! open: context -> session -> abilities -> preset, changed to ours -> initialise -> buffers
//! encode: fill the input -> encode -> lock the output -> hand it on -> unlock
//! drop: flush -> buffers -> session -> context
//! ```
//!
//! Everything is synchronous, since Linux knows nothing else; one picture is inside at a time.

use crate::backend::Input;
use crate::context::{Context, Current, Memory};
use crate::driver::{Driver, words};
use crate::probe::Abilities;
use crate::settings::Settings;
use crate::{Error, Status, nv12, settings};
use firstlight_encoder::{Config, Surface, rate};
use firstlight_nvenc_sys::value::{caps, picture, session, status};
use firstlight_nvenc_sys::{self as sys, Guid};
use std::ffi::c_void;
use std::fmt;
use std::ptr::null_mut;
use std::sync::Arc;

/// Calls a function of the table with the session and what comes after, and names it in what may go wrong.
macro_rules! call {
    ($session:expr, $function:ident, $name:literal $(, $argument:expr)*) => {{
        let function = $session.driver.api.$function.ok_or(Error::Function($name))?;
        // SAFETY: the table is the driver's own and the session is open. Structures are as large as the version in them
        // says, and live, as every other place given, until the call returns; NVENC keeps no pointer to them.
        let status = unsafe { function($session.raw $(, $argument)*) };
        $session.check($name, status)
    }};
}

/// An encoding session that has been opened, and perhaps not set up.
pub(crate) struct Session {
    pub(crate) driver: Arc<Driver>,
    raw: *mut c_void,
    /// Destroyed after the session, which the drop of [`Session`] ends.
    context: Context,
    device: String,
}

// SAFETY: NVENC binds a session to no thread; it must only not be used from two at once, and `Session` is not `Sync` and
// gives out no pointer.
unsafe impl Send for Session {}

impl Session {
    pub(crate) fn open(driver: &Arc<Driver>, ordinal: i32) -> Result<Self, Error> {
        let context = Context::new(driver, ordinal)?;
        let device = crate::context::name(driver, ordinal)?;
        let mut parameters = sys::OpenSessionParams::blank();
        (parameters.device_type, parameters.device) = (session::DEVICE_CUDA, context.raw());
        parameters.api_version = sys::API_VERSION;
        let open = driver
            .api
            .open_encode_session_ex
            .ok_or(Error::Function("NvEncOpenEncodeSessionEx"))?;
        let mut raw = null_mut();
        let entered = context.enter()?;
        // SAFETY: the structure is as large as its version says, the context is alive, the place is valid for writing.
        let answer = unsafe { open(&raw mut parameters, &raw mut raw) };
        drop(entered);
        // Also one that could not be opened is to be destroyed, where there is something: dropping `opened` does.
        let opened = Self {
            driver: Arc::clone(driver),
            raw,
            context,
            device,
        };
        opened.check_open(answer)?;
        Ok(opened)
    }

    fn check_open(&self, answer: u32) -> Result<(), Error> {
        match answer {
            status::SUCCESS if !self.raw.is_null() => Ok(()),
            status::SUCCESS => Err(Error::Contract("a session that is none")),
            status::OUT_OF_MEMORY | status::INCOMPATIBLE_CLIENT_KEY => Err(Error::OutOfSessions {
                status: Status(answer),
                words: self.last_words(),
            }),
            status::NO_ENCODE_DEVICE | status::UNSUPPORTED_DEVICE => Err(Error::NoEngine {
                device: self.device.clone(),
                detail: Status(answer).to_string(),
            }),
            _ => self.check("NvEncOpenEncodeSessionEx", answer),
        }
    }

    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// The codecs that the card encodes.
    pub(crate) fn codecs(&self) -> Result<Vec<Guid>, Error> {
        let _entered = self.context.enter()?;
        let mut count = 0;
        call!(
            self,
            get_encode_guid_count,
            "NvEncGetEncodeGUIDCount",
            &raw mut count
        )?;
        let size = count.min(CODECS_MAX);
        let mut codecs = vec![Guid::default(); usize::try_from(size).unwrap_or(0)];
        let mut written = 0;
        call!(
            self,
            get_encode_guids,
            "NvEncGetEncodeGUIDs",
            codecs.as_mut_ptr(),
            size,
            &raw mut written
        )?;
        codecs.truncate(usize::try_from(written).unwrap_or(0));
        Ok(codecs)
    }

    /// What the card can do with this codec.
    pub(crate) fn abilities(&self, codec: Guid) -> Result<Abilities, Error> {
        let _entered = self.context.enter()?;
        let ask = |what: u32| -> Result<u32, Error> {
            let mut parameters = sys::CapsParam::blank();
            parameters.caps_to_query = what;
            let mut value = 0;
            call!(
                self,
                get_encode_caps,
                "NvEncGetEncodeCaps",
                codec,
                &raw mut parameters,
                &raw mut value
            )?;
            Ok(u32::try_from(value).unwrap_or(0))
        };
        let can = |what: u32| ask(what).map(|value| value > 0);
        Ok(Abilities {
            width_min: ask(caps::WIDTH_MIN)?,
            height_min: ask(caps::HEIGHT_MIN)?,
            width_max: ask(caps::WIDTH_MAX)?,
            height_max: ask(caps::HEIGHT_MAX)?,
            bitrate_change: can(caps::SUPPORT_DYN_BITRATE_CHANGE)?,
            size_change: can(caps::SUPPORT_DYN_RES_CHANGE)?,
            own_vbv: can(caps::SUPPORT_CUSTOM_VBV_BUF_SIZE)?,
            invalidation: can(caps::SUPPORT_REF_PIC_INVALIDATION)?,
            several_references: can(caps::SUPPORT_MULTIPLE_REF_FRAMES)?,
            intra_refresh: can(caps::SUPPORT_INTRA_REFRESH)?,
            slices_as_ready: can(caps::SUPPORT_SUBFRAME_READBACK)?,
            ten_bits: can(caps::SUPPORT_10BIT_ENCODE)?,
            full_chroma: can(caps::SUPPORT_YUV444_ENCODE)?,
            long_term: ask(caps::NUM_MAX_LTR_FRAMES)?,
        })
    }

    fn check(&self, call: &'static str, answer: u32) -> Result<(), Error> {
        if answer == status::SUCCESS {
            return Ok(());
        }
        Err(Error::Call {
            call,
            status: Status(answer),
            words: self.last_words(),
        })
    }

    fn last_words(&self) -> String {
        let Some(ask) = self
            .driver
            .api
            .get_last_error_string
            .filter(|_| !self.raw.is_null())
        else {
            return "no further words".to_owned();
        };
        // SAFETY: the session is open; the answer is null, or a string that the driver keeps until the next call.
        unsafe { words(ask(self.raw)) }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(destroy) = self.driver.api.destroy_encoder.filter(|_| !self.raw.is_null()) else {
            return;
        };
        let _entered = self.context.enter();
        // SAFETY: the session is open, its buffers are gone, and nobody uses it after this.
        unsafe { destroy(self.raw) };
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// A session that encodes pictures of one size.
#[derive(Debug)]
pub(crate) struct Running {
    buffers: Option<Buffers>,
    session: Session,
    initialize: Box<sys::InitializeParams>,
    config: Box<sys::Config>,
    input: Input,
}

// SAFETY: as `Session`; the raw pointers in the structures point to what `Running` itself owns, in a box.
unsafe impl Send for Running {}

/// What one picture came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) qp: u32,
    pub(crate) stamp: u64,
}

/// Where pictures go in, and where they come out.
#[derive(Debug)]
struct Buffers {
    input: InputBuffer,
    output: *mut c_void,
    width: u32,
    height: u32,
}

#[derive(Debug)]
enum InputBuffer {
    /// Memory of the CPU that the driver gives out.
    Locked(*mut c_void),
    /// Our memory on the device, which the driver knows.
    Registered {
        resource: *mut c_void,
        memory: Memory,
        staging: Vec<u8>,
    },
}

impl Running {
    pub(crate) fn start(
        session: Session,
        config: &Config,
        settings: Settings,
        plan: rate::Plan,
        qp_min: u8,
        input: Input,
    ) -> Result<Self, Error> {
        let mut running = Self {
            buffers: None,
            initialize: Box::new(sys::InitializeParams::blank()),
            config: Box::new(session.preset(settings.preset)?),
            session,
            input,
        };
        settings.apply(&mut running.config, plan, qp_min);
        let to = &mut running.initialize;
        to.encode_guid = sys::CODEC_H264;
        to.preset_guid = sys::PRESETS.get(settings.preset).copied().unwrap_or_default();
        to.tuning_info = session::TUNING_ULTRA_LOW_LATENCY;
        to.enable_ptd = 1;
        let (width, height) = even(config);
        (to.max_encode_width, to.max_encode_height) = (width, height);
        running.set_size(config);
        running.initialize.encode_config = &raw mut *running.config;
        let entered = running.session.context.enter()?;
        call!(
            running.session,
            initialize_encoder,
            "NvEncInitializeEncoder",
            &raw mut *running.initialize
        )?;
        drop(entered);
        running.make_buffers()?;
        Ok(running)
    }

    /// SPS and PPS as they come with the first picture.
    pub(crate) fn parameters(&self) -> Result<Vec<u8>, Error> {
        let _entered = self.session.context.enter()?;
        let mut bytes = vec![0u8; PARAMETER_BYTES];
        let mut written = 0;
        let mut payload = sys::SequenceParamPayload::blank();
        payload.in_buffer_size = u32::try_from(PARAMETER_BYTES).unwrap_or(0);
        payload.spspps_buffer = bytes.as_mut_ptr().cast();
        payload.out_spspps_payload_size = &raw mut written;
        call!(
            self.session,
            get_sequence_params,
            "NvEncGetSequenceParams",
            &raw mut payload
        )?;
        bytes.truncate(usize::try_from(written).unwrap_or(0));
        Ok(bytes)
    }

    /// Encodes the surface and hands what came of it to `take`.
    pub(crate) fn encode(
        &mut self,
        surface: &Surface,
        stamp: u64,
        idr: bool,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<Made, Error> {
        let buffers = self
            .buffers
            .as_mut()
            .ok_or(Error::Contract("a session without buffers"))?;
        if (u32::from(surface.width()), u32::from(surface.height())) != (buffers.width, buffers.height) {
            return Err(Error::Contract("a picture of another size than the session's"));
        }
        let entered = self.session.context.enter()?;
        let (input, pitch) = buffers.fill(&self.session, &entered, surface)?;
        let mut parameters = sys::PicParams::blank();
        (parameters.input_width, parameters.input_height) = (buffers.width, buffers.height);
        parameters.input_pitch = pitch;
        (parameters.input_time_stamp, parameters.frame_idx) =
            (stamp, u32::try_from(stamp & 0xffff_ffff).unwrap_or(0));
        parameters.encode_pic_flags = if idr {
            picture::FLAG_FORCE_IDR | picture::FLAG_OUTPUT_SPSPPS
        } else {
            0
        };
        (parameters.input_buffer, parameters.output_bitstream) = (input, buffers.output);
        parameters.buffer_fmt = picture::FORMAT_NV12;
        parameters.picture_struct = picture::STRUCT_FRAME;
        let encoded = call!(
            self.session,
            encode_picture,
            "NvEncEncodePicture",
            &raw mut parameters
        );
        let made = encoded.and_then(|()| read(&self.session, buffers.output, take));
        // A resource is to be given back after the output was read, and also when it could not be.
        let released = buffers.release(&self.session, input);
        let made = made?;
        released?;
        if made.stamp == stamp {
            Ok(made)
        } else {
            Err(Error::Contract("another picture came out than went in"))
        }
    }

    /// Holds to another rate from the next picture on, without an IDR.
    pub(crate) fn set_rate(&mut self, plan: rate::Plan, qp_min: u8) -> Result<(), Error> {
        settings::rate(&mut self.config.rc_params, plan, qp_min);
        self.reconfigure(0)
    }

    /// Goes on with pictures of another size, the next of which is an IDR. False: it is larger than what the session
    /// was opened for.
    pub(crate) fn resize(&mut self, config: &Config) -> Result<bool, Error> {
        let (width, height) = even(config);
        if width > self.initialize.max_encode_width || height > self.initialize.max_encode_height {
            return Ok(false);
        }
        let before = (*self.initialize, *self.config);
        self.set_size(config);
        let rows = u32::from(config.height().div_ceil(16));
        self.config.codec.h264.slice_mode_data = u32::from(config.slices()).min(rows);
        if let Err(error) = self.reconfigure(session::RESET_ENCODER | session::FORCE_IDR) {
            (*self.initialize, *self.config) = before;
            return Err(error);
        }
        self.drop_buffers();
        self.make_buffers()?;
        Ok(true)
    }

    /// The picture of this stamp did not arrive.
    pub(crate) fn invalidate(&mut self, stamp: u64) -> Result<(), Error> {
        let _entered = self.session.context.enter()?;
        call!(
            self.session,
            invalidate_ref_frames,
            "NvEncInvalidateRefFrames",
            stamp
        )
    }

    fn set_size(&mut self, config: &Config) {
        let to = &mut self.initialize;
        (to.encode_width, to.encode_height) = even(config);
        (to.dar_width, to.dar_height) = (to.encode_width, to.encode_height);
        (to.frame_rate_num, to.frame_rate_den) = (config.fps().into(), 1);
    }

    fn reconfigure(&mut self, flags: u32) -> Result<(), Error> {
        let _entered = self.session.context.enter()?;
        let mut parameters = sys::ReconfigureParams::blank();
        parameters.re_init = *self.initialize;
        parameters.re_init.encode_config = &raw mut *self.config;
        parameters.flags = flags;
        call!(
            self.session,
            reconfigure_encoder,
            "NvEncReconfigureEncoder",
            &raw mut parameters
        )
    }

    fn make_buffers(&mut self) -> Result<(), Error> {
        let entered = self.session.context.enter()?;
        let (width, height) = (self.initialize.encode_width, self.initialize.encode_height);
        let mut parameters = sys::CreateBitstreamBuffer::blank();
        call!(
            self.session,
            create_bitstream_buffer,
            "NvEncCreateBitstreamBuffer",
            &raw mut parameters
        )?;
        let output = parameters.bitstream_buffer;
        let input = match self.input {
            Input::Locked => locked(&self.session, width, height),
            Input::Registered => registered(&self.session, &entered, width, height),
        };
        match input {
            Ok(input) => {
                self.buffers = Some(Buffers {
                    input,
                    output,
                    width,
                    height,
                });
                Ok(())
            }
            Err(error) => {
                // The first failure is the one to tell.
                drop(call!(
                    self.session,
                    destroy_bitstream_buffer,
                    "NvEncDestroyBitstreamBuffer",
                    output
                ));
                Err(error)
            }
        }
    }

    fn drop_buffers(&mut self) {
        let Some(buffers) = self.buffers.take() else {
            return;
        };
        if let Err(error) = self.destroy(buffers) {
            // A device that is lost gives nothing back; the session ends next.
            drop(error);
        }
    }

    fn destroy(&self, buffers: Buffers) -> Result<(), Error> {
        let _entered = self.session.context.enter()?;
        let input = match buffers.input {
            InputBuffer::Locked(buffer) => {
                call!(
                    self.session,
                    destroy_input_buffer,
                    "NvEncDestroyInputBuffer",
                    buffer
                )
            }
            InputBuffer::Registered { resource, memory, .. } => {
                let unregistered = call!(
                    self.session,
                    unregister_resource,
                    "NvEncUnregisterResource",
                    resource
                );
                drop(memory);
                unregistered
            }
        };
        call!(
            self.session,
            destroy_bitstream_buffer,
            "NvEncDestroyBitstreamBuffer",
            buffers.output
        )?;
        input
    }

    fn flush(&self) -> Result<(), Error> {
        let _entered = self.session.context.enter()?;
        let mut parameters = sys::PicParams::blank();
        parameters.encode_pic_flags = picture::FLAG_EOS;
        call!(
            self.session,
            encode_picture,
            "NvEncEncodePicture",
            &raw mut parameters
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.buffers.is_some() {
            // It holds nothing back; the driver wants to be told all the same, and may be gone.
            drop(self.flush());
        }
        self.drop_buffers();
    }
}

impl Buffers {
    /// Puts the surface where the encoder reads it; what to give to the encoder, and its pitch.
    fn fill(
        &mut self,
        session: &Session,
        entered: &Current<'_>,
        surface: &Surface,
    ) -> Result<(*mut c_void, u32), Error> {
        let (width, rows) = (
            usize::from(surface.width()),
            nv12::rows(usize::from(surface.height())),
        );
        match &mut self.input {
            InputBuffer::Locked(buffer) => {
                let mut parameters = sys::LockInputBuffer::blank();
                parameters.input_buffer = *buffer;
                call!(
                    session,
                    lock_input_buffer,
                    "NvEncLockInputBuffer",
                    &raw mut parameters
                )?;
                let pitch = usize::try_from(parameters.pitch).unwrap_or(0);
                let bytes = parameters.buffer_data_ptr.cast::<u8>();
                let fits = !bytes.is_null() && pitch >= width && {
                    // SAFETY: a locked NV12 buffer has `pitch` bytes for each row of luma and each of chroma, and is ours
                    // until it is unlocked.
                    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, pitch * rows) };
                    nv12::write(surface, bytes, pitch)
                };
                call!(session, unlock_input_buffer, "NvEncUnlockInputBuffer", *buffer)?;
                if !fits {
                    return Err(Error::Contract("an input buffer that is too small"));
                }
                Ok((*buffer, parameters.pitch))
            }
            InputBuffer::Registered {
                resource,
                memory,
                staging,
            } => {
                nv12::write(surface, staging, width);
                memory.fill(entered, staging, width, rows)?;
                let mut parameters = sys::MapInputResource::blank();
                parameters.registered_resource = *resource;
                call!(
                    session,
                    map_input_resource,
                    "NvEncMapInputResource",
                    &raw mut parameters
                )?;
                Ok((
                    parameters.mapped_resource,
                    u32::try_from(memory.pitch).unwrap_or(0),
                ))
            }
        }
    }

    /// The encoder is done with what `fill` gave it.
    fn release(&self, session: &Session, input: *mut c_void) -> Result<(), Error> {
        match self.input {
            InputBuffer::Locked(_) => Ok(()),
            InputBuffer::Registered { .. } => {
                call!(session, unmap_input_resource, "NvEncUnmapInputResource", input)
            }
        }
    }
}

impl Session {
    /// The driver's own settings for a preset.
    fn preset(&self, preset: usize) -> Result<sys::Config, Error> {
        let _entered = self.context.enter()?;
        let guid = sys::PRESETS.get(preset).copied().unwrap_or_default();
        let mut parameters = Box::new(sys::PresetConfig::blank());
        parameters.preset = sys::Config::blank();
        call!(
            self,
            get_encode_preset_config_ex,
            "NvEncGetEncodePresetConfigEx",
            sys::CODEC_H264,
            guid,
            session::TUNING_ULTRA_LOW_LATENCY,
            &raw mut *parameters
        )?;
        Ok(parameters.preset)
    }
}

/// Waits for the output, hands it to `take`, and gives it back.
fn read(session: &Session, output: *mut c_void, take: &mut dyn FnMut(&[u8])) -> Result<Made, Error> {
    let mut parameters = sys::LockBitstream::blank();
    parameters.output_bitstream = output;
    call!(session, lock_bitstream, "NvEncLockBitstream", &raw mut parameters)?;
    let size = usize::try_from(parameters.bitstream_size_in_bytes).unwrap_or(0);
    if !parameters.bitstream_buffer_ptr.is_null() {
        // SAFETY: a locked output has as many bytes as the driver says, until it is unlocked.
        take(unsafe { std::slice::from_raw_parts(parameters.bitstream_buffer_ptr.cast(), size) });
    }
    call!(session, unlock_bitstream, "NvEncUnlockBitstream", output)?;
    Ok(Made {
        qp: parameters.frame_avg_qp,
        stamp: parameters.output_time_stamp,
    })
}

fn locked(session: &Session, width: u32, height: u32) -> Result<InputBuffer, Error> {
    let mut parameters = sys::CreateInputBuffer::blank();
    (parameters.width, parameters.height) = (width, height);
    parameters.buffer_fmt = picture::FORMAT_NV12;
    call!(
        session,
        create_input_buffer,
        "NvEncCreateInputBuffer",
        &raw mut parameters
    )?;
    Ok(InputBuffer::Locked(parameters.input_buffer))
}

fn registered(
    session: &Session,
    entered: &Current<'_>,
    width: u32,
    height: u32,
) -> Result<InputBuffer, Error> {
    let rows = nv12::rows(usize::try_from(height).unwrap_or(0));
    let bytes_across = usize::try_from(width).unwrap_or(0);
    let memory = Memory::new(&session.driver, entered, bytes_across, rows)?;
    let mut parameters = sys::RegisterResource::blank();
    parameters.resource_type = picture::RESOURCE_CUDADEVICEPTR;
    (parameters.width, parameters.height) = (width, height);
    parameters.pitch = u32::try_from(memory.pitch).unwrap_or(0);
    parameters.resource_to_register =
        std::ptr::without_provenance_mut(usize::try_from(memory.pointer).unwrap_or(0));
    parameters.buffer_format = picture::FORMAT_NV12;
    parameters.buffer_usage = picture::USAGE_INPUT_IMAGE;
    call!(
        session,
        register_resource,
        "NvEncRegisterResource",
        &raw mut parameters
    )?;
    Ok(InputBuffer::Registered {
        resource: parameters.registered_resource,
        memory,
        staging: vec![0; bytes_across * rows],
    })
}

/// Sides of what is coded: even, as the surface's are.
fn even(config: &Config) -> (u32, u32) {
    let even = |side: u16| u32::from(side.next_multiple_of(2));
    (even(config.width()), even(config.height()))
}

/// More than NVIDIA has.
const CODECS_MAX: u32 = 16;
/// SPS and PPS have under a hundred bytes.
const PARAMETER_BYTES: usize = 1024;
