//! The table of functions, and the two that a driver's library exports.

use crate::guid::Guid;
use crate::structs::{
    CapsParam, CreateBitstreamBuffer, CreateInputBuffer, InitializeParams, LockBitstream, LockInputBuffer,
    MapInputResource, OpenSessionParams, PicParams, PresetConfig, ReconfigureParams, RegisterResource,
    SequenceParamPayload,
};
use std::ffi::{c_char, c_int, c_void};

/// The file that the driver installs.
pub const ENCODE_LIBRARY: &str = "libnvidia-encode.so.1";
/// The file that the driver installs.
pub const CUDA_LIBRARY: &str = "libcuda.so.1";

/// `NvEncodeAPIGetMaxSupportedVersion`: major number times sixteen, plus the minor one.
pub type GetMaxSupportedVersion = unsafe extern "C" fn(version: *mut u32) -> u32;
/// `NvEncodeAPICreateInstance`.
pub type CreateInstance = unsafe extern "C" fn(list: *mut FunctionList) -> u32;

type Encoder = *mut c_void;
type Pointer = *mut c_void;
type Status = u32;

/// Takes the encoder and a structure.
type With<T> = Option<unsafe extern "C" fn(encoder: Encoder, parameters: *mut T) -> Status>;
/// Takes the encoder and something that it gave out.
type Of = Option<unsafe extern "C" fn(encoder: Encoder, handle: Pointer) -> Status>;
/// How many there are.
type Count = Option<unsafe extern "C" fn(encoder: Encoder, codec: Guid, count: *mut u32) -> Status>;
/// Fills an array and says how many it wrote.
type List<T> = Option<
    unsafe extern "C" fn(encoder: Encoder, codec: Guid, array: *mut T, size: u32, count: *mut u32) -> Status,
>;

/// `NV_ENCODE_API_FUNCTION_LIST`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FunctionList {
    pub version: u32,
    reserved: u32,
    pub open_encode_session:
        Option<unsafe extern "C" fn(device: Pointer, kind: u32, encoder: *mut Encoder) -> Status>,
    pub get_encode_guid_count: With<u32>,
    pub get_encode_profile_guid_count: Count,
    pub get_encode_profile_guids: List<Guid>,
    pub get_encode_guids: Option<
        unsafe extern "C" fn(encoder: Encoder, array: *mut Guid, size: u32, count: *mut u32) -> Status,
    >,
    pub get_input_format_count: Count,
    pub get_input_formats: List<u32>,
    pub get_encode_caps: Option<
        unsafe extern "C" fn(
            encoder: Encoder,
            codec: Guid,
            caps: *mut CapsParam,
            value: *mut c_int,
        ) -> Status,
    >,
    pub get_encode_preset_count: Count,
    pub get_encode_preset_guids: List<Guid>,
    pub get_encode_preset_config: Option<
        unsafe extern "C" fn(
            encoder: Encoder,
            codec: Guid,
            preset: Guid,
            config: *mut PresetConfig,
        ) -> Status,
    >,
    pub initialize_encoder: With<InitializeParams>,
    pub create_input_buffer: With<CreateInputBuffer>,
    pub destroy_input_buffer: Of,
    pub create_bitstream_buffer: With<CreateBitstreamBuffer>,
    pub destroy_bitstream_buffer: Of,
    pub encode_picture: With<PicParams>,
    pub lock_bitstream: With<LockBitstream>,
    pub unlock_bitstream: Of,
    pub lock_input_buffer: With<LockInputBuffer>,
    pub unlock_input_buffer: Of,
    pub get_encode_stats: With<c_void>,
    pub get_sequence_params: With<SequenceParamPayload>,
    pub register_async_event: With<c_void>,
    pub unregister_async_event: With<c_void>,
    pub map_input_resource: With<MapInputResource>,
    pub unmap_input_resource: Of,
    pub destroy_encoder: Option<unsafe extern "C" fn(encoder: Encoder) -> Status>,
    pub invalidate_ref_frames: Option<unsafe extern "C" fn(encoder: Encoder, time_stamp: u64) -> Status>,
    pub open_encode_session_ex:
        Option<unsafe extern "C" fn(parameters: *mut OpenSessionParams, encoder: *mut Encoder) -> Status>,
    pub register_resource: With<RegisterResource>,
    pub unregister_resource: Of,
    pub reconfigure_encoder: With<ReconfigureParams>,
    reserved1: Pointer,
    pub create_mv_buffer: With<c_void>,
    pub destroy_mv_buffer: Of,
    pub run_motion_estimation_only: With<c_void>,
    pub get_last_error_string: Option<unsafe extern "C" fn(encoder: Encoder) -> *const c_char>,
    pub set_io_cuda_streams:
        Option<unsafe extern "C" fn(encoder: Encoder, input: Pointer, output: Pointer) -> Status>,
    pub get_encode_preset_config_ex: Option<
        unsafe extern "C" fn(
            encoder: Encoder,
            codec: Guid,
            preset: Guid,
            tuning: u32,
            config: *mut PresetConfig,
        ) -> Status,
    >,
    pub get_sequence_param_ex: Option<
        unsafe extern "C" fn(
            encoder: Encoder,
            parameters: *mut InitializeParams,
            payload: *mut SequenceParamPayload,
        ) -> Status,
    >,
    reserved2: [Pointer; 277],
}

impl FunctionList {
    /// `NV_ENCODE_API_FUNCTION_LIST_VER`.
    pub const VERSION: u32 = crate::struct_version(2);

    /// As `NvEncodeAPICreateInstance` wants it: no function yet.
    #[must_use]
    pub fn blank() -> Self {
        #[expect(
            unsafe_code,
            reason = "there is no other way to zero what the header reserves"
        )]
        // SAFETY: it has integers, raw pointers and optional functions only, which zero is a value of.
        let mut blank: Self = unsafe { std::mem::zeroed() };
        blank.version = Self::VERSION;
        blank
    }
}
