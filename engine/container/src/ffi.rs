//! The places where the system is called, or memory is read, without Rust's guarantees.
#![expect(
    unsafe_code,
    reason = "pre_exec, mmap, views of shared memory and priorities have no safe form"
)]

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use std::ffi::{CStr, c_void};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::NonNull;
use std::sync::Arc;

/// How a process enters its session's IPC namespace, between fork and exec.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It is born where it belongs.
    Stay,
    /// It makes user and IPC namespaces, in which it is itself.
    Make {
        /// For `/proc/self/uid_map`.
        uid_map: String,
        /// For `/proc/self/gid_map`.
        gid_map: String,
    },
    /// It joins what another made.
    Join {
        /// The user namespace.
        user: OwnedFd,
        /// The IPC namespace.
        ipc: OwnedFd,
    },
}

impl Entry {
    fn enter(&self) -> nix::Result<()> {
        match self {
            Self::Stay => Ok(()),
            Self::Make { uid_map, gid_map } => {
                unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWIPC)?;
                write_file(c"/proc/self/setgroups", b"deny")?;
                write_file(c"/proc/self/uid_map", uid_map.as_bytes())?;
                write_file(c"/proc/self/gid_map", gid_map.as_bytes())
            }
            Self::Join { user, ipc } => {
                setns(user, CloneFlags::CLONE_NEWUSER)?;
                setns(ipc, CloneFlags::CLONE_NEWIPC)
            }
        }
    }
}

fn write_file(path: &CStr, bytes: &[u8]) -> nix::Result<()> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    nix::unistd::write(file, bytes).map(drop)
}

/// Makes the process that `command` starts die with the *thread* that starts it, also by SIGKILL, and lets it join cgroups
/// (their `cgroup.procs`, opened for writing) and its IPC namespace before it runs.
pub(crate) fn bind_to_thread(command: &mut Command, cgroups: Vec<OwnedFd>, entry: Entry) {
    let parent = nix::unistd::Pid::this();
    let birth = move || {
        for procs in &cgroups {
            nix::unistd::write(procs, b"0")?;
        }
        entry.enter()?;
        set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the line above: then nobody sends the signal.
        if nix::unistd::Pid::parent() != parent {
            return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec and only makes the system calls write, unshare, setns, open, close, prctl
    // and getppid, all async-signal-safe; it neither allocates nor locks (paths are C strings already, an io::Error of an
    // error number holds no heap memory).
    unsafe { command.pre_exec(birth) };
}

/// Lets the process that `command` starts inherit `file` under the number it has here, and no other process.
pub(crate) fn hand_down(command: &mut Command, file: Arc<OwnedFd>) {
    let keep = move || {
        fcntl(&*file, FcntlArg::F_SETFD(FdFlag::empty()))?;
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec and only makes the system call fcntl, which is async-signal-safe.
    unsafe { command.pre_exec(keep) };
}

/// Memory shared with the X server through a file descriptor.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    at: NonNull<c_void>,
    length: NonZeroUsize,
}

// SAFETY: the mapping belongs to the value alone and is not tied to a thread.
unsafe impl Send for SharedMemory {}

impl SharedMemory {
    /// Maps `length` bytes of `file` for reading.
    pub(crate) fn map(file: impl AsFd, length: NonZeroUsize) -> io::Result<Self> {
        // A file shorter than the mapping would turn a read into SIGBUS.
        let size = nix::sys::stat::fstat(file.as_fd())?.st_size;
        if usize::try_from(size).unwrap_or(0) < length.get() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing; `length` is not zero.
        let at = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, file, 0) }?;
        Ok(Self { at, length })
    }

    /// The bytes. The caller keeps the server from writing for as long as it holds them.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable, `length` long, and lives as long as `self`. The server writes to it only while
        // it works for another of its clients, and `Capture` holds it grabbed for as long as it looks or hands the slice out.
        // u8 has no invalid values and no alignment.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().cast::<u8>(), self.length.get()) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: `at` and `length` are what mmap gave, unmapped only here; no slice outlives `self`.
        if let Err(error) = unsafe { munmap(self.at, self.length.get()) } {
            tracing::debug!(%error, "shared memory was not unmapped");
        }
    }
}

