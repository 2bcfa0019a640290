//! What this crate needs of an AV1 bitstream: its OBUs, who may start at one, and the codec string.

use crate::h264::BitReader;

/// An open bitstream unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Obu<'a> {
    kind: u8,
    payload: &'a [u8],
}

/// The OBUs of a temporal unit in the low-overhead form (AV1, 5.2); ends where something is cut short.
pub(crate) fn obus(mut unit: &[u8]) -> impl Iterator<Item = Obu<'_>> {
    std::iter::from_fn(move || {
        let (&head, rest) = unit.split_first()?;
        let rest = rest.get(usize::from(head >> 2 & 1)..)?;
        // `obu_has_size_field`: without it the OBU ends with the temporal unit.
        let (size, rest) = if head & 2 == 0 {
            (rest.len(), rest)
        } else {
            leb128(rest)?
        };
        let (payload, after) = rest.split_at_checked(size)?;
        unit = after;
        Some(Obu {
            kind: head >> 3 & 15,
            payload,
        })
    })
}

/// AV1, 4.10.5.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(LEB128_BYTES_MAX) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}

impl Obu<'_> {
    /// The codec string (AV1 in ISOBMFF, 5) of a sequence header; `None` of another OBU.
    ///
    /// Eight bits, 4:2:0: this engine gives its encoders nothing else.
    pub(crate) fn codec(&self) -> Option<String> {
        if self.kind != SEQUENCE_HEADER {
            return None;
        }
        let mut r = BitReader::new(self.payload);
        let profile = r.bits(3)?;
        r.bit()?; // still_picture
        if r.bit()? {
            let level = r.bits(5)?;
            return Some(format!("av01.{profile}.{level:02}M.08"));
        }
        if r.bit()? {
            // Timing information: this engine's encoders write none.
            return None;
        }
        r.bit()?; // initial_display_delay_present_flag
        r.bits(5)?; // operating_points_cnt_minus_1
        r.bits(12)?; // operating_point_idc
        let level = r.bits(5)?;
        let tier = if level > LEVELS_WITHOUT_TIER && r.bit()? {
            'H'
        } else {
            'M'
        };
        Some(format!("av01.{profile}.{level:02}{tier}.08"))
    }

    /// Whether it is a frame, and whether that is a key frame.
    pub(crate) fn frame(&self) -> Option<bool> {
        if self.kind != FRAME && self.kind != FRAME_HEADER {
            return None;
        }
        let mut r = BitReader::new(self.payload);
        // A frame that was sent before is shown: not by the encoders of this engine.
        let again = r.bit()?;
        Some(!again && r.bits(2)? == KEY_FRAME)
    }
}

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const KEY_FRAME: u32 = 0;
/// Levels up to 3.3 have one tier.
const LEVELS_WITHOUT_TIER: u32 = 7;
const LEB128_BYTES_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What libaom 3.6 writes before its first frame: a temporal delimiter, and the sequence header of 720p60.
    const HEAD: [u8; 15] = [
        0x12, 0x00, 0x0a, 0x0b, 0, 0, 0, 0x42, 0xa7, 0xbf, 0xe4, 0xef, 0xfe, 0x40, 0x00,
    ];

    #[test]
    fn a_sequence_header_says_its_codec() {
        let codecs: Vec<String> = obus(&HEAD).filter_map(|obu| obu.codec()).collect();
        assert_eq!(codecs, ["av01.0.08M.08"]);
    }

    #[test]
    fn a_key_frame_is_told_from_one_that_needs_another() {
        let unit = [
            0x12, 0x00, 0x32, 0x02, 0x10, 0xff, 0x32, 0x01, 0x30, 0x1a, 0x01, 0x80,
        ];
        let frames: Vec<bool> = obus(&unit).filter_map(|obu| obu.frame()).collect();
        assert_eq!(frames, [true, false, false]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for obu in obus(&bytes) {
                let _ = (obu.codec(), obu.frame());
            }
        }
    }
}
