//! A client that breaks the rules is refused, with the rule's name, and never makes the double crash.
#![expect(unsafe_code, reason = "a C library is called, and called wrongly")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_nvenc_double::Folder;
use firstlight_nvenc_sys::value::{picture, rate_control, session, status};
use firstlight_nvenc_sys::{self as sys, CreateInstance, ENCODE_LIBRARY, FunctionList, cuda};
use libloading::Library;
use std::ffi::{CStr, c_void};
use std::ptr::{null_mut, without_provenance_mut};

/// A session as a client in C has it.
struct Client {
    folder: Folder,
    library: Library,
    list: FunctionList,
    context: *mut c_void,
    encoder: *mut c_void,
}

/// Calls a function of the table; the status.
macro_rules! nv {
    ($client:expr, $function:ident $(, $argument:expr)*) => {{
        // SAFETY: the double takes any handle, and each structure is as large as its version says.
        unsafe { $client.list.$function.unwrap()($client.encoder $(, $argument)*) }
    }};
}

impl Client {
    fn new() -> Self {
        let folder = Folder::new().unwrap();
        // SAFETY: it is the double.
        let library = unsafe { Library::new(folder.path().join(ENCODE_LIBRARY)) }.unwrap();
        let mut list = FunctionList::blank();
        let mut context = null_mut();
        // SAFETY: the types are those of NVIDIA's header.
        unsafe {
            let create = library
                .get::<CreateInstance>(b"NvEncodeAPICreateInstance")
                .unwrap();
            assert_eq!(create(&raw mut list), status::SUCCESS);
            assert_eq!(library.get::<cuda::Init>(b"cuInit").unwrap()(0), 0);
            let make = library.get::<cuda::CtxCreate>(b"cuCtxCreate_v2").unwrap();
            assert_eq!(make(&raw mut context, 0, 0), 0);
        }
        let mut client = Self {
            folder,
            library,
            list,
            context,
            encoder: null_mut(),
        };
        let mut parameters = client.parameters();
        assert_eq!(client.open(&mut parameters), status::SUCCESS);
        client
    }

    fn parameters(&self) -> sys::OpenSessionParams {
        let mut parameters = sys::OpenSessionParams::blank();
        (parameters.device_type, parameters.device) = (session::DEVICE_CUDA, self.context);
        parameters.api_version = sys::API_VERSION;
        parameters
    }

    fn open(&mut self, parameters: &mut sys::OpenSessionParams) -> u32 {
        let mut encoder = null_mut();
        // SAFETY: the structure is as large as its version says, the place is valid for writing.
        let answer = unsafe { self.list.open_encode_session_ex.unwrap()(parameters, &raw mut encoder) };
        if answer == status::SUCCESS {
            self.encoder = encoder;
        }
        answer
    }

    fn initialize(&self) -> u32 {
        let mut config = sys::Config::blank();
        (
            config.gop_length,
            config.frame_interval_p,
            config.frame_field_mode,
        ) = (session::INFINITE_GOP, 1, 1);
        config.profile_guid = sys::PROFILE_AUTOSELECT;
        config.rc_params.rate_control_mode = rate_control::CBR;
        config.rc_params.average_bit_rate = 4_000_000;
        config.codec.h264.max_num_ref_frames = 4;
        let mut parameters = sys::InitializeParams::blank();
        (parameters.encode_guid, parameters.preset_guid) = (sys::CODEC_H264, sys::PRESETS[0]);
        (parameters.encode_width, parameters.encode_height) = (320, 192);
        (parameters.frame_rate_num, parameters.frame_rate_den) = (60, 1);
        (parameters.enable_ptd, parameters.tuning_info) = (1, session::TUNING_ULTRA_LOW_LATENCY);
        parameters.encode_config = &raw mut config;
        nv!(self, initialize_encoder, &raw mut parameters)
    }

