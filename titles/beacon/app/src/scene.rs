//! What moves beside the barcode.

use crate::canvas::{Area, Canvas};
use crate::options::Motion;
use crate::texture::{SIDE, texture};

/// The moving part of the picture; a pure function of the frame's number.
pub(crate) struct Scene {
    motion: Motion,
    texture: Vec<u8>,
    /// What a still scene looks like without sprites, panel and pointer.
    background: Vec<u8>,
    /// Drawn over the background since it was last whole.
    dirty: Vec<Area>,
}

impl Scene {
    pub(crate) fn new(motion: Motion, width: usize, height: usize) -> Self {
        let mut scene = Self {
            motion,
            texture: texture(),
            background: Vec::new(),
            dirty: Vec::new(),
        };
        scene.resize(width, height);
        scene
    }

    /// Draws into pictures of another size from here on, of which nothing is drawn yet.
    pub(crate) fn resize(&mut self, width: usize, height: usize) {
        self.background = vec![0; width * height * 4];
        let mut canvas = Canvas::new(&mut self.background, width);
        for y in 0..height {
            for x in 0..width {
                canvas.set(x, y, ground(x, y, height));
            }
        }
        self.dirty = vec![Area {
            x: 0,
            y: 0,
            width,
            height,
        }];
    }

    /// Draws frame `n`: first what lay under the last frame's sprites, panel and pointer, then what moves.
    pub(crate) fn draw(&mut self, canvas: &mut Canvas<'_>, n: u32) {
        if self.motion == Motion::High {
            self.dirty.clear();
            return ripple(canvas, &self.texture, n);
        }
        for area in self.dirty.drain(..) {
            canvas.restore(area, &self.background);
        }
        if self.motion == Motion::Low {
            for sprite in 0..SPRITES {
                let area = sprite_area(sprite, n, canvas.width(), canvas.height());
                draw_sprite(canvas, area, sprite);
                self.dirty.push(area);
            }
        }
    }

    /// Something else was drawn there; the next frame starts without it.
    pub(crate) fn touch(&mut self, area: Area) {
        self.dirty.push(area);
    }
}

/// Night over tiles: flat enough for a 2D game, with edges and a gradient for the encoder.
fn ground(x: usize, y: usize, height: usize) -> u32 {
    let horizon = height * 2 / 3;
    if y < horizon {
        let shade = byte(y * 70 / horizon.max(1));
        let star = (x * 7919 + y * 104_729).is_multiple_of(4001);
        return if star {
            0xd0_d0_e0
        } else {
            u32::from_be_bytes([0, shade / 3, shade / 2, 40 + shade])
        };
    }
    let seam = x.is_multiple_of(48) || (y - horizon).is_multiple_of(48);
    let light = byte(70 + (x / 48 * 37 + (y - horizon) / 48 * 91) % 40);
    if seam {
        0x1c_14_10
    } else {
        u32::from_be_bytes([0, light, light * 2 / 3, light / 2])
    }
}

/// Sprites bounce between the edges, each at its own whole number of pixels per frame.
fn sprite_area(sprite: usize, n: u32, width: usize, height: usize) -> Area {
    let n = usize::try_from(n).unwrap_or(0);
    let bounce = |from: usize, speed: usize, room: usize| {
        let room = room.max(1);
        let at = (from + n * speed) % (room * 2);
        if at < room { at } else { room * 2 - at }
    };
    let top = TOP.min(height.saturating_sub(SPRITE));
    Area {
        x: bounce(sprite * 173, 2 + sprite % 4, width.saturating_sub(SPRITE)),
        y: top + bounce(sprite * 97, 1 + sprite % 3, height.saturating_sub(top + SPRITE)),
        width: SPRITE,
        height: SPRITE,
    }
}

/// A shaded ball.
fn draw_sprite(canvas: &mut Canvas<'_>, area: Area, sprite: usize) {
    let colour = COLOURS.get(sprite % COLOURS.len()).copied().unwrap_or_default();
    let radius = SPRITE / 2;
    for y in 0..SPRITE {
        for x in 0..SPRITE {
            let (dx, dy) = (x.abs_diff(radius), y.abs_diff(radius));
            if dx * dx + dy * dy < radius * radius {
                let light = (SPRITE * 2 - x / 2 - y / 2 + (x ^ y) % 8) * 2;
                canvas.set(area.x + x, area.y + y, shade(colour, light.min(255)));
            }
        }
    }
}

fn shade(colour: u32, light: usize) -> u32 {
    let [_, r, g, b] = colour.to_be_bytes();
    let dim = |channel: u8| byte(usize::from(channel) * light / 255);
    u32::from_be_bytes([0, dim(r), dim(g), dim(b)])
}

