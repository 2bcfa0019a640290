//! The functions of `nvEncodeAPI.h`: from pointers to checked calls of a [`Session`].

use crate::control::{Control, Slot, broken};
use crate::rules::{Broken, Card, Checked, FORMATS, demand, version};
use crate::session::{Session, preset};
use firstlight_nvenc_sys as sys;
use firstlight_nvenc_sys::value::{caps, session, status};
use firstlight_nvenc_sys::{FunctionList, Guid};
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::without_provenance_mut;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

type Encoder = *mut c_void;
type Shared = Arc<Mutex<Session>>;

/// Open sessions by their handle.
fn sessions() -> &'static Mutex<(usize, BTreeMap<usize, Shared>)> {
    static SESSIONS: OnceLock<Mutex<(usize, BTreeMap<usize, Shared>)>> = OnceLock::new();
    SESSIONS.get_or_init(|| Mutex::new((0x5e55_0000, BTreeMap::new())))
}

fn find(encoder: Encoder) -> Option<Shared> {
    let sessions = sessions().lock().unwrap_or_else(PoisonError::into_inner);
    sessions.1.get(&encoder.addr()).cloned()
}

/// Whether a session is open on this context.
pub(crate) fn is_any_open() -> bool {
    !sessions()
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .1
        .is_empty()
}

/// Runs `call` on the session, unless the card is lost; what it says becomes the driver's answer and last words.
fn on(encoder: Encoder, name: &str, call: impl FnOnce(&mut Session, &Control) -> Checked) -> u32 {
    let Some(found) = find(encoder) else {
        broken(
            name,
            "nvEncodeAPI.h: the encoder is one that NvEncOpenEncodeSessionEx gave and nobody has destroyed",
        );
        return status::INVALID_ENCODERDEVICE;
    };
    let mut session = found.lock().unwrap_or_else(PoisonError::into_inner);
    let control = Control::read();
    if session.is_lost(&control) {
        session.last_error = words("the GPU has fallen off the bus");
        return status::DEVICE_NOT_EXIST;
    }
    match call(&mut session, &control) {
        Ok(()) => status::SUCCESS,
        Err(Broken { status, rule }) => {
            session.last_error = words(&rule);
            broken(name, &rule);
            status
        }
    }
}

fn words(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// What a pointer of the client points to.
///
/// # Safety
/// `pointer` is null or points to a `T` that nobody else uses during `'a`.
unsafe fn given<'a, T>(pointer: *mut T, structure: &str) -> Result<&'a mut T, Broken> {
    // SAFETY: as this function demands.
    unsafe { pointer.as_mut() }.ok_or_else(|| Broken {
        status: status::INVALID_PTR,
        rule: format!("nvEncodeAPI.h, {structure}: must not be null"),
    })
}

fn handle(number: usize) -> *mut c_void {
    without_provenance_mut(number)
}

fn card(control: &Control) -> Card {
    Card {
        least: control.least,
        most: (SIDE_MAX, SIDE_MAX),
    }
}

/// `NvEncodeAPIGetMaxSupportedVersion`.
///
/// # Safety
/// `version` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn NvEncodeAPIGetMaxSupportedVersion(version: *mut u32) -> u32 {
    // SAFETY: as this function demands.
    match unsafe { given(version, "version") } {
        Ok(to) => {
            let (major, minor) = Control::read().api;
            *to = major << 4 | minor;
            status::SUCCESS
        }
        Err(broken) => broken.status,
    }
}

/// `NvEncodeAPICreateInstance`.
///
/// # Safety
/// `list` is null or points to a list.
#[unsafe(no_mangle)]
unsafe extern "C" fn NvEncodeAPICreateInstance(list: *mut FunctionList) -> u32 {
    // SAFETY: as this function demands.
    let filled = unsafe { given(list, "functionList") }.and_then(|list| {
        version(list.version, FunctionList::VERSION, "NV_ENCODE_API_FUNCTION_LIST")?;
        fill(list);
        Ok(())
    });
    filled.err().map_or(status::SUCCESS, |Broken { status, rule }| {
        broken("NvEncodeAPICreateInstance", &rule);
        status
    })
}

