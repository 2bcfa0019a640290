//! The touch screen: a player's fingers, told to the client that they came down on.

use super::clients;
use super::state::State;
use super::surfaces::millis;
use crate::clock;
use crate::input::{Touch, TouchPhase};
use smithay::backend::input::TouchSlot;
use smithay::input::touch::{DownEvent, MotionEvent, TouchHandle, UpEvent};
use smithay::reexports::wayland_server::Resource;
use smithay::utils::{Logical, Point, SERIAL_COUNTER};
use std::collections::BTreeSet;

/// The seat's touch screen.
pub(super) struct TouchScreen {
    handle: TouchHandle<State>,
    /// The fingers on it.
    down: BTreeSet<u8>,
    /// They are an X program's: all of them, since the first one has chosen.
    of_x: bool,
}

impl State {
    /// The seat has a touch screen from here on.
    pub(super) fn add_touch(&mut self) {
        if self.touch.is_none() {
            self.touch = Some(TouchScreen {
                handle: self.seat.add_touch(),
                down: BTreeSet::new(),
                of_x: false,
            });
        }
    }

    /// Lets a finger do this, where there is a touch screen.
    pub(super) fn touch(&mut self, touch: Touch) {
        let Some(mut screen) = self.touch.take() else {
            return;
        };
        let location = self.at(touch.x, touch.y);
        let time = millis(clock::now());
        let slot = slot(touch.contact);
        match touch.phase {
            TouchPhase::Down => {
                self.raise(location);
                let under = self.windows.under(location);
                if screen.down.is_empty() {
                    let owner = under.as_ref().and_then(|(surface, _)| surface.client());
                    screen.of_x = owner.is_some_and(|client| clients::is_x(&client));
                }
                screen.down.insert(touch.contact);
                let event = DownEvent {
                    slot,
                    location,
                    serial: SERIAL_COUNTER.next_serial(),
                    time,
                };
                screen.handle.down(self, under, &event);
                screen.handle.frame(self);
            }
            TouchPhase::Move => {
                let under = self.windows.under(location);
                let event = MotionEvent { slot, location, time };
                screen.handle.motion(self, under, &event);
                screen.handle.frame(self);
            }
            TouchPhase::Up => {
                screen.down.remove(&touch.contact);
                screen.lift(self, touch.contact, time);
            }
            TouchPhase::Cancel => {
                // X knows no gesture that is cancelled: its server would leave the mouse's button down that it makes of a finger.
                if !screen.of_x {
                    screen.handle.cancel(self);
                }
                // Whoever was not told is told that they are gone.
                for contact in std::mem::take(&mut screen.down) {
                    screen.lift(self, contact, time);
                }
            }
        }
        self.touch = Some(screen);
    }

    /// Shares of the picture as a place on the screen: the corners are corners.
    pub(super) fn at(&self, x: u16, y: u16) -> Point<f64, Logical> {
        let (width, height) = self.windows.size();
        let at = |share: u16, pixels: u16| {
            let last = f64::from(pixels.saturating_sub(1));
            (f64::from(share) * last / f64::from(u16::MAX)).round()
        };
        (at(x, width), at(y, height)).into()
    }
}

impl TouchScreen {
    fn lift(&self, state: &mut State, contact: u8, time: u32) {
        let event = UpEvent {
            slot: slot(contact),
            serial: SERIAL_COUNTER.next_serial(),
            time,
        };
        self.handle.up(state, &event);
        self.handle.frame(state);
    }
}

fn slot(contact: u8) -> TouchSlot {
    TouchSlot::from(Some(u32::from(contact)))
}
