//! Keys, buttons, moves and wheel turns: what a player did, told to the display.

use crate::fingers::Fingers;
use crate::{Error, Layout, wayland, x11};

/// What a player did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputEvent {
    /// A key went down or up.
    Key {
        /// Linux code (`KEY_*`), 1 to 247.
        code: u16,
        /// Down, or up.
        down: bool,
    },
    /// A mouse button went down or up.
    Button {
        /// 1 left, 2 middle, 3 right, 8 back, 9 forward. The wheel's 4 to 7 belong to [`Self::Wheel`].
        button: u8,
        /// Down, or up.
        down: bool,
    },
    /// The pointer moved to a place on the screen.
    MoveTo {
        /// 0 is left, 65535 right.
        x: u16,
        /// 0 is top, 65535 bottom.
        y: u16,
    },
    /// The pointer moved by pixels.
    MoveBy {
        /// To the right.
        dx: i16,
        /// Downwards.
        dy: i16,
    },
    /// A finger on a touch screen did something. On a display without one, one finger is the pointer with its left button, and two turn the
    /// wheel.
    Touch(Touch),
    /// The wheel turned by 120ths of a notch. Parts of a notch add up until one is whole.
    Wheel {
        /// To the right.
        dx: i16,
        /// Downwards.
        dy: i16,
    },
}

/// What a finger did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which finger: 0 to 9.
    pub contact: u8,
    /// What it did.
    pub phase: TouchPhase,
    /// Where: 0 is left, 65535 right.
    pub x: u16,
    /// 0 is top, 65535 bottom.
    pub y: u16,
}

/// What happened to a finger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TouchPhase {
    /// It left the screen; the place means nothing.
    Up,
    /// It came.
    Down,
    /// It moved.
    Move,
    /// All fingers are gone, and nothing is meant by it.
    Cancel,
}

/// Injects input.
///
/// What is pressed is remembered: a key that is pressed twice or released without being down does nothing, and
/// [`Self::release_all`] lets go of everything. Codes that no keyboard or mouse has are counted and dropped. Input for a frozen
/// app waits in the display until the thaw.
#[derive(Debug)]
pub struct Input {
    sink: Sink,
    keys: [bool; 256],
    buttons: [bool; 256],
    contacts: [bool; CONTACTS_MAX],
    fingers: Fingers,
    layout: Option<Layout>,
    wheel_x: i32,
    wheel_y: i32,
    dropped: u64,
}

#[derive(Debug)]
enum Sink {
    X11(Box<x11::input::Sink>),
    Wayland(wayland::Sink),
}

/// What a display is told: of keys and buttons only what changes, of the wheel whole notches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// A Linux code, 1 to 247.
    Key { code: u8, down: bool },
    /// A button by its X number.
    Button { button: u8, down: bool },
    /// Shares of the picture.
    MoveTo { x: u16, y: u16 },
    /// Pixels.
    MoveBy { dx: i16, dy: i16 },
    /// A finger, 0 to 9: it comes before it moves or goes.
    Touch(Touch),
    /// Whole notches, to the right and downwards.
    Turn { x: i32, y: i32 },
}

impl Input {
    pub(crate) fn x11(sink: x11::input::Sink) -> Self {
        Self::new(Sink::X11(Box::new(sink)))
    }

    pub(crate) fn wayland(sink: wayland::Sink) -> Self {
        Self::new(Sink::Wayland(sink))
    }

    fn new(sink: Sink) -> Self {
        Self {
            sink,
            keys: [false; 256],
            buttons: [false; 256],
            contacts: [false; CONTACTS_MAX],
            fingers: Fingers::default(),
            layout: None,
            wheel_x: 0,
            wheel_y: 0,
            dropped: 0,
        }
    }

    /// Lets `event` happen, at once.
    ///
    /// # Errors
    /// [`Error::Connection`] or [`Error::Closed`] when the display is gone.
    pub fn inject(&mut self, event: InputEvent) -> Result<(), Error> {
        if let InputEvent::Touch(touch) = event
            && matches!(self.sink, Sink::X11(_))
        {
            for event in self.fingers.take(touch) {
                self.inject(event)?;
            }
            return Ok(());
        }
        let act = match event {
            InputEvent::Touch(touch) => self.touch(touch),
            InputEvent::Key { code, down } => self.key(code, down),
            InputEvent::Button { button, down } => self.button(button, down),
            InputEvent::MoveTo { x, y } => Some(Act::MoveTo { x, y }),
            InputEvent::MoveBy { dx, dy } => Some(Act::MoveBy { dx, dy }),
            InputEvent::Wheel { dx, dy } => self.wheel(dx, dy),
        };
        if let Some(act) = act {
            self.tell(act)?;
        }
        self.flush()
    }

    /// Gives the keyboard this layout; before, it has the usual one, a PC keyboard of the United States.
    ///
    /// # Errors
    /// See [`Self::inject`].
    pub fn set_layout(&mut self, layout: Layout) -> Result<(), Error> {
        if self.layout == Some(layout) {
            return Ok(());
        }
        match &mut self.sink {
            Sink::X11(sink) => sink.set_layout(layout)?,
            Sink::Wayland(sink) => sink.set_layout(layout)?,
        }
        self.layout = Some(layout);
        self.flush()
    }

