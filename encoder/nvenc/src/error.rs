//! What can go wrong, in the driver's words.

use firstlight_nvenc_sys::value::status;
use std::fmt;

/// What can go wrong in this crate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One of the driver's two files is not there, or is not what its name says.
    #[error("{library} cannot be opened, so there is no NVIDIA driver to encode with ({detail})")]
    Library {
        /// Which.
        library: &'static str,
        /// What the loader says.
        detail: String,
    },
    /// The driver's library lacks a function.
    #[error("the NVIDIA driver lacks {0}: update it")]
    Function(&'static str),
    /// The driver is too old.
    #[error(
        "the NVIDIA driver speaks version {major}.{minor} of NVENC and 11.1 is needed: update it to 470 or newer"
    )]
    Version {
        /// Of the interface.
        major: u32,
        /// Of the interface.
        minor: u32,
    },
    /// A call to CUDA failed.
    #[error("{call}: {words} (CUDA error {code})")]
    Cuda {
        /// Which.
        call: &'static str,
        /// `CUresult`.
        code: u32,
        /// What `cuGetErrorString` says.
        words: String,
    },
    /// CUDA works and has no device.
    #[error("CUDA finds no GPU")]
    NoDevice,
    /// The GPU has no engine that encodes, as data-centre cards have none.
    #[error("{device} has no engine that encodes ({detail})")]
    NoEngine {
        /// Its name.
        device: String,
        /// What was asked for, or what the driver says.
        detail: String,
    },
    /// The GPU is busy with as many sessions as it takes.
    #[error("the GPU takes no further encoding session ({status}: {words})")]
    OutOfSessions {
        /// What the driver answers.
        status: Status,
        /// What the driver says.
        words: String,
    },
    /// A call to NVENC failed.
    #[error("{call}: {status}: {words}")]
    Call {
        /// Which.
        call: &'static str,
        /// What the driver answers.
        status: Status,
        /// What `NvEncGetLastErrorString` says.
        words: String,
    },
    /// The card cannot do what a stream needs.
    #[error("this card's encoder cannot {0}")]
    Lacks(&'static str),
    /// What came out of it is not what the interface promises.
    #[error("NVENC broke its contract: {0}")]
    Contract(&'static str),
}

/// `NVENCSTATUS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = usize::try_from(self.0).ok().and_then(|n| status::NAMES.get(n));
        match name {
            Some(name) => write!(f, "NV_ENC_ERR_{name}"),
            None => write!(f, "NVENC error {}", self.0),
        }
    }
}

impl Error {
    /// As the encoder tells it where a backend could not be opened.
    #[must_use]
    pub fn unavailable(&self) -> firstlight_encoder::Error {
        firstlight_encoder::Error::Unavailable {
            backend: crate::backend::NAME,
            words: self.to_string(),
        }
    }
}

impl From<Error> for firstlight_encoder::Error {
    fn from(error: Error) -> Self {
        Self::Failed {
            backend: crate::backend::NAME,
            words: error.to_string(),
        }
    }
}
