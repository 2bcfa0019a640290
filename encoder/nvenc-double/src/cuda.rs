//! The functions of CUDA's driver interface that the encoder and FFmpeg's `h264_nvenc` need; the others are there and refuse.
//!
//! The device's memory is the CPU's. A context is a number; which one is current is kept for each thread.

use crate::control::{Control, broken};
use firstlight_nvenc_sys::cuda::{Context, Device, DevicePointer, Memcpy2d, memory, result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::ptr::without_provenance_mut;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

#[derive(Default)]
struct Machine {
    initialised: bool,
    contexts: Vec<usize>,
    made: usize,
    memory: BTreeMap<DevicePointer, Vec<u8>>,
}

fn machine() -> MutexGuard<'static, Machine> {
    static MACHINE: OnceLock<Mutex<Machine>> = OnceLock::new();
    let machine = MACHINE.get_or_init(Mutex::default);
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

thread_local! {
    /// Contexts that are current on this thread, the innermost last.
    static CURRENT: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn is_context(context: Context) -> bool {
    machine().contexts.contains(&context.addr())
}

/// Whether `size` bytes from `address` on are the device's.
pub(crate) fn holds(address: DevicePointer, size: usize) -> bool {
    machine()
        .memory
        .get(&address)
        .is_some_and(|memory| memory.len() >= size)
}

/// A copy of `size` bytes of the device's memory.
pub(crate) fn bytes(address: DevicePointer, size: usize) -> Vec<u8> {
    let machine = machine();
    machine
        .memory
        .get(&address)
        .and_then(|memory| memory.get(..size))
        .unwrap_or_default()
        .to_vec()
}

/// Refuses with a rule of `cuda.h`.
fn refuse(call: &str, code: u32, rule: &str) -> u32 {
    broken(call, rule);
    code
}

/// Writes to a place of the client's.
///
/// # Safety
/// `to` is null or valid for writing.
unsafe fn give<T>(to: *mut T, value: T, call: &str) -> u32 {
    if to.is_null() {
        return refuse(
            call,
            result::INVALID_VALUE,
            "cuda.h: a place for the answer must not be null",
        );
    }
    // SAFETY: as this function demands.
    unsafe { to.write(value) };
    result::SUCCESS
}

/// `cuInit`.
#[unsafe(no_mangle)]
extern "C" fn cuInit(flags: c_uint) -> u32 {
    if flags != 0 {
        return refuse("cuInit", result::INVALID_VALUE, "cuda.h, cuInit: flags must be 0");
    }
    if Control::read().devices == 0 {
        return result::NO_DEVICE;
    }
    machine().initialised = true;
    result::SUCCESS
}

fn ready(call: &str) -> Result<(), u32> {
    if machine().initialised {
        Ok(())
    } else {
        Err(refuse(
            call,
            result::NOT_INITIALIZED,
            "cuda.h: cuInit comes before every other call",
        ))
    }
}

/// `cuDriverGetVersion`.
///
/// # Safety
/// `version` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> u32 {
    // SAFETY: as this function demands.
    unsafe { give(version, 11_040, "cuDriverGetVersion") }
}

/// `cuDeviceGetCount`.
///
/// # Safety
/// `count` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> u32 {
    match ready("cuDeviceGetCount") {
        // SAFETY: as this function demands.
        Ok(()) => unsafe { give(count, Control::read().devices, "cuDeviceGetCount") },
        Err(code) => code,
    }
}

/// `cuDeviceGet`.
///
/// # Safety
/// `device` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGet(device: *mut Device, ordinal: c_int) -> u32 {
    match ready("cuDeviceGet") {
        Ok(()) if (0..Control::read().devices).contains(&ordinal) => {
            // SAFETY: as this function demands.
            unsafe { give(device, ordinal, "cuDeviceGet") }
        }
        Ok(()) => result::INVALID_DEVICE,
        Err(code) => code,
    }
}

