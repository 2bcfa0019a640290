//! Which input a picture may answer: a short history of injections.

use firstlight_units::{InputId, Micros, Timestamp};
use std::collections::VecDeque;

/// One injected event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Injected {
    pub(crate) id: InputId,
    pub(crate) arrived: Timestamp,
    pub(crate) injected: Timestamp,
}

/// The newest injections, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    recent: VecDeque<Injected>,
    /// How long the title draws at a picture.
    drawing: Micros,
}

impl Echo {
    pub(crate) fn on_injected(&mut self, event: Injected) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(event);
    }

    pub(crate) fn set_drawing(&mut self, drawing: Micros) {
        self.drawing = drawing;
    }

    /// The newest event that was injected before the title began with the picture that it committed at `at`.
    pub(crate) fn before(&self, at: Timestamp) -> Option<Injected> {
        self.recent
            .iter()
            .rev()
            .find(|event| event.injected + self.drawing <= at)
            .copied()
    }
}

/// The fields of a frame's trace that come from here.
pub(crate) fn since(event: Option<Injected>, committed: Timestamp) -> (u32, u32, u32) {
    event.map_or((0, u32::MAX, 0), |e| {
        let wait: Micros = e.injected - e.arrived;
        (
            e.id.low(),
            (committed - e.injected).as_u32().min(u32::MAX - 1),
            wait.as_u32(),
        )
    })
}

/// Events that can be injected between a commit and its capture: far fewer.
const RECENT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64, us: u64) -> Injected {
        Injected {
            id: InputId::new(id),
            arrived: Timestamp::from_micros(us - 2),
            injected: Timestamp::from_micros(us),
        }
    }

    #[test]
    fn a_picture_that_was_being_drawn_does_not_answer_what_came_meanwhile() {
        let mut echo = Echo::default();
        echo.on_injected(event(1, 100));
        echo.on_injected(event(2, 200));
        echo.set_drawing(Micros::new(30));
        assert_eq!(echo.before(Timestamp::from_micros(229)), Some(event(1, 100)));
        assert_eq!(echo.before(Timestamp::from_micros(230)), Some(event(2, 200)));
    }

    #[test]
    fn a_picture_never_answers_an_event_from_after_it() {
        let mut echo = Echo::default();
        echo.on_injected(event(1, 100));
        echo.on_injected(event(2, 200));
        let at = Timestamp::from_micros(150);
        assert_eq!(echo.before(at), Some(event(1, 100)));
        assert_eq!(since(echo.before(at), at), (1, 50, 2));
        assert_eq!(
            since(echo.before(Timestamp::from_micros(50)), at),
            (0, u32::MAX, 0)
        );
    }
}
