//! Gamepads: what the player's browser knows of them, as devices that the app finds in `/dev/input`.
//!
//! ```text
//! Gamepads::set ─┬─ shim:   server ══ sockets in /dev/input ══ shim.c, preloaded ── app
//!                └─ uinput: the kernel's own devices ──────────────────────────── app
//! Rumbles::wait <── what the app plays on the motors
//! ```
//!
//! Which way is taken is the machine's to say ([`Way`], decision 0024): the kernel's devices where this process may make them, else a small
//! library in the app that makes sockets look like devices. Both show the same pad (`model`) and take the same effects (`effects`).

mod answers;
mod effects;
mod frame;
mod kernel;
mod model;
mod server;

pub use effects::Rumble;
pub use model::PadState;

use crate::sandbox::Sandbox;
use crate::{Error, clock, ffi};
use firstlight_units::Micros;
use kernel::Kernel;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::{AccessFlags, access, gettid};
use server::{Folder, Server, Source, Wish};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A session's gamepads. Dropping the last of its clones unplugs them all.
#[derive(Clone, Debug)]
pub struct Gamepads {
    shared: Arc<Shared>,
}

/// What apps want of the motors.
#[derive(Debug)]
pub struct Rumbles {
    from: Receiver<Rumble>,
}

/// How apps come to see gamepads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the kernel's own devices.
    Kernel,
    /// By a library that is preloaded into the app.
    Preload,
}

#[derive(Debug)]
struct Shared {
    count: u8,
    devices: Mutex<Devices>,
    /// Tells the thread that there is something else to wait for, or that it is not needed any more.
    wake: EventFd,
    /// The thread's number, once it runs.
    thread: AtomicU32,
    /// What the app's sandbox shows: outside, and inside.
    shown: Vec<(PathBuf, String)>,
    way: Way,
}

#[derive(Debug)]
enum Devices {
    Kernel(Kernel),
    Sockets(Box<Server>),
}

impl Way {
    /// What this machine allows. Only to try says whether a device can really be made.
    #[must_use]
    pub fn find() -> Self {
        let may = access("/dev/uinput", AccessFlags::R_OK | AccessFlags::W_OK).is_ok();
        if may { Self::Kernel } else { Self::Preload }
    }
}

impl Gamepads {
    /// At most `count` gamepads of a session whose private folder this is; no player has one yet.
    ///
    /// # Errors
    /// [`Error::RunDir`], [`Error::System`] or [`Error::Start`].
    pub(crate) fn start(run_dir: &Path, count: u8) -> Result<(Self, Rumbles), Error> {
        let (devices, shown) = make(run_dir, count)?;
        let wake = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(Error::system("making an eventfd"))?;
        let way = match devices {
            Devices::Kernel(_) => Way::Kernel,
            Devices::Sockets(_) => Way::Preload,
        };
        let shared = Arc::new(Shared {
            count,
            devices: Mutex::new(devices),
            wake,
            thread: AtomicU32::new(0),
            shown,
            way,
        });
        let (to, from) = sync_channel(RUMBLES_MAX);
        let weak = Arc::downgrade(&shared);
        std::thread::Builder::new()
            .name("gamepads".to_owned())
            .spawn(move || {
                if let Some(shared) = weak.upgrade() {
                    let number = gettid().as_raw().unsigned_abs();
                    shared.thread.store(number, Ordering::Relaxed);
                }
                while let Some(shared) = weak.upgrade() {
                    shared.turn(&to);
                }
            })
            .map_err(Error::start("the gamepads' thread"))?;
        Ok((Self { shared }, Rumbles { from }))
    }

    /// Ends what [`crate::step_back`] began, for their thread: an app waits for what it answers.
    pub(crate) fn come_forward(&self) {
        let thread = self.shared.thread.load(Ordering::Relaxed);
        if thread != 0 && !ffi::set_priority(thread, false) {
            tracing::debug!(thread, "the gamepads' thread stays in the background");
        }
    }

    /// How the app sees them.
    #[must_use]
    pub fn way(&self) -> Way {
        self.shared.way
    }

    /// Gamepad `pad` is like this now; `None`: it is unplugged. One that was unplugged appears; one that the title does not take is
    /// left out.
    ///
    /// # Errors
    /// [`Error::System`] when its device cannot be made or written to; it stays unplugged then.
    pub fn set(&self, pad: u8, state: Option<PadState>) -> Result<(), Error> {
        if pad >= self.shared.count {
            return Ok(());
        }
        let news = match &mut *self.shared.devices() {
            Devices::Kernel(kernel) => kernel.set(pad.into(), state).map(|()| false)?,
            Devices::Sockets(server) => server.set(pad.into(), state)?,
        };
        if news {
            self.shared.wake();
        }
        Ok(())
    }

    /// Lets an app see them.
    pub(crate) fn show(&self, sandbox: &mut Sandbox) {
        for (outside, inside) in &self.shared.shown {
            match self.shared.way {
                Way::Kernel => sandbox.device(outside, inside),
                Way::Preload => sandbox.show(outside, inside),
            }
        }
        // There is no udev in a sandbox: SDL looks into the folder itself and watches it.
        sandbox.env("SDL_JOYSTICK_DISABLE_UDEV", "1");
        // An app is alone on its display, with or without a window that has the focus.
        sandbox.env("SDL_JOYSTICK_ALLOW_BACKGROUND_EVENTS", "1");
    }

