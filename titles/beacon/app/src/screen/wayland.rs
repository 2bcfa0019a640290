//! The window on a Wayland compositor: drawn in memory of the beacon's own and copied into a buffer that the compositor has let go.

use super::{Held, another, require_room};
use crate::canvas::Canvas;
use crate::error::Error;
use crate::ffi::{self, Shared};
use crate::inputs::Inputs;
use crate::options::{Clock, Options};
use crate::panel::KeyNames;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wayland_client::backend::WaylandError;
use wayland_client::globals::{GlobalListContents, registry_queue_init};
use wayland_client::protocol::wl_keyboard::{self, KeyState, WlKeyboard};
use wayland_client::protocol::wl_pointer::{self, ButtonState, WlPointer};
use wayland_client::protocol::wl_registry::{self, WlRegistry};
use wayland_client::protocol::wl_touch::{self, WlTouch};
use wayland_client::protocol::{
    wl_buffer, wl_callback, wl_compositor, wl_seat, wl_shm, wl_shm_pool, wl_surface,
};
use wayland_client::{Connection, Dispatch, EventQueue, QueueHandle, WEnum, delegate_noop};
use wayland_protocols::xdg::shell::client::{xdg_surface, xdg_toplevel, xdg_wm_base};

/// See the module.
pub(crate) struct Screen {
    queue: EventQueue<Heard>,
    heard: Heard,
    surface: wl_surface::WlSurface,
    shm: wl_shm::WlShm,
    buffers: Vec<Buffer>,
    picture: Vec<u8>,
    width: u16,
    height: u16,
    held: Held,
    names: KeyNames,
    clock: Clock,
}

/// Memory that the compositor reads.
struct Buffer {
    memory: Shared,
    buffer: wl_buffer::WlBuffer,
    /// The compositor has it.
    busy: Arc<AtomicBool>,
}

/// What the compositor has said and nobody has looked at yet.
#[derive(Default)]
struct Heard {
    /// The size that the window is to have; 0 is as it likes.
    size: Option<(i32, i32)>,
    configured: bool,
    closed: bool,
    /// A picture was shown, and the compositor has not said yet that the next may be drawn.
    shown: bool,
    /// The seat has a touch screen, and it is listened to.
    touches: bool,
    notes: Vec<Note>,
}

/// A piece of input.
enum Note {
    Key { code: u8, down: bool },
    Button { code: u32, down: bool },
    Motion { x: i16, y: i16 },
    Wheel,
    Finger { which: i32, down: bool },
    FingersGone,
    KeysGone,
}

