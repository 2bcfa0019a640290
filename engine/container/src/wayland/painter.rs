//! Pictures: from what clients committed to the surface that the encoder takes.
//!
//! ```text
//! one buffer that covers the screen, as it is ── copy, row by row ──────────────> Picture
//! anything else: several surfaces, scaled, cut, turned ── pixman, where damaged ─> canvas ── copy ──> Picture
//! ```

use super::shared::{Picture, Shared};
use super::state::State;
use super::windows::{Windows, popups};
use crate::{Error, ffi};
use firstlight_units::Timestamp;
use smithay::backend::allocator::Fourcc;
use smithay::backend::renderer::damage::OutputDamageTracker;
use smithay::backend::renderer::element::Kind;
use smithay::backend::renderer::element::surface::{
    WaylandSurfaceRenderElement, render_elements_from_surface_tree,
};
use smithay::backend::renderer::pixman::PixmanRenderer;
use smithay::backend::renderer::utils::{Buffer, RendererSurfaceStateUserData, with_renderer_surface_state};
use smithay::backend::renderer::{Bind, Color32F, ExportMem, Offscreen};
use smithay::reexports::pixman::Image;
use smithay::reexports::wayland_server::protocol::wl_shm::Format;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::{Rectangle, Size, Transform};
use smithay::wayland::compositor::{TraversalAction, with_surface_tree_downward};
use smithay::wayland::shm::with_buffer_contents;
use std::sync::Arc;

/// See the module.
pub(super) struct Painter {
    size: (u16, u16),
    /// Pictures that were made; those that nobody holds are made again.
    pool: Vec<Arc<Picture>>,
    number: u64,
    composer: Composer,
}

impl State {
    /// Shows what is to be seen, which was committed at `committed`, and tells clients that it is.
    pub(super) fn paint(&mut self, committed: Timestamp) {
        match self.painter.paint(&self.windows, committed, &self.shared) {
            Ok(()) => self.on_presented(),
            // A client took its memory away while it was read: it is disconnected for it, and its window goes.
            Err(error) => tracing::warn!(%error, "a picture was not made"),
        }
    }
}

impl Painter {
    pub(super) fn new(width: u16, height: u16) -> Result<Self, Error> {
        Ok(Self {
            size: (width, height),
            pool: Vec::new(),
            number: 0,
            composer: Composer::new(width, height)?,
        })
    }

    /// Makes pictures of another size from here on. On an error it goes on as before.
    pub(super) fn set_size(&mut self, (width, height): (u16, u16)) -> Result<(), Error> {
        self.composer = Composer::new(width, height)?;
        self.size = (width, height);
        self.pool.clear();
        Ok(())
    }

    /// How many pictures were shown.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    fn paint(&mut self, windows: &Windows, committed: Timestamp, shared: &Shared) -> Result<(), Error> {
        let mut picture = self.spare();
        let Some(target) = Arc::get_mut(&mut picture) else {
            return Err(Error::Wayland("a spare picture is in use"));
        };
        match covering(windows) {
            Some(buffer) => copy(&buffer, self.size, &mut target.pixels)?,
            None => self.composer.compose(windows, &mut target.pixels)?,
        }
        self.number += 1;
        target.number = self.number;
        target.committed = committed;
        self.pool.push(Arc::clone(&picture));
        shared.show(picture);
        Ok(())
    }

    /// A picture that nobody holds. There are as many as are looked at at once, one that is shown and one that is made.
    fn spare(&mut self) -> Arc<Picture> {
        let free = self
            .pool
            .iter_mut()
            .position(|picture| Arc::get_mut(picture).is_some());
        free.map(|index| self.pool.swap_remove(index))
            .unwrap_or_else(|| Arc::new(Picture::empty(self.size)))
    }
}

/// The buffer that alone makes the picture, if there is one: of the screen's size, neither scaled nor cut nor turned, with nothing over
/// it and nothing that shines through it.
fn covering(windows: &Windows) -> Option<Buffer> {
    let mut downwards = windows.downwards();
    let top = downwards.next()?;
    let origin = windows.origin(top);
    if origin != (0, 0).into() || !popups(top, origin).is_empty() || parts(&top.surface) != 1 {
        return None;
    }
    let screen = windows.screen();
    let (buffer, opaque) = with_renderer_surface_state(&top.surface, |state| {
        let plain = state.buffer_scale() == 1
            && state.buffer_transform() == Transform::Normal
            && state.buffer_size() == Some(screen)
            && state
                .view()
                .is_some_and(|view| view.src == Rectangle::from_size(screen.to_f64()) && view.dst == screen);
        let opaque = state.opaque_regions().is_some_and(|regions| {
            regions
                .iter()
                .any(|region| region.contains_rect(Rectangle::from_size(screen)))
        });
        state.buffer().filter(|_| plain).cloned().map(|b| (b, opaque))
    })??;
    let format = with_buffer_contents(&buffer, |_, _, data| data.format).ok()?;
    // Premultiplied, so that over black it is what it says.
    let covers =
        format == Format::Xrgb8888 || (format == Format::Argb8888 && (opaque || downwards.next().is_none()));
    covers.then_some(buffer)
}

