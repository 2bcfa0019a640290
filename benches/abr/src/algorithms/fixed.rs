//! What Moonlight does: one bitrate, a frame at once, 20 % Reed-Solomon on top of each.

use crate::flow::Flow;
use crate::rtp::{Controller, Fate, Repair, Sending, Skip, Stream};
use firstlight_units::{Bitrate, ByteCount, Timestamp};

/// The stream, as flow number `flow`.
#[must_use]
pub(super) fn open(flow: usize) -> Box<dyn Flow> {
    Box::new(Stream::new(
        flow,
        Box::new(Fixed),
        Skip::Never,
        Repair::Parity(PARITY),
    ))
}

#[derive(Debug)]
struct Fixed;

impl Controller for Fixed {
    fn on_sent(&mut self, _now: Timestamp, _sending: &Sending) {}

    fn on_report(&mut self, _now: Timestamp, _fates: &[Fate], _in_flight: ByteCount) {}

    fn on_tick(&mut self, _now: Timestamp, _queued: ByteCount) {}

    fn target(&self) -> Bitrate {
        BITRATE
    }

    fn pacing(&self) -> Bitrate {
        PACING
    }
}

const BITRATE: Bitrate = Bitrate::mbps(20);
const PARITY: u32 = 20;
/// Sunshine sends a frame's packets at about the speed of a gigabit port.
const PACING: Bitrate = Bitrate::mbps(800);
