//! A WebSocket message: a datagram as it is, or one control message behind a zero byte (docs/PROTOCOL.md, section 1.1).

use firstlight_wire::FRAME_BYTES_MAX;

/// What a binary message holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A datagram, from its first byte on.
    Datagram(&'a [u8]),
    /// A control message, without its length.
    Control(&'a [u8]),
}

/// Why a message is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// There is nothing in it.
    #[error("an empty message")]
    Empty,
    /// A datagram that no path takes.
    #[error("a datagram of {0} bytes")]
    TooLong(usize),
    /// The length that a control message names is not that of the message, or over the limit.
    #[error("a control message with a wrong length")]
    Length,
}

impl<'a> Frame<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// See [`Malformed`].
    pub fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        match message.split_first() {
            None => Err(Malformed::Empty),
            Some((&CONTROL, framed)) => {
                let (length, content) = framed.split_first_chunk().ok_or(Malformed::Length)?;
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                if length != content.len() || length > FRAME_BYTES_MAX {
                    return Err(Malformed::Length);
                }
                Ok(Self::Control(content))
            }
            Some(_) if message.len() > DATAGRAM_BYTES_MAX => Err(Malformed::TooLong(message.len())),
            Some(_) => Ok(Self::Datagram(message)),
        }
    }

    /// Writes it as a message.
    #[must_use]
    pub fn to_message(self) -> Vec<u8> {
        match self {
            Self::Datagram(datagram) => datagram.to_vec(),
            Self::Control(content) => {
                let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
                let mut message = Vec::with_capacity(5 + content.len());
                message.push(CONTROL);
                message.extend_from_slice(&length.to_be_bytes());
                message.extend_from_slice(content);
                message
            }
        }
    }
}

/// No datagram begins with it: its version would be 0.
const CONTROL: u8 = 0;
/// The largest that QUIC finds a path for is under this.
pub(crate) const DATAGRAM_BYTES_MAX: usize = 1_500;
/// A zero byte, a length and the longest control message.
pub(crate) const MESSAGE_BYTES_MAX: usize = 5 + FRAME_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_and_what_is_read_is_written(
            content in prop::collection::vec(any::<u8>(), 0..200), lead in 0..3u8
        ) {
            let control = Frame::Control(&content).to_message();
            prop_assert_eq!(Frame::read(&control), Ok(Frame::Control(&content)));
            let mut message = content.clone();
            message.insert(0, lead);
            if let Ok(frame) = Frame::read(&message) {
                prop_assert_eq!(frame.to_message(), message);
            }
        }
    }

    #[test]
    fn no_length_is_believed() {
        assert_eq!(Frame::read(&[]), Err(Malformed::Empty));
        for message in [
            &[0][..],
            &[0, 0, 0, 0],
            &[0, 0, 0, 0, 1],
            &[0, 255, 255, 255, 255, 1],
        ] {
            assert_eq!(Frame::read(message), Err(Malformed::Length));
        }
        assert_eq!(Frame::read(&[0x11; 1_501]), Err(Malformed::TooLong(1_501)));
    }
}
