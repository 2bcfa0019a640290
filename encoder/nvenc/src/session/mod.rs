//! One encoding session: the calls to NVENC.
//!
//! ```text
//! open: context -> session -> abilities -> preset, changed to ours -> initialise -> buffers
//! encode: fill the input -> encode -> lock the output -> hand it on -> unlock
//! drop: flush -> buffers -> session -> context
//! ```
//!
//! This module opens one and asks it; `running` encodes with it, through `buffers`.
//!
//! Everything is synchronous, since Linux knows nothing else; one picture is inside at a time.

use crate::context::Context;
use crate::driver::{Driver, words};
use crate::probe::Abilities;
use crate::{Error, Status};
use firstlight_nvenc_sys::value::{caps, session, status};
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

mod buffers;
mod running;

pub(crate) use running::Running;

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

    /// The driver's own settings for a preset.
    pub(crate) fn preset(&self, preset: usize) -> Result<sys::Config, Error> {
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

/// More than NVIDIA has.
const CODECS_MAX: u32 = 16;
