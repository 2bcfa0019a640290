//! The gamepad that apps see: an Xbox 360 pad, as the kernel's `xpad` driver shows it.
//!
//! It is the pad that every game and every mapping database knows. Numbers are those of `linux/input-event-codes.h`.

/// A gamepad at one moment; by default nobody touches it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PadState {
    /// Bit n: button n of the W3C's standard gamepad is down; bits 6, 7 and above 16 mean nothing.
    pub buttons: u32,
    /// Left and right trigger: 0 released, 255 pressed to the end.
    pub triggers: [u8; 2],
    /// Left stick's x and y, right stick's x and y; positive: right, down.
    pub sticks: [i16; 4],
}

/// What one key or axis has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// [`EV_KEY`] or [`EV_ABS`].
    pub(crate) kind: u16,
    pub(crate) code: u16,
    pub(crate) value: i32,
}

/// An axis and what values it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    pub(crate) code: u16,
    pub(crate) min: i32,
    pub(crate) max: i32,
    pub(crate) fuzz: i32,
    pub(crate) flat: i32,
}

/// Every key and axis as `state` has it: keys by code, then axes by code.
pub(crate) fn all(state: &PadState) -> impl Iterator<Item = Change> + use<> {
    let state = *state;
    let keys = KEYS.into_iter().map(move |code| Change {
        kind: EV_KEY,
        code,
        value: key(&state, code),
    });
    let axes = AXES.into_iter().map(move |axis| Change {
        kind: EV_ABS,
        code: axis.code,
        value: place(&state, axis.code),
    });
    keys.chain(axes)
}

/// What is different in `new`.
pub(crate) fn changes(old: &PadState, new: &PadState) -> impl Iterator<Item = Change> + use<> {
    all(old)
        .zip(all(new))
        .filter_map(|(old, new)| (old != new).then_some(new))
}

/// Whether the key with this code is down: 0 or 1.
pub(crate) fn key(state: &PadState, code: u16) -> i32 {
    let button = BUTTONS.iter().find(|(_, known)| *known == code);
    button.map_or(0, |(button, _)| down(state, *button))
}

/// Where the axis with this code is.
pub(crate) fn place(state: &PadState, code: u16) -> i32 {
    let [left_x, left_y, right_x, right_y] = state.sticks.map(i32::from);
    let [left, right] = state.triggers.map(i32::from);
    match code {
        0x00 => left_x,
        0x01 => left_y,
        0x02 => left,
        0x03 => right_x,
        0x04 => right_y,
        0x05 => right,
        HAT_X => down(state, 15) - down(state, 14),
        HAT_Y => down(state, 13) - down(state, 12),
        _ => 0,
    }
}

fn down(state: &PadState, button: u32) -> i32 {
    i32::from(state.buttons >> button & 1 != 0)
}

pub(crate) const EV_SYN: u16 = 0x00;
pub(crate) const EV_KEY: u16 = 0x01;
pub(crate) const EV_ABS: u16 = 0x03;
pub(crate) const EV_FF: u16 = 0x15;
pub(crate) const SYN_REPORT: u16 = 0;
pub(crate) const SYN_DROPPED: u16 = 3;
pub(crate) const FF_RUMBLE: u16 = 0x50;
pub(crate) const FF_PERIODIC: u16 = 0x51;
/// Square, triangle and sine, which a motor can't tell apart.
pub(crate) const FF_WAVES: [u16; 3] = [0x58, 0x59, 0x5a];
pub(crate) const FF_GAIN: u16 = 0x60;

/// Bus (USB), vendor, product and version of the pad.
pub(crate) const ID: [u16; 4] = [0x03, 0x045e, 0x028e, 0x0114];
/// As `xpad` names it.
pub(crate) const NAME: &str = "Microsoft X-Box 360 pad";

const HAT_X: u16 = 0x10;
const HAT_Y: u16 = 0x11;
/// Standard button and key: A, B, X, Y, bumpers, back, start, guide, sticks. The cross is an axis, the triggers are two.
const BUTTONS: [(u32, u16); 11] = [
    (0, 0x130),
    (1, 0x131),
    (2, 0x133),
    (3, 0x134),
    (4, 0x136),
    (5, 0x137),
    (8, 0x13a),
    (9, 0x13b),
    (16, 0x13c),
    (10, 0x13d),
    (11, 0x13e),
];
/// The pad's keys by their codes.
pub(crate) const KEYS: [u16; 11] = {
    let mut keys = [0; 11];
    let mut n = 0;
    while n < keys.len() {
        keys[n] = BUTTONS[n].1;
        n += 1;
    }
    keys
};
/// The pad's axes by their codes.
pub(crate) const AXES: [Axis; 8] = [
    stick(0x00),
    stick(0x01),
    trigger(0x02),
    stick(0x03),
    stick(0x04),
    trigger(0x05),
    hat(HAT_X),
    hat(HAT_Y),
];

const fn stick(code: u16) -> Axis {
    Axis {
        code,
        min: -32_768,
        max: 32_767,
        fuzz: 16,
        flat: 128,
    }
}

const fn trigger(code: u16) -> Axis {
    Axis {
        code,
        min: 0,
        max: 255,
        fuzz: 0,
        flat: 0,
    }
}

const fn hat(code: u16) -> Axis {
    Axis {
        code,
        min: -1,
        max: 1,
        fuzz: 0,
        flat: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_axes_come_by_their_codes_as_joydev_numbers_them() {
        assert!(KEYS.is_sorted() && AXES.is_sorted_by_key(|axis| axis.code));
        assert_eq!(all(&PadState::default()).count(), 19);
    }

    #[test]
    fn each_standard_button_is_one_change() {
        for button in 0..32 {
            let new = PadState {
                buttons: 1 << button,
                ..PadState::default()
            };
            let found: Vec<Change> = changes(&PadState::default(), &new).collect();
            let expected = match button {
                6 | 7 | 17.. => 0,
                _ => 1,
            };
            assert_eq!(found.len(), expected, "{button}: {found:?}");
        }
    }

    #[test]
    fn the_cross_is_two_axes_whose_ends_undo_each_other() {
        let hats = |buttons: u32| {
            let state = PadState {
                buttons,
                ..PadState::default()
            };
            (place(&state, HAT_X), place(&state, HAT_Y))
        };
        let (up, down, left, right) = (1 << 12, 1 << 13, 1 << 14, 1 << 15);
        assert_eq!((hats(up), hats(down)), ((0, -1), (0, 1)));
        assert_eq!((hats(left), hats(right | up)), ((-1, 0), (1, -1)));
        assert_eq!(hats(up | down | left | right), (0, 0));
    }
}
