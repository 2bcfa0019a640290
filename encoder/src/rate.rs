//! Rate policy: from a target to what a backend is told.

use firstlight_units::{Bitrate, ByteCount};

/// What a backend holds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the stream shall come to.
    pub target: Bitrate,
    /// What to ask the rate control for, at the configured frame rate.
    pub asked: Bitrate,
    /// Most that one access unit may hold: the size of the VBV.
    pub cap: ByteCount,
}

/// The plan for `target` at `fps`, when only each `divisor`th picture is encoded.
#[must_use]
pub fn plan(target: Bitrate, _fps: u16, divisor: u8) -> Plan {
    Plan { target, asked: target.scale(divisor.into(), 1), cap: ByteCount::ZERO }
}

/// Of how many pictures one should be encoded so that each gets bits enough to be worth showing: 1 to 4.
///
/// `before` is the answer before this one: there is a margin between going down and coming back.
#[must_use]
pub fn divisor(_target: Bitrate, _width: u16, _height: u16, _fps: u16, before: u8) -> u8 {
    before.max(1)
}
