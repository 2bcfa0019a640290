//! What a stream's worker reports once a second.

use crate::catalogue::{
    CPU, DATAGRAMS_MALFORMED, FRAME_CLOCK, FRAMES_CAPTURED, FRAMES_DROPPED, FRAMES_ENCODED, FRAMES_LATE,
    FRAMES_SKIPPED, IDR, INPUT_EVENTS, INPUT_REFUSED, PACKETS_LOST, PACKETS_REPEATED, RECOVERY, REFRESH_WAIT,
    RTT, SENT, SENT_VIDEO, TARGET,
};
use crate::stage_seconds;
use firstlight_units::{Bitrate, ByteCount, Micros, Pacing, Stage};
use metrics::{Counter, counter, histogram};

/// A second of a stream's life. What ends in `_total` counts since the stream began; the rest belongs to this second.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// What the rate rule allows.
    pub target: Bitrate,
    /// Media sent.
    pub sent: ByteCount,
    /// Of that, video.
    pub video: ByteCount,
    /// Pictures taken from the display.
    pub captured: u32,
    /// Pictures encoded.
    pub encoded: u32,
    /// Pictures not encoded because the sender was blocked.
    pub skipped: u32,
    /// Packets sent again.
    pub repeated: u32,
    /// IDRs.
    pub idr_total: u64,
    /// Recoveries without an IDR.
    pub recovery_total: u64,
    /// Datagrams that could not be parsed.
    pub malformed_total: u64,
    /// Input events injected.
    pub input_total: u64,
    /// Input refused by the rate limit.
    pub input_refused_total: u64,
    /// Packets lost.
    pub lost_total: u64,
    /// Frames late at the client.
    pub late_total: u64,
    /// Frames dropped by the client.
    pub dropped_total: u64,
    /// Smoothed round trip, once it is known.
    pub rtt: Option<Micros>,
    /// Medians of the stages that the worker owns; a stage without a picture in this second is left out.
    pub stages: Vec<(Stage, Micros)>,
    /// What the title's frame clock went by.
    pub pacing: Pacing,
    /// Median of how long decoded pictures waited for the player's screen, where that is known.
    pub refresh_wait: Option<Micros>,
    /// CPU time of the encoder's thread.
    pub cpu_encoder: Micros,
    /// CPU time of the rest of the worker.
    pub cpu_engine: Micros,
}

/// Adds the seconds of one stream to the metrics of all.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    idr: Total,
    recovery: Total,
    malformed: Total,
    input: Total,
    input_refused: Total,
    lost: Total,
    late: Total,
    dropped: Total,
}

impl Stream {
    /// A stream that has reported nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next second.
    pub fn record(&mut self, second: &Second) {
        counter!(SENT.name).increment(second.sent.as_u64());
        counter!(SENT_VIDEO.name).increment(second.video.as_u64());
        counter!(FRAMES_CAPTURED.name).increment(u64::from(second.captured));
        counter!(FRAMES_ENCODED.name).increment(u64::from(second.encoded));
        counter!(FRAMES_SKIPPED.name).increment(u64::from(second.skipped));
        counter!(PACKETS_REPEATED.name).increment(u64::from(second.repeated));
        self.idr.rise(&counter!(IDR.name), second.idr_total);
        self.recovery
            .rise(&counter!(RECOVERY.name), second.recovery_total);
        self.malformed
            .rise(&counter!(DATAGRAMS_MALFORMED.name), second.malformed_total);
        self.input.rise(&counter!(INPUT_EVENTS.name), second.input_total);
        self.input_refused
            .rise(&counter!(INPUT_REFUSED.name), second.input_refused_total);
        self.lost.rise(&counter!(PACKETS_LOST.name), second.lost_total);
        self.late.rise(&counter!(FRAMES_LATE.name), second.late_total);
        self.dropped
            .rise(&counter!(FRAMES_DROPPED.name), second.dropped_total);
        histogram!(TARGET.name).record(bytes_per_second(second.target));
        if let Some(rtt) = second.rtt {
            histogram!(RTT.name).record(rtt.as_secs_f64());
        }
        counter!(FRAME_CLOCK.name, "pacing" => second.pacing.name()).increment(1);
        if let Some(wait) = second.refresh_wait {
            histogram!(REFRESH_WAIT.name).record(wait.as_secs_f64());
        }
        for (stage, median) in &second.stages {
            stage_seconds(*stage, median.as_secs_f64());
        }
        histogram!(CPU.name, "part" => "encoder").record(second.cpu_encoder.as_secs_f64());
        histogram!(CPU.name, "part" => "engine").record(second.cpu_engine.as_secs_f64());
    }
}

/// How far a stream's own count has been added.
#[derive(Clone, Copy, Debug, Default)]
struct Total(u64);

impl Total {
    /// Adds what is new. A count that went back, from a worker that miscounts, adds nothing.
    fn rise(&mut self, counter: &Counter, total: u64) {
        counter.increment(total.saturating_sub(self.0));
        self.0 = self.0.max(total);
    }
}

/// [`Bitrate`] as it is exported.
#[expect(
    clippy::cast_precision_loss,
    reason = "a rate past 2^53 bytes per second is no rate"
)]
fn bytes_per_second(rate: Bitrate) -> f64 {
    rate.as_bps() as f64 / 8.0
}
