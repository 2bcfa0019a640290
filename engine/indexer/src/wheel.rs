//! When hosts are overdue: a timing wheel with lazy re-arming.
//!
//! A host has one entry, in the slot of a deadline that was its own when it was put there. A beat only moves the deadline that
//! the host's record holds; when the wheel comes to the entry, it is put where it belongs by then. So a beat costs the wheel
//! nothing, and a host costs it four bytes.

use firstlight_units::{Micros, Timestamp};

/// Entries by deadline.
#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Vec<Vec<u32>>,
    /// The next tick that was not looked at.
    next: u64,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![Vec::new(); SLOTS],
            next: 0,
        }
    }

    /// Puts `entry` where it is found at `deadline`, or earlier.
    pub(crate) fn arm(&mut self, entry: u32, deadline: Timestamp) {
        let tick = tick(deadline).clamp(self.next, self.next + SLOTS as u64 - 1);
        if let Some(slot) = self.slot(tick) {
            slot.push(entry);
        }
    }

    /// Takes out every entry whose slot has come; the caller arms again those whose deadline is later.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<u32> {
        let until = tick(now);
        let mut due = Vec::new();
        // After a long pause, once around is all there is.
        let first = self.next.max(until.saturating_sub(SLOTS as u64 - 1));
        for tick in first..=until {
            if let Some(slot) = self.slot(tick) {
                due.append(slot);
            }
        }
        if until >= self.next {
            self.next = until + 1;
        }
        due
    }

    fn slot(&mut self, tick: u64) -> Option<&mut Vec<u32>> {
        let at = usize::try_from(tick % SLOTS as u64).unwrap_or(0);
        self.slots.get_mut(at)
    }
}

const fn tick(at: Timestamp) -> u64 {
    at.as_micros() / TICK.as_micros()
}

/// Fine enough for "within seconds".
pub(crate) const TICK: Micros = Micros::from_millis(250);
/// A turn of four minutes; later deadlines are looked at once a turn.
const SLOTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    #[test]
    fn entries_come_in_their_turn_and_once() {
        let mut wheel = Wheel::new();
        wheel.arm(1, at(1_000));
        wheel.arm(2, at(2_000));
        assert!(wheel.due(at(500)).is_empty());
        assert_eq!(wheel.due(at(1_000)), [1]);
        assert_eq!(wheel.due(at(60_000)), [2]);
        assert!(wheel.due(at(600_000)).is_empty());
    }

    #[test]
    fn a_deadline_beyond_a_turn_is_found_before_it() {
        let mut wheel = Wheel::new();
        wheel.arm(1, at(10_000_000));
        assert_eq!(wheel.due(at(300_000)), [1]);
    }

    proptest! {
        /// Whatever is armed comes out by the tick after its deadline, whatever the steps of time.
        #[test]
        fn nothing_is_forgotten(deadlines in prop::collection::vec(0u64..200_000, 1..50), step in 1u64..30_000) {
            let mut wheel = Wheel::new();
            for (n, deadline) in (0u32..).zip(&deadlines) {
                wheel.arm(n, at(*deadline));
            }
            let mut seen = Vec::new();
            let mut now = 0;
            while now < 260_000 {
                seen.extend(wheel.due(at(now)));
                now += step;
                for (n, deadline) in (0u32..).zip(&deadlines) {
                    prop_assert!(seen.contains(&n) || deadline + step + 250 >= now - step);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen.len(), deadlines.len());
        }
    }
}
