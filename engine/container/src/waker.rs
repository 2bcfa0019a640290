//! Waking a capture that waits.

use crate::Error;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Wakes the [`Capture`](crate::Capture) it came from; may be cloned and sent to other threads.
#[derive(Clone, Debug)]
pub struct Waker {
    event: Arc<EventFd>,
}

impl Waker {
    pub(crate) fn new() -> Result<Self, Error> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let event = EventFd::from_flags(flags).map_err(Error::system("eventfd"))?;
        Ok(Self {
            event: Arc::new(event),
        })
    }

    /// Makes the present or next [`Capture::wait`](crate::Capture::wait) return. Several calls may wake it once.
    pub fn wake(&self) {
        // It only fails when 2^64 - 2 wakes are pending; one is enough.
        if let Err(error) = self.event.write(1) {
            tracing::trace!(%error, "a wake was already pending");
        }
    }

    /// Whether a wake was pending; takes it.
    pub(crate) fn take(&self) -> bool {
        self.event.read().is_ok()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
