//! The program on a real display: what it draws is read back from the screen.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use firstlight_beacon::barcode::{self, Reading};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    ConnectionExt as _, ImageFormat, KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

#[test]
fn frames_carry_their_number_and_the_time() {
    let mut screen = Screen::new();
    let _beacon = screen.start(&["--fps", "60", "--motion", "high"]);
    let first = screen.read(|_| true);
    let later = screen.read(|reading| reading.frame >= first.frame + 10);
    assert!(later.time_us > first.time_us, "time runs with the frames");
    // No rate is asserted: a loaded machine draws fewer. Ten ticks of 60 Hz are never done sooner.
    assert!(
        later.time_us - first.time_us > 140_000,
        "{} us",
        later.time_us - first.time_us
    );
}

#[test]
fn a_press_and_a_move_are_counted_once_each() {
    let mut screen = Screen::new();
    let _beacon = screen.start(&["--motion", "none", "--beep", "off"]);
    let before = screen.read(|_| true);
    screen.input(KEY_PRESS_EVENT, 38);
    screen.input(KEY_RELEASE_EVENT, 38);
    screen.input(MOTION_NOTIFY_EVENT, 0);
    let after = screen.read(|reading| reading.inputs == before.inputs.wrapping_add(2));
    let settled = screen.read(|reading| reading.frame >= after.frame + 20);
    assert_eq!(settled.inputs, after.inputs);
}

#[test]
fn at_rate_zero_only_input_changes_the_picture() {
    let mut screen = Screen::new();
    let _beacon = screen.start(&["--fps", "0", "--beep", "off"]);
    let first = screen.read(|_| true);
    screen.input(KEY_PRESS_EVENT, 38);
    let second = screen.read(|reading| reading.inputs == first.inputs.wrapping_add(1));
    assert_eq!(second.frame, first.frame + 1);
}

#[test]
fn a_signal_ends_it_with_code_0() {
    let mut screen = Screen::new();
    let mut beacon = screen.start(&[]);
    screen.read(|_| true);
    let pid = nix::unistd::Pid::from_raw(i32::try_from(beacon.0.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(beacon.0.wait().unwrap().code(), Some(0));
}

#[test]
fn the_displays_end_ends_it_with_code_0() {
    let mut screen = Screen::new();
    let mut beacon = screen.start(&[]);
    screen.read(|_| true);
    screen.server.0.kill().unwrap();
    assert_eq!(beacon.0.wait().unwrap().code(), Some(0));
}

#[test]
fn without_a_display_it_says_so() {
    let beacon = Command::new(env!("CARGO_BIN_EXE_beacon"))
        .env("DISPLAY", ":999")
        .output()
        .unwrap();
    assert_eq!(beacon.status.code(), Some(1));
    let said = String::from_utf8(beacon.stderr).unwrap();
    assert!(
        said.starts_with("beacon: no display: ") && said.lines().count() == 1,
        "{said}"
    );
}

/// Ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

struct Screen {
    server: Process,
    name: String,
    connection: RustConnection,
}

impl Screen {
    fn new() -> Self {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x720x24",
                "-nolisten",
                "tcp",
                "-noreset",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb: apt-get install xvfb");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut number)
            .unwrap();
        let name = format!(":{}", number.trim());
        let (connection, _) = x11rb::connect(Some(&name)).unwrap();
        Self {
            server: Process(server),
            name,
            connection,
        }
    }

    fn start(&self, args: &[&str]) -> Process {
        let mut beacon = Command::new(env!("CARGO_BIN_EXE_beacon"));
        beacon
            .args(args)
            .env("DISPLAY", &self.name)
            .env("PULSE_SERVER", "unix:/no/sound")
            .stderr(Stdio::null());
        Process(beacon.spawn().unwrap())
    }

    /// Looks at the screen until its barcode satisfies `done`; the runner's time limit ends a wait in vain.
    fn read(&mut self, done: impl Fn(&Reading) -> bool) -> Reading {
        let root = self.connection.setup().roots.first().unwrap().root;
        let (width, height) = (
            u16::try_from(barcode::WIDTH).unwrap(),
            u16::try_from(barcode::HEIGHT).unwrap(),
        );
        loop {
            let image = self
                .connection
                .get_image(ImageFormat::Z_PIXMAP, root, 0, 0, width, height, u32::MAX)
                .unwrap();
            let pixels = image.reply().unwrap().data;
            let green =
                |x: usize, y: usize| pixels.get((y * barcode::WIDTH + x) * 4 + 1).copied().unwrap_or(0);
            // Before the first frame the screen is black, which has no valid checksum.
            if let Some(reading) = barcode::read(green).filter(|reading| done(reading)) {
                return reading;
            }
        }
    }

    fn input(&self, kind: u8, detail: u8) {
        let root = self.connection.setup().roots.first().unwrap().root;
        self.connection
            .xtest_fake_input(kind, detail, 0, root, 300, 200, 0)
            .unwrap()
            .check()
            .unwrap();
    }
}
