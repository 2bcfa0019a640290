//! What has no safe face: the priority of one thread, and a descriptor in tokio's care.
#![expect(unsafe_code, reason = "libc and tokio offer these two only so")]

use crate::alarm::Timer;
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Asks for a niceness for the calling thread alone; `false` where that is not permitted.
pub(crate) fn set_nice(nice: i32) -> bool {
    // SAFETY: takes integers only. On Linux, `PRIO_PROCESS` with 0 means the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) == 0 }
}

/// Puts a timer into the care of the runtime that this is called in.
pub(crate) fn watch(timer: Timer) -> io::Result<AsyncFd<Timer>> {
    // SAFETY: a `Timer` owns its descriptor and names the same one for as long as it lives; it is closed when it is
    // dropped, which `AsyncFd` does after it has let go of it.
    unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }.map_err(io::Error::from)
}
