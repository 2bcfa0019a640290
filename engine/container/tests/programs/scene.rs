//! A title for tests: draws, listens and looks around, and says what it found in the pixels of its first row.
//!
//! The picture is the only way out of the sandbox that every test has. Three bytes of text per pixel, blue first; a zero ends it.

mod clipboard;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    ConnectionExt as _, CreateGCAux, CreateWindowAux, EventMask, Gcontext, ImageFormat, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["exit", code] => exit(code.parse()?),
        ["abort"] => process::abort(),
        ["pattern", seed] => pattern(seed.parse()?),
        ["frames", period_us, parts, gap_us] => frames(period_us.parse()?, parts.parse()?, gap_us.parse()?),
        ["game"] => game(),
        ["events"] => events(),
        ["follow"] => follow(),
        ["letters"] => letters(),
        ["cursor"] => cursor(),
        ["clipboard"] => clipboard::run(),
        ["look", questions @ ..] => look(questions),
        ["shm"] => shared_memory(),
        other => Err(format!("what is {other:?}?").into()),
    }
}

/// Says sixty lines and ends.
fn exit(code: i32) -> Outcome<()> {
    for n in 0..60 {
        writeln!(std::io::stdout(), "line {n}")?;
    }
    writeln!(std::io::stderr(), "the last word")?;
    process::exit(code)
}

struct Screen {
    x: RustConnection,
    window: Window,
    gc: Gcontext,
    width: u16,
    height: u16,
    depth: u8,
}

impl Screen {
    fn open() -> Outcome<Self> {
        let (x, _) = RustConnection::connect(None)?;
        let screen = x.setup().roots.first().ok_or("no screen")?;
        let (root, visual, depth) = (screen.root, screen.root_visual, screen.root_depth);
        let (width, height) = (screen.width_in_pixels, screen.height_in_pixels);
        let (window, gc) = (x.generate_id()?, x.generate_id()?);
        let events = EventMask::KEY_PRESS
            | EventMask::KEY_RELEASE
            | EventMask::BUTTON_PRESS
            | EventMask::BUTTON_RELEASE
            | EventMask::POINTER_MOTION
            | EventMask::EXPOSURE;
        let looks = CreateWindowAux::new()
            .event_mask(events)
            .background_pixel(0)
            .override_redirect(1);
        x.create_window(
            depth,
            window,
            root,
            0,
            0,
            width,
            height,
            0,
            WindowClass::INPUT_OUTPUT,
            visual,
            &looks,
        )?;
        x.create_gc(gc, window, &CreateGCAux::new())?;
        x.map_window(window)?;
        x.flush()?;
        while !matches!(x.wait_for_event()?, Event::Expose(_)) {}
        x.set_input_focus(
            x11rb::protocol::xproto::InputFocus::PARENT,
            window,
            x11rb::CURRENT_TIME,
        )?;
        x.sync()?;
        Ok(Self {
            x,
            window,
            gc,
            width,
            height,
            depth,
        })
    }

    fn put(&self, y: u16, height: u16, pixels: &[u8]) -> Outcome<()> {
        let format = ImageFormat::Z_PIXMAP;
        let (width, depth) = (self.width, self.depth);
        let y = i16::try_from(y)?;
        self.x.put_image(
            format,
            self.window,
            self.gc,
            width,
            height,
            0,
            y,
            0,
            depth,
            pixels,
        )?;
        self.x.flush()?;
        Ok(())
    }

    fn say(&self, text: &str) -> Outcome<()> {
        let mut row = Vec::with_capacity(usize::from(self.width) * 4);
        for piece in text.as_bytes().chunks(3) {
            row.extend([0, 1, 2].map(|n| piece.get(n).copied().unwrap_or(0)));
            row.push(0);
        }
        row.resize(usize::from(self.width) * 4, 0);
        self.put(0, 1, &row)
    }

    /// Fills `height` rows from `y` with one colour, in one request and so with one damage event.
    fn fill(&self, y: u16, height: u16, colour: u32) -> Outcome<()> {
        let change = x11rb::protocol::xproto::ChangeGCAux::new().foreground(colour);
        self.x.change_gc(self.gc, &change)?;
        let area = x11rb::protocol::xproto::Rectangle {
            x: 0,
            y: i16::try_from(y)?,
            width: self.width,
            height,
        };
        self.x.poly_fill_rectangle(self.window, self.gc, &[area])?;
        self.x.flush()?;
        Ok(())
    }
}

/// Draws a picture that depends on every coordinate, in bands that fit a request.
fn pattern(seed: u32) -> Outcome<()> {
    let screen = Screen::open()?;
    const BAND: u16 = 40;
    for top in (0..screen.height).step_by(usize::from(BAND)) {
        let rows = top..screen.height.min(top + BAND);
        let mut pixels = Vec::new();
        for y in rows.clone() {
            for x in 0..screen.width {
                let value = (u32::from(x) * 7 + u32::from(y) * 131 + seed) & 0x00ff_ffff;
                pixels.extend(value.to_le_bytes());
            }
        }
        screen.put(top, u16::try_from(rows.len())?, &pixels)?;
    }
    linger(&screen)
}

