//! Still policy: when to refine a picture that stopped changing, and when to fall silent.

use crate::{AccessUnit, Refine};
use firstlight_units::{Bitrate, Timestamp};

/// What became of a picture that may have stopped changing.
#[derive(Clone, Debug)]
pub struct Still {
    fps: u16,
}

impl Still {
    /// Nothing seen so far, pictures come at `fps` at most.
    #[must_use]
    pub fn new(fps: u16) -> Self {
        Self { fps }
    }

    /// A picture that differs from the one before was encoded, or one that was asked for (an IDR, a recovery).
    pub fn on_changed(&mut self, _now: Timestamp, _unit: &AccessUnit) {
        let _ = self.fps;
    }

    /// A step that [`Self::poll`] gave was encoded.
    pub fn on_refined(&mut self, _now: Timestamp, _unit: &AccessUnit, _target: Bitrate) {}

    /// The step that is due, if one is.
    #[must_use]
    pub fn poll(&self, _now: Timestamp) -> Option<Refine> {
        None
    }

    /// When the next step is due; `None`: silence until the picture changes.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }
}
