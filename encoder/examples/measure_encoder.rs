//! Measures conversion, encoding and the still policy on raw pictures (BGRX, one after the other), and writes the stream.
//!
//! `cargo run --release -p firstlight-encoder --example measure_encoder -- FILE WIDTH HEIGHT KBPS fastest|fast THREADS [STREAM.h264]`
#![allow(clippy::print_stdout, reason = "a tool for people")]

use firstlight_encoder::still::Still;
use firstlight_encoder::{AccessUnit, Config, Encoder, How, Picture, Preset, Unit};
use firstlight_units::{Bitrate, FrameId, Timestamp};
use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, width, height, kbps, preset, threads, rest @ ..] = args.as_slice() else {
        return Err("usage: measure FILE WIDTH HEIGHT KBPS fastest|fast THREADS [STREAM.h264]".into());
    };
    let (width, height) = (width.parse()?, height.parse()?);
    let target = Bitrate::kbps(kbps.parse()?);
    let preset = if preset == "fast" {
        Preset::Fast
    } else {
        Preset::Fastest
    };
    let config = Config::builder()
        .size(width, height)
        .bitrate(target)
        .preset(preset)
        .threads(threads.parse()?)
        .build()?;
    let out: Box<dyn Write + Send> = match rest.first() {
        Some(path) => Box::new(File::create(path)?),
        None => Box::new(io::sink()),
    };
    let begun = Instant::now();
    let encoder = Encoder::open(config)?;
    println!("open       {:.2} ms, codec {}", since(begun), encoder.codec());
    let mut measure = Measure {
        encoder,
        out,
        frame: FrameId::default(),
        times: Times::default(),
    };
    let raw = std::fs::read(file)?;
    let stride = usize::from(width) * 4;
    let mut last = None;
    for picture in raw.chunks_exact(stride * usize::from(height)) {
        last = Some(measure.picture(Picture {
            bgrx: picture,
            stride,
        })?);
    }
    measure.times.show();
    measure.still(
        &config,
        target,
        last.as_ref().ok_or("no whole picture in the file")?,
    )
}

struct Measure {
    encoder: Encoder,
    out: Box<dyn Write + Send>,
    frame: FrameId,
    times: Times,
}

/// Milliseconds, and bytes.
#[derive(Default)]
struct Times {
    load: Vec<f64>,
    same: Vec<f64>,
    encode: Vec<f64>,
    first_unit: Vec<f64>,
    cpu: Vec<f64>,
    bytes: Vec<f64>,
}

impl Measure {
    fn picture(&mut self, picture: Picture<'_>) -> Result<AccessUnit> {
        let begun = Instant::now();
        self.encoder.load(picture)?;
        self.times.load.push(since(begun));
        let begun = Instant::now();
        self.encoder.load(picture)?;
        self.times.same.push(since(begun));
        let (begun, cpu) = (Instant::now(), cpu_ms()?);
        let (unit, first) = self.encode(How::default())?;
        self.times.encode.push(since(begun));
        self.times.cpu.push(cpu_ms()? - cpu);
        self.times.first_unit.push(first);
        self.times
            .bytes
            .push(f64::from(u32::try_from(unit.bytes.as_u64())?));
        Ok(unit)
    }

    fn encode(&mut self, how: How) -> Result<(AccessUnit, f64)> {
        self.frame = self.frame.next();
        let (begun, mut first, mut written) = (Instant::now(), None, Ok(()));
        let out = &mut self.out;
        let unit = self.encoder.encode(self.frame, how, &mut |u: Unit<'_>| {
            first = first.or_else(|| Some(since(begun)));
            if let Err(e) = out.write_all(u.nals) {
                written = Err(e);
            }
        })?;
        written?;
        Ok((unit, first.unwrap_or_default()))
    }

    /// The last picture stays.
    fn still(&mut self, config: &Config, target: Bitrate, last: &AccessUnit) -> Result<()> {
        let mut policy = Still::new(config);
        policy.on_changed(Timestamp::default(), last, target);
        let (mut steps, mut bytes, mut end) = (0, 0, Timestamp::default());
        while let Some(at) = policy.poll_timeout() {
            let (unit, _) = self.encode(How {
                idr: false,
                refine: policy.poll(at),
                ..How::default()
            })?;
            policy.on_refined(at, &unit, target);
            (steps, bytes, end) = (steps + 1, bytes + unit.bytes.as_u64(), at);
        }
        println!(
            "still      {steps} steps, {bytes} bytes, {} ms",
            end.as_micros() / 1000
        );
        Ok(())
    }
}

impl Times {
    fn show(&mut self) {
        for (name, values) in [
            ("load", &mut self.load),
            ("same again", &mut self.same),
            ("encode", &mut self.encode),
            ("first unit", &mut self.first_unit),
            ("cpu", &mut self.cpu),
            ("bytes", &mut self.bytes),
        ] {
            values.sort_by(f64::total_cmp);
            let mean =
                values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX));
            let at = |percent: usize| {
                values
                    .get((values.len().saturating_sub(1)) * percent / 100)
                    .copied()
            };
            let [min, p50, p95, p99, max] = [0, 50, 95, 99, 100].map(|p| at(p).unwrap_or_default());
            let n = values.len();
            println!(
                "{name:10} min {min:.3} p50 {p50:.3} p95 {p95:.3} p99 {p99:.3} max {max:.3} mean {mean:.3} n {n}"
            );
        }
    }
}

fn since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// CPU time of this process and its threads: steadier than the clock on a busy machine.
fn cpu_ms() -> Result<f64> {
    let mut ns = 0u64;
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        ns += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(std::time::Duration::from_nanos(ns).as_secs_f64() * 1e3)
}
