//! What other threads leave for the clipboard: a slot for each thing, where the newest counts.

use super::CLIPBOARD_BYTES_MAX;
use crate::{Error, Waker};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    news: Arc<Mutex<News>>,
    /// Rung with each change.
    pub(super) bell: Waker,
}

/// What is new since it was last taken.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Somebody takes it.
    open: bool,
    /// What the player pasted, and under which number.
    pub(super) pasted: Option<(u32, Arc<str>)>,
    /// What a Wayland program copied comes out of this.
    pub(super) offered: Option<OwnedFd>,
    /// What Wayland programs want to read, and where.
    pub(super) asked: Vec<(OwnedFd, Arc<str>)>,
}

impl Board {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self {
            news: Arc::default(),
            bell: Waker::new()?,
        })
    }

    /// From here on somebody takes what comes.
    pub(super) fn open(&self) {
        self.lock().open = true;
    }

    pub(super) fn take(&self) -> News {
        self.bell.take();
        let mut news = self.lock();
        let open = news.open;
        std::mem::replace(
            &mut *news,
            News {
                open,
                ..News::default()
            },
        )
    }

    pub(super) fn paster(&self) -> Paster {
        Paster(self.clone())
    }

    /// Whether anybody wants to know what programs copy.
    pub(crate) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// A program writes what it copied into the other end of this pipe.
    pub(crate) fn offer(&self, pipe: OwnedFd) {
        self.lock().offered = Some(pipe);
        self.bell.wake();
    }

    /// A program reads this text from the other end. One that asks more often than it is answered finds nothing.
    pub(crate) fn ask(&self, pipe: OwnedFd, text: Arc<str>) {
        let mut news = self.lock();
        if news.asked.len() < ASKED_MAX {
            news.asked.push((pipe, text));
        }
        drop(news);
        self.bell.wake();
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        // What is in it is whole at any time.
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pastes from any thread.
#[derive(Clone, Debug)]
pub struct Paster(Board);

impl Paster {
    /// Puts `text` on the clipboard of the title's programs. [`ClipboardEvent::Pasted`](super::ClipboardEvent::Pasted) with `serial` tells that it
    /// is there; of several that come faster than that, the newest counts. `false`, and nothing happens, where it is empty or has more than
    /// [`CLIPBOARD_BYTES_MAX`] bytes.
    pub fn paste(&self, serial: u32, text: &str) -> bool {
        if !(1..=CLIPBOARD_BYTES_MAX).contains(&text.len()) {
            return false;
        }
        self.0.lock().pasted = Some((serial, text.into()));
        self.0.bell.wake();
        true
    }
}

/// Between two turns of whoever answers, which are a millisecond apart.
const ASKED_MAX: usize = 16;
