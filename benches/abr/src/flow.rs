//! What an algorithm is to the simulator.

use crate::path::Path;
use crate::source::Source;
use firstlight_units::{Bitrate, Timestamp};

/// Both ends of a stream: host and player.
pub trait Flow: std::fmt::Debug {
    /// A picture was committed: encode it with `source`, or leave it.
    fn capture(&mut self, now: Timestamp, source: &mut Source);

    /// Does all that is due: takes what arrived, sends what may go, tells `source` what could be decoded.
    fn step(&mut self, now: Timestamp, path: &mut Path, source: &mut Source);

    /// When something is due next, arrivals aside.
    fn next(&self) -> Option<Timestamp>;

    /// What the encoder is told.
    fn target(&self) -> Bitrate;
}

/// UDP over IPv4.
pub const UDP: usize = 28;
/// QUIC's short header with a connection id of 8 bytes, a datagram frame and the AEAD's tag.
pub const QUIC: usize = 31;
