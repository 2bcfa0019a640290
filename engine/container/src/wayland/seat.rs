//! Keyboard and pointer: what the player does, told to the client it is meant for.

use super::state::State;
use super::surfaces::millis;
use super::windows::Role;
use crate::cursor::share;
use crate::input::{Act, NOTCH};
use crate::{Layout, clock};
use smithay::backend::input::{Axis, AxisSource, ButtonState, KeyState};
use smithay::delegate_seat;
use smithay::input::keyboard::{FilterResult, Keycode, XkbConfig};
use smithay::input::pointer::{AxisFrame, ButtonEvent, CursorImageStatus, MotionEvent, RelativeMotionEvent};
use smithay::input::{Seat, SeatHandler, SeatState};
use smithay::reexports::wayland_server::Resource;
use smithay::reexports::wayland_server::protocol::wl_surface::WlSurface;
use smithay::utils::{Logical, Point, SERIAL_COUNTER};
use smithay::wayland::pointer_constraints::{PointerConstraint, with_pointer_constraint};
use smithay::wayland::selection::data_device::set_data_device_focus;
use smithay::wayland::selection::primary_selection::set_primary_focus;

/// What a client has made of the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Free,
    /// It stands still; the client hears how far it would have gone.
    Locked,
    /// It does not leave the surface.
    Confined,
}

impl State {
    /// Lets what the player did happen.
    pub(super) fn act(&mut self, act: Act) {
        let time = millis(clock::now());
        match act {
            Act::Key { code, down } => {
                let state = if down {
                    KeyState::Pressed
                } else {
                    KeyState::Released
                };
                // X numbers keys from 8, and so does xkb.
                let key = Keycode::new(u32::from(code) + 8);
                let keyboard = self.keyboard.clone();
                let serial = SERIAL_COUNTER.next_serial();
                keyboard.input::<(), _>(self, key, state, serial, time, |_, _, _| FilterResult::Forward);
            }
            Act::Button { button, down } => self.press(button, down, time),
            Act::MoveTo { x, y } => {
                let to = self.at(x, y);
                self.point(to, to - self.pointer.current_location(), time);
            }
            Act::MoveBy { dx, dy } => {
                let by = Point::from((f64::from(dx), f64::from(dy)));
                self.point(self.pointer.current_location() + by, by, time);
            }
            Act::Touch(touch) => self.touch(touch),
            Act::Turn { x, y } => self.turn_wheel(x, y, time),
        }
    }

    /// The keyboard has this layout from here on; X programs hear of it through their server.
    pub(super) fn set_layout(&mut self, layout: Layout) {
        self.keys.set_layout(layout);
        let keyboard = self.keyboard.clone();
        let config = XkbConfig {
            layout: layout.name(),
            ..XkbConfig::default()
        };
        if let Err(error) = keyboard.set_xkb_config(self, config) {
            tracing::warn!(%error, layout = layout.name(), "the keyboard keeps its layout");
        }
    }

    /// Moves the pointer, as far as the client that has it lets it go.
    fn point(&mut self, to: Point<f64, Logical>, by: Point<f64, Logical>, time: u32) {
        let pointer = self.pointer.clone();
        let to = self.on_screen(to);
        let under = self.windows.under(to);
        let held = self.held();
        let focus = match held {
            Held::Free => under.clone(),
            Held::Locked | Held::Confined => self.windows.under(pointer.current_location()),
        };
        pointer.relative_motion(
            self,
            focus,
            &RelativeMotionEvent {
                delta: by,
                delta_unaccel: by,
                utime: clock::now().as_micros(),
            },
        );
        let leaves = || {
            let over = under.as_ref().map(|(surface, _)| surface);
            over != pointer.current_focus().as_ref()
        };
        if held == Held::Free || (held == Held::Confined && !leaves()) {
            pointer.motion(
                self,
                under.clone(),
                &MotionEvent {
                    location: to,
                    serial: SERIAL_COUNTER.next_serial(),
                    time,
                },
            );
        }
        pointer.frame(self);
        self.constrain();
    }

    fn held(&self) -> Held {
        let Some(focus) = self.pointer.current_focus() else {
            return Held::Free;
        };
        with_pointer_constraint(&focus, &self.pointer, |constraint| {
            match constraint.filter(|constraint| constraint.is_active()).as_deref() {
                Some(PointerConstraint::Locked(_)) => Held::Locked,
                Some(PointerConstraint::Confined(_)) => Held::Confined,
                None => Held::Free,
            }
        })
    }

    /// Gives the client that has the pointer what it asked for of it.
    pub(super) fn constrain(&mut self) {
        let Some(focus) = self.pointer.current_focus() else {
            return;
        };
        with_pointer_constraint(&focus, &self.pointer, |constraint| {
            if let Some(constraint) = constraint
                && !constraint.is_active()
            {
                constraint.activate();
            }
        });
    }

