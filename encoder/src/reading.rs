//! What an access unit says of itself, for backends that are handed whole ones.

use crate::av1::obus;
use crate::h264::{NalType, SliceHeader, Sps, init_qp};
use crate::{Codec, still};
use firstlight_units::ByteCount;

/// Reads the access units of one stream, in order.
#[derive(Clone, Debug)]
pub struct Reading {
    codec: Codec,
    string: String,
    sps: Option<Sps>,
    init_qp: i32,
}

/// What one access unit says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// A decoder can start here.
    pub idr: bool,
    /// The QP of its first slice, where it is readable: of AV1 it is not.
    pub qp: Option<u8>,
}

impl Reading {
    /// Nothing read so far.
    #[must_use]
    pub const fn new(codec: Codec) -> Self {
        Self {
            codec,
            string: String::new(),
            sps: None,
            init_qp: 26,
        }
    }

    /// The codec string (RFC 6381) of the newest parameter sets; empty before the first.
    #[must_use]
    pub fn codec(&self) -> &str {
        &self.string
    }

    /// Reads one access unit.
    ///
    /// # Errors
    /// What a decoder would miss in it.
    pub fn read(&mut self, unit: &[u8]) -> Result<Said, &'static str> {
        let said = match self.codec {
            Codec::H264 => self.read_nals(unit)?,
            Codec::Av1 => self.read_obus(unit)?,
        };
        if self.string.is_empty() {
            return Err("its first access unit has no parameter sets");
        }
        Ok(said)
    }

    fn read_nals(&mut self, unit: &[u8]) -> Result<Said, &'static str> {
        let (mut said, mut parameters) = (None, false);
        for nal in nals(unit) {
            match nal.first().map_or(NalType::Other, |&byte| NalType::of(byte)) {
                NalType::Sps => {
                    let sps = Sps::parse(nal).map_err(|_| "an unreadable SPS")?;
                    (self.string, self.sps, parameters) = (sps.codec(), Some(sps), true);
                }
                NalType::Pps => self.init_qp = init_qp(nal).unwrap_or(self.init_qp),
                kind @ (NalType::Slice | NalType::SliceIdr) => {
                    let header = self.sps.and_then(|sps| SliceHeader::parse(nal, &sps));
                    let qp = header.map(|h| self.init_qp.saturating_add(h.qp_delta));
                    if header.is_some_and(|h| h.first_mb == 0) && said.is_some() {
                        return Err("two pictures in one access unit");
                    }
                    said.get_or_insert_with(|| Said {
                        idr: kind == NalType::SliceIdr,
                        qp: qp.and_then(|qp| u8::try_from(qp).ok()),
                    });
                }
                NalType::Other => {}
            }
        }
        match said {
            Some(Said { idr: true, .. }) if !parameters => Err("an IDR without its parameter sets"),
            Some(said) => Ok(said),
            None => Err("an access unit without a slice"),
        }
    }

    fn read_obus(&mut self, unit: &[u8]) -> Result<Said, &'static str> {
        let (mut idr, mut parameters) = (None, false);
        for obu in obus(unit) {
            if let Some(codec) = obu.codec() {
                (self.string, parameters) = (codec, true);
            }
            idr = idr.or_else(|| obu.frame());
        }
        match idr {
            Some(true) if !parameters => Err("a key frame without its sequence header"),
            Some(idr) => Ok(Said { idr, qp: None }),
            None => Err("a temporal unit without a frame"),
        }
    }
}

/// A QP for an access unit that does not tell its own: from its bits where its cap ruled it, else one that nobody complains of.
#[must_use]
pub fn likely_qp(bytes: ByteCount, cap: ByteCount, blocks: u64) -> u8 {
    if bytes.as_u64() * 2 < cap.as_u64() {
        return still::QP_SHARP;
    }
    let mut qp = QP_OF_FOUR_BITS;
    let mut bits = bytes.as_u64().saturating_mul(8) / blocks.max(1);
    while bits >= 8 && qp > still::QP_SHARP {
        (bits, qp) = (bits / 2, qp.saturating_sub(6));
    }
    qp
}

/// The NAL units of an Annex B stream, without their start codes.
pub(crate) fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = stream
        .windows(3)
        .enumerate()
        .filter(|(_, code)| *code == [0, 0, 1]);
    let mut starts = starts.map(|(at, _)| at).peekable();
    std::iter::from_fn(move || {
        let at = starts.next()?;
        stream.get(at + 3..starts.peek().copied().unwrap_or(stream.len()).max(at + 3))
    })
}

/// With four bits for each block of 16 by 16 pixels a moving picture has a QP of about this, and six less with twice as many
/// (measured with libx264, see `rate`).
const QP_OF_FOUR_BITS: u8 = 45;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_unit_without_what_a_decoder_needs_is_refused() {
        let mut reading = Reading::new(Codec::H264);
        assert_eq!(
            reading.read(&[0, 0, 0, 1, 0x65, 0x88, 0x80]),
            Err("an IDR without its parameter sets")
        );
        assert_eq!(
            reading.read(&[0, 0, 0, 1, 9, 0x10]),
            Err("an access unit without a slice")
        );
        let mut reading = Reading::new(Codec::Av1);
        assert_eq!(
            reading.read(&[0x12, 0, 0x32, 1, 0x10]),
            Err("a key frame without its sequence header")
        );
        assert_eq!(reading.read(&[0x12, 0]), Err("a temporal unit without a frame"));
    }

    #[test]
    fn a_qp_follows_the_bits_where_they_are_few() {
        let cap = ByteCount::new(20_000);
        assert_eq!(likely_qp(ByteCount::new(900), cap, 3_600), still::QP_SHARP);
        assert_eq!(likely_qp(ByteCount::new(1_800), ByteCount::new(1_800), 3_600), 45);
        assert_eq!(likely_qp(ByteCount::new(18_000), cap, 3_600), 27);
    }
}
