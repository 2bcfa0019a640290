//! What a lost picture costs at a round trip of 50 ms: by reference invalidation, by intra refresh, by an IDR. `./bench recovery` runs it and
//! prints a table of what it prints here, a list in JSON.
//!
//! ```text
//! source -> NVENC (its double) -> line (rate, 25 ms) -> the ffmpeg program -> luma against the source
//!              ^ 25 ms later: what was lost             ^ without the lost picture
//! ```
//!
//! Time is simulated: pictures leave sixty times a second, and each takes its bytes' time on the line. A picture is clean when the
//! decoder shows what it would show had nothing been lost, and as sharp as before when it is within a decibel of the same picture of a
//! stream that did not have to recover.

#![allow(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    reason = "a tool for people, which knows its numbers"
)]

use firstlight_encoder::{Config, Encoder, How, Picture, Unit};
use firstlight_nvenc::{Driver, Nvenc, Options};
use firstlight_nvenc_double::Folder;
use firstlight_units::{Bitrate, FrameId};
use serde_json::{Value, json};
use std::error::Error;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let folder = Folder::new()?;
    let driver = Driver::open_in(folder.path())?;
    let sources: Vec<Vec<u8>> = (0..PICTURES).map(source).collect();
    let mut cases = Vec::new();
    for way in [Way::Invalidation, Way::Refresh, Way::Idr] {
        let whole = encode(&driver, &sources, way, None)?;
        let lossy = encode(&driver, &sources, way, Some(LOST))?;
        cases.push(compare(way, &whole, &lossy, &sources)?);
    }
    println!("{}", serde_json::Value::from(cases));
    let broken = folder.report();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.into())
    }
}

/// How a loss is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Invalidation,
    Refresh,
    Idr,
}

impl Way {
    const fn words(self) -> &'static str {
        match self {
            Self::Invalidation => "reference invalidation",
            Self::Refresh => "intra refresh, half a second a round",
            Self::Idr => "an IDR",
        }
    }
}

/// An access unit on its way.
struct Sent {
    bytes: Vec<u8>,
    idr: bool,
    /// Milliseconds after the first picture was drawn.
    arrives: f64,
}

/// Codes all pictures; where one is lost, the encoder is told when the player's word can be there.
fn encode(driver: &Arc<Driver>, sources: &[Vec<u8>], way: Way, lost: Option<usize>) -> Outcome<Vec<Sent>> {
    let config = Config::builder()
        .size(WIDTH, HEIGHT)
        .bitrate(RATE)
        .slices(1)
        .build()?;
    let options = Options {
        intra_refresh: if way == Way::Refresh { REFRESH } else { 0 },
        ..Options::default()
    };
    let mut encoder = Encoder::with_backend(config, Box::new(Nvenc::open(driver, &config, options)?));
    let (mut sent, mut free, mut told) = (Vec::<Sent>::new(), 0.0, f64::INFINITY);
    for (n, bgrx) in sources.iter().enumerate() {
        let drawn = n as f64 * FRAME_MS;
        let mut how = How::default();
        if told <= drawn {
            told = f64::INFINITY;
            let first_lost = FrameId::new(lost.unwrap_or(0) as u64 + 1);
            match way {
                Way::Invalidation => how.idr = !encoder.invalidate(first_lost)?,
                Way::Idr => how.idr = true,
                Way::Refresh => {}
            }
        }
        encoder.load(Picture {
            bgrx,
            stride: usize::from(WIDTH) * 4,
        })?;
        let mut bytes = Vec::new();
        let unit = encoder.encode(FrameId::new(n as u64 + 1), how, &mut |u: Unit<'_>| {
            bytes.extend_from_slice(u.nals)
        })?;
        free = drawn.max(free) + bytes.len() as f64 * 8.0 / LINE.as_bps() as f64 * 1000.0;
        let arrives = free + ONE_WAY_MS;
        if lost.is_some_and(|lost| n == lost + 1) {
            // The next picture's arrival shows the gap.
            told = arrives + ONE_WAY_MS;
        }
        sent.push(Sent {
            bytes,
            idr: unit.idr,
            arrives,
        });
    }
    Ok(sent)
}

