//! The cursor of an X server.
//!
//! The shape comes from XFixes. That the app moved the pointer is seen in its own requests (`WarpPointer`, `XIWarpPointer`) by
//! way of the RECORD extension, so that injected moves are never echoed.

use super::address::{Address, Connection};
use crate::cursor::{self, share};
use crate::{CursorEvent, Error, Waker, clock};
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

/// Cursor events, over connections of their own.
#[derive(Debug)]
pub(crate) struct Cursor {
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
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Blocks until the cursor changed; `None` when `until` passes (`None`: never) or the waker is used. The first event is the
    /// present shape.
    ///
    /// # Errors
    /// [`Error::Connection`] when the display is gone.
    pub(crate) fn wait(&mut self, until: Option<Timestamp>) -> Result<Option<CursorEvent>, Error> {
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
        Ok(shape(image))
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

fn shape(image: xfixes::GetCursorImageReply) -> CursorEvent {
    cursor::Image {
        serial: image.cursor_serial,
        width: image.width,
        height: image.height,
        hot_x: image.xhot,
        hot_y: image.yhot,
        argb: image.cursor_image,
    }
    .shape()
}

/// A reply without further data.
const REPLY_BYTES: usize = 32;
