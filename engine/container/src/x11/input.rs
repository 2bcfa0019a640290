//! Keys, buttons, moves and wheel turns, injected through XTEST.

use super::address::{Address, Connection};
use super::extent::Extent;
use crate::Error;
use crate::input::Act;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{self, Window};
use x11rb::protocol::xtest::{self, ConnectionExt as _};

/// Injects over a connection of its own.
#[derive(Debug)]
pub(crate) struct Sink {
    connection: Connection,
    root: Window,
    extent: Extent,
}

impl Sink {
    pub(crate) fn open(address: &Address, extent: &Extent) -> Result<Self, Error> {
        let connection = address.connect()?;
        let root = connection.setup().roots.first().ok_or(Error::PixelFormat)?.root;
        connection.xtest_get_version(2, 2)?.reply()?;
        Ok(Self {
            connection,
            root,
            extent: extent.clone(),
        })
    }

    /// Lets it happen with the next [`Self::flush`].
    pub(crate) fn tell(&self, act: Act) -> Result<(), Error> {
        match act {
            Act::Key { code, down: true } => self.fake(xproto::KEY_PRESS_EVENT, code.saturating_add(8), 0, 0),
            Act::Key { code, down: false } => {
                self.fake(xproto::KEY_RELEASE_EVENT, code.saturating_add(8), 0, 0)
            }
            Act::Button { button, down: true } => self.fake(xproto::BUTTON_PRESS_EVENT, button, 0, 0),
            Act::Button { button, down: false } => self.fake(xproto::BUTTON_RELEASE_EVENT, button, 0, 0),
            Act::MoveTo { x, y } => {
                let (width, height) = self.extent.get();
                let (x, y) = (scale(x, width), scale(y, height));
                self.fake(xproto::MOTION_NOTIFY_EVENT, 0, x, y)
            }
            Act::MoveBy { dx, dy } => self.fake(xproto::MOTION_NOTIFY_EVENT, 1, dx, dy),
            Act::Turn { x, y } => self.turn(x, y),
        }
    }

    /// Sends what was told; says how much of it the server refused.
    pub(crate) fn flush(&self) -> Result<u64, Error> {
        self.connection.flush()?;
        let mut refused = 0;
        // Keymap changes go to every client and would pile up here.
        while let Some(event) = self.connection.poll_for_event()? {
            if let Event::Error(error) = event {
                tracing::debug!(?error, "the display refused an input event");
                refused += 1;
            }
        }
        Ok(refused)
    }

    fn turn(&self, x: i32, y: i32) -> Result<(), Error> {
        for (turns, [back, forth]) in [(x, [6, 7]), (y, [4, 5])] {
            let button = if turns < 0 { back } else { forth };
            for _ in 0..turns.unsigned_abs() {
                self.fake(xproto::BUTTON_PRESS_EVENT, button, 0, 0)?;
                self.fake(xproto::BUTTON_RELEASE_EVENT, button, 0, 0)?;
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

/// 0..=65535 to 0..=pixels-1, rounded.
pub(crate) fn scale(share: u16, pixels: u16) -> i16 {
    let at = (u32::from(share) * u32::from(pixels.saturating_sub(1)) + 0x7fff) / 0xffff;
    i16::try_from(at).unwrap_or(i16::MAX)
}

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
}
