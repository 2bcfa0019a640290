//! What is inside a unit: the trace of a video unit, the packets of an audio unit (docs/PROTOCOL.md, 2.2 and 2.3).

use crate::Error;
use crate::reader::Reader;

/// Bytes of a trace of this version.
pub const TRACE_BYTES: usize = 34;

/// What happened to a picture on the host. Spans are microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoTrace {
    /// Low 32 bits of the last input event injected before the picture was committed; 0: none.
    pub input: u32,
    /// From that event's injection to the commit; `u32::MAX`: unknown.
    pub since_input: u32,
    /// From that event's arrival at the host to its injection.
    pub inject: u32,
    /// From the commit to the pixels being in the engine's memory.
    pub capture: u32,
    /// Colour conversion.
    pub convert: u32,
    /// From there to the last NAL unit.
    pub encode: u32,
    /// From there to the unit being in the pacer.
    pub packetize: u32,
    /// Pixels to be shown.
    pub width: u16,
    /// Pixels to be shown.
    pub height: u16,
    /// Mean QP of the newest access unit that is finished, 0 to 51.
    pub qp: u8,
}

impl VideoTrace {
    /// Reads a trace; bytes past those this version knows are skipped.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::new("a video trace", bytes);
        let trace = Self {
            input: r.u32()?,
            since_input: r.u32()?,
            inject: r.u32()?,
            capture: r.u32()?,
            convert: r.u32()?,
            encode: r.u32()?,
            packetize: r.u32()?,
            width: r.u16()?,
            height: r.u16()?,
            qp: r.u8()?,
        };
        r.skip(1)?;
        Ok(trace)
    }

    /// The trace's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; TRACE_BYTES] {
        let mut out = [0; TRACE_BYTES];
        let spans = [
            self.input,
            self.since_input,
            self.inject,
            self.capture,
            self.convert,
            self.encode,
            self.packetize,
        ];
        for (slot, span) in out.chunks_exact_mut(4).zip(spans) {
            slot.copy_from_slice(&span.to_be_bytes());
        }
        out[28..30].copy_from_slice(&self.width.to_be_bytes());
        out[30..32].copy_from_slice(&self.height.to_be_bytes());
        out[32] = self.qp;
        out
    }
}

/// Splits a whole video unit into its trace, where it carries one, and its NAL units.
///
/// # Errors
/// [`Error::Truncated`].
pub fn split_video_unit(unit: &[u8]) -> Result<(Option<VideoTrace>, &[u8]), Error> {
    let mut r = Reader::new("a video unit", unit);
    let length = r.u8()?;
    let trace = r.take(length.into())?;
    let trace = if trace.is_empty() {
        None
    } else {
        Some(VideoTrace::parse(trace)?)
    };
    Ok((trace, r.rest()))
}

/// An audio unit: a packet and the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioUnit<'a> {
    /// The Opus packet of this frame.
    pub primary: &'a [u8],
    /// The Opus packet of the frame before; may be empty.
    pub previous: &'a [u8],
}

impl<'a> AudioUnit<'a> {
    /// Reads an audio payload.
    ///
    /// # Errors
    /// [`Error::Truncated`].
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new("an audio unit", payload);
        let length = r.u16()?;
        let primary = r.take(length.into())?;
        Ok(Self {
            primary,
            previous: r.rest(),
        })
    }

    /// Appends the payload's bytes. A primary packet over 65,535 bytes is cut; Opus packets have at most 1,275.
    pub fn write(&self, out: &mut Vec<u8>) {
        let length = u16::try_from(self.primary.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(self.primary.get(..length.into()).unwrap_or_default());
        out.extend_from_slice(self.previous);
    }
}