fn linger(screen: &Screen) -> Outcome<()> {
    loop {
        screen.x.wait_for_event()?;
    }
}

/// Every frame is one colour, its number, drawn in `parts` requests that lie `gap_us` apart.
fn frames(period_us: u64, parts: u16, gap_us: u64) -> Outcome<()> {
    let screen = Screen::open()?;
    let begun = Instant::now();
    for number in 1u32.. {
        let due = begun + Duration::from_micros(period_us) * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let part = screen.height / parts;
        for n in 0..parts {
            if n > 0 {
                let until = Instant::now() + Duration::from_micros(gap_us);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            }
            let height = if n + 1 == parts {
                screen.height - part * n
            } else {
                part
            };
            screen.fill(part * n, height, number & 0x00ff_ffff)?;
        }
    }
    Ok(())
}

/// A game that goes by the clock, less the pauses that it is told of: it runs as many steps as are due, and says how many it ran and the
/// most that were due at once.
fn game() -> Outcome<()> {
    let screen = Screen::open()?;
    let begun = Instant::now();
    let (mut ran, mut most) = (0u64, 0u64);
    loop {
        let due = played(begun)?.as_millis() / u128::from(STEP_MS);
        let steps = u64::try_from(due)?.saturating_sub(ran);
        (ran, most) = (ran + steps, most.max(steps));
        screen.say(&format!("ran {ran} most {most} \n"))?;
        thread::sleep(Duration::from_millis(STEP_MS));
    }
}

/// A freeze between the two readings would be in one of them only.
fn played(begun: Instant) -> Outcome<Duration> {
    let paused = || -> Outcome<Duration> {
        let nanos = fs::read("/run/firstlight/pauses")?;
        Ok(Duration::from_nanos(u64::from_le_bytes(
            nanos.as_slice().try_into()?,
        )))
    };
    loop {
        let before = paused()?;
        let elapsed = begun.elapsed();
        if paused()? == before {
            return Ok(elapsed.saturating_sub(before));
        }
    }
}

const STEP_MS: u64 = 10;

/// Says every event of keyboard and mouse.
fn events() -> Outcome<()> {
    let screen = Screen::open()?;
    let setup = screen.x.setup();
    let (first, last) = (setup.min_keycode, setup.max_keycode);
    let map = screen.x.get_keyboard_mapping(first, last - first + 1)?.reply()?;
    let keysym = |code: u8| {
        let at = usize::from(code - first) * usize::from(map.keysyms_per_keycode);
        map.keysyms.get(at).copied().unwrap_or(0)
    };
    let mut log = String::from("ready\n");
    screen.say(&log)?;
    loop {
        let event = screen.x.wait_for_event()?;
        if let Event::KeyPress(e) | Event::KeyRelease(e) = &event {
            write!(log, "key {} {:#x}", e.detail, keysym(e.detail))?;
        } else if let Event::ButtonPress(e) | Event::ButtonRelease(e) = &event {
            write!(log, "button {}", e.detail)?;
        } else if let Event::MotionNotify(e) = &event {
            write!(log, "at {} {}", e.event_x, e.event_y)?;
        } else {
            continue;
        }
        if matches!(event, Event::KeyPress(_) | Event::ButtonPress(_)) {
            log.push_str(" down");
        } else if matches!(event, Event::KeyRelease(_) | Event::ButtonRelease(_)) {
            log.push_str(" up");
        }
        log.push('\n');
        screen.say(&log)?;
    }
}

/// Fills its window with one colour, its last row with another, whenever that has another size; says its size and where the pointer is.
fn follow() -> Outcome<()> {
    let mut screen = Screen::open()?;
    let structure = EventMask::STRUCTURE_NOTIFY | EventMask::POINTER_MOTION;
    let listens = x11rb::protocol::xproto::ChangeWindowAttributesAux::new().event_mask(structure);
    screen.x.change_window_attributes(screen.window, &listens)?;
    let mut at = (0, 0);
    loop {
        let last = screen.height - 1;
        screen.fill(1, last - 1, 0x0030_6090)?;
        screen.fill(last, 1, 0x00ff_8040)?;
        let (x, y) = at;
        screen.say(&format!("size {} {} at {x} {y} \n", screen.width, screen.height))?;
        let event = screen.x.wait_for_event()?;
        if let Event::ConfigureNotify(e) = event {
            (screen.width, screen.height) = (e.width, e.height);
        } else if let Event::MotionNotify(e) = event {
            at = (e.event_x, e.event_y);
        }
    }
}

