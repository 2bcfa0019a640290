//! The X server's own picture, in memory that the engine sees too.
//!
//! Xvfb keeps its screen in a file when it is told a folder (`-fbdir`), in the format of xwd: a header, a colour map, the pixels. The file
//! here is anonymous memory that the server inherits; in its sandbox a link leads from the file's name to the descriptor. Nothing
//! is on a disk, and nothing is left behind however a process dies.

use crate::Error;
use crate::ffi::{self, SharedMemory};
use crate::sandbox::Sandbox;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;

/// The memory, before and after the server has made its screen in it.
#[derive(Debug)]
pub(crate) struct Framebuffer {
    file: Arc<OwnedFd>,
}

/// The server's screen, mapped.
#[derive(Debug)]
pub(crate) struct Screen {
    memory: SharedMemory,
    layout: Layout,
}

/// Where the pixels are: four bytes each, blue, green, red, unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    offset: usize,
    stride: usize,
    width: u16,
    height: u16,
}

impl Framebuffer {
    pub(crate) fn new() -> Result<Self, Error> {
        let file =
            memfd_create(c"framebuffer", MFdFlags::MFD_CLOEXEC).map_err(Error::system("memfd_create"))?;
        Ok(Self { file: Arc::new(file) })
    }

    /// What the server's sandbox needs; its command is then given the memory with [`Self::hand_to`].
    pub(crate) fn show(&self, sandbox: &mut Sandbox) {
        let target = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        sandbox.arg([
            "--dir",
            FOLDER,
            "--symlink",
            &target,
            &format!("{FOLDER}/Xvfb_screen0"),
        ]);
    }

    /// Lets the server that `command` starts have the memory.
    pub(crate) fn hand_to(&self, command: &mut Command) {
        ffi::hand_down(command, Arc::clone(&self.file));
    }

    /// The screen of a server that is ready; it is grabbed meanwhile.
    pub(crate) fn open(&self) -> Result<Screen, Error> {
        let size = nix::sys::stat::fstat(&*self.file)
            .map_err(Error::system("fstat"))?
            .st_size;
        let length = usize::try_from(size).ok().and_then(NonZeroUsize::new);
        let memory = SharedMemory::map(&*self.file, length.ok_or(Error::PixelFormat)?)
            .map_err(Error::system("mmap"))?;
        let layout = Layout::parse(memory.bytes()).ok_or(Error::PixelFormat)?;
        Ok(Screen { memory, layout })
    }
}

impl Screen {
    /// Width and height in pixels that there is memory for: the screen is a part of it, at the top left.
    pub(crate) fn size(&self) -> (u16, u16) {
        (self.layout.width, self.layout.height)
    }

    /// Bytes from one row to the next.
    pub(crate) fn stride(&self) -> usize {
        self.layout.stride
    }

    /// The first `height` rows, `stride * height` bytes. The server is grabbed for as long as they are looked at.
    pub(crate) fn pixels(&self, height: u16) -> &[u8] {
        let layout = Layout {
            height: height.min(self.layout.height),
            ..self.layout
        };
        self.memory.bytes().get(layout.range()).unwrap_or_default()
    }
}

impl Layout {
    /// Reads the header of `file`; `None` if pixels are something else than expected, or are not all there.
    fn parse(file: &[u8]) -> Option<Self> {
        let field = |index: usize| {
            let bytes = file.get(4 * index..4 * index + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let known = field(VERSION)? == 7
            && field(FORMAT)? == Z_PIXMAP
            && field(BYTE_ORDER)? == LSB_FIRST
            && field(BITS_PER_PIXEL)? == 32
            && [field(RED)?, field(RED + 1)?, field(RED + 2)?] == [0x00ff_0000, 0x0000_ff00, 0x0000_00ff];
        let size = |field: u32| usize::try_from(field).ok();
        let colours = size(field(COLOURS)?)?.checked_mul(COLOUR_BYTES)?;
        let layout = Self {
            offset: size(field(HEADER)?)?.checked_add(colours)?,
            stride: size(field(STRIDE)?)?,
            width: field(WIDTH)?.try_into().ok()?,
            height: field(HEIGHT)?.try_into().ok()?,
        };
        let whole = layout.stride >= usize::from(layout.width) * 4
            && layout
                .stride
                .checked_mul(layout.height.into())?
                .checked_add(layout.offset)?
                <= file.len();
        (known && whole && layout.width > 0 && layout.height > 0).then_some(layout)
    }

    fn range(self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.stride * usize::from(self.height)
    }
}

/// Where the server finds its file.
pub(crate) const FOLDER: &str = "/framebuffer";

// Fields of XWDFileHeader (X11/XWDFile.h), four bytes each, most significant byte first.
const HEADER: usize = 0;
const VERSION: usize = 1;
const FORMAT: usize = 2;
const WIDTH: usize = 4;
const HEIGHT: usize = 5;
const BYTE_ORDER: usize = 7;
const BITS_PER_PIXEL: usize = 11;
const STRIDE: usize = 12;
const RED: usize = 14;
const COLOURS: usize = 19;
/// Of XWDColor.
const COLOUR_BYTES: usize = 12;
const Z_PIXMAP: u32 = 2;
const LSB_FIRST: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(width: u32, height: u32, colours: u32) -> Vec<u8> {
        let mut fields = [0u32; 40];
        for (index, value) in [
            (HEADER, 160),
            (VERSION, 7),
            (FORMAT, Z_PIXMAP),
            (WIDTH, width),
            (HEIGHT, height),
            (BYTE_ORDER, LSB_FIRST),
            (BITS_PER_PIXEL, 32),
            (STRIDE, width * 4),
            (RED, 0x00ff_0000),
            (RED + 1, 0x0000_ff00),
            (RED + 2, 0x0000_00ff),
            (COLOURS, colours),
        ] {
            *fields.get_mut(index).unwrap() = value;
        }
        let mut bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
        bytes.resize(
            160 + usize::try_from(colours * 12 + width * height * 4).unwrap(),
            9,
        );
        bytes
    }

    #[test]
    fn the_pixels_follow_the_colours() {
        let bytes = file(16, 3, 256);
        let layout = Layout::parse(&bytes).unwrap();
        let expected = Layout {
            offset: 160 + 3072,
            stride: 64,
            width: 16,
            height: 3,
        };
        assert_eq!(layout, expected);
        assert_eq!(layout.range().end, bytes.len());
    }

    #[test]
    fn another_format_or_half_a_screen_is_refused() {
        let good = file(16, 3, 4);
        assert!(Layout::parse(&good).is_some());
        assert!(Layout::parse(good.get(..good.len() - 1).unwrap()).is_none());
        for field in [VERSION, FORMAT, BYTE_ORDER, BITS_PER_PIXEL, RED, WIDTH, STRIDE] {
            let mut bad = good.clone();
            *bad.get_mut(4 * field + 2).unwrap() ^= 0x40;
            assert!(Layout::parse(&bad).is_none(), "field {field}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_a_range_outside_the_file(
            words in prop::collection::vec((0usize..40, any::<u32>()), 0..6),
            length in 0usize..4000,
        ) {
            let mut bytes = file(16, 3, 4);
            for (index, value) in words {
                bytes.get_mut(4 * index..4 * index + 4).unwrap().copy_from_slice(&value.to_be_bytes());
            }
            bytes.truncate(length);
            if let Some(layout) = Layout::parse(&bytes) {
                prop_assert!(bytes.get(layout.range()).is_some());
            }
        }
    }
}