fn fill(list: &mut FunctionList) {
    list.open_encode_session_ex = Some(open);
    list.get_encode_guid_count = Some(codec_count);
    list.get_encode_guids = Some(codecs);
    list.get_encode_profile_guid_count = Some(profile_count);
    list.get_encode_profile_guids = Some(profiles);
    list.get_input_format_count = Some(format_count);
    list.get_input_formats = Some(formats);
    list.get_encode_caps = Some(ability);
    list.get_encode_preset_count = Some(preset_count);
    list.get_encode_preset_guids = Some(presets);
    list.get_encode_preset_config = Some(preset_config);
    list.get_encode_preset_config_ex = Some(preset_config_ex);
    list.initialize_encoder = Some(initialize);
    list.create_input_buffer = Some(create_input);
    list.destroy_input_buffer = Some(destroy_input);
    list.create_bitstream_buffer = Some(create_output);
    list.destroy_bitstream_buffer = Some(destroy_output);
    list.encode_picture = Some(encode);
    list.lock_bitstream = Some(lock_output);
    list.unlock_bitstream = Some(unlock_output);
    list.lock_input_buffer = Some(lock_input);
    list.unlock_input_buffer = Some(unlock_input);
    list.get_sequence_params = Some(headers);
    list.map_input_resource = Some(map);
    list.unmap_input_resource = Some(unmap);
    list.register_resource = Some(register);
    list.unregister_resource = Some(unregister);
    list.invalidate_ref_frames = Some(invalidate);
    list.reconfigure_encoder = Some(reconfigure);
    list.destroy_encoder = Some(destroy);
    list.get_last_error_string = Some(last_error);
    list.set_io_cuda_streams = Some(streams);
}

unsafe extern "C" fn open(parameters: *mut sys::OpenSessionParams, encoder: *mut Encoder) -> u32 {
    let control = Control::read();
    let opened = || -> Result<u32, Broken> {
        // SAFETY: the client gives a structure of the version that is checked next, and a place.
        let (p, to) = unsafe {
            (
                given(parameters, "openSessionExParams")?,
                given(encoder, "encoder")?,
            )
        };
        *to = std::ptr::null_mut();
        version(
            p.version,
            sys::OpenSessionParams::VERSION,
            "NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS",
        )?;
        demand(
            p.api_version == sys::API_VERSION,
            status::INVALID_VERSION,
            "nvEncodeAPI.h, NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS::apiVersion: must be NVENCAPI_VERSION",
        )?;
        demand(
            p.device_type == session::DEVICE_CUDA && crate::cuda::is_context(p.device),
            status::INVALID_DEVICE,
            "nvEncodeAPI.h, NvEncOpenEncodeSessionEx: the device is a CUDA context that is alive",
        )?;
        if !control.engine || control.lost {
            return Ok(status::UNSUPPORTED_DEVICE);
        }
        let Some(slot) = Slot::take(control.sessions) else {
            return Ok(status::OUT_OF_MEMORY);
        };
        let mut sessions = sessions().lock().unwrap_or_else(PoisonError::into_inner);
        sessions.0 += 16;
        let number = sessions.0;
        sessions
            .1
            .insert(number, Arc::new(Mutex::new(Session::new(slot))));
        *to = handle(number);
        Ok(status::SUCCESS)
    };
    opened().unwrap_or_else(|Broken { status, rule }| {
        broken("NvEncOpenEncodeSessionEx", &rule);
        status
    })
}

unsafe extern "C" fn codec_count(encoder: Encoder, count: *mut u32) -> u32 {
    on(encoder, "NvEncGetEncodeGUIDCount", |_, _| {
        // SAFETY: the client gives a place.
        *unsafe { given(count, "encodeGUIDCount")? } = 1;
        Ok(())
    })
}

