//! Another size of the screen, while programs run on it.
//!
//! Xvfb's RandR makes its screen any size up to the one that it was started with: the memory stays, and the picture is the part of it at the
//! top left. There is no window manager to tell programs: a window that filled the screen is given the new size.

use super::address::{Address, Connection};
use super::extent::Extent;
use crate::Error;
use x11rb::CURRENT_TIME;
use x11rb::connection::Connection as _;
use x11rb::protocol::randr::{self, ConnectionExt as _, Mode, ModeInfo, Output, Rotation};
use x11rb::protocol::xproto::{ConfigureWindowAux, ConnectionExt as _, MapState, Window, WindowClass};

/// Changes the size, over a connection of its own.
#[derive(Debug)]
pub(crate) struct Resizer {
    connection: Connection,
    root: Window,
    crtc: randr::Crtc,
    output: Output,
    extent: Extent,
}

impl Resizer {
    /// Of a server that `extent` tells the size of from here on.
    pub(crate) fn open(address: &Address, extent: &Extent) -> Result<Self, Error> {
        let connection = address.connect()?;
        let root = connection.setup().roots.first().ok_or(Error::PixelFormat)?.root;
        connection.randr_query_version(1, 3)?.reply()?;
        let resources = connection.randr_get_screen_resources(root)?.reply()?;
        let first = resources.crtcs.first().zip(resources.outputs.first());
        let (crtc, output) = first.ok_or(Error::Resize)?;
        Ok(Self {
            crtc: *crtc,
            output: *output,
            connection,
            root,
            extent: extent.clone(),
        })
    }

    /// Gives the screen so many pixels across and down, and the windows that filled it.
    ///
    /// # Errors
    /// [`Error::Request`] when the server refuses, as one does that was started smaller; [`Error::Connection`] when it is gone.
    pub(crate) fn resize(&mut self, to: (u16, u16)) -> Result<(), Error> {
        let from = self.screen()?;
        if to != from {
            let before = self
                .connection
                .randr_get_crtc_info(self.crtc, CURRENT_TIME)?
                .reply()?
                .mode;
            let mode = self.make_mode(to)?;
            // What a CRTC shows must lie on the screen, before and after: the screen is as large as both meanwhile.
            self.set_screen((from.0.max(to.0), from.1.max(to.1)))?;
            self.show(mode)?;
            self.set_screen(to)?;
            self.forget(before)?;
        }
        self.extent.set(to);
        self.fill(from, to)
    }

    fn screen(&self) -> Result<(u16, u16), Error> {
        let root = self.connection.get_geometry(self.root)?.reply()?;
        Ok((root.width, root.height))
    }

    fn make_mode(&self, (width, height): (u16, u16)) -> Result<Mode, Error> {
        // The server's own mode, of the largest size, is called by its size alone.
        let name = format!("firstlight-{width}x{height}");
        let info = ModeInfo {
            width,
            height,
            // Without a rate, as the server's own: there is no cable to time.
            name_len: u16::try_from(name.len()).unwrap_or_default(),
            ..ModeInfo::default()
        };
        let made = self
            .connection
            .randr_create_mode(self.root, info, name.as_bytes())?;
        let mode = made.reply()?.mode;
        self.connection
            .randr_add_output_mode(self.output, mode)?
            .check()?;
        Ok(mode)
    }

    fn set_screen(&self, (width, height): (u16, u16)) -> Result<(), Error> {
        if self.screen()? == (width, height) {
            return Ok(());
        }
        let millimetres = |pixels: u16| u32::from(pixels) * 254 / 960;
        let set = self.connection.randr_set_screen_size(
            self.root,
            width,
            height,
            millimetres(width),
            millimetres(height),
        );
        Ok(set?.check()?)
    }

    fn show(&self, mode: Mode) -> Result<(), Error> {
        let outputs = [self.output];
        let set = self.connection.randr_set_crtc_config(
            self.crtc,
            CURRENT_TIME,
            CURRENT_TIME,
            0,
            0,
            mode,
            Rotation::ROTATE0,
            &outputs,
        )?;
        match set.reply()?.status {
            randr::SetConfig::SUCCESS => Ok(()),
            _ => Err(Error::Resize),
        }
    }

    /// Modes that nobody shows would pile up; the server's own is refused, and stays.
    fn forget(&self, mode: Mode) -> Result<(), Error> {
        self.connection
            .randr_delete_output_mode(self.output, mode)?
            .ignore_error();
        self.connection.randr_destroy_mode(mode)?.ignore_error();
        Ok(())
    }

    /// Windows that filled the screen fill it again.
    fn fill(&self, from: (u16, u16), to: (u16, u16)) -> Result<(), Error> {
        let size = ConfigureWindowAux::new()
            .x(0)
            .y(0)
            .width(u32::from(to.0))
            .height(u32::from(to.1));
        for window in self.connection.query_tree(self.root)?.reply()?.children {
            let attributes = self.connection.get_window_attributes(window)?;
            let geometry = self.connection.get_geometry(window)?;
            // One that is gone meanwhile is no window to fill.
            let (Ok(attributes), Ok(geometry)) = (attributes.reply(), geometry.reply()) else {
                continue;
            };
            let seen =
                attributes.map_state == MapState::VIEWABLE && attributes.class == WindowClass::INPUT_OUTPUT;
            let filled = (geometry.x, geometry.y, geometry.width, geometry.height) == (0, 0, from.0, from.1);
            if seen && filled {
                self.connection.configure_window(window, &size)?;
            }
        }
        self.connection.flush()?;
        Ok(())
    }
}
