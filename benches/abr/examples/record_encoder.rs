//! Records what our encoder makes of targets, for the bench's encoder model: sizes of access units at a steady target, of IDRs and of
//! recoveries, and how sizes follow a change of the target.
//!
//! `cargo run --release -p firstlight-bench-abr --example record_encoder -- freedoom=FILE.bgrx > benches/abr/recordings/x264.json`
//!
//! FILE.bgrx holds raw pictures of 1280×720, four bytes a pixel. Two more clips are drawn here: one that moves little, one that moves
//! much and is cut every two seconds.
#![allow(clippy::print_stdout, reason = "a tool for people")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixels and sizes"
)]

use firstlight_encoder::{Config, Encoder, How, Picture};
use firstlight_netem::Random;
use firstlight_units::{Bitrate, FrameId};
use serde::Serialize;
use std::error::Error;
use std::fs::File;
use std::io::{Read, Seek};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const WIDTH: usize = 1280;
const HEIGHT: usize = 720;
const FRAMES: usize = 384;
const KBPS: [u64; 8] = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000];
/// From, to.
const STEPS: [(u64, u64); 8] = [
    (8_000, 1_000),
    (4_000, 1_000),
    (2_000, 500),
    (2_000, 1_000),
    (500, 4_000),
    (500, 2_000),
    (1_000, 4_000),
    (1_000, 2_000),
];
const RESPONSE: usize = 24;

#[derive(Serialize)]
struct Recording {
    encoder: String,
    size: String,
    fps: u16,
    kbps: [u64; 8],
    clips: Vec<Clip>,
}

#[derive(Serialize)]
struct Clip {
    name: String,
    /// By target, then by picture: bytes.
    steady: Vec<Vec<u64>>,
    /// By target: IDRs among ordinary pictures.
    idr: Vec<Vec<u64>>,
    /// By target: pictures predicted from four back, over the same pictures at a steady target, per mille.
    recovery: Vec<u64>,
    /// By step: sizes behind it over those at a steady target, per mille.
    response: Vec<Response>,
}

#[derive(Serialize)]
struct Response {
    from_kbps: u64,
    to_kbps: u64,
    per_mille: Vec<u64>,
}

fn main() -> Result<()> {
    let mut clips = Vec::new();
    for argument in std::env::args().skip(1) {
        let (name, file) = argument
            .split_once('=')
            .ok_or("usage: record_encoder NAME=FILE.bgrx …")?;
        clips.push(record(
            name,
            &mut Recorded {
                file: File::open(file)?,
                last: Vec::new(),
            },
        )?);
    }
    clips.push(record("calm", &mut Drawn::new(false))?);
    clips.push(record("wild", &mut Drawn::new(true))?);
    let encoder = Encoder::open(config(8_000)?)?;
    let recording = Recording {
        encoder: encoder.backend().to_owned(),
        size: format!("{WIDTH}x{HEIGHT}"),
        fps: 60,
        kbps: KBPS,
        clips,
    };
    println!("{}", serde_json::to_string(&recording)?);
    Ok(())
}

fn config(kbps: u64) -> Result<Config> {
    let size = Config::builder().size(WIDTH as u16, HEIGHT as u16);
    Ok(size.bitrate(Bitrate::kbps(kbps)).build()?)
}

trait Pictures {
    fn next(&mut self, into: &mut [u8]) -> Result<()>;
}

struct Recorded {
    file: File,
    last: Vec<u8>,
}

impl Pictures for Recorded {
    /// The next picture that differs: one that does not is not encoded.
    fn next(&mut self, into: &mut [u8]) -> Result<()> {
        loop {
            if self.file.read_exact(into).is_err() {
                self.file.rewind()?;
                self.file.read_exact(into)?;
            }
            if self.last != into {
                self.last.clear();
                self.last.extend_from_slice(into);
                return Ok(());
            }
        }
    }
}

