//! Keys, buttons, moves and wheel turns, injected through XTEST.

use super::address::{Address, Connection};
use super::extent::Extent;
use super::typing::Typist;
use crate::input::Act;
use crate::{Error, Layout, layout};
use smithay::input::keyboard::{Keycode, Keysym};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{self, ConnectionExt as _, Window};
use x11rb::protocol::xtest::{self, ConnectionExt as _};

/// Injects over a connection of its own.
#[derive(Debug)]
pub(crate) struct Sink {
    connection: Connection,
    root: Window,
    extent: Extent,
    typist: Typist,
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
            typist: Typist::default(),
        })
    }

    /// Gives the keys that layouts differ in the signs of this one.
    pub(crate) fn set_layout(&mut self, layout: Layout) -> Result<(), Error> {
        let map = layout.keymap()?;
        for (first, last) in LETTERS {
            let codes = first + 8..=last + 8;
            let count = last - first + 1;
            // The core protocol's columns: alone and with Shift, twice, as the second group is the first; then the same with AltGr.
            let signs = codes.clone().flat_map(|code| {
                let at = |level| layout::sign(&map, Keycode::new(code.into()), level).map_or(0, Keysym::raw);
                [at(0), at(1), at(0), at(1), at(2), at(3)]
            });
            let signs: Vec<u32> = signs.collect();
            self.connection
                .change_keyboard_mapping(count, first + 8, 6, &signs)?;
        }
        self.typist.forget();
        Ok(())
    }

    /// Types what no key stands for; says how many characters could not be.
    pub(crate) fn type_text(&mut self, text: &str) -> Result<u64, Error> {
        self.typist.type_text(&self.connection, self.root, text)
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
            // There is no touch screen: what fingers mean to a mouse was made of them before.
            Act::Touch(_) => Ok(()),
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

/// The keys that make text (Linux codes): from 1 to =, the letters around them, the keys that only some keyboards have, and AltGr.
const LETTERS: [(u8, u8); 6] = [(2, 13), (16, 27), (30, 41), (43, 53), (86, 89), (100, 100)];

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
