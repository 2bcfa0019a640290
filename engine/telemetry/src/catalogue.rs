//! Every metric there is.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// What a metric counts in, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// A distribution.
    Histogram,
}

/// What one of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
}

/// The definition of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in `/metrics`.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What it is in.
    pub unit: Unit,
    /// Its labels; each has a closed set of values.
    pub labels: &'static [&'static str],
    /// Upper bounds of a histogram's buckets.
    pub buckets: &'static [f64],
    /// One sentence for people.
    pub description: &'static str,
}

/// Tells the installed exporter what each metric is. Call once, after it was installed.
pub fn describe() {
    for metric in METRICS {
        let unit = match metric.unit {
            Unit::Count => metrics::Unit::Count,
            Unit::Seconds => metrics::Unit::Seconds,
            Unit::Bytes | Unit::BytesPerSecond => metrics::Unit::Bytes,
        };
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, unit, metric.description),
            Kind::Gauge => describe_gauge!(metric.name, unit, metric.description),
            Kind::Histogram => describe_histogram!(metric.name, unit, metric.description),
        }
    }
}

/// Each histogram with its buckets, for the exporter that is being built.
pub fn buckets() -> impl Iterator<Item = (&'static str, &'static [f64])> {
    let histograms = METRICS.iter().filter(|metric| metric.kind == Kind::Histogram);
    histograms.map(|metric| (metric.name, metric.buckets))
}

const fn counter(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Counter,
        unit,
        labels,
        buckets: &[],
        description,
    }
}

const fn gauge(name: &'static str, description: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        unit: Unit::Count,
        labels: &[],
        buckets: &[],
        description,
    }
}

const fn histogram(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    buckets: &'static [f64],
    description: &'static str,
) -> Metric {
    Metric {
        name,
        kind: Kind::Histogram,
        unit,
        labels,
        buckets,
        description,
    }
}

/// From a tenth of a 60 Hz frame to what a player calls a freeze; 1/60 s is a bound of its own.
const STAGE_SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016_667, 0.033_333, 0.1, 0.25, 1.0,
];
/// From the same machine to the other side of the world over a full queue.
const RTT_SECONDS: &[f64] = &[
    0.000_5, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 1.0, 3.0,
];
/// A stored answer to a cold start.
const REQUEST_SECONDS: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
/// The promise is 300 ms for an app that runs; the rest tells boots apart.
const FIRST_PICTURE_SECONDS: &[f64] = &[
    0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0,
];
/// A lease takes milliseconds, a parked copy a fraction of a second, a boot seconds.
const START_SECONDS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 45.0,
];
/// The promise is a quarter of a second and three round trips from a parked copy, a second at worst; the rest tells cold starts apart.
const SECOND_ON_SECONDS: &[f64] = &[
    0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0,
];
/// 0.5 to 50 Mbit/s, in bytes.
const TARGET_BYTES_PER_SECOND: &[f64] = &[
    62_500.0, 125_000.0, 250_000.0, 500_000.0, 1e6, 1.5e6, 2e6, 3e6, 4.5e6, 6.25e6,
];
/// The engine's own bar is 0.15 of a core; an encoder may take several.
const CPU_CORES: &[f64] = &[0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 4.0];

/// In tenths, and finer where people tell good from very good; 0.7 is what counts as good.
const SCORES: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0];
/// From a player next door to one who will not play on.
const CLICK_SECONDS: &[f64] = &[
    0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 1.0,
];

