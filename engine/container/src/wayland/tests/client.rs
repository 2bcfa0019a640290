//! A Wayland client that does what a test says and writes down what it hears.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks for the events that it knows"
)]

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use wayland_client::backend::WaylandError;
use wayland_client::globals::{GlobalList, GlobalListContents, registry_queue_init};
use wayland_client::protocol::{
    wl_buffer, wl_callback, wl_compositor, wl_data_offer, wl_keyboard, wl_output, wl_pointer, wl_region,
    wl_registry, wl_seat, wl_shm, wl_shm_pool, wl_subcompositor, wl_subsurface, wl_surface,
};
use wayland_client::{
    Connection, Dispatch, DispatchError, EventQueue, Proxy, QueueHandle, WEnum, delegate_noop,
};
use wayland_protocols::wp::cursor_shape::v1::client::{
    wp_cursor_shape_device_v1, wp_cursor_shape_manager_v1,
};
use wayland_protocols::wp::pointer_constraints::zv1::client::{
    zwp_locked_pointer_v1, zwp_pointer_constraints_v1,
};
use wayland_protocols::wp::presentation_time::client::{wp_presentation, wp_presentation_feedback};
use wayland_protocols::wp::relative_pointer::zv1::client::{
    zwp_relative_pointer_manager_v1, zwp_relative_pointer_v1,
};
use wayland_protocols::wp::viewporter::client::{wp_viewport, wp_viewporter};
use wayland_protocols::xdg::shell::client::{
    xdg_popup, xdg_positioner, xdg_surface, xdg_toplevel, xdg_wm_base,
};

/// See the module.
pub(super) struct Client {
    pub(super) connection: Connection,
    queue: EventQueue<Heard>,
    pub(super) qh: QueueHandle<Heard>,
    pub(super) heard: Heard,
    globals: GlobalList,
    pub(super) compositor: wl_compositor::WlCompositor,
    pub(super) shm: wl_shm::WlShm,
    pub(super) shell: xdg_wm_base::XdgWmBase,
    pub(super) seat: wl_seat::WlSeat,
}

/// What it heard, a line for each event.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) lines: Vec<String>,
    /// Of the last event that a cursor may answer.
    pub(super) serial: u32,
    frames: usize,
    /// Where what it copied is wanted.
    pub(super) wanted: Vec<OwnedFd>,
    /// What it would find on the clipboard.
    pub(super) offer: Option<wl_data_offer::WlDataOffer>,
}

/// A window that has been asked for and answered.
pub(super) struct Window {
    pub(super) surface: wl_surface::WlSurface,
    pub(super) xdg: xdg_surface::XdgSurface,
    pub(super) _toplevel: xdg_toplevel::XdgToplevel,
}

impl Client {
    pub(super) fn connect(stream: UnixStream) -> Self {
        let connection = Connection::from_socket(stream).unwrap();
        let (globals, queue) = registry_queue_init::<Heard>(&connection).unwrap();
        let qh = queue.handle();
        Self {
            compositor: globals.bind(&qh, 4..=5, ()).unwrap(),
            shm: globals.bind(&qh, 1..=1, ()).unwrap(),
            shell: globals.bind(&qh, 2..=3, ()).unwrap(),
            seat: globals.bind(&qh, 5..=8, ()).unwrap(),
            connection,
            queue,
            qh,
            heard: Heard::default(),
            globals,
        }
    }

    /// A global beyond those that every test needs.
    pub(super) fn bind<I>(&self) -> I
    where
        I: Proxy + 'static,
        Heard: Dispatch<I, ()>,
    {
        self.globals.bind(&self.qh, 1..=1, ()).unwrap()
    }

    /// Sends all that was asked for and hears all that comes of it.
    pub(super) fn roundtrip(&mut self) -> Result<(), DispatchError> {
        self.queue.roundtrip(&mut self.heard).map(drop)
    }

    /// Hears until a line contains `wanted`.
    pub(super) fn hear(&mut self, wanted: &str) -> String {
        loop {
            if let Some(line) = self.heard.lines.iter().find(|line| line.contains(wanted)) {
                return line.clone();
            }
            self.queue.blocking_dispatch(&mut self.heard).unwrap();
        }
    }

    /// Hears until the connection ends, and says why.
    pub(super) fn hear_end(&mut self) -> DispatchError {
        loop {
            if let Err(error) = self.queue.blocking_dispatch(&mut self.heard) {
                return error;
            }
        }
    }

