//! Pictures to encode, and how far a decoded one is from them.

use firstlight_encoder::Picture;

/// A raw picture.
pub(crate) struct Source {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) bgrx: Vec<u8>,
}

impl Source {
    /// Texture that scrolls by five pixels a picture under a disc that moves the other way.
    pub(crate) fn moving(width: u16, height: u16, n: usize) -> Self {
        Self::draw(width, height, |x, y| {
            let (u, v) = (x + n * 5, y + n);
            let texture = hash((u / 4) ^ (v / 4 * 8191)) / 2 + u8::try_from((u + 2 * v) / 6 % 128).unwrap();
            let (dx, dy) = (
                x.abs_diff(usize::from(width) * 3 / 4 - n % 64),
                y.abs_diff(usize::from(height) / 2),
            );
            if dx * dx + dy * dy < 900 {
                [240, 60, 40]
            } else {
                [texture, texture, 255 - texture]
            }
        })
    }

    /// A picture with about as much in it as one of a game: texture over a slope.
    pub(crate) fn scene(width: u16, height: u16, n: usize) -> Self {
        Self::draw(width, height, |x, y| {
            let (u, v) = (x + n * 3, y + n);
            let texture = hash((u / 4) ^ (v / 4 * 8191)) / 4 + u8::try_from((u + 2 * v) / 6 % 128).unwrap();
            [texture, texture / 2 + 40, 200 - texture]
        })
    }

    /// Fine noise that is new in every picture: more than any rate carries.
    pub(crate) fn noise(width: u16, height: u16, n: usize) -> Self {
        Self::draw(width, height, |x, y| {
            let level = hash(x.wrapping_mul(31) ^ y.wrapping_mul(8191) ^ n.wrapping_mul(131_071));
            [level, level, level]
        })
    }

    /// Blocks of 16 by 16 pixels, black or white by chance: whatever is left as it was shows.
    pub(crate) fn blocks(width: u16, height: u16, n: usize) -> Self {
        Self::draw(width, height, |x, y| {
            let level = if Self::is_white(x / 16, y / 16, n) { 255 } else { 0 };
            [level; 3]
        })
    }

    /// Whether a block of [`Self::blocks`] is white.
    pub(crate) fn is_white(column: usize, row: usize, n: usize) -> bool {
        hash(column.wrapping_mul(31) ^ row.wrapping_mul(8191) ^ n.wrapping_mul(131_071)) > 127
    }

    fn draw(width: u16, height: u16, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Self {
        let (width, height) = (usize::from(width), usize::from(height));
        let mut bgrx = vec![0; width * height * 4];
        for (i, out) in bgrx.chunks_exact_mut(4).enumerate() {
            out[..3].copy_from_slice(&pixel(i % width, i / width));
        }
        Self { width, height, bgrx }
    }

    pub(crate) fn picture(&self) -> Picture<'_> {
        Picture {
            bgrx: &self.bgrx,
            stride: self.width * 4,
        }
    }

    /// PSNR of a decoded picture's luma (rows of `stride` bytes) against this one, in decibels.
    pub(crate) fn psnr(&self, luma: &[u8], stride: usize) -> f64 {
        let mut error = 0.0;
        for (row, pixels) in self.bgrx.chunks_exact(self.width * 4).enumerate() {
            for (column, p) in pixels.chunks_exact(4).enumerate() {
                let [b, g, r] = [p[0], p[1], p[2]].map(f64::from);
                let y = 16.0 + 219.0 / 255.0 * (0.2126 * r + 0.7152 * g + 0.0722 * b);
                error += (y - f64::from(luma[row * stride + column])).powi(2);
            }
        }
        let mean = error / (self.width * self.height) as f64;
        10.0 * (255.0 * 255.0 / mean.max(1e-6)).log10()
    }
}

fn hash(n: usize) -> u8 {
    let n = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((n ^ n >> 29) >> 24) as u8
}