impl Screen {
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let connection = Connection::connect_to_env()?;
        let (globals, mut queue) = registry_queue_init::<Heard>(&connection)?;
        let qh = queue.handle();
        let compositor: wl_compositor::WlCompositor = globals.bind(&qh, 4..=5, ())?;
        let shm: wl_shm::WlShm = globals.bind(&qh, 1..=1, ())?;
        let shell: xdg_wm_base::XdgWmBase = globals.bind(&qh, 1..=3, ())?;
        let seat: wl_seat::WlSeat = globals.bind(&qh, 5..=7, ())?;
        seat.get_keyboard(&qh, ());
        seat.get_pointer(&qh, ());
        let surface = compositor.create_surface(&qh, ());
        let window = shell.get_xdg_surface(&surface, &qh, ());
        let toplevel = window.get_toplevel(&qh, ());
        toplevel.set_title("Beacon".into());
        toplevel.set_fullscreen(None);
        surface.commit();
        let mut heard = Heard::default();
        while !heard.configured {
            queue.blocking_dispatch(&mut heard)?;
        }
        let (width, height) = heard.take_size().unwrap_or(DEFAULT);
        let held = (options.width, options.height);
        let (width, height) = (held.0.unwrap_or(width), held.1.unwrap_or(height));
        require_room(width, height)?;
        Ok(Self {
            buffers: buffers(&shm, &qh, (width, height))?,
            queue,
            heard,
            surface,
            shm,
            picture: vec![0; usize::from(width) * usize::from(height) * 4],
            width,
            height,
            held,
            names: KeyNames::of_a_pc(),
            clock: options.clock,
        })
    }

    pub(super) fn width(&self) -> usize {
        usize::from(self.width)
    }

    pub(super) fn height(&self) -> usize {
        usize::from(self.height)
    }

    pub(super) fn follow(&mut self) -> Result<bool, Error> {
        let size = another(self.heard.take_size(), (self.width, self.height), self.held);
        let Some((width, height)) = size else {
            return Ok(false);
        };
        // The compositor may still read the old ones: it has the memory for itself.
        for old in self.buffers.drain(..) {
            old.buffer.destroy();
        }
        self.buffers = buffers(&self.shm, &self.queue.handle(), (width, height))?;
        self.picture = vec![0; usize::from(width) * usize::from(height) * 4];
        (self.width, self.height) = (width, height);
        Ok(true)
    }

    pub(super) fn canvas(&mut self) -> (Canvas<'_>, &KeyNames) {
        (
            Canvas::new(&mut self.picture, usize::from(self.width)),
            &self.names,
        )
    }

    pub(super) fn put(&mut self) -> Result<(), Error> {
        let is_free = |buffer: &Buffer| !buffer.busy.load(Ordering::Relaxed);
        while !self.buffers.iter().any(is_free) {
            self.queue.blocking_dispatch(&mut self.heard)?;
        }
        let Some(free) = self.buffers.iter_mut().find(|buffer| is_free(buffer)) else {
            return Ok(());
        };
        free.memory.bytes().copy_from_slice(&self.picture);
        free.busy.store(true, Ordering::Relaxed);
        self.surface.attach(Some(&free.buffer), 0, 0);
        self.surface
            .damage_buffer(0, 0, i32::from(self.width), i32::from(self.height));
        if self.clock == Clock::Display {
            self.surface.frame(&self.queue.handle(), ());
            self.heard.shown = true;
        }
        self.surface.commit();
        self.queue.flush()?;
        Ok(())
    }

    /// Waits until the next picture may be drawn, or a signal comes; input that arrives meanwhile is noted.
    pub(super) fn wait_turn(&mut self, inputs: &mut Inputs) -> Result<(), Error> {
        loop {
            self.note_input(inputs)?;
            if !self.heard.shown || ffi::stopped() {
                return Ok(());
            }
            if let Some(guard) = self.queue.prepare_read() {
                let mut fds = [PollFd::new(guard.connection_fd(), PollFlags::POLLIN)];
                // A signal that comes just before it is not waited for long.
                match poll(&mut fds, PollTimeout::from(LOOK_MS)) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    /// Notes all input that has arrived; says whether the picture changes by it.
    pub(super) fn note_input(&mut self, inputs: &mut Inputs) -> Result<bool, Error> {
        self.queue.flush()?;
        if let Some(guard) = self.queue.prepare_read() {
            match guard.read() {
                Ok(_) => {}
                Err(WaylandError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.queue.dispatch_pending(&mut self.heard)?;
        if self.heard.closed {
            return Err(Error::Closed);
        }
        // There is a size to follow, of which the next picture shows what comes.
        let mut changed = self.heard.size.is_some();
        for note in self.heard.notes.drain(..) {
            changed |= match note {
                Note::Key { code, down } => inputs.note_key(code, down),
                Note::Button { code, down } => inputs.note_button(x_button(code), down),
                Note::Motion { x, y } => inputs.note_motion(x, y),
                Note::Wheel => inputs.note_wheel(),
                Note::Finger { which, down } => inputs.note_finger(which, down),
                Note::FingersGone => inputs.note_fingers_gone(),
                Note::KeysGone => inputs.note_keys_gone(),
            };
        }
        Ok(changed)
    }
}

impl Heard {
    /// The size that the window was asked to have since this was last called; `None`: as it likes.
    fn take_size(&mut self) -> Option<(u16, u16)> {
        let (width, height) = self
            .size
            .take()
            .filter(|(width, height)| *width > 0 && *height > 0)?;
        u16::try_from(width).ok().zip(u16::try_from(height).ok())
    }
}

fn buffers(shm: &wl_shm::WlShm, qh: &QueueHandle<Heard>, size: (u16, u16)) -> Result<Vec<Buffer>, Error> {
    (0..BUFFERS).map(|_| Buffer::new(shm, qh, size)).collect()
}

impl Buffer {
    fn new(shm: &wl_shm::WlShm, qh: &QueueHandle<Heard>, (width, height): (u16, u16)) -> Result<Self, Error> {
        let (width, height) = (i32::from(width), i32::from(height));
        let bytes = width * height * 4;
        let file = memfd_create(c"beacon", MFdFlags::MFD_CLOEXEC)?;
        ftruncate(&file, i64::from(bytes))?;
        let length = usize::try_from(bytes).ok().and_then(NonZeroUsize::new);
        let memory = Shared::map(&file, length.ok_or(nix::errno::Errno::EINVAL)?)?;
        let busy = Arc::new(AtomicBool::new(false));
        let pool = shm.create_pool(file.as_fd(), bytes, qh, ());
        let format = wl_shm::Format::Xrgb8888;
        let buffer = pool.create_buffer(0, width, height, width * 4, format, qh, Arc::clone(&busy));
        pool.destroy();
        Ok(Self { memory, buffer, busy })
    }
}

/// A Linux code (`BTN_*`) to X's number of the button.
fn x_button(code: u32) -> u8 {
    match code {
        0x110 => 1,
        0x111 => 3,
        0x112 => 2,
        other => u8::try_from(other.saturating_sub(0x113)).map_or(u8::MAX, |n| n.saturating_add(8)),
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Heard {
    fn event(
        _: &mut Self,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
    }
}

impl Dispatch<xdg_wm_base::XdgWmBase, ()> for Heard {
    fn event(
        _: &mut Self,
        shell: &xdg_wm_base::XdgWmBase,
        event: xdg_wm_base::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_wm_base::Event::Ping { serial } = event {
            shell.pong(serial);
        }
    }
}

impl Dispatch<xdg_surface::XdgSurface, ()> for Heard {
    fn event(
        heard: &mut Self,
        surface: &xdg_surface::XdgSurface,
        event: xdg_surface::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_surface::Event::Configure { serial } = event {
            surface.ack_configure(serial);
            heard.configured = true;
        }
    }
}

impl Dispatch<xdg_toplevel::XdgToplevel, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &xdg_toplevel::XdgToplevel,
        event: xdg_toplevel::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let xdg_toplevel::Event::Configure { width, height, .. } = event {
            heard.size = Some((width, height));
        } else if let xdg_toplevel::Event::Close = event {
            heard.closed = true;
        }
    }
}

impl Dispatch<wl_buffer::WlBuffer, Arc<AtomicBool>> for Heard {
    fn event(
        _: &mut Self,
        _: &wl_buffer::WlBuffer,
        event: wl_buffer::Event,
        busy: &Arc<AtomicBool>,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_buffer::Event::Release = event {
            busy.store(false, Ordering::Relaxed);
        }
    }
}

impl Dispatch<wl_callback::WlCallback, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &wl_callback::WlCallback,
        event: wl_callback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_callback::Event::Done { .. } = event {
            heard.shown = false;
        }
    }
}

impl Dispatch<WlKeyboard, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_keyboard::Event::Key { key, state, .. } = event {
            // X numbers keys from 8, and so does the panel.
            let code = u8::try_from(key).map_or(u8::MAX, |code| code.saturating_add(8));
            let down = state == WEnum::Value(KeyState::Pressed);
            heard.notes.push(Note::Key { code, down });
        } else if let wl_keyboard::Event::Leave { .. } = event {
            heard.notes.push(Note::KeysGone);
        }
    }
}

impl Dispatch<WlPointer, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &WlPointer,
        event: wl_pointer::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_pointer::Event::Motion {
            surface_x, surface_y, ..
        } = event
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "`as` saturates, and no window is larger"
            )]
            let (x, y) = (surface_x as i16, surface_y as i16);
            heard.notes.push(Note::Motion { x, y });
        } else if let wl_pointer::Event::Button { button, state, .. } = event {
            let down = state == WEnum::Value(ButtonState::Pressed);
            heard.notes.push(Note::Button { code: button, down });
        } else if let wl_pointer::Event::AxisDiscrete { discrete, .. } = event {
            let steps = discrete.unsigned_abs().min(WHEEL_MAX);
            heard.notes.extend((0..steps).map(|_| Note::Wheel));
        }
    }
}

