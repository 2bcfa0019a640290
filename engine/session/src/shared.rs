//! What the network side and the media thread tell each other.
//!
//! A mailbox of depth one each way: the newest wish wins, nothing queues. Whoever changes a wish wakes the capture
//! afterwards.

use crate::echo::{Echo, Injected};
use crate::encoders::Order;
use crate::pictures::Asked;
use crate::quality::Choice;
use crate::tally::MediaTally;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, Timestamp};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the media thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Touch nothing: nobody watches, and the display may be frozen.
    Idle,
    /// Capture and encode.
    Run,
    /// Return.
    Quit,
}

/// The network side's wishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) mode: Mode,
    /// What the next access unit must be, also of an unchanged picture; taken once.
    pub(crate) asked: Asked,
    /// What the encoder may use.
    pub(crate) target: Bitrate,
    /// Which pictures, and how large.
    pub(crate) choice: Choice,
    /// What the choice is made for, in pixels: the size that the display has, or is to have.
    pub(crate) drawn: (u16, u16),
    /// Who encodes, and who follows.
    pub(crate) order: Order,
    /// Most bytes that the next access unit may have.
    pub(crate) frame_max: ByteCount,
    /// The sender takes no access unit.
    pub(crate) blocked: bool,
    /// The newest access unit that the client has decoded in this attachment; 0: none.
    pub(crate) acknowledged: FrameId,
    /// The client's decoder follows reference invalidation.
    pub(crate) recovery_works: bool,
}

/// See the module.
pub(crate) struct Shared {
    wish: Mutex<Wish>,
    echo: Mutex<Echo>,
    tally: Mutex<MediaTally>,
}

impl Shared {
    pub(crate) fn new(target: Bitrate, order: Order, drawn: (u16, u16)) -> Self {
        let wish = Wish {
            mode: Mode::Idle,
            asked: Asked::default(),
            target,
            choice: Choice::WHOLE,
            drawn,
            order,
            frame_max: ByteCount::new(u64::MAX),
            blocked: false,
            acknowledged: FrameId::new(0),
            recovery_works: true,
        };
        Self {
            wish: Mutex::new(wish),
            echo: Mutex::new(Echo::default()),
            tally: Mutex::new(MediaTally::default()),
        }
    }

    // --- network side ---

    pub(crate) fn wish(&self, change: impl FnOnce(&mut Wish)) {
        change(&mut lock(&self.wish));
    }

    pub(crate) fn on_injected(&self, event: Injected) {
        lock(&self.echo).on_injected(event);
    }

    /// How long the title draws at a picture, from here on.
    pub(crate) fn set_drawing(&self, drawing: Micros) {
        lock(&self.echo).set_drawing(drawing);
    }

    /// What the media thread did since the last call.
    pub(crate) fn take_tally(&self) -> MediaTally {
        std::mem::take(&mut *lock(&self.tally))
    }

    // --- media thread ---

    /// The wishes of this moment; what was asked for is handed over.
    pub(crate) fn take(&self) -> Wish {
        let mut wish = lock(&self.wish);
        let taken = *wish;
        wish.asked = Asked::default();
        taken
    }

    /// Who encodes.
    pub(crate) fn order(&self) -> Order {
        lock(&self.wish).order
    }

    /// The newest input that a picture committed at `at` may answer.
    pub(crate) fn injected_before(&self, at: Timestamp) -> Option<Injected> {
        lock(&self.echo).before(at)
    }

    pub(crate) fn tally(&self, change: impl FnOnce(&mut MediaTally)) {
        change(&mut lock(&self.tally));
    }
}

/// A thread that panicked ends the session anyway; what it left is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
