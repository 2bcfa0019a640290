//! The hold on when clients are told that they may draw.

use super::shared::Shared;
use super::{Order, Sink};
use crate::Error;
use firstlight_units::Ticks;
use std::sync::Arc;

/// When a display's clients are told that they may draw the next picture. By itself it goes at the title's rate, in the app's own phase.
#[derive(Clone, Debug)]
pub(crate) struct FrameClock {
    sink: Sink,
    shared: Arc<Shared>,
}

impl FrameClock {
    pub(super) fn new(sink: &Sink, shared: &Arc<Shared>) -> Self {
        Self {
            sink: sink.clone(),
            shared: Arc::clone(shared),
        }
    }

    /// Lets clients be told by these ticks from here on; `None`: as by itself. While an app draws it goes over to them by a half percent of
    /// the period at most, each time ([`Ticks::approach`]).
    ///
    /// # Errors
    /// [`Error::Closed`] when the display has ended.
    pub(crate) fn follow(&self, ticks: Option<Ticks>) -> Result<(), Error> {
        self.sink.order(Order::Follow(ticks))
    }

    /// How often Wayland clients were told, because they had asked, since the display started. What draws without asking does not heed the
    /// clock; an X server always asks, whatever its clients do, and is left out.
    pub(crate) fn answered(&self) -> u64 {
        self.shared.answered()
    }
}
