//! Typing what no key stands for: a key that has no sign is given one, and pressed.
//!
//! Programs of X hear of a key by its number and look up the sign themselves, some time later. So a key that was given a sign keeps it for as
//! long as there are others to be had, and what the layout has anyway is typed by the layout's own key.

use crate::Error;
use std::collections::VecDeque;
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ConnectionExt as _, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, Keycode, Keysym, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Typist {
    layout: Option<Layout>,
}

/// What the keys stand for.
#[derive(Debug)]
struct Layout {
    first: Keycode,
    /// Signs for each key.
    each: usize,
    signs: Vec<Keysym>,
    /// Keys that were given a sign, or may be: those that are to be given the next one first.
    given: VecDeque<(Keysym, Keycode)>,
}

/// A key to press, and what must be down with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Press {
    Key {
        code: Keycode,
        shift: bool,
    },
    /// This one is to be given the sign first.
    Give {
        code: Keycode,
        sign: Keysym,
    },
}

impl Typist {
    /// The keys stand for something else: they are looked at anew.
    pub(crate) fn forget(&mut self) {
        self.layout = None;
    }

    /// Types `text` into the program that has the keyboard. Says how many characters could not be typed.
    ///
    /// # Errors
    /// When the server is gone.
    pub(crate) fn type_text<C: Connection>(&mut self, x: &C, root: Window, text: &str) -> Result<u64, Error> {
        let mut left_out = 0;
        for character in text.chars() {
            let layout = match self.layout.take() {
                Some(layout) => layout,
                None => Layout::ask(x)?,
            };
            let layout = self.layout.insert(layout);
            let Some(press) = sign_of(character).and_then(|sign| layout.press(sign)) else {
                left_out += 1;
                continue;
            };
            if let Press::Give { code, sign } = press {
                // With Shift down, too.
                x.change_keyboard_mapping(1, code, 2, &[sign, sign])?;
            }
            for (kind, code) in press.events() {
                x.xtest_fake_input(kind, code, 0, root, 0, 0, 0)?;
            }
        }
        x.flush()?;
        Ok(left_out)
    }
}

impl Press {
    /// The key's press and release, and Shift's around them where it is needed.
    fn events(self) -> impl Iterator<Item = (u8, Keycode)> {
        let (code, shift) = match self {
            Self::Key { code, shift } => (code, shift),
            Self::Give { code, .. } => (code, false),
        };
        let around = move |kind| shift.then_some((kind, SHIFT));
        let key = [(KEY_PRESS_EVENT, code), (KEY_RELEASE_EVENT, code)];
        around(KEY_PRESS_EVENT)
            .into_iter()
            .chain(key)
            .chain(around(KEY_RELEASE_EVENT))
    }
}

impl Layout {
    fn ask<C: Connection>(x: &C) -> Result<Self, Error> {
        let setup = x.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let said = x
            .get_keyboard_mapping(first, last.saturating_sub(first).saturating_add(1))?
            .reply()?;
        Ok(Self::of(first, said.keysyms_per_keycode.into(), said.keysyms))
    }

    fn of(first: Keycode, each: usize, signs: Vec<Keysym>) -> Self {
        let each = each.max(1);
        let empty = |signs: &&[Keysym]| signs.iter().all(|sign| *sign == 0);
        let numbers = first..=Keycode::MAX;
        let free = signs
            .chunks(each)
            .zip(numbers)
            // The first is none of Linux's.
            .filter(|(signs, code)| empty(signs) && *code > 8)
            .map(|(_, code)| (0, code))
            .take(GIVEN_MAX)
            .collect();
        Self {
            first,
            each,
            signs,
            given: free,
        }
    }

    /// How a sign is typed; `None` when no key can be given it.
    fn press(&mut self, sign: Keysym) -> Option<Press> {
        let levels = |signs: &[Keysym], level: usize| signs.get(level) == Some(&sign);
        let keys = || self.signs.chunks(self.each).zip(self.first..=Keycode::MAX);
        for (level, shift) in [(0, false), (1, true)] {
            if let Some((_, code)) = keys().find(|(signs, _)| levels(signs, level)) {
                return Some(Press::Key { code, shift });
            }
        }
        if let Some((_, code)) = self.given.iter().find(|(given, _)| *given == sign) {
            return Some(Press::Key {
                code: *code,
                shift: false,
            });
        }
        let (_, code) = self.given.pop_front()?;
        self.given.push_back((sign, code));
        Some(Press::Give { code, sign })
    }
}

/// What X calls a character (X11 protocol, appendix A): Latin-1 by its number, the rest by Unicode's, and keys for what is no sign.
fn sign_of(character: char) -> Option<Keysym> {
    match u32::from(character) {
        0x0a | 0x0d => Some(0xff0d),
        0x09 => Some(0xff09),
        0x20..=0x7e | 0xa0..=0xff => Some(character.into()),
        0..=0x1f | 0x7f..=0x9f => None,
        other => Some(0x0100_0000 | other),
    }
}

/// `KEY_LEFTSHIFT`.
const SHIFT: Keycode = 42 + 8;
/// More than a title's text has in a row that the layout has not; a keymap has some thirty keys without a sign.
const GIVEN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys 9 to 13: a and A, b and B, nothing, nothing, é.
    fn layout() -> Layout {
        Layout::of(9, 2, vec![0x61, 0x41, 0x62, 0x42, 0, 0, 0, 0, 0xe9, 0])
    }

    #[test]
    fn what_the_layout_has_is_typed_by_its_own_keys() {
        let mut layout = layout();
        let key = |code, shift| Some(Press::Key { code, shift });
        assert_eq!(layout.press(0x62), key(10, false));
        assert_eq!(layout.press(0x41), key(9, true));
        assert_eq!(layout.press(0xe9), key(13, false));
    }

    #[test]
    fn what_it_has_not_is_given_to_the_key_that_was_given_one_longest_ago() {
        let mut layout = layout();
        let give = |code, sign| Some(Press::Give { code, sign });
        assert_eq!(layout.press(1), give(11, 1));
        assert_eq!(layout.press(2), give(12, 2));
        assert_eq!(
            layout.press(1),
            Some(Press::Key {
                code: 11,
                shift: false
            })
        );
        assert_eq!(layout.press(3), give(11, 3));
        let mut full = Layout::of(9, 1, vec![0x61]);
        assert_eq!(full.press(0x62), None);
    }

    #[test]
    fn characters_have_x_s_names() {
        let names = ['a', 'é', '€', '😀', '\n', '\t', '\u{7}'].map(sign_of);
        let expected = [0x61, 0xe9, 0x0100_20ac, 0x0101_f600, 0xff0d, 0xff09];
        assert_eq!(names[..6], expected.map(Some));
        assert_eq!(names[6], None);
    }

    #[test]
    fn shift_is_down_for_what_needs_it() {
        let events = |shift| Press::Key { code: 38, shift }.events().collect::<Vec<_>>();
        let (press, release) = (KEY_PRESS_EVENT, KEY_RELEASE_EVENT);
        assert_eq!(events(false), [(press, 38), (release, 38)]);
        assert_eq!(
            events(true),
            [(press, SHIFT), (press, 38), (release, 38), (release, SHIFT)]
        );
    }
}
