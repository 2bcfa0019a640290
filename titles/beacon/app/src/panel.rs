//! What a person sees of the input: a panel of text and a cross where the pointer is.

use crate::barcode;
use crate::canvas::{Area, Canvas, GLYPH};
use crate::inputs::Inputs;
use x11rb::protocol::xproto::Keysym;

/// Names of the keys by key code.
pub(crate) struct KeyNames {
    first: u8,
    per_code: usize,
    symbols: Vec<Keysym>,
}

impl KeyNames {
    pub(crate) fn new(first: u8, per_code: u8, symbols: Vec<Keysym>) -> Self {
        Self {
            first,
            per_code: usize::from(per_code),
            symbols,
        }
    }

    /// Those of a PC keyboard by its Linux codes plus 8, for want of a server that says them.
    pub(crate) fn of_a_pc() -> Self {
        let mut symbols: Vec<Keysym> = vec![0; 256];
        let letters = PC_ROWS.iter().flat_map(|(first, row)| {
            let codes = u32::from(*first)..;
            codes.zip(row.bytes().map(Keysym::from))
        });
        for (code, symbol) in letters.chain(PC_KEYS) {
            let at = usize::try_from(code).unwrap_or(0) + 8;
            if let Some(named) = symbols.get_mut(at) {
                *named = symbol;
            }
        }
        Self::new(0, 1, symbols)
    }

    fn name(&self, code: u8) -> String {
        let at = usize::from(code.wrapping_sub(self.first)) * self.per_code;
        let symbol = self.symbols.get(at).copied().unwrap_or_default();
        match symbol {
            0x21..=0x7e => char::from_u32(symbol).unwrap_or('?').to_string(),
            0x20 => "Space".to_owned(),
            _ => NAMES
                .iter()
                .find(|(s, _)| *s == symbol)
                .map_or_else(|| format!("#{code}"), |(_, name)| (*name).to_owned()),
        }
    }
}

/// Draws the panel; without a `frame` number nothing in it changes unless the input does. Gives back what it covers.
pub(crate) fn draw(canvas: &mut Canvas<'_>, inputs: &Inputs, names: &KeyNames, frame: Option<u32>) -> Area {
    let area = Area {
        x: GLYPH,
        y: barcode::HEIGHT + GLYPH,
        width: COLUMNS * GLYPH,
        height: LINES * LINE,
    };
    canvas.fill(area.x, area.y, area.width, area.height, 0);
    let keys: Vec<String> = inputs.keys.iter().map(|code| names.name(*code)).collect();
    let buttons: Vec<String> = inputs.buttons.iter().map(u8::to_string).collect();
    let pointer = inputs
        .pointer
        .map_or_else(|| "-".to_owned(), |(x, y)| format!("{x},{y}"));
    let frame = frame.map(|frame| format!("FRAME   {frame}"));
    let held: Vec<String> = inputs.pad_buttons.iter().map(u16::to_string).collect();
    let pads = (inputs.pads > 0).then(|| format!("PADS    {} {}", inputs.pads, held.join(" ")));
    let lines = [
        (frame.unwrap_or_default(), 0xa0_a0_a0),
        (format!("INPUTS  {}", inputs.count), 0xff_ff_ff),
        (format!("POINTER {pointer} {}", buttons.join(" ")), 0x80_e0_ff),
        (format!("KEYS    {}", keys.join(" ")), 0xff_e0_60),
        (pads.unwrap_or_default(), 0x80_ff_80),
    ];
    for (line, (text, colour)) in lines.iter().enumerate() {
        let text: String = text.chars().take(COLUMNS).collect();
        canvas.text(area.x, area.y + line * LINE + 4, &text, *colour);
    }
    area
}

