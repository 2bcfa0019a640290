//! A gamepad's state: what an event and the pressed state say of it (docs/PROTOCOL.md, section 3.2).

use crate::Error;
use crate::reader::Reader;

/// Most gamepads of a player.
pub const PADS_MAX: usize = 4;
/// Bytes of a pad's state.
pub const PAD_BYTES: usize = 16;

/// All of a gamepad at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pad {
    /// 0 to 3; a parser gives any number that was sent.
    pub pad: u8,
    /// It is plugged in. Where it is not, the rest is at rest.
    pub plugged: bool,
    /// Left and right trigger: 0 released, 255 pressed to the end.
    pub triggers: [u8; 2],
    /// Bit n: button n of the W3C's standard gamepad is down; of [`Self::BUTTONS`] only.
    pub buttons: u32,
    /// Left stick's x and y, right stick's x and y; positive: right, down.
    pub sticks: [i16; 4],
}

impl Pad {
    /// The buttons that a standard gamepad has; its buttons 6 and 7 are the triggers, which have values.
    pub const BUTTONS: u32 = 0x1_FF3F;

    /// A pad that nobody touches.
    #[must_use]
    pub const fn at_rest(pad: u8, plugged: bool) -> Self {
        Self {
            pad,
            plugged,
            triggers: [0; 2],
            buttons: 0,
            sticks: [0; 4],
        }
    }

    /// Whether nothing is pressed and nothing is out of its middle.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        *self == Self::at_rest(self.pad, self.plugged)
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, Error> {
        let (pad, flags) = (r.u8()?, r.u8()?);
        let state = Self {
            pad,
            plugged: flags & 1 != 0,
            triggers: [r.u8()?, r.u8()?],
            buttons: r.u32()? & Self::BUTTONS,
            sticks: [r.i16()?, r.i16()?, r.i16()?, r.i16()?],
        };
        Ok(if state.plugged {
            state
        } else {
            Self::at_rest(pad, false)
        })
    }

    pub(crate) fn to_bytes(self) -> [u8; PAD_BYTES] {
        let mut out = [0; PAD_BYTES];
        let [left, right] = self.triggers;
        out[..4].copy_from_slice(&[self.pad, u8::from(self.plugged), left, right]);
        out[4..8].copy_from_slice(&self.buttons.to_be_bytes());
        for (place, stick) in out[8..].chunks_exact_mut(2).zip(self.sticks) {
            place.copy_from_slice(&stick.to_be_bytes());
        }
        out
    }
}
