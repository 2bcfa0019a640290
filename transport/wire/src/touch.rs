//! Fingers on a touch screen (docs/PROTOCOL.md, section 3.3).

use crate::Error;
use crate::reader::Reader;

/// Most fingers at once.
pub const CONTACTS_MAX: u8 = 10;
/// Bytes of an event's body.
pub(crate) const TOUCH_BYTES: usize = 6;

/// What a finger did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which finger: 0 to 9; a parser gives any number that was sent.
    pub contact: u8,
    /// What it did.
    pub phase: Phase,
    /// Where: 0 to 65535 over the picture, from the left.
    pub x: u16,
    /// From the top.
    pub y: u16,
}

/// What happened to a finger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It left the screen; the place means nothing.
    Up,
    /// It came.
    Down,
    /// It moved.
    Move,
    /// All fingers are gone, and nothing is meant by it; finger and place mean nothing.
    Cancel,
}

impl Touch {
    /// All fingers are gone.
    pub const CANCEL: Self = Self {
        contact: 0,
        phase: Phase::Cancel,
        x: 0,
        y: 0,
    };

    /// `None`: of a later version.
    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Option<Self>, Error> {
        let (contact, phase, x, y) = (r.u8()?, r.u8()?, r.u16()?, r.u16()?);
        let phase = match phase {
            0 => Phase::Up,
            1 => Phase::Down,
            2 => Phase::Move,
            3 => Phase::Cancel,
            _ => return Ok(None),
        };
        Ok(Some(Self { contact, phase, x, y }))
    }

    pub(crate) const fn to_bytes(self) -> [u8; TOUCH_BYTES] {
        let phase = match self.phase {
            Phase::Up => 0,
            Phase::Down => 1,
            Phase::Move => 2,
            Phase::Cancel => 3,
        };
        let ([x, x_low], [y, y_low]) = (self.x.to_be_bytes(), self.y.to_be_bytes());
        [self.contact, phase, x, x_low, y, y_low]
    }
}
