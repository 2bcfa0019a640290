//! The window on an X server, and the memory it is drawn from.

use super::{Held, another, require_room};
use crate::canvas::Canvas;
use crate::error::Error;
use crate::ffi::Shared;
use crate::inputs::Inputs;
use crate::options::Options;
use crate::panel::KeyNames;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::ftruncate;
use std::num::NonZeroUsize;
use x11rb::CURRENT_TIME;
use x11rb::connection::Connection;
use x11rb::errors::ConnectionError;
use x11rb::protocol::Event;
use x11rb::protocol::shm::{self, ConnectionExt as _};
use x11rb::protocol::xproto::{
    AutoRepeatMode, ChangeKeyboardControlAux, ConnectionExt as _, CreateGCAux, CreateWindowAux, EventMask,
    Gcontext, ImageFormat, InputFocus, Screen as Root, Setup, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// A window that is seen, has the keyboard, and is drawn from shared memory.
pub(crate) struct Screen {
    connection: RustConnection,
    window: Window,
    gc: Gcontext,
    segment: shm::Seg,
    memory: Shared,
    width: u16,
    height: u16,
    held: Held,
    /// What the display has given the window.
    asked: Option<(u16, u16)>,
    depth: u8,
    names: KeyNames,
}

impl Screen {
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let (connection, screen) = x11rb::connect(None)?;
        let root = connection
            .setup()
            .roots
            .get(screen)
            .ok_or(ConnectionError::UnknownError)?
            .clone();
        require_format(connection.setup(), &root)?;
        let width = options.width.unwrap_or(root.width_in_pixels);
        let height = options.height.unwrap_or(root.height_in_pixels);
        require_room(width, height)?;
        let window = make_window(&connection, &root, width, height)?;
        let gc = connection.generate_id()?;
        connection
            .create_gc(gc, window, &CreateGCAux::new().graphics_exposures(0))?
            .check()?;
        let (segment, memory) = share(&connection, usize::from(width) * usize::from(height) * 4)?;
        let names = key_names(&connection)?;
        Ok(Self {
            connection,
            window,
            gc,
            segment,
            memory,
            width,
            height,
            held: (options.width, options.height),
            asked: None,
            depth: root.root_depth,
            names,
        })
    }

    pub(super) fn width(&self) -> usize {
        usize::from(self.width)
    }

    pub(super) fn height(&self) -> usize {
        usize::from(self.height)
    }

    pub(super) fn follow(&mut self) -> Result<bool, Error> {
        let size = another(self.asked.take(), (self.width, self.height), self.held);
        let Some((width, height)) = size else {
            return Ok(false);
        };
        let bytes = usize::from(width) * usize::from(height) * 4;
        let (segment, memory) = share(&self.connection, bytes)?;
        self.connection.shm_detach(self.segment)?;
        (self.segment, self.memory) = (segment, memory);
        (self.width, self.height) = (width, height);
        Ok(true)
    }

    pub(super) fn canvas(&mut self) -> (Canvas<'_>, &KeyNames) {
        (
            Canvas::new(self.memory.bytes(), usize::from(self.width)),
            &self.names,
        )
    }

    /// Shows the whole picture with one request, so that it damages the window once.
    pub(super) fn put(&self) -> Result<(), ConnectionError> {
        let (width, height) = (self.width, self.height);
        let format = u8::from(ImageFormat::Z_PIXMAP);
        self.connection.shm_put_image(
            self.window,
            self.gc,
            width,
            height,
            0,
            0,
            width,
            height,
            0,
            0,
            self.depth,
            format,
            true,
            self.segment,
            0,
        )?;
        self.connection.flush()
    }

    /// Waits until the display has read the picture; input that arrives meanwhile is noted.
    pub(super) fn wait_read(&mut self, inputs: &mut Inputs) -> Result<bool, ConnectionError> {
        let mut changed = false;
        loop {
            let event = self.connection.wait_for_event()?;
            if matches!(event, Event::ShmCompletion(_)) {
                return Ok(changed);
            }
            changed |= self.note(&event, inputs);
        }
    }

    /// Notes all input that has arrived; says whether the picture changes by it.
    pub(super) fn note_input(&mut self, inputs: &mut Inputs) -> Result<bool, ConnectionError> {
        let mut changed = false;
        while let Some(event) = self.connection.poll_for_event()? {
            changed |= self.note(&event, inputs);
        }
        Ok(changed)
    }

    fn note(&mut self, event: &Event, inputs: &mut Inputs) -> bool {
        if let Event::ConfigureNotify(e) = event {
            self.asked = Some((e.width, e.height));
            return (e.width, e.height) != (self.width, self.height);
        }
        inputs.note(event)
    }
}

