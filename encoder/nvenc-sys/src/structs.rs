//! The structures, revision by revision of header 11.1.
//!
//! Bit fields are one `flags` word; `value` has the bits. What the header reserves must be zero, which [`blank`] sees to.

use crate::guid::Guid;
use crate::struct_version;
use std::ffi::c_void;

type Pointer = *mut c_void;

/// A structure as the interface wants it before its fields are set: its version, and zero everywhere else.
macro_rules! blank {
    ($($structure:ident: $version:expr;)*) => {$(
        impl $structure {
            /// What the header calls `NV_ENC_…_VER`.
            pub const VERSION: u32 = $version;

            /// Marked with its version, zero everywhere else.
            #[must_use]
            pub fn blank() -> Self {
                // SAFETY: it has integers and raw pointers only, which zero is a value of.
                #[expect(unsafe_code, reason = "there is no other way to zero what the header reserves")]
                let mut blank: Self = unsafe { std::mem::zeroed() };
                blank.version = Self::VERSION;
                blank
            }
        }
    )*};
}

/// Structures of an own revision since a rewrite of the interface carry this bit (`1u<<31`).
const REWRITTEN: u32 = 1 << 31;

blank! {
    CapsParam: struct_version(1);
    CreateInputBuffer: struct_version(1);
    CreateBitstreamBuffer: struct_version(1);
    RcParams: struct_version(1);
    Config: struct_version(7) | REWRITTEN;
    InitializeParams: struct_version(5) | REWRITTEN;
    ReconfigureParams: struct_version(1) | REWRITTEN;
    PresetConfig: struct_version(4) | REWRITTEN;
    PicParams: struct_version(4) | REWRITTEN;
    LockBitstream: struct_version(1);
    LockInputBuffer: struct_version(1);
    MapInputResource: struct_version(4);
    RegisterResource: struct_version(3);
    SequenceParamPayload: struct_version(1);
    OpenSessionParams: struct_version(1);
}

/// `NV_ENC_CAPS_PARAM`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CapsParam {
    pub version: u32,
    pub caps_to_query: u32,
    reserved: [u32; 62],
}

/// `NV_ENC_CREATE_INPUT_BUFFER`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateInputBuffer {
    pub version: u32,
    pub width: u32,
    pub height: u32,
    pub memory_heap: u32,
    pub buffer_fmt: u32,
    reserved: u32,
    pub input_buffer: Pointer,
    pub sys_mem_buffer: Pointer,
    reserved1: [u32; 57],
    reserved2: [Pointer; 63],
}

/// `NV_ENC_CREATE_BITSTREAM_BUFFER`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CreateBitstreamBuffer {
    pub version: u32,
    pub size: u32,
    pub memory_heap: u32,
    reserved: u32,
    pub bitstream_buffer: Pointer,
    pub bitstream_buffer_ptr: Pointer,
    reserved1: [u32; 58],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_QP`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Qp {
    pub inter_p: u32,
    pub inter_b: u32,
    pub intra: u32,
}

/// `NV_ENC_RC_PARAMS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RcParams {
    pub version: u32,
    pub rate_control_mode: u32,
    pub const_qp: Qp,
    pub average_bit_rate: u32,
    pub max_bit_rate: u32,
    pub vbv_buffer_size: u32,
    pub vbv_initial_delay: u32,
    pub flags: u32,
    pub min_qp: Qp,
    pub max_qp: Qp,
    pub initial_rc_qp: Qp,
    pub temporal_layer_idx_mask: u32,
    pub temporal_layer_qp: [u8; 8],
    pub target_quality: u8,
    pub target_quality_lsb: u8,
    pub lookahead_depth: u16,
    pub low_delay_key_frame_scale: u8,
    reserved1: [u8; 3],
    pub qp_map_mode: u32,
    pub multi_pass: u32,
    pub alpha_layer_bitrate_ratio: u32,
    pub cb_qp_index_offset: i8,
    pub cr_qp_index_offset: i8,
    reserved2: u16,
    reserved: [u32; 4],
}