    /// A surface that is to be a window, asked for and answered; nothing is in it.
    pub(super) fn window(&mut self) -> Window {
        let surface = self.compositor.create_surface(&self.qh, ());
        let xdg = self.shell.get_xdg_surface(&surface, &self.qh, ());
        let toplevel = xdg.get_toplevel(&self.qh, ());
        surface.commit();
        self.heard.lines.retain(|line| !line.starts_with("configure"));
        self.hear("configure");
        Window {
            surface,
            xdg,
            _toplevel: toplevel,
        }
    }

    /// A buffer of one colour.
    pub(super) fn plain(
        &self,
        (width, height): (u16, u16),
        format: wl_shm::Format,
        colour: u32,
    ) -> wl_buffer::WlBuffer {
        let pixels = usize::from(width) * usize::from(height);
        self.buffer((width, height), format, &colour.to_le_bytes().repeat(pixels))
    }

    pub(super) fn buffer(
        &self,
        (width, height): (u16, u16),
        format: wl_shm::Format,
        pixels: &[u8],
    ) -> wl_buffer::WlBuffer {
        let pool = self.pool(&memory(pixels), pixels.len());
        let (width, height) = (i32::from(width), i32::from(height));
        pool.create_buffer(0, width, height, width * 4, format, &self.qh, ())
    }

    pub(super) fn pool(&self, memory: &OwnedFd, length: usize) -> wl_shm_pool::WlShmPool {
        let length = i32::try_from(length).unwrap();
        self.shm.create_pool(memory.as_fd(), length, &self.qh, ())
    }

    /// Shows a colour in a window.
    pub(super) fn fill(&mut self, window: &Window, width: u16, height: u16, colour: u32) {
        let buffer = self.plain((width, height), wl_shm::Format::Xrgb8888, colour);
        self.show(&window.surface, &buffer);
        self.roundtrip().unwrap();
    }

    /// Commits a buffer to a surface.
    pub(super) fn show(&self, surface: &wl_surface::WlSurface, buffer: &wl_buffer::WlBuffer) {
        surface.attach(Some(buffer), 0, 0);
        surface.damage_buffer(0, 0, i32::MAX, i32::MAX);
        surface.commit();
        self.flush();
    }

    /// Sends all that was asked for, however slowly the compositor takes it.
    fn flush(&self) {
        while let Err(error) = self.connection.flush() {
            let full = matches!(&error, WaylandError::Io(error) if error.kind() == ErrorKind::WouldBlock);
            assert!(full, "{error}");
            let mut fds = [PollFd::new(self.connection.as_fd(), PollFlags::POLLOUT)];
            poll(&mut fds, PollTimeout::NONE).unwrap();
        }
    }

    /// Asks to be told when the next picture may be drawn, commits, and waits until it is.
    pub(super) fn frame(&mut self, surface: &wl_surface::WlSurface, buffer: &wl_buffer::WlBuffer) {
        let before = self.heard.frames;
        surface.frame(&self.qh, ());
        self.show(surface, buffer);
        while self.heard.frames == before {
            self.queue.blocking_dispatch(&mut self.heard).unwrap();
        }
    }
}

/// Shared memory with these bytes in it.
pub(super) fn memory(bytes: &[u8]) -> OwnedFd {
    let fd = nix::sys::memfd::memfd_create(c"test", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
    let mut file = File::from(fd);
    file.write_all(bytes).unwrap();
    file.into()
}

impl Dispatch<wl_registry::WlRegistry, GlobalListContents> for Heard {
    fn event(
        _: &mut Self,
        _: &wl_registry::WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
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
            heard.lines.push("configure".into());
        }
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

impl Dispatch<wl_callback::WlCallback, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &wl_callback::WlCallback,
        _: wl_callback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        heard.frames += 1;
    }
}

impl Dispatch<wl_keyboard::WlKeyboard, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &wl_keyboard::WlKeyboard,
        event: wl_keyboard::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let line = match event {
            wl_keyboard::Event::Enter { .. } => "keyboard enter".to_owned(),
            wl_keyboard::Event::Leave { .. } => "keyboard leave".to_owned(),
            wl_keyboard::Event::Key {
                key,
                state: WEnum::Value(state),
                ..
            } => format!("key {key} {state:?}"),
            wl_keyboard::Event::Modifiers { mods_depressed, .. } => format!("modifiers {mods_depressed}"),
            wl_keyboard::Event::RepeatInfo { rate, delay } => format!("repeat {rate} {delay}"),
            other => format!("{other:?}"),
        };
        heard.lines.push(line);
    }
}

