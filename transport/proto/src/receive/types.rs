//! What comes out of a [`Receiver`](super::Receiver).

use firstlight_units::{FrameId, RemoteTime, Timestamp};
use firstlight_wire::VideoTrace;

/// A whole access unit whose references were handed on before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// Its number: the low 32 bits are those that travel, and wraps since the first one seen are restored.
    pub frame: FrameId,
    /// The newest access unit it needs; itself for an IDR.
    pub reference: FrameId,
    /// A decoder can start here.
    pub idr: bool,
    /// It ends a gap without an IDR.
    pub recovery: bool,
    /// It refines a picture that did not change.
    pub still: bool,
    /// When the picture was committed, by the sender's clock.
    pub captured_at: RemoteTime,
    /// When its last packet was sent, by the sender's clock.
    pub sent_at: RemoteTime,
    /// When its first packet came.
    pub began_at: Timestamp,
    /// When its last packet came.
    pub whole_at: Timestamp,
    /// What happened to the picture on the host.
    pub trace: Option<VideoTrace>,
}

/// An Opus packet, handed on once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioPacket {
    /// Its number.
    pub frame: FrameId,
    /// When the first sample of the unit that carried it was recorded, by the sender's clock; one frame later than its own
    /// if it is `redundant`.
    pub captured_at: RemoteTime,
    /// It came with the frame after it.
    pub redundant: bool,
    /// Nothing is heard in it: frames that do not come after it are silence, not lost.
    pub silent: bool,
}

/// Why [`Receiver::handle_timeout`](super::Receiver::handle_timeout) is to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReceiveReason {
    /// A report is due.
    Report,
    /// Something is missing, or to be asked for again, or given up.
    Gap,
}

/// What came, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiverStats {
    /// Media packets, each counted once.
    pub packets: u64,
    /// Packets that came again under the same number.
    pub duplicates: u64,
    /// Repeats among the packets.
    pub repeats: u64,
    /// Parity packets among the packets.
    pub parity: u64,
    /// Fragments that parity gave back.
    pub restored: u64,
    /// Fragments that were there already.
    pub superfluous: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Datagrams that are no media packets, or contradict what is known.
    pub malformed: u64,
    /// Access units handed on.
    pub delivered: u64,
    /// Of those, IDRs.
    pub idrs: u64,
    /// Of those, recoveries.
    pub recoveries: u64,
    /// Access units that were not whole when they were passed over.
    pub frames_lost: u64,
    /// Access units that became whole after they were passed over.
    pub frames_late: u64,
    /// Whole access units that could not be decoded.
    pub frames_dropped: u64,
    /// Fragments, units and access units asked for.
    pub nacks: u64,
    /// Reports sent.
    pub reports: u64,
    /// Audio packets handed on.
    pub audio: u64,
    /// Audio packets dropped because nobody took them.
    pub audio_dropped: u64,
}