/// The texture as if seen through moving water: it drifts, and each row swings on its own, so no block moves as a whole.
fn ripple(canvas: &mut Canvas<'_>, texture: &[u8], n: u32) {
    let time = f64::from(n) / 60.0;
    let drift = n.wrapping_mul(5);
    for y in 0..canvas.height() {
        let row = y as f64;
        let swing = (row / 37.0 + time * 4.1).sin() * 60.0 + (row / 11.0 - time * 7.3).sin() * 9.0;
        let heave = (row / 90.0 + time * 2.3).sin() * 24.0;
        let from_x = wrap(f64::from(drift) + swing);
        let from_y = wrap(row + heave + f64::from(n) * 3.0);
        let source = texture
            .get(from_y * SIDE * 4..(from_y + 1) * SIDE * 4)
            .unwrap_or_default();
        let (before, after) = source.split_at(from_x * 4);
        let mut target = canvas.row(0, y);
        for part in [after, before].into_iter().cycle() {
            if target.is_empty() || source.is_empty() {
                break;
            }
            let length = part.len().min(target.len());
            let (now, rest) = target.split_at_mut(length);
            now.copy_from_slice(part.get(..length).unwrap_or_default());
            target = rest;
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rem_euclid leaves 0 to SIDE"
)]
fn wrap(at: f64) -> usize {
    (at.rem_euclid(SIDE as f64) as usize).min(SIDE - 1)
}

fn byte(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

/// Eight balls of 64 pixels change 3 % of a 1280×720 window, as a 2D game does.
const SPRITES: usize = 8;
const SPRITE: usize = 64;
/// Sprites stay below the barcode and the panel's first lines.
const TOP: usize = 160;
const COLOURS: [u32; 8] = [
    0xff_60_40, 0x40_c0_ff, 0xff_d0_30, 0x60_ff_70, 0xd0_60_ff, 0xff_ff_ff, 0x30_80_ff, 0xff_90_c0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_without_motion() {
        assert_eq!(changed(Motion::None, 1, 2), 0);
    }

    #[test]
    fn low_motion_changes_a_few_percent() {
        let share = changed(Motion::Low, 7, 8) * 1_000 / (W * H);
        assert!((3..=60).contains(&share), "{share} thousandths");
    }

    #[test]
    fn high_motion_changes_nearly_everything() {
        let share = changed(Motion::High, 7, 8) * 1_000 / (W * H);
        assert!(share > 900, "{share} thousandths");
    }

    #[test]
    fn what_was_drawn_over_is_gone_in_the_next_frame() {
        let mut scene = Scene::new(Motion::None, W, H);
        let mut pixels = vec![0; W * H * 4];
        scene.draw(&mut Canvas::new(&mut pixels, W), 1);
        let clean = pixels.clone();
        Canvas::new(&mut pixels, W).fill(10, 10, 30, 30, 0xff_ff_ff);
        scene.touch(Area {
            x: 10,
            y: 10,
            width: 30,
            height: 30,
        });
        scene.draw(&mut Canvas::new(&mut pixels, W), 2);
        assert!(pixels == clean);
    }

    #[test]
    fn another_size_is_drawn_as_if_it_had_been_the_first() {
        let draw = |scene: &mut Scene, (width, height): (usize, usize)| {
            let mut pixels = vec![0; width * height * 4];
            scene.draw(&mut Canvas::new(&mut pixels, width), 5);
            pixels
        };
        for motion in [Motion::None, Motion::Low, Motion::High] {
            let mut scene = Scene::new(motion, W, H);
            draw(&mut scene, (W, H));
            scene.resize(1_100, 900);
            let fresh = draw(&mut Scene::new(motion, 1_100, 900), (1_100, 900));
            assert!(draw(&mut scene, (1_100, 900)) == fresh);
        }
    }

    #[test]
    fn every_frame_number_can_be_drawn() {
        for motion in [Motion::Low, Motion::High] {
            let mut scene = Scene::new(motion, W, H);
            let mut pixels = vec![0; W * H * 4];
            for n in [0, 1, 1 << 20, u32::MAX] {
                scene.draw(&mut Canvas::new(&mut pixels, W), n);
            }
        }
    }

    const W: usize = 1_280;
    const H: usize = 720;

    /// Pixels that differ between two frames.
    fn changed(motion: Motion, first: u32, second: u32) -> usize {
        let mut scene = Scene::new(motion, W, H);
        let mut pixels = vec![0; W * H * 4];
        scene.draw(&mut Canvas::new(&mut pixels, W), first);
        let before = pixels.clone();
        scene.draw(&mut Canvas::new(&mut pixels, W), second);
        pixels
            .chunks(4)
            .zip(before.chunks(4))
            .filter(|(a, b)| a != b)
            .count()
    }
}