/// `NV_ENC_CONFIG_H264_VUI_PARAMETERS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Vui {
    pub overscan_info_present: u32,
    pub overscan_info: u32,
    pub video_signal_type_present: u32,
    pub video_format: u32,
    pub video_full_range: u32,
    pub colour_description_present: u32,
    pub colour_primaries: u32,
    pub transfer_characteristics: u32,
    pub colour_matrix: u32,
    pub chroma_sample_location: u32,
    pub chroma_sample_location_top: u32,
    pub chroma_sample_location_bot: u32,
    pub bitstream_restriction: u32,
    reserved: [u32; 15],
}

/// `NV_ENC_CONFIG_H264`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ConfigH264 {
    pub flags: u32,
    pub level: u32,
    pub idr_period: u32,
    pub separate_colour_plane: u32,
    pub disable_deblocking_filter_idc: u32,
    pub num_temporal_layers: u32,
    pub sps_id: u32,
    pub pps_id: u32,
    pub adaptive_transform_mode: u32,
    pub fmo_mode: u32,
    pub bdirect_mode: u32,
    pub entropy_coding_mode: u32,
    pub stereo_mode: u32,
    pub intra_refresh_period: u32,
    pub intra_refresh_cnt: u32,
    pub max_num_ref_frames: u32,
    pub slice_mode: u32,
    pub slice_mode_data: u32,
    pub vui: Vui,
    pub ltr_num_frames: u32,
    pub ltr_trust_mode: u32,
    pub chroma_format_idc: u32,
    pub max_temporal_layers: u32,
    pub use_b_frames_as_ref: u32,
    pub num_ref_l0: u32,
    pub num_ref_l1: u32,
    reserved1: [u32; 267],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_CODEC_CONFIG`: a union in the header, of which the part for H.264 is the largest.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CodecConfig {
    pub h264: ConfigH264,
}

/// `NV_ENC_CONFIG`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Config {
    pub version: u32,
    pub profile_guid: Guid,
    pub gop_length: u32,
    pub frame_interval_p: i32,
    pub mono_chrome_encoding: u32,
    pub frame_field_mode: u32,
    pub mv_precision: u32,
    pub rc_params: RcParams,
    pub codec: CodecConfig,
    reserved: [u32; 278],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_INITIALIZE_PARAMS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct InitializeParams {
    pub version: u32,
    pub encode_guid: Guid,
    pub preset_guid: Guid,
    pub encode_width: u32,
    pub encode_height: u32,
    pub dar_width: u32,
    pub dar_height: u32,
    pub frame_rate_num: u32,
    pub frame_rate_den: u32,
    pub enable_encode_async: u32,
    pub enable_ptd: u32,
    pub flags: u32,
    pub priv_data_size: u32,
    pub priv_data: Pointer,
    pub encode_config: *mut Config,
    pub max_encode_width: u32,
    pub max_encode_height: u32,
    max_me_hint_counts_per_block: [[u32; 4]; 2],
    pub tuning_info: u32,
    pub buffer_format: u32,
    pub reserved: [u32; 287],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_RECONFIGURE_PARAMS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ReconfigureParams {
    pub version: u32,
    pub re_init: InitializeParams,
    pub flags: u32,
}

/// `NV_ENC_PRESET_CONFIG`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PresetConfig {
    pub version: u32,
    pub preset: Config,
    reserved1: [u32; 255],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_PIC_PARAMS_H264`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PicParamsH264 {
    pub display_poc_syntax: u32,
    reserved3: u32,
    pub ref_pic_flag: u32,
    pub colour_plane_id: u32,
    pub force_intra_refresh_with_frame_cnt: u32,
    pub flags: u32,
    pub slice_type_data: *mut u8,
    pub slice_type_array_cnt: u32,
    pub sei_payload_array_cnt: u32,
    pub sei_payload_array: Pointer,
    pub slice_mode: u32,
    pub slice_mode_data: u32,
    pub ltr_mark_frame_idx: u32,
    pub ltr_use_frame_bitmap: u32,
    pub ltr_usage_mode: u32,
    pub force_intra_slice_count: u32,
    pub force_intra_slice_idx: *mut u32,
    extension: [Pointer; 16],
    reserved: [u32; 210],
    reserved2: [Pointer; 61],
}

