//! Another size of the screen, while programs run on it.
//!
//! ```text
//! order ─> output's mode, X server, a configure for each window ─> the topmost has drawn it, or its time is over ─> pictures of the size
//! ```
//!
//! Until then everything is as it was: no picture shows a window of the one size on a screen of the other, unless a program does not do
//! what it is asked.

use super::state::{State, mode};
use super::windows::geometry;
use crate::clock;
use firstlight_units::{Micros, Timestamp};

/// A size that the screen is to have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resizing {
    to: (u16, u16),
    until: Timestamp,
}

impl Resizing {
    /// It has the size at this moment at the latest.
    pub(super) const fn until(&self) -> Timestamp {
        self.until
    }
}

impl State {
    /// The screen is to have so many pixels across and down.
    pub(super) fn resize(&mut self, to: (u16, u16)) {
        if to == self.asked_size() {
            return;
        }
        let refresh = self.output.current_mode().map_or(0, |mode| mode.refresh);
        let (before, mode) = (self.output.current_mode(), mode(to, refresh));
        self.output.set_preferred(mode);
        self.output.change_current_state(Some(mode), None, None, None);
        if let Some(before) = before.filter(|before| *before != mode) {
            self.output.delete_mode(before);
        }
        let until = clock::now() + PATIENCE;
        self.resizing = Some(Resizing { to, until });
        for toplevel in self.xdg_shell.toplevel_surfaces() {
            // Who was not answered yet will be, with this size.
            if toplevel.is_initial_configure_sent() {
                self.ask_to_fill(toplevel);
            }
        }
        if let Some(Err(error)) = self.x.as_mut().map(|wm| wm.set_screen(to)) {
            // The container sees that the server's process has ended.
            tracing::warn!(%error, "the X server's windows keep their size");
        }
        self.settle_size(clock::now());
    }

    /// The size that windows are asked to have.
    pub(super) fn asked_size(&self) -> (u16, u16) {
        let resizing = self.resizing.as_ref();
        resizing.map_or_else(|| self.windows.size(), |resizing| resizing.to)
    }

    /// Gives the screen the size that it is to have, if it is time.
    pub(super) fn settle_size(&mut self, now: Timestamp) {
        let Some(Resizing { to, until }) = self.resizing else {
            return;
        };
        let size = (i32::from(to.0), i32::from(to.1)).into();
        let top = self.windows.top();
        let fills = top.is_none_or(|window| geometry(&window.surface).size == size);
        if !fills && now < until {
            return;
        }
        self.resizing = None;
        if let Err(error) = self.painter.set_size(to) {
            tracing::warn!(%error, "the screen keeps its size");
            return;
        }
        self.windows.set_size(to);
        let pointer = self.on_screen(self.pointer.current_location());
        self.pointer.set_location(pointer);
        self.on_restacked();
    }
}

/// A game lays itself out within some pictures; one that has not by then is shown as it is.
const PATIENCE: Micros = Micros::from_millis(500);
