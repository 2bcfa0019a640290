//! Access units and audio in, datagrams out, and everything that decides which, when and how often.

mod types;

use firstlight_units::{Bitrate, Micros, Timestamp};
pub use types::{AudioFrame, IdrCause, SendEvent, SendReason, SenderConfig, SenderStats, VideoUnit};

/// Sends one session's media, over all its attachments.
#[derive(Debug)]
pub struct Sender {
    config: SenderConfig,
    stats: SenderStats,
}

impl Sender {
    /// A sender without a client.
    #[must_use]
    pub fn new(config: SenderConfig) -> Self {
        Self {
            config,
            stats: SenderStats::default(),
        }
    }

    /// A client attached, over a path whose datagrams hold `datagram_max` bytes. Asks for an IDR.
    pub fn attach(&mut self, _now: Timestamp, _datagram_max: usize) {}

    /// The path's datagrams hold this many bytes from here on.
    pub fn set_datagram_max(&mut self, _bytes: usize) {}

    /// The client is gone; nothing is sent until the next one.
    pub fn detach(&mut self, _now: Timestamp) {}

    /// Queues a unit.
    pub fn push_video(&mut self, _now: Timestamp, _unit: VideoUnit<'_>) {}

    /// Queues an audio frame.
    pub fn push_audio(&mut self, _now: Timestamp, _frame: AudioFrame<'_>) {}

    /// A feedback datagram of the attached client.
    pub fn handle_feedback(&mut self, _now: Timestamp, _datagram: &[u8]) {}

    /// The time of [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, _now: Timestamp) {}

    /// Writes the next datagram into `out` (which is cleared first); `false` when nothing is to be sent at `now`.
    pub fn poll_transmit(&mut self, _now: Timestamp, _out: &mut Vec<u8>) -> bool {
        false
    }

    /// The next wish.
    pub fn poll_event(&mut self) -> Option<SendEvent> {
        None
    }

    /// When to call [`Self::handle_timeout`] and [`Self::poll_transmit`] next, and why.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<(Timestamp, SendReason)> {
        None
    }

    /// Whether a picture that is encoded at `now` has a chance to arrive in time.
    #[must_use]
    pub fn may_encode(&self, _now: Timestamp) -> bool {
        true
    }

    /// The video bitrate.
    #[must_use]
    pub fn target(&self) -> Bitrate {
        self.config.bitrate_start
    }

    /// The round trip, smoothed; it includes what the client waits before it reports.
    #[must_use]
    pub fn rtt(&self) -> Option<Micros> {
        None
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> SenderStats {
        self.stats
    }
}
