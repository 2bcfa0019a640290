//! What has no safe face: a descriptor in tokio's care.
#![expect(unsafe_code, reason = "tokio offers it only so")]

use crate::alarm::Timer;
use std::io;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Puts a timer into the care of the runtime that this is called in.
pub(crate) fn watch(timer: Timer) -> io::Result<AsyncFd<Timer>> {
    // SAFETY: a `Timer` owns its descriptor and names the same one for as long as it lives; it is closed when it is
    // dropped, which `AsyncFd` does after it has let go of it.
    unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }.map_err(io::Error::from)
}
