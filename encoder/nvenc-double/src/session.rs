//! One encoding session: what it has given out, and in which order it may be used.

use crate::control::{Control, Slot, broken, happened};
use crate::rules::{self, Broken, Card, Checked, demand, version};
use crate::video::{Raw, Video};
use firstlight_encoder::h264::Stream;
use firstlight_nvenc_sys as sys;
use firstlight_nvenc_sys::value::{picture, session, status};
use firstlight_units::FrameId;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;

/// What a handle stands for; never an address, so that a stale one is recognised.
pub(crate) type Handle = usize;

pub(crate) struct Session {
    pub(crate) last_error: CString,
    _slot: Slot,
    running: Option<Running>,
    inputs: BTreeMap<Handle, Input>,
    outputs: BTreeMap<Handle, Output>,
    resources: BTreeMap<Handle, Resource>,
    /// Mapped inputs, and the resource behind each.
    mapped: BTreeMap<Handle, Handle>,
    /// Outputs that hold a picture nobody has read, in the order they were submitted.
    unread: VecDeque<Handle>,
    next: Handle,
    /// Pictures that the client has read.
    read: u64,
}

/// What a session has once it was initialised.
struct Running {
    video: Video,
    parameters: sys::InitializeParams,
    config: sys::Config,
    stream: Stream,
    /// Time stamps of the newest pictures, and what the encoder knows them by.
    stamps: VecDeque<(u64, i64)>,
    pictures: u64,
    flushed: bool,
    idr_due: bool,
}

#[expect(
    unsafe_code,
    reason = "the structures of the interface have pointers, which are not followed here"
)]
// SAFETY: the pointers in `parameters` and `config` are the client's, kept to be compared and never followed.
unsafe impl Send for Running {}

/// A buffer of the driver's in memory of the CPU.
struct Input {
    bytes: Vec<u8>,
    pitch: usize,
    size: (u32, u32),
    format: u32,
    locked: bool,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    kind: u32,
    stamp: u64,
    index: u32,
    qp: u32,
    slices: u32,
    full: bool,
    locked: bool,
    /// The input that what it holds was made from.
    from: Handle,
}

/// What is encoded: a copy of an input.
struct Picture {
    bytes: Vec<u8>,
    pitch: usize,
    size: (u32, u32),
    format: u32,
}

impl Picture {
    fn raw(&self) -> Raw<'_> {
        Raw {
            bytes: &self.bytes,
            pitch: self.pitch,
            height: size(self.size.1),
            format: self.format,
        }
    }
}

/// Memory of the client's on the device.
#[derive(Clone, Copy)]
struct Resource {
    address: u64,
    pitch: usize,
    size: (u32, u32),
    format: u32,
}

impl Session {
    pub(crate) fn new(slot: Slot) -> Self {
        happened("open");
        Self {
            last_error: CString::default(),
            _slot: slot,
            running: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            resources: BTreeMap::new(),
            mapped: BTreeMap::new(),
            unread: VecDeque::new(),
            next: FIRST_HANDLE,
            read: 0,
        }
    }

    /// The card is gone, as the control file wants it.
    pub(crate) fn is_lost(&self, control: &Control) -> bool {
        control.lost || control.lost_after.is_some_and(|after| self.read >= after)
    }

    fn handle(&mut self) -> Handle {
        self.next += 16;
        self.next
    }

    fn running(&mut self) -> Result<&mut Running, Broken> {
        self.running.as_mut().ok_or_else(|| Broken {
            status: status::ENCODER_NOT_INITIALIZED,
            rule: "SDK guide: NvEncInitializeEncoder comes before buffers and pictures".to_owned(),
        })
    }

    pub(crate) fn initialize(
        &mut self,
        p: &sys::InitializeParams,
        config: Option<&sys::Config>,
        card: Card,
    ) -> Checked {
        demand(
            self.running.is_none(),
            status::INVALID_CALL,
            "SDK guide: a session is initialised once, and reconfigured after that",
        )?;
        rules::initialize(p, card)?;
        let config = config.copied().unwrap_or_else(preset);
        rules::config(&config)?;
        self.running = Some(Running {
            video: Video::open(p, &config)?,
            parameters: *p,
            config,
            stream: Stream::new(16),
            stamps: VecDeque::new(),
            pictures: 0,
            flushed: true,
            idr_due: true,
        });
        Ok(())
    }

