//! Draws the barcode; what it says is in `firstlight-barcode`.

use crate::canvas::Canvas;
pub use firstlight_barcode::{BLOCK, COLUMNS, HEIGHT, ROWS, Reading, WIDTH, decode, encode, read};

/// Draws the barcode of `reading`.
pub(crate) fn draw(canvas: &mut Canvas<'_>, reading: Reading) {
    let bits = encode(reading)
        .into_iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    for (at, bit) in bits.enumerate() {
        let colour = if bit == 1 { 0xff_ff_ff } else { 0 };
        canvas.fill(at % COLUMNS * BLOCK, at / COLUMNS * BLOCK, BLOCK, BLOCK, colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_bit_is_at_the_left_and_white_is_one() {
        let (width, height) = (1040, 40);
        let mut pixels = vec![0x55; width * height * 4];
        draw(
            &mut Canvas::new(&mut pixels, width),
            Reading {
                time_us: 1 << 63 | 1,
                frame: 0,
                inputs: 0,
            },
        );
        let blue = |x: usize, y: usize| pixels[(y * width + x) * 4];
        assert_eq!(
            [
                blue(0, 0),
                blue(15, 15),
                blue(16, 0),
                blue(1007, 7),
                blue(1008, 0)
            ],
            [255, 255, 0, 0, 255]
        );
        assert_eq!([blue(0, 16), blue(1024, 0), blue(0, 32)], [0, 0x55, 0x55]);
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_read(time_us: u64, frame: u32, inputs: u16, contrast in 30u8..=127) {
            let reading = Reading { time_us, frame, inputs };
            let mut pixels = vec![0; WIDTH * HEIGHT * 4];
            draw(&mut Canvas::new(&mut pixels, WIDTH), reading);
            // A codec greys the blocks; only their order about the middle must survive.
            let luma = |x: usize, y: usize| if pixels[(y * WIDTH + x) * 4] > 127 { 128 + contrast } else { 127 - contrast };
            prop_assert_eq!(read(luma), Some(reading));
        }
    }
}
