//! What the app makes of the cursor: drawn by the player's page, never into the picture.

use super::shapes;
use super::state::State;
use crate::cursor::Image;
use crate::{CursorEvent, cursor, ffi};
use smithay::backend::renderer::utils::with_renderer_surface_state;
use smithay::input::pointer::{CursorImageStatus, CursorImageSurfaceData};
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::IsAlive;
use smithay::wayland::compositor::with_states;
use smithay::wayland::shm::with_buffer_contents;

/// The surface that is the cursor, if it is one.
#[derive(Debug, Default)]
pub(super) struct CursorImage {
    surface: Option<WlSurface>,
    /// The last shape that a client drew; clients show the same one many times.
    drawn: Option<Image>,
}

impl CursorImage {
    pub(super) fn is(&self, surface: &WlSurface) -> bool {
        self.surface.as_ref() == Some(surface)
    }
}

impl State {
    /// The client that has the pointer says what it is to look like.
    pub(super) fn set_cursor(&mut self, image: CursorImageStatus) {
        self.cursor.surface = None;
        match image {
            CursorImageStatus::Hidden => self.shared.set_shape(CursorEvent::Hidden),
            CursorImageStatus::Named(icon) => self.shared.set_shape(shapes::named(icon).shape()),
            CursorImageStatus::Surface(surface) => {
                self.cursor.surface = Some(surface);
                self.draw_cursor();
            }
        }
    }

    /// The cursor's surface has something else in it.
    pub(super) fn draw_cursor(&mut self) {
        let Some(surface) = self.cursor.surface.clone().filter(IsAlive::alive) else {
            return;
        };
        // A client draws what it has been given: an empty one comes before its first buffer and is no cursor.
        let shape = match picture(&surface) {
            Some((width, height, argb)) => {
                let (hot_x, hot_y) = hotspot(&surface);
                let drawn = self.cursor.drawn.take();
                let before = drawn.as_ref().map_or(FIRST_SERIAL, |image| image.serial);
                let mut image = Image {
                    serial: before,
                    width,
                    height,
                    hot_x,
                    hot_y,
                    argb,
                };
                if drawn.is_none_or(|drawn| drawn != image) {
                    image.serial = before.wrapping_add(1).max(FIRST_SERIAL);
                }
                self.cursor.drawn.insert(image).shape()
            }
            None => CursorEvent::Hidden,
        };
        self.shared.set_shape(shape);
    }
}

fn hotspot(surface: &WlSurface) -> (u16, u16) {
    let point = with_states(surface, |states| {
        let data = states.data_map.get::<CursorImageSurfaceData>()?;
        data.lock().ok().map(|attributes| attributes.hotspot)
    });
    let point = point.unwrap_or_default();
    let edge = |at: i32| {
        u16::try_from(at.max(0))
            .unwrap_or(u16::MAX)
            .min(cursor::EDGE_MAX - 1)
    };
    (edge(point.x), edge(point.y))
}

/// The part of it that may be shown.
fn picture(surface: &WlSurface) -> Option<(u16, u16, Vec<u32>)> {
    let buffer = with_renderer_surface_state(surface, |state| state.buffer().cloned())??;
    with_buffer_contents(&buffer, |memory, length, data| {
        let edge = |pixels: i32| {
            u16::try_from(pixels)
                .ok()
                .map(|pixels| pixels.min(cursor::EDGE_MAX))
        };
        let (width, height) = (edge(data.width)?, edge(data.height)?);
        let mut bytes = vec![0; usize::from(width) * usize::from(height) * 4];
        let rows = ffi::Rows {
            memory,
            length,
            offset: usize::try_from(data.offset).ok()?,
            stride: usize::try_from(data.stride).ok()?,
        };
        let pixels = |bytes: &[u8]| {
            let words = bytes.chunks_exact(4).filter_map(|word| word.first_chunk());
            words.map(|word| u32::from_le_bytes(*word)).collect()
        };
        rows.copy(usize::from(width) * 4, &mut bytes)
            .then(|| (width, height, pixels(&bytes)))
    })
    .ok()?
}

/// Above those of the shapes that apps only name.
const FIRST_SERIAL: u32 = 0x100;
