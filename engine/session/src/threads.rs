//! Starts the worker's threads and turns their end into a message.

use crate::{Error, ffi};
use std::panic::AssertUnwindSafe;
use std::thread::JoinHandle;
use tokio::sync::mpsc;

/// Runs `body` in a thread of its own; an error or a panic in it goes to `faults`.
pub(crate) fn spawn(
    name: &'static str,
    nice: i32,
    faults: mpsc::Sender<Error>,
    body: impl FnOnce() -> Result<(), Error> + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            if !ffi::set_nice(nice) {
                tracing::debug!(name, "no permission to raise a thread's priority");
            }
            let result = std::panic::catch_unwind(AssertUnwindSafe(body));
            if let Err(error) = result.unwrap_or(Err(Error::ThreadDied(name))) {
                // Full, or nobody listens: the session ends for another fault already.
                drop(faults.try_send(error));
            }
        })
        .map_err(|source| Error::Start { what: name, source })
}

/// Above the app, which would otherwise take the processor for as long as it likes.
pub(crate) const NICE: i32 = -10;
/// Sound is late after 10 ms, as a picture is after 16.
pub(crate) const NICE_AUDIO: i32 = -11;
