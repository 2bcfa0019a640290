//! The windows, from the bottom to the top, and where they are.
//!
//! There is one screen and nobody to move windows about: a window that fills it lies at its corner, a smaller one in its middle, the
//! newest on top. An X client's window lies where the X server has it, or its clients would see the pointer elsewhere.

use smithay::backend::renderer::utils::with_renderer_surface_state;
use smithay::desktop::utils::under_from_surface_tree;
use smithay::desktop::{PopupManager, WindowSurfaceType};
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::{IsAlive, Logical, Point, Rectangle, Size};
use smithay::wayland::compositor::with_states;
use smithay::wayland::shell::xdg::SurfaceCachedState;

/// See the module.
#[derive(Debug)]
pub(super) struct Windows {
    size: (u16, u16),
    stack: Vec<Window>,
}

/// A window that is shown.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) surface: WlSurface,
    pub(super) role: Role,
}

/// What a window is beside its surface.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// A Wayland client's.
    Native,
    /// An X client's.
    X {
        /// The X server's number for it.
        id: u32,
        /// From the screen's corner, as the X server has it.
        at: Point<i32, Logical>,
        /// The window manager may give it the keyboard; otherwise it takes it by itself.
        managed: bool,
    },
}

impl Windows {
    pub(super) fn new(width: u16, height: u16) -> Self {
        Self {
            size: (width, height),
            stack: Vec::new(),
        }
    }

    /// The screen is of another size: who lies in its middle still does.
    pub(super) fn set_size(&mut self, size: (u16, u16)) {
        self.size = size;
    }

    /// The screen's, in pixels.
    pub(super) fn size(&self) -> (u16, u16) {
        self.size
    }

    pub(super) fn screen(&self) -> Size<i32, Logical> {
        (i32::from(self.size.0), i32::from(self.size.1)).into()
    }

    /// Puts a window on top.
    pub(super) fn push(&mut self, window: Window) {
        self.remove(&window.surface);
        self.stack.push(window);
    }

    /// Puts a window that is there on top; `false` if it is.
    pub(super) fn raise(&mut self, surface: &WlSurface) -> bool {
        let found = self.stack.iter().position(|window| window.surface == *surface);
        let below = found.filter(|index| index + 1 < self.stack.len());
        let Some(index) = below else { return false };
        let window = self.stack.remove(index);
        self.stack.push(window);
        true
    }

    /// Takes a window away; `false` if it was not there.
    pub(super) fn remove(&mut self, surface: &WlSurface) -> bool {
        let before = self.stack.len();
        self.stack.retain(|window| window.surface != *surface);
        self.stack.len() < before
    }

    pub(super) fn contains(&self, surface: &WlSurface) -> bool {
        self.stack.iter().any(|window| window.surface == *surface)
    }

    /// An X client's window is somewhere else.
    pub(super) fn move_to(&mut self, surface: &WlSurface, to: Point<i32, Logical>) {
        for window in &mut self.stack {
            if let Role::X { at, .. } = &mut window.role
                && window.surface == *surface
            {
                *at = to;
            }
        }
    }

    /// The one that has the keyboard.
    pub(super) fn top(&self) -> Option<&Window> {
        self.downwards().next()
    }

    pub(super) fn downwards(&self) -> impl Iterator<Item = &Window> {
        self.stack.iter().rev().filter(|window| window.surface.alive())
    }

    /// Where a window's surface begins.
    pub(super) fn origin(&self, window: &Window) -> Point<i32, Logical> {
        match &window.role {
            Role::X { at, .. } => *at,
            Role::Native => {
                let geometry = geometry(&window.surface);
                let screen = self.screen();
                let middle = |screen: i32, window: i32| ((screen - window) / 2).max(0);
                let corner: Point<i32, Logical> = (
                    middle(screen.w, geometry.size.w),
                    middle(screen.h, geometry.size.h),
                )
                    .into();
                corner - geometry.loc
            }
        }
    }

    /// The surface at a point of the screen, and where it begins.
    pub(super) fn under(&self, at: Point<f64, Logical>) -> Option<(WlSurface, Point<f64, Logical>)> {
        self.downwards().find_map(|window| {
            let origin = self.origin(window);
            let popups = popups(window, origin);
            let layers = popups.into_iter().chain([(window.surface.clone(), origin)]);
            layers.into_iter().find_map(|(surface, origin)| {
                under_from_surface_tree(&surface, at, origin, WindowSurfaceType::ALL)
                    .map(|(surface, origin)| (surface, origin.to_f64()))
            })
        })
    }
}

/// The popups of a window, the topmost first, and where their surfaces begin.
pub(super) fn popups(window: &Window, origin: Point<i32, Logical>) -> Vec<(WlSurface, Point<i32, Logical>)> {
    let corner = origin + geometry(&window.surface).loc;
    let popups = PopupManager::popups_for_surface(&window.surface);
    popups
        .map(|(popup, at)| {
            let origin = corner + at - popup.geometry().loc;
            (popup.wl_surface().clone(), origin)
        })
        .collect()
}

/// The part of a surface that is the window: clients draw shadows around it.
pub(super) fn geometry(surface: &WlSurface) -> Rectangle<i32, Logical> {
    let said = with_states(surface, |states| {
        states.cached_state.get::<SurfaceCachedState>().current().geometry
    });
    said.unwrap_or_else(|| {
        let size = with_renderer_surface_state(surface, |state| state.surface_size());
        Rectangle::from_size(size.flatten().unwrap_or_default())
    })
}
