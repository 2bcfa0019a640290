//! Seeded pictures through the encoder that players get theirs from.

use crate::Error;
use firstlight_checker::Digest;
use firstlight_checker::challenge::{BYTES_PER_PIXEL, PROOF_BYTES_MAX, Scene};
use firstlight_encoder::{Config, How, Picture};
use firstlight_units::{Bitrate, FrameId};

/// The access units of the seed's pictures.
pub(crate) fn encode(
    seed: &Digest,
    (width, height): (u16, u16),
    fps: u16,
    frames: u16,
) -> Result<Vec<Vec<u8>>, Error> {
    let config = Config::builder()
        .size(width, height)
        .fps(fps)
        .bitrate(rate(fps, frames))
        .build()?;
    let mut encoder = firstlight_backends::software(config)?;
    let mut scene = Scene::new(seed, width, height);
    let stride = usize::from(width) * BYTES_PER_PIXEL;
    let mut bgrx = vec![0; stride * usize::from(height)];
    let mut units = Vec::with_capacity(frames.into());
    for number in 0..frames {
        scene.draw(&mut bgrx);
        encoder.load(Picture { bgrx: &bgrx, stride })?;
        let mut unit = Vec::new();
        let how = How {
            idr: number == 0,
            ..How::default()
        };
        encoder.encode(FrameId::new(u64::from(number) + 1), how, &mut |part| {
            unit.extend_from_slice(part.nals)
        })?;
        units.push(unit);
        scene.advance();
    }
    let bytes = units.iter().map(Vec::len).sum();
    if bytes > PROOF_BYTES_MAX - usize::from(frames) * 4 {
        return Err(Error::Bitstream(bytes));
    }
    Ok(units)
}

/// Two thirds of what an answer holds.
fn rate(fps: u16, frames: u16) -> Bitrate {
    let bits = u64::try_from(PROOF_BYTES_MAX).unwrap_or(0) * 8 * 2 / 3;
    Bitrate::bps((bits * u64::from(fps) / u64::from(frames.max(1))).max(100_000))
}
