//! Manages the windows of X11 programs: as little as one screen without a desktop needs.
//!
//! Windows are mapped as they ask, at the size that they ask for where that fits the screen; the compositor puts them on top of each
//! other and says which has the keyboard. Which Wayland surface is a window's, the server says in a message of its own.

use super::windows::{Role, Window};
use super::xwayland::Ends;
use crate::Error;
use crate::x11::address::Connection;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::reexports::wayland_server::{Client, DisplayHandle, Resource};
use smithay::utils::{IsAlive, Logical, Point};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::composite::{ConnectionExt as _, Redirect};
use x11rb::protocol::xproto::{
    AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConfigWindow, ConfigureRequestEvent,
    ConfigureWindowAux, ConnectionExt as _, CreateWindowAux, EventMask, InputFocus, PropMode, Window as Id,
    WindowClass,
};
use x11rb::rust_connection::{DefaultStream, RustConnection};
use x11rb::wrapper::ConnectionExt as _;

x11rb::atom_manager! {
    /// Names that server, manager and programs share.
    Atoms: AtomsCookie {
        WL_SURFACE_ID,
        WM_S0,
        WM_STATE,
        WM_PROTOCOLS,
        WM_TAKE_FOCUS,
        _NET_ACTIVE_WINDOW,
        _NET_SUPPORTED,
        _NET_SUPPORTING_WM_CHECK,
        _NET_WM_NAME,
        _NET_WM_STATE,
        _NET_WM_STATE_FULLSCREEN,
        UTF8_STRING,
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Wm {
    x: Connection,
    root: Id,
    atoms: Atoms,
    screen: (u16, u16),
    client: Client,
    windows: BTreeMap<Id, XWindow>,
    changes: Vec<Change>,
    focused: Option<Id>,
}

/// What became of windows.
#[derive(Debug)]
pub(super) enum Change {
    /// It is to be seen, on top.
    Shown(Window),
    /// It is elsewhere.
    Moved(WlSurface, Point<i32, Logical>),
    /// It is not to be seen any more.
    Hidden(WlSurface),
}

#[derive(Clone, Debug)]
struct XWindow {
    at: (i16, i16),
    /// As it was given last, or as the server told since.
    size: (u16, u16),
    /// The number of the request that gave it: what the server tells from before that is late.
    given: u64,
    /// Programs that override the manager's redirection place menus and the like by themselves.
    managed: bool,
    mapped: bool,
    /// What the server calls its surface, until that is found.
    named: Option<u32>,
    surface: Option<WlSurface>,
    shown: bool,
}

impl Wm {
    /// Becomes the manager of a server that is ready.
    ///
    /// # Errors
    /// When the server refuses, or is gone.
    pub(super) fn start(ends: Ends, screen: (u16, u16)) -> Result<Self, Error> {
        let client = ends.client.ok_or(Error::Wayland("the X server is no client"))?;
        let (stream, _) = DefaultStream::from_unix_stream(ends.manager).map_err(Error::system("socket"))?;
        let x = RustConnection::connect_to_stream(stream, 0)?;
        let atoms = Atoms::new(&x)?.reply()?;
        let root = x.setup().roots.first().ok_or(Error::PixelFormat)?.root;
        let events = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
        x.change_window_attributes(root, &ChangeWindowAttributesAux::new().event_mask(events))?
            .check()?;
        // Each window gets pixels of its own, which the server then makes a surface.
        x.composite_query_version(0, 4)?.reply()?;
        x.composite_redirect_subwindows(root, Redirect::MANUAL)?.check()?;
        let wm = Self {
            x,
            root,
            atoms,
            screen,
            client,
            windows: BTreeMap::new(),
            changes: Vec::new(),
            focused: None,
        };
        wm.announce()?;
        Ok(wm)
    }

    /// The screen is of another size: what filled it fills it again, and everything else that is managed lies in its middle.
    ///
    /// # Errors
    /// When the server is gone.
    pub(super) fn set_screen(&mut self, screen: (u16, u16)) -> Result<(), Error> {
        let before = std::mem::replace(&mut self.screen, screen);
        let shown = self.windows.iter().filter(|(_, window)| window.mapped);
        let shown: Vec<(Id, XWindow)> = shown.map(|(id, window)| (*id, window.clone())).collect();
        for (id, window) in shown {
            if window.size == before || self.is_full(id)? {
                self.place(id, screen)?;
            } else if window.managed {
                self.place(id, window.size)?;
            }
        }
        self.x.flush()?;
        Ok(())
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.x.stream().as_fd()
    }

    /// Hears what the server has said, and says what became of windows.
    ///
    /// # Errors
    /// When the server is gone.
    pub(super) fn process(&mut self, display: &DisplayHandle) -> Result<Vec<Change>, Error> {
        while let Some((event, after)) = self.x.poll_for_event_with_sequence()? {
            self.on_event((&event, after), display)?;
        }
        self.x.flush()?;
        Ok(std::mem::take(&mut self.changes))
    }

    /// A surface of the server's was committed: it may be one that a window waits for.
    pub(super) fn on_commit(&mut self, surface: &WlSurface) {
        let ours = surface.client().is_some_and(|client| client == self.client);
        let name = surface.id().protocol_id();
        let found = self
            .windows
            .iter_mut()
            .find(|(_, window)| ours && window.named == Some(name));
        if let Some((id, window)) = found {
            window.named = None;
            window.surface = Some(surface.clone());
            let id = *id;
            self.show(id);
        }
    }

    /// Gives a window the keyboard, or takes it from all.
    pub(super) fn focus(&mut self, window: Option<Id>) {
        if self.focused == window {
            return;
        }
        self.focused = window;
        let Some(window) = window else { return };
        let focused = self
            .x
            .set_input_focus(InputFocus::POINTER_ROOT, window, x11rb::CURRENT_TIME)
            .map(drop)
            .and_then(|()| {
                let active = self.atoms._NET_ACTIVE_WINDOW;
                self.x
                    .change_property32(PropMode::REPLACE, self.root, active, AtomEnum::WINDOW, &[window])
                    .map(drop)
            })
            .and_then(|()| {
                let above = ConfigureWindowAux::new().stack_mode(x11rb::protocol::xproto::StackMode::ABOVE);
                self.x.configure_window(window, &above).map(drop)
            })
            .and_then(|()| self.x.flush());
        if let Err(error) = focused {
            tracing::debug!(%error, "a window was not given the keyboard");
        }
    }

    /// Tells programs that there is a manager, and what it knows.
    fn announce(&self) -> Result<(), Error> {
        let own = self.x.generate_id()?;
        self.x.create_window(
            0,
            own,
            self.root,
            -1,
            -1,
            1,
            1,
            0,
            WindowClass::INPUT_ONLY,
            x11rb::COPY_FROM_PARENT,
            &CreateWindowAux::new(),
        )?;
        let a = &self.atoms;
        for window in [self.root, own] {
            let check = a._NET_SUPPORTING_WM_CHECK;
            self.x
                .change_property32(PropMode::REPLACE, window, check, AtomEnum::WINDOW, &[own])?;
        }
        self.x.change_property8(
            PropMode::REPLACE,
            own,
            a._NET_WM_NAME,
            a.UTF8_STRING,
            b"Firstlight",
        )?;
        let known = [
            a._NET_ACTIVE_WINDOW,
            a._NET_SUPPORTING_WM_CHECK,
            a._NET_WM_STATE,
            a._NET_WM_STATE_FULLSCREEN,
        ];
        self.x.change_property32(
            PropMode::REPLACE,
            self.root,
            a._NET_SUPPORTED,
            AtomEnum::ATOM,
            &known,
        )?;
        // The server lets nobody else in before this.
        self.x.set_selection_owner(own, a.WM_S0, x11rb::CURRENT_TIME)?;
        self.x.flush()?;
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the server's hundred events these are about windows"
    )]
    fn on_event(&mut self, (event, after): (&Event, u64), display: &DisplayHandle) -> Result<(), Error> {
        match event {
            Event::CreateNotify(e) if self.windows.len() < WINDOWS_MAX => {
                let window = XWindow {
                    at: (e.x, e.y),
                    size: (e.width, e.height),
                    given: 0,
                    managed: !e.override_redirect,
                    mapped: false,
                    named: None,
                    surface: None,
                    shown: false,
                };
                self.windows.insert(e.window, window);
            }
            Event::MapRequest(e) => self.map(e.window)?,
            Event::MapNotify(e) => {
                if let Some(window) = self.windows.get_mut(&e.window) {
                    (window.mapped, window.managed) = (true, !e.override_redirect);
                }
                self.show(e.window);
            }
            Event::UnmapNotify(e) => self.unmap(e.window),
            Event::DestroyNotify(e) => {
                self.unmap(e.window);
                self.windows.remove(&e.window);
            }
            Event::ConfigureRequest(e) => self.grant(e)?,
            Event::ConfigureNotify(e) => {
                if let Some(window) = self.windows.get_mut(&e.window) {
                    if after >= window.given {
                        window.size = (e.width, e.height);
                    }
                    let before = std::mem::replace(&mut window.at, (e.x, e.y));
                    if let Some(surface) = window
                        .surface
                        .as_ref()
                        .filter(|_| window.shown && before != window.at)
                    {
                        self.changes
                            .push(Change::Moved(surface.clone(), point(window.at)));
                    }
                }
            }
            Event::ClientMessage(e) => self.on_message(e, display)?,
            Event::Error(error) => tracing::debug!(?error, "the X server refused its manager something"),
            _ => {}
        }
        Ok(())
    }

    fn on_message(&mut self, e: &ClientMessageEvent, display: &DisplayHandle) -> Result<(), Error> {
        let [first, second, third, ..] = e.data.as_data32();
        if e.type_ == self.atoms.WL_SURFACE_ID {
            let surface = self.client.object_from_protocol_id::<WlSurface>(display, first);
            if let Some(window) = self.windows.get_mut(&e.window) {
                window.surface = surface.ok().filter(IsAlive::alive);
                // The two connections are not in step: the surface may come later.
                window.named = window.surface.is_none().then_some(first);
                window.shown = false;
            }
            self.show(e.window);
        } else if e.type_ == self.atoms._NET_WM_STATE
            && [second, third].contains(&self.atoms._NET_WM_STATE_FULLSCREEN)
        {
            // 0 takes it away, 1 gives it, 2 changes it.
            let full = first == 1 || (first == 2 && !self.is_full(e.window)?);
            self.set_full(e.window, full)?;
        }
        Ok(())
    }

    fn map(&mut self, id: Id) -> Result<(), Error> {
        let Some(window) = self.windows.get(&id).cloned() else {
            return Ok(());
        };
        if self.is_full(id)? {
            self.set_full(id, true)?;
        } else if window.managed {
            self.place(id, window.size)?;
        }
        // ICCCM 4.1.3.1: NormalState, no icon.
        let state = self.atoms.WM_STATE;
        self.x
            .change_property32(PropMode::REPLACE, id, state, state, &[1, 0])?;
        self.x.map_window(id)?;
        Ok(())
    }

    /// A window that asks for a size gets it, up to the screen's, and lies in the middle. What places itself may.
    fn grant(&mut self, e: &ConfigureRequestEvent) -> Result<(), Error> {
        if let Some(window) = self.windows.get(&e.window).filter(|window| window.managed) {
            // What it does not ask for stands here as the server has it, which may be late.
            let side = |side, asked, has| if e.value_mask.contains(side) { asked } else { has };
            let size = (
                side(ConfigWindow::WIDTH, e.width, window.size.0),
                side(ConfigWindow::HEIGHT, e.height, window.size.1),
            );
            return self.place(e.window, size);
        }
        self.x
            .configure_window(e.window, &ConfigureWindowAux::from_configure_request(e))?;
        Ok(())
    }

    fn place(&mut self, id: Id, (width, height): (u16, u16)) -> Result<(), Error> {
        let (width, height) = (width.min(self.screen.0), height.min(self.screen.1));
        let middle = |screen: u16, window: u16| i32::from((screen - window) / 2);
        let place = ConfigureWindowAux::new()
            .x(middle(self.screen.0, width))
            .y(middle(self.screen.1, height))
            .width(u32::from(width))
            .height(u32::from(height))
            .border_width(0);
        let given = self.x.configure_window(id, &place)?.sequence_number();
        if let Some(window) = self.windows.get_mut(&id) {
            window.size = (width, height);
            window.given = given;
        }
        Ok(())
    }

    fn is_full(&self, id: Id) -> Result<bool, Error> {
        let (state, full) = (self.atoms._NET_WM_STATE, self.atoms._NET_WM_STATE_FULLSCREEN);
        let said = self
            .x
            .get_property(false, id, state, AtomEnum::ATOM, 0, STATES_MAX)?;
        // A window that is gone has none.
        let Ok(said) = said.reply() else { return Ok(false) };
        Ok(said
            .value32()
            .is_some_and(|mut states| states.any(|state| state == full)))
    }

    fn set_full(&mut self, id: Id, full: bool) -> Result<(), Error> {
        let states = [self.atoms._NET_WM_STATE_FULLSCREEN];
        let states = states.get(..usize::from(full)).unwrap_or_default();
        self.x.change_property32(
            PropMode::REPLACE,
            id,
            self.atoms._NET_WM_STATE,
            AtomEnum::ATOM,
            states,
        )?;
        if full {
            self.place(id, self.screen)?;
        }
        Ok(())
    }

    /// Shows a window as soon as it is mapped and has a surface.
    fn show(&mut self, id: Id) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        if let Some(surface) = window.surface.clone()
            && window.mapped
            && !window.shown
        {
            window.shown = true;
            let role = Role::X {
                id,
                at: point(window.at),
                managed: window.managed,
            };
            self.changes.push(Change::Shown(Window { surface, role }));
        }
    }

    fn unmap(&mut self, id: Id) {
        let Some(window) = self.windows.get_mut(&id) else {
            return;
        };
        (window.mapped, window.shown, window.named) = (false, false, None);
        if let Some(surface) = window.surface.take() {
            self.changes.push(Change::Hidden(surface));
        }
        if self.focused == Some(id) {
            self.focused = None;
        }
    }
}

fn point((x, y): (i16, i16)) -> Point<i32, Logical> {
    (i32::from(x), i32::from(y)).into()
}

/// Programs of all kinds have hundreds, counting those that are never seen; the rest is not shown.
const WINDOWS_MAX: usize = 4_096;
/// In units of four bytes; the states that exist are a dozen.
const STATES_MAX: u32 = 64;
