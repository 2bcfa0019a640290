//! What a player would have seen.

use crate::path::{SETTLE, START, Spent};
use crate::source::{BITRATE_MAX, Frame};
use firstlight_netem::Trace;
use firstlight_units::Micros;
use serde::Serialize;

/// Measured in one or more runs over one path; everything is kept, so that runs can be put together.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// From capture to the decoder, in milliseconds, in [`MISS_MS`] where it never came.
    delays: Vec<f64>,
    missed: u64,
    late_50: u64,
    /// Milliseconds at each whole millisecond of picture age.
    ages: Vec<u64>,
    media_bits: f64,
    capacity_bits: f64,
    spent_media: f64,
    spent_extra: f64,
    idrs: u64,
    seconds: f64,
}

/// Of a distribution.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 95 %.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
}

/// A row of the result.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Case {
    /// The file's name without its ending.
    pub trace: String,
    /// By name.
    pub algorithm: String,
    /// From capture to the decoder; what never came counts 1000.
    pub frame_delay_ms: Percentiles,
    /// Share of frames that took longer, or never came.
    pub frames_over_100ms: f64,
    /// Share of frames that took longer, or never came.
    pub frames_over_50ms: f64,
    /// Share of frames that never came, or after a second.
    pub frames_missed: f64,
    /// Of the newest picture that could be decoded, each millisecond.
    pub age_ms: Percentiles,
    /// Share of time.
    pub age_over_100ms: f64,
    /// Bits of decoded frames over what the path could carry, at most the encoder's greatest bitrate.
    pub utilisation: f64,
    /// Parity, repeats and probes over all that was sent.
    pub overhead: f64,
    /// Frames encoded each second.
    pub fps: f64,
    /// IDRs each minute.
    pub idrs_per_minute: f64,
    /// Mean loss of the path.
    pub path_loss: f64,
}

impl Measured {
    /// What one stream of a run over `trace` came to, until `end`.
    #[must_use]
    pub fn new(frames: &[Frame], spent: Spent, trace: &Trace, end: Micros) -> Self {
        let mut measured = Self {
            seconds: end.saturating_sub(SETTLE).as_secs_f64(),
            capacity_bits: capacity_bits(trace, end),
            spent_media: bytes(spent.media),
            spent_extra: bytes(spent.extra),
            ..Self::default()
        };
        let (from, until) = (START + SETTLE, START + end);
        for frame in frames {
            if frame.decoded_at.is_some_and(|at| at >= from && at < until) {
                measured.media_bits += bytes(frame.size) * 8.0;
            }
            // What was captured in the last second may still be on its way.
            if frame.captured_at < from || frame.captured_at >= until.before(Micros::from_secs(1)) {
                continue;
            }
            let delay = frame
                .decoded_at
                .map_or(MISS_MS, |at| (at - frame.captured_at).as_millis_f64())
                .min(MISS_MS);
            measured.delays.push(delay);
            measured.missed += u64::from(delay >= MISS_MS);
            measured.late_50 += u64::from(delay > 50.0);
            measured.idrs += u64::from(frame.idr);
        }
        measured.ages = ages(frames, end);
        measured
    }

    /// Puts runs together.
    pub fn add(&mut self, other: &Self) {
        self.delays.extend_from_slice(&other.delays);
        self.missed += other.missed;
        self.late_50 += other.late_50;
        if self.ages.len() < other.ages.len() {
            self.ages.resize(other.ages.len(), 0);
        }
        for (sum, more) in self.ages.iter_mut().zip(&other.ages) {
            *sum += more;
        }
        self.media_bits += other.media_bits;
        self.capacity_bits += other.capacity_bits;
        self.spent_media += other.spent_media;
        self.spent_extra += other.spent_extra;
        self.idrs += other.idrs;
        self.seconds += other.seconds;
    }

