//! What each access unit predicts from, known before it is encoded: its first slice leaves with it.

use firstlight_units::FrameId;
use std::collections::VecDeque;

/// The access units that may still be predicted from, as the encoder keeps them.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    usable: VecDeque<FrameId>,
    idr: FrameId,
    newest: FrameId,
}

impl Chain {
    /// Nothing from `first_lost` on is predicted from any more, up to the next IDR: what follows that never was.
    pub(crate) fn invalidate(&mut self, first_lost: FrameId) {
        if first_lost < self.idr {
            return;
        }
        while self.usable.back().is_some_and(|newest| *newest >= first_lost) {
            self.usable.pop_back();
        }
    }

    /// From where on nothing may be predicted from, of a loss that was told of before the client had decoded up to `acknowledged`. None: it
    /// has all there is, what was missing having come after all.
    pub(crate) fn still_lost(&self, first_lost: FrameId, acknowledged: FrameId) -> Option<FrameId> {
        let first_lost = first_lost.max(acknowledged.next());
        (first_lost <= self.newest).then_some(first_lost)
    }

    /// What `frame` will predict from; itself for an IDR.
    pub(crate) fn reference(&self, frame: FrameId, idr: bool) -> FrameId {
        self.usable.back().copied().filter(|_| !idr).unwrap_or(frame)
    }

    /// Whether only an IDR can follow.
    pub(crate) fn is_empty(&self) -> bool {
        self.usable.is_empty()
    }

    /// An access unit was encoded.
    pub(crate) fn on_encoded(&mut self, frame: FrameId, idr: bool) {
        if idr {
            self.usable.clear();
            self.idr = frame;
        }
        if self.usable.len() == REFERENCES_MAX {
            self.usable.pop_front();
        }
        self.usable.push_back(frame);
        self.newest = frame;
    }
}

/// The size of the encoder's picture buffer (facts: a DPB of 16 costs no search time).
const REFERENCES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const fn frame(n: u64) -> FrameId {
        FrameId::new(n)
    }

    #[test]
    fn a_recovery_predicts_from_before_the_loss_and_a_second_one_from_before_both() {
        let mut chain = Chain::default();
        assert!(chain.is_empty());
        (1..=10).for_each(|n| chain.on_encoded(frame(n), n == 1));
        assert_eq!(chain.reference(frame(11), false), frame(10));
        chain.invalidate(frame(8));
        assert_eq!(chain.reference(frame(11), false), frame(7));
        chain.on_encoded(frame(11), false);
        chain.invalidate(frame(11));
        assert_eq!(chain.reference(frame(12), false), frame(7));
    }

    #[test]
    fn what_came_after_all_is_not_lost() {
        let mut chain = Chain::default();
        (1..=10).for_each(|n| chain.on_encoded(frame(n), n == 1 || n == 9));
        assert_eq!(chain.still_lost(frame(9), frame(8)), Some(frame(9)));
        assert_eq!(chain.still_lost(frame(9), frame(9)), Some(frame(10)));
        assert_eq!(chain.still_lost(frame(9), frame(10)), None);
    }

    #[test]
    fn an_idr_predicts_from_itself_and_nothing_crosses_it() {
        let mut chain = Chain::default();
        (1..=40).for_each(|n| chain.on_encoded(frame(n), n % 20 == 0));
        assert_eq!(chain.reference(frame(41), true), frame(41));
        chain.invalidate(frame(30));
        assert_eq!(chain.reference(frame(41), false), frame(40));
        chain.invalidate(frame(40));
        assert!(chain.is_empty());
    }
}