    pub(crate) fn reconfigure(
        &mut self,
        p: &sys::ReconfigureParams,
        config: Option<&sys::Config>,
        card: Card,
    ) -> Checked {
        version(
            p.version,
            sys::ReconfigureParams::VERSION,
            "NV_ENC_RECONFIGURE_PARAMS",
        )?;
        rules::initialize(&p.re_init, card)?;
        let running = self.running()?;
        let config = config.copied().unwrap_or(running.config);
        rules::config(&config)?;
        rules::reconfigure((&running.parameters, &running.config), (&p.re_init, &config))?;
        let size = |p: &sys::InitializeParams| (p.encode_width, p.encode_height);
        if size(&running.parameters) == size(&p.re_init) {
            if !running.video.set_rate(&config.rc_params) {
                return Err(Broken {
                    status: status::GENERIC,
                    rule: "this double: libx264 does not take this rate".to_owned(),
                });
            }
        } else {
            running.video = Video::open(&p.re_init, &config)?;
            running.stamps.clear();
            running.idr_due = true;
        }
        running.idr_due |= p.flags & (session::FORCE_IDR | session::RESET_ENCODER) != 0;
        (running.parameters, running.config) = (p.re_init, config);
        Ok(())
    }

    pub(crate) fn headers(&mut self) -> Result<Vec<u8>, Broken> {
        Ok(self.running()?.video.headers())
    }

    pub(crate) fn create_input(&mut self, p: &sys::CreateInputBuffer) -> Result<Handle, Broken> {
        version(
            p.version,
            sys::CreateInputBuffer::VERSION,
            "NV_ENC_CREATE_INPUT_BUFFER",
        )?;
        self.running()?;
        rules::format(p.buffer_fmt)?;
        demand(
            p.width > 0 && p.height > 0 && p.width <= SIDE_MAX && p.height <= SIDE_MAX,
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_CREATE_INPUT_BUFFER::width, height: the size of a picture",
        )?;
        // Rows are farther apart than they are long, as a card's are.
        let pitch = size(p.width).next_multiple_of(PITCH) + PITCH;
        let rows = size(p.height.next_multiple_of(2));
        let handle = self.handle();
        self.inputs.insert(
            handle,
            Input {
                bytes: vec![0; pitch * (rows + rows / 2)],
                pitch,
                size: (p.width, p.height),
                format: p.buffer_fmt,
                locked: false,
            },
        );
        Ok(handle)
    }

    pub(crate) fn destroy_input(&mut self, handle: Handle) -> Checked {
        let input = self.input(handle)?;
        demand(
            !input.locked,
            status::INVALID_CALL,
            "SDK guide: a locked input buffer is unlocked before it is destroyed",
        )?;
        self.inputs.remove(&handle);
        Ok(())
    }

    /// Where the client writes to, and how far rows are apart.
    pub(crate) fn lock_input(&mut self, p: &sys::LockInputBuffer) -> Result<(*mut u8, u32), Broken> {
        version(
            p.version,
            sys::LockInputBuffer::VERSION,
            "NV_ENC_LOCK_INPUT_BUFFER",
        )?;
        let used = self.unread.iter().any(|o| {
            self.outputs
                .get(o)
                .is_some_and(|o| o.from == p.input_buffer.addr())
        });
        demand(
            !used,
            status::ENCODER_BUSY,
            "SDK guide: an input buffer is free again once its output was read",
        )?;
        let input = self.input(p.input_buffer.addr())?;
        demand(
            !input.locked,
            status::LOCK_BUSY,
            "SDK guide: an input buffer is unlocked before it is locked again",
        )?;
        input.locked = true;
        Ok((input.bytes.as_mut_ptr(), u32::try_from(input.pitch).unwrap_or(0)))
    }

    pub(crate) fn unlock_input(&mut self, handle: Handle) -> Checked {
        let input = self.input(handle)?;
        demand(
            input.locked,
            status::INVALID_CALL,
            "SDK guide: only a locked input buffer can be unlocked",
        )?;
        input.locked = false;
        Ok(())
    }

    fn input(&mut self, handle: Handle) -> Result<&mut Input, Broken> {
        self.inputs.get_mut(&handle).ok_or_else(|| Broken {
            status: status::INVALID_PTR,
            rule: "nvEncodeAPI.h: an input buffer is one that NvEncCreateInputBuffer gave and nobody has destroyed".to_owned(),
        })
    }

    pub(crate) fn create_output(&mut self, p: &sys::CreateBitstreamBuffer) -> Result<Handle, Broken> {
        version(
            p.version,
            sys::CreateBitstreamBuffer::VERSION,
            "NV_ENC_CREATE_BITSTREAM_BUFFER",
        )?;
        self.running()?;
        let handle = self.handle();
        self.outputs.insert(handle, Output::default());
        Ok(handle)
    }

