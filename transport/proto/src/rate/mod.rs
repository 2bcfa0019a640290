//! How fast a path may be used: the contract of a rule, and the rule of this version.
//!
//! ```text
//! Arrivals -> Trains (capacity samples) -+
//!         \-> Delay (standing queue) ----+-> TrainRule -> target, capacity, queue
//! losses, silence -----------------------+
//! ```
//!
//! A rule counts whole datagrams; what of it is left for the encoder is the sender's business.

mod compete;
mod delay;
mod estimate;
mod features;
mod rule;
mod train;

pub use features::Features;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, PacketSeq, RemoteTime, Timestamp};
pub use rule::TrainRule;

/// A packet that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its number in the attachment.
    pub seq: PacketSeq,
    /// The access unit whose train it is part of; 0 for audio, repeats and padding.
    pub train: FrameId,
    /// Its size, header included.
    pub bytes: ByteCount,
    /// What was sent in this attachment up to and with it: the difference of two is what lies between them, lost packets included.
    pub total: ByteCount,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it came, by the client's clock.
    pub arrived_at: RemoteTime,
}

/// What one feedback datagram told.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What came newly, in order of sending.
    pub arrivals: &'a [Arrival],
    /// Packets whose fate is known since this report.
    pub settled: u32,
    /// How many of those are lost.
    pub lost: u32,
    /// The smallest round trip of the last seconds.
    pub rtt_min: Option<Micros>,
}

/// Decides how fast a path may be used.
pub trait RateRule: std::fmt::Debug + Send {
    /// A client attached: another path. What was learnt of the old one is a guess at best.
    fn attach(&mut self, now: Timestamp);
    /// The client's address changed under the attachment: perhaps only a NAT forgot it, perhaps it is another path by now. The rate is
    /// as good a guess as before; a delay that it was measured against is not.
    fn rebound(&mut self, _now: Timestamp) {}
    /// A packet of `bytes` was sent.
    fn on_sent(&mut self, now: Timestamp, bytes: ByteCount);
    /// A report came.
    fn on_report(&mut self, now: Timestamp, report: &Report<'_>);
    /// The client has covered nothing for longer than it should take; called again and again while that lasts.
    fn on_silence(&mut self, now: Timestamp);
    /// Datagram bits a second that the path may carry.
    fn target(&self) -> Bitrate;
    /// Datagram bits a second that the path is thought to carry: what a packet train leaves it at.
    fn capacity(&self) -> Bitrate {
        self.target()
    }
    /// When a train of padding is to be sent if no sample comes before; `None`: never.
    fn probe_at(&self) -> Option<Timestamp> {
        None
    }
    /// What the newest packet that came waited in the path's queue, beyond what is foreign.
    fn waited(&self) -> Micros {
        self.queue()
    }
    /// What of the path's queue is somebody else's, and counts as the path.
    fn foreign(&self) -> Micros {
        Micros::ZERO
    }
    /// How fast the packets of a frame go, where the rule depends on it.
    fn pacing(&self) -> Option<Bitrate> {
        None
    }
    /// What stands in the path's queue even before a frame is added to it.
    fn queue(&self) -> Micros {
        Micros::ZERO
    }
}

/// The range of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Never below this.
    pub min: Bitrate,
    /// At first.
    pub start: Bitrate,
    /// Never above this.
    pub max: Bitrate,
}