    /// What is to be preloaded into an app that preloads `own` by itself.
    pub(crate) fn preload(&self, own: Option<&str>) -> Option<String> {
        let library = (self.shared.way == Way::Preload).then_some(LIBRARY);
        let all: Vec<&str> = library
            .into_iter()
            .chain(own.filter(|own| !own.is_empty()))
            .collect();
        (!all.is_empty()).then(|| all.join(":"))
    }
}

/// The devices, and what of them a sandbox shows.
fn make(run_dir: &Path, count: u8) -> Result<(Devices, Vec<(PathBuf, String)>), Error> {
    if Way::find() == Way::Kernel {
        match Kernel::make(count) {
            Ok(kernel) => {
                let shown = kernel
                    .nodes()
                    .map(|(outside, inside)| (outside.to_owned(), inside.to_owned()));
                let shown = shown.collect();
                return Ok((Devices::Kernel(kernel), shown));
            }
            Err(error) => {
                tracing::info!(%error, "/dev/uinput is there and of no use: gamepads are preloaded")
            }
        }
    }
    let folder = Folder::make(run_dir)?;
    let library = run_dir.join("gamepads.so");
    std::fs::write(&library, SHIM).map_err(|source| Error::RunDir {
        path: library.clone(),
        source,
    })?;
    let shown = vec![
        (run_dir.join(server::SHOWN), "/dev/input".to_owned()),
        (library, LIBRARY.to_owned()),
    ];
    Ok((Devices::Sockets(Box::new(Server::new(folder))), shown))
}

impl Drop for Gamepads {
    fn drop(&mut self) {
        // The thread looks whether anybody is left.
        self.shared.wake();
    }
}

impl Rumbles {
    /// The next thing for a motor to do; `None` when nothing came within `patience`.
    ///
    /// # Errors
    /// [`Error::Closed`] when the gamepads are gone.
    pub fn wait(&mut self, patience: Micros) -> Result<Option<Rumble>, Error> {
        match self
            .from
            .recv_timeout(Duration::from_micros(patience.as_micros()))
        {
            Ok(rumble) => Ok(Some(rumble)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Closed),
        }
    }
}

impl Shared {
    fn devices(&self) -> MutexGuard<'_, Devices> {
        // Nothing that holds it panics; were it so, its state is still whole between two calls.
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Err(error) = self.wake.write(1) {
            tracing::trace!(%error, "the gamepads' thread has been woken already");
        }
    }

    /// Waits for something, once, and does it.
    fn turn(&self, to: &SyncSender<Rumble>) {
        let now = clock::now();
        let (sources, timeout) = match &*self.devices() {
            Devices::Kernel(kernel) => (
                kernel.sources().map(Source::Device).collect::<Vec<Source>>(),
                kernel.timeout(now),
            ),
            Devices::Sockets(server) => (server.sources(), server.timeout(now)),
        };
        self.wait(&sources, timeout.map_or(LOOK_UP, |at| at.since(now)).min(LOOK_UP));
        drop(sources);
        let mut rumbles = Vec::new();
        match &mut *self.devices() {
            Devices::Kernel(kernel) => kernel.work(clock::now(), &mut rumbles),
            Devices::Sockets(server) => server.work(clock::now(), &mut rumbles),
        }
        for rumble in rumbles {
            if to.try_send(rumble).is_err() {
                // The next one says all there is to say, at the latest in a second.
                tracing::debug!("a rumble was dropped: nobody takes it");
            }
        }
    }

    fn wait(&self, sources: &[Source], longest: Micros) {
        let wish = |source: &Source| match source {
            Source::Line(_, Wish::ReadOrWrite) => PollFlags::POLLIN | PollFlags::POLLOUT,
            Source::Device(_) | Source::Door(_) | Source::Line(_, Wish::Read) => PollFlags::POLLIN,
        };
        let mut fds: Vec<PollFd<'_>> = sources
            .iter()
            .map(|source| PollFd::new(source.as_fd(), wish(source)))
            .collect();
        fds.push(PollFd::new(self.wake.as_fd(), PollFlags::POLLIN));
        // Rounded up, or the last millisecond would be spent turning.
        let millis = longest.as_micros().div_ceil(1_000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::ZERO);
        if let Err(error) = poll(&mut fds, timeout) {
            tracing::trace!(%error, "the gamepads' thread was interrupted");
        }
        if let Err(error) = self.wake.read() {
            tracing::trace!(%error, "nobody woke the gamepads' thread");
        }
    }
}

/// As many as a browser's players bring, and as the wire has room for.
pub(crate) const PADS_MAX: usize = 4;
/// The library, as `build.rs` made it of `shim.c`.
const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/gamepads.so"));
/// Where an app finds it.
const LIBRARY: &str = "/run/firstlight/gamepads.so";
/// Four motors' worth of a second, told at most every 20 ms.
const RUMBLES_MAX: usize = 200;
/// How often the thread looks whether it is still needed, if nothing wakes it.
const LOOK_UP: Micros = Micros::from_millis(500);
