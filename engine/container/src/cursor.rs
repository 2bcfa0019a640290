//! The cursor, apart from the picture: its shape, and its place when the app moved it.
//!
//! The shape comes from XFixes. That the app moved the pointer is seen in its own requests (`WarpPointer`, `XIWarpPointer`) by
//! way of the RECORD extension, so that injected moves are never echoed.

use crate::display::{Address, Connection};
use crate::{Error, Waker, clock};
use firstlight_units::Timestamp;
use nix::poll::{PollFd, PollFlags};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::record::{self, ConnectionExt as _};
use x11rb::protocol::xfixes::{self, ConnectionExt as _, CursorNotifyMask};
use x11rb::protocol::xproto::{ConnectionExt as _, WARP_POINTER_REQUEST, Window};
use x11rb::protocol::{Event, xinput};

/// Cursor events of the container's display, over connections of their own.
#[derive(Debug)]
pub struct Cursor {
    connection: Connection,
    root: Window,
    width: u16,
    height: u16,
    /// The shape is to be looked up; set at the start, so that the first event tells it.
    stale: bool,
    /// The shape that was told last.
    told: Option<CursorEvent>,
    warps: Warps,
    reported: Option<(u16, u16)>,
    waker: Waker,
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
    pub(crate) fn open(address: &Address) -> Result<Self, Error> {
        let connection = address.connect()?;
        let screen = connection.setup().roots.first().ok_or(Error::PixelFormat)?;
        let (root, width, height) = (screen.root, screen.width_in_pixels, screen.height_in_pixels);
        connection.xfixes_query_version(5, 0)?.reply()?;
        xfixes::select_cursor_input(&connection, root, CursorNotifyMask::DISPLAY_CURSOR)?.check()?;
        let warps = Warps::open(address)?;
        Ok(Self {
            connection,
            root,
            width,
            height,
            stale: true,
            told: None,
            warps,
            reported: None,
            waker: Waker::new()?,
        })
    }

    /// Something another thread can wake [`Self::wait`] with.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Blocks until the cursor changed; `None` when `until` passes (`None`: never) or the waker is used. The first event is the
    /// present shape.
    ///
    /// # Errors
    /// [`Error::Connection`] when the display is gone.
    pub fn wait(&mut self, until: Option<Timestamp>) -> Result<Option<CursorEvent>, Error> {
        loop {
            while let Some(event) = self.connection.poll_for_event()? {
                if let Event::XfixesCursorNotify(_) = event {
                    self.stale = true;
                }
            }
            if self.stale {
                self.stale = false;
                let shape = self.shape()?;
                if self.told.as_ref() != Some(&shape) {
                    self.told = Some(shape.clone());
                    return Ok(Some(shape));
                }
            }
            if self.warps.take()?
                && let Some(moved) = self.position()?
            {
                return Ok(Some(moved));
            }
            if self.waker.take() || until.is_some_and(|until| until <= clock::now()) {
                return Ok(None);
            }
            let display = PollFd::new(self.connection.stream().as_fd(), PollFlags::POLLIN);
            let warps = PollFd::new(self.warps.socket.as_fd(), PollFlags::POLLIN);
            let waker = PollFd::new(self.waker.as_fd(), PollFlags::POLLIN);
            clock::wait_ready(&mut [display, warps, waker], until).map_err(Error::system("poll"))?;
        }
    }

    fn shape(&self) -> Result<CursorEvent, Error> {
        let image = xfixes::get_cursor_image(&self.connection)?.reply()?;
        Ok(shape(&image))
    }

    /// Where the pointer is, unless that has been told.
    fn position(&mut self) -> Result<Option<CursorEvent>, Error> {
        let at = self.connection.query_pointer(self.root)?.reply()?;
        let (x, y) = (share(at.root_x, self.width), share(at.root_y, self.height));
        if self.reported.replace((x, y)) == Some((x, y)) {
            return Ok(None);
        }
        Ok(Some(CursorEvent::Moved { x, y }))
    }
}

/// Tells when an app asked the server to move the pointer.
///
/// RECORD sends every recorded request down a connection that is good for nothing else. What it says is not needed, only
/// that something came: the socket is read beside the protocol library.
#[derive(Debug)]
struct Warps {
    socket: UnixStream,
    /// Keeps the recording alive.
    _connection: Connection,
}

