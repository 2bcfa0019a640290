//! A session that encodes.

use super::Session;
use super::buffers::Buffers;
use crate::backend::Input;
use crate::settings::Settings;
use crate::{Error, settings};
use firstlight_encoder::{Config, Surface, rate};
use firstlight_nvenc_sys as sys;
use firstlight_nvenc_sys::value::{picture, session};

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
        if (u32::from(surface.width()), u32::from(surface.height())) != buffers.size() {
            return Err(Error::Contract("a picture of another size than the session's"));
        }
        let entered = self.session.context.enter()?;
        let (input, pitch) = buffers.fill(&self.session, &entered, surface)?;
        let mut parameters = sys::PicParams::blank();
        (parameters.input_width, parameters.input_height) = buffers.size();
        parameters.input_pitch = pitch;
        (parameters.input_time_stamp, parameters.frame_idx) =
            (stamp, u32::try_from(stamp & 0xffff_ffff).unwrap_or(0));
        parameters.encode_pic_flags = if idr {
            picture::FLAG_FORCE_IDR | picture::FLAG_OUTPUT_SPSPPS
        } else {
            0
        };
        (parameters.input_buffer, parameters.output_bitstream) = (input, buffers.output());
        parameters.buffer_fmt = picture::FORMAT_NV12;
        parameters.picture_struct = picture::STRUCT_FRAME;
        let encoded = call!(
            self.session,
            encode_picture,
            "NvEncEncodePicture",
            &raw mut parameters
        );
        let made = encoded.and_then(|()| buffers.read(&self.session, take));
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
        let (width, height) = (self.initialize.encode_width, self.initialize.encode_height);
        self.buffers = Some(Buffers::make(&self.session, self.input, width, height)?);
        Ok(())
    }

    fn drop_buffers(&mut self) {
        let Some(buffers) = self.buffers.take() else {
            return;
        };
        if let Err(error) = buffers.destroy(&self.session) {
            // A device that is lost gives nothing back; the session ends next.
            drop(error);
        }
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

/// Sides of what is coded: even, as the surface's are.
fn even(config: &Config) -> (u32, u32) {
    let even = |side: u16| u32::from(side.next_multiple_of(2));
    (even(config.width()), even(config.height()))
}

/// SPS and PPS have under a hundred bytes.
const PARAMETER_BYTES: usize = 1024;