unsafe extern "C" fn codecs(encoder: Encoder, array: *mut Guid, size: u32, count: *mut u32) -> u32 {
    // SAFETY: the client gives an array of `size`, and a place.
    on(encoder, "NvEncGetEncodeGUIDs", |_, _| unsafe {
        list(&[sys::CODEC_H264], array, size, count)
    })
}

/// Writes `items` to an array of the client's.
///
/// # Safety
/// `array` is null or has room for `size`; `count` is null or valid for writing.
unsafe fn list<T: Copy>(items: &[T], array: *mut T, size: u32, count: *mut u32) -> Checked {
    // SAFETY: as this function demands.
    let count = unsafe { given(count, "count")? };
    let written = items.len().min(usize::try_from(size).unwrap_or(0));
    demand(
        !array.is_null() || written == 0,
        status::INVALID_PTR,
        "nvEncodeAPI.h: an array is given with its size",
    )?;
    for (n, item) in items.iter().take(written).enumerate() {
        // SAFETY: the array has room for `size`, and `n` is below that.
        unsafe { array.add(n).write(*item) };
    }
    *count = u32::try_from(written).unwrap_or(0);
    Ok(())
}

fn known(codec: Guid) -> Checked {
    demand(
        codec == sys::CODEC_H264,
        status::INVALID_PARAM,
        "nvEncodeAPI.h: the codec must be one that NvEncGetEncodeGUIDs gave",
    )
}

/// Of the functions that say how many there are.
unsafe fn count(encoder: Encoder, name: &str, codec: Guid, items: usize, to: *mut u32) -> u32 {
    on(encoder, name, |_, _| {
        known(codec)?;
        // SAFETY: the client gives a place.
        *unsafe { given(to, "count")? } = u32::try_from(items).unwrap_or(0);
        Ok(())
    })
}

/// Of the functions that fill an array.
unsafe fn array<T: Copy>(
    (encoder, name): (Encoder, &str),
    codec: Guid,
    items: &[T],
    (to, size): (*mut T, u32),
    written: *mut u32,
) -> u32 {
    on(encoder, name, |_, _| {
        known(codec)?;
        // SAFETY: the client gives an array of `size`, and a place.
        unsafe { list(items, to, size, written) }
    })
}

unsafe extern "C" fn profile_count(encoder: Encoder, codec: Guid, to: *mut u32) -> u32 {
    // SAFETY: as the function below demands of the client.
    unsafe {
        count(
            encoder,
            "NvEncGetEncodeProfileGUIDCount",
            codec,
            sys::H264_PROFILES.len(),
            to,
        )
    }
}

unsafe extern "C" fn profiles(
    encoder: Encoder,
    codec: Guid,
    to: *mut Guid,
    size: u32,
    written: *mut u32,
) -> u32 {
    let call = (encoder, "NvEncGetEncodeProfileGUIDs");
    // SAFETY: as the function below demands of the client.
    unsafe { array(call, codec, &sys::H264_PROFILES, (to, size), written) }
}

unsafe extern "C" fn format_count(encoder: Encoder, codec: Guid, to: *mut u32) -> u32 {
    // SAFETY: as the function below demands of the client.
    unsafe { count(encoder, "NvEncGetInputFormatCount", codec, FORMATS.len(), to) }
}

unsafe extern "C" fn formats(
    encoder: Encoder,
    codec: Guid,
    to: *mut u32,
    size: u32,
    written: *mut u32,
) -> u32 {
    // SAFETY: as the function below demands of the client.
    unsafe {
        array(
            (encoder, "NvEncGetInputFormats"),
            codec,
            &FORMATS,
            (to, size),
            written,
        )
    }
}

unsafe extern "C" fn preset_count(encoder: Encoder, codec: Guid, to: *mut u32) -> u32 {
    // SAFETY: as the function below demands of the client.
    unsafe {
        count(
            encoder,
            "NvEncGetEncodePresetCount",
            codec,
            sys::PRESETS.len(),
            to,
        )
    }
}

