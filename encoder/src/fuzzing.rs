//! A way in for the fuzzer to what reads H.264 and AV1.

use crate::h264::{NalType, SPS_BYTES_MAX, SliceHeader, Sps, init_qp};
use crate::reading::nals;
use crate::{Codec, Reading};

/// Reads a stream with start codes as the encoder's own output is read. Panics where something does not hold.
#[doc(hidden)]
pub fn fuzz_h264(stream: &[u8]) {
    let mut sps = None;
    for nal in nals(stream) {
        match nal.first().map(|byte| NalType::of(*byte)) {
            Some(NalType::Sps) => {
                let Ok(parsed) = Sps::parse(nal) else { continue };
                sps = Some(parsed);
                assert!(parsed.codec().starts_with("avc1."));
                let mut mended = [0; SPS_BYTES_MAX];
                if let Ok(length) = Sps::allow_gaps(nal, &mut mended) {
                    let again = Sps::parse(&mended[..length]).expect("a mended SPS is one");
                    assert_eq!((again.gaps_allowed, again.width), (true, parsed.width));
                }
            }
            Some(NalType::Pps) => _ = init_qp(nal),
            Some(NalType::Slice | NalType::SliceIdr) => {
                let header = sps.as_ref().and_then(|sps| SliceHeader::parse(nal, sps));
                assert!(header.is_none_or(|header| header.idr == (NalType::of(nal[0]) == NalType::SliceIdr)));
            }
            Some(NalType::Other) | None => {}
        }
    }
}

/// Reads an access unit of either codec as a backend's output is read.
#[doc(hidden)]
pub fn fuzz_access_unit(unit: &[u8]) {
    for codec in [Codec::H264, Codec::Av1] {
        let mut reading = Reading::new(codec);
        if reading.read(unit).is_ok() {
            assert_eq!(Codec::of(reading.codec()), Some(codec));
        }
    }
}
