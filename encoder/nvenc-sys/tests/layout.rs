//! Every structure and number here against the header as Debian ships it (libffmpeg-nvenc-dev).
#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::vec_init_then_push,
    reason = "a test may panic, and tables are as long as they are"
)]

use firstlight_nvenc_sys::{
    API_VERSION, CODEC_H264, CODEC_HEVC, CapsParam, CodecConfig, CodecPicParams, Config, ConfigH264,
    CreateBitstreamBuffer, CreateInputBuffer, FunctionList, Guid, InitializeParams, LockBitstream,
    LockInputBuffer, MapInputResource, OpenSessionParams, PRESETS, PROFILE_AUTOSELECT, PROFILE_H264_BASELINE,
    PROFILE_H264_HIGH, PROFILE_H264_MAIN, PicParams, PicParamsH264, PresetConfig, Qp, RcParams,
    ReconfigureParams, RegisterResource, SequenceParamPayload, Vui, cuda, value,
};
use std::mem::{offset_of, size_of};
use std::process::Command;

/// A C expression, and what we take it for.
type Claim = (String, u64);

macro_rules! layout {
    ($claims:ident: $($ours:ident = $theirs:ident { $($field:ident = $member:ident),* $(,)? })*) => {$(
        $claims.push((concat!("sizeof(", stringify!($theirs), ")").to_owned(), size_of::<$ours>() as u64));
        $($claims.push((
            concat!("offsetof(", stringify!($theirs), ", ", stringify!($member), ")").to_owned(),
            offset_of!($ours, $field) as u64,
        ));)*
    )*};
}

macro_rules! numbers {
    ($claims:ident: $($theirs:ident = $ours:expr;)*) => {
        $($claims.push((stringify!($theirs).to_owned(), u64::from($ours)));)*
    };
}