unsafe extern "C" fn presets(
    encoder: Encoder,
    codec: Guid,
    to: *mut Guid,
    size: u32,
    written: *mut u32,
) -> u32 {
    let call = (encoder, "NvEncGetEncodePresetGUIDs");
    // SAFETY: as the function below demands of the client.
    unsafe { array(call, codec, &sys::PRESETS, (to, size), written) }
}

unsafe extern "C" fn ability(
    encoder: Encoder,
    codec: Guid,
    asked: *mut sys::CapsParam,
    value: *mut c_int,
) -> u32 {
    on(encoder, "NvEncGetEncodeCaps", |_, control| {
        known(codec)?;
        // SAFETY: the client gives a structure of the version that is checked next, and a place.
        let (asked, to) = unsafe { (given(asked, "capsParam")?, given(value, "capsVal")?) };
        version(asked.version, sys::CapsParam::VERSION, "NV_ENC_CAPS_PARAM")?;
        demand(
            asked.caps_to_query < caps::EXPOSED_COUNT,
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_CAPS_PARAM::capsToQuery: must be one of NV_ENC_CAPS",
        )?;
        *to = if control.lacks.contains(&asked.caps_to_query) {
            0
        } else {
            has(asked.caps_to_query, control)
        };
        Ok(())
    })
}

/// What the double's card can do.
fn has(what: u32, control: &Control) -> c_int {
    let side = |side: u32| c_int::try_from(side).unwrap_or(c_int::MAX);
    match what {
        // CONSTQP, VBR and CBR, as bits.
        caps::SUPPORTED_RATECONTROL_MODES => 0b11_1111,
        caps::WIDTH_MAX | caps::HEIGHT_MAX => side(SIDE_MAX),
        caps::WIDTH_MIN => side(control.least.0),
        caps::HEIGHT_MIN => side(control.least.1),
        caps::LEVEL_MAX => 62,
        caps::LEVEL_MIN => 10,
        caps::MB_NUM_MAX => 65_536,
        caps::MB_PER_SEC_MAX => 983_040,
        caps::SUPPORT_CABAC
        | caps::SUPPORT_DYN_RES_CHANGE
        | caps::SUPPORT_DYN_BITRATE_CHANGE
        | caps::SUPPORT_INTRA_REFRESH
        | caps::SUPPORT_CUSTOM_VBV_BUF_SIZE
        | caps::SUPPORT_REF_PIC_INVALIDATION
        | caps::SUPPORT_MULTIPLE_REF_FRAMES
        | caps::NUM_ENCODER_ENGINES => 1,
        _ => 0,
    }
}

unsafe extern "C" fn preset_config(
    encoder: Encoder,
    codec: Guid,
    guid: Guid,
    to: *mut sys::PresetConfig,
) -> u32 {
    // SAFETY: as the function below demands of the client. Any tuning is as good as none.
    unsafe { preset_config_ex(encoder, codec, guid, session::TUNING_HIGH_QUALITY, to) }
}

unsafe extern "C" fn preset_config_ex(
    encoder: Encoder,
    codec: Guid,
    guid: Guid,
    tuning: u32,
    to: *mut sys::PresetConfig,
) -> u32 {
    on(encoder, "NvEncGetEncodePresetConfigEx", |_, _| {
        known(codec)?;
        demand(
            sys::PRESETS.contains(&guid) && (1..=4).contains(&tuning),
            status::UNSUPPORTED_PARAM,
            "nvEncodeAPI.h, NvEncGetEncodePresetConfigEx: a preset that NvEncGetEncodePresetGUIDs gave, and a tuning",
        )?;
        // SAFETY: the client gives a structure of the version that is checked next.
        let to = unsafe { given(to, "presetConfig")? };
        version(to.version, sys::PresetConfig::VERSION, "NV_ENC_PRESET_CONFIG")?;
        version(to.preset.version, sys::Config::VERSION, "NV_ENC_CONFIG")?;
        to.preset = preset();
        Ok(())
    })
}

