//! The player's gamepads, as the app sees them.
//!
//! An event says all of a pad at its moment, so nothing of it is ever guessed. The pressed state takes away what it does not name, a
//! button or a whole pad, and has the newest place of sticks and triggers; it presses no button and plugs in no pad that no event did.

use super::receiver::Cause;
use firstlight_wire::{Input, PADS_MAX, Pad};

/// At most four pads.
#[derive(Clone, Debug)]
pub(crate) struct Pads {
    seen: [Pad; PADS_MAX],
    /// Buttons that silence released.
    lapsed: [u32; PADS_MAX],
}

impl Default for Pads {
    fn default() -> Self {
        Self {
            seen: [0, 1, 2, 3].map(|pad| Pad::at_rest(pad, false)),
            lapsed: [0; PADS_MAX],
        }
    }
}

impl Pads {
    /// Takes an event of the player: `false` when there is no such pad or the app sees it like that already.
    pub(crate) fn take(&mut self, pad: Pad) -> bool {
        if let Some(lapsed) = self.lapsed.get_mut(usize::from(pad.pad)) {
            *lapsed = 0;
        }
        self.seen
            .get_mut(usize::from(pad.pad))
            .is_some_and(|seen| std::mem::replace(seen, pad) != pad)
    }

    /// What the newest pressed state makes of one of the pads: asked until nothing comes.
    pub(crate) fn poll_state(&mut self, state: &Input<'_>) -> Option<(Pad, Cause)> {
        for (seen, lapsed) in self.seen.iter_mut().zip(&mut self.lapsed) {
            let told = state.pads().find(|told| told.pad == seen.pad);
            let next = match told.filter(|told| told.plugged && seen.plugged) {
                Some(told) => Pad {
                    buttons: (seen.buttons | *lapsed) & told.buttons,
                    ..told
                },
                None => Pad::at_rest(seen.pad, false),
            };
            *lapsed = 0;
            let restored = next.buttons & !seen.buttons != 0;
            if std::mem::replace(seen, next) != next {
                return Some((next, if restored { Cause::Restored } else { Cause::State }));
            }
        }
        None
    }

    /// Lets go of one pad that is not at rest: asked until nothing comes. After silence its buttons may come back.
    pub(crate) fn poll_rest(&mut self, cause: Cause) -> Option<Pad> {
        let (seen, lapsed) = self
            .seen
            .iter_mut()
            .zip(&mut self.lapsed)
            .find(|(seen, _)| !seen.is_at_rest())?;
        *lapsed = if cause == Cause::Silence { seen.buttons } else { 0 };
        *seen = Pad::at_rest(seen.pad, seen.plugged);
        Some(*seen)
    }

    /// Forgets what silence released.
    pub(crate) const fn forget_lapsed(&mut self) {
        self.lapsed = [0; PADS_MAX];
    }

    /// Whether nobody touches any of them.
    pub(crate) fn are_at_rest(&self) -> bool {
        self.seen.iter().all(Pad::is_at_rest)
    }
}
