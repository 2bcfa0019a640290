//! The cursor, apart from the picture: its shape, and its place when the app moved it.

use crate::{Error, Waker, wayland, x11};
use firstlight_units::Timestamp;

/// Cursor events of the container's display.
#[derive(Debug)]
pub struct Cursor(Source);

#[derive(Debug)]
enum Source {
    X11(Box<x11::cursor::Cursor>),
    Wayland(wayland::Cursor),
}

/// What happened to the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorEvent {
    /// It is visible and looks different.
    Shape {
        /// The server's number for this shape.
        serial: u32,
        /// Pixels, at most 256; a larger cursor is cut.
        width: u16,
        /// Pixels, at most 256.
        height: u16,
        /// The point that points, from the left.
        hot_x: u16,
        /// The point that points, from the top.
        hot_y: u16,
        /// Straight (not premultiplied) red, green, blue, alpha; `width * height * 4` bytes.
        rgba: Vec<u8>,
    },
    /// The app hides it: no pixel of it can be seen.
    Hidden,
    /// The app put the pointer here: 0 to 65535 over the picture.
    Moved {
        /// From the left.
        x: u16,
        /// From the top.
        y: u16,
    },
}

impl Cursor {
    pub(crate) fn x11(cursor: x11::cursor::Cursor) -> Self {
        Self(Source::X11(Box::new(cursor)))
    }

    pub(crate) fn wayland(cursor: wayland::Cursor) -> Self {
        Self(Source::Wayland(cursor))
    }

    /// Something another thread can wake [`Self::wait`] with.
    #[must_use]
    pub fn waker(&self) -> Waker {
        match &self.0 {
            Source::X11(cursor) => cursor.waker(),
            Source::Wayland(cursor) => cursor.waker(),
        }
    }

    /// Blocks until the cursor changed; `None` when `until` passes (`None`: never) or the waker is used. The first event is the
    /// present shape.
    ///
    /// # Errors
    /// [`Error::Connection`] or [`Error::Closed`] when the display is gone.
    pub fn wait(&mut self, until: Option<Timestamp>) -> Result<Option<CursorEvent>, Error> {
        match &mut self.0 {
            Source::X11(cursor) => cursor.wait(until),
            Source::Wayland(cursor) => cursor.wait(until),
        }
    }
}

/// A cursor's picture as displays have it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) serial: u32,
    /// Pixels, any number.
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) hot_x: u16,
    pub(crate) hot_y: u16,
    /// Premultiplied, row by row.
    pub(crate) argb: Vec<u32>,
}

impl Image {
    /// What a player's page is told of it.
    pub(crate) fn shape(&self) -> CursorEvent {
        let (width, height) = (self.width.min(EDGE_MAX), self.height.min(EDGE_MAX));
        let rows = self.argb.chunks(usize::from(self.width.max(1)));
        let pixels = rows
            .take(usize::from(height))
            .flat_map(|row| row.iter().take(usize::from(width)));
        let mut rgba = Vec::with_capacity(usize::from(width) * usize::from(height) * 4);
        for pixel in pixels {
            rgba.extend_from_slice(&straight(*pixel));
        }
        if rgba.iter().skip(3).step_by(4).all(|alpha| *alpha == 0) {
            return CursorEvent::Hidden;
        }
        CursorEvent::Shape {
            serial: self.serial,
            width,
            height,
            hot_x: self.hot_x,
            hot_y: self.hot_y,
            rgba,
        }
    }
}

/// Premultiplied ARGB to straight RGBA.
fn straight(argb: u32) -> [u8; 4] {
    let [b, g, r, a] = argb.to_le_bytes();
    let divide = |c: u8| {
        let c = u32::from(c) * 255 + u32::from(a) / 2;
        u8::try_from(c.checked_div(u32::from(a)).unwrap_or(0)).unwrap_or(u8::MAX)
    };
    [divide(r), divide(g), divide(b), a]
}

/// A pixel to its share of the picture.
pub(crate) fn share(at: i16, pixels: u16) -> u16 {
    let (at, last) = (
        u32::try_from(at).unwrap_or(0),
        u32::from(pixels.saturating_sub(1)).max(1),
    );
    u16::try_from(at * 0xffff / last).unwrap_or(u16::MAX)
}

/// Larger cursors are decoration; browsers show none above 128 pixels as the system's own.
pub(crate) const EDGE_MAX: u16 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_is_made_straight() {
        assert_eq!(straight(0xff10_2030), [0x10, 0x20, 0x30, 0xff]);
        assert_eq!(straight(0x8040_0080), [0x80, 0, 0xff, 0x80]);
        assert_eq!(straight(0), [0, 0, 0, 0]);
    }

    #[test]
    fn a_transparent_cursor_is_hidden_and_a_large_one_is_cut() {
        let image = |width, height, argb| Image {
            serial: 1,
            width,
            height,
            hot_x: 1,
            hot_y: 0,
            argb,
        };
        assert_eq!(image(1, 1, vec![0]).shape(), CursorEvent::Hidden);
        assert_eq!(image(0, 0, Vec::new()).shape(), CursorEvent::Hidden);
        let cut = image(300, 2, vec![0xff00_0000; 600]).shape();
        assert!(
            matches!(cut, CursorEvent::Shape { width: 256, height: 2, ref rgba, .. } if rgba.len() == 2048)
        );
    }
}
