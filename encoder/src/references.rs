//! Which access units the next one may be predicted from: the encoder's picture buffer, by frame id.

use firstlight_units::FrameId;

/// Pictures the buffer holds. The most that H.264 allows: up to 15 may be lost and the 16th still serves.
pub(crate) const REFERENCES: usize = 16;

/// The newest access units since the last IDR, oldest first.
#[derive(Clone, Debug)]
pub(crate) struct References {
    held: [Held; REFERENCES],
    /// How many the encoder's buffer holds.
    room: usize,
    count: usize,
    idr: FrameId,
}

impl Default for References {
    fn default() -> Self {
        Self::holding(REFERENCES)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Held {
    frame: FrameId,
    lost: bool,
}

impl References {
    /// Of an encoder that keeps `room` pictures, 1 to [`REFERENCES`].
    pub(crate) fn holding(room: usize) -> Self {
        Self {
            held: [Held::default(); REFERENCES],
            room: room.clamp(1, REFERENCES),
            count: 0,
            idr: FrameId::default(),
        }
    }

    /// `frame` was encoded; an IDR empties the buffer first.
    pub(crate) fn push(&mut self, frame: FrameId, idr: bool) {
        if idr {
            (self.count, self.idr) = (0, frame);
        }
        if self.count == self.room {
            self.held.rotate_left(1);
            self.count -= 1;
        }
        if let Some(slot) = self.held.get_mut(self.count) {
            *slot = Held { frame, lost: false };
            self.count += 1;
        }
    }

    /// The access unit `n` before the one that is encoded next.
    pub(crate) fn back(&self, n: usize) -> Option<FrameId> {
        let index = self.count.checked_sub(n)?;
        self.held.get(index).filter(|_| n > 0).map(|h| h.frame)
    }

    /// What [`Self::invalidate`] would give up, oldest first.
    pub(crate) fn since(&self, first_lost: FrameId) -> impl Iterator<Item = FrameId> + '_ {
        let held = self.held.get(..self.count).unwrap_or_default();
        let concerned = first_lost >= self.idr;
        let given_up = move |h: &&Held| concerned && !h.lost && h.frame >= first_lost;
        held.iter().filter(given_up).map(|h| h.frame)
    }

    /// Gives up `first_lost` and all after it, up to the next IDR: what follows that does not depend on them. False:
    /// none is left.
    pub(crate) fn invalidate(&mut self, first_lost: FrameId) -> bool {
        if first_lost < self.idr {
            return true;
        }
        let held = self.held.get_mut(..self.count).unwrap_or_default();
        for one in held.iter_mut().filter(|h| h.frame >= first_lost) {
            one.lost = true;
        }
        held.iter().any(|h| !h.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(n: u64) -> References {
        let mut r = References::default();
        for i in 1..=n {
            r.push(FrameId::new(i), i == 1);
        }
        r
    }

    #[test]
    fn the_sixteenth_last_still_serves_and_the_seventeenth_does_not() {
        assert!(after(40).invalidate(FrameId::new(26)));
        assert!(!after(40).invalidate(FrameId::new(25)));
    }

    #[test]
    fn an_idr_leaves_nothing_before_it() {
        let mut r = after(5);
        r.push(FrameId::new(6), true);
        assert_eq!((r.back(1), r.back(2)), (Some(FrameId::new(6)), None));
    }

    #[test]
    fn a_loss_before_the_idr_takes_nothing_after_it() {
        let mut r = after(5);
        r.push(FrameId::new(6), true);
        assert!(r.invalidate(FrameId::new(3)));
        assert!(!r.invalidate(FrameId::new(6)));
    }

    #[test]
    fn a_smaller_buffer_serves_fewer() {
        let mut r = References::holding(4);
        for i in 1..=20 {
            r.push(FrameId::new(i), i == 1);
        }
        assert_eq!((r.back(4), r.back(5)), (Some(FrameId::new(17)), None));
        assert_eq!(r.since(FrameId::new(19)).count(), 2);
        assert!(r.invalidate(FrameId::new(18)));
        assert!(!r.invalidate(FrameId::new(17)));
    }

    #[test]
    fn what_was_lost_stays_lost() {
        let mut r = after(5);
        assert!(r.invalidate(FrameId::new(4)));
        r.push(FrameId::new(6), false);
        assert!(r.invalidate(FrameId::new(6)));
        assert!(!r.invalidate(FrameId::new(1)));
    }
}
