//! Measures one way of capture with the beacon: how long its pictures, and its answers to input, take to the encoder's input.
//!
//! ```text
//! beacon: time into the picture, commit ──> display ──> capture ──> converted into the encoder's surface: now
//!    ^ key ───────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Every picture is encoded too, as in a session: the encoder's work is what capture has to live beside.

mod own;
mod plain;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use firstlight_barcode::Reading;
use firstlight_container::{Container, Input, InputEvent, Spec};
use firstlight_encoder::{Config, Encoder, How, Picture};
use firstlight_title::{DisplayKind, Resize, Title};
use firstlight_units::{Bitrate, FrameId, Micros, Timestamp};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// Measures one way of capture; prints one JSON object.
#[derive(Debug, Parser)]
struct Options {
    /// Which way
    #[arg(long)]
    way: Way,
    /// Seconds to measure, after one that is not counted
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Pixels
    #[arg(long, default_value_t = 1280)]
    width: u16,
    /// Pixels
    #[arg(long, default_value_t = 720)]
    height: u16,
    /// The beacon's folder
    #[arg(long, default_value = "titles/beacon")]
    beacon: PathBuf,
}

/// A way from the app to the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Way {
    /// Our X11 display, captured by damage.
    X11,
    /// Our Wayland display, the app a native client.
    Wayland,
    /// Our Wayland display, the app an X11 client.
    Xwayland,
    /// The same X11 display, captured by FFmpeg's x11grab at 60 pictures a second.
    Plain,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
struct Measured {
    /// From the beacon's time in a picture, just before it puts it on the screen, to the picture in the encoder's surface.
    commit_ms: Vec<f64>,
    /// Of that, until the display had it and it was at hand.
    capture_ms: Vec<f64>,
    /// From a key to the first picture that counts it, in the encoder's surface.
    input_ms: Vec<f64>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let root = tempfile::tempdir()?;
    let container = start(&options, &root)?;
    let mut bench = Bench::new(&options, container.input()?)?;
    match options.way {
        Way::Plain => plain::run(&mut bench, &root.path().join("run"), &options)?,
        Way::X11 | Way::Wayland | Way::Xwayland => own::run(&mut bench, container.capture()?)?,
    }
    container.stop();
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&bench.measured)?)?;
    Ok(())
}

fn start(options: &Options, root: &TempDir) -> Result<Container> {
    let folder = options.beacon.canonicalize().context("the beacon's folder")?;
    let mut title: Title = firstlight_title::load(&folder)?;
    (title.display.width, title.display.height) = (options.width, options.height);
    // Rows as long as those of any other title of this size.
    title.display.resize = Resize::Fixed;
    title.display.kind = match options.way {
        Way::X11 | Way::Plain => DisplayKind::X11,
        Way::Wayland | Way::Xwayland => DisplayKind::Wayland,
    };
    let kind = if options.way == Way::Wayland {
        "wayland"
    } else {
        "x11"
    };
    title.run.env.insert("BEACON_DISPLAY".into(), kind.into());
    title.audio.enabled = false;
    title.input.gamepads = 0;
    Ok(Container::start(Spec {
        title,
        title_dir: folder,
        run_dir: root.path().join("run"),
        home: root.path().join("home"),
        cgroup: None,
    })?)
}

/// The encoder's side of every way, and what presses the keys.
struct Bench {
    encoder: Encoder,
    input: Input,
    frame: FrameId,
    begun: Timestamp,
    until: Timestamp,
    /// When the next key goes down.
    next: Timestamp,
    /// The key that is not answered yet: when it went down, and what the beacon had counted.
    pressed: Option<(Timestamp, u16)>,
    seen: Option<Reading>,
    measured: Measured,
}

impl Bench {
    fn new(options: &Options, input: Input) -> Result<Self> {
        let config = Config::builder()
            .size(options.width, options.height)
            .fps(60)
            .bitrate(Bitrate::mbps(8))
            .build()?;
        let begun = firstlight_container::now() + WARM_UP;
        Ok(Self {
            encoder: Encoder::open(config)?,
            input,
            frame: FrameId::new(0),
            begun,
            until: begun + Micros::from_secs(options.seconds),
            next: begun,
            pressed: None,
            seen: None,
            measured: Measured::default(),
        })
    }

    fn is_over(&self) -> bool {
        firstlight_container::now() >= self.until
    }

    /// Presses a key when it is time for one.
    fn press(&mut self) -> Result<()> {
        let now = firstlight_container::now();
        let Some(seen) = self.seen.filter(|_| now >= self.next && self.pressed.is_none()) else {
            return Ok(());
        };
        self.next = now + BETWEEN_KEYS;
        self.pressed = Some((firstlight_container::now(), seen.inputs));
        for down in [true, false] {
            self.input.inject(InputEvent::Key { code: KEY, down })?;
        }
        Ok(())
    }

    /// A picture came: into the encoder with it.
    fn take(&mut self, picture: Picture<'_>, at_hand_us: u64) -> Result<()> {
        let green = |x: usize, y: usize| {
            let at = y * picture.stride + x * 4 + 1;
            picture.bgrx.get(at).copied().unwrap_or(0)
        };
        let reading = firstlight_barcode::read(green);
        let changed = self.encoder.load(picture)?;
        let (now, now_us) = (firstlight_container::now(), wall_us()?);
        if let Some(reading) = reading.filter(|_| changed) {
            self.note(reading, (at_hand_us, now_us), now);
        }
        self.frame = self.frame.next();
        let how = How {
            idr: self.frame == FrameId::new(1),
            ..How::default()
        };
        self.encoder.encode(self.frame, how, &mut |_| {})?;
        Ok(())
    }

    fn note(&mut self, reading: Reading, (at_hand_us, now_us): (u64, u64), now: Timestamp) {
        let ms = |us: u64| us as f64 / 1_000.0;
        if now >= self.begun {
            let since = |us: u64| ms(us.saturating_sub(reading.time_us));
            self.measured.commit_ms.push(since(now_us));
            self.measured.capture_ms.push(since(at_hand_us));
        }
        if let Some((at, before)) = self.pressed
            && reading.inputs != before
        {
            self.measured.input_ms.push(now.since(at).as_millis_f64());
            self.pressed = None;
        }
        self.seen = Some(reading);
    }
}

/// The beacon's clock.
fn wall_us() -> Result<u64> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
    let us = i128::from(now.tv_sec()) * 1_000_000 + i128::from(now.tv_nsec()) / 1_000;
    Ok(u64::try_from(us)?)
}

/// Until the displays have learnt the app's ways.
const WARM_UP: Micros = Micros::from_millis(1_000);
/// No multiple of the beacon's period: keys fall everywhere between two pictures.
const BETWEEN_KEYS: Micros = Micros::new(103_700);
/// `KEY_A`.
const KEY: u16 = 30;
