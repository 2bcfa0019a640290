//! Layouts of keyboards that a player may have.

use crate::Error;
use smithay::input::keyboard::{Keycode, Keysym, xkb};

/// A layout of xkeyboard-config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout(&'static str);

impl Layout {
    /// The one of that name, if it is one that a player's page can tell.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        LAYOUTS.into_iter().find(|known| *known == name).map(Self)
    }

    /// Its name there.
    pub(crate) const fn name(self) -> &'static str {
        self.0
    }

    /// What its keys stand for, for the usual PC keyboard.
    pub(crate) fn keymap(self) -> Result<xkb::Keymap, Error> {
        keymap(self.0).ok_or(Error::Wayland("no keymap: apt-get install xkb-data"))
    }
}

/// Of a layout by its name; of "", the usual one.
pub(crate) fn keymap(layout: &str) -> Option<xkb::Keymap> {
    let context = xkb::Context::new(xkb::CONTEXT_NO_FLAGS);
    let flags = xkb::KEYMAP_COMPILE_NO_FLAGS;
    xkb::Keymap::new_from_names(&context, "", "", layout, "", None, flags)
}

/// The sign of a key at a level: 0 alone, 1 with Shift, 2 with `AltGr`, 3 with both.
pub(crate) fn sign(map: &xkb::Keymap, code: Keycode, level: u32) -> Option<Keysym> {
    match map.key_get_syms_by_level(code, 0, level) {
        [sign] => Some(*sign),
        _ => None,
    }
}

/// As `client-web/src/input/layouts.json` has them, which says how they are told.
const LAYOUTS: [&str; 17] = [
    "us", "gb", "de", "ch", "fr", "be", "es", "latam", "it", "pt", "br", "se", "no", "dk", "tr", "hu", "cz",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The Linux codes of the keys that tell layouts apart.
    const KEYS: [(&str, u32); 12] = [
        ("KeyQ", 16),
        ("KeyW", 17),
        ("KeyY", 21),
        ("KeyI", 23),
        ("Minus", 12),
        ("Equal", 13),
        ("BracketLeft", 26),
        ("BracketRight", 27),
        ("Semicolon", 39),
        ("Quote", 40),
        ("Backslash", 43),
        ("Slash", 53),
    ];

    #[test]
    fn a_page_tells_layouts_by_what_their_keys_make() {
        let table = include_str!("../../../client-web/src/input/layouts.json");
        let table: BTreeMap<String, BTreeMap<String, char>> = serde_json::from_str(table).unwrap();
        let mut names = LAYOUTS.map(str::to_owned);
        names.sort();
        assert!(table.keys().eq(&names));
        for (name, keys) in table {
            let map = Layout::named(&name).unwrap().keymap().unwrap();
            for (key, label) in keys {
                let code = KEYS.iter().find(|(known, _)| *known == key).unwrap().1;
                let made = sign(&map, Keycode::new(code + 8), 0).and_then(Keysym::key_char);
                assert_eq!(made, Some(label), "{name}: {key}");
            }
        }
    }

    #[test]
    fn what_is_no_layout_is_none() {
        for name in ["", "xx", "us,de", "../../etc"] {
            assert_eq!(Layout::named(name), None);
        }
    }
}
