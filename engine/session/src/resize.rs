//! The resize thread: an app may hold an X server up for as long as it likes, and nobody else waits for that.
//!
//! A mailbox of depth one: the newest size wins.

use crate::Error;
use crate::window::Size;
use firstlight_container::{Resizer, Waker};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Asks for sizes.
pub(crate) struct Asker {
    newest: Arc<Mutex<Size>>,
    bell: SyncSender<()>,
}

/// Hears of them; `None` where nobody is left who could ask.
pub(crate) struct Asked {
    newest: Arc<Mutex<Size>>,
    bell: Receiver<()>,
}

/// Both ends.
pub(crate) fn mailbox() -> (Asker, Asked) {
    let newest = Arc::new(Mutex::new((0, 0)));
    let (ring, bell) = sync_channel(1);
    let asker = Asker {
        newest: Arc::clone(&newest),
        bell: ring,
    };
    (asker, Asked { newest, bell })
}

impl Asker {
    pub(crate) fn ask(&self, size: Size) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = size;
        // Full: it is heard with the ring before. Closed: the display is gone, and the session with it.
        if let Err(error) = self.bell.try_send(()) {
            tracing::trace!(%error, "nobody waits for a size");
        }
    }
}

impl Iterator for Asked {
    type Item = Size;

    fn next(&mut self) -> Option<Size> {
        self.bell.recv().ok()?;
        Some(*self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Gives the display each size that is asked for, and wakes the capture, until nobody is left who could ask.
pub(crate) fn run(mut resizer: Resizer, asked: Asked, waker: &Waker) -> Result<(), Error> {
    for (width, height) in asked {
        resizer.resize(width, height)?;
        waker.wake();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_slow_hears_of_the_newest_alone_and_of_the_end() {
        let (asker, mut asked) = mailbox();
        for width in [640, 800, 1024] {
            asker.ask((width, 600));
        }
        assert_eq!(asked.next(), Some((1024, 600)));
        asker.ask((320, 180));
        assert_eq!(asked.next(), Some((320, 180)));
        drop(asker);
        assert_eq!(asked.next(), None);
    }
}
