//! The sequence parameter set: what it says, and one bit that libx264 does not let one choose.

use super::bits::{BitReader, escape, unescape};
use crate::Error;

/// What this crate needs of an SPS (H.264, 7.3.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sps {
    pub(crate) profile: u8,
    pub(crate) constraints: u8,
    pub(crate) level: u8,
    /// Bits of `frame_num`.
    pub(crate) frame_num_bits: u32,
    pub(crate) poc_type: u32,
    /// Bits of `pic_order_cnt_lsb`; 0 for a type without.
    pub(crate) poc_bits: u32,
    pub(crate) references_max: u32,
    pub(crate) gaps_allowed: bool,
    /// After cropping, pixels.
    pub(crate) width: u32,
    /// After cropping, pixels.
    pub(crate) height: u32,
    /// Where `gaps_in_frame_num_value_allowed_flag` is: bits after the NAL unit's first byte, without emulation
    /// prevention.
    gaps_bit: usize,
}

impl Sps {
    /// Reads an SPS NAL unit (no start code).
    pub(crate) fn parse(nal: &[u8]) -> Result<Self, Error> {
        let mut rbsp = [0; SPS_BYTES_MAX];
        let payload = nal.get(1..).unwrap_or_default();
        let length = unescape(payload, &mut rbsp);
        Self::read(rbsp.get(..length).unwrap_or_default())
            .ok_or(Error::Sps("it is cut short or holds what x264 never writes"))
    }

    fn read(rbsp: &[u8]) -> Option<Self> {
        let mut r = BitReader::new(rbsp);
        let byte = |r: &mut BitReader<'_>| r.bits(8).and_then(|b| u8::try_from(b).ok());
        let (profile, constraints, level) = (byte(&mut r)?, byte(&mut r)?, byte(&mut r)?);
        r.ue()?; // seq_parameter_set_id
        let chroma = if PROFILES_WITH_CHROMA.contains(&profile) {
            chroma(&mut r)?
        } else {
            1
        };
        let frame_num_bits = r.ue()?.checked_add(4).filter(|&n| n <= 16)?;
        let poc_type = r.ue()?;
        let mut poc_bits = 0;
        match poc_type {
            0 => poc_bits = r.ue()?.checked_add(4).filter(|&n| n <= 16)?,
            1 => {
                r.bit()?;
                r.se()?;
                r.se()?;
                let cycle = r.ue().filter(|&n| n < 256)?;
                for _ in 0..cycle {
                    r.se()?;
                }
            }
            _ => {}
        }
        let references_max = r.ue()?;
        let gaps_bit = r.position();
        let gaps_allowed = r.bit()?;
        let columns = r.ue()?.checked_add(1)?;
        let rows = r.ue()?.checked_add(1)?;
        let frames_only = r.bit()?;
        if !frames_only {
            r.bit()?; // mb_adaptive_frame_field_flag
        }
        r.bit()?; // direct_8x8_inference_flag
        let crop = if r.bit()? {
            [r.ue()?, r.ue()?, r.ue()?, r.ue()?]
        } else {
            [0; 4]
        };
        let fields = if frames_only { 1 } else { 2 };
        let (unit_x, unit_y) = (
            if chroma == 1 || chroma == 2 { 2 } else { 1 },
            if chroma == 1 { 2 } else { 1 } * fields,
        );
        let side = |blocks: u32, a: u32, b: u32, unit: u32| {
            blocks
                .checked_mul(16)?
                .checked_sub(a.checked_add(b)?.checked_mul(unit)?)
        };
        Some(Self {
            profile,
            constraints,
            level,
            frame_num_bits,
            poc_type,
            poc_bits,
            references_max,
            gaps_allowed,
            width: side(columns, crop[0], crop[1], unit_x)?,
            height: side(rows.checked_mul(fields)?, crop[2], crop[3], unit_y)?,
            gaps_bit,
        })
    }

    /// The codec string (RFC 6381).
    pub(crate) fn codec(&self) -> String {
        format!(
            "avc1.{:02X}{:02X}{:02X}",
            self.profile, self.constraints, self.level
        )
    }

    /// Copies `nal` (no start code) to `out` with `gaps_in_frame_num_value_allowed_flag` set, and returns its length.
    ///
    /// With the flag a decoder keeps showing pictures across `frame_num` that it never received; without it Chromium's
    /// says nothing and shows nothing after five lost pictures, until its buffer has run through.
    pub(crate) fn allow_gaps(nal: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let sps = Self::parse(nal)?;
        let mut rbsp = [0; SPS_BYTES_MAX];
        let (&head, payload) = nal.split_first().ok_or(Error::Sps("it is empty"))?;
        let length = unescape(payload, &mut rbsp);
        if let Some(byte) = rbsp.get_mut(sps.gaps_bit / 8) {
            *byte |= 0x80 >> (sps.gaps_bit % 8);
        }
        let (first, rest) = out.split_first_mut().ok_or(TOO_LONG)?;
        *first = head;
        let written = escape(rbsp.get(..length).unwrap_or_default(), rest).ok_or(TOO_LONG)?;
        Ok(written + 1)
    }
}