pub(crate) const SESSION_SCORE: Metric = histogram(
    "host_session_score",
    Unit::Count,
    &["class"],
    SCORES,
    "Scores of sessions that ended, 0 to 1, as docs/QOE.md has it.",
);
pub(crate) const SESSION_SECONDS: Metric = counter(
    "host_session_seconds_total",
    Unit::Count,
    &["class", "lacking"],
    "Seconds that were judged, by what those that were not good lacked most.",
);
pub(crate) const SESSIONS_ACTIVE: Metric = gauge("host_sessions_active", "Sessions that hold a slot.");
pub(crate) const SESSIONS_WAITING: Metric = gauge(
    "host_sessions_waiting",
    "Sessions that are frozen and wait for their player to come back.",
);
pub(crate) const SESSIONS_STARTED: Metric = counter(
    "host_sessions_started_total",
    Unit::Count,
    &[],
    "Sessions started.",
);
pub(crate) const SESSIONS_ENDED: Metric = counter(
    "host_sessions_ended_total",
    Unit::Count,
    &["reason"],
    "Sessions ended.",
);
pub(crate) const SESSIONS_REFUSED: Metric = counter(
    "host_sessions_refused_total",
    Unit::Count,
    &[],
    "Sessions refused because the host was full.",
);
pub(crate) const SESSIONS_ATTACHED: Metric = counter(
    "host_sessions_attached_total",
    Unit::Count,
    &["by", "transport"],
    "Times a player attached to a session.",
);
pub(crate) const RELAY_SESSIONS: Metric = gauge("relay_sessions", "Players that a relay carries.");
pub(crate) const RELAY_ATTACHED: Metric = counter(
    "relay_attached_total",
    Unit::Count,
    &[],
    "Times a relay took a player on to his host.",
);
pub(crate) const RELAY_REFUSED: Metric = counter(
    "relay_refused_total",
    Unit::Count,
    &["reason"],
    "Times a relay did not.",
);
pub(crate) const RELAY_CARRIED: Metric = counter(
    "relay_carried_bytes_total",
    Unit::Bytes,
    &["way"],
    "Bytes of datagrams carried.",
);
pub(crate) const RELAY_DROPPED: Metric = counter(
    "relay_datagrams_dropped_total",
    Unit::Count,
    &[],
    "Datagrams over a player's rate, or that one side did not take in time.",
);
pub(crate) const COPIES_PARKED: Metric = gauge(
    "host_copies_parked",
    "Booted, frozen copies that wait for a player.",
);
pub(crate) const SESSIONS_PLACED: Metric = counter(
    "host_sessions_placed_total",
    Unit::Count,
    &["warmth"],
    "Sessions that could be attached to: from a parked copy, or booted for their player.",
);
pub(crate) const FIRST_PICTURE: Metric = histogram(
    "host_first_picture_seconds",
    Unit::Seconds,
    &[],
    FIRST_PICTURE_SECONDS,
    "Start of a worker to the app's first picture.",
);
pub(crate) const START_TOTAL: Metric = histogram(
    "host_second_on_seconds",
    Unit::Seconds,
    &["warmth"],
    SECOND_ON_SECONDS,
    "A player's click to the first picture shown, as the page measured it.",
);
pub(crate) const START_STEP: Metric = histogram(
    "host_start_step_seconds",
    Unit::Seconds,
    &["step", "warmth"],
    REQUEST_SECONDS,
    "The steps of that: they sum to the whole.",
);
pub(crate) const SAVES_BROUGHT: Metric = counter(
    "host_saves_brought_total",
    Unit::Count,
    &["how"],
    "Starts of sessions whose title keeps saves, by how they came to what their player has saved.",
);
pub(crate) const SAVES_BROUGHT_SECONDS: Metric = histogram(
    "host_saves_brought_seconds",
    Unit::Seconds,
    &[],
    REQUEST_SECONDS,
    "How long such a start took until that was there.",
);
pub(crate) const SAVES_PUT: Metric = counter(
    "host_saves_put_total",
    Unit::Count,
    &["outcome"],
    "Times that what a session saved was put away, by what became of it.",
);
pub(crate) const REQUESTS: Metric = counter(
    "gateway_requests_total",
    Unit::Count,
    &["route", "status"],
    "HTTP requests answered.",
);
pub(crate) const REQUEST_DURATION: Metric = histogram(
    "gateway_request_duration_seconds",
    Unit::Seconds,
    &["route"],
    REQUEST_SECONDS,
    "Time to answer an HTTP request.",
);
pub(crate) const CLICK_TO_PHOTON: Metric = histogram(
    "stream_click_to_photon_seconds",
    Unit::Seconds,
    &[],
    CLICK_SECONDS,
    "From an input to the first picture that the title began with after it, on the player's screen: the median of each second that had one.",
);
pub(crate) const STAGE_DURATION: Metric = histogram(
    "stream_stage_duration_seconds",
    Unit::Seconds,
    &["stage"],
    STAGE_SECONDS,
    "Time a picture spends in a stage of the media path, once a second: the median of what the worker measures, the mean of what the player's page does.",
);
pub(crate) const REFRESH_WAIT: Metric = histogram(
    "stream_refresh_wait_seconds",
    Unit::Seconds,
    &[],
    STAGE_SECONDS,
    "Time that decoded pictures waited for their player's screen: the median of each second.",
);
pub(crate) const FRAME_CLOCK: Metric = counter(
    "stream_frame_clock_seconds_total",
    Unit::Seconds,
    &["pacing"],
    "Seconds that were streamed, by what the title's frame clock went by.",
);
pub(crate) const RTT: Metric = histogram(
    "stream_rtt_seconds",
    Unit::Seconds,
    &[],
    RTT_SECONDS,
    "Smoothed round trip between host and player, once a second.",
);
pub(crate) const TARGET: Metric = histogram(
    "stream_target_bytes_per_second",
    Unit::BytesPerSecond,
    &[],
    TARGET_BYTES_PER_SECOND,
    "What the rate rule allows a stream, once a second.",
);
pub(crate) const SENT: Metric = counter(
    "stream_sent_bytes_total",
    Unit::Bytes,
    &[],
    "Bytes of media sent, headers and repeats included.",
);
pub(crate) const SENT_VIDEO: Metric =
    counter("stream_video_bytes_total", Unit::Bytes, &[], "Of these, video.");