    /// Types text, whatever keys there are for it: into what takes text where the display knows of such a thing, else by keys that are given
    /// its characters. Of keys that are down, it knows nothing.
    ///
    /// # Errors
    /// See [`Self::inject`].
    pub fn type_text(&mut self, text: &str) -> Result<(), Error> {
        match &mut self.sink {
            Sink::X11(sink) => self.dropped += sink.type_text(text)?,
            Sink::Wayland(sink) => sink.type_text(text)?,
        }
        self.flush()
    }

    /// Releases every key, button and finger that is down.
    ///
    /// # Errors
    /// See [`Self::inject`].
    pub fn release_all(&mut self) -> Result<(), Error> {
        for code in 0..=u8::MAX {
            if press(&mut self.keys, code, false) {
                self.tell(Act::Key { code, down: false })?;
            }
            if press(&mut self.buttons, code, false) {
                self.tell(Act::Button {
                    button: code,
                    down: false,
                })?;
            }
        }
        let cancel = Touch {
            contact: 0,
            phase: TouchPhase::Cancel,
            x: 0,
            y: 0,
        };
        if let Some(act) = self.touch(cancel) {
            self.tell(act)?;
        }
        self.fingers = Fingers::default();
        (self.wheel_x, self.wheel_y) = (0, 0);
        self.flush()
    }

    /// Events so far that named no key or button, or that the display refused.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn key(&mut self, code: u16, down: bool) -> Option<Act> {
        let Some(code) = u8::try_from(code)
            .ok()
            .filter(|code| (1..=KEY_MAX).contains(code))
        else {
            self.dropped += 1;
            return None;
        };
        press(&mut self.keys, code, down).then_some(Act::Key { code, down })
    }

    fn button(&mut self, button: u8, down: bool) -> Option<Act> {
        if !matches!(button, 1..=3 | 8..=BUTTON_MAX) {
            self.dropped += 1;
            return None;
        }
        press(&mut self.buttons, button, down).then_some(Act::Button { button, down })
    }

    fn touch(&mut self, touch: Touch) -> Option<Act> {
        let changes = match touch.phase {
            TouchPhase::Cancel => std::mem::take(&mut self.contacts).contains(&true),
            phase @ (TouchPhase::Up | TouchPhase::Down | TouchPhase::Move) => {
                let Some(contact) = self.contacts.get_mut(usize::from(touch.contact)) else {
                    self.dropped += 1;
                    return None;
                };
                let down = phase != TouchPhase::Up;
                let was = *contact;
                *contact = down && (was || phase == TouchPhase::Down);
                was == (phase != TouchPhase::Down)
            }
        };
        changes.then_some(Act::Touch(touch))
    }

    fn wheel(&mut self, dx: i16, dy: i16) -> Option<Act> {
        let x = notches(&mut self.wheel_x, dx);
        let y = notches(&mut self.wheel_y, dy);
        ((x, y) != (0, 0)).then_some(Act::Turn { x, y })
    }

    fn tell(&self, act: Act) -> Result<(), Error> {
        match &self.sink {
            Sink::X11(sink) => sink.tell(act),
            Sink::Wayland(sink) => sink.tell(act),
        }
    }

    /// Sends what was told, and counts what was refused.
    fn flush(&mut self) -> Result<(), Error> {
        if let Sink::X11(sink) = &self.sink {
            self.dropped += sink.flush()?;
        }
        Ok(())
    }
}

/// Notes the state of a key or button; `false` if it is in that state already.
fn press(pressed: &mut [bool; 256], code: u8, down: bool) -> bool {
    pressed
        .get_mut(usize::from(code))
        .is_some_and(|state| std::mem::replace(state, down) != down)
}

/// Adds to what is left of earlier turns and takes the whole notches out.
fn notches(rest: &mut i32, delta: i16) -> i32 {
    // A change of direction starts afresh: the first notch back takes as far as any other.
    if i32::from(delta).signum() * rest.signum() < 0 {
        *rest = 0;
    }
    *rest += i32::from(delta);
    let whole = *rest / NOTCH;
    *rest %= NOTCH;
    whole
}

/// X numbers keys from 8 to 255, so that Linux codes end here.
const KEY_MAX: u8 = 247;
/// As many as people have.
pub(crate) const CONTACTS_MAX: usize = 10;
/// A notch in the units of the wire and of HID.
pub(crate) const NOTCH: i32 = 120;
/// Buttons beyond "forward" exist on gaming mice; X servers know at least this many.
const BUTTON_MAX: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_notch_add_up_and_a_turn_back_starts_afresh() {
        let mut rest = 0;
        assert_eq!([60, 59, 1, 240].map(|d| notches(&mut rest, d)), [0, 0, 1, 2]);
        assert_eq!(
            [119, -1, -119, -360].map(|d| notches(&mut rest, d)),
            [0, 0, -1, -3]
        );
        assert_eq!(rest, 0);
    }

    #[test]
    fn a_press_counts_once() {
        let mut keys = [false; 256];
        assert!(press(&mut keys, 38, true) && !press(&mut keys, 38, true));
        assert!(press(&mut keys, 38, false) && !press(&mut keys, 38, false));
    }
}