    /// The client has put the pointer somewhere on its surface: the player's page hears of it.
    pub(super) fn put_pointer(&mut self, surface: &WlSurface, at: Point<f64, Logical>) {
        let here = self.windows.under(self.pointer.current_location());
        let Some((_, origin)) = here.filter(|(under, _)| under == surface) else {
            return;
        };
        let to = self.on_screen(origin + at);
        self.pointer.set_location(to);
        let (width, height) = self.windows.size();
        #[expect(clippy::cast_possible_truncation, reason = "it is on the screen")]
        let (x, y) = (to.x.round() as i16, to.y.round() as i16);
        self.shared.set_moved(share(x, width), share(y, height));
    }

    pub(super) fn on_screen(&self, at: Point<f64, Logical>) -> Point<f64, Logical> {
        let (width, height) = self.windows.size();
        let within = |at: f64, pixels: u16| at.clamp(0.0, f64::from(pixels.saturating_sub(1)));
        (within(at.x, width), within(at.y, height)).into()
    }

    fn press(&mut self, button: u8, down: bool, time: u32) {
        let pointer = self.pointer.clone();
        let state = if down {
            ButtonState::Pressed
        } else {
            ButtonState::Released
        };
        if down {
            self.raise(pointer.current_location());
        }
        pointer.button(
            self,
            &ButtonEvent {
                button: linux_button(button),
                state,
                serial: SERIAL_COUNTER.next_serial(),
                time,
            },
        );
        pointer.frame(self);
    }

    /// A press brings a window to the top.
    pub(super) fn raise(&mut self, at: Point<f64, Logical>) {
        let Some((mut surface, _)) = self.windows.under(at) else {
            return;
        };
        while let Some(parent) = smithay::wayland::compositor::get_parent(&surface) {
            surface = parent;
        }
        if self.windows.raise(&surface) {
            self.on_restacked();
        }
    }

    fn turn_wheel(&mut self, x: i32, y: i32, time: u32) {
        let pointer = self.pointer.clone();
        let mut frame = AxisFrame::new(time).source(AxisSource::Wheel);
        for (axis, turns) in [(Axis::Horizontal, x), (Axis::Vertical, y)] {
            if turns != 0 {
                frame = frame
                    .value(axis, f64::from(turns) * WHEEL_STEP)
                    .v120(axis, turns.saturating_mul(NOTCH));
            }
        }
        pointer.axis(self, frame);
        pointer.frame(self);
    }

    /// Gives the topmost window the keyboard.
    pub(super) fn focus_top(&mut self) {
        let top = self.windows.top().cloned();
        if let (Some(wm), Some(top)) = (&mut self.x, &top) {
            wm.focus(match top.role {
                Role::X { id, managed, .. } => managed.then_some(id),
                Role::Native => None,
            });
        }
        let surface = top.map(|window| window.surface);
        if self.keyboard.current_focus() != surface {
            let keyboard = self.keyboard.clone();
            keyboard.set_focus(self, surface, SERIAL_COUNTER.next_serial());
        }
    }

    /// A surface has another shape, or its first one: an X client's window is there before anything is in it, and nothing is under the pointer.
    pub(super) fn settle_pointer(&mut self) {
        if self.pointer.is_grabbed() || self.held() != Held::Free {
            return;
        }
        let under = self.windows.under(self.pointer.current_location());
        if under.map(|(surface, _)| surface) != self.pointer.current_focus() {
            self.point_again();
        }
    }

    /// Something else may lie under the pointer.
    pub(super) fn point_again(&mut self) {
        let pointer = self.pointer.clone();
        let location = pointer.current_location();
        let under = self.windows.under(location);
        pointer.motion(
            self,
            under,
            &MotionEvent {
                location,
                serial: SERIAL_COUNTER.next_serial(),
                time: millis(clock::now()),
            },
        );
        pointer.frame(self);
        self.constrain();
    }
}

impl SeatHandler for State {
    type KeyboardFocus = WlSurface;
    type PointerFocus = WlSurface;
    type TouchFocus = WlSurface;

    fn seat_state(&mut self) -> &mut SeatState<Self> {
        &mut self.seats
    }

    fn cursor_image(&mut self, _seat: &Seat<Self>, image: CursorImageStatus) {
        self.set_cursor(image);
    }

    /// Who has the keyboard may copy and paste.
    fn focus_changed(&mut self, seat: &Seat<Self>, focused: Option<&WlSurface>) {
        self.text.set_focus(focused.cloned());
        let client = focused.and_then(Resource::client);
        set_data_device_focus(&self.display, seat, client.clone());
        set_primary_focus(&self.display, seat, client);
    }
}

delegate_seat!(State);

/// X's number of a button to Linux's (`BTN_*`).
fn linux_button(button: u8) -> u32 {
    match button {
        1 => 0x110,
        2 => 0x112,
        3 => 0x111,
        other => 0x113 + u32::from(other.saturating_sub(8)),
    }
}

/// What compositors send for a notch beside its 120ths, in pixels.
const WHEEL_STEP: f64 = 15.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_have_linux_codes() {
        // BTN_LEFT, BTN_MIDDLE, BTN_RIGHT, BTN_SIDE, BTN_EXTRA, BTN_FORWARD.
        let codes = [1, 2, 3, 8, 9, 10].map(linux_button);
        assert_eq!(codes, [0x110, 0x112, 0x111, 0x113, 0x114, 0x115]);
    }
}
