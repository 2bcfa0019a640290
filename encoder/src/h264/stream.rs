//! Follows the stream of an encoder that is not ours to set up to the last bit, such as one in hardware.

use super::bits::{BitReader, unescape};
use super::{NalType, SPS_BYTES_MAX, SliceHead, SliceHeader, Sps, init_qp};
use crate::references::References;
use crate::{Error, Sink, Unit};
use firstlight_units::{ByteCount, FrameId};

/// Reads each access unit as an encoder made it, mends its SPS, and says what it was predicted from.
///
/// ```text
/// access unit as made -> read -> [SPS mended; AUD and SEI dropped; slice heads] -> units -> Sink
/// ```
///
/// What it says of references comes from the slices, and not from what the encoder was asked for.
#[derive(Debug)]
pub struct Stream {
    sps: Option<Sps>,
    /// `pic_init_qp` and whether it is CABAC, of the newest PPS.
    pps: Option<(i32, bool)>,
    references: References,
    codec: String,
    nals: Vec<u8>,
    /// Where each unit ends in `nals`.
    ends: Vec<usize>,
}

/// What a stream says of an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// A decoder can start here.
    pub idr: bool,
    /// The newest access unit it needs; itself for an IDR, and for a picture without prediction.
    pub reference: FrameId,
    /// QP of its first row; `None` where the slice has it behind something that is not read here.
    pub qp: Option<u8>,
    /// All units together.
    pub bytes: ByteCount,
}