/// `cuDeviceGetName`.
///
/// # Safety
/// `name` is null or has room for `size` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, size: c_int, _device: Device) -> u32 {
    let room = usize::try_from(size).unwrap_or(0);
    if name.is_null() || room == 0 {
        return refuse(
            "cuDeviceGetName",
            result::INVALID_VALUE,
            "cuda.h, cuDeviceGetName: needs room for a name",
        );
    }
    let text = NAME.to_bytes();
    let length = text.len().min(room - 1);
    // SAFETY: the place has `room` bytes, of which `length` and one are written.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), name.cast(), length);
        name.add(length).write(0);
    }
    result::SUCCESS
}

/// `cuDeviceComputeCapability`.
///
/// # Safety
/// Both places are null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceComputeCapability(major: *mut c_int, minor: *mut c_int, _device: Device) -> u32 {
    // SAFETY: as this function demands.
    unsafe { give(major, 8, "cuDeviceComputeCapability").max(give(minor, 6, "cuDeviceComputeCapability")) }
}

/// `cuDeviceGetAttribute`: nothing in particular.
///
/// # Safety
/// `value` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuDeviceGetAttribute(value: *mut c_int, _attribute: c_uint, _device: Device) -> u32 {
    // SAFETY: as this function demands.
    unsafe { give(value, 0, "cuDeviceGetAttribute") }
}

/// `cuCtxCreate_v2`: makes a context, current on this thread.
///
/// # Safety
/// `context` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxCreate_v2(context: *mut Context, _flags: c_uint, device: Device) -> u32 {
    if let Err(code) = ready("cuCtxCreate") {
        return code;
    }
    let control = Control::read();
    if control.lost {
        return result::UNKNOWN;
    }
    if !(0..control.devices).contains(&device) {
        return result::INVALID_DEVICE;
    }
    let mut machine = machine();
    machine.made += 16;
    let made = 0xc0de_0000 + machine.made;
    machine.contexts.push(made);
    drop(machine);
    CURRENT.with_borrow_mut(|current| current.push(made));
    // SAFETY: as this function demands.
    unsafe { give(context, without_provenance_mut(made), "cuCtxCreate") }
}

/// `cuCtxDestroy_v2`.
#[unsafe(no_mangle)]
extern "C" fn cuCtxDestroy_v2(context: Context) -> u32 {
    let mut machine = machine();
    let before = machine.contexts.len();
    machine.contexts.retain(|&one| one != context.addr());
    if machine.contexts.len() == before {
        return refuse(
            "cuCtxDestroy",
            result::INVALID_CONTEXT,
            "cuda.h, cuCtxDestroy: a context is destroyed once",
        );
    }
    let last = machine.contexts.is_empty();
    let leaked = machine.memory.len();
    drop(machine);
    CURRENT.with_borrow_mut(|current| current.retain(|&one| one != context.addr()));
    if last && crate::api::is_any_open() {
        broken(
            "cuCtxDestroy",
            "SDK guide: encoding sessions end before the context they were opened on",
        );
    }
    if last && leaked > 0 {
        broken("cuCtxDestroy", "cuda.h: memory that cuMemFree was not called for");
    }
    result::SUCCESS
}

/// `cuCtxPushCurrent_v2`.
#[unsafe(no_mangle)]
extern "C" fn cuCtxPushCurrent_v2(context: Context) -> u32 {
    if !is_context(context) {
        return refuse(
            "cuCtxPushCurrent",
            result::INVALID_CONTEXT,
            "cuda.h, cuCtxPushCurrent: needs a context that is alive",
        );
    }
    CURRENT.with_borrow_mut(|current| current.push(context.addr()));
    result::SUCCESS
}

