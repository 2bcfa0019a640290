//! What is used of the CUDA driver's interface (`cuda.h`).

use std::ffi::{c_char, c_int, c_uint, c_void};

/// `CUdevice`: its number.
pub type Device = c_int;
/// `CUcontext`.
pub type Context = *mut c_void;
/// `CUdeviceptr`.
pub type DevicePointer = u64;

/// `CUresult`.
pub mod result {
    pub const SUCCESS: u32 = 0;
    pub const INVALID_VALUE: u32 = 1;
    pub const OUT_OF_MEMORY: u32 = 2;
    pub const NOT_INITIALIZED: u32 = 3;
    pub const NO_DEVICE: u32 = 100;
    pub const INVALID_DEVICE: u32 = 101;
    pub const INVALID_CONTEXT: u32 = 201;
    pub const NOT_SUPPORTED: u32 = 801;
    pub const UNKNOWN: u32 = 999;
}

/// `CUmemorytype`.
pub mod memory {
    pub const HOST: u32 = 1;
    pub const DEVICE: u32 = 2;
}

/// `CUDA_MEMCPY2D`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Memcpy2d {
    pub src_x_in_bytes: usize,
    pub src_y: usize,
    pub src_memory_type: c_uint,
    pub src_host: *const c_void,
    pub src_device: DevicePointer,
    pub src_array: *mut c_void,
    pub src_pitch: usize,
    pub dst_x_in_bytes: usize,
    pub dst_y: usize,
    pub dst_memory_type: c_uint,
    pub dst_host: *mut c_void,
    pub dst_device: DevicePointer,
    pub dst_array: *mut c_void,
    pub dst_pitch: usize,
    pub width_in_bytes: usize,
    pub height: usize,
}

/// `cuInit`.
pub type Init = unsafe extern "C" fn(flags: c_uint) -> u32;
/// `cuDeviceGetCount`.
pub type DeviceGetCount = unsafe extern "C" fn(count: *mut c_int) -> u32;
/// `cuDeviceGet`.
pub type DeviceGet = unsafe extern "C" fn(device: *mut Device, ordinal: c_int) -> u32;
/// `cuDeviceGetName`.
pub type DeviceGetName = unsafe extern "C" fn(name: *mut c_char, size: c_int, device: Device) -> u32;
/// `cuCtxCreate_v2`.
pub type CtxCreate = unsafe extern "C" fn(context: *mut Context, flags: c_uint, device: Device) -> u32;
/// `cuCtxDestroy_v2`.
pub type CtxDestroy = unsafe extern "C" fn(context: Context) -> u32;
/// `cuCtxPushCurrent_v2`.
pub type CtxPushCurrent = unsafe extern "C" fn(context: Context) -> u32;
/// `cuCtxPopCurrent_v2`.
pub type CtxPopCurrent = unsafe extern "C" fn(context: *mut Context) -> u32;
/// `cuMemAllocPitch_v2`.
pub type MemAllocPitch = unsafe extern "C" fn(
    pointer: *mut DevicePointer,
    pitch: *mut usize,
    width_in_bytes: usize,
    height: usize,
    element_bytes: c_uint,
) -> u32;
/// `cuMemFree_v2`.
pub type MemFree = unsafe extern "C" fn(pointer: DevicePointer) -> u32;
/// `cuMemcpy2D_v2`.
pub type MemcpyTwoD = unsafe extern "C" fn(copy: *const Memcpy2d) -> u32;
/// `cuGetErrorString`.
pub type GetErrorString = unsafe extern "C" fn(error: u32, text: *mut *const c_char) -> u32;
