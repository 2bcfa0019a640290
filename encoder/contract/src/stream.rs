//! What an access unit is made of, read apart from the code under test.

use firstlight_encoder::Codec;

/// A part of an access unit that matters to a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// SPS and PPS, or a sequence header.
    Parameters,
    /// A slice of an IDR, or a key frame.
    Start,
    /// A slice or a frame that needs another.
    Predicted,
}

/// The parts in order; parameters that follow each other are one, and what a decoder may do without is left out.
pub(crate) fn parts(codec: Codec, unit: &[u8]) -> Vec<Part> {
    let mut parts = match codec {
        Codec::Av1 => obus(unit),
        Codec::H264 => nals(unit),
    };
    parts.dedup_by(|a, b| a == b && *a == Part::Parameters);
    parts
}

fn nals(unit: &[u8]) -> Vec<Part> {
    let starts = unit.windows(4).filter(|w| w.starts_with(&[0, 0, 1]));
    let part = |w: &[u8]| match w[3] & 31 {
        7 | 8 => Some(Part::Parameters),
        5 => Some(Part::Start),
        1 => Some(Part::Predicted),
        _ => None,
    };
    starts.filter_map(part).collect()
}

/// AV1, 5.3: each OBU has a size here.
fn obus(mut unit: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    while let [head, rest @ ..] = unit {
        let extension = usize::from(head >> 2 & 1);
        let (mut size, mut length) = (0, 0);
        for byte in rest.iter().skip(extension) {
            size |= usize::from(byte & 127) << (7 * length);
            length += 1;
            if byte & 128 == 0 {
                break;
            }
        }
        let payload = rest.get(extension + length..).unwrap_or_default();
        // `show_existing_frame` and `frame_type` are the first three bits of a frame; type 0 is a key frame.
        let frame = payload.first().map_or(0, |byte| byte >> 5);
        match head >> 3 & 15 {
            1 => parts.push(Part::Parameters),
            3 | 6 if frame == 0 => parts.push(Part::Start),
            3 | 6 => parts.push(Part::Predicted),
            _ => {}
        }
        unit = payload.get(size..).unwrap_or_default();
    }
    parts
}