/// Rows of pixels in memory that a Wayland client shares, and may write to at any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Where the client's memory begins; mapped for as long as this is used.
    pub(crate) memory: *const u8,
    /// Bytes that are mapped there.
    pub(crate) length: usize,
    /// Where the first row begins.
    pub(crate) offset: usize,
    /// From one row to the next.
    pub(crate) stride: usize,
}

impl Rows {
    /// Copies rows of `row` bytes until `to` is full; `false`, and nothing is copied, where they are not all within the memory.
    pub(crate) fn copy(self, row: usize, to: &mut [u8]) -> bool {
        let rows = to.len().checked_div(row).unwrap_or(0);
        let last = rows.saturating_sub(1).checked_mul(self.stride);
        let end = last.and_then(|last| last.checked_add(row)?.checked_add(self.offset));
        if rows == 0 || self.stride < row || end.is_none_or(|end| end > self.length) {
            return false;
        }
        for (n, to) in to.chunks_exact_mut(row).enumerate() {
            // SAFETY: the row's last byte is within `length`, as was looked at above, so that this is a place in the mapping.
            let from = unsafe { self.memory.add(self.offset + n * self.stride) };
            // SAFETY: `from` is good for `row` bytes as above and `to` is as long and our own, so that they do not overlap. The client may
            // write meanwhile: then the bytes are any bytes, which is what they are taken for; no reference to them is made.
            // JUSTIFICATION: a safe slice over memory that another process writes to would be a lie.
            unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), row) };
        }
        true
    }
}

/// Puts a thread (0: the calling one) behind everything else that wants the processor or a disk, or back among it. `false` where that is
/// not permitted.
pub(crate) fn set_priority(thread: u32, behind: bool) -> bool {
    let (nice, io) = if behind { (19, IO_IDLE) } else { (0, 0) };
    // SAFETY: takes integers only. On Linux, `PRIO_PROCESS` with a thread's number means that thread.
    let done = unsafe { nix::libc::setpriority(nix::libc::PRIO_PROCESS, thread, nice) == 0 };
    // SAFETY: takes integers only.
    let io = unsafe { nix::libc::syscall(nix::libc::SYS_ioprio_set, IO_WHO_PROCESS, thread, io) };
    // Of the disk it is a wish: some kernels know no such classes.
    if io != 0 {
        tracing::trace!(thread, "no priority of its own at the disk");
    }
    done
}

/// `IOPRIO_WHO_PROCESS` and `IOPRIO_CLASS_IDLE` of `linux/ioprio.h`.
const IO_WHO_PROCESS: i32 = 1;
const IO_IDLE: i32 = 3 << 13;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_outside_the_memory_are_not_read() {
        let memory: Vec<u8> = (0..100).collect();
        let rows = |offset, stride| Rows {
            memory: memory.as_ptr(),
            length: memory.len(),
            offset,
            stride,
        };
        let mut to = [0; 16];
        assert!(rows(4, 32).copy(8, &mut to));
        assert_eq!(to, [4, 5, 6, 7, 8, 9, 10, 11, 36, 37, 38, 39, 40, 41, 42, 43]);
        assert!(rows(60, 32).copy(8, &mut to), "up to the last byte");
        for (offset, stride) in [
            (61, 32),
            (0, 93),
            (0, 7),
            (usize::MAX, 32),
            (0, usize::MAX),
            (usize::MAX, usize::MAX),
        ] {
            assert!(!rows(offset, stride).copy(8, &mut to), "{offset} {stride}");
        }
        assert!(!rows(0, 32).copy(8, &mut []));
        assert!(!rows(0, 0).copy(0, &mut to));
    }
}
