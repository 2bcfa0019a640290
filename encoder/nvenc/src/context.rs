//! A CUDA context, which NVENC works in, and memory on the device.

use crate::Error;
use crate::driver::Driver;
use firstlight_nvenc_sys::cuda;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

/// How many devices CUDA finds.
pub(crate) fn count(driver: &Driver) -> Result<i32, Error> {
    let mut count = 0;
    // SAFETY: CUDA is initialised since `Driver::open`; the place is valid for writing.
    let code = unsafe { (driver.cuda.device_get_count)(&raw mut count) };
    driver.cuda.check("cuDeviceGetCount", code)?;
    if count < 1 {
        Err(Error::NoDevice)
    } else {
        Ok(count)
    }
}

/// What device `ordinal` calls itself.
pub(crate) fn name(driver: &Driver, ordinal: i32) -> Result<String, Error> {
    let device = device(driver, ordinal)?;
    let mut text = [0; NAME_BYTES];
    let size = c_int::try_from(NAME_BYTES - 1).unwrap_or(0);
    // SAFETY: the array has room for `size` bytes, and a zero behind them.
    let code = unsafe { (driver.cuda.device_get_name)(text.as_mut_ptr(), size, device) };
    driver.cuda.check("cuDeviceGetName", code)?;
    // SAFETY: the last byte was and is zero.
    Ok(unsafe { crate::driver::words(text.as_ptr()) })
}

fn device(driver: &Driver, ordinal: i32) -> Result<cuda::Device, Error> {
    let mut device = 0;
    // SAFETY: the place is valid for writing.
    let code = unsafe { (driver.cuda.device_get)(&raw mut device, ordinal) };
    driver.cuda.check("cuDeviceGet", code)?;
    Ok(device)
}

/// More than the longest name that NVIDIA sells.
const NAME_BYTES: usize = 128;

/// A context of one's own, destroyed when dropped.
pub(crate) struct Context {
    driver: Arc<Driver>,
    context: NonNull<c_void>,
}

// SAFETY: a context belongs to no thread; it is current on one only while a `Current` lives, which is not `Send`.
unsafe impl Send for Context {}

impl Context {
    pub(crate) fn new(driver: &Arc<Driver>, ordinal: i32) -> Result<Self, Error> {
        let device = device(driver, ordinal)?;
        let mut context = null_mut();
        // SAFETY: the place is valid for writing; no flags.
        let code = unsafe { (driver.cuda.ctx_create)(&raw mut context, 0, device) };
        driver.cuda.check("cuCtxCreate", code)?;
        let context = NonNull::new(context).ok_or(Error::Contract("a context that is none"))?;
        let created = Self {
            driver: Arc::clone(driver),
            context,
        };
        // A new context is current; it is to be so only where it is worked with.
        created.pop();
        Ok(created)
    }

    pub(crate) fn raw(&self) -> *mut c_void {
        self.context.as_ptr()
    }

    /// Makes it current on this thread as long as the answer lives.
    pub(crate) fn enter(&self) -> Result<Current<'_>, Error> {
        // SAFETY: the context is alive.
        let code = unsafe { (self.driver.cuda.ctx_push_current)(self.raw()) };
        self.driver.cuda.check("cuCtxPushCurrent", code)?;
        Ok(Current {
            context: self,
            _here: std::marker::PhantomData,
        })
    }

    fn pop(&self) {
        let mut popped = null_mut();
        // SAFETY: the place is valid for writing. That the stack might be empty is the library's to say, and no harm.
        unsafe { (self.driver.cuda.ctx_pop_current)(&raw mut popped) };
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: it is alive and nobody uses it after this.
        unsafe { (self.driver.cuda.ctx_destroy)(self.raw()) };
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// A context that is current on this thread.
pub(crate) struct Current<'a> {
    context: &'a Context,
    /// Current on one thread: not to be sent to another.
    _here: std::marker::PhantomData<*const ()>,
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        self.context.pop();
    }
}

/// Memory on the device: rows of `pitch` bytes.
#[derive(Debug)]
pub(crate) struct Memory {
    driver: Arc<Driver>,
    pub(crate) pointer: cuda::DevicePointer,
    pub(crate) pitch: usize,
}

impl Memory {
    /// Of the context that is current.
    pub(crate) fn new(
        driver: &Arc<Driver>,
        _current: &Current<'_>,
        width: usize,
        rows: usize,
    ) -> Result<Self, Error> {
        let (mut pointer, mut pitch) = (0, 0);
        // SAFETY: the places are valid for writing; elements of 16 bytes are the most the function knows.
        let code =
            unsafe { (driver.cuda.mem_alloc_pitch)(&raw mut pointer, &raw mut pitch, width, rows, 16) };
        driver.cuda.check("cuMemAllocPitch", code)?;
        Ok(Self {
            driver: Arc::clone(driver),
            pointer,
            pitch,
        })
    }

    /// Copies `rows` rows of `width` bytes, `width` apart, from the CPU's memory.
    pub(crate) fn fill(
        &self,
        _current: &Current<'_>,
        bytes: &[u8],
        width: usize,
        rows: usize,
    ) -> Result<(), Error> {
        if bytes.len() < width * rows || width > self.pitch {
            return Err(Error::Contract("a picture larger than its memory"));
        }
        let copy = cuda::Memcpy2d {
            src_x_in_bytes: 0,
            src_y: 0,
            src_memory_type: cuda::memory::HOST,
            src_host: bytes.as_ptr().cast(),
            src_device: 0,
            src_array: null_mut(),
            src_pitch: width,
            dst_x_in_bytes: 0,
            dst_y: 0,
            dst_memory_type: cuda::memory::DEVICE,
            dst_host: null_mut(),
            dst_device: self.pointer,
            dst_array: null_mut(),
            dst_pitch: self.pitch,
            width_in_bytes: width,
            height: rows,
        };
        // SAFETY: the source has the rows (checked above), the destination was made for as many; the call has read the
        // source when it returns.
        let code = unsafe { (self.driver.cuda.memcpy_2d)(&raw const copy) };
        self.driver.cuda.check("cuMemcpy2D", code)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it is alive and nobody uses it after this.
        unsafe { (self.driver.cuda.mem_free)(self.pointer) };
    }
}