unsafe extern "C" fn initialize(encoder: Encoder, parameters: *mut sys::InitializeParams) -> u32 {
    on(encoder, "NvEncInitializeEncoder", |session, control| {
        // SAFETY: the client gives a structure of a version that is checked before its pointer is followed.
        let p = unsafe { given(parameters, "createEncodeParams")? };
        version(
            p.version,
            sys::InitializeParams::VERSION,
            "NV_ENC_INITIALIZE_PARAMS",
        )?;
        // SAFETY: it is null, or points to a configuration, whose version is checked.
        session.initialize(p, unsafe { p.encode_config.as_ref() }, card(control))
    })
}

unsafe extern "C" fn reconfigure(encoder: Encoder, parameters: *mut sys::ReconfigureParams) -> u32 {
    on(encoder, "NvEncReconfigureEncoder", |session, control| {
        // SAFETY: as in `initialize`.
        let p = unsafe { given(parameters, "reInitEncodeParams")? };
        version(
            p.version,
            sys::ReconfigureParams::VERSION,
            "NV_ENC_RECONFIGURE_PARAMS",
        )?;
        version(
            p.re_init.version,
            sys::InitializeParams::VERSION,
            "NV_ENC_INITIALIZE_PARAMS",
        )?;
        // SAFETY: as in `initialize`.
        session.reconfigure(p, unsafe { p.re_init.encode_config.as_ref() }, card(control))
    })
}

unsafe extern "C" fn headers(encoder: Encoder, payload: *mut sys::SequenceParamPayload) -> u32 {
    on(encoder, "NvEncGetSequenceParams", |session, _| {
        // SAFETY: the client gives a structure of the version that is checked next.
        let p = unsafe { given(payload, "sequenceParamPayload")? };
        version(
            p.version,
            sys::SequenceParamPayload::VERSION,
            "NV_ENC_SEQUENCE_PARAM_PAYLOAD",
        )?;
        let bytes = session.headers()?;
        // SAFETY: the client gives a place.
        let size = unsafe { given(p.out_spspps_payload_size, "outSPSPPSPayloadSize")? };
        demand(
            !p.spspps_buffer.is_null()
                && usize::try_from(p.in_buffer_size).is_ok_and(|room| room >= bytes.len()),
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_SEQUENCE_PARAM_PAYLOAD::inBufferSize: large enough for SPS and PPS",
        )?;
        // SAFETY: the buffer has room for them, as the client says and was checked.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), p.spspps_buffer.cast(), bytes.len()) };
        *size = u32::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    })
}

unsafe extern "C" fn create_input(encoder: Encoder, parameters: *mut sys::CreateInputBuffer) -> u32 {
    on(encoder, "NvEncCreateInputBuffer", |session, _| {
        // SAFETY: the client gives a structure, whose version is checked.
        let p = unsafe { given(parameters, "createInputBufferParams")? };
        p.input_buffer = handle(session.create_input(p)?);
        Ok(())
    })
}

unsafe extern "C" fn destroy_input(encoder: Encoder, input: *mut c_void) -> u32 {
    on(encoder, "NvEncDestroyInputBuffer", |session, _| {
        session.destroy_input(input.addr())
    })
}

unsafe extern "C" fn create_output(encoder: Encoder, parameters: *mut sys::CreateBitstreamBuffer) -> u32 {
    on(encoder, "NvEncCreateBitstreamBuffer", |session, _| {
        // SAFETY: the client gives a structure, whose version is checked.
        let p = unsafe { given(parameters, "createBitstreamBufferParams")? };
        p.bitstream_buffer = handle(session.create_output(p)?);
        Ok(())
    })
}

unsafe extern "C" fn destroy_output(encoder: Encoder, output: *mut c_void) -> u32 {
    on(encoder, "NvEncDestroyBitstreamBuffer", |session, _| {
        session.destroy_output(output.addr())
    })
}

unsafe extern "C" fn encode(encoder: Encoder, parameters: *mut sys::PicParams) -> u32 {
    on(encoder, "NvEncEncodePicture", |session, control| {
        // SAFETY: the client gives a structure, whose version is checked.
        session.encode(unsafe { given(parameters, "encodePicParams")? }, control)
    })
}