/// `cuCtxPopCurrent_v2`.
///
/// # Safety
/// `context` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxPopCurrent_v2(context: *mut Context) -> u32 {
    let Some(popped) = CURRENT.with_borrow_mut(Vec::pop) else {
        return refuse(
            "cuCtxPopCurrent",
            result::INVALID_CONTEXT,
            "cuda.h, cuCtxPopCurrent: pops what was pushed on this thread",
        );
    };
    if !context.is_null() {
        // SAFETY: as this function demands.
        unsafe { context.write(without_provenance_mut(popped)) };
    }
    result::SUCCESS
}

/// `cuCtxGetCurrent`.
///
/// # Safety
/// `context` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuCtxGetCurrent(context: *mut Context) -> u32 {
    let current = CURRENT.with_borrow(|current| current.last().copied().unwrap_or(0));
    // SAFETY: as this function demands.
    unsafe { give(context, without_provenance_mut(current), "cuCtxGetCurrent") }
}

/// `cuMemAllocPitch_v2`.
///
/// # Safety
/// Both places are null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAllocPitch_v2(
    pointer: *mut DevicePointer,
    pitch: *mut usize,
    width: usize,
    rows: usize,
    _element: c_uint,
) -> u32 {
    let wide = width.next_multiple_of(512);
    // SAFETY: as this function demands.
    unsafe { give(pitch, wide, "cuMemAllocPitch").max(cuMemAlloc_v2(pointer, wide * rows)) }
}

/// `cuMemAlloc_v2`.
///
/// # Safety
/// `pointer` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemAlloc_v2(pointer: *mut DevicePointer, size: usize) -> u32 {
    if CURRENT.with_borrow(Vec::is_empty) {
        return refuse(
            "cuMemAlloc",
            result::INVALID_CONTEXT,
            "cuda.h, cuMemAlloc: a context must be current",
        );
    }
    if size == 0 {
        return refuse(
            "cuMemAlloc",
            result::INVALID_VALUE,
            "cuda.h, cuMemAlloc: at least one byte",
        );
    }
    let memory = vec![0; size];
    let address = memory.as_ptr().expose_provenance() as DevicePointer;
    machine().memory.insert(address, memory);
    // SAFETY: as this function demands.
    unsafe { give(pointer, address, "cuMemAlloc") }
}

/// `cuMemFree_v2`.
#[unsafe(no_mangle)]
extern "C" fn cuMemFree_v2(pointer: DevicePointer) -> u32 {
    match machine().memory.remove(&pointer) {
        Some(_) => result::SUCCESS,
        None => refuse(
            "cuMemFree",
            result::INVALID_VALUE,
            "cuda.h, cuMemFree: memory that cuMemAlloc gave, once",
        ),
    }
}

/// `cuMemcpy2D_v2`: from the CPU to the device.
///
/// # Safety
/// `copy` is null or points to a description of memory that is there.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuMemcpy2D_v2(copy: *const Memcpy2d) -> u32 {
    // SAFETY: as this function demands.
    let Some(copy) = (unsafe { copy.as_ref() }) else {
        return refuse(
            "cuMemcpy2D",
            result::INVALID_VALUE,
            "cuda.h, cuMemcpy2D: needs a description",
        );
    };
    if CURRENT.with_borrow(Vec::is_empty) {
        return refuse(
            "cuMemcpy2D",
            result::INVALID_CONTEXT,
            "cuda.h, cuMemcpy2D: a context must be current",
        );
    }
    let plain = (copy.src_x_in_bytes, copy.src_y, copy.dst_x_in_bytes, copy.dst_y) == (0, 0, 0, 0);
    if copy.src_memory_type != memory::HOST || copy.dst_memory_type != memory::DEVICE || !plain {
        return result::NOT_SUPPORTED;
    }
    let mut machine = machine();
    let Some(to) = machine.memory.get_mut(&copy.dst_device) else {
        return refuse(
            "cuMemcpy2D",
            result::INVALID_VALUE,
            "cuda.h, cuMemcpy2D: the destination is the device's",
        );
    };
    let fits = copy.width_in_bytes <= copy.dst_pitch && to.len() >= copy.dst_pitch * copy.height;
    if !fits || copy.width_in_bytes > copy.src_pitch || copy.src_host.is_null() {
        return refuse(
            "cuMemcpy2D",
            result::INVALID_VALUE,
            "cuda.h, cuMemcpy2D: rows fit into their pitch, and all into the memory",
        );
    }
    for (n, row) in to.chunks_exact_mut(copy.dst_pitch).take(copy.height).enumerate() {
        // SAFETY: the client's memory has `height` rows `src_pitch` apart, of `width_in_bytes` each.
        let from = unsafe {
            std::slice::from_raw_parts(
                copy.src_host.cast::<u8>().add(n * copy.src_pitch),
                copy.width_in_bytes,
            )
        };
        if let Some(to) = row.get_mut(..copy.width_in_bytes) {
            to.copy_from_slice(from);
        }
    }
    result::SUCCESS
}

