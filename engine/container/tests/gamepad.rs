//! Gamepads arrive at the app as the kernel's devices would say it: at a plain evdev and joystick program, and at one of SDL.
//!
//! On a machine with `/dev/uinput` the same claims hold, but that every gamepad is there from the start: what is about plugging in is
//! checked where it is preloaded.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{SILENT, Stage};
use firstlight_container::{Container, Gamepads, PadState, Rumbles, Way};
use firstlight_units::Micros;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

const A: u32 = 1;
const UP: u32 = 1 << 12;
/// More than a test makes it say.
const LINES: usize = 1_024;

/// A title that says what its gamepads do.
struct Bench {
    container: Container,
    gamepads: Gamepads,
    lines: Receiver<String>,
    _stage: Stage,
}

impl Bench {
    /// Runs `program`, put into the title's folder by `build`.
    fn start(build: impl FnOnce(&Path), extra: &str) -> Self {
        let stage = Stage::new();
        build(&stage.path("title/pad"));
        let out = stage.path("home/out");
        fs::create_dir_all(&out).unwrap();
        let pipe = out.join("says");
        mkfifo(&pipe, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let more = format!("persist = [\"out\"]\n{extra}[input]\ngamepads = 4\n{SILENT}");
        let container = stage.start(&["pad"], &more);
        let gamepads = container.gamepads().unwrap();
        let (to, lines) = sync_channel(LINES);
        std::thread::spawn(move || {
            let file = BufReader::new(File::open(pipe).unwrap());
            for line in file.lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    return;
                }
            }
        });
        let bench = Self {
            container,
            gamepads,
            lines,
            _stage: stage,
        };
        bench.hear("ready");
        bench
    }

    fn evdev() -> Self {
        Self::start(copy, "")
    }

    /// Waits until it has said `wanted`; what it says before is left out.
    fn hear(&self, wanted: &str) {
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(20)) {
                Ok(line) if line == wanted => return,
                Ok(line) => before.push(line),
                Err(error) => panic!("waited for {wanted:?}, {error}; it said {before:?}"),
            }
        }
    }

    /// Waits until it has said all of them, in whatever order.
    fn hear_all(&self, wanted: &[&str]) {
        let (mut wanted, mut said) = (wanted.to_vec(), Vec::new());
        while !wanted.is_empty() {
            let line = self.lines.recv_timeout(Duration::from_secs(20));
            let line =
                line.unwrap_or_else(|error| panic!("waited for {wanted:?}, {error}; it said {said:?}"));
            wanted.retain(|one| *one != line);
            said.push(line);
        }
    }

    fn plug(&self, pad: u8) {
        self.set(pad, PadState::default());
    }

    fn set(&self, pad: u8, state: PadState) {
        self.gamepads.set(pad, Some(state)).unwrap();
    }
}

/// Puts the program that reads evdev and joysticks there.
fn copy(at: &Path) {
    fs::copy(env!("CARGO_BIN_EXE_container-pad"), at).unwrap();
}

fn rumble(rumbles: &mut Rumbles) -> (u8, u16, u16) {
    let told = rumbles.wait(Micros::from_secs(20)).unwrap().unwrap();
    (told.pad, told.strong, told.weak)
}

fn pressed(buttons: u32) -> PadState {
    PadState {
        buttons,
        ..PadState::default()
    }
}

/// Both devices of a pad have been opened.
fn greet(bench: &Bench, pad: u8) {
    bench.plug(pad);
    let event = format!(
        "event{pad} char 13:{} 045e:028e Microsoft X-Box 360 pad keys 11",
        64 + pad
    );
    bench.hear_all(&[&event, &format!("js{pad} type 130 number 7 value 0")]);
}

#[test]
fn an_evdev_program_sees_buttons_sticks_triggers_and_the_cross() {
    let bench = Bench::evdev();
    greet(&bench, 0);
    bench.set(0, pressed(A));
    bench.hear("event0 1 304 1");
    bench.set(
        0,
        PadState {
            buttons: UP,
            triggers: [0, 255],
            sticks: [-32_768, 0, 0, 32_767],
        },
    );
    // In one report, keys first and by code.
    for line in ["1 304 0", "3 0 -32768", "3 4 32767", "3 5 255", "3 17 -1"] {
        bench.hear(&format!("event0 {line}"));
    }
}