    pub(crate) fn destroy_output(&mut self, handle: Handle) -> Checked {
        let output = self.output(handle)?;
        demand(
            !output.locked,
            status::INVALID_CALL,
            "SDK guide: a locked output is unlocked before it is destroyed",
        )?;
        self.outputs.remove(&handle);
        self.unread.retain(|&unread| unread != handle);
        Ok(())
    }

    fn output(&mut self, handle: Handle) -> Result<&mut Output, Broken> {
        self.outputs.get_mut(&handle).ok_or_else(|| Broken {
            status: status::INVALID_PTR,
            rule: "nvEncodeAPI.h: an output is one that NvEncCreateBitstreamBuffer gave and nobody has destroyed".to_owned(),
        })
    }

    pub(crate) fn register(&mut self, p: &sys::RegisterResource) -> Result<Handle, Broken> {
        version(
            p.version,
            sys::RegisterResource::VERSION,
            "NV_ENC_REGISTER_RESOURCE",
        )?;
        self.running()?;
        rules::format(p.buffer_format)?;
        demand(
            p.resource_type == picture::RESOURCE_CUDADEVICEPTR
                && p.buffer_usage == picture::USAGE_INPUT_IMAGE,
            status::UNSUPPORTED_PARAM,
            "this double: only memory of CUDA can be registered, to read pictures from",
        )?;
        let pitch = size(p.pitch);
        let rows = size(p.height);
        let address = p.resource_to_register.addr() as u64;
        demand(
            pitch >= size(p.width) && crate::cuda::holds(address, pitch * (rows + rows / 2)),
            status::RESOURCE_REGISTER_FAILED,
            "nvEncodeAPI.h, NV_ENC_REGISTER_RESOURCE: the memory is CUDA's, and large enough for the picture",
        )?;
        let handle = self.handle();
        let size = (p.width, p.height);
        self.resources.insert(
            handle,
            Resource {
                address,
                pitch,
                size,
                format: p.buffer_format,
            },
        );
        Ok(handle)
    }

    pub(crate) fn unregister(&mut self, handle: Handle) -> Checked {
        demand(
            self.resources.contains_key(&handle),
            status::RESOURCE_NOT_REGISTERED,
            "nvEncodeAPI.h, NvEncUnregisterResource: it is one that NvEncRegisterResource gave",
        )?;
        demand(
            !self.mapped.values().any(|&of| of == handle),
            status::INVALID_CALL,
            "nvEncodeAPI.h, NvEncUnmapInputResource: a mapping ends before its resource goes",
        )?;
        self.resources.remove(&handle);
        Ok(())
    }

    /// The mapped input, and its format.
    pub(crate) fn map(&mut self, p: &sys::MapInputResource) -> Result<(Handle, u32), Broken> {
        version(
            p.version,
            sys::MapInputResource::VERSION,
            "NV_ENC_MAP_INPUT_RESOURCE",
        )?;
        let resource = p.registered_resource.addr();
        let format = self
            .resources
            .get(&resource)
            .map(|r| r.format)
            .ok_or_else(|| Broken {
                status: status::RESOURCE_NOT_REGISTERED,
                rule: "nvEncodeAPI.h, NvEncMapInputResource: the resource is registered first".to_owned(),
            })?;
        demand(
            !self.mapped.values().any(|&of| of == resource),
            status::MAP_FAILED,
            "nvEncodeAPI.h, NvEncMapInputResource: a resource is mapped once at a time",
        )?;
        let handle = self.handle();
        self.mapped.insert(handle, resource);
        Ok((handle, format))
    }

    pub(crate) fn unmap(&mut self, handle: Handle) -> Checked {
        demand(
            self.mapped.contains_key(&handle),
            status::RESOURCE_NOT_MAPPED,
            "nvEncodeAPI.h, NvEncUnmapInputResource: it is one that NvEncMapInputResource gave",
        )?;
        let used = self
            .unread
            .iter()
            .any(|o| self.outputs.get(o).is_some_and(|o| o.from == handle));
        demand(
            !used,
            status::ENCODER_BUSY,
            "nvEncodeAPI.h, NvEncUnmapInputResource: after NvEncLockBitstream has returned for what was made of it",
        )?;
        self.mapped.remove(&handle);
        Ok(())
    }

