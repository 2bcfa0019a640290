//! Keys, buttons, moves and wheel turns, injected through XTEST.

use crate::Error;
use crate::display::{Address, Connection};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{self, Window};
use x11rb::protocol::xtest::{self, ConnectionExt as _};

/// What a player did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// A key went down or up.
    Key {
        /// Linux code (`KEY_*`), 1 to 247.
        code: u16,
        /// Down, or up.
        down: bool,
    },
    /// A mouse button went down or up.
    Button {
        /// 1 left, 2 middle, 3 right, 8 back, 9 forward. The wheel's 4 to 7 belong to [`Self::Wheel`].
        button: u8,
        /// Down, or up.
        down: bool,
    },
    /// The pointer moved to a place on the screen.
    MoveTo {
        /// 0 is left, 65535 right.
        x: u16,
        /// 0 is top, 65535 bottom.
        y: u16,
    },
    /// The pointer moved by pixels.
    MoveBy {
        /// To the right.
        dx: i16,
        /// Downwards.
        dy: i16,
    },
    /// The wheel turned by 120ths of a notch. Parts of a notch add up until one is whole.
    Wheel {
        /// To the right.
        dx: i16,
        /// Downwards.
        dy: i16,
    },
}

/// Injects input over a connection of its own.
///
/// What is pressed is remembered: a key that is pressed twice or released without being down does nothing, and
/// [`Self::release_all`] lets go of everything. Codes that no keyboard or mouse has are counted and dropped. Input for a frozen
/// app waits in the display until the thaw.
#[derive(Debug)]
pub struct Input {
    connection: Connection,
    root: Window,
    width: u16,
    height: u16,
    keys: [bool; 256],
    buttons: [bool; 256],
    wheel_x: i32,
    wheel_y: i32,
    dropped: u64,
}

impl Input {
    pub(crate) fn open(address: &Address) -> Result<Self, Error> {
        let connection = address.connect()?;
        let screen = connection.setup().roots.first().ok_or(Error::PixelFormat)?;
        let (root, width, height) = (screen.root, screen.width_in_pixels, screen.height_in_pixels);
        connection.xtest_get_version(2, 2)?.reply()?;
        Ok(Self {
            connection,
            root,
            width,
            height,
            keys: [false; 256],
            buttons: [false; 256],
            wheel_x: 0,
            wheel_y: 0,
            dropped: 0,
        })
    }

    /// Lets `event` happen, at once.
    ///
    /// # Errors
    /// [`Error::Connection`] when the display is gone.
    pub fn inject(&mut self, event: InputEvent) -> Result<(), Error> {
        match event {
            InputEvent::Key { code, down } => self.key(code, down)?,
            InputEvent::Button { button, down } => self.button(button, down)?,
            InputEvent::MoveTo { x, y } => {
                let (x, y) = (scale(x, self.width), scale(y, self.height));
                self.fake(xproto::MOTION_NOTIFY_EVENT, 0, x, y)?;
            }
            InputEvent::MoveBy { dx, dy } => self.fake(xproto::MOTION_NOTIFY_EVENT, 1, dx, dy)?,
            InputEvent::Wheel { dx, dy } => self.wheel(dx, dy)?,
        }
        self.flush()
    }

    /// Releases every key and button that is down.
    ///
    /// # Errors
    /// See [`Self::inject`].
    pub fn release_all(&mut self) -> Result<(), Error> {
        for code in 0..=u8::MAX {
            if press(&mut self.keys, code, false) {
                self.fake(xproto::KEY_RELEASE_EVENT, code, 0, 0)?;
            }
            if press(&mut self.buttons, code, false) {
                self.fake(xproto::BUTTON_RELEASE_EVENT, code, 0, 0)?;
            }
        }
        (self.wheel_x, self.wheel_y) = (0, 0);
        self.flush()
    }

