//! What the player did, as far as the display has told.

use std::collections::BTreeSet;
use x11rb::protocol::Event;

/// Counts and remembers input.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Presses, wheel steps and moves received; wraps.
    pub(crate) count: u16,
    /// Key codes that are held.
    pub(crate) keys: BTreeSet<u8>,
    /// Buttons that are held.
    pub(crate) buttons: BTreeSet<u8>,
    /// Fingers that are on the screen.
    pub(crate) fingers: BTreeSet<i32>,
    /// Gamepads that are there.
    pub(crate) pads: usize,
    /// Buttons that are held on any of them, by their Linux codes.
    pub(crate) pad_buttons: BTreeSet<u16>,
    /// Where the pointer is.
    pub(crate) pointer: Option<(i16, i16)>,
    /// A key or button went down since [`Inputs::take_press`].
    pub(crate) pressed: bool,
}

impl Inputs {
    /// Notes an X server's event; says whether the picture changes by it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of the display's hundred events these are input"
    )]
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        match event {
            Event::KeyPress(key) => self.note_key(key.detail, true),
            Event::KeyRelease(key) => self.note_key(key.detail, false),
            Event::ButtonPress(button) => {
                self.pointer = Some((button.event_x, button.event_y));
                // A wheel step is a button that goes down and up at once.
                if WHEEL.contains(&button.detail) {
                    self.note_wheel()
                } else {
                    self.note_button(button.detail, true)
                }
            }
            Event::ButtonRelease(button) => self.note_button(button.detail, false),
            Event::MotionNotify(motion) => self.note_motion(motion.event_x, motion.event_y),
            Event::FocusOut(_) => self.note_keys_gone(),
            _ => false,
        }
    }

    /// Notes a key by its X code.
    pub(crate) fn note_key(&mut self, code: u8, down: bool) -> bool {
        if down {
            // A key that is down and goes down again repeats by itself: nobody pressed anything.
            self.keys.insert(code) && self.press()
        } else {
            self.keys.remove(&code)
        }
    }

    /// Notes a button by its X number.
    pub(crate) fn note_button(&mut self, button: u8, down: bool) -> bool {
        if down {
            self.buttons.insert(button);
            self.press()
        } else {
            self.buttons.remove(&button)
        }
    }

    /// Notes a finger; one that comes counts.
    pub(crate) fn note_finger(&mut self, which: i32, down: bool) -> bool {
        if down {
            self.fingers.insert(which) && self.press()
        } else {
            self.fingers.remove(&which)
        }
    }

    /// The fingers' gesture is over, and none of them is there.
    pub(crate) fn note_fingers_gone(&mut self) -> bool {
        !std::mem::take(&mut self.fingers).is_empty()
    }

    /// Notes a step of the wheel.
    pub(crate) fn note_wheel(&mut self) -> bool {
        self.press()
    }

    /// Notes where the pointer is.
    pub(crate) fn note_motion(&mut self, x: i16, y: i16) -> bool {
        self.pointer = Some((x, y));
        self.count = self.count.wrapping_add(1);
        true
    }

    /// The keyboard is somebody else's.
    pub(crate) fn note_keys_gone(&mut self) -> bool {
        self.keys.clear();
        true
    }

    /// Notes a gamepad's button; one that goes down counts.
    pub(crate) fn note_pad(&mut self, code: u16, down: bool) {
        if !down {
            self.pad_buttons.remove(&code);
        } else if self.pad_buttons.insert(code) {
            self.press();
        }
    }

    /// Whether a key or button went down since this was last asked.
    pub(crate) fn take_press(&mut self) -> bool {
        std::mem::take(&mut self.pressed)
    }

    fn press(&mut self) -> bool {
        self.count = self.count.wrapping_add(1);
        self.pressed = true;
        true
    }
}

/// X11's buttons for the wheel: up, down, left, right.
const WHEEL: std::ops::RangeInclusive<u8> = 4..=7;

#[cfg(test)]
mod tests {
    use super::*;
    use x11rb::protocol::xproto::{ButtonPressEvent, KeyPressEvent, MotionNotifyEvent};

    #[test]
    fn presses_wheel_steps_and_moves_count_and_releases_do_not() {
        let mut inputs = Inputs::default();
        for event in [
            key(true, 38),
            key(false, 38),
            button(true, 1),
            button(false, 1),
            button(true, 5),
            button(false, 5),
            moved(),
        ] {
            inputs.note(&event);
        }
        assert_eq!(inputs.count, 4);
        assert!(inputs.keys.is_empty() && inputs.buttons.is_empty());
        assert_eq!(inputs.pointer, Some((3, 4)));
    }

    #[test]
    fn a_key_that_repeats_itself_counts_once() {
        let mut inputs = Inputs::default();
        assert!(inputs.note(&key(true, 38)));
        assert!(!inputs.note(&key(true, 38)));
        assert_eq!(inputs.count, 1);
    }

    #[test]
    fn presses_beep_and_moves_do_not() {
        let mut inputs = Inputs::default();
        inputs.note(&moved());
        assert!(!inputs.take_press());
        inputs.note(&button(true, 3));
        assert!(inputs.take_press());
        assert!(!inputs.take_press());
    }

    #[test]
    fn each_finger_that_comes_counts() {
        let mut inputs = Inputs::default();
        for (which, down) in [(0, true), (1, true), (0, true), (1, false), (1, true)] {
            inputs.note_finger(which, down);
        }
        assert_eq!(inputs.count, 3);
        assert!(inputs.note_fingers_gone() && !inputs.note_fingers_gone());
    }

    #[test]
    fn a_gamepad_s_button_counts_once_as_it_goes_down() {
        let mut inputs = Inputs::default();
        for down in [true, true, false, true] {
            inputs.note_pad(304, down);
        }
        assert_eq!(inputs.count, 2);
        assert!(inputs.pad_buttons.contains(&304) && inputs.take_press());
    }

    #[test]
    fn the_count_wraps() {
        let mut inputs = Inputs {
            count: u16::MAX,
            ..Inputs::default()
        };
        inputs.note(&moved());
        assert_eq!(inputs.count, 0);
    }

    fn key(down: bool, detail: u8) -> Event {
        let event = KeyPressEvent {
            detail,
            ..KeyPressEvent::default()
        };
        if down {
            Event::KeyPress(event)
        } else {
            Event::KeyRelease(event)
        }
    }

    fn button(down: bool, detail: u8) -> Event {
        let event = ButtonPressEvent {
            detail,
            ..ButtonPressEvent::default()
        };
        if down {
            Event::ButtonPress(event)
        } else {
            Event::ButtonRelease(event)
        }
    }

    fn moved() -> Event {
        Event::MotionNotify(MotionNotifyEvent {
            event_x: 3,
            event_y: 4,
            ..MotionNotifyEvent::default()
        })
    }
}