impl Stream {
    /// Of an encoder whose buffer holds `references` pictures, 1 to 16.
    #[must_use]
    pub fn new(references: usize) -> Self {
        Self {
            sps: None,
            pps: None,
            references: References::holding(references),
            codec: String::new(),
            nals: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// The codec string (RFC 6381), once parameter sets were read.
    #[must_use]
    pub fn codec(&self) -> &str {
        &self.codec
    }

    /// Pixels across and down after cropping, once parameter sets were read.
    #[must_use]
    pub fn size(&self) -> Option<(u32, u32)> {
        self.sps.map(|sps| (sps.width, sps.height))
    }

    /// Reads parameter sets without a picture, in Annex B form.
    ///
    /// # Errors
    /// When they are not what this crate reads.
    pub fn read_parameters(&mut self, annex_b: &[u8]) -> Result<(), Error> {
        for nal in nals(annex_b) {
            self.parameter(nal)?;
        }
        Ok(())
    }

    /// Reads access unit `frame`, in Annex B form.
    ///
    /// # Errors
    /// When it holds no slice, slices before an SPS, or what this crate does not read.
    pub fn read(&mut self, frame: FrameId, annex_b: &[u8]) -> Result<Seen, Error> {
        self.nals.clear();
        self.ends.clear();
        let mut first = None;
        for nal in nals(annex_b) {
            match NalType::of(nal.first().copied().unwrap_or(0)) {
                NalType::Sps => {
                    self.parameter(nal)?;
                    let mut mended = [0; SPS_BYTES_MAX];
                    let length = Sps::allow_gaps(nal, &mut mended)?;
                    self.append(mended.get(..length).unwrap_or_default());
                }
                NalType::Pps => {
                    self.parameter(nal)?;
                    self.append(nal);
                }
                NalType::Slice | NalType::SliceIdr => {
                    if first.is_none() {
                        first = Some(self.look(nal)?);
                    }
                    self.append(nal);
                    self.ends.push(self.nals.len());
                }
                // Delimiters and what an encoder says of itself: bytes that no decoder here reads.
                NalType::Other => {}
            }
        }
        let (head, qp) = first.ok_or(Error::Contract("an access unit without a picture"))?;
        let reference = self.reference(frame, head)?;
        self.references.push(frame, head.idr);
        Ok(Seen {
            idr: head.idr,
            reference,
            qp,
            bytes: self.nals.len().into(),
        })
    }

    /// Hands on the units of the access unit read last: parameter sets with the first slice, then slice by slice.
    pub fn units(&self, sink: &mut Sink<'_>) {
        let mut from = 0;
        let count = self.ends.len();
        for (n, &end) in self.ends.iter().enumerate() {
            sink(Unit {
                nals: self.nals.get(from..end).unwrap_or_default(),
                index: u8::try_from(n).unwrap_or(u8::MAX),
                last: n + 1 == count,
            });
            from = end;
        }
    }

    /// Those access units at and after `first_lost` that the encoder may still predict from, oldest first.
    pub fn since(&self, first_lost: FrameId) -> impl Iterator<Item = FrameId> + '_ {
        self.references.since(first_lost)
    }

    /// Gives up `first_lost` and all after it. False: nothing is left to predict from.
    pub fn invalidate(&mut self, first_lost: FrameId) -> bool {
        self.references.invalidate(first_lost)
    }

    fn parameter(&mut self, nal: &[u8]) -> Result<(), Error> {
        match NalType::of(nal.first().copied().unwrap_or(0)) {
            NalType::Sps => {
                let sps = Sps::parse(nal)?;
                if self.sps != Some(sps) {
                    self.codec = sps.codec();
                    self.sps = Some(sps);
                }
            }
            NalType::Pps => self.pps = init_qp(nal).zip(is_cabac(nal)),
            NalType::Slice | NalType::SliceIdr | NalType::Other => {}
        }
        Ok(())
    }

    fn look(&self, nal: &[u8]) -> Result<(SliceHead, Option<u8>), Error> {
        let sps = self
            .sps
            .as_ref()
            .ok_or(Error::Sps("there is none before the first picture"))?;
        let head = SliceHead::parse(nal, sps).ok_or(Error::Contract("an unreadable slice"))?;
        let qp = self.pps.and_then(|(init, cabac)| {
            let header = SliceHeader::parse_any(nal, sps, cabac)?;
            u8::try_from(init.checked_add(header.qp_delta)?).ok()
        });
        Ok((head, qp))
    }

    fn reference(&self, frame: FrameId, head: SliceHead) -> Result<FrameId, Error> {
        if head.idr || !head.predicted {
            return Ok(frame);
        }
        usize::try_from(head.back)
            .ok()
            .and_then(|back| self.references.back(back))
            .ok_or(Error::Contract("a reference that is not in the buffer"))
    }

    fn append(&mut self, nal: &[u8]) {
        self.nals.extend_from_slice(&START_CODE);
        self.nals.extend_from_slice(nal);
    }
}

/// `entropy_coding_mode_flag` of a PPS.
fn is_cabac(nal: &[u8]) -> Option<bool> {
    let mut rbsp = [0; 16];
    let payload = nal.get(1..)?;
    let length = unescape(payload.get(..payload.len().min(16))?, &mut rbsp);
    let mut r = BitReader::new(rbsp.get(..length)?);
    r.ue()?; // pic_parameter_set_id
    r.ue()?; // seq_parameter_set_id
    r.bit()
}

/// The NAL units of a stream in Annex B form, without start codes and the zeroes that may follow.
fn nals(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(stream);
    std::iter::from_fn(move || {
        let from = rest?;
        let end = from.windows(3).position(|w| w == [0, 0, 1]).unwrap_or(from.len());
        rest = from.get(end..).and_then(after_start_code);
        let nal = from.get(..end)?;
        let zeroes = nal.iter().rev().take_while(|&&b| b == 0).count();
        nal.get(..nal.len() - zeroes)
    })
}

fn after_start_code(stream: &[u8]) -> Option<&[u8]> {
    let at = stream.windows(3).position(|w| w == [0, 0, 1])?;
    stream.get(at + 3..)
}

/// With it before every unit a receiver need not look for shorter ones.
const START_CODE: [u8; 4] = [0, 0, 0, 1];

#[cfg(test)]
mod tests {
    use super::super::{BitWriter, escape};
    use super::*;
    use proptest::prelude::*;

    /// SPS (main, one `frame_num` of four bits), PPS and slices as an encoder in hardware may write them.
    fn sps(poc_type: u32) -> Vec<u8> {
        let mut w = BitWriter::default();
        for byte in [77, 0, 31] {
            w.bits(byte, 8);
        }
        w.ue(0);
        w.ue(0);
        w.ue(poc_type);
        if poc_type == 0 {
            w.ue(2);
        }
        w.ue(16);
        w.bit(false);
        w.ue(79);
        w.ue(44);
        w.bits(0b110, 3);
        w.bits(1 << 7, 8);
        nal(0x67, &w)
    }

    fn pps() -> Vec<u8> {
        let mut w = BitWriter::default();
        w.ue(0);
        w.ue(0);
        w.bits(0b10, 2); // CABAC
        w.ue(0);
        w.ue(0);
        w.ue(0);
        w.bits(0, 3);
        w.se(4);
        w.bits(1 << 7, 8);
        nal(0x68, &w)
    }