/// `cuGetErrorName`.
///
/// # Safety
/// `text` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuGetErrorName(error: u32, text: *mut *const c_char) -> u32 {
    // SAFETY: as this function demands.
    unsafe { cuGetErrorString(error, text) }
}

/// `cuGetErrorString`.
///
/// # Safety
/// `text` is null or valid for writing.
#[unsafe(no_mangle)]
unsafe extern "C" fn cuGetErrorString(error: u32, text: *mut *const c_char) -> u32 {
    let words = match error {
        result::SUCCESS => c"no error",
        result::INVALID_VALUE => c"invalid argument",
        result::NOT_INITIALIZED => c"initialization error",
        result::NO_DEVICE => c"no CUDA-capable device is detected",
        result::INVALID_DEVICE => c"invalid device ordinal",
        result::INVALID_CONTEXT => c"invalid device context",
        result::NOT_SUPPORTED => c"operation not supported",
        _ => c"unknown error",
    };
    // SAFETY: as this function demands.
    unsafe { give(text, words.as_ptr(), "cuGetErrorString") }
}

/// Functions that FFmpeg looks for before it begins, and that nothing here calls.
macro_rules! unsupported {
    ($($name:ident)*) => {$(
        #[doc = concat!("`", stringify!($name), "`: not supported by this double.")]
        #[unsafe(no_mangle)]
        extern "C" fn $name(_first: *mut c_void) -> u32 {
            result::NOT_SUPPORTED
        }
    )*};
}

unsupported! {
    cuCtxSetLimit cuCtxGetDevice cuMemAllocManaged cuMemsetD8Async cuMemcpy cuMemcpyAsync cuMemcpy2DAsync_v2 cuMemcpyHtoD_v2
    cuMemcpyHtoDAsync_v2 cuMemcpyDtoH_v2 cuMemcpyDtoHAsync_v2 cuMemcpyDtoD_v2 cuMemcpyDtoDAsync_v2 cuDevicePrimaryCtxRetain
    cuDevicePrimaryCtxRelease cuDevicePrimaryCtxSetFlags cuDevicePrimaryCtxGetState cuDevicePrimaryCtxReset cuStreamCreate
    cuStreamQuery cuStreamSynchronize cuStreamDestroy_v2 cuStreamAddCallback cuEventCreate cuEventDestroy_v2
    cuEventSynchronize cuEventQuery cuEventRecord cuLaunchKernel cuLinkCreate cuLinkAddData cuLinkComplete cuLinkDestroy
    cuModuleLoadData cuModuleUnload cuModuleGetFunction cuModuleGetGlobal cuTexObjectCreate cuTexObjectDestroy
    cuGLGetDevices_v2 cuGraphicsGLRegisterImage cuGraphicsUnregisterResource cuGraphicsMapResources
    cuGraphicsUnmapResources cuGraphicsSubResourceGetMappedArray cuGraphicsResourceGetMappedPointer_v2 cuArray3DCreate_v2
    cuArrayDestroy
}

/// What the card calls itself.
const NAME: &std::ffi::CStr = c"Firstlight NVENC double";
