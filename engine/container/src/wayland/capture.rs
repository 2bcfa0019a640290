//! Captures and cursors of a Wayland display: what the compositor has put where they find it.

use super::shared::{Listener, Picture, Shared};
use crate::{CursorEvent, Error, Grab, Wait, Waker, clock};
use firstlight_units::Timestamp;
use nix::poll::{PollFd, PollFlags};
use std::os::fd::AsFd;
use std::sync::Arc;

/// Pictures, each as it was committed. Holding one holds up nobody.
#[derive(Debug)]
pub(crate) struct Capture {
    listener: Listener,
    waker: Waker,
    /// What was grabbed last.
    held: Arc<Picture>,
    /// The newest that was told of or grabbed.
    known: u64,
}

impl Capture {
    pub(super) fn open(shared: &Arc<Shared>) -> Result<Self, Error> {
        let listener = Listener::new(shared)?;
        let held = shared.picture()?;
        Ok(Self {
            listener,
            waker: Waker::new()?,
            known: held.number,
            held,
        })
    }

    pub(crate) fn size(&self) -> (u16, u16) {
        self.listener.shared.size()
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    pub(crate) fn wait(&mut self, until: Option<Timestamp>) -> Result<Wait, Error> {
        loop {
            self.listener.bell.take();
            let newest = self.listener.shared.picture()?;
            if newest.number > self.known {
                self.known = newest.number;
                return Ok(Wait::Damage { at: newest.committed });
            }
            drop(newest);
            if self.waker.take() {
                return Ok(Wait::Woken);
            }
            if until.is_some_and(|until| until <= clock::now()) {
                return Ok(Wait::Timeout);
            }
            wait(&[&self.listener.bell, &self.waker], until)?;
        }
    }

    pub(crate) fn grab(&mut self) -> Result<Grab<'_>, Error> {
        let now = clock::now();
        let newest = self.listener.shared.picture()?;
        let fresh = newest.number > self.held.number;
        self.held = newest;
        self.known = self.held.number;
        let (width, height) = self.held.size;
        Ok(Grab {
            pixels: &self.held.pixels,
            stride: usize::from(width) * 4,
            width,
            height,
            committed_at: if fresh { self.held.committed } else { now },
            grabbed_at: now,
            _held: None,
        })
    }
}

/// What the app makes of the pointer.
#[derive(Debug)]
pub(crate) struct Cursor {
    listener: Listener,
    waker: Waker,
    /// Numbers of the shape and of the move that were told last.
    shapes: u64,
    moves: u64,
}

impl Cursor {
    pub(super) fn open(shared: &Arc<Shared>) -> Result<Self, Error> {
        let listener = Listener::new(shared)?;
        let moves = shared.pointer()?.moves;
        Ok(Self {
            listener,
            waker: Waker::new()?,
            shapes: 0,
            moves,
        })
    }

    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    pub(crate) fn wait(&mut self, until: Option<Timestamp>) -> Result<Option<CursorEvent>, Error> {
        loop {
            self.listener.bell.take();
            let pointer = self.listener.shared.pointer()?;
            if pointer.shapes != self.shapes {
                self.shapes = pointer.shapes;
                return Ok(Some(pointer.shape));
            }
            if pointer.moves != self.moves
                && let Some((x, y)) = pointer.moved
            {
                self.moves = pointer.moves;
                return Ok(Some(CursorEvent::Moved { x, y }));
            }
            if self.waker.take() || until.is_some_and(|until| until <= clock::now()) {
                return Ok(None);
            }
            wait(&[&self.listener.bell, &self.waker], until)?;
        }
    }
}

fn wait(bells: &[&Waker; 2], until: Option<Timestamp>) -> Result<(), Error> {
    let mut fds = bells.map(|bell| PollFd::new(bell.as_fd(), PollFlags::POLLIN));
    clock::wait_ready(&mut fds, until).map_err(Error::system("poll"))
}