fn compare(way: Way, whole: &[Sent], lossy: &[Sent], sources: &[Vec<u8>]) -> Outcome<Value> {
    let (undisturbed, all, hurt) = (show(whole, None)?, show(lossy, None)?, show(lossy, Some(LOST))?);
    let since = |holds: &dyn Fn(usize) -> bool| (LOST + 1..PICTURES).rev().take_while(|&n| holds(n)).last();
    let after = |n: Option<usize>| n.map(|n| lossy[n].arrives - whole[LOST].arrives);
    let clean = since(&|n| hurt[n] == all[n]);
    let sharp = |n: usize| psnr(&sources[n], &hurt[n]) > psnr(&sources[n], &undisturbed[n]) - 1.0;
    let bytes = |sent: &[Sent]| -> usize { sent[LOST + 1..LOST + 61].iter().map(|s| s.bytes.len()).sum() };
    Ok(json!({
        "name": way.words(),
        "clean_after_ms": after(clean),
        "sharp_after_ms": after(since(&sharp)),
        "first_clean_bytes": clean.map(|n| lossy[n].bytes.len()),
        "first_clean_db": clean.map(|n| psnr(&sources[n], &hurt[n])),
        "more_bytes": bytes(lossy) as i64 - bytes(whole) as i64,
        "idrs": lossy[LOST..].iter().filter(|s| s.idr).count(),
    }))
}

/// Luma of each picture, by its number; nothing where it did not come.
fn show(sent: &[Sent], without: Option<usize>) -> Outcome<Vec<Vec<u8>>> {
    let numbers: Vec<usize> = (0..sent.len()).filter(|n| Some(*n) != without).collect();
    let stream: Vec<u8> = numbers
        .iter()
        .flat_map(|&n| sent[n].bytes.iter().copied())
        .collect();
    let lumas = decode(&stream)?;
    if lumas.len() != numbers.len() {
        return Err(format!("{} of {} pictures came out", lumas.len(), numbers.len()).into());
    }
    let mut shown = vec![Vec::new(); sent.len()];
    for (&n, luma) in numbers.iter().zip(lumas) {
        shown[n] = luma;
    }
    Ok(shown)
}

/// Luma of each picture of a stream.
fn decode(stream: &[u8]) -> Outcome<Vec<Vec<u8>>> {
    let mut ffmpeg = Command::new("ffmpeg")
        .args([
            "-loglevel",
            "quiet",
            "-nostdin",
            "-flags",
            "+output_corrupt",
            "-f",
            "h264",
            "-i",
            "pipe:0",
        ])
        .args([
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "pipe:1",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = ffmpeg.stdin.take().ok_or("no input")?;
    let mut output = ffmpeg.stdout.take().ok_or("no output")?;
    let mut bytes = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(stream).is_ok());
        output.read_to_end(&mut bytes)
    })?;
    ffmpeg.wait()?;
    Ok(bytes
        .chunks_exact(usize::from(WIDTH) * usize::from(HEIGHT))
        .map(<[u8]>::to_vec)
        .collect())
}

fn psnr(bgrx: &[u8], luma: &[u8]) -> f64 {
    let error: f64 = bgrx
        .chunks_exact(4)
        .zip(luma)
        .map(|(p, &y)| {
            // `-pix_fmt gray` is full range.
            let grey = 0.2126 * f64::from(p[2]) + 0.7152 * f64::from(p[1]) + 0.0722 * f64::from(p[0]);
            (grey - f64::from(y)).powi(2)
        })
        .sum();
    10.0 * (255.0 * 255.0 * luma.len() as f64 / error.max(1e-6)).log10()
}

/// Texture that scrolls, and something that goes the other way.
fn source(n: usize) -> Vec<u8> {
    let (width, height) = (usize::from(WIDTH), usize::from(HEIGHT));
    let mut bgrx = Vec::with_capacity(width * height * 4);
    for i in 0..width * height {
        let (x, y) = (i % width, i / width);
        let (u, v) = (x + n * 3, y + n);
        let rough = (((u / 6) * 2_654_435_761) ^ ((v / 6) * 40_503)).to_le_bytes()[1] / 3;
        let slope = ((u + 2 * v) / 6 % 128).to_le_bytes()[0];
        let (dx, dy) = (x.abs_diff(width * 3 / 4 - n * 2 % 400), y.abs_diff(height / 2));
        let level = if dx * dx + dy * dy < 6400 {
            230
        } else {
            rough + slope
        };
        bgrx.extend([level, level, level, 0]);
    }
    bgrx
}

const WIDTH: u16 = 1280;
const HEIGHT: u16 = 720;
const PICTURES: usize = 200;
/// After the rate control has settled.
const LOST: usize = 100;
const FRAME_MS: f64 = 1000.0 / 60.0;
const ONE_WAY_MS: f64 = 25.0;
const RATE: Bitrate = Bitrate::mbps(8);
/// What the line carries: a fifth more than the stream.
const LINE: Bitrate = Bitrate::kbps(9_600);
/// Half a second of pictures.
const REFRESH: u16 = 30;
