//! Length-prefixed messages of the control stream (docs/PROTOCOL.md, section 5).
//!
//! ```text
//! message -> write_frame -> stream bytes, cut anywhere -> FrameDecoder::decode -> message
//! ```

use crate::Error;
use bytes::Bytes;
use prost::Message;

/// Most bytes of one control message, without its length.
pub const FRAME_BYTES_MAX: usize = 65_536;

/// Appends a message with its length before it.
///
/// # Errors
/// [`Error::FrameTooLong`] over [`FRAME_BYTES_MAX`]; nothing was appended.
pub fn write_frame(message: &impl Message, out: &mut Vec<u8>) -> Result<(), Error> {
    let length = message.encoded_len();
    if length > FRAME_BYTES_MAX {
        return Err(too_long(length));
    }
    let prefix = u32::try_from(length).unwrap_or(u32::MAX);
    out.reserve(PREFIX_BYTES + length);
    out.extend_from_slice(&prefix.to_be_bytes());
    // The only error of encoding is a full buffer, and a Vec grows.
    message.encode_raw(out);
    Ok(())
}

/// Cuts a stream of bytes into messages.
///
/// It holds at most one message: what came of it, never what its length promises.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    prefix: [u8; PREFIX_BYTES],
    prefix_filled: usize,
    body: Vec<u8>,
    broken: Option<Error>,
}

impl FrameDecoder {
    /// Takes bytes off `input` up to the end of the next message and returns it; `None` when `input` is used up.
    /// Call it until it returns `None`. An empty message is a message.
    ///
    /// # Errors
    /// [`Error::FrameTooLong`], for ever after: where the next message starts is not known any more.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Bytes>, Error> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        while self.prefix_filled < PREFIX_BYTES {
            let Some((byte, rest)) = input.split_first() else {
                return Ok(None);
            };
            if let Some(slot) = self.prefix.get_mut(self.prefix_filled) {
                *slot = *byte;
            }
            self.prefix_filled += 1;
            *input = rest;
        }
        let length = usize::try_from(u32::from_be_bytes(self.prefix)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES_MAX {
            return Err(*self.broken.insert(too_long(length)));
        }
        let (taken, rest) = input.split_at(input.len().min(length.saturating_sub(self.body.len())));
        self.body.extend_from_slice(taken);
        *input = rest;
        if self.body.len() < length {
            return Ok(None);
        }
        self.prefix_filled = 0;
        Ok(Some(std::mem::take(&mut self.body).into()))
    }

    /// Bytes held of a message that is not whole; at most [`FRAME_BYTES_MAX`] and the 4 of its length.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.prefix_filled + self.body.len()
    }

    /// Call when the stream has ended.
    ///
    /// # Errors
    /// [`Error::Truncated`] when it ended within a message.
    pub fn finish(self) -> Result<(), Error> {
        let have = self.buffered();
        if have == 0 {
            return Ok(());
        }
        let length = usize::try_from(u32::from_be_bytes(self.prefix)).unwrap_or(usize::MAX);
        let need = if self.prefix_filled < PREFIX_BYTES {
            PREFIX_BYTES
        } else {
            length.saturating_add(PREFIX_BYTES)
        };
        Err(Error::Truncated {
            what: "a control message",
            have,
            need,
        })
    }
}

const fn too_long(length: usize) -> Error {
    Error::FrameTooLong {
        length,
        most: FRAME_BYTES_MAX,
    }
}

const PREFIX_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{ClientMessage, Leave, client_message};

    fn leave() -> ClientMessage {
        ClientMessage {
            message: Some(client_message::Message::Leave(Leave { end_session: true })),
        }
    }

    #[test]
    fn the_frame_is_a_length_and_the_message() {
        let mut out = Vec::new();
        write_frame(&leave(), &mut out).unwrap();
        assert_eq!(out, [0, 0, 0, 4, 0x32, 2, 8, 1]);
    }

    #[test]
    fn messages_come_out_of_a_stream_cut_anywhere() {
        let mut stream = Vec::new();
        write_frame(&leave(), &mut stream).unwrap();
        write_frame(&ClientMessage::default(), &mut stream).unwrap();
        write_frame(&leave(), &mut stream).unwrap();
        for chunk in 1..=stream.len() {
            let mut decoder = FrameDecoder::default();
            let mut messages = Vec::new();
            for mut piece in stream.chunks(chunk) {
                while let Some(message) = decoder.decode(&mut piece).unwrap() {
                    messages.push(ClientMessage::decode(message).unwrap());
                }
                assert!(piece.is_empty());
            }
            assert_eq!(messages, [leave(), ClientMessage::default(), leave()]);
            assert_eq!(decoder.finish(), Ok(()));
        }
    }

    #[test]
    fn a_length_over_the_limit_breaks_the_stream_for_good() {
        let mut decoder = FrameDecoder::default();
        let error = Error::FrameTooLong {
            length: 65_537,
            most: FRAME_BYTES_MAX,
        };
        assert_eq!(decoder.decode(&mut &[0, 1, 0, 1, 9, 9][..]), Err(error));
        assert_eq!(decoder.decode(&mut &[0, 0, 0, 0][..]), Err(error));
        assert_eq!(decoder.body.capacity(), 0);
    }

    #[test]
    fn the_largest_message_passes_and_one_byte_more_does_not() {
        let report = |size: usize| crate::control::Hello {
            user_agent: "x".repeat(size),
            ..Default::default()
        };
        let mut out = Vec::new();
        // Tag and a length of three bytes stand before the text.
        write_frame(&report(FRAME_BYTES_MAX - 4), &mut out).unwrap();
        assert_eq!(out.len(), FRAME_BYTES_MAX + 4);
        let mut decoder = FrameDecoder::default();
        assert_eq!(
            decoder.decode(&mut out.as_slice()).unwrap().map(|m| m.len()),
            Some(FRAME_BYTES_MAX)
        );
        assert!(write_frame(&report(FRAME_BYTES_MAX - 3), &mut out).is_err());
        assert_eq!(out.len(), FRAME_BYTES_MAX + 4);
    }

    #[test]
    fn a_promised_length_is_not_allocated_and_an_early_end_is_told() {
        let mut decoder = FrameDecoder::default();
        assert_eq!(decoder.decode(&mut &[0, 1, 0, 0, 7][..]), Ok(None));
        assert_eq!(decoder.buffered(), 5);
        assert!(decoder.body.capacity() < 64);
        let need = FRAME_BYTES_MAX + 4;
        assert_eq!(
            decoder.finish(),
            Err(Error::Truncated {
                what: "a control message",
                have: 5,
                need
            })
        );
    }
}
