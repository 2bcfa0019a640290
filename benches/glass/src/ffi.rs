//! The one system call.

/// Asks for a niceness of the calling thread and those it starts; `false` where that is not permitted.
pub(crate) fn set_nice(nice: i32) -> bool {
    // SAFETY: takes three numbers and touches no memory.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) == 0 }
}
