//! The layout of NVIDIA's encoder and CUDA interfaces, as far as they are used here.
//!
//! Facts, no code: structures, numbers and the types of functions of `nvEncodeAPI.h` 11.1 and `cuda.h`, by NVIDIA's names in
//! Rust's spelling. `tests/layout.rs` compares each with the header as Debian ships it.
//!
//! - 11.1 is what Debian's FFmpeg speaks, what every driver since 470 accepts, and enough for all that is used here.
//! - Enumerations are plain numbers: what a driver of tomorrow may answer must not be undefined behaviour.
//! - Nothing here links to, opens or needs a driver.

#![expect(
    missing_docs,
    reason = "each name is NVIDIA's, whose header describes it; what we make of it is said where it is used"
)]

mod api;
pub mod cuda;
mod guid;
mod structs;
pub mod value;

pub use api::{CUDA_LIBRARY, CreateInstance, ENCODE_LIBRARY, FunctionList, GetMaxSupportedVersion};
pub use guid::{
    CODEC_AV1, CODEC_H264, CODEC_HEVC, Guid, H264_PROFILES, PRESETS, PROFILE_AUTOSELECT,
    PROFILE_H264_BASELINE, PROFILE_H264_HIGH, PROFILE_H264_MAIN,
};
pub use structs::{
    CapsParam, CodecConfig, CodecPicParams, Config, ConfigH264, CreateBitstreamBuffer, CreateInputBuffer,
    InitializeParams, LockBitstream, LockInputBuffer, MapInputResource, OpenSessionParams, PicParams,
    PicParamsH264, PresetConfig, Qp, RcParams, ReconfigureParams, RegisterResource, SequenceParamPayload,
    Vui,
};

/// `NVENCAPI_VERSION`: the major number in the low byte, the minor one in the high byte.
pub const API_VERSION: u32 = 11 | (1 << 24);

/// `NVENCAPI_STRUCT_VERSION`: what a structure of revision `revision` is marked with.
#[must_use]
pub const fn struct_version(revision: u32) -> u32 {
    API_VERSION | (revision << 16) | (0x7 << 28)
}
