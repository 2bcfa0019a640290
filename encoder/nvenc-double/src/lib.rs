//! A strict stand-in for NVIDIA's encoder and CUDA libraries, for tests.
//!
//! ```text
//! program -> libnvidia-encode.so.1, libcuda.so.1 (this library, by both names) -> [rules] -> libx264 -> a stream that decodes
//!                                                                 |
//!                            control (what to fail at) ->         └─> report (each rule that was broken)
//! ```
//!
//! - It has the function table of `nvEncodeAPI.h` 11.1 and the functions of CUDA that FFmpeg's `h264_nvenc` wants to find.
//! - Each call is checked as the driver would check it, and in more places: what the header demands of a client is refused where
//!   it is not kept, with the rule in the last error string and in the report. Nothing a client does makes it crash.
//! - It says nothing of speed, quality or rate control of a card, and knows H.264 in 4:2:0 only.
//!
//! [`Folder`] makes a folder with the two files, the control file and the report.

#[expect(unsafe_code, reason = "a C library: its functions are called with pointers")]
mod api;
mod control;
#[expect(unsafe_code, reason = "a C library: its functions are called with pointers")]
mod cuda;
mod folder;
mod rules;
mod session;
#[expect(
    unsafe_code,
    reason = "libx264 is a C library; all calls to it are in this module"
)]
mod video;

pub use folder::Folder;