    /// `back`: 0 for an IDR; 1 is the list as it is, more is a change of it.
    fn slice(poc_type: u32, first_mb: u32, frame_num: u32, back: u32) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.ue(first_mb);
        w.ue(if back == 0 { 7 } else { 5 });
        w.ue(0);
        w.bits(frame_num % 16, 4);
        if back == 0 {
            w.ue(0);
        }
        if poc_type == 0 {
            w.bits(frame_num * 2 % 64, 6);
        }
        if back > 0 {
            w.bit(false);
            w.bit(back > 1);
            if back > 1 {
                w.ue(0);
                w.ue(back - 1);
                w.ue(3);
            }
        }
        if back == 0 {
            w.bits(0, 2);
        } else {
            w.bit(false);
            w.ue(0); // cabac_init_idc
        }
        w.se(-3);
        w.bits(0xa5, 8);
        nal(if back == 0 { 0x65 } else { 0x41 }, &w)
    }

    fn nal(head: u8, w: &BitWriter) -> Vec<u8> {
        let mut out = [0; 64];
        let n = escape(&w.bytes, &mut out).unwrap();
        [&[0, 0, 1, head], &out[..n]].concat()
    }

    fn read(stream: &mut Stream, frame: u64, parts: &[Vec<u8>]) -> Seen {
        stream.read(FrameId::new(frame), &parts.concat()).unwrap()
    }

    #[test]
    fn the_slices_say_what_a_picture_needs() {
        for poc in [0, 2] {
            let mut s = Stream::new(16);
            let aud = vec![0, 0, 0, 1, 9, 0xf0];
            let one = read(
                &mut s,
                7,
                &[aud, sps(poc), pps(), slice(poc, 0, 0, 0), slice(poc, 1800, 0, 0)],
            );
            assert_eq!(
                (one.idr, one.reference, one.qp),
                (true, FrameId::new(7), Some(27))
            );
            assert_eq!((s.codec(), s.size()), ("avc1.4D001F", Some((1280, 720))));
            let mut out = Vec::new();
            s.units(&mut |u: Unit<'_>| out.push((u.nals.to_vec(), u.index, u.last)));
            assert_eq!(out.len(), 2);
            assert!(out[0].0.starts_with(&[0, 0, 0, 1, 0x67]), "no delimiter");
            assert!(out[1].0.starts_with(&[0, 0, 0, 1, 0x65]) && out[1].2);
            for n in 8..20 {
                let seen = read(&mut s, n, &[slice(poc, 0, u32::try_from(n).unwrap() - 7, 1)]);
                assert_eq!((seen.reference, seen.qp), (FrameId::new(n - 1), Some(27)));
            }
            assert_eq!(s.since(FrameId::new(16)).count(), 4);
            assert!(s.invalidate(FrameId::new(16)));
            let seen = read(&mut s, 20, &[slice(poc, 0, 13, 5)]);
            assert_eq!((seen.idr, seen.reference), (false, FrameId::new(15)));
        }
    }

    #[test]
    fn a_decoder_is_told_that_pictures_may_be_missing() {
        let mut s = Stream::new(16);
        read(&mut s, 1, &[sps(2), pps(), slice(2, 0, 0, 0)]);
        let mut out = Vec::new();
        s.units(&mut |u: Unit<'_>| out.extend_from_slice(u.nals));
        let mended = nals(&out).next().unwrap();
        assert!(Sps::parse(mended).unwrap().gaps_allowed);
    }

    #[test]
    fn a_reference_that_the_buffer_cannot_hold_is_refused() {
        let mut s = Stream::new(2);
        read(&mut s, 1, &[sps(2), pps(), slice(2, 0, 0, 0)]);
        for n in 2..6 {
            read(&mut s, n, &[slice(2, 0, u32::try_from(n).unwrap() - 1, 1)]);
        }
        let far = s.read(FrameId::new(6), &slice(2, 0, 5, 3));
        assert_eq!(far, Err(Error::Contract("a reference that is not in the buffer")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(0u8..8, 0..400)) {
            let mut s = Stream::new(4);
            drop(s.read_parameters(&bytes));
            if s.read(FrameId::new(1), &bytes).is_ok() {
                let mut units = 0;
                s.units(&mut |_| units += 1);
                prop_assert!(units > 0);
            }
        }
    }
}
