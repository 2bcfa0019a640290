//! Which key types a character: one of the layout's, or one that has nothing and is given it in a keymap of its own.

use crate::layout;
use smithay::backend::input::KeyState;
use smithay::input::keyboard::{Keycode, Keysym, xkb};
use std::collections::VecDeque;
use std::fmt::Write as _;

/// The keyboard's layout, and what was added to it.
#[derive(Default)]
pub(super) struct Keys {
    /// By its name; empty: the usual one.
    name: &'static str,
    /// Made when it is needed: most players never type what no key of theirs has.
    layout: Option<Layout>,
}

struct Layout {
    map: xkb::Keymap,
    /// Keys that were given a character, or may be: those that are to be given the next one first.
    given: VecDeque<(Option<char>, Keycode)>,
}

/// How a text is typed.
pub(super) struct Strokes {
    /// The keyboard's from here on.
    pub(super) keymap: Option<String>,
    pub(super) presses: Vec<(Keycode, KeyState)>,
}

impl Keys {
    /// The keyboard has another layout, and nothing was added to it.
    pub(super) fn set_layout(&mut self, layout: layout::Layout) {
        (self.name, self.layout) = (layout.name(), None);
    }

    /// `None` where there is no layout. Characters that no key can be given are left out. A text of the wire has fewer that the layout has not
    /// than there are keys to be given them.
    pub(super) fn strokes(&mut self, text: &str) -> Option<Strokes> {
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => Layout::new(self.name)?,
        };
        let layout = self.layout.insert(layout);
        let mut changed = false;
        let mut all = Vec::new();
        for character in text.chars() {
            // A new line is the key's, not the teleprinter's.
            let character = if character == '\n' { '\r' } else { character };
            if character.is_control() && !matches!(character, '\r' | '\t') {
                continue;
            }
            let sign = xkb::utf32_to_keysym(character.into());
            if let Some((key, shift)) = layout.find(sign) {
                all.extend(presses(key, shift));
            } else if sign.raw() != 0
                && let Some((key, fresh)) = layout.give(character)
            {
                changed |= fresh;
                all.extend(presses(key, false));
            }
        }
        Some(Strokes {
            keymap: changed.then(|| layout.text()),
            presses: all,
        })
    }
}

impl Layout {
    /// As the seat has it.
    fn new(name: &str) -> Option<Self> {
        let map = layout::keymap(name)?;
        let spare = codes(&map).filter(|code| map.num_layouts_for_key(*code) == 0);
        // The first is none of Linux's.
        let named = spare.filter(|code| code.raw() > 8 && map.key_get_name(*code).is_some());
        let given = named.map(|code| (None, code)).take(GIVEN_MAX).collect();
        Some(Self { map, given })
    }

    /// The key that has it, and whether with Shift.
    fn find(&self, sign: Keysym) -> Option<(Keycode, bool)> {
        [(0, false), (1, true)].into_iter().find_map(|(level, shift)| {
            let has = |code: &Keycode| layout::sign(&self.map, *code, level) == Some(sign);
            codes(&self.map).find(has).map(|code| (code, shift))
        })
    }

    /// A key that has it from here on, and whether it had not before.
    fn give(&mut self, character: char) -> Option<(Keycode, bool)> {
        if let Some((_, code)) = self.given.iter().find(|(given, _)| *given == Some(character)) {
            return Some((*code, false));
        }
        let (_, code) = self.given.pop_front()?;
        self.given.push_back((Some(character), code));
        Some((code, true))
    }

    /// The layout with all that was added.
    fn text(&self) -> String {
        let whole = self.map.get_as_string(xkb::KEYMAP_FORMAT_TEXT_V1);
        let mut added = String::new();
        for (character, code) in &self.given {
            if let (Some(character), Some(name)) = (character, self.map.key_get_name(*code)) {
                let sign = format!("U{:04X}", u32::from(*character));
                // Writing to a string does not fail.
                _ = writeln!(added, "\tkey <{name}> {{ [ {sign}, {sign} ] }};");
            }
        }
        let Some(symbols) = whole
            .find("xkb_symbols")
            .and_then(|at| whole.get(at..)?.find('{').map(|n| at + n + 1))
        else {
            return whole;
        };
        let (before, after) = whole.split_at(symbols);
        format!("{before}\n{added}{after}")
    }
}