fn structures() -> Vec<Claim> {
    let mut claims = Vec::new();
    layout! { claims:
        CapsParam = NV_ENC_CAPS_PARAM { caps_to_query = capsToQuery }
        CreateInputBuffer = NV_ENC_CREATE_INPUT_BUFFER {
            width = width, height = height, buffer_fmt = bufferFmt, input_buffer = inputBuffer,
        }
        CreateBitstreamBuffer = NV_ENC_CREATE_BITSTREAM_BUFFER { bitstream_buffer = bitstreamBuffer }
        Qp = NV_ENC_QP { inter_p = qpInterP, inter_b = qpInterB, intra = qpIntra }
        RcParams = NV_ENC_RC_PARAMS {
            rate_control_mode = rateControlMode, const_qp = constQP, average_bit_rate = averageBitRate,
            max_bit_rate = maxBitRate, vbv_buffer_size = vbvBufferSize, vbv_initial_delay = vbvInitialDelay, min_qp = minQP,
            max_qp = maxQP, initial_rc_qp = initialRCQP, temporal_layer_idx_mask = temporallayerIdxMask,
            lookahead_depth = lookaheadDepth, low_delay_key_frame_scale = lowDelayKeyFrameScale, qp_map_mode = qpMapMode,
            multi_pass = multiPass, alpha_layer_bitrate_ratio = alphaLayerBitrateRatio,
        }
        Vui = NV_ENC_CONFIG_H264_VUI_PARAMETERS {
            video_signal_type_present = videoSignalTypePresentFlag, video_full_range = videoFullRangeFlag,
            colour_primaries = colourPrimaries, transfer_characteristics = transferCharacteristics,
            colour_matrix = colourMatrix, bitstream_restriction = bitstreamRestrictionFlag,
        }
        ConfigH264 = NV_ENC_CONFIG_H264 {
            level = level, idr_period = idrPeriod, disable_deblocking_filter_idc = disableDeblockingFilterIDC,
            entropy_coding_mode = entropyCodingMode, intra_refresh_period = intraRefreshPeriod,
            intra_refresh_cnt = intraRefreshCnt, max_num_ref_frames = maxNumRefFrames, slice_mode = sliceMode,
            slice_mode_data = sliceModeData, vui = h264VUIParameters, ltr_num_frames = ltrNumFrames,
            chroma_format_idc = chromaFormatIDC, use_b_frames_as_ref = useBFramesAsRef, num_ref_l0 = numRefL0,
        }
        CodecConfig = NV_ENC_CODEC_CONFIG {}
        Config = NV_ENC_CONFIG {
            profile_guid = profileGUID, gop_length = gopLength, frame_interval_p = frameIntervalP,
            frame_field_mode = frameFieldMode, rc_params = rcParams, codec = encodeCodecConfig,
        }
        InitializeParams = NV_ENC_INITIALIZE_PARAMS {
            encode_guid = encodeGUID, preset_guid = presetGUID, encode_width = encodeWidth, frame_rate_num = frameRateNum,
            enable_encode_async = enableEncodeAsync, enable_ptd = enablePTD, priv_data_size = privDataSize,
            priv_data = privData, encode_config = encodeConfig, max_encode_width = maxEncodeWidth,
            max_encode_height = maxEncodeHeight, tuning_info = tuningInfo, buffer_format = bufferFormat,
        }
        ReconfigureParams = NV_ENC_RECONFIGURE_PARAMS { re_init = reInitEncodeParams }
        PresetConfig = NV_ENC_PRESET_CONFIG { preset = presetCfg }
        PicParamsH264 = NV_ENC_PIC_PARAMS_H264 {
            force_intra_refresh_with_frame_cnt = forceIntraRefreshWithFrameCnt, slice_mode = sliceMode,
            force_intra_slice_idx = forceIntraSliceIdx,
        }
        CodecPicParams = NV_ENC_CODEC_PIC_PARAMS {}
        PicParams = NV_ENC_PIC_PARAMS {
            input_width = inputWidth, input_pitch = inputPitch, encode_pic_flags = encodePicFlags,
            input_time_stamp = inputTimeStamp, input_buffer = inputBuffer, output_bitstream = outputBitstream,
            completion_event = completionEvent, buffer_fmt = bufferFmt, picture_struct = pictureStruct,
            picture_type = pictureType, codec = codecPicParams,
        }
        LockBitstream = NV_ENC_LOCK_BITSTREAM {
            output_bitstream = outputBitstream, slice_offsets = sliceOffsets, frame_idx = frameIdx, num_slices = numSlices,
            bitstream_size_in_bytes = bitstreamSizeInBytes, output_time_stamp = outputTimeStamp,
            bitstream_buffer_ptr = bitstreamBufferPtr, picture_type = pictureType, frame_avg_qp = frameAvgQP,
        }
        LockInputBuffer = NV_ENC_LOCK_INPUT_BUFFER {
            input_buffer = inputBuffer, buffer_data_ptr = bufferDataPtr, pitch = pitch,
        }
        MapInputResource = NV_ENC_MAP_INPUT_RESOURCE {
            registered_resource = registeredResource, mapped_resource = mappedResource, mapped_buffer_fmt = mappedBufferFmt,
        }
        RegisterResource = NV_ENC_REGISTER_RESOURCE {
            resource_type = resourceType, pitch = pitch, resource_to_register = resourceToRegister,
            registered_resource = registeredResource, buffer_format = bufferFormat, buffer_usage = bufferUsage,
        }
        SequenceParamPayload = NV_ENC_SEQUENCE_PARAM_PAYLOAD {
            in_buffer_size = inBufferSize, spspps_buffer = spsppsBuffer, out_spspps_payload_size = outSPSPPSPayloadSize,
        }
        OpenSessionParams = NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS {
            device_type = deviceType, device = device, api_version = apiVersion,
        }
        FunctionList = NV_ENCODE_API_FUNCTION_LIST {
            open_encode_session = nvEncOpenEncodeSession, get_encode_profile_guids = nvEncGetEncodeProfileGUIDs,
            get_encode_guids = nvEncGetEncodeGUIDs, get_encode_caps = nvEncGetEncodeCaps,
            initialize_encoder = nvEncInitializeEncoder, encode_picture = nvEncEncodePicture,
            lock_bitstream = nvEncLockBitstream, unlock_bitstream = nvEncUnlockBitstream,
            get_sequence_params = nvEncGetSequenceParams, map_input_resource = nvEncMapInputResource,
            destroy_encoder = nvEncDestroyEncoder, invalidate_ref_frames = nvEncInvalidateRefFrames,
            open_encode_session_ex = nvEncOpenEncodeSessionEx, reconfigure_encoder = nvEncReconfigureEncoder,
            get_last_error_string = nvEncGetLastErrorString, get_encode_preset_config_ex = nvEncGetEncodePresetConfigEx,
            get_sequence_param_ex = nvEncGetSequenceParamEx,
        }
    }
    use cuda::Memcpy2d;
    layout! { claims:
        Memcpy2d = CUDA_MEMCPY2D {
            src_memory_type = srcMemoryType, src_host = srcHost, src_device = srcDevice, src_pitch = srcPitch,
            dst_memory_type = dstMemoryType, dst_device = dstDevice, dst_pitch = dstPitch, height = Height,
        }
    }
    claims
}

