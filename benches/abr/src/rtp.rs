//! A stream in the manner of RTP, for the algorithms that are not ours.
use firstlight_units::ByteCount;
/// A packet of a modelled stream.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Its size.
    pub size: ByteCount,
}