/// Draws a cross at the pointer, if it was seen; gives back what it covers.
pub(crate) fn draw_pointer(canvas: &mut Canvas<'_>, inputs: &Inputs) -> Option<Area> {
    let (x, y) = inputs.pointer?;
    let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
    let area = Area {
        x: x.saturating_sub(ARM),
        y: y.saturating_sub(ARM),
        width: ARM * 2,
        height: ARM * 2,
    };
    let colour = if inputs.buttons.is_empty() {
        0x40_ff_40
    } else {
        0xff_40_40
    };
    canvas.fill(area.x, y.saturating_sub(1), area.width, 2, colour);
    canvas.fill(x.saturating_sub(1), area.y, 2, area.height, colour);
    Some(area)
}

const COLUMNS: usize = 28;
const LINES: usize = 5;
const LINE: usize = 24;
/// Pixels of the cross's arms.
const ARM: usize = 12;

/// Keysyms of `X11/keysymdef.h` that have no character.
const NAMES: [(Keysym, &str); 14] = [
    (0xff08, "Back"),
    (0xff09, "Tab"),
    (0xff0d, "Return"),
    (0xff1b, "Escape"),
    (0xff51, "Left"),
    (0xff52, "Up"),
    (0xff53, "Right"),
    (0xff54, "Down"),
    (0xffff, "Delete"),
    (0xffe1, "Shift"),
    (0xffe2, "Shift"),
    (0xffe3, "Ctrl"),
    (0xffe9, "Alt"),
    (0xffeb, "Super"),
];

/// Linux codes of the first of some keys in a row, and what they type.
const PC_ROWS: [(u8, &str); 4] = [
    (2, "1234567890-="),
    (16, "qwertyuiop[]"),
    (30, "asdfghjkl;'`"),
    (43, "\\zxcvbnm,./"),
];
const PC_KEYS: [(u32, Keysym); 17] = [
    (1, 0xff1b),
    (14, 0xff08),
    (15, 0xff09),
    (28, 0xff0d),
    (29, 0xffe3),
    (42, 0xffe1),
    (54, 0xffe2),
    (56, 0xffe9),
    (57, 0x20),
    (97, 0xffe3),
    (100, 0xffe9),
    (103, 0xff52),
    (105, 0xff51),
    (106, 0xff53),
    (108, 0xff54),
    (111, 0xffff),
    (125, 0xffeb),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_what_they_type() {
        let names = KeyNames::new(8, 2, vec![0xff1b, 0, 0x61, 0x41, 0x1234, 0, 0x20, 0]);
        let named: Vec<String> = [8, 9, 10, 11, 99, 1]
            .into_iter()
            .map(|code| names.name(code))
            .collect();
        assert_eq!(named, ["Escape", "a", "#10", "Space", "#99", "#1"]);
    }

    #[test]
    fn a_pc_s_keys_have_names() {
        let names = KeyNames::of_a_pc();
        // KEY_ESC, KEY_Q, KEY_A, KEY_Z, KEY_0, KEY_SPACE, KEY_LEFT, and one that has none.
        let named = [1, 16, 30, 44, 11, 57, 105, 200].map(|code: u8| names.name(code + 8));
        assert_eq!(named, ["Escape", "q", "a", "z", "0", "Space", "Left", "#208"]);
    }

    #[test]
    fn the_panel_changes_with_the_input_only() {
        let names = KeyNames::new(8, 1, Vec::new());
        let picture = |inputs: &Inputs| {
            let mut pixels = vec![0; 640 * 200 * 4];
            draw(&mut Canvas::new(&mut pixels, 640), inputs, &names, None);
            pixels
        };
        let still = Inputs::default();
        assert!(picture(&still) == picture(&still));
        assert!(
            picture(&still)
                != picture(&Inputs {
                    count: 1,
                    ..Inputs::default()
                })
        );
    }

    #[test]
    fn a_pointer_outside_draws_nothing() {
        let mut pixels = vec![0; 64 * 64 * 4];
        for pointer in [(-5, 3), (3, -5), (i16::MAX, i16::MAX)] {
            let inputs = Inputs {
                pointer: Some(pointer),
                ..Inputs::default()
            };
            draw_pointer(&mut Canvas::new(&mut pixels, 64), &inputs);
        }
        assert!(pixels.iter().all(|byte| *byte == 0));
    }
}
