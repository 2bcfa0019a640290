//! What cannot be said in safe Rust: memory that is shared with the display, and a signal handler.
#![expect(unsafe_code, reason = "the system calls have no safe form")]

use nix::errno::Errno;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::ffi::c_void;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

/// A mapping of a memory file.
pub(crate) struct Shared {
    start: NonNull<c_void>,
    length: NonZeroUsize,
}

impl Shared {
    /// Maps the first `length` bytes of `file`, which must be that long.
    pub(crate) fn map(file: impl AsFd, length: NonZeroUsize) -> Result<Self, Errno> {
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            mmap(
                None,
                length,
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
                MapFlags::MAP_SHARED,
                file,
                0,
            )?
        };
        Ok(Self { start, length })
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is this long, lives as long as self, and is written by nobody else: the display has it
        // attached read-only, and no one else has the file.
        unsafe { std::slice::from_raw_parts_mut(self.start.cast().as_ptr(), self.length.get()) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and bytes() lends it no longer than self lives.
        let unmapped = unsafe { munmap(self.start, self.length.get()) };
        debug_assert!(unmapped.is_ok(), "invariant: the mapping exists");
    }
}

/// Makes SIGTERM, SIGINT and SIGHUP set what [`stopped`] says.
pub(crate) fn catch_stop() -> Result<(), Errno> {
    let action = SigAction::new(SigHandler::Handler(on_stop), SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is safe in a signal handler.
        unsafe { sigaction(signal, &action)? };
    }
    Ok(())
}

/// Whether a signal asked for the end.
pub(crate) fn stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

extern "C" fn on_stop(_: i32) {
    STOPPED.store(true, Ordering::Relaxed);
}

static STOPPED: AtomicBool = AtomicBool::new(false);