/// How many surfaces of a tree have something in them.
fn parts(surface: &WlSurface) -> usize {
    let mut count = 0;
    with_surface_tree_downward(
        surface,
        (),
        |_, _, ()| TraversalAction::DoChildren(()),
        |_, states, ()| {
            let state = states.data_map.get::<RendererSurfaceStateUserData>();
            let seen = state.and_then(|state| state.lock().ok().map(|state| state.buffer().is_some()));
            count += usize::from(seen.unwrap_or(false));
        },
        |_, _, ()| true,
    );
    count
}

/// Copies a client's buffer of the screen's size.
fn copy(buffer: &Buffer, (width, height): (u16, u16), to: &mut [u8]) -> Result<(), Error> {
    let row = usize::from(width) * 4;
    let copied = with_buffer_contents(buffer, |memory, length, data| {
        let place = usize::try_from(data.offset)
            .ok()
            .zip(usize::try_from(data.stride).ok());
        let fits = data.width == i32::from(width) && data.height == i32::from(height);
        place.filter(|_| fits).is_some_and(|(offset, stride)| {
            let from = ffi::Rows {
                memory,
                length,
                offset,
                stride,
            };
            from.copy(row, to)
        })
    });
    match copied {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Wayland("a client's buffer is not what it says")),
        Err(_) => Err(Error::Wayland("a client's memory cannot be read")),
    }
}

/// Puts several surfaces together, in software.
struct Composer {
    renderer: PixmanRenderer,
    canvas: Image<'static, 'static>,
    tracker: OutputDamageTracker,
    size: (u16, u16),
}

type Element = WaylandSurfaceRenderElement<PixmanRenderer>;

impl Composer {
    fn new(width: u16, height: u16) -> Result<Self, Error> {
        let refused = |_| Error::Wayland("pixman makes no canvas");
        let mut renderer = PixmanRenderer::new().map_err(refused)?;
        let size: Size<i32, _> = (i32::from(width), i32::from(height)).into();
        let canvas = renderer.create_buffer(Fourcc::Xrgb8888, size).map_err(refused)?;
        Ok(Self {
            renderer,
            canvas,
            tracker: OutputDamageTracker::new((i32::from(width), i32::from(height)), 1.0, Transform::Normal),
            size: (width, height),
        })
    }

    fn compose(&mut self, windows: &Windows, to: &mut [u8]) -> Result<(), Error> {
        let elements = self.elements(windows);
        let mut target = self
            .renderer
            .bind(&mut self.canvas)
            .map_err(|_| Error::Wayland("pixman takes no canvas"))?;
        // The canvas holds the picture that was composed last: what has changed since is drawn.
        self.tracker
            .render_output(&mut self.renderer, &mut target, 1, &elements, Color32F::BLACK)
            .map_err(|_| Error::Wayland("windows cannot be composed"))?;
        let region = Rectangle::from_size((i32::from(self.size.0), i32::from(self.size.1)).into());
        let unread = |_| Error::Wayland("what was composed cannot be read");
        let mapping = self
            .renderer
            .copy_framebuffer(&target, region, Fourcc::Xrgb8888)
            .map_err(unread)?;
        let pixels = self.renderer.map_texture(&mapping).map_err(unread)?;
        let pixels = pixels
            .get(..to.len())
            .ok_or(Error::Wayland("what was composed is too small"))?;
        to.copy_from_slice(pixels);
        Ok(())
    }

    /// What is to be drawn, the topmost first.
    fn elements(&mut self, windows: &Windows) -> Vec<Element> {
        let mut elements = Vec::new();
        for window in windows.downwards() {
            let origin = windows.origin(window);
            let popups = popups(window, origin);
            for (surface, origin) in popups.into_iter().chain([(window.surface.clone(), origin)]) {
                let at = origin.to_physical(1);
                elements.extend(render_elements_from_surface_tree::<_, Element>(
                    &mut self.renderer,
                    &surface,
                    at,
                    1.0,
                    1.0,
                    Kind::Unspecified,
                ));
            }
        }
        elements
    }
}
