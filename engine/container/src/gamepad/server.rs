//! The gamepads' sockets: what an app that preloads `shim.c` opens in `/dev/input`.
//!
//! ```text
//! set -> state -> event0, js0 ... appear | changes -> connections of apps -> read
//!          ^ thread: new connections, requests (ioctl), effects played (write) -> Rumble
//! ```
//!
//! A connection begins with what it is for: a device that was opened, or one request about such a device, which is answered and closed.
//! Events are sent by who sets the state, without a hop over the thread. What an app does not read in time is lost, as with the kernel's
//! devices: it is told, and then told everything.

use super::PADS_MAX;
use super::answers::{Asked, Device, Opened, Request};
use super::effects::{Effects, FF_EFFECT_BYTES, Rumble};
use super::frame::{self, EVENT_BYTES};
use super::model::{self, Change, EV_FF, FF_GAIN, PadState};
use crate::Error;
use firstlight_units::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::{MsgFlags, Shutdown, recv, send, shutdown};
use nix::sys::stat::Mode;
use nix::time::{ClockId, clock_gettime};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the sockets lie.
#[derive(Debug)]
pub(crate) struct Folder {
    /// They are bound here, under names that the shim knows them by,
    bound: PathBuf,
    /// and shown here, where the app looks.
    shown: PathBuf,
    /// Leads to `bound` in few bytes: a socket's path holds 107.
    door: OwnedFd,
}

/// All gamepads of a session.
#[derive(Debug)]
pub(crate) struct Server {
    folder: Folder,
    pads: [Pad; PADS_MAX],
    /// Connections that have not said yet what they are for, oldest first.
    unknown: Vec<Unknown>,
}

#[derive(Debug, Default)]
struct Pad {
    /// `None`: unplugged.
    state: Option<PadState>,
    doors: Vec<(Device, Arc<UnixListener>)>,
    lines: Vec<Line>,
    effects: Effects,
}

#[derive(Debug)]
struct Unknown {
    pad: usize,
    device: Device,
    stream: Arc<UnixStream>,
}

/// A device that an app has opened.
#[derive(Debug)]
struct Line {
    opened: Opened,
    stream: Arc<UnixStream>,
    /// Events for it did not fit.
    lost: bool,
}

/// What the thread waits for.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Device(Arc<OwnedFd>),
    Door(Arc<UnixListener>),
    Line(Arc<UnixStream>, Wish),
}

/// See [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Read,
    ReadOrWrite,
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Device(device) => device.as_fd(),
            Self::Door(door) => door.as_fd(),
            Self::Line(line, _) => line.as_fd(),
        }
    }
}

impl Folder {
    /// Makes the folders in `run_dir`.
    pub(crate) fn make(run_dir: &Path) -> Result<Self, Error> {
        let (bound, shown) = (run_dir.join("gamepads.bound"), run_dir.join(SHOWN));
        for path in [&bound, &shown] {
            fs::create_dir(path).map_err(|source| Error::RunDir {
                path: path.clone(),
                source,
            })?;
        }
        let door = open(
            &bound,
            OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .map_err(Error::system("opening the gamepads' folder"))?;
        Ok(Self { bound, shown, door })
    }

    /// A device appears, ready to be opened: whoever watches the folder may open it at once.
    fn show(&self, name: &str) -> io::Result<UnixListener> {
        let own = format!("{MARK}{name}");
        let short = Path::new("/proc/self/fd")
            .join(self.door.as_raw_fd().to_string())
            .join(&own);
        let long = self.bound.join(&own);
        let listener = UnixListener::bind(short)?;
        listener.set_nonblocking(true)?;
        let linked = fs::hard_link(&long, self.shown.join(name));
        fs::remove_file(&long)?;
        linked.map(|()| listener)
    }

    fn hide(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.shown.join(name)) {
            tracing::debug!(%error, name, "a gamepad's device was gone already");
        }
    }
}

impl Server {
    pub(crate) fn new(folder: Folder) -> Self {
        Self {
            folder,
            pads: std::array::from_fn(|_| Pad::default()),
            unknown: Vec::with_capacity(UNKNOWN_MAX),
        }
    }