/// Runs every encoder beside the others over the clip, so that it is read once.
fn record(name: &str, pictures: &mut dyn Pictures) -> Result<Clip> {
    let open = || {
        KBPS.iter()
            .map(|&kbps| Run::open(kbps))
            .collect::<Result<Vec<_>>>()
    };
    let (mut steady, mut idr, mut lossy) = (open()?, open()?, open()?);
    let steps = STEPS.iter().map(|&(from, _)| Run::open(from));
    let mut steps = steps.collect::<Result<Vec<_>>>()?;
    let mut picture = vec![0; WIDTH * HEIGHT * 4];
    for n in 0..FRAMES {
        pictures.next(&mut picture)?;
        for run in &mut steady {
            run.encode(&picture, false)?;
        }
        for run in &mut idr {
            run.encode(&picture, n % 40 == 20)?;
        }
        for run in &mut lossy {
            if n % 20 == 10 {
                run.encoder.invalidate(FrameId::new(n as u64 - 2))?;
            }
            run.encode(&picture, false)?;
        }
        for (run, (from, to)) in steps.iter_mut().zip(STEPS) {
            if n % 96 == 48 {
                run.encoder.set_bitrate(Bitrate::kbps(to))?;
            } else if n % 96 == 0 && n > 0 {
                run.encoder.set_bitrate(Bitrate::kbps(from))?;
            }
            run.encode(&picture, false)?;
        }
        eprint!("\r{name} {n}");
    }
    eprintln!();
    let recovery = lossy.iter().zip(&steady).map(|(lossy, steady)| {
        let at = |run: &Run| {
            (0..FRAMES)
                .filter(|n| n % 20 == 10)
                .map(|n| run.sizes[n])
                .sum::<u64>()
        };
        at(lossy) * 1_000 / at(steady).max(1)
    });
    let response = STEPS.iter().zip(&steps).map(|(&(from, to), run)| Response {
        from_kbps: from,
        to_kbps: to,
        per_mille: response(run, &steady, to),
    });
    Ok(Clip {
        name: name.to_owned(),
        recovery: recovery.collect(),
        response: response.collect(),
        idr: idr
            .iter()
            .map(|run| {
                (0..FRAMES)
                    .filter(|n| n % 40 == 20)
                    .map(|n| run.sizes[n])
                    .collect()
            })
            .collect(),
        steady: steady.into_iter().map(|run| run.sizes).collect(),
    })
}

/// Sizes behind the steps to a target over those of a steady one at the same pictures.
fn response(run: &Run, steady: &[Run], to: u64) -> Vec<u64> {
    let position = KBPS.iter().position(|&kbps| kbps == to);
    (0..RESPONSE)
        .map(|k| {
            let mut sums = (0, 0);
            for n in (0..FRAMES)
                .filter(|n| n % 96 == 48 && n + k < FRAMES)
                .map(|n| n + k)
            {
                sums.0 += run.sizes[n];
                sums.1 += position.map_or(0, |index| steady[index].sizes[n]);
            }
            sums.0 * 1_000 / sums.1.max(1)
        })
        .collect()
}

struct Run {
    encoder: Encoder,
    frame: FrameId,
    sizes: Vec<u64>,
}

impl Run {
    fn open(kbps: u64) -> Result<Self> {
        Ok(Self {
            encoder: Encoder::open(config(kbps)?)?,
            frame: FrameId::default(),
            sizes: Vec::new(),
        })
    }

    fn encode(&mut self, bgrx: &[u8], idr: bool) -> Result<()> {
        self.encoder.load(Picture {
            bgrx,
            stride: WIDTH * 4,
        })?;
        self.frame = self.frame.next();
        let unit = self.encoder.encode(
            self.frame,
            How {
                idr,
                ..How::default()
            },
            &mut |_| {},
        )?;
        self.sizes.push(unit.bytes.as_u64());
        Ok(())
    }
}

/// A textured plane that is panned over, sprites that fly over it, and the grain that games put on their pictures.
struct Drawn {
    texture: Vec<u8>,
    sprites: Vec<[f64; 4]>,
    at: (f64, f64),
    wild: bool,
    frame: u64,
    random: Random,
}