pub(crate) const FRAMES_CAPTURED: Metric = counter(
    "stream_frames_captured_total",
    Unit::Count,
    &[],
    "Pictures taken from displays.",
);
pub(crate) const FRAMES_ENCODED: Metric = counter(
    "stream_frames_encoded_total",
    Unit::Count,
    &[],
    "Pictures encoded.",
);
pub(crate) const FRAMES_SKIPPED: Metric = counter(
    "stream_frames_skipped_total",
    Unit::Count,
    &[],
    "Pictures not encoded because the sender was blocked.",
);
pub(crate) const FRAMES_LATE: Metric = counter(
    "stream_frames_late_total",
    Unit::Count,
    &[],
    "Frames that reached a player after their deadline.",
);
pub(crate) const FRAMES_DROPPED: Metric = counter(
    "stream_frames_dropped_total",
    Unit::Count,
    &[],
    "Frames that a player's client discarded.",
);
pub(crate) const PACKETS_LOST: Metric = counter(
    "stream_packets_lost_total",
    Unit::Count,
    &[],
    "Packets that never reached a player.",
);
pub(crate) const PACKETS_REPEATED: Metric = counter(
    "stream_packets_repeated_total",
    Unit::Count,
    &[],
    "Packets sent again.",
);
pub(crate) const DATAGRAMS_MALFORMED: Metric = counter(
    "stream_datagrams_malformed_total",
    Unit::Count,
    &[],
    "Datagrams dropped because they could not be parsed.",
);
pub(crate) const IDR: Metric = counter("stream_idr_total", Unit::Count, &[], "IDRs encoded.");
pub(crate) const RECOVERY: Metric = counter(
    "stream_recovery_total",
    Unit::Count,
    &[],
    "Losses repaired by a reference, without an IDR.",
);
pub(crate) const INPUT_EVENTS: Metric = counter(
    "stream_input_events_total",
    Unit::Count,
    &[],
    "Input events injected into apps.",
);
pub(crate) const INPUT_REFUSED: Metric = counter(
    "stream_input_refused_total",
    Unit::Count,
    &[],
    "Input events or datagrams refused by the rate limit.",
);
pub(crate) const CPU: Metric = histogram(
    "stream_cpu_cores",
    Unit::Count,
    &["part"],
    CPU_CORES,
    "Cores a worker kept busy over a second: its encoder's thread, and the rest of it.",
);