#[test]
fn a_joystick_program_sees_them_too() {
    let bench = Bench::evdev();
    greet(&bench, 0);
    bench.set(0, pressed(A));
    bench.hear("js0 type 1 number 0 value 1");
    bench.set(
        0,
        PadState {
            sticks: [32_767, 0, 0, 0],
            ..pressed(A)
        },
    );
    bench.hear("js0 type 2 number 0 value 32767");
}

#[test]
fn four_pads_come_and_go_while_the_app_runs() {
    if Way::find() == Way::Kernel {
        // All are there from the start and never go.
        return;
    }
    let bench = Bench::evdev();
    for pad in 0..4 {
        greet(&bench, pad);
    }
    bench.set(3, pressed(A));
    bench.hear("event3 1 304 1");
    bench.gamepads.set(1, None).unwrap();
    bench.hear("event1 gone");
    greet(&bench, 1);
    bench.set(1, pressed(UP));
    bench.hear("event1 3 17 -1");
    // A fifth there is not.
    bench.gamepads.set(4, Some(PadState::default())).unwrap();
}

#[test]
fn what_a_program_plays_on_the_motors_is_told_and_stops_with_the_pad() {
    let mut bench = Bench::evdev();
    let mut rumbles = bench.container.rumbles().unwrap();
    assert!(bench.container.rumbles().is_none(), "somebody has it");
    greet(&bench, 0);
    bench.set(0, pressed(A));
    assert_eq!(rumble(&mut rumbles), (0, 0x8000, 0x4000));
    // It plays on, and is told again before it would end.
    assert_eq!(rumble(&mut rumbles), (0, 0x8000, 0x4000));
    bench.set(0, PadState::default());
    assert_eq!(rumble(&mut rumbles), (0, 0, 0));
    bench.set(0, pressed(A));
    assert_eq!(rumble(&mut rumbles), (0, 0x8000, 0x4000));
    bench.gamepads.set(0, None).unwrap();
    if bench.gamepads.way() == Way::Preload {
        assert_eq!(rumble(&mut rumbles), (0, 0, 0));
    }
}

#[test]
fn an_app_that_was_frozen_is_told_everything_and_no_button_sticks() {
    let mut bench = Bench::evdev();
    greet(&bench, 0);
    bench.set(0, pressed(A));
    bench.hear("event0 1 304 1");
    bench.container.freeze().unwrap();
    // More than any buffer holds, and at last nothing is pressed.
    for n in 0..20_000_u32 {
        bench.set(
            0,
            PadState {
                sticks: [i16::try_from(n % 30_000).unwrap(), 0, 0, 0],
                ..pressed(A)
            },
        );
    }
    bench.set(0, PadState::default());
    bench.container.thaw().unwrap();
    bench.hear("event0 1 304 0");
}

#[test]
fn a_title_s_own_preloaded_library_stays() {
    // One that is not there: the loader says so, in the app's last words, and goes on.
    let bench = Bench::start(copy, "env = { LD_PRELOAD = \"/title/own.so\" }\n");
    greet(&bench, 0);
    let exit = bench.container.stop();
    assert!(
        exit.tail.iter().any(|line| line.contains("/title/own.so")),
        "{exit:?}"
    );
}

#[test]
fn an_sdl_game_sees_a_controller_it_knows() {
    let compile = |at: &Path| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/pad_sdl.c");
        let mut command = Command::new("cc");
        command.arg(source).arg("-o").arg(at).arg("-l:libSDL2-2.0.so.0");
        let output = command.output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "apt-get install gcc libsdl2-2.0-0: {words}"
        );
    };
    let mut bench = Bench::start(compile, "");
    let mut rumbles = bench.container.rumbles().unwrap();
    bench.plug(0);
    bench.hear("added X360 Controller");
    bench.set(0, pressed(A));
    bench.hear("a 1");
    assert_eq!(rumble(&mut rumbles), (0, 0x9000, 0));
    bench.set(
        0,
        PadState {
            buttons: UP,
            triggers: [255, 0],
            sticks: [0, 0, 32_767, 0],
        },
    );
    bench.hear_all(&["a 0", "rightx 32767", "lefttrigger 32767", "dpup 1"]);
    bench.gamepads.set(0, None).unwrap();
    if bench.gamepads.way() == Way::Preload {
        bench.hear("removed");
    }
}
