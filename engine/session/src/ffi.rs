//! What has no safe face: the priority of one thread.
#![expect(unsafe_code, reason = "libc offers it only so")]

/// Asks for a niceness for the calling thread alone; `false` where that is not permitted.
pub(crate) fn set_nice(nice: i32) -> bool {
    // SAFETY: takes integers only. On Linux, `PRIO_PROCESS` with 0 means the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) == 0 }
}