    fn input(&self) -> *mut c_void {
        let mut parameters = sys::CreateInputBuffer::blank();
        (parameters.width, parameters.height, parameters.buffer_fmt) = (320, 192, picture::FORMAT_NV12);
        assert_eq!(
            nv!(self, create_input_buffer, &raw mut parameters),
            status::SUCCESS
        );
        parameters.input_buffer
    }

    fn output(&self) -> *mut c_void {
        let mut parameters = sys::CreateBitstreamBuffer::blank();
        assert_eq!(
            nv!(self, create_bitstream_buffer, &raw mut parameters),
            status::SUCCESS
        );
        parameters.bitstream_buffer
    }

    fn encode(&self, input: *mut c_void, output: *mut c_void, stamp: u64) -> u32 {
        let mut parameters = sys::PicParams::blank();
        (
            parameters.input_width,
            parameters.input_height,
            parameters.input_pitch,
        ) = (320, 192, 320);
        (parameters.input_buffer, parameters.output_bitstream) = (input, output);
        (parameters.buffer_fmt, parameters.picture_struct) = (picture::FORMAT_NV12, picture::STRUCT_FRAME);
        parameters.input_time_stamp = stamp;
        nv!(self, encode_picture, &raw mut parameters)
    }

    fn lock(&self, output: *mut c_void) -> u32 {
        let mut parameters = sys::LockBitstream::blank();
        parameters.output_bitstream = output;
        nv!(self, lock_bitstream, &raw mut parameters)
    }

    fn last_words(&self) -> String {
        // SAFETY: the double answers for any handle, with a string that lives until the next call.
        unsafe { CStr::from_ptr(self.list.get_last_error_string.unwrap()(self.encoder)) }
            .to_string_lossy()
            .into_owned()
    }

    /// The call was refused so, and the rule that was broken has this word in it.
    fn refused(&self, answer: u32, expected: u32, word: &str) {
        let said = self.last_words();
        assert_eq!(answer, expected, "{said}");
        assert!(said.contains(word), "{said}");
        assert!(self.folder.report().contains(&said), "it is in the report");
    }
}

#[test]
fn a_session_needs_a_version_and_a_living_context() {
    let mut client = Client::new();
    let good = client.parameters();
    type Change = fn(&mut sys::OpenSessionParams);
    let wrong: [(Change, u32); 4] = [
        (|p| p.version = 0, status::INVALID_VERSION),
        (|p| p.api_version = 12 | 1 << 24, status::INVALID_VERSION),
        (|p| p.device = null_mut(), status::INVALID_DEVICE),
        (|p| p.device_type = 0, status::INVALID_DEVICE),
    ];
    for (change, expected) in wrong {
        let mut parameters = good;
        change(&mut parameters);
        assert_eq!(client.open(&mut parameters), expected);
    }
    assert_eq!(client.folder.report().lines().count(), 4);
}

#[test]
fn things_come_in_their_order() {
    let client = Client::new();
    let mut early = sys::CreateBitstreamBuffer::blank();
    let answer = nv!(client, create_bitstream_buffer, &raw mut early);
    client.refused(answer, status::ENCODER_NOT_INITIALIZED, "NvEncInitializeEncoder");
    assert_eq!(client.initialize(), status::SUCCESS);
    client.refused(client.initialize(), status::INVALID_CALL, "initialised once");
    let (input, first, second) = (client.input(), client.output(), client.output());
    client.refused(client.lock(first), status::INVALID_CALL, "NvEncEncodePicture");
    assert_eq!(client.encode(input, first, 1), status::SUCCESS);
    client.refused(client.encode(input, first, 2), status::INVALID_CALL, "was read");
    let other = client.input();
    assert_eq!(client.encode(other, second, 2), status::SUCCESS);
    client.refused(client.lock(second), status::INVALID_CALL, "order");
    assert_eq!(client.lock(first), status::SUCCESS);
    client.refused(client.lock(first), status::LOCK_BUSY, "unlocked before");
    client.refused(
        client.encode(input, first, 3),
        status::INVALID_CALL,
        "locked output",
    );
}

