//! The fingers that are on the player's screen.

use firstlight_wire::{CONTACTS_MAX, Phase, Touch};

/// At most ten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contacts(u16);

impl Contacts {
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Bit n: finger n.
    pub(crate) const fn mask(self) -> u16 {
        self.0
    }

    /// Whether all of them are in `mask`.
    pub(crate) const fn are_in(self, mask: u16) -> bool {
        self.0 & !mask == 0
    }

    pub(crate) const fn has(self, contact: u8) -> bool {
        contact < CONTACTS_MAX && self.0 & 1 << contact != 0
    }

    pub(crate) const fn clear(&mut self) {
        self.0 = 0;
    }

    /// Takes what a finger did; `false` when that cannot be: it is there already, was never there, or does not exist.
    pub(crate) fn take(&mut self, touch: Touch) -> bool {
        let Touch { contact, phase, .. } = touch;
        let can = match phase {
            Phase::Down => contact < CONTACTS_MAX && !self.has(contact),
            Phase::Move | Phase::Up => self.has(contact),
            Phase::Cancel => !self.is_empty(),
        };
        match phase {
            Phase::Down if can => self.0 |= 1 << contact,
            Phase::Up if can => self.0 &= !(1 << contact),
            Phase::Cancel => self.clear(),
            Phase::Down | Phase::Up | Phase::Move => {}
        }
        can
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn touch(contact: u8, phase: Phase) -> Touch {
        Touch {
            contact,
            phase,
            x: 0,
            y: 0,
        }
    }

    #[test]
    fn a_finger_comes_before_it_moves_or_goes() {
        let mut contacts = Contacts::default();
        assert!(!contacts.take(touch(0, Phase::Move)) && !contacts.take(touch(0, Phase::Up)));
        assert!(contacts.take(touch(0, Phase::Down)) && !contacts.take(touch(0, Phase::Down)));
        assert!(contacts.take(touch(9, Phase::Down)) && !contacts.take(touch(10, Phase::Down)));
        assert_eq!(contacts.mask(), 0b10_0000_0001);
        assert!(contacts.take(touch(0, Phase::Up)) && contacts.take(touch(9, Phase::Move)));
        assert!(contacts.take(Touch::CANCEL) && !contacts.take(Touch::CANCEL));
        assert!(contacts.is_empty());
    }
}