unsafe extern "C" fn lock_output(encoder: Encoder, parameters: *mut sys::LockBitstream) -> u32 {
    on(encoder, "NvEncLockBitstream", |session, _| {
        // SAFETY: the client gives a structure, whose version is checked.
        session.lock_output(unsafe { given(parameters, "lockBitstreamBufferParams")? })
    })
}

unsafe extern "C" fn unlock_output(encoder: Encoder, output: *mut c_void) -> u32 {
    on(encoder, "NvEncUnlockBitstream", |session, _| {
        session.unlock_output(output.addr())
    })
}

unsafe extern "C" fn lock_input(encoder: Encoder, parameters: *mut sys::LockInputBuffer) -> u32 {
    on(encoder, "NvEncLockInputBuffer", |session, _| {
        // SAFETY: the client gives a structure, whose version is checked.
        let p = unsafe { given(parameters, "lockInputBufferParams")? };
        let (bytes, pitch) = session.lock_input(p)?;
        (p.buffer_data_ptr, p.pitch) = (bytes.cast(), pitch);
        Ok(())
    })
}

unsafe extern "C" fn unlock_input(encoder: Encoder, input: *mut c_void) -> u32 {
    on(encoder, "NvEncUnlockInputBuffer", |session, _| {
        session.unlock_input(input.addr())
    })
}

unsafe extern "C" fn register(encoder: Encoder, parameters: *mut sys::RegisterResource) -> u32 {
    on(encoder, "NvEncRegisterResource", |session, _| {
        // SAFETY: the client gives a structure, whose version is checked.
        let p = unsafe { given(parameters, "registerResParams")? };
        p.registered_resource = handle(session.register(p)?);
        Ok(())
    })
}

unsafe extern "C" fn unregister(encoder: Encoder, resource: *mut c_void) -> u32 {
    on(encoder, "NvEncUnregisterResource", |session, _| {
        session.unregister(resource.addr())
    })
}

unsafe extern "C" fn map(encoder: Encoder, parameters: *mut sys::MapInputResource) -> u32 {
    on(encoder, "NvEncMapInputResource", |session, _| {
        // SAFETY: the client gives a structure, whose version is checked.
        let p = unsafe { given(parameters, "mapInputResParams")? };
        let (mapped, format) = session.map(p)?;
        (p.mapped_resource, p.mapped_buffer_fmt) = (handle(mapped), format);
        Ok(())
    })
}

unsafe extern "C" fn unmap(encoder: Encoder, input: *mut c_void) -> u32 {
    on(encoder, "NvEncUnmapInputResource", |session, _| {
        session.unmap(input.addr())
    })
}

unsafe extern "C" fn invalidate(encoder: Encoder, stamp: u64) -> u32 {
    on(encoder, "NvEncInvalidateRefFrames", |session, _| {
        session.invalidate(stamp)
    })
}

unsafe extern "C" fn streams(encoder: Encoder, _input: *mut c_void, _output: *mut c_void) -> u32 {
    // Everything here is done when a call returns: the order of streams is kept by itself.
    on(encoder, "NvEncSetIOCudaStreams", |_, _| Ok(()))
}

unsafe extern "C" fn destroy(encoder: Encoder) -> u32 {
    let found = sessions()
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .1
        .remove(&encoder.addr());
    let Some(found) = found else {
        broken(
            "NvEncDestroyEncoder",
            "nvEncodeAPI.h: an encoder is destroyed once",
        );
        return status::INVALID_ENCODERDEVICE;
    };
    let session = found.lock().unwrap_or_else(PoisonError::into_inner);
    if session.is_lost(&Control::read()) {
        return status::DEVICE_NOT_EXIST;
    }
    session.end();
    status::SUCCESS
}

/// The pointer is valid until the next call on the session, as the driver's is.
unsafe extern "C" fn last_error(encoder: Encoder) -> *const c_char {
    find(encoder).map_or(c"no such encoder".as_ptr(), |found| {
        found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .last_error
            .as_ptr()
    })
}

/// What cards code H.264 to.
const SIDE_MAX: u32 = 4096;
