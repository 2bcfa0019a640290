//! The first byte of every datagram.

use crate::Error;

/// The protocol version in the first byte.
pub const VERSION: u8 = 1;

/// What a datagram is (docs/PROTOCOL.md, section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A fragment of a video unit.
    Video = 1,
    /// An audio unit.
    Audio = 2,
    /// Sent to be counted.
    Padding = 3,
    /// Answer to a clock request.
    ClockReply = 4,
    /// Acknowledges input.
    InputAck = 5,
    /// Restores lost fragments of a video unit.
    Parity = 6,
    /// Any other datagram, sealed.
    Sealed = 7,
    /// Input events and the pressed state.
    Input = 8,
    /// Arrivals, acknowledged frames, requests.
    Feedback = 9,
    /// Asks for the host's clock.
    ClockRequest = 10,
}

impl Kind {
    /// The kind of a datagram.
    ///
    /// # Errors
    /// [`Error::Truncated`] when it is empty, [`Error::Version`], [`Error::Kind`] when unknown.
    pub fn of(datagram: &[u8]) -> Result<Self, Error> {
        let first = *datagram.first().ok_or(Error::Truncated {
            what: "a datagram",
            have: 0,
            need: 1,
        })?;
        if first >> 4 != VERSION {
            return Err(Error::Version(first >> 4));
        }
        match first & 0x0F {
            1 => Ok(Self::Video),
            2 => Ok(Self::Audio),
            3 => Ok(Self::Padding),
            4 => Ok(Self::ClockReply),
            5 => Ok(Self::InputAck),
            6 => Ok(Self::Parity),
            7 => Ok(Self::Sealed),
            8 => Ok(Self::Input),
            9 => Ok(Self::Feedback),
            10 => Ok(Self::ClockRequest),
            other => Err(Error::Kind(other)),
        }
    }

    /// The first byte of a datagram of this kind.
    #[must_use]
    pub const fn first_byte(self) -> u8 {
        VERSION << 4 | self as u8
    }

    pub(crate) fn expect(self, datagram: &[u8]) -> Result<(), Error> {
        match Self::of(datagram)? {
            kind if kind == self => Ok(()),
            other => Err(Error::Kind(other as u8)),
        }
    }
}
