//! Fingers, for a display without a touch screen: one is the pointer with its left button, two turn the wheel. Pure.

use crate::input::{CONTACTS_MAX, InputEvent, NOTCH, Touch, TouchPhase};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Fingers {
    at: [Option<(u16, u16)>; CONTACTS_MAX],
    gesture: Gesture,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gesture {
    #[default]
    None,
    /// This finger holds the left button.
    Point(usize),
    /// Any of them turns the wheel.
    Turn,
    /// It is over, until the last finger is gone.
    Over,
}

impl Fingers {
    /// What mouse and wheel do when a finger does this; a finger that does what it cannot, does nothing.
    pub(crate) fn take(&mut self, touch: Touch) -> Vec<InputEvent> {
        let Touch { contact, phase, x, y } = touch;
        let which = usize::from(contact);
        if phase == TouchPhase::Cancel {
            return self.cancel();
        }
        let Some(place) = self.at.get_mut(which) else {
            return Vec::new();
        };
        match (phase, *place) {
            (TouchPhase::Down, None) => {
                *place = Some((x, y));
                self.come(which, (x, y))
            }
            (TouchPhase::Move, Some(before)) => {
                *place = Some((x, y));
                self.shift(which, before, (x, y))
            }
            (TouchPhase::Up, Some(_)) => {
                *place = None;
                self.go(which)
            }
            _ => Vec::new(),
        }
    }

    fn come(&mut self, which: usize, (x, y): (u16, u16)) -> Vec<InputEvent> {
        match self.gesture {
            Gesture::None => {
                self.gesture = Gesture::Point(which);
                vec![InputEvent::MoveTo { x, y }, left(true)]
            }
            Gesture::Point(_) => {
                self.gesture = Gesture::Turn;
                vec![left(false)]
            }
            Gesture::Turn | Gesture::Over => Vec::new(),
        }
    }

    /// What lies under the fingers goes with them: it is scrolled the other way.
    fn shift(&self, which: usize, from: (u16, u16), (x, y): (u16, u16)) -> Vec<InputEvent> {
        match self.gesture {
            Gesture::Point(finger) if finger == which => vec![InputEvent::MoveTo { x, y }],
            Gesture::Turn => {
                let fingers = self.at.iter().flatten().count().max(1);
                let turn = |from: u16, to: u16| {
                    let share = (f64::from(from) - f64::from(to)) / f64::from(u16::MAX);
                    let steps = share * NOTCHES * f64::from(NOTCH)
                        / f64::from(u8::try_from(fingers).unwrap_or(u8::MAX));
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "at most all notches of the picture"
                    )]
                    let steps = steps.round() as i16;
                    steps
                };
                let (dx, dy) = (turn(from.0, x), turn(from.1, y));
                vec![InputEvent::Wheel { dx, dy }]
            }
            Gesture::None | Gesture::Point(_) | Gesture::Over => Vec::new(),
        }
    }

    fn go(&mut self, which: usize) -> Vec<InputEvent> {
        let released = self.gesture == Gesture::Point(which);
        self.gesture = if self.at.iter().flatten().next().is_some() {
            Gesture::Over
        } else {
            Gesture::None
        };
        released.then(|| left(false)).into_iter().collect()
    }

    fn cancel(&mut self) -> Vec<InputEvent> {
        let held = matches!(self.gesture, Gesture::Point(_));
        *self = Self::default();
        held.then(|| left(false)).into_iter().collect()
    }
}

const fn left(down: bool) -> InputEvent {
    InputEvent::Button { button: 1, down }
}

/// Notches for fingers that go over the whole picture: at three lines of 20 pixels each, a page of 720 pixels follows them.
const NOTCHES: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    const fn touch(contact: u8, phase: TouchPhase, x: u16, y: u16) -> Touch {
        Touch { contact, phase, x, y }
    }

    #[test]
    fn one_finger_points_presses_and_drags() {
        let mut fingers = Fingers::default();
        let down = fingers.take(touch(3, TouchPhase::Down, 10, 20));
        assert_eq!(down, [InputEvent::MoveTo { x: 10, y: 20 }, left(true)]);
        let moved = fingers.take(touch(3, TouchPhase::Move, 30, 40));
        assert_eq!(moved, [InputEvent::MoveTo { x: 30, y: 40 }]);
        assert_eq!(fingers.take(touch(3, TouchPhase::Up, 0, 0)), [left(false)]);
        assert!(fingers.take(touch(3, TouchPhase::Move, 5, 5)).is_empty());
    }

    #[test]
    fn two_fingers_turn_the_wheel_and_press_nothing_until_both_are_gone() {
        let mut fingers = Fingers::default();
        fingers.take(touch(0, TouchPhase::Down, 0, 0x8000));
        assert_eq!(
            fingers.take(touch(1, TouchPhase::Down, 100, 0x8000)),
            [left(false)]
        );
        // Both go up by a quarter of the picture: three notches down, half of them by each.
        let turns = [0, 1].map(|contact| fingers.take(touch(contact, TouchPhase::Move, 0, 0x4000)));
        let dy: i16 = turns
            .iter()
            .flatten()
            .map(|event| {
                let InputEvent::Wheel { dy, .. } = event else {
                    panic!("{event:?}");
                };
                *dy
            })
            .sum();
        assert_eq!(dy, 360);
        assert!(fingers.take(touch(0, TouchPhase::Up, 0, 0)).is_empty());
        assert!(fingers.take(touch(1, TouchPhase::Move, 9, 9)).is_empty());
        assert!(fingers.take(touch(1, TouchPhase::Up, 0, 0)).is_empty());
        assert_eq!(fingers.take(touch(0, TouchPhase::Down, 1, 1)).len(), 2);
    }

    #[test]
    fn what_is_cancelled_holds_nothing() {
        let mut fingers = Fingers::default();
        fingers.take(touch(0, TouchPhase::Down, 1, 1));
        assert_eq!(fingers.take(touch(0, TouchPhase::Cancel, 0, 0)), [left(false)]);
        assert!(fingers.take(touch(0, TouchPhase::Up, 0, 0)).is_empty());
        assert!(fingers.take(touch(10, TouchPhase::Down, 0, 0)).is_empty());
    }
}