impl Dispatch<wl_pointer::WlPointer, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &wl_pointer::WlPointer,
        event: wl_pointer::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let line = match event {
            wl_pointer::Event::Enter {
                serial,
                surface_x,
                surface_y,
                ..
            } => {
                heard.serial = serial;
                format!("pointer enter {surface_x} {surface_y}")
            }
            wl_pointer::Event::Motion {
                surface_x, surface_y, ..
            } => format!("motion {surface_x} {surface_y}"),
            wl_pointer::Event::Button {
                button,
                state: WEnum::Value(state),
                ..
            } => format!("button {button:#x} {state:?}"),
            wl_pointer::Event::AxisValue120 {
                axis: WEnum::Value(axis),
                value120,
            } => format!("axis {axis:?} {value120}"),
            other => format!("{other:?}"),
        };
        heard.lines.push(line);
    }
}

impl Dispatch<zwp_relative_pointer_v1::ZwpRelativePointerV1, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &zwp_relative_pointer_v1::ZwpRelativePointerV1,
        event: zwp_relative_pointer_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let zwp_relative_pointer_v1::Event::RelativeMotion { dx, dy, .. } = event {
            heard.lines.push(format!("relative {dx} {dy}"));
        }
    }
}

impl Dispatch<zwp_locked_pointer_v1::ZwpLockedPointerV1, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &zwp_locked_pointer_v1::ZwpLockedPointerV1,
        event: zwp_locked_pointer_v1::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        heard.lines.push(format!("{event:?}").to_lowercase());
    }
}

impl Dispatch<wp_presentation_feedback::WpPresentationFeedback, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &wp_presentation_feedback::WpPresentationFeedback,
        event: wp_presentation_feedback::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        let line = match event {
            wp_presentation_feedback::Event::Presented { seq_lo, refresh, .. } => {
                format!("presented {seq_lo} {refresh}")
            }
            wp_presentation_feedback::Event::Discarded => "discarded".to_owned(),
            _ => return,
        };
        heard.lines.push(line);
    }
}

impl Dispatch<wl_output::WlOutput, ()> for Heard {
    fn event(
        heard: &mut Self,
        _: &wl_output::WlOutput,
        event: wl_output::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Self>,
    ) {
        if let wl_output::Event::Mode {
            width,
            height,
            refresh,
            ..
        } = event
        {
            heard.lines.push(format!("mode {width} {height} {refresh}"));
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
            heard.lines.push(format!("asked {width} {height}"));
        }
    }
}

delegate_noop!(Heard: ignore wl_compositor::WlCompositor);
delegate_noop!(Heard: ignore wl_subcompositor::WlSubcompositor);
delegate_noop!(Heard: ignore wl_subsurface::WlSubsurface);
delegate_noop!(Heard: ignore wl_surface::WlSurface);
delegate_noop!(Heard: ignore wl_region::WlRegion);
delegate_noop!(Heard: ignore wl_shm::WlShm);
delegate_noop!(Heard: ignore wl_shm_pool::WlShmPool);
delegate_noop!(Heard: ignore wl_buffer::WlBuffer);
delegate_noop!(Heard: ignore wl_seat::WlSeat);
delegate_noop!(Heard: ignore xdg_popup::XdgPopup);
delegate_noop!(Heard: ignore xdg_positioner::XdgPositioner);
delegate_noop!(Heard: ignore wp_viewporter::WpViewporter);
delegate_noop!(Heard: ignore wp_viewport::WpViewport);
delegate_noop!(Heard: ignore wp_presentation::WpPresentation);
delegate_noop!(Heard: ignore wp_cursor_shape_manager_v1::WpCursorShapeManagerV1);
delegate_noop!(Heard: ignore wp_cursor_shape_device_v1::WpCursorShapeDeviceV1);
delegate_noop!(Heard: ignore zwp_relative_pointer_manager_v1::ZwpRelativePointerManagerV1);
delegate_noop!(Heard: ignore zwp_pointer_constraints_v1::ZwpPointerConstraintsV1);