    pub(crate) fn encode(&mut self, p: &sys::PicParams, control: &Control) -> Checked {
        version(p.version, sys::PicParams::VERSION, "NV_ENC_PIC_PARAMS")?;
        if p.encode_pic_flags & picture::FLAG_EOS != 0 {
            self.running()?.flushed = true;
            return Ok(());
        }
        let (input, output) = (p.input_buffer.addr(), p.output_bitstream.addr());
        self.check_output(output)?;
        let running = self.running()?;
        let (width, height) = (running.parameters.encode_width, running.parameters.encode_height);
        demand(
            (p.input_width, p.input_height) == (width, height),
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_PIC_PARAMS::inputWidth, inputHeight: the size that the session codes",
        )?;
        demand(
            p.picture_struct == picture::STRUCT_FRAME,
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_PIC_PARAMS::pictureStruct: a frame, where frames are coded",
        )?;
        demand(
            p.completion_event.is_null(),
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_PIC_PARAMS::completionEvent: only in asynchronous mode",
        )?;
        let picture = self.picture(p, input, (width, height))?;
        std::thread::sleep(control.slow);
        let raw = picture.raw();
        self.make(p, raw, (input, output))
    }

    fn check_output(&mut self, handle: Handle) -> Checked {
        let output = self.output(handle)?;
        demand(
            !output.locked,
            status::INVALID_CALL,
            "nvEncodeAPI.h, NvEncUnlockBitstream: a locked output cannot be encoded to",
        )?;
        demand(
            !output.full,
            status::INVALID_CALL,
            "nvEncodeAPI.h, NvEncEncodePicture: an output is free again once what it holds was read",
        )
    }

    /// The bytes of an input, locked or mapped.
    fn picture(&mut self, p: &sys::PicParams, handle: Handle, coded: (u32, u32)) -> Result<Picture, Broken> {
        let found = if let Some(resource) = self.mapped.get(&handle) {
            let of = self.resources.get(resource).copied().ok_or_else(|| Broken {
                status: status::RESOURCE_NOT_REGISTERED,
                rule: "nvEncodeAPI.h: what is mapped stays registered".to_owned(),
            })?;
            let rows = size(of.size.1);
            Picture {
                bytes: crate::cuda::bytes(of.address, of.pitch * (rows + rows / 2)),
                pitch: of.pitch,
                size: of.size,
                format: of.format,
            }
        } else {
            let input = self.input(handle)?;
            demand(
                !input.locked,
                status::INVALID_CALL,
                "SDK guide: an input buffer is unlocked before it is encoded from",
            )?;
            Picture {
                bytes: input.bytes.clone(),
                pitch: input.pitch,
                size: input.size,
                format: input.format,
            }
        };
        demand(
            found.format == p.buffer_fmt,
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_PIC_PARAMS::bufferFmt: the format that the buffer was made with",
        )?;
        demand(
            found.size.0 >= coded.0 && found.size.1 >= coded.1,
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_PIC_PARAMS::inputBuffer: holds a whole picture",
        )?;
        demand(
            p.input_pitch >= p.input_width,
            status::INVALID_PARAM,
            "nvEncodeAPI.h, NV_ENC_PIC_PARAMS::inputPitch: the buffer's, or the width where it is not known",
        )?;
        Ok(found)
    }

    fn make(&mut self, p: &sys::PicParams, raw: Raw<'_>, (input, output): (Handle, Handle)) -> Checked {
        let running = self.running()?;
        let due = std::mem::take(&mut running.idr_due);
        let idr = due || p.encode_pic_flags & picture::FLAG_FORCE_IDR != 0;
        let coded = running.video.encode(raw, idr).ok_or_else(|| Broken {
            status: status::GENERIC,
            rule: "this double: libx264 failed".to_owned(),
        })?;
        (running.pictures, running.flushed) = (running.pictures + 1, false);
        running.stamps.push_back((p.input_time_stamp, coded.number));
        if running.stamps.len() > STAMPS_MAX {
            running.stamps.pop_front();
        }
        let seen = running.stream.read(FrameId::new(running.pictures), &coded.bytes);
        let qp = u32::from(seen.ok().and_then(|seen| seen.qp).unwrap_or(0));
        let kind = if coded.kind == picture::TYPE_IDR {
            "IDR"
        } else {
            "P"
        };
        happened(&format!("picture {kind} {} bytes", coded.bytes.len()));
        let slices = running.config.codec.h264.slice_mode_data;
        let to = self.output(output)?;
        *to = Output {
            bytes: coded.bytes,
            kind: coded.kind,
            stamp: p.input_time_stamp,
            index: p.frame_idx,
            qp,
            slices,
            full: true,
            locked: false,
            from: input,
        };
        self.unread.push_back(output);
        Ok(())
    }

