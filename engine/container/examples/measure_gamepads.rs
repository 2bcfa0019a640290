//! What a gamepad costs: how long an event takes from the engine to the app's `read`, what a request (ioctl) takes, and what the preloaded
//! library adds to every other `open` of the app.
//!
//! `cargo run --release -p firstlight-container --example measure_gamepads` runs itself as the title of two containers, one with gamepads and one without, and
//! prints microseconds: p50, p95, p99, the worst, and the count.
#![allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]

use evdev::{Device, EventType};
use firstlight_container::{Container, PadState, Spec};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    match std::env::args().nth(1).as_deref() {
        Some("with") => inside(true),
        Some("without") => inside(false),
        _ => {
            play("without", 0)?;
            play("with", 1)
        }
    }
}

/// Runs this program as a title with so many gamepads, and prints what it says.
fn play(how: &str, gamepads: u8) -> Outcome<()> {
    let root = tempfile::tempdir()?;
    let (title_dir, out) = (root.path().join("title"), root.path().join("home/out"));
    fs::create_dir_all(&title_dir)?;
    fs::create_dir_all(&out)?;
    fs::copy(std::env::current_exe()?, title_dir.join("measure"))?;
    let pipe = out.join("says");
    mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let text = format!(
        "id = \"title\"\nname = \"Measure\"\nversion = \"1\"\n[run]\ncommand = [\"measure\", \"{how}\"]\npersist = [\"out\"]\n\
         [input]\ngamepads = {gamepads}\n[audio]\nenabled = false\n"
    );
    let container = Container::start(Spec {
        title: firstlight_title::parse(&text, Path::new("title.toml"))?,
        title_dir,
        run_dir: root.path().join("run"),
        home: root.path().join("home"),
        cgroup: None,
    })?;
    let mut lines = BufReader::new(File::open(pipe)?).lines();
    if let Some(gamepads) = container.gamepads() {
        gamepads.set(0, Some(PadState::default()))?;
        while lines.next().transpose()?.is_some_and(|line| line != "ready") {}
        for n in 1..=EVENTS {
            let sticks = [i16::try_from(n).unwrap_or(0), 0, 0, 0];
            gamepads.set(
                0,
                Some(PadState {
                    sticks,
                    ..PadState::default()
                }),
            )?;
            std::thread::sleep(Duration::from_millis(4));
        }
    }
    for line in lines {
        println!("{how:<8} {}", line?);
    }
    Ok(())
}

/// The title.
fn inside(gamepads: bool) -> Outcome<()> {
    let mut says = OpenOptions::new().write(true).open("/home/out/says")?;
    if gamepads {
        let path = Path::new("/dev/input/event0");
        while !path.exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        writeln!(says, "ready")?;
        let mut device = Device::open(path)?;
        let mut ages = Vec::with_capacity(EVENTS);
        while ages.len() < EVENTS * 9 / 10 {
            for event in device.fetch_events()? {
                if event.event_type() == EventType::ABSOLUTE {
                    ages.push(
                        SystemTime::now()
                            .duration_since(event.timestamp())
                            .unwrap_or_default(),
                    );
                }
            }
        }
        writeln!(says, "set to read              {}", figures(ages))?;
        let asked = times(2_000, || device.get_key_state().map(drop))?;
        writeln!(says, "a request (ioctl)        {}", figures(asked))?;
        let opened = times(500, || File::open(path).map(drop))?;
        writeln!(says, "open and close a gamepad {}", figures(opened))?;
    }
    let opened = times(20_000, || {
        File::open("/usr/bin/env").map(|file| drop(black_box(file)))
    })?;
    writeln!(says, "open and close a file    {}", figures(opened))?;
    Ok(())
}

fn times(count: usize, mut act: impl FnMut() -> std::io::Result<()>) -> std::io::Result<Vec<Duration>> {
    (0..count)
        .map(|_| {
            let began = Instant::now();
            act().map(|()| began.elapsed())
        })
        .collect()
}

fn figures(mut all: Vec<Duration>) -> String {
    all.sort();
    let at = |percent: usize| {
        let place = (all.len() * percent / 100).min(all.len().saturating_sub(1));
        all.get(place).map_or(0.0, |span| span.as_secs_f64() * 1e6)
    };
    format!(
        "{:8.1} {:8.1} {:8.1} {:8.1}  n {}",
        at(50),
        at(95),
        at(99),
        at(100),
        all.len()
    )
}

/// Eight seconds of a stick that moves 250 times a second.
const EVENTS: usize = 2_000;