fn versions_and_values() -> Vec<Claim> {
    use value::{caps, h264, picture, rate_control, session, status};
    let mut claims = Vec::new();
    numbers! { claims:
        NVENCAPI_VERSION = API_VERSION;
        NV_ENC_CAPS_PARAM_VER = CapsParam::VERSION;
        NV_ENC_CREATE_INPUT_BUFFER_VER = CreateInputBuffer::VERSION;
        NV_ENC_CREATE_BITSTREAM_BUFFER_VER = CreateBitstreamBuffer::VERSION;
        NV_ENC_RC_PARAMS_VER = RcParams::VERSION;
        NV_ENC_CONFIG_VER = Config::VERSION;
        NV_ENC_INITIALIZE_PARAMS_VER = InitializeParams::VERSION;
        NV_ENC_RECONFIGURE_PARAMS_VER = ReconfigureParams::VERSION;
        NV_ENC_PRESET_CONFIG_VER = PresetConfig::VERSION;
        NV_ENC_PIC_PARAMS_VER = PicParams::VERSION;
        NV_ENC_LOCK_BITSTREAM_VER = LockBitstream::VERSION;
        NV_ENC_LOCK_INPUT_BUFFER_VER = LockInputBuffer::VERSION;
        NV_ENC_MAP_INPUT_RESOURCE_VER = MapInputResource::VERSION;
        NV_ENC_REGISTER_RESOURCE_VER = RegisterResource::VERSION;
        NV_ENC_SEQUENCE_PARAM_PAYLOAD_VER = SequenceParamPayload::VERSION;
        NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER = OpenSessionParams::VERSION;
        NV_ENCODE_API_FUNCTION_LIST_VER = FunctionList::VERSION;
        NV_ENC_CAPS_NUM_MAX_BFRAMES = caps::NUM_MAX_BFRAMES;
        NV_ENC_CAPS_SUPPORTED_RATECONTROL_MODES = caps::SUPPORTED_RATECONTROL_MODES;
        NV_ENC_CAPS_SUPPORT_FIELD_ENCODING = caps::SUPPORT_FIELD_ENCODING;
        NV_ENC_CAPS_SUPPORT_CABAC = caps::SUPPORT_CABAC;
        NV_ENC_CAPS_LEVEL_MAX = caps::LEVEL_MAX;
        NV_ENC_CAPS_LEVEL_MIN = caps::LEVEL_MIN;
        NV_ENC_CAPS_WIDTH_MAX = caps::WIDTH_MAX;
        NV_ENC_CAPS_HEIGHT_MAX = caps::HEIGHT_MAX;
        NV_ENC_CAPS_SUPPORT_DYN_RES_CHANGE = caps::SUPPORT_DYN_RES_CHANGE;
        NV_ENC_CAPS_SUPPORT_DYN_BITRATE_CHANGE = caps::SUPPORT_DYN_BITRATE_CHANGE;
        NV_ENC_CAPS_SUPPORT_SUBFRAME_READBACK = caps::SUPPORT_SUBFRAME_READBACK;
        NV_ENC_CAPS_SUPPORT_INTRA_REFRESH = caps::SUPPORT_INTRA_REFRESH;
        NV_ENC_CAPS_SUPPORT_CUSTOM_VBV_BUF_SIZE = caps::SUPPORT_CUSTOM_VBV_BUF_SIZE;
        NV_ENC_CAPS_SUPPORT_DYNAMIC_SLICE_MODE = caps::SUPPORT_DYNAMIC_SLICE_MODE;
        NV_ENC_CAPS_SUPPORT_REF_PIC_INVALIDATION = caps::SUPPORT_REF_PIC_INVALIDATION;
        NV_ENC_CAPS_ASYNC_ENCODE_SUPPORT = caps::ASYNC_ENCODE_SUPPORT;
        NV_ENC_CAPS_MB_NUM_MAX = caps::MB_NUM_MAX;
        NV_ENC_CAPS_MB_PER_SEC_MAX = caps::MB_PER_SEC_MAX;
        NV_ENC_CAPS_SUPPORT_YUV444_ENCODE = caps::SUPPORT_YUV444_ENCODE;
        NV_ENC_CAPS_SUPPORT_LOOKAHEAD = caps::SUPPORT_LOOKAHEAD;
        NV_ENC_CAPS_SUPPORT_10BIT_ENCODE = caps::SUPPORT_10BIT_ENCODE;
        NV_ENC_CAPS_NUM_MAX_LTR_FRAMES = caps::NUM_MAX_LTR_FRAMES;
        NV_ENC_CAPS_WIDTH_MIN = caps::WIDTH_MIN;
        NV_ENC_CAPS_HEIGHT_MIN = caps::HEIGHT_MIN;
        NV_ENC_CAPS_SUPPORT_MULTIPLE_REF_FRAMES = caps::SUPPORT_MULTIPLE_REF_FRAMES;
        NV_ENC_CAPS_NUM_ENCODER_ENGINES = caps::NUM_ENCODER_ENGINES;
        NV_ENC_CAPS_EXPOSED_COUNT = caps::EXPOSED_COUNT;
        NV_ENC_PARAMS_RC_CONSTQP = rate_control::CONSTQP;
        NV_ENC_PARAMS_RC_VBR = rate_control::VBR;
        NV_ENC_PARAMS_RC_CBR = rate_control::CBR;
        NV_ENC_PARAMS_RC_CBR_LOWDELAY_HQ = rate_control::DEPRECATED[0];
        NV_ENC_PARAMS_RC_CBR_HQ = rate_control::DEPRECATED[1];
        NV_ENC_PARAMS_RC_VBR_HQ = rate_control::DEPRECATED[2];
        NV_ENC_H264_ENTROPY_CODING_MODE_CABAC = h264::CABAC;
        NV_ENC_H264_ENTROPY_CODING_MODE_CAVLC = h264::CAVLC;
        NVENC_INFINITE_GOPLENGTH = session::INFINITE_GOP;
        NV_ENC_DEVICE_TYPE_CUDA = session::DEVICE_CUDA;
        NV_ENC_PARAMS_FRAME_FIELD_MODE_FRAME = session::FRAME_MODE;
        NV_ENC_TUNING_INFO_HIGH_QUALITY = session::TUNING_HIGH_QUALITY;
        NV_ENC_TUNING_INFO_LOW_LATENCY = session::TUNING_LOW_LATENCY;
        NV_ENC_TUNING_INFO_ULTRA_LOW_LATENCY = session::TUNING_ULTRA_LOW_LATENCY;
        NV_ENC_TUNING_INFO_LOSSLESS = session::TUNING_LOSSLESS;
        NV_ENC_PIC_FLAG_FORCEINTRA = picture::FLAG_FORCE_INTRA;
        NV_ENC_PIC_FLAG_FORCEIDR = picture::FLAG_FORCE_IDR;
        NV_ENC_PIC_FLAG_OUTPUT_SPSPPS = picture::FLAG_OUTPUT_SPSPPS;
        NV_ENC_PIC_FLAG_EOS = picture::FLAG_EOS;
        NV_ENC_PIC_STRUCT_FRAME = picture::STRUCT_FRAME;
        NV_ENC_PIC_TYPE_P = picture::TYPE_P;
        NV_ENC_PIC_TYPE_I = picture::TYPE_I;
        NV_ENC_PIC_TYPE_IDR = picture::TYPE_IDR;
        NV_ENC_BUFFER_FORMAT_NV12 = picture::FORMAT_NV12;
        NV_ENC_BUFFER_FORMAT_YV12 = picture::FORMAT_YV12;
        NV_ENC_BUFFER_FORMAT_IYUV = picture::FORMAT_IYUV;
        NV_ENC_INPUT_RESOURCE_TYPE_CUDADEVICEPTR = picture::RESOURCE_CUDADEVICEPTR;
        NV_ENC_INPUT_IMAGE = picture::USAGE_INPUT_IMAGE;
    }
    for (number, name) in status::NAMES.iter().enumerate() {
        let prefix = if number == 0 { "NV_ENC_" } else { "NV_ENC_ERR_" };
        claims.push((format!("{prefix}{name}"), number as u64));
    }
    claims
}