impl Dispatch<wl_seat::WlSeat, ()> for Heard {
    fn event(
        heard: &mut Self,
        seat: &wl_seat::WlSeat,
        event: wl_seat::Event,
        (): &(),
        _: &Connection,
        qh: &QueueHandle<Self>,
    ) {
        if let wl_seat::Event::Capabilities {
            capabilities: WEnum::Value(there),
        } = event
            && there.contains(wl_seat::Capability::Touch)
            && !heard.touches
        {
            seat.get_touch(qh, ());
            heard.touches = true;
        }
    }
}

impl Dispatch<WlTouch, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &WlTouch,
        event: wl_touch::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_touch::Event::Down { id, .. } = event {
            heard.notes.push(Note::Finger {
                which: id,
                down: true,
            });
        } else if let wl_touch::Event::Up { id, .. } = event {
            heard.notes.push(Note::Finger {
                which: id,
                down: false,
            });
        } else if let wl_touch::Event::Cancel = event {
            heard.notes.push(Note::FingersGone);
        }
    }
}

delegate_noop!(Heard: ignore wl_compositor::WlCompositor);
delegate_noop!(Heard: ignore wl_surface::WlSurface);
delegate_noop!(Heard: ignore wl_shm::WlShm);
delegate_noop!(Heard: ignore wl_shm_pool::WlShmPool);

/// One that is shown, one that is about to be, and one to draw.
const BUFFERS: usize = 3;
const LOOK_MS: u8 = 100;
/// Where the compositor leaves it to the window.
const DEFAULT: (u16, u16) = (1280, 720);
/// Steps of the wheel that one event may count for.
const WHEEL_MAX: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_have_the_numbers_that_x_gives_them() {
        assert_eq!(
            [0x110, 0x112, 0x111, 0x113, 0x114, 0x115].map(x_button),
            [1, 2, 3, 8, 9, 10]
        );
    }
}
