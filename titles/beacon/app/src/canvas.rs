//! Pixels to draw into: 32 bits each, blue first.

/// A picture in memory. What reaches over its edge is cut off.
pub(crate) struct Canvas<'a> {
    pixels: &'a mut [u8],
    width: usize,
}

/// Part of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(pixels: &'a mut [u8], width: usize) -> Self {
        Self { pixels, width }
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn height(&self) -> usize {
        self.pixels.len() / (self.width * 4).max(1)
    }

    /// Row `y` from `x` on.
    pub(crate) fn row(&mut self, x: usize, y: usize) -> &mut [u8] {
        let x = x.min(self.width);
        let start = (y * self.width + x) * 4;
        self.pixels
            .get_mut(start..(y + 1) * self.width * 4)
            .unwrap_or_default()
    }

    /// A rectangle of one colour, `0xrrggbb`.
    pub(crate) fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: u32) {
        let pixel = colour.to_le_bytes();
        for y in y..y + height {
            for at in self.row(x, y).chunks_exact_mut(4).take(width) {
                at.copy_from_slice(&pixel);
            }
        }
    }

    /// One pixel.
    pub(crate) fn set(&mut self, x: usize, y: usize, colour: u32) {
        self.fill(x, y, 1, 1, colour);
    }

    /// Copies `area` from another picture of the same size.
    pub(crate) fn restore(&mut self, area: Area, from: &[u8]) {
        let width = self.width;
        for y in area.y..area.y + area.height {
            let start = (y * width + area.x.min(width)) * 4;
            let end = (y * width + (area.x + area.width).min(width)) * 4;
            let source = from.get(start..end).unwrap_or_default();
            if let Some(target) = self.row(area.x, y).get_mut(..source.len()) {
                target.copy_from_slice(source);
            }
        }
    }

    /// Text in glyphs of 16×16 pixels on black; characters without a glyph are shown as `?`.
    pub(crate) fn text(&mut self, x: usize, y: usize, text: &str, colour: u32) {
        for (at, character) in text.chars().enumerate() {
            let index = if character.is_ascii() {
                character as usize
            } else {
                '?' as usize
            };
            let glyph = font8x8::legacy::BASIC_LEGACY
                .get(index)
                .copied()
                .unwrap_or_default();
            for (row, bits) in glyph.into_iter().enumerate() {
                for column in 0..8 {
                    let colour = if bits >> column & 1 == 1 { colour } else { 0 };
                    self.fill(x + at * GLYPH + column * 2, y + row * 2, 2, 2, colour);
                }
            }
        }
    }
}

/// Pixels of a glyph's side.
pub(crate) const GLYPH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_over_the_edge_is_cut_off() {
        let mut pixels = vec![0; 4 * 3 * 4];
        let from = vec![9; 4 * 3 * 4];
        let mut canvas = Canvas::new(&mut pixels, 4);
        canvas.fill(2, 1, 9, 9, 0x01_02_03);
        canvas.fill(9, 9, 1, 1, 0xff_ff_ff);
        canvas.text(3, 2, "x", 0xff_ff_ff);
        canvas.restore(
            Area {
                x: 3,
                y: 0,
                width: 9,
                height: 9,
            },
            &from,
        );
        let rows: Vec<&[u8]> = pixels.chunks(16).collect();
        assert_eq!(rows[0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9]);
        assert_eq!(rows[1], [0, 0, 0, 0, 0, 0, 0, 0, 3, 2, 1, 0, 9, 9, 9, 9]);
    }
}
