//! The kernel's own devices, made through `/dev/uinput`: what any program sees, whatever it is built of.
//!
//! A node in `/dev/input` cannot be made to appear in a sandbox that runs, so all of a title's gamepads are there from its start on, at
//! rest while the player has none.

use super::effects::{Effect, Effects, Rumble};
use super::model::{self, AXES, EV_FF, FF_GAIN, FF_PERIODIC, FF_RUMBLE, FF_WAVES, ID, KEYS, NAME, PadState};
use crate::{Error, clock};
use evdev::uinput::VirtualDevice;
use evdev::{
    AbsInfo, AbsoluteAxisCode, AttributeSet, BusType, EventSummary, FFEffectCode, InputEvent, InputId,
    KeyCode, UInputCode, UinputAbsSetup,
};
use firstlight_units::{Micros, Timestamp};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{AccessFlags, access};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A session's gamepads in the kernel.
#[derive(Debug)]
pub(crate) struct Kernel {
    pads: Vec<Pad>,
}

#[derive(Debug)]
struct Pad {
    device: VirtualDevice,
    /// For whoever waits for it.
    waits: Arc<OwnedFd>,
    /// Its nodes on this machine, and the names that the app knows them by.
    nodes: Vec<(PathBuf, String)>,
    state: PadState,
    effects: Effects,
}

impl Kernel {
    /// Makes `count` gamepads.
    ///
    /// # Errors
    /// [`Error::System`] where this process may not make them, or may not read what it made.
    pub(crate) fn make(count: u8) -> Result<Self, Error> {
        let pads = (0..count).map(Pad::make).collect::<io::Result<_>>();
        let pads = pads.map_err(Error::system("making gamepads through /dev/uinput"))?;
        Ok(Self { pads })
    }

    /// The nodes of all devices, and where an app is to see them.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&Path, &str)> {
        let nodes = self.pads.iter().flat_map(|pad| &pad.nodes);
        nodes.map(|(node, shown)| (node.as_path(), shown.as_str()))
    }

    /// A gamepad is like this now; one that is unplugged rests.
    pub(crate) fn set(&mut self, n: usize, state: Option<PadState>) -> Result<(), Error> {
        let Some(pad) = self.pads.get_mut(n) else {
            return Ok(());
        };
        let old = std::mem::replace(&mut pad.state, state.unwrap_or_default());
        let events: Vec<InputEvent> = model::changes(&old, &pad.state)
            .map(|change| InputEvent::new(change.kind, change.code, change.value))
            .collect();
        if events.is_empty() {
            return Ok(());
        }
        pad.device
            .emit(&events)
            .map_err(Error::system("writing to a gamepad"))
    }

    /// What to wait for.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Arc<OwnedFd>> {
        self.pads.iter().map(|pad| Arc::clone(&pad.waits))
    }

    /// When [`Self::work`] has something to do though nothing came.
    pub(crate) fn timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.pads
            .iter()
            .filter_map(|pad| pad.effects.poll_timeout(now))
            .min()
    }

    /// Takes what apps play on the motors.
    pub(crate) fn work(&mut self, now: Timestamp, out: &mut Vec<Rumble>) {
        for (n, pad) in (0_u8..).zip(&mut self.pads) {
            if let Err(error) = pad.hear(now) {
                tracing::debug!(%error, "an effect for a gamepad was not taken");
            }
            out.extend(pad.effects.poll(now, n));
        }
    }
}

impl Pad {
    fn make(n: u8) -> io::Result<Self> {
        let keys: AttributeSet<KeyCode> = KEYS.into_iter().map(KeyCode::new).collect();
        let forces = [FF_RUMBLE, FF_PERIODIC, FF_GAIN].into_iter().chain(FF_WAVES);
        let forces: AttributeSet<FFEffectCode> = forces.map(FFEffectCode).collect();
        let [bus, vendor, product, version] = ID;
        let mut builder = VirtualDevice::builder()?
            .name(NAME)
            .input_id(InputId::new(BusType(bus), vendor, product, version))
            .with_keys(&keys)?
            .with_ff(&forces)?
            .with_ff_effects_max(16);
        for axis in AXES {
            let place = model::place(&PadState::default(), axis.code);
            let info = AbsInfo::new(place, axis.min, axis.max, axis.fuzz, axis.flat, 0);
            builder = builder.with_absolute_axis(&UinputAbsSetup::new(AbsoluteAxisCode(axis.code), info))?;
        }
        let mut device = builder.build()?;
        let flags = OFlag::O_NONBLOCK | OFlag::O_RDWR;
        fcntl(device.as_fd(), FcntlArg::F_SETFL(flags))?;
        let waits = Arc::new(device.as_fd().try_clone_to_owned()?);
        let nodes = nodes(&mut device, n)?;
        Ok(Self {
            device,
            waits,
            nodes,
            state: PadState::default(),
            effects: Effects::default(),
        })
    }

    fn hear(&mut self, now: Timestamp) -> io::Result<()> {
        let events: Vec<InputEvent> = match self.device.fetch_events() {
            Ok(events) => events.collect(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        for event in events {
            let (kind, code, value) = (event.event_type().0, event.code(), event.value());
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "of evdev's dozen kinds the kernel passes on these"
            )]
            match event.destructure() {
                EventSummary::UInput(event, UInputCode::UI_FF_UPLOAD, _) => {
                    let mut upload = self.device.process_ff_upload(event)?;
                    let taken = Effect::of(&upload.effect())
                        .map(|effect| self.effects.put(upload.effect_id(), effect));
                    upload.set_retval(if taken == Some(true) {
                        0
                    } else {
                        -nix::libc::EINVAL
                    });
                }
                EventSummary::UInput(event, UInputCode::UI_FF_ERASE, _) => {
                    let erase = self.device.process_ff_erase(event)?;
                    let id = i16::try_from(erase.effect_id()).unwrap_or(-1);
                    if self.effects.erase(KERNEL, id).is_err() {
                        tracing::trace!(id, "an effect was gone before it was erased");
                    }
                }
                _ if kind == EV_FF && code == FF_GAIN => {
                    self.effects
                        .set_gain(u16::try_from(value.clamp(0, 0xffff)).unwrap_or(u16::MAX));
                }
                _ if kind == EV_FF => self.effects.play(now, code, value),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The event device's and the joystick's node, once this process may read and write them: udev gives them their owner a moment later.
fn nodes(device: &mut VirtualDevice, n: u8) -> io::Result<Vec<(PathBuf, String)>> {
    let folder = device.get_syspath()?;
    let deadline = clock::now() + APPEAR_MAX;
    loop {
        let mut found = Vec::with_capacity(2);
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            let kind = ["event", "js"].into_iter().find(|kind| {
                name.strip_prefix(kind)
                    .is_some_and(|rest| rest.parse::<u32>().is_ok())
            });
            let node = Path::new("/dev/input").join(&*name);
            if let Some(kind) = kind.filter(|_| access(&node, AccessFlags::R_OK | AccessFlags::W_OK).is_ok())
            {
                found.push((node, format!("/dev/input/{kind}{n}")));
            }
        }
        // A kernel without joydev makes no joystick: what an app cannot do without is the event device.
        let there = found.iter().any(|(_, shown)| shown.contains("event"));
        if there {
            return Ok(found);
        }
        if clock::now() >= deadline {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// The owner of the kernel's effects: it keeps those of its own clients apart.
pub(crate) const KERNEL: u64 = 0;
/// udev takes some milliseconds for a new device.
const APPEAR_MAX: Micros = Micros::from_millis(500);
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(5);
