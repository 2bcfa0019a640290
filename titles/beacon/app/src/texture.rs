//! Pictures with detail at every scale, made from nothing but arithmetic: the same on every machine.

/// Side of the texture, a power of two: it repeats without a seam, and its 4 MB stay in the cache.
pub(crate) const SIDE: usize = 1024;

/// A coloured texture of [`SIDE`]×[`SIDE`] pixels, BGRX.
pub(crate) fn texture() -> Vec<u8> {
    let mut pixels = Vec::with_capacity(SIDE * SIDE * 4);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let coarse = noise(x, y, 128);
            let middle = noise(x, y, 32);
            let fine = noise(x, y, 8);
            let grain = hash(x, y) >> 26;
            let light = (coarse * 5 + middle * 3 + fine * 2) / 10;
            let channel = |tint: u32| byte(light * tint / 256 + grain);
            pixels.extend([
                channel(140 + coarse / 4),
                channel(200),
                channel(150 + middle / 3),
                0,
            ]);
        }
    }
    pixels
}

/// 0 to 255, smooth over `cell` pixels.
fn noise(x: usize, y: usize, cell: usize) -> u32 {
    let cells = SIDE / cell;
    let corner =
        |dx: usize, dy: usize| hash((x / cell + dx) % cells, (y / cell + dy) % cells + cell * SIDE) >> 24;
    let (right, down) = (x % cell, y % cell);
    let mix = |a: u32, b: u32, part: usize| {
        let (part, cell) = (word(part), word(cell));
        (a * (cell - part) + b * part) / cell
    };
    mix(
        mix(corner(0, 0), corner(1, 0), right),
        mix(corner(0, 1), corner(1, 1), right),
        down,
    )
}

/// Scrambles two coordinates; the multipliers are those of MurmurHash3's finalizer.
fn hash(x: usize, y: usize) -> u32 {
    let mut h = word(x).wrapping_mul(0x9e37_79b1) ^ word(y).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 16).wrapping_mul(0x85eb_ca6b);
    h = (h ^ h >> 13).wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}

fn word(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn byte(n: u32) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texture_has_detail_and_no_seam() {
        let pixels = texture();
        assert_eq!(pixels.len(), SIDE * SIDE * 4);
        let green = |x: usize, y: usize| i32::from(pixels[(y % SIDE * SIDE + x % SIDE) * 4 + 1]);
        let step = |x: usize| {
            (0..SIDE)
                .map(|y| (green(x, y) - green(x + 1, y)).abs())
                .sum::<i32>()
        };
        let inside = step(500);
        assert!(inside > 4 * 1024, "neighbours differ: {inside}");
        assert!(
            step(SIDE - 1) < inside * 2,
            "the right edge meets the left one: {}",
            step(SIDE - 1)
        );
    }
}