    /// Events so far that named no key or button, or that the display refused.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn key(&mut self, code: u16, down: bool) -> Result<(), Error> {
        // X numbers keys from 8.
        let code = u8::try_from(code).ok().filter(|code| *code > 0);
        let Some(code) = code.and_then(|code| code.checked_add(8)) else {
            self.dropped += 1;
            return Ok(());
        };
        if !press(&mut self.keys, code, down) {
            return Ok(());
        }
        let kind = if down {
            xproto::KEY_PRESS_EVENT
        } else {
            xproto::KEY_RELEASE_EVENT
        };
        self.fake(kind, code, 0, 0)
    }

    fn button(&mut self, button: u8, down: bool) -> Result<(), Error> {
        if !matches!(button, 1..=3 | 8..=BUTTON_MAX) {
            self.dropped += 1;
            return Ok(());
        }
        if !press(&mut self.buttons, button, down) {
            return Ok(());
        }
        let kind = if down {
            xproto::BUTTON_PRESS_EVENT
        } else {
            xproto::BUTTON_RELEASE_EVENT
        };
        self.fake(kind, button, 0, 0)
    }

    fn wheel(&mut self, dx: i16, dy: i16) -> Result<(), Error> {
        let x = notches(&mut self.wheel_x, dx);
        let y = notches(&mut self.wheel_y, dy);
        for (turns, [back, forth]) in [(x, [6, 7]), (y, [4, 5])] {
            let button = if turns < 0 { back } else { forth };
            for _ in 0..turns.unsigned_abs() {
                self.fake(xproto::BUTTON_PRESS_EVENT, button, 0, 0)?;
                self.fake(xproto::BUTTON_RELEASE_EVENT, button, 0, 0)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.connection.flush()?;
        // Keymap changes go to every client and would pile up here.
        while let Some(event) = self.connection.poll_for_event()? {
            if let Event::Error(error) = event {
                tracing::debug!(?error, "the display refused an input event");
                self.dropped += 1;
            }
        }
        Ok(())
    }

    fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) -> Result<(), Error> {
        // Time 0: now. Device 0: the core pointer and keyboard.
        xtest::fake_input(&self.connection, kind, detail, 0, self.root, x, y, 0)?;
        Ok(())
    }
}

/// Notes the state of a key or button; `false` if it is in that state already.
fn press(pressed: &mut [bool; 256], code: u8, down: bool) -> bool {
    pressed
        .get_mut(usize::from(code))
        .is_some_and(|state| std::mem::replace(state, down) != down)
}

/// 0..=65535 to 0..=pixels-1, rounded.
fn scale(share: u16, pixels: u16) -> i16 {
    let at = (u32::from(share) * u32::from(pixels.saturating_sub(1)) + 0x7fff) / 0xffff;
    i16::try_from(at).unwrap_or(i16::MAX)
}

/// Adds to what is left of earlier turns and takes the whole notches out.
fn notches(rest: &mut i32, delta: i16) -> i32 {
    // A change of direction starts afresh: the first notch back takes as far as any other.
    if i32::from(delta).signum() * rest.signum() < 0 {
        *rest = 0;
    }
    *rest += i32::from(delta);
    let whole = *rest / NOTCH;
    *rest %= NOTCH;
    whole
}

/// A notch in the units of the wire and of HID.
const NOTCH: i32 = 120;
/// Buttons beyond "forward" exist on gaming mice; X servers know at least this many.
const BUTTON_MAX: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_corners() {
        assert_eq!(
            (scale(0, 1280), scale(u16::MAX, 1280), scale(0x8000, 1281)),
            (0, 1279, 640)
        );
    }

    #[test]
    fn parts_of_a_notch_add_up_and_a_turn_back_starts_afresh() {
        let mut rest = 0;
        assert_eq!([60, 59, 1, 240].map(|d| notches(&mut rest, d)), [0, 0, 1, 2]);
        assert_eq!(
            [119, -1, -119, -360].map(|d| notches(&mut rest, d)),
            [0, 0, -1, -3]
        );
        assert_eq!(rest, 0);
    }

    #[test]
    fn a_press_counts_once() {
        let mut keys = [false; 256];
        assert!(press(&mut keys, 38, true) && !press(&mut keys, 38, true));
        assert!(press(&mut keys, 38, false) && !press(&mut keys, 38, false));
    }
}