#[test]
fn buffers_are_the_drivers_own_and_used_by_one_at_a_time() {
    let client = Client::new();
    assert_eq!(client.initialize(), status::SUCCESS);
    let (input, output) = (client.input(), client.output());
    let stranger = without_provenance_mut(0x1234);
    client.refused(
        client.encode(stranger, output, 1),
        status::INVALID_PTR,
        "NvEncCreateInputBuffer",
    );
    client.refused(
        client.encode(input, stranger, 1),
        status::INVALID_PTR,
        "NvEncCreateBitstreamBuffer",
    );
    let mut lock = sys::LockInputBuffer::blank();
    lock.input_buffer = input;
    assert_eq!(nv!(client, lock_input_buffer, &raw mut lock), status::SUCCESS);
    client.refused(
        client.encode(input, output, 1),
        status::INVALID_CALL,
        "unlocked before it is encoded",
    );
    let answer = nv!(client, lock_input_buffer, &raw mut lock);
    client.refused(answer, status::LOCK_BUSY, "locked again");
    assert_eq!(nv!(client, unlock_input_buffer, input), status::SUCCESS);
    client.refused(
        nv!(client, unlock_input_buffer, input),
        status::INVALID_CALL,
        "only a locked",
    );
    assert_eq!(client.encode(input, output, 1), status::SUCCESS);
    let answer = nv!(client, lock_input_buffer, &raw mut lock);
    client.refused(answer, status::ENCODER_BUSY, "its output was read");
    client.refused(
        nv!(client, invalidate_ref_frames, 77),
        status::INVALID_PARAM,
        "time stamp",
    );
    client.refused(
        nv!(client, unmap_input_resource, stranger),
        status::RESOURCE_NOT_MAPPED,
        "NvEncMapInputResource",
    );
}

#[test]
fn what_is_left_at_the_end_is_told() {
    let client = Client::new();
    assert_eq!(client.initialize(), status::SUCCESS);
    let (input, output) = (client.input(), client.output());
    assert_eq!(client.encode(input, output, 1), status::SUCCESS);
    assert_eq!(nv!(client, destroy_encoder), status::SUCCESS);
    let report = client.folder.report();
    for what in ["1 input buffers", "1 outputs", "flushed"] {
        assert!(report.contains(what), "{report}");
    }
    assert_eq!(nv!(client, destroy_encoder), status::INVALID_ENCODERDEVICE);
    assert_eq!(client.encode(input, output, 2), status::INVALID_ENCODERDEVICE);
}

#[test]
fn a_context_outlives_its_sessions_and_its_memory_goes_before_it() {
    let client = Client::new();
    let mut memory = 0;
    // SAFETY: the types are those of NVIDIA's header, and the places are valid for writing.
    unsafe {
        let allocate = client
            .library
            .get::<unsafe extern "C" fn(*mut u64, usize) -> u32>(b"cuMemAlloc_v2")
            .unwrap();
        assert_eq!(allocate(&raw mut memory, 64), 0);
        let destroy = client
            .library
            .get::<cuda::CtxDestroy>(b"cuCtxDestroy_v2")
            .unwrap();
        assert_eq!(destroy(client.context), 0);
        assert_eq!(destroy(client.context), cuda::result::INVALID_CONTEXT);
        let free = client.library.get::<cuda::MemFree>(b"cuMemFree_v2").unwrap();
        assert_eq!(free(0x1234), cuda::result::INVALID_VALUE);
    }
    let report = client.folder.report();
    for rule in [
        "sessions end before the context",
        "memory that cuMemFree was not called for",
        "destroyed once",
        "cuMemAlloc gave",
    ] {
        assert!(report.contains(rule), "{report}");
    }
}