    /// The row of the result.
    #[must_use]
    pub fn case(&self, trace: &str, algorithm: &str, path_loss: f64) -> Case {
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        let frames = count(delays.len() as u64).max(1.0);
        let over =
            |limit: f64| count((delays.len() - delays.partition_point(|d| *d <= limit)) as u64) / frames;
        let time = count(self.ages.iter().sum()).max(1.0);
        let stale = count(self.ages.iter().skip(101).sum()) / time;
        Case {
            trace: trace.to_owned(),
            algorithm: algorithm.to_owned(),
            frame_delay_ms: Percentiles::of_sorted(&delays),
            frames_over_100ms: round(over(100.0), 6),
            frames_over_50ms: round(count(self.late_50) / frames, 6),
            frames_missed: round(count(self.missed) / frames, 6),
            age_ms: Percentiles::of_histogram(&self.ages),
            age_over_100ms: round(stale, 6),
            utilisation: round(self.media_bits / self.capacity_bits.max(1.0), 4),
            overhead: round(
                self.spent_extra / (self.spent_media + self.spent_extra).max(1.0),
                4,
            ),
            fps: round(frames / self.seconds.max(1.0), 2),
            idrs_per_minute: round(count(self.idrs) / self.seconds.max(1.0) * 60.0, 2),
            path_loss: round(path_loss, 4),
        }
    }
}

impl Percentiles {
    fn of_sorted(values: &[f64]) -> Self {
        let at = |percent: usize| {
            let index = (values.len() * percent / 100).min(values.len().saturating_sub(1));
            round(values.get(index).copied().unwrap_or(MISS_MS), 2)
        };
        Self {
            p50: at(50),
            p95: at(95),
            p99: at(99),
        }
    }

    fn of_histogram(counts: &[u64]) -> Self {
        let total: u64 = counts.iter().sum();
        let at = |percent: u64| {
            let mut left = total * percent / 100;
            for (value, &many) in (0u64..).zip(counts) {
                if left < many {
                    return count(value);
                }
                left -= many;
            }
            count(counts.len() as u64)
        };
        Self {
            p50: at(50),
            p95: at(95),
            p99: at(99),
        }
    }
}

/// Milliseconds at each age from [`SETTLE`] to `end`.
fn ages(frames: &[Frame], end: Micros) -> Vec<u64> {
    let mut shown: Vec<(u64, u64)> = frames
        .iter()
        .filter_map(|frame| {
            Some((
                frame.decoded_at?.since(START).as_micros(),
                frame.captured_at.since(START).as_micros(),
            ))
        })
        .collect();
    shown.sort_unstable();
    let mut shown = shown.into_iter().peekable();
    let mut newest = 0;
    let mut ages = Vec::new();
    for ms in 0..end.as_micros() / 1_000 {
        let now = ms * 1_000;
        while let Some((_, captured)) = shown.next_if(|(at, _)| *at <= now) {
            newest = newest.max(captured);
        }
        if now >= SETTLE.as_micros() {
            let age = usize::try_from((now - newest) / 1_000).unwrap_or(usize::MAX);
            if ages.len() <= age {
                ages.resize(age + 1, 0);
            }
            if let Some(slot) = ages.get_mut(age) {
                *slot += 1;
            }
        }
    }
    ages
}

/// What could be carried from [`SETTLE`] to `end`: capacity over 200 ms, at most what an encoder makes.
fn capacity_bits(trace: &Trace, end: Micros) -> f64 {
    let step = Micros::from_millis(200);
    let mut bits = 0.0;
    let mut at = SETTLE;
    while at < end {
        let until = (at + step).min(end);
        let span = until.saturating_sub(at);
        let mut carried = 0.0;
        let mut from = at;
        while from < until {
            let to = (from + Micros::from_millis(1)).min(until);
            carried += rate(trace.row(from).rate) * to.saturating_sub(from).as_secs_f64();
            from = to;
        }
        bits += carried.min(rate(BITRATE_MAX) * span.as_secs_f64());
        at = until;
    }
    bits
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn rate(rate: firstlight_units::Bitrate) -> f64 {
    rate.as_bps() as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn bytes(bytes: firstlight_units::ByteCount) -> f64 {
    bytes.as_u64() as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn count(n: u64) -> f64 {
    n as f64
}

/// To so many digits behind the point.
#[must_use]
pub fn round(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

/// What a frame counts that never came.
pub const MISS_MS: f64 = 1_000.0;
