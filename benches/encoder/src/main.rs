//! Encodes a recorded clip by one backend, and prints what each picture took as JSON; `encoder.mjs` runs it and makes tables of it.
//!
//! `bare` encodes each picture twice, by our wrapper and by libx264 with the same settings and nothing around it, in turn.

#[expect(
    unsafe_code,
    reason = "libx264 with nothing around it; all calls to it are in this module"
)]
mod bare;
mod clip;

use anyhow::{Context, Result};
use bare::Bare;
use clap::{Parser, Subcommand, ValueEnum};
use clip::Clip;
use firstlight_backends::find;
use firstlight_encoder::{Config, Encoder, How, Preset, Surface, Unit, rate};
use firstlight_units::{Bitrate, FrameId};
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, Parser)]
#[command(about = "Measures the video encoders")]
struct Cli {
    /// Pictures of four bytes a pixel (bgr0), one after the other
    #[arg(long)]
    clip: PathBuf,
    #[arg(long, default_value_t = 1280)]
    width: u16,
    #[arg(long, default_value_t = 720)]
    height: u16,
    #[arg(long, default_value_t = 60)]
    fps: u16,
    #[arg(long, default_value_t = 2)]
    threads: u8,
    #[arg(long, value_enum, default_value_t = Speed::Fastest)]
    preset: Speed,
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Speed {
    Fastest,
    Fast,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The whole clip at one rate
    Run {
        backend: String,
        kbps: u64,
        /// Where the stream goes
        stream: PathBuf,
    },
    /// A step of the rate in the middle of the clip
    Step {
        backend: String,
        from_kbps: u64,
        to_kbps: u64,
    },
    /// Our wrapper against bare libx264
    Bare { kbps: u64 },
}

/// What one run gives; a value for each picture in each list.
#[derive(Debug, Default, Serialize)]
struct Found {
    codec: String,
    encode_ms: Vec<f64>,
    cpu_ms: f64,
    bytes: Vec<u64>,
    cap_bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bare_ms: Vec<f64>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let clip = Clip::read(&cli.clip, cli.width, cli.height)?;
    let found = match &cli.what {
        What::Run {
            backend,
            kbps,
            stream,
        } => run(&cli, &clip, backend, *kbps, stream)?,
        What::Step {
            backend,
            from_kbps,
            to_kbps,
        } => step(&cli, &clip, backend, *from_kbps, *to_kbps)?,
        What::Bare { kbps } => against_bare(&cli, &clip, *kbps)?,
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&found)?)?;
    Ok(())
}

fn config(cli: &Cli, kbps: u64) -> Result<Config> {
    let preset = match cli.preset {
        Speed::Fastest => Preset::Fastest,
        Speed::Fast => Preset::Fast,
    };
    Ok(Config::builder()
        .size(cli.width, cli.height)
        .fps(cli.fps)
        .bitrate(Bitrate::kbps(kbps))
        .threads(cli.threads)
        .preset(preset)
        .build()?)
}

fn open(backend: &str, config: Config) -> Result<Encoder> {
    let opened = find(backend)?.open(&config);
    Ok(Encoder::with_backend(
        config,
        opened.with_context(|| format!("{backend} does not open"))?,
    ))
}

fn run(cli: &Cli, clip: &Clip, backend: &str, kbps: u64, stream: &PathBuf) -> Result<Found> {
    let config = config(cli, kbps)?;
    let mut encoder = open(backend, config)?;
    let mut out = File::create(stream)?;
    let mut found = Found {
        codec: encoder.codec().to_owned(),
        cap_bytes: rate::plan(Bitrate::kbps(kbps), &config, 1).cap.as_u64(),
        ..Found::default()
    };
    let mut unit = Vec::new();
    for (frame, picture) in (1..).zip(clip.pictures()) {
        encoder.load(picture)?;
        unit.clear();
        let (began, cpu) = (Instant::now(), cpu_ms()?);
        encoder.encode(FrameId::new(frame), How::default(), &mut |part: Unit<'_>| {
            unit.extend_from_slice(part.nals);
        })?;
        found.encode_ms.push(began.elapsed().as_secs_f64() * 1e3);
        found.cpu_ms += cpu_ms()? - cpu;
        found.bytes.push(u64::try_from(unit.len())?);
        out.write_all(&unit)?;
    }
    Ok(found)
}

fn step(cli: &Cli, clip: &Clip, backend: &str, from_kbps: u64, to_kbps: u64) -> Result<Found> {
    let config = config(cli, from_kbps)?;
    let mut encoder = open(backend, config)?;
    let to = Bitrate::kbps(to_kbps);
    let mut found = Found {
        codec: encoder.codec().to_owned(),
        cap_bytes: rate::plan(to, &config, 1).cap.as_u64(),
        ..Found::default()
    };
    let middle = clip.len() / 2;
    for (n, picture) in clip.pictures().enumerate() {
        if n == middle {
            encoder.set_bitrate(to)?;
        }
        encoder.load(picture)?;
        let frame = FrameId::new(u64::try_from(n)? + 1);
        let unit = encoder.encode(frame, How::default(), &mut |_: Unit<'_>| {})?;
        if n >= middle {
            found.bytes.push(unit.bytes.as_u64());
        }
    }
    Ok(found)
}

/// Picture by picture in turn, and who is first changes, so that neither finds the other's caches warm more often.
fn against_bare(cli: &Cli, clip: &Clip, kbps: u64) -> Result<Found> {
    let config = config(cli, kbps)?;
    let mut ours = open("x264", config)?;
    let mut bare = Bare::open(&config)?;
    let mut surface = Surface::new(cli.width, cli.height);
    let mut found = Found {
        codec: ours.codec().to_owned(),
        ..Found::default()
    };
    for (frame, picture) in (1..).zip(clip.pictures()) {
        ours.load(picture)?;
        surface.load(picture)?;
        let mut encode_ours = |found: &mut Found| -> Result<()> {
            let (mut unit, began) = (0, Instant::now());
            ours.encode(FrameId::new(frame), How::default(), &mut |part: Unit<'_>| {
                unit += part.nals.len()
            })?;
            found.encode_ms.push(began.elapsed().as_secs_f64() * 1e3);
            found.bytes.push(u64::try_from(unit)?);
            Ok(())
        };
        let mut encode_bare = |found: &mut Found| -> Result<()> {
            let began = Instant::now();
            bare.encode(&surface, i64::try_from(frame)?)?;
            found.bare_ms.push(began.elapsed().as_secs_f64() * 1e3);
            Ok(())
        };
        if frame % 2 == 0 {
            encode_ours(&mut found)?;
            encode_bare(&mut found)?;
        } else {
            encode_bare(&mut found)?;
            encode_ours(&mut found)?;
        }
    }
    Ok(found)
}

/// CPU time of this process and its threads: steadier than the clock on a busy machine.
fn cpu_ms() -> Result<f64> {
    let mut ns = 0u64;
    for task in std::fs::read_dir("/proc/self/task")? {
        let Ok(stat) = std::fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        ns += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(std::time::Duration::from_nanos(ns).as_secs_f64() * 1e3)
}
