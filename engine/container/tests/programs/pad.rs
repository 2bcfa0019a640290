//! A title for tests that plays with gamepads as any evdev or joystick program does, and says what it finds in the pipe `home/out/says`.
//!
//! Nothing in it knows how the devices come about: it looks into `/dev/input`, watches it, opens what it finds with the `evdev` crate, and
//! reads joysticks as bytes. On A it rumbles.

use evdev::raw_stream::RawDevice;
use evdev::{EventType, FFEffectData, FFEffectKind, FFReplay, FFTrigger, KeyCode};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Clone)]
struct Says(Arc<Mutex<File>>);

impl Says {
    fn say(&self, words: &str) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if writeln!(file, "{words}").is_err() {
            std::process::exit(0);
        }
    }
}

fn main() -> Outcome<()> {
    let says = Says(Arc::new(Mutex::new(
        OpenOptions::new().write(true).open("/home/out/says")?,
    )));
    let folder = Path::new("/dev/input");
    let watch = Inotify::init(InitFlags::IN_CLOEXEC)?;
    watch.add_watch(folder, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE)?;
    says.say("ready");
    let mut known = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        known.insert(name.clone());
        play(&folder.join(name), &says);
    }
    loop {
        for event in watch.read_events()? {
            let Some(name) = event.name else { continue };
            if event.mask.contains(AddWatchFlags::IN_DELETE) {
                known.remove(&name);
            } else if known.insert(name.clone()) {
                play(&folder.join(name), &says);
            }
        }
    }
}

/// Opens a device and says what comes of it, in a thread of its own.
fn play(path: &Path, says: &Says) {
    let (path, says) = (path.to_owned(), says.clone());
    thread::spawn(move || {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let result = if name.starts_with("js") {
            joystick(&path, &name, &says)
        } else {
            event(&path, &name, &says)
        };
        if let Err(error) = result {
            says.say(&format!("{name} {error}"));
        }
    });
}

/// What the file claims to be.
fn look(path: &Path) -> io::Result<String> {
    let meta = fs::metadata(path)?;
    let kind = if meta.file_type().is_char_device() {
        "char"
    } else {
        "other"
    };
    Ok(format!("{kind} {}:{}", meta.rdev() >> 8, meta.rdev() & 0xff))
}

fn event(path: &Path, name: &str, says: &Says) -> Outcome<()> {
    let mut device = RawDevice::open(path)?;
    let id = device.input_id();
    let keys = device.supported_keys().map_or(0, |keys| keys.iter().count());
    says.say(&format!(
        "{name} {} {:04x}:{:04x} {} keys {keys}",
        look(path)?,
        id.vendor(),
        id.product(),
        device.name().unwrap_or("?")
    ));
    let mut effect = device.upload_ff_effect(FFEffectData {
        direction: 0,
        trigger: FFTrigger::default(),
        replay: FFReplay {
            length: 60_000,
            delay: 0,
        },
        kind: FFEffectKind::Rumble {
            strong_magnitude: 0x8000,
            weak_magnitude: 0x4000,
        },
    })?;
    loop {
        let events: Vec<_> = match device.fetch_events() {
            Ok(events) => events.collect(),
            Err(error) if error.raw_os_error() == Some(19) => {
                says.say(&format!("{name} gone"));
                // Its device is: what would erase it has nobody to tell.
                std::mem::forget(effect);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for event in events {
            if event.event_type() != EventType::SYNCHRONIZATION {
                says.say(&format!(
                    "{name} {} {} {}",
                    event.event_type().0,
                    event.code(),
                    event.value()
                ));
            }
            if event.event_type() == EventType::KEY && event.code() == KeyCode::BTN_SOUTH.0 {
                if event.value() == 1 {
                    effect.play(1)?
                } else {
                    effect.stop()?
                }
            }
        }
    }
}

/// As programs from before evdev do.
fn joystick(path: &Path, name: &str, says: &Says) -> Outcome<()> {
    let mut file = File::open(path)?;
    says.say(&format!("{name} {}", look(path)?));
    let mut event = [0; 8];
    loop {
        match file.read(&mut event) {
            Ok(8) => {}
            Err(error) if error.raw_os_error() == Some(19) => {
                says.say(&format!("{name} gone"));
                return Ok(());
            }
            other => return Err(format!("read {other:?}").into()),
        }
        let value = i16::from_ne_bytes([event[4], event[5]]);
        says.say(&format!(
            "{name} type {} number {} value {value}",
            event[6], event[7]
        ));
    }
}