    /// A gamepad is like this now; `None`: it is unplugged. `true` when the thread has something else to wait for.
    ///
    /// # Errors
    /// [`Error::System`] when its devices cannot be made; it stays unplugged then.
    pub(crate) fn set(&mut self, n: usize, state: Option<PadState>) -> Result<bool, Error> {
        let Some(pad) = self.pads.get_mut(n) else {
            return Ok(false);
        };
        let Some(new) = state else {
            let was = pad.state.is_some();
            self.unplug(n);
            return Ok(was);
        };
        let fresh = pad.state.is_none();
        if fresh {
            pad.doors = plug(&self.folder, n)?;
        }
        let old = pad.state.replace(new).unwrap_or_default();
        if old != new {
            pad.tell(&old, &new);
        }
        Ok(fresh || pad.lines.iter().any(|line| line.lost))
    }

    fn unplug(&mut self, n: usize) {
        for device in [Device::Event, Device::Joystick] {
            let there = self
                .pads
                .get(n)
                .is_some_and(|pad| pad.doors.iter().any(|(d, _)| *d == device));
            if there {
                self.folder.hide(&name(device, n));
            }
        }
        if let Some(pad) = self.pads.get_mut(n) {
            for line in &pad.lines {
                // At once, though the thread may still hold it: the app reads that the device is gone.
                if let Err(error) = shutdown(line.stream.as_raw_fd(), Shutdown::Both) {
                    tracing::trace!(%error, "an app had closed its gamepad");
                }
            }
            let effects = std::mem::take(&mut pad.effects);
            *pad = Pad {
                effects,
                ..Pad::default()
            };
            pad.effects.clear();
        }
        self.unknown.retain(|unknown| unknown.pad != n);
    }

