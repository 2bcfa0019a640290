//! Seeded pictures, and how far a decoded one is from the one that was to be encoded.
//!
//! A picture is a grid of cells with a gray ramp each; from one picture to the next some cells change. A picture of another time or of
//! another seed is far off in some cell, and an encoder that saves more than it should is off in all of them. Ramps cost few bits, so
//! that a record holds a quarter of a second at full size.

use crate::hash::{Digest, Stream};

/// The pictures of a seed, one after the other.
#[derive(Clone, Debug)]
pub struct Scene {
    width: usize,
    height: usize,
    cells: Vec<Ramp>,
    stream: Stream,
}

/// Levels at a cell's left and right edge.
#[derive(Clone, Copy, Debug)]
struct Ramp {
    left: u8,
    right: u8,
}

impl Scene {
    /// At its first picture; `width` and `height` in pixels, at least 16.
    #[must_use]
    pub fn new(seed: &Digest, width: u16, height: u16) -> Self {
        let mut stream = Stream::of(&[b"firstlight scene\0", seed]);
        let count = usize::from(width).div_ceil(CELL) * usize::from(height).div_ceil(CELL);
        let cells = (0..count).map(|_| Ramp::next(&mut stream)).collect();
        Self {
            width: width.into(),
            height: height.into(),
            cells,
            stream,
        }
    }

    /// Goes on to the next picture.
    pub fn advance(&mut self) {
        for _ in 0..self.cells.len().div_ceil(CHANGED) {
            let count = u64::try_from(self.cells.len()).unwrap_or(1);
            let at = usize::try_from(self.stream.below(count)).unwrap_or(0);
            let ramp = Ramp::next(&mut self.stream);
            if let Some(cell) = self.cells.get_mut(at) {
                *cell = ramp;
            }
        }
    }

    /// Draws it: [`BYTES_PER_PIXEL`] bytes a pixel (blue, green, red, unused), rows without a gap. What `bgrx` has no room for is left out.
    pub fn draw(&self, bgrx: &mut [u8]) {
        for (y, row) in bgrx
            .chunks_exact_mut(self.width * BYTES_PER_PIXEL)
            .take(self.height)
            .enumerate()
        {
            for (x, pixel) in row.chunks_exact_mut(BYTES_PER_PIXEL).enumerate() {
                pixel.fill(self.level(x, y));
            }
        }
    }

    /// Mean error of the worst cell of `luma` (BT.709, limited range), in hundredths of a level of 255. Something that is smaller than the
    /// picture is as far off as can be.
    #[must_use]
    pub fn error(&self, luma: &[u8]) -> u32 {
        if luma.len() < self.width * self.height {
            return u32::from(u8::MAX) * 100;
        }
        let across = self.width.div_ceil(CELL);
        let mut sums = vec![(0u64, 0u64); self.cells.len()];
        for (y, row) in luma.chunks_exact(self.width).take(self.height).enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                let cell = (y / CELL) * across + x / CELL;
                if let Some((off, pixels)) = sums.get_mut(cell) {
                    // 16 to 235 stand for 0 to 255; counted in hundredths.
                    let wanted = 1_600 + u32::from(self.level(x, y)) * 21_900 / 255;
                    *off += u64::from(wanted.abs_diff(u32::from(*pixel) * 100));
                    *pixels += 1;
                }
            }
        }
        let means = sums.iter().filter_map(|(off, pixels)| off.checked_div(*pixels));
        u32::try_from(means.max().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    fn level(&self, x: usize, y: usize) -> u8 {
        let across = self.width.div_ceil(CELL);
        let Some(ramp) = self.cells.get((y / CELL) * across + x / CELL) else {
            return 0;
        };
        let at = x % CELL;
        let level = usize::from(ramp.left) * (CELL - at) + usize::from(ramp.right) * at;
        u8::try_from(level / CELL).unwrap_or(u8::MAX)
    }
}

impl Ramp {
    fn next(stream: &mut Stream) -> Self {
        let mut level = || u8::try_from(24 + stream.below(208)).unwrap_or(0);
        Self {
            left: level(),
            right: level(),
        }
    }
}

/// Of a picture that is drawn.
pub const BYTES_PER_PIXEL: usize = 4;
/// Five macroblocks: 144 cells of a picture of 1280×720.
const CELL: usize = 80;
/// One cell in so many changes with each picture.
const CHANGED: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    fn luma(scene: &Scene) -> Vec<u8> {
        let mut bgrx = vec![0; scene.width * scene.height * BYTES_PER_PIXEL];
        scene.draw(&mut bgrx);
        let luma = |pixel: &[u8]| u8::try_from(16 + u32::from(pixel[0]) * 219 / 255).unwrap();
        bgrx.chunks_exact(BYTES_PER_PIXEL).map(luma).collect()
    }

    #[test]
    fn a_picture_is_near_itself_and_far_from_the_one_before_and_from_another_seeds() {
        let mut scene = Scene::new(&[1; 32], 640, 360);
        let before = luma(&scene);
        assert!(scene.error(&before) <= 100);
        scene.advance();
        assert!(scene.error(&luma(&scene)) <= 100);
        assert!(scene.error(&before) > 1_500, "{}", scene.error(&before));
        assert!(Scene::new(&[2; 32], 640, 360).error(&before) > 4_000);
        assert_eq!(scene.error(&before[1..]), 25_500);
    }
}
