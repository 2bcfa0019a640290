//! The cursor of an X server.
//!
//! The shape comes from XFixes. That the app moved the pointer is seen in its own requests ([`Warps`]), so that injected moves are
//! never echoed.

use super::address::{Address, Connection};
use super::extent::Extent;
use super::warps::Warps;
use crate::cursor::{self, share};
use crate::{CursorEvent, Error, Waker, clock};
use firstlight_units::Timestamp;
use nix::poll::{PollFd, PollFlags};
use std::os::fd::AsFd;
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xfixes::{self, ConnectionExt as _, CursorNotifyMask};
use x11rb::protocol::xproto::{ConnectionExt as _, Window};

/// Cursor events, over connections of their own.
#[derive(Debug)]
pub(crate) struct Cursor {
    connection: Connection,
    root: Window,
    extent: Extent,
    /// The shape is to be looked up; set at the start, so that the first event tells it.
    stale: bool,
    /// The shape that was told last.
    told: Option<CursorEvent>,
    warps: Warps,
    reported: Option<(u16, u16)>,
    waker: Waker,
}

impl Cursor {
    pub(crate) fn open(address: &Address, extent: &Extent) -> Result<Self, Error> {
        let connection = address.connect()?;
        let root = connection.setup().roots.first().ok_or(Error::PixelFormat)?.root;
        connection.xfixes_query_version(5, 0)?.reply()?;
        xfixes::select_cursor_input(&connection, root, CursorNotifyMask::DISPLAY_CURSOR)?.check()?;
        let warps = Warps::open(address)?;
        Ok(Self {
            connection,
            root,
            extent: extent.clone(),
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
            let warps = PollFd::new(self.warps.as_fd(), PollFlags::POLLIN);
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
        let (width, height) = self.extent.get();
        let (x, y) = (share(at.root_x, width), share(at.root_y, height));
        if self.reported.replace((x, y)) == Some((x, y)) {
            return Ok(None);
        }
        Ok(Some(CursorEvent::Moved { x, y }))
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
