//! Events as apps read them: `struct input_event` and `struct js_event` of 64-bit programs.

use super::model::{
    self, AXES, Axis, Change, EV_ABS, EV_KEY, EV_SYN, KEYS, PadState, SYN_DROPPED, SYN_REPORT,
};
use nix::sys::time::TimeSpec;

/// A `struct input_event`.
pub(crate) const EVENT_BYTES: usize = 24;

/// Appends `changes` as evdev tells them, and the end of the report. After `lost`, the app is told that it missed some.
pub(crate) fn events(changes: impl Iterator<Item = Change>, at: TimeSpec, lost: bool, out: &mut Vec<u8>) {
    let mut push = |kind: u16, code: u16, value: i32| {
        out.extend_from_slice(&at.tv_sec().to_ne_bytes());
        out.extend_from_slice(&(at.tv_nsec() / 1_000).to_ne_bytes());
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(&code.to_ne_bytes());
        out.extend_from_slice(&value.to_ne_bytes());
    };
    if lost {
        push(EV_SYN, SYN_DROPPED, 0);
        push(EV_SYN, SYN_REPORT, 0);
    }
    for change in changes {
        push(change.kind, change.code, change.value);
    }
    push(EV_SYN, SYN_REPORT, 0);
}

/// Appends `changes` as joydev tells them; `first`: as the state that an app finds.
pub(crate) fn joystick(changes: impl Iterator<Item = Change>, at: TimeSpec, first: bool, out: &mut Vec<u8>) {
    // The kernel's time wraps too.
    let millis = u32::try_from((at.tv_sec() * 1_000 + at.tv_nsec() / 1_000_000) & 0xffff_ffff).unwrap_or(0);
    for change in changes {
        let Some((kind, number, value)) = numbered(change) else {
            continue;
        };
        out.extend_from_slice(&millis.to_ne_bytes());
        out.extend_from_slice(&value.to_ne_bytes());
        out.push(kind | if first { JS_EVENT_INIT } else { 0 });
        out.push(number);
    }
}

/// A program's own `struct input_event`: type, code and value.
pub(crate) fn written(bytes: &[u8; EVENT_BYTES]) -> (u16, u16, i32) {
    let [.., t0, t1, c0, c1, v0, v1, v2, v3] = *bytes;
    (
        u16::from_ne_bytes([t0, t1]),
        u16::from_ne_bytes([c0, c1]),
        i32::from_ne_bytes([v0, v1, v2, v3]),
    )
}

/// Everything, for whoever may have missed some of it.
pub(crate) fn all(state: &PadState) -> impl Iterator<Item = Change> + use<> {
    model::all(state)
}

/// Joydev's type, number and value.
fn numbered(change: Change) -> Option<(u8, u8, i16)> {
    let number = |at: usize| u8::try_from(at).ok();
    match change.kind {
        EV_KEY => {
            let at = KEYS.iter().position(|code| *code == change.code)?;
            Some((JS_EVENT_BUTTON, number(at)?, i16::from(change.value != 0)))
        }
        EV_ABS => {
            let at = AXES.iter().position(|axis| axis.code == change.code)?;
            Some((JS_EVENT_AXIS, number(at)?, scaled(AXES.get(at)?, change.value)))
        }
        _ => None,
    }
}

/// The axis' range becomes -32767 to 32767.
fn scaled(axis: &Axis, value: i32) -> i16 {
    let (range, at) = (i64::from(axis.max - axis.min), i64::from(value - axis.min));
    let place = at * 65_534 / range.max(1) - 32_767;
    i16::try_from(place).unwrap_or(i16::MAX)
}

const JS_EVENT_BUTTON: u8 = 0x01;
const JS_EVENT_AXIS: u8 = 0x02;
const JS_EVENT_INIT: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_what_a_c_program_reads() {
        let press = Change {
            kind: EV_KEY,
            code: 0x130,
            value: 1,
        };
        let mut out = Vec::new();
        events([press].into_iter(), TimeSpec::new(5, 7_000), false, &mut out);
        assert_eq!(out.len(), 2 * EVENT_BYTES);
        assert_eq!(out[..8], 5_i64.to_ne_bytes());
        assert_eq!(out[8..16], 7_i64.to_ne_bytes());
        assert_eq!(written(out.first_chunk().unwrap()), (1, 0x130, 1));
        assert_eq!(written(out.last_chunk().unwrap()), (0, 0, 0));
    }

    #[test]
    fn a_joystick_s_axes_go_from_end_to_end() {
        for axis in AXES {
            assert_eq!(
                (scaled(&axis, axis.min), scaled(&axis, axis.max)),
                (-32_767, 32_767)
            );
        }
        assert_eq!((scaled(&AXES[6], 0), scaled(&AXES[0], 0)), (0, 0));
        let mut out = Vec::new();
        joystick(all(&PadState::default()), TimeSpec::new(0, 0), true, &mut out);
        assert_eq!(out.len(), 19 * 8);
        assert!(out.chunks(8).all(|event| event[6] & JS_EVENT_INIT != 0));
    }
}