pub(crate) const PLACEMENTS: Metric = counter(
    "cell_placements_total",
    Unit::Count,
    &["outcome"],
    "Requests for a session, by what became of them.",
);
pub(crate) const PLACED_SECONDS: Metric = histogram(
    "cell_placed_seconds",
    Unit::Seconds,
    &[],
    START_SECONDS,
    "From a request to a durable lease on a slot.",
);
pub(crate) const SECOND_ON: Metric = histogram(
    "cell_ready_seconds",
    Unit::Seconds,
    &["warmth"],
    START_SECONDS,
    "From a request to a session that takes its player's ticket.",
);
pub(crate) const QUEUE_WAITING: Metric = gauge("cell_queue_waiting", "Requests that wait for a slot.");
pub(crate) const COPIES_ASKED: Metric = gauge(
    "cell_copies_asked",
    "Parked copies that hosts were asked for beyond what they keep by themselves.",
);
pub(crate) const SENT_ELSEWHERE: Metric = counter(
    "cell_sent_elsewhere_total",
    Unit::Count,
    &[],
    "Requests for a session that were sent to another cell.",
);
pub(crate) const HOSTS_LOST: Metric = counter(
    "cell_hosts_lost_total",
    Unit::Count,
    &[],
    "Hosts that missed their beats.",
);
pub(crate) const MESSAGES_REFUSED: Metric = counter(
    "cell_messages_refused_total",
    Unit::Count,
    &["why"],
    "Messages of hosts that were not taken, by why.",
);
pub(crate) const HOSTS_CHECKED: Metric = counter(
    "cell_checks_total",
    Unit::Count,
    &["outcome"],
    "Checks of hosts, by what they came to.",
);
pub(crate) const CASES_CLOSED: Metric = counter(
    "cell_cases_total",
    Unit::Count,
    &["outcome"],
    "Cases about hosts' sessions, by what committees came to.",
);

/// Every metric, in the order of `docs/metrics.md`.
pub const METRICS: &[Metric] = &[
    SESSIONS_ACTIVE,
    SESSIONS_WAITING,
    SESSIONS_STARTED,
    SESSIONS_ENDED,
    SESSIONS_REFUSED,
    SESSIONS_ATTACHED,
    SESSIONS_PLACED,
    COPIES_PARKED,
    FIRST_PICTURE,
    START_TOTAL,
    START_STEP,
    SAVES_BROUGHT,
    SAVES_BROUGHT_SECONDS,
    SAVES_PUT,
    SESSION_SCORE,
    SESSION_SECONDS,
    REQUESTS,
    REQUEST_DURATION,
    STAGE_DURATION,
    CLICK_TO_PHOTON,
    REFRESH_WAIT,
    FRAME_CLOCK,
    RTT,
    TARGET,
    SENT,
    SENT_VIDEO,
    FRAMES_CAPTURED,
    FRAMES_ENCODED,
    FRAMES_SKIPPED,
    FRAMES_LATE,
    FRAMES_DROPPED,
    PACKETS_LOST,
    PACKETS_REPEATED,
    DATAGRAMS_MALFORMED,
    IDR,
    RECOVERY,
    INPUT_EVENTS,
    INPUT_REFUSED,
    CPU,
    RELAY_SESSIONS,
    RELAY_ATTACHED,
    RELAY_REFUSED,
    RELAY_CARRIED,
    RELAY_DROPPED,
    PLACEMENTS,
    PLACED_SECONDS,
    SECOND_ON,
    QUEUE_WAITING,
    COPIES_ASKED,
    SENT_ELSEWHERE,
    HOSTS_LOST,
    MESSAGES_REFUSED,
    HOSTS_CHECKED,
    CASES_CLOSED,
];
