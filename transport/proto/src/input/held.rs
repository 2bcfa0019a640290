//! The keys and pointer buttons that are down.

use firstlight_wire::{EventKind, INPUT_PRESSED_MAX, Input};

/// A key or a pointer button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A Linux input event code.
    Key(u16),
    /// 1 to 16.
    Button(u8),
}

impl Key {
    /// The key with this code, if it is one.
    pub(crate) fn of_code(code: u16) -> Option<Self> {
        (1..=KEY_MAX).contains(&code).then_some(Self::Key(code))
    }

    /// The button with this number, if it is one.
    pub(crate) fn of_button(number: u8) -> Option<Self> {
        (1..=BUTTON_MAX).contains(&number).then_some(Self::Button(number))
    }

    pub(crate) const fn down(self) -> EventKind {
        match self {
            Self::Key(code) => EventKind::KeyDown(code),
            Self::Button(number) => EventKind::ButtonDown(number),
        }
    }

    pub(crate) const fn up(self) -> EventKind {
        match self {
            Self::Key(code) => EventKind::KeyUp(code),
            Self::Button(number) => EventKind::ButtonUp(number),
        }
    }

    /// Whether the state of a datagram says that it is down.
    pub(crate) fn is_down_in(self, state: &Input<'_>) -> bool {
        match self {
            Self::Key(code) => state.pressed().any(|pressed| pressed == code),
            Self::Button(number) => state.buttons & mask(number) != 0,
        }
    }
}

/// What is down, in the order in which it was pressed; at most 32 keys and 16 buttons.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    keys: Vec<u16>,
    buttons: u16,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            keys: Vec::with_capacity(INPUT_PRESSED_MAX),
            buttons: 0,
        }
    }
}

impl Held {
    pub(crate) const fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.buttons == 0
    }

    /// `false` when it was down already or the most keys are.
    pub(crate) fn press(&mut self, key: Key) -> bool {
        let fresh = match key {
            Key::Key(code) => !self.keys.contains(&code) && self.keys.len() < INPUT_PRESSED_MAX,
            Key::Button(number) => self.buttons & mask(number) == 0,
        };
        if fresh {
            match key {
                Key::Key(code) => self.keys.push(code),
                Key::Button(number) => self.buttons |= mask(number),
            }
        }
        fresh
    }

    /// `false` when it was not down.
    pub(crate) fn release(&mut self, key: Key) -> bool {
        match key {
            Key::Key(code) => {
                let at = self.keys.iter().position(|held| *held == code);
                at.map(|at| self.keys.remove(at)).is_some()
            }
            Key::Button(number) => {
                let was = self.buttons & mask(number) != 0;
                self.buttons &= !mask(number);
                was
            }
        }
    }

    /// Takes out one that `release` is true for: buttons first, then the key pressed last, so that a modifier outlives
    /// what it modifies.
    pub(crate) fn pop_where(&mut self, release: impl Fn(Key) -> bool) -> Option<Key> {
        let key = (1..=BUTTON_MAX)
            .filter(|number| self.buttons & mask(*number) != 0)
            .map(Key::Button)
            .chain(self.keys.iter().rev().copied().map(Key::Key))
            .find(|key| release(*key))?;
        self.release(key);
        Some(key)
    }

    /// Takes out the one that was pressed first: keys, then buttons.
    pub(crate) fn pop_first(&mut self) -> Option<Key> {
        let button = || {
            (1..=BUTTON_MAX)
                .find(|number| self.buttons & mask(*number) != 0)
                .map(Key::Button)
        };
        let key = self.keys.first().copied().map(Key::Key).or_else(button)?;
        self.release(key);
        Some(key)
    }

    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.buttons = 0;
    }

    pub(crate) fn keys(&self) -> &[u16] {
        &self.keys
    }

    /// Bit n−1: button n.
    pub(crate) const fn buttons(&self) -> u16 {
        self.buttons
    }
}

const fn mask(number: u8) -> u16 {
    1 << (number - 1)
}

/// The highest Linux input event code (`KEY_MAX` of `linux/input-event-codes.h`).
const KEY_MAX: u16 = 0x2FF;
/// As many as the datagram has bits for.
const BUTTON_MAX: u8 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pressed_last_goes_up_first() {
        let mut held = Held::default();
        for key in [Key::Key(42), Key::Key(30), Key::Button(16)] {
            assert!(held.press(key));
            assert!(!held.press(key));
        }
        assert_eq!(held.pop_where(|key| key != Key::Button(16)), Some(Key::Key(30)));
        assert_eq!(held.pop_where(|_| true), Some(Key::Button(16)));
        assert_eq!(held.pop_first(), Some(Key::Key(42)));
        assert!(held.is_empty());
        assert_eq!(held.pop_first(), None);
    }

    #[test]
    fn only_so_many_keys_are_held() {
        let mut held = Held::default();
        let pressed = (1..=100).filter(|code| held.press(Key::Key(*code))).count();
        assert_eq!(pressed, INPUT_PRESSED_MAX);
        assert!(held.release(Key::Key(1)));
        assert!(!held.release(Key::Key(1)));
        assert!(held.press(Key::Key(100)));
    }

    #[test]
    fn codes_outside_the_ranges_are_no_keys() {
        assert_eq!((Key::of_code(0), Key::of_code(0x300)), (None, None));
        assert_eq!((Key::of_button(0), Key::of_button(17)), (None, None));
        assert_eq!(
            (Key::of_code(0x2FF), Key::of_button(16)),
            (Some(Key::Key(0x2FF)), Some(Key::Button(16)))
        );
    }
}