    /// What to wait for.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let pads = self.pads.iter();
        let doors = pads
            .clone()
            .flat_map(|pad| pad.doors.iter().map(|(_, door)| Source::Door(Arc::clone(door))));
        let lines = pads.flat_map(|pad| &pad.lines).map(|line| {
            let wish = if line.lost { Wish::ReadOrWrite } else { Wish::Read };
            Source::Line(Arc::clone(&line.stream), wish)
        });
        let unknown = self
            .unknown
            .iter()
            .map(|unknown| Source::Line(Arc::clone(&unknown.stream), Wish::Read));
        doors.chain(lines).chain(unknown).collect()
    }

    /// When [`Self::work`] has something to do though nothing came.
    pub(crate) fn timeout(&self, now: Timestamp) -> Option<Timestamp> {
        self.pads
            .iter()
            .filter_map(|pad| pad.effects.poll_timeout(now))
            .min()
    }

    /// Takes everything that came, and gives what the motors are to do.
    pub(crate) fn work(&mut self, now: Timestamp, out: &mut Vec<Rumble>) {
        self.accept();
        self.hear_unknown();
        for pad in &mut self.pads {
            pad.hear(now);
            pad.catch_up();
        }
        for (n, pad) in (0_u8..).zip(&mut self.pads) {
            out.extend(pad.effects.poll(now, n));
        }
    }

    fn accept(&mut self) {
        for (n, pad) in self.pads.iter().enumerate() {
            for (device, door) in &pad.doors {
                while let Ok((stream, _)) = door.accept() {
                    if stream.set_nonblocking(true).is_err() {
                        continue;
                    }
                    if self.unknown.len() >= UNKNOWN_MAX {
                        // Whoever connects and says nothing for that long is no shim.
                        self.unknown.remove(0);
                    }
                    self.unknown.push(Unknown {
                        pad: n,
                        device: *device,
                        stream: Arc::new(stream),
                    });
                }
            }
        }
    }

    /// In the order of their coming, so that a device is known before what is asked about it.
    fn hear_unknown(&mut self) {
        for unknown in std::mem::take(&mut self.unknown) {
            let mut ask = [0; ASK_BYTES];
            match receive(&unknown.stream, &mut ask) {
                Ok(ASK_BYTES) => self.take(unknown, &ask),
                Err(Errno::EAGAIN) => self.unknown.push(unknown),
                // A shim says it in one piece.
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn take(&mut self, unknown: Unknown, ask: &[u8; ASK_BYTES]) {
        let Some(pad) = self.pads.get_mut(unknown.pad) else {
            return;
        };
        let (cookie, kind, request) = parse(ask);
        match kind {
            OPEN if pad.lines.len() < LINES_MAX => pad.open(unknown, cookie),
            IOCTL => pad.ask(unknown.pad, &unknown.stream, cookie, &request),
            _ => {}
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for n in 0..PADS_MAX {
            self.unplug(n);
        }
    }
}

impl Pad {
    fn open(&mut self, unknown: Unknown, cookie: u64) {
        let line = Line {
            opened: Opened {
                cookie,
                device: unknown.device,
                clock: ClockId::CLOCK_REALTIME,
                grabs: false,
            },
            stream: unknown.stream,
            lost: false,
        };
        if line.opened.device == Device::Joystick {
            let mut bytes = Vec::with_capacity(FRAME_BYTES);
            let state = self.state.unwrap_or_default();
            frame::joystick(frame::all(&state), time(line.opened.clock), true, &mut bytes);
            // A fresh socket has room for it.
            line.send(&bytes);
        }
        self.lines.push(line);
    }

    fn ask(&mut self, n: usize, stream: &UnixStream, cookie: u64, request: &Request) {
        let grabbed = self
            .lines
            .iter()
            .any(|line| line.opened.grabs && line.opened.cookie != cookie);
        let asked = self.lines.iter_mut().find(|line| line.opened.cookie == cookie);
        let answer = asked.ok_or(Errno::ENODEV).and_then(|line| {
            Asked {
                pad: u8::try_from(n).unwrap_or(0),
                state: &self.state.unwrap_or_default(),
                effects: &mut self.effects,
                opened: &mut line.opened,
                grabbed,
            }
            .answer(request)
        });
        let (value, output) = match answer {
            Ok(answer) => (answer.value, answer.output),
            Err(errno) => (-(errno as i32), Vec::new()),
        };
        let mut bytes = value.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&u32::try_from(output.len()).unwrap_or(0).to_ne_bytes());
        bytes.extend_from_slice(&output);
        if let Err(error) = send(stream.as_raw_fd(), &bytes, SEND) {
            tracing::trace!(%error, "an app asked and did not wait for the answer");
        }
    }

    /// Sends what changed to everybody who may hear it.
    fn tell(&mut self, old: &PadState, new: &PadState) {
        let grabbed = self.lines.iter().any(|line| line.opened.grabs);
        for line in &mut self.lines {
            let hears = line.opened.device == Device::Joystick || !grabbed || line.opened.grabs;
            if hears && !line.lost {
                line.lost = !line.tell(model::changes(old, new), false);
            }
        }
    }

    /// Tells everything to those that missed something and can take it by now.
    fn catch_up(&mut self) {
        let state = self.state.unwrap_or_default();
        for line in self.lines.iter_mut().filter(|line| line.lost) {
            line.lost = !line.tell(frame::all(&state), true);
        }
    }

    /// Takes what apps have written, and closes what they have closed.
    fn hear(&mut self, now: Timestamp) {
        let effects = &mut self.effects;
        self.lines.retain(|line| {
            let stays = line.hear(|kind, code, value| {
                if kind == EV_FF && code == FF_GAIN {
                    effects.set_gain(u16::try_from(value.clamp(0, 0xffff)).unwrap_or(u16::MAX));
                } else if kind == EV_FF {
                    effects.play(now, code, value);
                }
            });
            if !stays {
                effects.forget(line.opened.cookie);
            }
            stays
        });
    }
}

impl Line {
    /// `false`: it does not fit.
    fn tell(&self, changes: impl Iterator<Item = Change>, lost: bool) -> bool {
        let mut bytes = Vec::with_capacity(FRAME_BYTES);
        let at = time(self.opened.clock);
        match self.opened.device {
            Device::Event => frame::events(changes, at, lost, &mut bytes),
            Device::Joystick => frame::joystick(changes, at, false, &mut bytes),
        }
        self.send(&bytes)
    }

    /// All of it or nothing: a report is far smaller than what the kernel takes in one piece.
    fn send(&self, bytes: &[u8]) -> bool {
        // Whoever is gone misses nothing: the thread hears of it.
        !matches!(send(self.stream.as_raw_fd(), bytes, SEND), Err(Errno::EAGAIN))
    }

    /// Reads events that the app writes; `false` when it has closed the device or writes none.
    fn hear(&self, mut take: impl FnMut(u16, u16, i32)) -> bool {
        let mut bytes = [0; EVENT_BYTES * 16];
        match receive(&self.stream, &mut bytes) {
            Ok(length) if length > 0 && length.is_multiple_of(EVENT_BYTES) => {
                let events = bytes.get(..length).unwrap_or_default();
                for event in events.as_chunks::<EVENT_BYTES>().0 {
                    let (kind, code, value) = frame::written(event);
                    take(kind, code, value);
                }
                true
            }
            Err(Errno::EAGAIN) => true,
            Ok(_) | Err(_) => false,
        }
    }
}

/// Both devices of a gamepad.
fn plug(folder: &Folder, n: usize) -> Result<Vec<(Device, Arc<UnixListener>)>, Error> {
    let mut doors = Vec::with_capacity(2);
    // The joystick first: a program that finds the event device looks no further.
    for device in [Device::Joystick, Device::Event] {
        match folder.show(&name(device, n)) {
            Ok(door) => doors.push((device, Arc::new(door))),
            Err(error) => {
                for (device, _) in doors {
                    folder.hide(&name(device, n));
                }
                return Err(Error::system("making a gamepad's device")(error));
            }
        }
    }
    Ok(doors)
}

fn name(device: Device, n: usize) -> String {
    match device {
        Device::Event => format!("event{n}"),
        Device::Joystick => format!("js{n}"),
    }
}

fn receive(stream: &UnixStream, bytes: &mut [u8]) -> Result<usize, Errno> {
    recv(stream.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT)
}

/// `struct ask` of `shim.c`.
fn parse(ask: &[u8; ASK_BYTES]) -> (u64, u32, Request) {
    let eight = |at: usize| {
        ask.get(at..at + 8)
            .and_then(|b| b.try_into().ok())
            .unwrap_or_default()
    };
    let four = |at: usize| {
        ask.get(at..at + 4)
            .and_then(|b| b.try_into().ok())
            .unwrap_or_default()
    };
    let input = ask.last_chunk::<FF_EFFECT_BYTES>().copied();
    let request = Request {
        number: u32::from_ne_bytes(four(12)),
        value: u64::from_ne_bytes(eight(16)),
        input: input.unwrap_or([0; FF_EFFECT_BYTES]),
    };
    (u64::from_ne_bytes(eight(0)), u32::from_ne_bytes(four(8)), request)
}

fn time(clock: ClockId) -> nix::sys::time::TimeSpec {
    // None of the three clocks fails; an event at the beginning of time is still an event.
    clock_gettime(clock).unwrap_or_else(|_| nix::sys::time::TimeSpec::new(0, 0))
}

/// The folder in the run folder that becomes `/dev/input`.
pub(crate) const SHOWN: &str = "gamepads";
/// See `shim.c`.
const MARK: &str = "firstlight-pad-";
const OPEN: u32 = 1;
const IOCTL: u32 = 2;
const ASK_BYTES: usize = 24 + FF_EFFECT_BYTES;
const SEND: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);
/// A game opens a device once or twice, what looks for gamepads a few times more.
const LINES_MAX: usize = 32;
/// Between connecting and saying what for lie microseconds.
const UNKNOWN_MAX: usize = 16;
/// Every key and axis, what was lost, and the report's end.
const FRAME_BYTES: usize = (19 + 3) * EVENT_BYTES;
