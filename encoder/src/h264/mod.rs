//! Just enough of H.264 to mend an SPS and to see what a slice says (ITU-T H.264, 7.3 and 7.4).
//!
//! Input is what an encoder made; nothing here panics on other input, and nothing reads past it.

mod bits;
mod pps;
mod slice;
mod sps;
mod stream;

#[cfg(test)]
pub(crate) use bits::BitWriter;
#[cfg(test)]
pub(crate) use bits::escape;
pub(crate) use bits::{BitReader, unescape};
pub(crate) use pps::init_qp;
pub(crate) use slice::{SliceHead, SliceHeader};
pub(crate) use sps::{SPS_BYTES_MAX, Sps};
pub use stream::{Seen, Stream};

/// What a NAL unit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NalType {
    Slice,
    SliceIdr,
    Sps,
    Pps,
    Other,
}

impl NalType {
    /// From the NAL unit's first byte.
    pub(crate) const fn of(byte: u8) -> Self {
        match byte & 0x1f {
            1 => Self::Slice,
            5 => Self::SliceIdr,
            7 => Self::Sps,
            8 => Self::Pps,
            _ => Self::Other,
        }
    }
}
