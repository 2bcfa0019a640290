//! Numbers of the interface's enumerations, and bits of its bit fields.

/// `NVENCSTATUS`.
pub mod status {
    pub const SUCCESS: u32 = 0;
    pub const NO_ENCODE_DEVICE: u32 = 1;
    pub const UNSUPPORTED_DEVICE: u32 = 2;
    pub const INVALID_ENCODERDEVICE: u32 = 3;
    pub const INVALID_DEVICE: u32 = 4;
    pub const DEVICE_NOT_EXIST: u32 = 5;
    pub const INVALID_PTR: u32 = 6;
    pub const INVALID_EVENT: u32 = 7;
    pub const INVALID_PARAM: u32 = 8;
    pub const INVALID_CALL: u32 = 9;
    pub const OUT_OF_MEMORY: u32 = 10;
    pub const ENCODER_NOT_INITIALIZED: u32 = 11;
    pub const UNSUPPORTED_PARAM: u32 = 12;
    pub const LOCK_BUSY: u32 = 13;
    pub const NOT_ENOUGH_BUFFER: u32 = 14;
    pub const INVALID_VERSION: u32 = 15;
    pub const MAP_FAILED: u32 = 16;
    pub const NEED_MORE_INPUT: u32 = 17;
    pub const ENCODER_BUSY: u32 = 18;
    pub const EVENT_NOT_REGISTERD: u32 = 19;
    pub const GENERIC: u32 = 20;
    pub const INCOMPATIBLE_CLIENT_KEY: u32 = 21;
    pub const UNIMPLEMENTED: u32 = 22;
    pub const RESOURCE_REGISTER_FAILED: u32 = 23;
    pub const RESOURCE_NOT_REGISTERED: u32 = 24;
    pub const RESOURCE_NOT_MAPPED: u32 = 25;

    /// What the header calls each, without `NV_ENC_ERR_`, by its number.
    pub const NAMES: [&str; 26] = [
        "SUCCESS",
        "NO_ENCODE_DEVICE",
        "UNSUPPORTED_DEVICE",
        "INVALID_ENCODERDEVICE",
        "INVALID_DEVICE",
        "DEVICE_NOT_EXIST",
        "INVALID_PTR",
        "INVALID_EVENT",
        "INVALID_PARAM",
        "INVALID_CALL",
        "OUT_OF_MEMORY",
        "ENCODER_NOT_INITIALIZED",
        "UNSUPPORTED_PARAM",
        "LOCK_BUSY",
        "NOT_ENOUGH_BUFFER",
        "INVALID_VERSION",
        "MAP_FAILED",
        "NEED_MORE_INPUT",
        "ENCODER_BUSY",
        "EVENT_NOT_REGISTERD",
        "GENERIC",
        "INCOMPATIBLE_CLIENT_KEY",
        "UNIMPLEMENTED",
        "RESOURCE_REGISTER_FAILED",
        "RESOURCE_NOT_REGISTERED",
        "RESOURCE_NOT_MAPPED",
    ];
}

/// `NV_ENC_CAPS`, those in use here.
pub mod caps {
    pub const NUM_MAX_BFRAMES: u32 = 0;
    pub const SUPPORTED_RATECONTROL_MODES: u32 = 1;
    pub const SUPPORT_FIELD_ENCODING: u32 = 2;
    pub const SUPPORT_CABAC: u32 = 7;
    pub const LEVEL_MAX: u32 = 13;
    pub const LEVEL_MIN: u32 = 14;
    pub const WIDTH_MAX: u32 = 16;
    pub const HEIGHT_MAX: u32 = 17;
    pub const SUPPORT_DYN_RES_CHANGE: u32 = 19;
    pub const SUPPORT_DYN_BITRATE_CHANGE: u32 = 20;
    pub const SUPPORT_SUBFRAME_READBACK: u32 = 23;
    pub const SUPPORT_INTRA_REFRESH: u32 = 25;
    pub const SUPPORT_CUSTOM_VBV_BUF_SIZE: u32 = 26;
    pub const SUPPORT_DYNAMIC_SLICE_MODE: u32 = 27;
    pub const SUPPORT_REF_PIC_INVALIDATION: u32 = 28;
    pub const ASYNC_ENCODE_SUPPORT: u32 = 30;
    pub const MB_NUM_MAX: u32 = 31;
    pub const MB_PER_SEC_MAX: u32 = 32;
    pub const SUPPORT_YUV444_ENCODE: u32 = 33;
    pub const SUPPORT_LOOKAHEAD: u32 = 37;
    pub const SUPPORT_10BIT_ENCODE: u32 = 39;
    pub const NUM_MAX_LTR_FRAMES: u32 = 40;
    pub const WIDTH_MIN: u32 = 45;
    pub const HEIGHT_MIN: u32 = 46;
    pub const SUPPORT_MULTIPLE_REF_FRAMES: u32 = 47;
    pub const NUM_ENCODER_ENGINES: u32 = 49;
    pub const EXPOSED_COUNT: u32 = 51;
}

/// `NV_ENC_PARAMS_RC_MODE`.
pub mod rate_control {
    pub const CONSTQP: u32 = 0;
    pub const VBR: u32 = 1;
    pub const CBR: u32 = 2;
    /// Since 10.0 a second pass instead; 11.1 still takes them.
    pub const DEPRECATED: [u32; 3] = [0x8, 0x10, 0x20];
    /// `NV_ENC_RC_PARAMS::enableMinQP`.
    pub const ENABLE_MIN_QP: u32 = 1;
    /// `NV_ENC_RC_PARAMS::enableMaxQP`.
    pub const ENABLE_MAX_QP: u32 = 1 << 1;
    /// `NV_ENC_RC_PARAMS::enableAQ`.
    pub const ENABLE_AQ: u32 = 1 << 3;
    /// `NV_ENC_RC_PARAMS::enableLookahead`.
    pub const ENABLE_LOOKAHEAD: u32 = 1 << 5;
    /// `NV_ENC_RC_PARAMS::zeroReorderDelay`.
    pub const ZERO_REORDER_DELAY: u32 = 1 << 9;
    /// All bits that the header names.
    pub const FLAGS: u32 = 0xffff & !(1 << 4);
}