/// `chroma_format_idc` of a profile that says it, and what comes with it.
fn chroma(r: &mut BitReader<'_>) -> Option<u32> {
    let chroma = r.ue()?;
    if chroma == 3 {
        r.bit()?; // separate_colour_plane_flag
    }
    r.ue()?; // bit_depth_luma_minus8
    r.ue()?; // bit_depth_chroma_minus8
    r.bit()?; // qpprime_y_zero_transform_bypass_flag
    // x264 writes its quantiser matrices into the PPS only.
    (!r.bit()?).then_some(chroma)
}

/// An SPS of x264 has 25 to 45 bytes.
pub(crate) const SPS_BYTES_MAX: usize = 256;
const TOO_LONG: Error = Error::Sps("it is longer than any that x264 writes");
const PROFILES_WITH_CHROMA: [u8; 8] = [100, 110, 122, 244, 44, 83, 86, 118];

#[cfg(test)]
mod tests {
    use super::super::BitWriter;
    use super::*;
    use proptest::prelude::*;

    /// What varies in the SPS that is written below.
    #[derive(Clone, Debug)]
    struct Shape {
        profile: u8,
        poc_type: u32,
        references: u32,
        gaps: bool,
        blocks: (u32, u32),
        crop: Option<(u32, u32)>,
        tail: Vec<u8>,
    }

    fn shape() -> impl Strategy<Value = Shape> {
        (
            prop::sample::select(vec![66u8, 77, 100, 244]),
            prop::sample::select(vec![0u32, 2]),
            0u32..=16,
            any::<bool>(),
            (1u32..256, 1u32..256),
            prop::option::of((0u32..8, 0u32..8)),
            prop::collection::vec(0u8..4, 0..24),
        )
            .prop_map(
                |(profile, poc_type, references, gaps, blocks, crop, tail)| Shape {
                    profile,
                    poc_type,
                    references,
                    gaps,
                    blocks,
                    crop,
                    tail,
                },
            )
    }

    fn write(s: &Shape) -> Vec<u8> {
        let mut w = BitWriter::default();
        w.bits(s.profile.into(), 8);
        w.bits(0, 8);
        w.bits(0, 8);
        w.ue(0);
        if s.profile >= 100 {
            w.ue(1);
            w.ue(0);
            w.ue(0);
            w.bits(0, 2);
        }
        w.ue(0);
        w.ue(s.poc_type);
        if s.poc_type == 0 {
            w.ue(3);
        }
        w.ue(s.references);
        w.bit(s.gaps);
        w.ue(s.blocks.0 - 1);
        w.ue(s.blocks.1 - 1);
        w.bits(0b11, 2);
        w.bit(s.crop.is_some());
        if let Some((right, bottom)) = s.crop {
            for side in [0, right, 0, bottom] {
                w.ue(side);
            }
        }
        for &byte in &s.tail {
            w.bits(byte.into(), 8);
        }
        w.bit(true);
        let mut out = [0; SPS_BYTES_MAX];
        let n = escape(&w.bytes, &mut out).unwrap();
        [&[0x67], &out[..n]].concat()
    }

    proptest! {
        #[test]
        fn only_the_flag_changes(s in shape()) {
            let nal = write(&s);
            let before = Sps::parse(&nal).unwrap();
            prop_assert_eq!(before.gaps_allowed, s.gaps);
            let (right, bottom) = s.crop.unwrap_or_default();
            prop_assert_eq!((before.width, before.height), (s.blocks.0 * 16 - 2 * right, s.blocks.1 * 16 - 2 * bottom));
            let mut out = [0; SPS_BYTES_MAX];
            let n = Sps::allow_gaps(&nal, &mut out).unwrap();
            prop_assert_eq!(Sps::parse(&out[..n]).unwrap(), Sps { gaps_allowed: true, ..before });
            prop_assert_eq!(&out[..n], &write(&Shape { gaps: true, ..s })[..]);
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut out = [0; SPS_BYTES_MAX];
            prop_assert!(Sps::allow_gaps(&bytes, &mut out).map_or(true, |n| n <= out.len()));
        }
    }
}