const TEXTURE: usize = 2_048;

impl Drawn {
    fn new(wild: bool) -> Self {
        let mut drawn = Self {
            texture: Vec::new(),
            sprites: Vec::new(),
            at: (0.0, 0.0),
            wild,
            frame: 0,
            random: Random::new(if wild { 2 } else { 1 }),
        };
        drawn.cut();
        drawn
    }

    /// Another scene.
    fn cut(&mut self) {
        // Octaves of value noise, as landscapes and walls have them.
        let mut sum = vec![0f64; TEXTURE * TEXTURE];
        for (cell, weight) in [(256, 70.0), (64, 40.0), (16, 25.0), (4, 14.0)] {
            let side = TEXTURE / cell;
            let grid: Vec<f64> = (0..side * side)
                .map(|_| self.random.below(1_000) as f64 / 1_000.0)
                .collect();
            for y in 0..TEXTURE {
                let (gy, fy) = (y / cell, (y % cell) as f64 / cell as f64);
                for x in 0..TEXTURE {
                    let (gx, fx) = (x / cell, (x % cell) as f64 / cell as f64);
                    let at = |dx: usize, dy: usize| grid[(gy + dy) % side * side + (gx + dx) % side];
                    let top = at(0, 0) * (1.0 - fx) + at(1, 0) * fx;
                    let bottom = at(0, 1) * (1.0 - fx) + at(1, 1) * fx;
                    sum[y * TEXTURE + x] += weight * (top * (1.0 - fy) + bottom * fy);
                }
            }
        }
        self.texture = sum
            .into_iter()
            .map(|value| value.clamp(0.0, 255.0) as u8)
            .collect();
        let count = if self.wild { 60 } else { 6 };
        let speed = if self.wild { 24.0 } else { 3.0 };
        self.sprites = (0..count)
            .map(|_| {
                let mut unit = || self.random.below(10_000) as f64 / 10_000.0;
                [
                    unit() * WIDTH as f64,
                    unit() * HEIGHT as f64,
                    (unit() - 0.5) * speed,
                    (unit() - 0.5) * speed,
                ]
            })
            .collect();
    }
}

impl Pictures for Drawn {
    fn next(&mut self, into: &mut [u8]) -> Result<()> {
        self.frame += 1;
        if self.wild && self.frame.is_multiple_of(120) {
            self.cut();
        }
        let t = self.frame as f64 / 60.0;
        let speed = if self.wild { 18.0 } else { 0.7 };
        self.at.0 += speed * (1.0 + (t * 1.7).sin());
        self.at.1 += speed * 0.4 * (t * 2.3).cos();
        let (left, top) = (self.at.0 as usize, (self.at.1 + 4_096.0) as usize);
        let grain = if self.wild { 16 } else { 10 };
        for y in 0..HEIGHT {
            let row = (y + top) % TEXTURE * TEXTURE;
            for x in 0..WIDTH {
                let base = u64::from(self.texture[row + (x + left) % TEXTURE]);
                let value = (base + self.random.below(grain)).min(255) as u8;
                into[(y * WIDTH + x) * 4..][..4].copy_from_slice(&[
                    value / 2 + 40,
                    value,
                    value / 3 * 2 + 60,
                    0,
                ]);
            }
        }
        for sprite in &mut self.sprites {
            sprite[0] = (sprite[0] + sprite[2]).rem_euclid((WIDTH - 48) as f64);
            sprite[1] = (sprite[1] + sprite[3]).rem_euclid((HEIGHT - 48) as f64);
            for y in 0..48 {
                for x in 0..48 {
                    let at = ((sprite[1] as usize + y) * WIDTH + sprite[0] as usize + x) * 4;
                    into[at..at + 4].copy_from_slice(&[(x * 5) as u8, (y * 5) as u8, ((x ^ y) * 5) as u8, 0]);
                }
            }
        }
        Ok(())
    }
}