    pub(crate) fn lock_output(&mut self, p: &mut sys::LockBitstream) -> Checked {
        version(p.version, sys::LockBitstream::VERSION, "NV_ENC_LOCK_BITSTREAM")?;
        let handle = p.output_bitstream.addr();
        let first = self.unread.front().copied();
        let output = self.output(handle)?;
        demand(
            !output.locked,
            status::LOCK_BUSY,
            "SDK guide: an output is unlocked before it is locked again",
        )?;
        demand(
            output.full,
            status::INVALID_CALL,
            "nvEncodeAPI.h, NvEncInitializeEncoder: an output is locked after NvEncEncodePicture has returned for it",
        )?;
        demand(
            first == Some(handle),
            status::INVALID_CALL,
            "nvEncodeAPI.h, NvEncEncodePicture: outputs are locked in the order in which they were submitted",
        )?;
        output.locked = true;
        p.bitstream_buffer_ptr = output.bytes.as_mut_ptr().cast();
        p.bitstream_size_in_bytes = u32::try_from(output.bytes.len()).unwrap_or(0);
        (p.output_time_stamp, p.frame_idx) = (output.stamp, output.index);
        (p.picture_type, p.picture_struct) = (output.kind, picture::STRUCT_FRAME);
        (p.frame_avg_qp, p.num_slices, p.hw_encode_status) = (output.qp, output.slices, 2);
        self.unread.pop_front();
        Ok(())
    }

    pub(crate) fn unlock_output(&mut self, handle: Handle) -> Checked {
        let output = self.output(handle)?;
        demand(
            output.locked,
            status::INVALID_CALL,
            "SDK guide: only a locked output can be unlocked",
        )?;
        *output = Output::default();
        self.read += 1;
        Ok(())
    }

    pub(crate) fn invalidate(&mut self, stamp: u64) -> Checked {
        let running = self.running()?;
        let number = running
            .stamps
            .iter()
            .rev()
            .find(|(s, _)| *s == stamp)
            .map(|(_, number)| *number);
        let number = number.ok_or_else(|| Broken {
            status: status::INVALID_PARAM,
            rule: "nvEncodeAPI.h, NvEncInvalidateRefFrames: the time stamp is that of a picture given"
                .to_owned(),
        })?;
        running.video.forget(number);
        Ok(())
    }

    /// What is wrong with ending the session at this moment.
    pub(crate) fn end(&self) {
        let leaks = [
            (
                self.inputs.len(),
                "input buffers that NvEncDestroyInputBuffer was not called for",
            ),
            (
                self.outputs.len(),
                "outputs that NvEncDestroyBitstreamBuffer was not called for",
            ),
            (
                self.mapped.len(),
                "resources that NvEncUnmapInputResource was not called for",
            ),
            (
                self.resources.len(),
                "resources that NvEncUnregisterResource was not called for",
            ),
        ];
        for (count, what) in leaks.into_iter().filter(|(count, _)| *count > 0) {
            let rule = "nvEncodeAPI.h, NvEncDestroyEncoder: all resources are freed before the session ends";
            broken("NvEncDestroyEncoder", &format!("{rule}; left: {count} {what}"));
        }
        if self.running.as_ref().is_some_and(|running| !running.flushed) {
            let rule = "nvEncodeAPI.h, NvEncDestroyEncoder: the encoder is flushed (NV_ENC_PIC_FLAG_EOS) before the session ends";
            broken("NvEncDestroyEncoder", rule);
        }
        happened("close");
    }
}

/// What the double calls a preset: CBR or not is the client's to say.
pub(crate) fn preset() -> sys::Config {
    let mut config = sys::Config::blank();
    config.profile_guid = sys::PROFILE_AUTOSELECT;
    (config.gop_length, config.frame_interval_p) = (PRESET_GOP, 1);
    config.frame_field_mode = session::FRAME_MODE;
    config.rc_params = sys::RcParams::blank();
    config.rc_params.rate_control_mode = sys::value::rate_control::VBR;
    (config.rc_params.average_bit_rate, config.rc_params.max_bit_rate) = (PRESET_RATE, PRESET_RATE * 3);
    config.codec.h264.idr_period = PRESET_GOP;
    config.codec.h264.chroma_format_idc = 1;
    config
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

const FIRST_HANDLE: Handle = 0x1000;
/// Cards go to 8192 for the codecs they have; for H.264 to 4096.
const SIDE_MAX: u32 = 8192;
/// A row begins at a multiple of this.
const PITCH: usize = 64;
/// More than H.264 keeps pictures.
const STAMPS_MAX: usize = 64;
/// Pictures, as NVIDIA's presets have it.
const PRESET_GOP: u32 = 250;
/// Bits a second.
const PRESET_RATE: u32 = 2_000_000;