/// `NV_ENC_CONFIG_H264`.
pub mod h264 {
    pub const OUTPUT_AUD: u32 = 1 << 6;
    pub const DISABLE_SPSPPS: u32 = 1 << 7;
    pub const OUTPUT_RECOVERY_POINT_SEI: u32 = 1 << 9;
    pub const ENABLE_INTRA_REFRESH: u32 = 1 << 10;
    pub const REPEAT_SPSPPS: u32 = 1 << 12;
    pub const ENABLE_LTR: u32 = 1 << 14;
    /// All bits that the header names.
    pub const FLAGS: u32 = (1 << 21) - 1;
    /// `NV_ENC_H264_ENTROPY_CODING_MODE_CABAC`.
    pub const CABAC: u32 = 1;
    /// `NV_ENC_H264_ENTROPY_CODING_MODE_CAVLC`.
    pub const CAVLC: u32 = 2;
    /// `sliceMode`: `sliceModeData` macroblocks each.
    pub const SLICES_OF_BLOCKS: u32 = 0;
    /// `sliceMode`: at most `sliceModeData` bytes each.
    pub const SLICES_OF_BYTES: u32 = 1;
    /// `sliceMode`: `sliceModeData` rows of macroblocks each.
    pub const SLICES_OF_ROWS: u32 = 2;
    /// `sliceMode`: `sliceModeData` of them.
    pub const SLICES_BY_NUMBER: u32 = 3;
}

/// `NV_ENC_INITIALIZE_PARAMS` and `NV_ENC_RECONFIGURE_PARAMS`.
pub mod session {
    pub const REPORT_SLICE_OFFSETS: u32 = 1;
    pub const ENABLE_SUB_FRAME_WRITE: u32 = 1 << 1;
    /// All bits of `NV_ENC_INITIALIZE_PARAMS` that the header names.
    pub const FLAGS: u32 = (1 << 6) - 1;
    /// `NV_ENC_RECONFIGURE_PARAMS::resetEncoder`.
    pub const RESET_ENCODER: u32 = 1;
    /// `NV_ENC_RECONFIGURE_PARAMS::forceIDR`.
    pub const FORCE_IDR: u32 = 1 << 1;
    /// `NVENC_INFINITE_GOPLENGTH`.
    pub const INFINITE_GOP: u32 = u32::MAX;
    /// `NV_ENC_DEVICE_TYPE_CUDA`.
    pub const DEVICE_CUDA: u32 = 1;
    /// `NV_ENC_PARAMS_FRAME_FIELD_MODE_FRAME`.
    pub const FRAME_MODE: u32 = 1;
    /// `NV_ENC_TUNING_INFO_HIGH_QUALITY`.
    pub const TUNING_HIGH_QUALITY: u32 = 1;
    /// `NV_ENC_TUNING_INFO_LOW_LATENCY`.
    pub const TUNING_LOW_LATENCY: u32 = 2;
    /// `NV_ENC_TUNING_INFO_ULTRA_LOW_LATENCY`.
    pub const TUNING_ULTRA_LOW_LATENCY: u32 = 3;
    /// `NV_ENC_TUNING_INFO_LOSSLESS`.
    pub const TUNING_LOSSLESS: u32 = 4;
}

/// `NV_ENC_PIC_PARAMS`, buffers and resources.
pub mod picture {
    /// `NV_ENC_PIC_FLAG_FORCEINTRA`.
    pub const FLAG_FORCE_INTRA: u32 = 1;
    /// `NV_ENC_PIC_FLAG_FORCEIDR`.
    pub const FLAG_FORCE_IDR: u32 = 2;
    /// `NV_ENC_PIC_FLAG_OUTPUT_SPSPPS`.
    pub const FLAG_OUTPUT_SPSPPS: u32 = 4;
    /// `NV_ENC_PIC_FLAG_EOS`.
    pub const FLAG_EOS: u32 = 8;
    /// `NV_ENC_PIC_STRUCT_FRAME`.
    pub const STRUCT_FRAME: u32 = 1;
    /// `NV_ENC_PIC_TYPE_P`.
    pub const TYPE_P: u32 = 0;
    /// `NV_ENC_PIC_TYPE_I`.
    pub const TYPE_I: u32 = 2;
    /// `NV_ENC_PIC_TYPE_IDR`.
    pub const TYPE_IDR: u32 = 3;
    /// `NV_ENC_BUFFER_FORMAT_NV12`.
    pub const FORMAT_NV12: u32 = 0x1;
    /// `NV_ENC_BUFFER_FORMAT_YV12`.
    pub const FORMAT_YV12: u32 = 0x10;
    /// `NV_ENC_BUFFER_FORMAT_IYUV`.
    pub const FORMAT_IYUV: u32 = 0x100;
    /// `NV_ENC_INPUT_RESOURCE_TYPE_CUDADEVICEPTR`.
    pub const RESOURCE_CUDADEVICEPTR: u32 = 1;
    /// `NV_ENC_INPUT_IMAGE`.
    pub const USAGE_INPUT_IMAGE: u32 = 0;
    /// `NV_ENC_LOCK_BITSTREAM::doNotWait`.
    pub const LOCK_DO_NOT_WAIT: u32 = 1;
}
