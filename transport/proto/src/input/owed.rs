//! Pointer moves that wait to be injected, added up.

use super::receiver::Injection;
use firstlight_wire::EventKind;

/// At most one place and one shift after it. The id is that of the newest move in it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owed {
    to: Option<Injection>,
    by: Option<Injection>,
}

impl Owed {
    /// Adds a move; `true` when it was merged into one that waits. Anything else is left out.
    pub(crate) fn add(&mut self, new: Injection) -> bool {
        let merged = !self.is_empty();
        if matches!(new.event.kind, EventKind::MoveTo { .. }) {
            // A place makes shifts before it void.
            *self = Self {
                to: Some(new),
                by: None,
            };
        } else if let EventKind::MoveBy { dx, dy } = new.event.kind {
            let mut sum = new;
            if let Some(EventKind::MoveBy { dx: x, dy: y }) = self.by.map(|owed| owed.event.kind) {
                sum.event.kind = EventKind::MoveBy {
                    dx: dx.saturating_add(x),
                    dy: dy.saturating_add(y),
                };
            }
            self.by = Some(sum);
        }
        merged
    }

    pub(crate) fn take(&mut self) -> impl Iterator<Item = Injection> + use<> {
        let Self { to, by } = std::mem::take(self);
        to.into_iter().chain(by)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.to.is_none() && self.by.is_none()
    }
}