/// Bit fields have no offset in C: one bit is set by its name, and the words are looked at.
const BITS: &[(&str, &str, u32)] = &[
    (
        "NV_ENC_RC_PARAMS",
        "enableMinQP",
        value::rate_control::ENABLE_MIN_QP,
    ),
    (
        "NV_ENC_RC_PARAMS",
        "enableMaxQP",
        value::rate_control::ENABLE_MAX_QP,
    ),
    ("NV_ENC_RC_PARAMS", "enableAQ", value::rate_control::ENABLE_AQ),
    (
        "NV_ENC_RC_PARAMS",
        "enableLookahead",
        value::rate_control::ENABLE_LOOKAHEAD,
    ),
    (
        "NV_ENC_RC_PARAMS",
        "zeroReorderDelay",
        value::rate_control::ZERO_REORDER_DELAY,
    ),
    ("NV_ENC_CONFIG_H264", "outputAUD", value::h264::OUTPUT_AUD),
    ("NV_ENC_CONFIG_H264", "disableSPSPPS", value::h264::DISABLE_SPSPPS),
    (
        "NV_ENC_CONFIG_H264",
        "outputRecoveryPointSEI",
        value::h264::OUTPUT_RECOVERY_POINT_SEI,
    ),
    (
        "NV_ENC_CONFIG_H264",
        "enableIntraRefresh",
        value::h264::ENABLE_INTRA_REFRESH,
    ),
    ("NV_ENC_CONFIG_H264", "repeatSPSPPS", value::h264::REPEAT_SPSPPS),
    ("NV_ENC_CONFIG_H264", "enableLTR", value::h264::ENABLE_LTR),
    (
        "NV_ENC_INITIALIZE_PARAMS",
        "reportSliceOffsets",
        value::session::REPORT_SLICE_OFFSETS,
    ),
    (
        "NV_ENC_INITIALIZE_PARAMS",
        "enableSubFrameWrite",
        value::session::ENABLE_SUB_FRAME_WRITE,
    ),
    (
        "NV_ENC_RECONFIGURE_PARAMS",
        "resetEncoder",
        value::session::RESET_ENCODER,
    ),
    ("NV_ENC_RECONFIGURE_PARAMS", "forceIDR", value::session::FORCE_IDR),
    (
        "NV_ENC_LOCK_BITSTREAM",
        "doNotWait",
        value::picture::LOCK_DO_NOT_WAIT,
    ),
];