fn require_format(setup: &Setup, root: &Root) -> Result<(), Error> {
    let depth = root.root_depth;
    let bits = setup
        .pixmap_formats
        .iter()
        .find(|f| f.depth == depth)
        .map_or(0, |f| f.bits_per_pixel);
    if (depth, bits) == (24, 32) {
        Ok(())
    } else {
        Err(Error::Format { depth, bits })
    }
}

/// Makes the window, and waits until it is seen and has the keyboard.
fn make_window(connection: &RustConnection, root: &Root, width: u16, height: u16) -> Result<Window, Error> {
    let window = connection.generate_id()?;
    let events = EventMask::KEY_PRESS
        | EventMask::KEY_RELEASE
        | EventMask::BUTTON_PRESS
        | EventMask::BUTTON_RELEASE
        | EventMask::POINTER_MOTION
        | EventMask::FOCUS_CHANGE
        | EventMask::STRUCTURE_NOTIFY;
    // No background: the display paints nothing by itself, so that the first frame is the first damage.
    let aux = CreateWindowAux::new().event_mask(events);
    let class = WindowClass::INPUT_OUTPUT;
    connection
        .create_window(
            0,
            window,
            root.root,
            0,
            0,
            width,
            height,
            0,
            class,
            root.root_visual,
            &aux,
        )?
        .check()?;
    let (property, kind) = (
        x11rb::protocol::xproto::AtomEnum::WM_NAME,
        x11rb::protocol::xproto::AtomEnum::STRING,
    );
    connection.change_property8(
        x11rb::protocol::xproto::PropMode::REPLACE,
        window,
        property,
        kind,
        b"Beacon",
    )?;
    // Without a key that repeats itself, each press is one the player made.
    connection
        .change_keyboard_control(&ChangeKeyboardControlAux::new().auto_repeat_mode(AutoRepeatMode::OFF))?;
    connection.map_window(window)?;
    connection.flush()?;
    while !matches!(connection.wait_for_event()?, Event::MapNotify(_)) {}
    // Nobody manages windows here: without this, keys go nowhere. With a window manager it may be refused, and is not needed.
    connection
        .set_input_focus(InputFocus::POINTER_ROOT, window, CURRENT_TIME)?
        .ignore_error();
    Ok(window)
}

/// Memory that the display reads. It is passed as a file, which works across sandboxes that share nothing but the socket.
fn share(connection: &RustConnection, length: usize) -> Result<(shm::Seg, Shared), Error> {
    let file = memfd_create(c"beacon", MFdFlags::MFD_CLOEXEC)?;
    ftruncate(&file, i64::try_from(length).unwrap_or(i64::MAX))?;
    let memory = Shared::map(&file, NonZeroUsize::new(length).ok_or(nix::errno::Errno::EINVAL)?)?;
    let segment = connection.generate_id()?;
    connection.shm_attach_fd(segment, file, true)?.check()?;
    Ok((segment, memory))
}

fn key_names(connection: &RustConnection) -> Result<KeyNames, Error> {
    let (first, last) = (connection.setup().min_keycode, connection.setup().max_keycode);
    let mapping = connection
        .get_keyboard_mapping(first, last - first + 1)?
        .reply()?;
    Ok(KeyNames::new(first, mapping.keysyms_per_keycode, mapping.keysyms))
}