fn codes(map: &xkb::Keymap) -> impl Iterator<Item = Keycode> + use<> {
    (map.min_keycode().raw()..=map.max_keycode().raw()).map(Keycode::new)
}

fn presses(key: Keycode, shift: bool) -> Vec<(Keycode, KeyState)> {
    let around = |state| shift.then_some((Keycode::new(SHIFT), state));
    let key = [(key, KeyState::Pressed), (key, KeyState::Released)];
    let press = around(KeyState::Pressed).into_iter().chain(key);
    press.chain(around(KeyState::Released)).collect()
}

/// `KEY_LEFTSHIFT` as xkb numbers it.
const SHIFT: u32 = 42 + 8;
/// More than a text has in a row that the layout has not.
const GIVEN_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_character_of_the_layout_is_its_own_key() {
        let mut keys = Keys::default();
        let strokes = keys.strokes("A\n").unwrap();
        assert!(strokes.keymap.is_none());
        // KEY_LEFTSHIFT, KEY_A, KEY_ENTER.
        let codes: Vec<u32> = strokes.presses.iter().map(|(code, _)| code.raw() - 8).collect();
        assert_eq!(codes, [42, 30, 30, 42, 28, 28]);
    }

    #[test]
    fn any_other_is_given_to_a_key_that_has_nothing_and_stays_there() {
        let mut keys = Keys::default();
        let first = keys.strokes("😀é").unwrap();
        let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
        let (format, flags) = (xkb::KEYMAP_FORMAT_TEXT_V1, xkb::KEYMAP_COMPILE_NO_FLAGS);
        let map = xkb::Keymap::new_from_string(&context, first.keymap.unwrap(), format, flags).unwrap();
        for (n, character) in [(0, '😀'), (2, 'é')] {
            let sign = Some(xkb::utf32_to_keysym(character.into()));
            for level in [0, 1] {
                assert_eq!(layout::sign(&map, first.presses[n].0, level), sign);
            }
        }
        let again = keys.strokes("é😀").unwrap();
        assert!(again.keymap.is_none());
        assert_eq!(again.presses[..2], first.presses[2..]);
    }

    /// Sixteen letters of two bytes are the most that a text of the wire has, and each has a key of its own.
    #[test]
    fn as_many_as_a_text_has_are_given_to_as_many_keys_in_every_layout() {
        for name in ["us", "de", "fr", "tr", "cz"] {
            let mut keys = Keys::default();
            keys.set_layout(layout::Layout::named(name).unwrap());
            let strokes = keys.strokes("αβγδεζηθικλμνξοπ").unwrap();
            let codes: BTreeSet<u32> = strokes.presses.iter().map(|(code, _)| code.raw()).collect();
            assert_eq!((codes.len(), strokes.presses.len()), (16, 32), "{name}");
        }
    }

    #[test]
    fn what_is_no_character_presses_nothing_and_spoils_nothing() {
        let mut keys = Keys::default();
        let strokes = keys.strokes("\u{b}\u{1b}\u{7f}\u{ffff}é").unwrap();
        assert_eq!(strokes.presses.len(), 2);
        let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
        let (format, flags) = (xkb::KEYMAP_FORMAT_TEXT_V1, xkb::KEYMAP_COMPILE_NO_FLAGS);
        assert!(xkb::Keymap::new_from_string(&context, strokes.keymap.unwrap(), format, flags).is_some());
    }

    #[test]
    fn a_layout_s_own_keys_are_used_first() {
        let mut keys = Keys::default();
        keys.set_layout(layout::Layout::named("de").unwrap());
        let strokes = keys.strokes("öz").unwrap();
        let codes: Vec<u32> = strokes.presses.iter().map(|(code, _)| code.raw() - 8).collect();
        assert_eq!((strokes.keymap, codes), (None, vec![39, 39, 21, 21]));
    }
}
