//! The beginning of a slice: which picture it is of, and what that was predicted from.

use super::{BitReader, NalType, Sps, unescape};

/// What this crate needs of a slice header (H.264, 7.3.3), of a stream without fields, B slices and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceHeader {
    pub(crate) idr: bool,
    /// 0 only in the first slice of a picture.
    pub(crate) first_mb: u32,
    pub(crate) frame_num: u32,
    /// How many pictures back, in `frame_num`, the first reference lies; 0 for a picture without.
    pub(crate) back: u32,
    /// `slice_qp_delta`, to be added to the PPS's `pic_init_qp`.
    pub(crate) qp_delta: i32,
}

/// The part of it that says which pictures it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceHead {
    pub(crate) idr: bool,
    pub(crate) first_mb: u32,
    /// Has motion: P.
    pub(crate) predicted: bool,
    pub(crate) frame_num: u32,
    pub(crate) back: u32,
}

impl SliceHead {
    /// Reads as far as the list of references, of a stream without fields, B slices, weights and long-term pictures;
    /// `None` when it is something else.
    pub(crate) fn parse(nal: &[u8], sps: &Sps) -> Option<Self> {
        let mut rbsp = [0; HEADER_BYTES];
        Self::read(&mut reader(nal, &mut rbsp)?, nal, sps)
    }

    fn read(r: &mut BitReader<'_>, nal: &[u8], sps: &Sps) -> Option<Self> {
        let idr = match NalType::of(*nal.first()?) {
            NalType::SliceIdr => true,
            NalType::Slice => false,
            NalType::Sps | NalType::Pps | NalType::Other => return None,
        };
        let first_mb = r.ue()?;
        let predicted = match r.ue()? % 5 {
            0 => true,
            2 => false,
            _ => return None,
        };
        r.ue()?; // pic_parameter_set_id
        let frame_num = r.bits(sps.frame_num_bits)?;
        if idr {
            r.ue()?; // idr_pic_id
        }
        match sps.poc_type {
            0 => _ = r.bits(sps.poc_bits)?,
            2 => {}
            _ => return None,
        }
        let mut back = 0;
        if predicted {
            back = 1;
            if r.bit()? {
                r.ue()?; // num_ref_idx_l0_active_minus1
            }
            if r.bit()? {
                back = reordered(r)?;
            }
        }
        Some(Self {
            idr,
            first_mb,
            predicted,
            frame_num,
            back,
        })
    }
}

/// At the beginning of the slice, without emulation prevention.
fn reader<'a>(nal: &[u8], rbsp: &'a mut [u8; HEADER_BYTES]) -> Option<BitReader<'a>> {
    let payload = nal.get(1..)?;
    let length = unescape(payload.get(..payload.len().min(96))?, rbsp);
    Some(BitReader::new(rbsp.get(..length)?))
}

/// They hold the longest header that can come up here.
const HEADER_BYTES: usize = 64;

impl SliceHeader {
    /// Reads the header of a slice NAL unit (no start code) of a baseline stream as this engine's encoders write it; `None` when
    /// it is something else.
    pub(crate) fn parse(nal: &[u8], sps: &Sps) -> Option<Self> {
        Self::parse_any(nal, sps, false)
    }

    /// As [`Self::parse`], with CABAC where `cabac` says so.
    pub(crate) fn parse_any(nal: &[u8], sps: &Sps, cabac: bool) -> Option<Self> {
        let mut rbsp = [0; HEADER_BYTES];
        let mut r = reader(nal, &mut rbsp)?;
        let SliceHead {
            idr,
            first_mb,
            predicted,
            frame_num,
            back,
        } = SliceHead::read(&mut r, nal, sps)?;
        marking(&mut r, idr)?;
        if cabac && predicted {
            r.ue()?; // cabac_init_idc
        }
        Some(Self {
            idr,
            first_mb,
            frame_num,
            back,
            qp_delta: r.se()?,
        })
    }
}

/// `ref_pic_list_modification`: how far back the first reference lies.
fn reordered(r: &mut BitReader<'_>) -> Option<u32> {
    let mut back = None;
    loop {
        match r.ue()? {
            0 => {
                let difference = r.ue()?.checked_add(1)?;
                back = back.or(Some(difference));
            }
            3 => return back,
            // Long-term pictures and steps forward: libx264 makes none with one reference.
            _ => return None,
        }
    }
}

/// `dec_ref_pic_marking`, skipped.
fn marking(r: &mut BitReader<'_>, idr: bool) -> Option<()> {
    if idr {
        r.bits(2)?;
        return Some(());
    }
    if !r.bit()? {
        return Some(());
    }
    loop {
        match r.ue()? {
            0 => return Some(()),
            1 => {
                r.ue()?;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(
            sps in prop::collection::vec(any::<u8>(), 4..40), bytes in prop::collection::vec(any::<u8>(), 0..100)
        ) {
            if let Ok(sps) = Sps::parse(&sps) {
                let _ = SliceHeader::parse(&bytes, &sps);
            }
        }
    }
}
