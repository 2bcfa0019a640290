//! How fast this machine encodes: measured, not looked up.

use firstlight_encoder::{Config, Encoder, Error, How, Picture};
use firstlight_units::{Bitrate, FrameId, Micros};
use std::time::Instant;

/// What some pictures took.
#[derive(Clone, Debug)]
pub(crate) struct Speed {
    /// What encoded them.
    pub(crate) backend: &'static str,
    codec: String,
    /// The median of a picture, conversion included.
    pub(crate) picture: Micros,
}

impl Speed {
    pub(crate) fn words(&self) -> String {
        format!(
            "{} ({}): {:.1} ms per {WIDTH}x{HEIGHT} picture of a moving pattern, of 16.7 ms at 60 a second",
            self.backend,
            self.codec,
            self.picture.as_millis_f64()
        )
    }
}

/// Encodes some pictures, so that the answer is about this machine and not about its packages. Blocks for a fraction of a second.
pub(crate) fn measure() -> Result<Speed, Error> {
    let config = Config::builder()
        .size(WIDTH, HEIGHT)
        .fps(60)
        .bitrate(Bitrate::mbps(8))
        .build()?;
    let mut encoder = Encoder::open(config)?;
    let stride = usize::from(WIDTH) * 4;
    let mut pixels = vec![0; stride * usize::from(HEIGHT)];
    let mut took = Vec::new();
    for frame in 1..=PICTURES {
        scribble(&mut pixels, frame);
        let began = Instant::now();
        encoder.load(Picture {
            bgrx: &pixels,
            stride,
        })?;
        encoder.encode(
            FrameId::new(frame),
            How {
                idr: frame == 1,
                ..How::default()
            },
            &mut |_| {},
        )?;
        took.push(Micros::from(began.elapsed()));
    }
    took.sort_unstable();
    Ok(Speed {
        backend: encoder.backend(),
        codec: encoder.codec().to_string(),
        picture: took.get(took.len() / 2).copied().unwrap_or_default(),
    })
}

/// A pattern that moves, so that there is something to encode.
fn scribble(pixels: &mut [u8], frame: u64) {
    for (i, pixel) in pixels.chunks_exact_mut(4).enumerate() {
        let (x, y) = (i % usize::from(WIDTH), i / usize::from(WIDTH));
        let shift = usize::try_from(frame).unwrap_or_default() * 4;
        let shade = u8::try_from(((x + shift) ^ y) & 0xff).unwrap_or_default();
        pixel.copy_from_slice(&[shade, shade.wrapping_mul(3), shade.rotate_left(2), 0]);
    }
}

const WIDTH: u16 = 1280;
const HEIGHT: u16 = 720;
/// Half a second of pictures: the median of fewer jumps.
const PICTURES: u64 = 30;