/// Says the signs of the keys that are pressed, as numbers of Unicode: looked up when they come, as toolkits do.
fn letters() -> Outcome<()> {
    let screen = Screen::open()?;
    let mut log = String::from("ready\n");
    screen.say(&log)?;
    loop {
        let Event::KeyPress(e) = screen.x.wait_for_event()? else {
            continue;
        };
        let map = screen.x.get_keyboard_mapping(e.detail, 1)?.reply()?;
        let level = usize::from(u16::from(e.state) & 1);
        let sign = map.keysyms.get(level).copied().unwrap_or(0);
        match sign {
            0 | 0xffe1 => continue,
            0xff00..=0xffff => write!(log, "{:x} ", sign & 0x7f)?,
            _ => write!(log, "{:x} ", sign & 0x00ff_ffff)?,
        }
        screen.say(&log)?;
    }
}

/// On `1` shows a cursor of its own, on `2` none, on `3` puts the pointer to 100, 50.
fn cursor() -> Outcome<()> {
    let screen = Screen::open()?;
    let x = &screen.x;
    let shape = |bits: u8| -> Outcome<u32> {
        let (pixmap, gc, cursor) = (x.generate_id()?, x.generate_id()?, x.generate_id()?);
        x.create_pixmap(1, pixmap, screen.window, 8, 8)?;
        x.create_gc(gc, pixmap, &CreateGCAux::new().foreground(u32::from(bits)))?;
        let all = x11rb::protocol::xproto::Rectangle {
            x: 0,
            y: 0,
            width: 8,
            height: 8,
        };
        x.poly_fill_rectangle(pixmap, gc, &[all])?;
        // Red; where the mask is 0 nothing is seen.
        x.create_cursor(cursor, pixmap, pixmap, 0xffff, 0, 0, 0xffff, 0, 0, 2, 3)?;
        Ok(cursor)
    };
    let (seen, unseen) = (shape(1)?, shape(0)?);
    screen.say("ready\n")?;
    loop {
        let Event::KeyPress(e) = x.wait_for_event()? else {
            continue;
        };
        let attributes = x11rb::protocol::xproto::ChangeWindowAttributesAux::new();
        match e.detail {
            10 => drop(x.change_window_attributes(screen.window, &attributes.cursor(seen))?),
            11 => drop(x.change_window_attributes(screen.window, &attributes.cursor(unseen))?),
            12 => drop(x.warp_pointer(x11rb::NONE, screen.window, 0, 0, 0, 0, 100, 50)?),
            _ => {}
        }
        x.flush()?;
    }
}

/// Answers questions about the world inside, one line each.
fn look(questions: &[&str]) -> Outcome<()> {
    let screen = Screen::open()?;
    let mut answers = String::new();
    for question in questions {
        let answer = match question.split_once(':') {
            Some(("env", name)) => std::env::var(name).unwrap_or_default(),
            Some(("exists", path)) => fs::symlink_metadata(path).is_ok().to_string(),
            Some(("writes", path)) => fs::write(path, "x").is_ok().to_string(),
            Some(("unix", path)) => UnixStream::connect(path).is_ok().to_string(),
            Some(("tcp", address)) => TcpStream::connect(address).is_ok().to_string(),
            Some(("list", path)) => list(path)?,
            Some(("links", "")) => list("/sys/class/net").or_else(|_| interfaces())?,
            Some(("ipc", "")) => fs::read_link("/proc/self/ns/ipc")?.display().to_string(),
            _ => "what?".to_owned(),
        };
        writeln!(answers, "{question} = {answer}")?;
    }
    answers.push_str("done\n");
    screen.say(&answers)?;
    linger(&screen)
}

fn list(path: &str) -> Outcome<String> {
    let mut names: Vec<String> = fs::read_dir(path)?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if path == "/proc" {
        names.retain(|name| name.parse::<u32>().is_ok());
    }
    names.sort();
    Ok(names.join(" "))
}

fn interfaces() -> Outcome<String> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let names = text.lines().filter_map(|line| line.split_once(':'));
    Ok(names.map(|(name, _)| name.trim()).collect::<Vec<_>>().join(" "))
}

/// Says whether the server can attach System V memory of ours, as toolkits do it.
fn shared_memory() -> Outcome<()> {
    let screen = Screen::open()?;
    let made = process::Command::new("/usr/bin/ipcmk")
        .args(["-M", "4096"])
        .output()?;
    let text = String::from_utf8_lossy(&made.stdout).into_owned();
    let id: u32 = text
        .split_whitespace()
        .last()
        .ok_or("ipcmk said nothing")?
        .parse()?;
    let segment: shm::Seg = screen.x.generate_id()?;
    let attached = screen.x.shm_attach(segment, id, false)?.check();
    screen.say(if attached.is_ok() {
        "attached\n"
    } else {
        "refused\n"
    })?;
    linger(&screen)
}
