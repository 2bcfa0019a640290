//! What goes into a [`Sender`](super::Sender) and what comes out.

use crate::rate::Features;
use firstlight_units::{Bitrate, ByteCount, FrameId, Micros, Timestamp};
use firstlight_wire::VideoTrace;

/// What a sender is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderConfig {
    /// The video bitrate never falls below this. Default 300 kbit/s.
    pub bitrate_min: Bitrate,
    /// The video bitrate of a path that nothing is known about. Default 8 Mbit/s.
    pub bitrate_start: Bitrate,
    /// The video bitrate never rises above this. Default 20 Mbit/s.
    pub bitrate_max: Bitrate,
    /// Pictures a second, at the most; sets the length of a packet train. Default 60.
    pub fps: u16,
    /// Ideas in use. Default all; for measurements only.
    pub features: Features,
}

impl Default for SenderConfig {
    fn default() -> Self {
        Self {
            bitrate_min: Bitrate::kbps(300),
            bitrate_start: Bitrate::mbps(8),
            bitrate_max: Bitrate::mbps(20),
            fps: 60,
            features: Features::ALL,
        }
    }
}

/// Who reports what came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reports {
    /// The client, every few milliseconds, of packets of any kind.
    #[default]
    Client,
    /// A browser's WebRTC: seldom, and padding is not carried at its size, so that it measures nothing.
    Browser,
}

/// A unit of an access unit, as the encoder hands it on.
#[derive(Clone, Copy, Debug)]
pub struct VideoUnit<'a> {
    /// The access unit; each is one more than the one before it.
    pub frame: FrameId,
    /// The newest access unit this one needs; itself for an IDR.
    pub reference: FrameId,
    /// When the picture was committed by the app.
    pub captured_at: Timestamp,
    /// A decoder can start here.
    pub idr: bool,
    /// Predicts only from an access unit that the client has acknowledged.
    pub recovery: bool,
    /// Refines a picture that did not change.
    pub still: bool,
    /// Which unit of the access unit, from 0.
    pub unit: u8,
    /// The access unit's last unit.
    pub last: bool,
    /// What happened to the picture so far; sent with the last unit, left out of the others.
    pub trace: Option<VideoTrace>,
    /// Annex B NAL units.
    pub nals: &'a [u8],
}

/// An encoded audio frame and the one before it.
#[derive(Clone, Copy, Debug)]
pub struct AudioFrame<'a> {
    /// Counts from 1, by one for each frame that was recorded: those of a silence may be left out.
    pub frame: FrameId,
    /// When its first sample was recorded.
    pub captured_at: Timestamp,
    /// Nothing is heard in it: frames that do not come after it are silence too.
    pub silent: bool,
    /// The Opus packet.
    pub primary: &'a [u8],
    /// The Opus packet of the frame before; may be empty.
    pub previous: &'a [u8],
}

/// What the sender wants of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendEvent {
    /// The video bitrate from here on.
    Target(Bitrate),
    /// The next access unit must be an IDR.
    NeedIdr(IdrCause),
    /// The next access unit must not predict from `first_lost` or anything after it.
    NeedRecovery {
        /// The first access unit that the client does not have.
        first_lost: FrameId,
        /// The newest access unit that the client has decoded.
        acknowledged: FrameId,
    },
}

/// Why an IDR is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdrCause {
    /// A client attached.
    Attach,
    /// The client asked for one.
    Client,
    /// Frames were lost and the client has acknowledged nothing to predict from.
    Unacknowledged,
    /// What was encoded could not be queued.
    Overflow,
}

impl IdrCause {
    /// The name used in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Client => "client",
            Self::Unacknowledged => "unacknowledged",
            Self::Overflow => "overflow",
        }
    }
}

/// Why [`Sender::handle_timeout`](super::Sender::handle_timeout) is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SendReason {
    /// The next packet's turn.
    Pace,
    /// The client says nothing: a probe is due.
    Probe,
}

/// What happened so far, over all attachments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderStats {
    /// Media packets sent, repeats and padding included.
    pub packets: u64,
    /// Their bytes, headers included.
    pub bytes: ByteCount,
    /// Packets sent again because the client asked.
    pub repeated: u64,
    /// Requests to repeat that were not followed: too late, unknown, asked before, or over the budget.
    pub repeats_refused: u64,
    /// Parity packets.
    pub parity: u64,
    /// Padding packets.
    pub padding: u64,
    /// Packets that the client reported missing for good.
    pub lost: u64,
    /// Video units that did not fit the queue or the wire.
    pub overflowed: u64,
    /// Access units whose unsent packets were dropped because a newer one replaces them.
    pub superseded: u64,
    /// Audio packets dropped because too many waited.
    pub audio_dropped: u64,
    /// Feedback datagrams taken.
    pub feedback: u64,
    /// Feedback datagrams that could not be read.
    pub malformed: u64,
    /// Feedback datagrams that speak of what was never sent.
    pub forged: u64,
    /// IDRs asked for.
    pub idr_requests: u64,
    /// Recoveries asked for.
    pub recovery_requests: u64,
    /// Times at which the client fell silent.
    pub starvations: u64,
    /// Bytes sent and not reported yet.
    pub in_flight: ByteCount,
    /// Bytes waiting for their turn.
    pub queued: ByteCount,
    /// The smallest round trip of the last seconds.
    pub rtt_min: Option<Micros>,
    /// Time access units spent in the pacer: the last one's, from its last unit's arrival to its last packet's sending.
    pub pace: Micros,
    /// As the client counts: packets that never came.
    pub client_lost: u32,
    /// As the client counts: frames that came whole after their turn.
    pub client_late: u32,
    /// As the client counts: frames it discarded.
    pub client_dropped: u32,
    /// Access units in the client's decoder.
    pub decode_queue: u8,
}
