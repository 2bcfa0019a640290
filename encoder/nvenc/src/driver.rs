//! The driver's two libraries, opened at run time.

use crate::Error;
use firstlight_nvenc_sys::value::status;
use firstlight_nvenc_sys::{
    CUDA_LIBRARY, CreateInstance, ENCODE_LIBRARY, FunctionList, GetMaxSupportedVersion, cuda,
};
use libloading::Library;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::path::Path;
use std::ptr::null;
use std::sync::Arc;

/// NVIDIA's driver: CUDA and NVENC, both as the machine has them.
pub struct Driver {
    pub(crate) cuda: Cuda,
    pub(crate) api: FunctionList,
    version: (u32, u32),
    /// What the pointers above point into.
    _libraries: [Library; 2],
}

/// The functions of CUDA that are used here.
pub(crate) struct Cuda {
    pub(crate) device_get_count: cuda::DeviceGetCount,
    pub(crate) device_get: cuda::DeviceGet,
    pub(crate) device_get_name: cuda::DeviceGetName,
    pub(crate) ctx_create: cuda::CtxCreate,
    pub(crate) ctx_destroy: cuda::CtxDestroy,
    pub(crate) ctx_push_current: cuda::CtxPushCurrent,
    pub(crate) ctx_pop_current: cuda::CtxPopCurrent,
    pub(crate) mem_alloc_pitch: cuda::MemAllocPitch,
    pub(crate) mem_free: cuda::MemFree,
    pub(crate) memcpy_2d: cuda::MemcpyTwoD,
    get_error_string: cuda::GetErrorString,
}

impl Driver {
    /// Opens the driver that the system's loader finds.
    ///
    /// # Errors
    /// When a library is not there, CUDA finds no GPU, or the driver is too old.
    pub fn open() -> Result<Arc<Self>, Error> {
        Self::load(Path::new(""))
    }

    /// Opens the libraries in this folder.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_in(folder: &Path) -> Result<Arc<Self>, Error> {
        Self::load(folder)
    }

    /// Version of the interface that it speaks at most: major, minor.
    #[must_use]
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    fn load(folder: &Path) -> Result<Arc<Self>, Error> {
        let cuda_library = open(folder, CUDA_LIBRARY)?;
        let cuda = Cuda::find(&cuda_library)?;
        let init: cuda::Init = find(&cuda_library, "cuInit")?;
        // SAFETY: it takes no flags but zero, and may be called at any time.
        cuda.check("cuInit", unsafe { init(0) })?;
        let encode_library = open(folder, ENCODE_LIBRARY)?;
        let version = version(&encode_library)?;
        let create: CreateInstance = find(&encode_library, "NvEncodeAPICreateInstance")?;
        let mut api = FunctionList::blank();
        // SAFETY: the list is marked with the version that its layout has.
        let created = unsafe { create(&raw mut api) };
        if created != status::SUCCESS {
            return Err(Error::Call {
                call: "NvEncodeAPICreateInstance",
                status: crate::Status(created),
                words: String::new(),
            });
        }
        Ok(Arc::new(Self {
            cuda,
            api,
            version,
            _libraries: [encode_library, cuda_library],
        }))
    }
}

// SAFETY: what keeps it from being so by itself are raw pointers that the header reserves, which are null. The functions may be
// called from any thread, and the libraries stay open as long as this lives.
unsafe impl Send for Driver {}
// SAFETY: as above; nothing in it changes.
unsafe impl Sync for Driver {}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Cuda {
    fn find(library: &Library) -> Result<Self, Error> {
        Ok(Self {
            device_get_count: find(library, "cuDeviceGetCount")?,
            device_get: find(library, "cuDeviceGet")?,
            device_get_name: find(library, "cuDeviceGetName")?,
            ctx_create: find(library, "cuCtxCreate_v2")?,
            ctx_destroy: find(library, "cuCtxDestroy_v2")?,
            ctx_push_current: find(library, "cuCtxPushCurrent_v2")?,
            ctx_pop_current: find(library, "cuCtxPopCurrent_v2")?,
            mem_alloc_pitch: find(library, "cuMemAllocPitch_v2")?,
            mem_free: find(library, "cuMemFree_v2")?,
            memcpy_2d: find(library, "cuMemcpy2D_v2")?,
            get_error_string: find(library, "cuGetErrorString")?,
        })
    }

    pub(crate) fn check(&self, call: &'static str, code: u32) -> Result<(), Error> {
        match code {
            cuda::result::SUCCESS => Ok(()),
            cuda::result::NO_DEVICE => Err(Error::NoDevice),
            _ => Err(Error::Cuda {
                call,
                code,
                words: self.words(code),
            }),
        }
    }

    fn words(&self, code: u32) -> String {
        let mut text = null();
        // SAFETY: the place is valid for writing; the library leaves it alone where it does not know the code.
        unsafe { (self.get_error_string)(code, &raw mut text) };
        // SAFETY: it is null, or a string that the library keeps.
        unsafe { words(text) }
    }
}

/// # Safety
/// `text` is null or a C string.
pub(crate) unsafe fn words(text: *const c_char) -> String {
    if text.is_null() {
        return "no further words".to_owned();
    }
    // SAFETY: as this function demands.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    text.trim().to_owned()
}

/// An empty folder leaves the search to the loader.
fn open(folder: &Path, library: &'static str) -> Result<Library, Error> {
    // SAFETY: these names are the driver's; whoever can put other files where the loader looks can replace this program.
    unsafe { Library::new(folder.join(library)) }.map_err(|error| Error::Library {
        library,
        detail: error.to_string(),
    })
}

fn find<T: Copy>(library: &Library, name: &'static str) -> Result<T, Error> {
    // SAFETY: `T` is the type that NVIDIA's header gives the function of this name.
    let found = unsafe { library.get::<T>(name.as_bytes()) };
    found.map(|symbol| *symbol).map_err(|_| Error::Function(name))
}

fn version(library: &Library) -> Result<(u32, u32), Error> {
    let ask: GetMaxSupportedVersion = find(library, "NvEncodeAPIGetMaxSupportedVersion")?;
    let mut version = 0;
    // SAFETY: the place is valid for writing.
    let answer = unsafe { ask(&raw mut version) };
    let (major, minor) = (version >> 4, version & 0xf);
    if answer == status::SUCCESS && (major, minor) >= NEEDED {
        Ok((major, minor))
    } else {
        Err(Error::Version { major, minor })
    }
}

/// That of the structures in `firstlight-nvenc-sys`.
const NEEDED: (u32, u32) = (11, 1);
