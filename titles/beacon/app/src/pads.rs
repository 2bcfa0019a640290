//! Gamepads, read as any game on Linux does: whatever event device with an A button appears in `/dev/input`.
//!
//! A pad's motors run for as long as its A is down, so that who plays feels that it is, and that it is no more.

use crate::inputs::Inputs;
use evdev::{
    Device, EventSummary, FFEffect, FFEffectData, FFEffectKind, FFReplay, FFTrigger, InputEvent, KeyCode,
};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The gamepads that are there.
#[derive(Default)]
pub(crate) struct Pads {
    open: BTreeMap<PathBuf, Pad>,
    ticks: u32,
}

struct Pad {
    device: Device,
    motors: Option<FFEffect>,
}

impl Pads {
    /// Notes what pads did since the last time; says whether the picture changes by it.
    pub(crate) fn note(&mut self, inputs: &mut Inputs) -> bool {
        if self.ticks.is_multiple_of(LOOK_TICKS) {
            self.look();
        }
        self.ticks = self.ticks.wrapping_add(1);
        let before = self.open.len();
        let mut changed = false;
        self.open.retain(|_, pad| match pad.note(inputs) {
            Ok(did) => {
                changed |= did;
                true
            }
            // Unplugged; what was down on it is up.
            Err(_) => false,
        });
        if self.open.len() != before {
            inputs.pad_buttons.clear();
        }
        inputs.pads = self.open.len();
        changed || self.open.len() != before
    }

    fn look(&mut self) {
        let Ok(entries) = fs::read_dir(FOLDER) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("event")
                && !self.open.contains_key(&path)
                && let Ok(pad) = Pad::open(&path)
            {
                self.open.insert(path, pad);
            }
        }
    }
}

impl Pad {
    fn open(path: &Path) -> io::Result<Self> {
        let mut device = Device::open(path)?;
        if !device
            .supported_keys()
            .is_some_and(|keys| keys.contains(KeyCode::BTN_SOUTH))
        {
            return Err(io::ErrorKind::Unsupported.into());
        }
        device.set_nonblocking(true)?;
        let motors = device.upload_ff_effect(FFEffectData {
            direction: 0,
            trigger: FFTrigger::default(),
            replay: FFReplay { length: 0, delay: 0 },
            kind: FFEffectKind::Rumble {
                strong_magnitude: u16::MAX,
                weak_magnitude: u16::MAX / 2,
            },
        });
        Ok(Self {
            device,
            motors: motors.ok(),
        })
    }

    fn note(&mut self, inputs: &mut Inputs) -> io::Result<bool> {
        let events: Vec<InputEvent> = match self.device.fetch_events() {
            Ok(events) => events.collect(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        for event in &events {
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "of evdev's dozen kinds a pad has these"
            )]
            match event.destructure() {
                EventSummary::Key(_, key, value) => {
                    inputs.note_pad(key.0, value != 0);
                    if key == KeyCode::BTN_SOUTH
                        && let Some(motors) = &mut self.motors
                    {
                        if value == 0 {
                            motors.stop()?
                        } else {
                            motors.play(1)?
                        }
                    }
                }
                EventSummary::AbsoluteAxis(..) => inputs.count = inputs.count.wrapping_add(1),
                _ => {}
            }
        }
        Ok(!events.is_empty())
    }
}

const FOLDER: &str = "/dev/input";
/// Twice a second: a pad that was just plugged in can wait that long.
const LOOK_TICKS: u32 = 30;
