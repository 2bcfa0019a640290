//! What the display shows, where captures and cursors find it.
//!
//! A mailbox of depth one: the compositor puts the newest picture in, and rings; who comes later finds the newest, and who never comes
//! holds up nobody. A picture is never written to while somebody looks at it.

use super::shapes;
use crate::{CursorEvent, Error, Waker};
use firstlight_units::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// How often Wayland clients that had asked were told that they may draw.
    answered: AtomicU64,
}

#[derive(Debug)]
struct State {
    picture: Arc<Picture>,
    cursor: Pointer,
    listeners: Vec<(u64, Waker)>,
    /// Of the next listener.
    number: u64,
    /// The compositor has ended.
    gone: bool,
}

/// A picture as the encoder takes it: rows without gaps, four bytes a pixel: blue, green, red, unused.
#[derive(Debug)]
pub(super) struct Picture {
    /// Pixels across and down: the screen's, when it was made.
    pub(super) size: (u16, u16),
    pub(super) pixels: Vec<u8>,
    /// When the app committed what is new in it.
    pub(super) committed: Timestamp,
    /// Rises with each; 0 is the empty screen before the first.
    pub(super) number: u64,
}

/// What the app made of the pointer; each change has a number, so that a listener knows what it has told.
#[derive(Clone, Debug)]
pub(super) struct Pointer {
    pub(super) shape: CursorEvent,
    pub(super) shapes: u64,
    /// Shares of the picture, where the app has moved it.
    pub(super) moved: Option<(u16, u16)>,
    pub(super) moves: u64,
}

/// Who is rung when something is new; until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) shared: Arc<Shared>,
    pub(super) bell: Waker,
    number: u64,
}

impl Shared {
    pub(super) fn new(width: u16, height: u16) -> Self {
        Self {
            state: Mutex::new(State {
                picture: Arc::new(Picture::empty((width, height))),
                cursor: Pointer {
                    shape: shapes::arrow().shape(),
                    shapes: 1,
                    moved: None,
                    moves: 0,
                },
                listeners: Vec::new(),
                number: 0,
                gone: false,
            }),
            answered: AtomicU64::new(0),
        }
    }

    /// Of the newest picture.
    pub(super) fn size(&self) -> (u16, u16) {
        self.lock().picture.size
    }

    /// The newest picture.
    ///
    /// # Errors
    /// [`Error::Closed`] when the compositor has ended.
    pub(super) fn picture(&self) -> Result<Arc<Picture>, Error> {
        let state = self.lock();
        if state.gone {
            return Err(Error::Closed);
        }
        Ok(Arc::clone(&state.picture))
    }

    /// What the pointer looks like and where it was put.
    ///
    /// # Errors
    /// [`Error::Closed`] when the compositor has ended.
    pub(super) fn pointer(&self) -> Result<Pointer, Error> {
        let state = self.lock();
        if state.gone {
            return Err(Error::Closed);
        }
        Ok(state.cursor.clone())
    }

    /// Shows a picture from here on.
    pub(super) fn show(&self, picture: Arc<Picture>) {
        let mut state = self.lock();
        state.picture = picture;
        state.ring();
    }

    pub(super) fn set_shape(&self, shape: CursorEvent) {
        let mut state = self.lock();
        if state.cursor.shape != shape {
            state.cursor.shape = shape;
            state.cursor.shapes += 1;
            state.ring();
        }
    }

    pub(super) fn set_moved(&self, x: u16, y: u16) {
        let mut state = self.lock();
        state.cursor.moved = Some((x, y));
        state.cursor.moves += 1;
        state.ring();
    }

    pub(super) fn on_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whoever waits is told that nothing comes any more.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.gone = true;
        state.ring();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is in it is whole at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Picture {
    /// A black screen.
    pub(super) fn empty(size: (u16, u16)) -> Self {
        let bytes = usize::from(size.0) * usize::from(size.1) * 4;
        Self {
            size,
            pixels: vec![0; bytes],
            committed: Timestamp::from_micros(0),
            number: 0,
        }
    }
}

impl State {
    fn ring(&self) {
        for (_, bell) in &self.listeners {
            bell.wake();
        }
    }
}

impl Listener {
    pub(super) fn new(shared: &Arc<Shared>) -> Result<Self, Error> {
        let bell = Waker::new()?;
        let mut state = shared.lock();
        state.number += 1;
        let number = state.number;
        state.listeners.push((number, bell.clone()));
        drop(state);
        Ok(Self {
            shared: Arc::clone(shared),
            bell,
            number,
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let own = self.number;
        self.shared.lock().listeners.retain(|(number, _)| *number != own);
    }
}