/// `NV_ENC_CODEC_PIC_PARAMS`: a union in the header, of which the part for H.264 is as large as any.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CodecPicParams {
    pub h264: PicParamsH264,
}

/// `NV_ENC_PIC_PARAMS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PicParams {
    pub version: u32,
    pub input_width: u32,
    pub input_height: u32,
    pub input_pitch: u32,
    pub encode_pic_flags: u32,
    pub frame_idx: u32,
    pub input_time_stamp: u64,
    pub input_duration: u64,
    pub input_buffer: Pointer,
    pub output_bitstream: Pointer,
    pub completion_event: Pointer,
    pub buffer_fmt: u32,
    pub picture_struct: u32,
    pub picture_type: u32,
    pub codec: CodecPicParams,
    me_hint_counts_per_block: [[u32; 4]; 2],
    me_external_hints: Pointer,
    reserved1: [u32; 6],
    reserved2: [Pointer; 2],
    qp_delta_map: *mut i8,
    qp_delta_map_size: u32,
    reserved_bit_fields: u32,
    me_hint_ref_pic_dist: [u16; 2],
    alpha_buffer: Pointer,
    reserved3: [u32; 286],
    reserved4: [Pointer; 59],
}

/// `NV_ENC_LOCK_BITSTREAM`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LockBitstream {
    pub version: u32,
    pub flags: u32,
    pub output_bitstream: Pointer,
    pub slice_offsets: *mut u32,
    pub frame_idx: u32,
    pub hw_encode_status: u32,
    pub num_slices: u32,
    pub bitstream_size_in_bytes: u32,
    pub output_time_stamp: u64,
    pub output_duration: u64,
    pub bitstream_buffer_ptr: Pointer,
    pub picture_type: u32,
    pub picture_struct: u32,
    pub frame_avg_qp: u32,
    pub frame_satd: u32,
    pub ltr_frame_idx: u32,
    pub ltr_frame_bitmap: u32,
    pub temporal_id: u32,
    reserved: [u32; 12],
    pub intra_mb_count: u32,
    pub inter_mb_count: u32,
    pub average_mvx: i32,
    pub average_mvy: i32,
    pub alpha_layer_size_in_bytes: u32,
    reserved1: [u32; 218],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_LOCK_INPUT_BUFFER`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LockInputBuffer {
    pub version: u32,
    pub flags: u32,
    pub input_buffer: Pointer,
    pub buffer_data_ptr: Pointer,
    pub pitch: u32,
    reserved1: [u32; 251],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_MAP_INPUT_RESOURCE`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MapInputResource {
    pub version: u32,
    pub sub_resource_index: u32,
    pub input_resource: Pointer,
    pub registered_resource: Pointer,
    pub mapped_resource: Pointer,
    pub mapped_buffer_fmt: u32,
    reserved1: [u32; 251],
    reserved2: [Pointer; 63],
}

/// `NV_ENC_REGISTER_RESOURCE`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct RegisterResource {
    pub version: u32,
    pub resource_type: u32,
    pub width: u32,
    pub height: u32,
    pub pitch: u32,
    pub sub_resource_index: u32,
    pub resource_to_register: Pointer,
    pub registered_resource: Pointer,
    pub buffer_format: u32,
    pub buffer_usage: u32,
    input_fence_point: Pointer,
    output_fence_point: Pointer,
    reserved1: [u32; 247],
    reserved2: [Pointer; 60],
}

/// `NV_ENC_SEQUENCE_PARAM_PAYLOAD`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SequenceParamPayload {
    pub version: u32,
    pub in_buffer_size: u32,
    pub sps_id: u32,
    pub pps_id: u32,
    pub spspps_buffer: Pointer,
    pub out_spspps_payload_size: *mut u32,
    reserved: [u32; 250],
    reserved2: [Pointer; 64],
}

/// `NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OpenSessionParams {
    pub version: u32,
    pub device_type: u32,
    pub device: Pointer,
    reserved: Pointer,
    pub api_version: u32,
    reserved1: [u32; 253],
    reserved2: [Pointer; 64],
}