/// Where the word of bits is in the structure of ours.
fn flags_at(structure: &str) -> usize {
    match structure {
        "NV_ENC_RC_PARAMS" => offset_of!(RcParams, flags),
        "NV_ENC_CONFIG_H264" => offset_of!(ConfigH264, flags),
        "NV_ENC_INITIALIZE_PARAMS" => offset_of!(InitializeParams, flags),
        "NV_ENC_RECONFIGURE_PARAMS" => offset_of!(ReconfigureParams, flags),
        "NV_ENC_LOCK_BITSTREAM" => offset_of!(LockBitstream, flags),
        other => panic!("{other} has no bits here"),
    }
}

fn guids() -> Vec<(&'static str, Guid)> {
    let mut guids = vec![
        ("NV_ENC_CODEC_H264_GUID", CODEC_H264),
        ("NV_ENC_CODEC_HEVC_GUID", CODEC_HEVC),
        ("NV_ENC_CODEC_PROFILE_AUTOSELECT_GUID", PROFILE_AUTOSELECT),
        ("NV_ENC_H264_PROFILE_BASELINE_GUID", PROFILE_H264_BASELINE),
        ("NV_ENC_H264_PROFILE_MAIN_GUID", PROFILE_H264_MAIN),
        ("NV_ENC_H264_PROFILE_HIGH_GUID", PROFILE_H264_HIGH),
    ];
    let names = ["P1", "P2", "P3", "P4", "P5", "P6", "P7"];
    let presets = names.map(|name| &*format!("NV_ENC_PRESET_{name}_GUID").leak());
    guids.extend(presets.into_iter().zip(PRESETS));
    guids
}

