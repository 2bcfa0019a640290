//! The engine's own capture, as its media thread uses it.

use crate::{Bench, wall_us};
use anyhow::Result;
use firstlight_container::{Capture, Wait, now};
use firstlight_encoder::Picture;
use firstlight_units::Micros;

pub(crate) fn run(bench: &mut Bench, mut capture: Capture) -> Result<()> {
    while !bench.is_over() {
        bench.press()?;
        if let Wait::Damage { .. } = capture.wait(Some(now() + LOOK_AGAIN))? {
            let grab = capture.grab()?;
            let at_hand = wall_us()?;
            let picture = Picture {
                bgrx: grab.pixels,
                stride: grab.stride,
            };
            bench.take(picture, at_hand)?;
        }
    }
    Ok(())
}

/// For the next key.
const LOOK_AGAIN: Micros = Micros::from_millis(1);
