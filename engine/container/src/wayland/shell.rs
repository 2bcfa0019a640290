//! Windows of Wayland clients.

use super::state::State;
use super::surfaces::has_buffer;
use super::windows::{Role, Window};
use smithay::delegate_xdg_decoration;
use smithay::delegate_xdg_shell;
use smithay::desktop::{PopupKind, find_popup_root_surface, get_popup_toplevel_coords};
use smithay::reexports::wayland_protocols::xdg::decoration::zv1::server::zxdg_toplevel_decoration_v1::Mode;
use smithay::reexports::wayland_protocols::xdg::shell::server::xdg_toplevel;
use smithay::reexports::wayland_server::protocol::wl_output::WlOutput;
use smithay::reexports::wayland_server::protocol::wl_seat::WlSeat;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::{Rectangle, Serial};
use smithay::wayland::shell::xdg::decoration::XdgDecorationHandler;
use smithay::wayland::shell::xdg::{
    PopupSurface, PositionerState, ToplevelSurface, XdgShellHandler, XdgShellState,
};

impl State {
    /// Answers a window or popup that waits for its first answer, and shows or hides a window that has, or has no longer, something in
    /// it.
    pub(super) fn configure(&mut self, surface: &WlSurface) {
        if let Some(popup) = self.popups.find_popup(surface) {
            if let PopupKind::Xdg(popup) = &popup {
                configure_popup(popup);
            }
            return;
        }
        let mut toplevels = self.xdg_shell.toplevel_surfaces().iter();
        let Some(toplevel) = toplevels
            .find(|toplevel| toplevel.wl_surface() == surface)
            .cloned()
        else {
            return;
        };
        if !toplevel.is_initial_configure_sent() && !has_buffer(surface) {
            self.ask_to_fill(&toplevel);
            return;
        }
        // Who draws before it was answered is disconnected for it.
        if has_buffer(surface) && !toplevel.ensure_configured() {
            return;
        }
        match (has_buffer(surface), self.windows.contains(surface)) {
            (true, false) => self.show(Window {
                surface: surface.clone(),
                role: Role::Native,
            }),
            (false, true) => self.hide(surface),
            _ => {}
        }
    }

    /// There is one screen, and a window has it to itself. Who cannot fill it draws what it can.
    pub(super) fn ask_to_fill(&self, toplevel: &ToplevelSurface) {
        let (width, height) = self.asked_size();
        let screen = (i32::from(width), i32::from(height)).into();
        toplevel.with_pending_state(|state| {
            state.size = Some(screen);
            state.states.set(xdg_toplevel::State::Activated);
            state.states.set(xdg_toplevel::State::Fullscreen);
        });
        toplevel.send_configure();
    }

    /// Puts a window on top.
    pub(super) fn show(&mut self, window: Window) {
        self.output.enter(&window.surface);
        self.windows.push(window);
        self.on_restacked();
    }

    /// Takes a window away, if it is one.
    pub(super) fn hide(&mut self, surface: &WlSurface) {
        if self.windows.remove(surface) {
            self.on_restacked();
        }
    }

    /// Keeps a popup on the screen.
    fn place(&self, popup: &PopupSurface, positioner: PositionerState) {
        let kind = PopupKind::Xdg(popup.clone());
        let Ok(root) = find_popup_root_surface(&kind) else {
            return;
        };
        let window = self.windows.downwards().find(|window| window.surface == root);
        let corner = window.map(|window| {
            let geometry = super::windows::geometry(&window.surface);
            self.windows.origin(window) + geometry.loc
        });
        // The screen, as seen from what the popup is anchored to.
        let mut screen = Rectangle::from_size(self.windows.screen());
        screen.loc -= corner.unwrap_or_default() + get_popup_toplevel_coords(&kind);
        popup.with_pending_state(|state| {
            state.geometry = positioner.get_unconstrained_geometry(screen);
            state.positioner = positioner;
        });
    }
}

fn configure_popup(popup: &PopupSurface) {
    if popup.is_initial_configure_sent() {
        // As for windows.
        if has_buffer(popup.wl_surface()) && !popup.ensure_configured() {
            tracing::debug!("a popup was drawn before it was answered");
        }
    } else if let Err(error) = popup.send_configure() {
        tracing::debug!(%error, "a popup was not answered");
    }
}

impl XdgShellHandler for State {
    fn xdg_shell_state(&mut self) -> &mut XdgShellState {
        &mut self.xdg_shell
    }

    fn new_toplevel(&mut self, _surface: ToplevelSurface) {}

    fn toplevel_destroyed(&mut self, surface: ToplevelSurface) {
        self.hide(surface.wl_surface());
    }

    fn new_popup(&mut self, surface: PopupSurface, positioner: PositionerState) {
        self.place(&surface, positioner);
        if let Err(error) = self.popups.track_popup(PopupKind::Xdg(surface)) {
            tracing::debug!(%error, "a popup of nothing");
        }
    }

    fn grab(&mut self, _surface: PopupSurface, _seat: WlSeat, _serial: Serial) {
        // The player has no other window to go to: a popup is closed by its client, which hears of every click.
    }

    fn reposition_request(&mut self, surface: PopupSurface, positioner: PositionerState, token: u32) {
        self.place(&surface, positioner);
        surface.send_repositioned(token);
    }

    fn fullscreen_request(&mut self, surface: ToplevelSurface, _output: Option<WlOutput>) {
        self.ask_to_fill(&surface);
    }

    fn unfullscreen_request(&mut self, surface: ToplevelSurface) {
        self.ask_to_fill(&surface);
    }

    fn maximize_request(&mut self, surface: ToplevelSurface) {
        self.ask_to_fill(&surface);
    }
}

/// Windows have no frame: neither is there anything to do with one, nor room for it.
impl XdgDecorationHandler for State {
    fn new_decoration(&mut self, toplevel: ToplevelSurface) {
        toplevel.with_pending_state(|state| state.decoration_mode = Some(Mode::ServerSide));
    }

    fn request_mode(&mut self, toplevel: ToplevelSurface, _mode: Mode) {
        self.new_decoration(toplevel.clone());
        if toplevel.is_initial_configure_sent() {
            toplevel.send_configure();
        }
    }

    fn unset_mode(&mut self, toplevel: ToplevelSurface) {
        self.request_mode(toplevel, Mode::ServerSide);
    }
}

delegate_xdg_shell!(State);
delegate_xdg_decoration!(State);