#[test]
fn the_layout_is_that_of_the_header() {
    use std::fmt::Write;
    let mut program = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include <string.h>\n#include <ffnvcodec/dynlink_cuda.h>\n\
         #include <ffnvcodec/nvEncodeAPI.h>\nint main(void) {\n",
    );
    let mut claims = structures();
    claims.extend(versions_and_values());
    for (expression, _) in &claims {
        writeln!(
            program,
            "printf(\"%llu\\n\", (unsigned long long)({expression}));"
        )
        .unwrap();
    }
    for (structure, bit, ours) in BITS {
        let at = flags_at(structure);
        writeln!(
            program,
            "{{ static {structure} s; unsigned w; s.{bit} = 1; memcpy(&w, (char *)&s + {at}, 4); printf(\"%u\\n\", w); }}"
        )
        .unwrap();
        claims.push((format!("{structure}.{bit}"), u64::from(*ours)));
    }
    for (name, guid) in guids() {
        writeln!(program, "{{ GUID g = {name}; printf(\"%u\\n\", g.Data1 ^ g.Data2 << 16 ^ g.Data3 ^ g.Data4[0] << 8 ^ g.Data4[7]); }}").unwrap();
        let [first, .., last] = guid.data4;
        let mixed = guid.data1
            ^ u32::from(guid.data2) << 16
            ^ u32::from(guid.data3)
            ^ u32::from(first) << 8
            ^ u32::from(last);
        claims.push((name.to_owned(), u64::from(mixed)));
    }
    program.push_str("return 0; }\n");
    let theirs = run(&program);
    assert_eq!(theirs.len(), claims.len(), "one answer for each claim");
    let wrong: Vec<_> = claims
        .iter()
        .zip(&theirs)
        .filter(|((_, ours), theirs)| ours != *theirs)
        .collect();
    assert!(wrong.is_empty(), "ours, and the header's: {wrong:#?}");
}

fn run(program: &str) -> Vec<u64> {
    let folder = tempfile::tempdir().unwrap();
    let (source, binary) = (folder.path().join("layout.c"), folder.path().join("layout"));
    std::fs::write(&source, program).unwrap();
    let compiled = Command::new("cc")
        .arg("-w")
        .arg(&source)
        .arg("-o")
        .arg(&binary)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compiled.stderr);
    assert!(
        compiled.status.success(),
        "is libffmpeg-nvenc-dev installed (apt-get install)? {said}"
    );
    let output = Command::new(&binary).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}