impl Warps {
    fn open(address: &Address) -> Result<Self, Error> {
        let connection = address.connect()?;
        connection.record_query_version(1, 13)?.reply()?;
        let mut ranges = vec![record::Range {
            core_requests: record::Range8 {
                first: WARP_POINTER_REQUEST,
                last: WARP_POINTER_REQUEST,
            },
            ..record::Range::default()
        }];
        if let Some(input) = connection.extension_information(xinput::X11_EXTENSION_NAME)? {
            let minor = u16::from(xinput::XI_WARP_POINTER_REQUEST);
            ranges.push(record::Range {
                ext_requests: record::ExtRange {
                    major: record::Range8 {
                        first: input.major_opcode,
                        last: input.major_opcode,
                    },
                    minor: record::Range16 {
                        first: minor,
                        last: minor,
                    },
                },
                ..record::Range::default()
            });
        }
        let context = connection.generate_id()?;
        let everybody = [record::CS::ALL_CLIENTS.into()];
        connection
            .record_create_context(context, 0, &everybody, &ranges)?
            .check()?;
        // The replies are left to `take`, which reads them as bytes.
        drop(record::enable_context(&connection, context)?);
        connection.flush()?;
        let socket = connection
            .stream()
            .as_fd()
            .try_clone_to_owned()
            .map_err(Error::system("dup"))?;
        let mut warps = Self {
            socket: UnixStream::from(socket),
            _connection: connection,
        };
        warps.skip_start()?;
        Ok(warps)
    }

    /// The server answers that the recording begins: from then on, whatever comes is a warp.
    fn skip_start(&mut self) -> Result<(), Error> {
        let mut reply = [0; REPLY_BYTES];
        let mut filled = 0;
        while let Some(rest) = reply.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.socket.read(rest) {
                Ok(0) => return Err(closed()),
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
                    clock::wait_ready(&mut fds, None).map_err(Error::system("poll"))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::System { what: "read", source }),
            }
        }
        Ok(())
    }

    /// Whether anything was recorded since the last time.
    fn take(&mut self) -> Result<bool, Error> {
        let mut something = false;
        let mut buffer = [0; 4096];
        loop {
            // The protocol library has made the socket non-blocking.
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(closed()),
                Ok(_) => something = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(something),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::System { what: "read", source }),
            }
        }
    }
}

fn closed() -> Error {
    Error::System {
        what: "read",
        source: io::ErrorKind::UnexpectedEof.into(),
    }
}

fn shape(image: &xfixes::GetCursorImageReply) -> CursorEvent {
    let (width, height) = (image.width.min(EDGE_MAX), image.height.min(EDGE_MAX));
    let rows = image
        .cursor_image
        .chunks(usize::from(image.width.max(1)))
        .take(usize::from(height));
    let pixels = rows.flat_map(|row| row.iter().take(usize::from(width)));
    let mut rgba = Vec::with_capacity(usize::from(width) * usize::from(height) * 4);
    for pixel in pixels {
        rgba.extend_from_slice(&straight(*pixel));
    }
    if rgba.iter().skip(3).step_by(4).all(|alpha| *alpha == 0) {
        return CursorEvent::Hidden;
    }
    CursorEvent::Shape {
        serial: image.cursor_serial,
        width,
        height,
        hot_x: image.xhot,
        hot_y: image.yhot,
        rgba,
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
fn share(at: i16, pixels: u16) -> u16 {
    let (at, last) = (
        u32::try_from(at).unwrap_or(0),
        u32::from(pixels.saturating_sub(1)).max(1),
    );
    u16::try_from(at * 0xffff / last).unwrap_or(u16::MAX)
}

/// A reply without further data.
const REPLY_BYTES: usize = 32;
/// Larger cursors are decoration; browsers show none above 128 pixels as the system's own.
const EDGE_MAX: u16 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: u16, height: u16, pixels: Vec<u32>) -> xfixes::GetCursorImageReply {
        xfixes::GetCursorImageReply {
            sequence: 0,
            length: 0,
            x: 0,
            y: 0,
            width,
            height,
            xhot: 1,
            yhot: 0,
            cursor_serial: 1,
            cursor_image: pixels,
        }
    }

    #[test]
    fn alpha_is_made_straight() {
        assert_eq!(straight(0xff10_2030), [0x10, 0x20, 0x30, 0xff]);
        assert_eq!(straight(0x8040_0080), [0x80, 0, 0xff, 0x80]);
        assert_eq!(straight(0), [0, 0, 0, 0]);
    }

    #[test]
    fn a_transparent_cursor_is_hidden_and_a_large_one_is_cut() {
        assert_eq!(shape(&image(1, 1, vec![0])), CursorEvent::Hidden);
        assert_eq!(shape(&image(0, 0, Vec::new())), CursorEvent::Hidden);
        let cut = shape(&image(300, 2, vec![0xff00_0000; 600]));
        assert!(
            matches!(cut, CursorEvent::Shape { width: 256, height: 2, ref rgba, .. } if rgba.len() == 2048)
        );
    }
}
